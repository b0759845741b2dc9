// SPDX-License-Identifier: MIT
// The shape of an event that brings a piece of text: most events of a stream are the same bytes again but for that text
// and perhaps a number that counts them. Who has parsed one can tell the next ones by comparing, at a fraction of the
// cost.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum { SHAPE_BYTES_MAX = 1024, SHAPE_NAME_MAX = 64, SHAPE_HOLES_MAX = 3 };

enum shape_hole_kind {
    HOLE_TEXT,   // the text
    HOLE_NUMBER, // a member that counts, of no meaning: digits
    HOLE_STRING, // a member of no meaning: a string without escapes
};

// A member that may differ from event to event without any meaning: `prefix` is its text up to the value.
struct shape_member {
    struct slice prefix; // "\"sequence_number\":"
    enum shape_hole_kind kind;
};

struct event_shape {
    bool is_set;
    size_t n_bytes;
    size_t n_holes;
    size_t name_len;
    struct {
        size_t at; // this many of the bytes stand before it
        enum shape_hole_kind kind;
    } holes[SHAPE_HOLES_MAX];
    char name[SHAPE_NAME_MAX];
    char bytes[SHAPE_BYTES_MAX]; // without what stood in the holes
};

// Learns from an event whose data is valid JSON. `text` is the inside of one of its strings, a slice of `data`;
// `members` are left out where they stand once. What does not fit into a shape unsets it.
void event_shape_learn(struct event_shape *shape, struct slice name, struct slice data, struct slice text,
                       const struct shape_member *members, size_t n_members);

// Has this event the shape? Then it is valid JSON, too, and *text_r is its text, still escaped, a slice of `data`.
bool event_shape_match(const struct event_shape *shape, struct slice name, struct slice data, struct slice *text_r);

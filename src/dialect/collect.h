// SPDX-License-Identifier: MIT
// Events back into one whole answer, for clients that do not stream.
#pragma once

#include "dialect/answer.h"

struct neutral_content {
    struct neutral_content *next;
    const struct neutral_block *block;
    struct slice text;   // escaped: all deltas; of reasoning with several parts see `parts`
    struct slice *parts; // escaped: of reasoning, one or more; n_parts 0: hidden. Together they are `text`
    size_t n_parts;
    struct neutral_opaque opaque; // kind OPAQUE_NONE: none
    struct slice *citations;      // raw
    size_t n_citations;
    struct slice logprobs; // raw: the elements of an array, without brackets; empty: none
    bool is_partial;
    size_t _text_cap; // 0: the text is borrowed, or there is none
    size_t _logprobs_cap;
};

struct neutral_candidate {
    struct neutral_content *content; // in the order of opening
    struct finish finish;
    struct neutral_content **_last;
};

struct neutral_response {
    struct answer_head head;
    struct neutral_candidate *candidates;
    size_t n_candidates; // at least 1 when there is no error
    struct usage usage;
    bool has_error; // then nothing else counts
    struct neutral_error error;
    bool is_over;
};

struct collector;

// `borrows`: texts of events live as long as the arena (a whole body was decoded); else they are copied.
struct collector *collector_new(struct arena *arena, bool borrows);
struct event_sink collector_sink(struct collector *collector);
const struct neutral_response *collector_response(const struct collector *collector);

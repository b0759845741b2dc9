// SPDX-License-Identifier: MIT
// Finds the usage object in a JSON answer that passes by in pieces, without parsing or keeping the rest. It follows
// strings, brackets and the names of the outermost members; everything else is skipped unread, so a text that is not
// quite JSON may pass as one.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"

struct usage_grammar;

enum usage_scan_member {
    USAGE_SCAN_OTHER,
    USAGE_SCAN_USAGE,   // an object to capture
    USAGE_SCAN_COUNT,   // a number to capture
    USAGE_SCAN_WRAPPER, // an object whose members count as outermost, too
    USAGE_SCAN_ERROR,
};

enum { USAGE_SCAN_NAME_MAX = 24 }; // longer than any name that matters

struct usage_scan {
    bool is_complete; // one whole object or array has passed
    bool has_element; // one whole object has passed: the answer, or an element of an array of answers
    bool has_error;   // an outermost member `error` is an object
    // Behind the last element of an array of answers that ended in the piece fed last; 0: none did.
    size_t element_end;

    const struct usage_grammar *_grammar; // borrowed
    struct buf _captured;                 // what came of the value under capture in earlier pieces
    size_t _limit;                        // of a captured value
    size_t _depth;                        // open brackets
    size_t _frame_depth;                  // depth of the object whose member names matter now; 0: none
    size_t _answer_depth;                 // depth inside of the answer: 1, or 2 for an element of an array
    size_t _capture_depth;                // depth around the object under capture
    enum usage_scan_member _member;       // whose value this is, in the frame
    enum { USAGE_CAPTURE_NONE, USAGE_CAPTURE_OBJECT, USAGE_CAPTURE_NUMBER } _capture;
    char _closer; // of the outermost value
    bool _is_in_string;
    bool _is_escaped; // the next byte of the string belongs to the backslash before it
    bool _expects_name;
    bool _is_name; // the string is the name of a member of the frame
    bool _is_broken;
    unsigned char _name_len;
    char _name[USAGE_SCAN_NAME_MAX];
};

// A value found: USAGE_SCAN_USAGE or USAGE_SCAN_COUNT, its text good during the call only.
typedef void (*usage_scan_fn)(void *arg, enum usage_scan_member member, struct slice value);

void usage_scan_init(struct usage_scan *scan, const struct usage_grammar *grammar, size_t limit);
// Starts within an answer's object, just before a name. Where the object is nested deeper than that, the scan is
// complete before the text is at its end.
void usage_scan_init_within(struct usage_scan *scan, const struct usage_grammar *grammar, size_t limit);
void usage_scan_deinit(struct usage_scan *scan);
void usage_scan_feed(struct usage_scan *scan, struct slice bytes, usage_scan_fn on_value, void *arg);

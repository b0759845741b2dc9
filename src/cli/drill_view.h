// SPDX-License-Identifier: MIT
// What a client sees of a streamed answer: its text, whether it is at its end, which model it names, and errors. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/drill_scenario.h"

struct drill_view {
    enum drill_dialect dialect;
    unsigned status;  // of the answer; 0: there was none
    bool has_end;     // the event that ends an answer has come
    bool is_whole;    // the body ended as HTTP wants it
    bool has_error;   // an error in the dialect's form: a client knows that something went wrong
    bool has_garbage; // an event that is no JSON
    int64_t usage;    // tokens of the answer as they are told; 0: they are not
    struct buf text;
    struct buf model;
    struct buf error; // what it said
};

void drill_view_init(struct drill_view *view, enum drill_dialect dialect);
void drill_view_deinit(struct drill_view *view);

void drill_view_event(struct drill_view *view, struct slice data);   // of one event of a stream
void drill_view_refusal(struct drill_view *view, struct slice body); // of an answer whose status is not 200

bool drill_view_is_answer(const struct drill_view *view);
// Would a client take it for an answer although it is not this one?
bool drill_view_is_half(const struct drill_view *view, struct slice expected);

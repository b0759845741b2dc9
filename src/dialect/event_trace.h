// SPDX-License-Identifier: MIT
// Test kit: a sink that writes events down, one word each, and fails the test when they break what answer.h promises.
//
//   S                            START
//   +0.1text  +0.1call:name      OPEN of block 1 of candidate 0
//   0.1(text)                    DELTA
//   0.1|  0.1opaque  0.1cite  0.1logprobs
//   -0.1  -0.1!                  CLOSE, cut off
//   U(input,output)              USAGE
//   F0:stop                      FINISH
//   E  X:upstream_truncated      END, ERROR
#pragma once

#include "dialect/answer.h"

struct event_trace {
    struct buf words;   // separated by spaces
    bool is_sequential; // blocks of a candidate may not overlap
    uint32_t n_open[CANDIDATES_MAX];
    bool is_finished[CANDIDATES_MAX];
    uint32_t n_candidates;
    bool has_started;
    bool is_over;
    struct neutral_block *last_call;
};

void event_trace_init(struct event_trace *trace);
void event_trace_deinit(struct event_trace *trace);
struct event_sink event_trace_sink(struct event_trace *trace);
// What was written down so far; ends in a NUL.
const char *event_trace_words(struct event_trace *trace);

const char *event_trace_reason(enum finish_reason reason); // "stop_sequence", …

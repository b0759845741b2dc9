// SPDX-License-Identifier: MIT
// Decoder of the content codings gzip and deflate (RFC 9110 §8.4.1) over zlib, resumable at any byte. Output comes in
// pieces of the caller's size, so a small input that unpacks to a huge one costs no memory.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/slice.h"

struct inflater;

bool inflater_knows(struct slice coding); // the value of Content-Encoding: one coding that this can decode
struct inflater *inflater_new(void);
void inflater_free(struct inflater *inflater); // accepts NULL

enum inflate_result {
    INFLATE_NEED_INPUT = 0, // all input was used
    INFLATE_NEED_ROOM = 1,  // the output is full: call again, also with nothing left of the input
    INFLATE_DONE = 2,       // the packed data has ended; further input is ignored
    INFLATE_BAD = 3,        // malformed
};

// Takes *packed_io off its front, and writes at most `room` bytes, *n_r in all.
MUST_USE enum inflate_result inflater_run(struct inflater *inflater, struct slice *packed_io, char *out, size_t room,
                                          size_t *n_r);

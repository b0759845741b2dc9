// SPDX-License-Identifier: MIT
// W3C Trace Context, as somebody in the middle has to treat it: who is part of a trace hands it on with an id of its
// own for each call that it makes. No trace is begun here: without a valid traceparent nothing is handed on.
#pragma once

#include "http/h1_head.h"

enum { TRACE_ID_LEN = 32, TRACEPARENT_LEN = 55 };

struct trace_context {
    struct slice trace_id; // borrowed: 32 hexadecimal digits in small letters; empty: there is no trace
    uint8_t flags;         // those that the standard knows
};

// From the value of a traceparent of any version. False: it is not valid.
bool trace_context_parse(struct slice traceparent, struct trace_context *context_r);
// From the fields of a request; several traceparents are as good as none.
struct trace_context trace_context_of(const struct h1_field *fields, size_t n_fields);

// The traceparent for the next hop, without a NUL: a parent id that nobody has had before.
void trace_context_write(const struct trace_context *context, char out[TRACEPARENT_LEN]);

// SPDX-License-Identifier: MIT
// Test kit: what stands between the SSE parser and a translation.
#pragma once

#include "dialect/translate.h"
#include "http/sse_parser.h"

struct feeding {
    struct translation *translation;
    struct buf out; // owned: what the client is sent
};

// For sse_parser_feed() and sse_parser_finish(); `arg` is a feeding.
static inline void feeding_on_event(void *arg, const struct sse_event *event)
{
    struct feeding *feeding = arg;
    translation_feed(feeding->translation, event->name, event->data, &feeding->out);
}

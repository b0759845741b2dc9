// SPDX-License-Identifier: MIT
// The metering tap: reads token usage and completeness out of an answer that passes by, without holding a byte of it
// up.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "dialect/dialect.h"

// Tokens, -1 where the answer did not say. Inclusive: `input` has the cached parts in it, `output` the reasoning.
struct usage {
    int64_t input;
    int64_t output;
    int64_t reasoning;
    int64_t cache_read;
    int64_t cache_write;
};
#define USAGE_UNKNOWN ((struct usage){-1, -1, -1, -1, -1})

// What one of them does not say is what the other says.
static inline int64_t usage_sum(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 ? a : a + b;
}

static inline struct usage usage_add(struct usage a, struct usage b)
{
    return (struct usage){usage_sum(a.input, b.input), usage_sum(a.output, b.output),
                          usage_sum(a.reasoning, b.reasoning), usage_sum(a.cache_read, b.cache_read),
                          usage_sum(a.cache_write, b.cache_write)};
}

struct usage_tap;

// A tap for one answer. `limit` bounds what it holds of a JSON answer's usage object; past it the tap goes blind and
// the answer is not disturbed.
struct usage_tap *usage_tap_new(enum dialect dialect, size_t limit);
void usage_tap_free(struct usage_tap *tap); // accepts NULL

// So many choices (candidates) were asked for; else one.
void usage_tap_expect(struct usage_tap *tap, unsigned n_choices);
// A streamed answer: one event after the other (http/sse_parser.h splits them). Cheap for events that say nothing new:
// an event is parsed as JSON only when a search finds one of the members that matter.
// Most of the others have the shape of one before, and are known by it.
enum usage_event_verdict {
    USAGE_EVENT_READ,
    USAGE_EVENT_TEXT, // it brings more text of the model and nothing else
    USAGE_EVENT_BAD,  // it begins like JSON and is none
};
enum usage_event_verdict usage_tap_event(struct usage_tap *tap, struct slice name, struct slice data);
// Is this the event that Chat sends when it was asked for usage, with nothing else in it?
bool usage_is_extra_event(struct slice data);
// An answer in one JSON value, in pieces as it comes; resumable at any byte.
void usage_tap_json(struct usage_tap *tap, struct slice bytes);
// Where in those bytes the last whole element of an array of answers ends; 0: none ends in them.
size_t usage_tap_element_end(const struct usage_tap *tap);
// The same for an answer that is there as a whole, at less cost; instead of usage_tap_json(), not after it. Errors are
// not looked for: its status tells of them.
void usage_tap_answer(struct usage_tap *tap, struct slice bytes);

// What was seen so far; later statements replace earlier ones member by member.
struct usage usage_tap_usage(const struct usage_tap *tap);
// Has the dialect's own end of a stream been seen (message_stop; a finish_reason or, without one, "[DONE]";
// response.completed, .incomplete or .failed; a finishReason or the reason why the prompt was blocked), or one whole
// JSON value? An error may still come with it: ask for that first.
bool usage_tap_is_complete(const struct usage_tap *tap);
// Has an event with generated content (text, reasoning, tool call) been seen? Of an answer in one JSON value: the whole
// answer, or the first element of an array of answers.
bool usage_tap_has_content(const struct usage_tap *tap);
// Did the answer itself say that it failed: an error event, a failed response, an error object?
bool usage_tap_has_error(const struct usage_tap *tap);

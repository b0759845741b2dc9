// SPDX-License-Identifier: MIT
// Incremental parser of server-sent events (WHATWG HTML §9.2), resumable at any byte. Lines end in CR, LF or CRLF; a
// BOM at the start is skipped; comments and unknown fields are ignored; data lines are joined with LF. Two things are
// delivered although the standard would drop them, because providers rely on it: an event that the stream ends in, and
// loose JSON.
//
// Loose JSON is what a provider sends that breaks off a stream with a bare, maybe pretty-printed error. A line that
// begins between two events with "{" or "[" (behind spaces and tabs) and is no field begins it. All lines from there on
// that are no field, no comment and not empty belong to it, joined with LF. It is delivered as an event without a name,
// when the next data or event field comes or the stream ends.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

// Slices are good during the callback only; they point into the fed bytes where an event lies within one feed.
struct sse_event {
    struct slice name; // of the `event:` field; empty without one
    struct slice data;
    bool is_loose;
    size_t end; // of an event that is not loose: offset in the fed bytes, just behind the event and the line end that
                // closes it
};

typedef void (*sse_event_fn)(void *arg, const struct sse_event *event);

enum { SSE_EVENT_MAX_DEFAULT = 16 * 1024 * 1024 };
enum { SSE_EVENT_TOO_LARGE = 1 };

enum sse_pending { SSE_PENDING_NOTHING, SSE_PENDING_DATA, SSE_PENDING_LOOSE };

struct sse_parser {
    struct buf _line; // the part of a line that came before this feed
    struct buf _data; // data of the event under way, when it could not stay in the input
    struct buf _name;
    size_t _event_max;         // bytes of one event
    enum sse_pending _pending; // what _data, or the slice that stands for it, is
    uint8_t _bom_bytes;        // of a BOM seen so far
    bool _at_start;            // nothing but a BOM has come
    bool _after_cr;            // an LF now belongs to the line end before it
    bool _failed;
};

// Owns no memory until an event is split over feeds.
void sse_parser_init(struct sse_parser *parser, size_t event_max);
void sse_parser_deinit(struct sse_parser *parser);

// An event is too large when its name, its data so far and the line under way (of whatever field) are over event_max
// together. The callback must not touch the parser. After finish the parser is as after init.
// 0, or SSE_EVENT_TOO_LARGE: then the parser stays failed and ignores everything.
MUST_USE int sse_parser_feed(struct sse_parser *parser, struct slice bytes, sse_event_fn on_event, void *arg);
MUST_USE int sse_parser_finish(struct sse_parser *parser, sse_event_fn on_event, void *arg);

// Is the stream, as far as it was fed, between two events? Only there something else may be put into it. Loose JSON
// counts as an event that has not ended.
bool sse_parser_is_between_events(const struct sse_parser *parser);

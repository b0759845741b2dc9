// SPDX-License-Identifier: MIT
#include "dialect/sequencer.h"

// An event that waits; its texts are copies.
struct held {
    struct held *next;
    struct neutral_event event;
    struct neutral_opaque opaque; // what the event points to
    size_t text_cap;
};

// A block that waits until the ones before it are closed.
struct waiting {
    struct waiting *next;
    struct neutral_block *block;
    struct held *held; // from OPEN on
    struct held *last;
    bool is_closed;
};

// One candidate.
struct lane {
    struct neutral_block *passing; // the oldest open block; NULL: none is open
    struct waiting *first;
    struct waiting *last;
};

struct sequencer {
    struct arena *arena; // borrowed
    struct event_sink sink;
    struct lane *lanes[CANDIDATES_MAX]; // arena
    uint32_t n_lanes;
};

struct sequencer *sequencer_new(struct arena *arena, struct event_sink sink)
{
    struct sequencer *sequencer = arena_zalloc(arena, sizeof(*sequencer));
    sequencer->arena = arena;
    sequencer->sink = sink;
    return sequencer;
}

static void pass(struct sequencer *sequencer, const struct neutral_event *event)
{
    sequencer->sink.take(sequencer->sink.arg, event);
}

static struct lane *lane_of(struct sequencer *sequencer, uint32_t candidate)
{
    for (; sequencer->n_lanes <= candidate; sequencer->n_lanes++) {
        sequencer->lanes[sequencer->n_lanes] = arena_zalloc(sequencer->arena, sizeof(struct lane));
    }
    return sequencer->lanes[candidate];
}

// ---- holding

static void append_text(struct arena *arena, struct held *held, struct slice more)
{
    struct slice *text = &held->event.text;
    size_t len = text->len + more.len;
    char *bytes = (char *)text->ptr;
    if (len > held->text_cap) {
        bytes = held->text_cap ? arena_grow(arena, bytes, held->text_cap, 2 * len) : arena_alloc(arena, 2 * len);
        held->text_cap = 2 * len;
    }
    memcpy(bytes + text->len, more.ptr, more.len);
    *text = slice_of(bytes, len);
}

static void keep_content(struct arena *arena, struct held *held, const struct neutral_event *event)
{
    switch (event->kind) {
    case EVENT_DELTA:
        held->event.text = SLICE_EMPTY;
        append_text(arena, held, event->text);
        break;
    case EVENT_OPAQUE:
        held->opaque.kind = event->opaque->kind;
        held->opaque.data = arena_dup(arena, event->opaque->data);
        held->opaque.item_id = arena_dup(arena, event->opaque->item_id);
        held->event.opaque = &held->opaque;
        break;
    case EVENT_CITATION:
    case EVENT_LOGPROBS: held->event.raw = arena_dup(arena, event->raw); break;
    case EVENT_START:
    case EVENT_OPEN:
    case EVENT_PART:
    case EVENT_CLOSE:
    case EVENT_USAGE:
    case EVENT_FINISH:
    case EVENT_ERROR:
    case EVENT_END: break;
    }
}

static void hold(struct sequencer *sequencer, struct waiting *waiting, const struct neutral_event *event)
{
    struct arena *arena = sequencer->arena;
    if (event->kind == EVENT_DELTA && waiting->last->event.kind == EVENT_DELTA) {
        append_text(arena, waiting->last, event->text);
        return;
    }
    struct held *held = arena_zalloc(arena, sizeof(*held));
    held->event = *event;
    keep_content(arena, held, event);
    if (waiting->last) {
        waiting->last->next = held;
    } else {
        waiting->held = held;
    }
    waiting->last = held;
    waiting->is_closed = event->kind == EVENT_CLOSE;
}

static void queue(struct sequencer *sequencer, struct lane *lane, const struct neutral_event *open)
{
    struct waiting *waiting = arena_zalloc(sequencer->arena, sizeof(*waiting));
    waiting->block = open->block;
    open->block->sequencer = waiting;
    hold(sequencer, waiting, open);
    if (lane->first) {
        lane->last->next = waiting;
    } else {
        lane->first = waiting;
    }
    lane->last = waiting;
}

// ---- passing

// The blocks that waited follow, up to the first that is open still.
static void pass_waiting(struct sequencer *sequencer, struct lane *lane)
{
    while (!lane->passing && lane->first) {
        struct waiting *waiting = lane->first;
        lane->first = waiting->next;
        waiting->block->sequencer = NULL;
        for (const struct held *held = waiting->held; held; held = held->next) {
            pass(sequencer, &held->event);
        }
        lane->passing = waiting->is_closed ? NULL : waiting->block;
    }
}

// Lets the next block go on where the passing one has nothing more to say. What it says all the same is ignored.
static void close_early(struct sequencer *sequencer, struct lane *lane)
{
    while (lane->first && lane->passing && block_is_complete(lane->passing)) {
        pass(sequencer, &(struct neutral_event){.kind = EVENT_CLOSE, .block = lane->passing});
        lane->passing = NULL;
        pass_waiting(sequencer, lane);
    }
}

static void on_block_event(struct sequencer *sequencer, const struct neutral_event *event)
{
    struct neutral_block *block = event->block;
    struct lane *lane = lane_of(sequencer, block->candidate);
    if (lane->passing == block) {
        pass(sequencer, event);
        if (event->kind == EVENT_CLOSE) {
            lane->passing = NULL;
            pass_waiting(sequencer, lane);
        }
    } else if (block->sequencer) {
        hold(sequencer, block->sequencer, event);
    }
    close_early(sequencer, lane);
}

static void on_open(struct sequencer *sequencer, const struct neutral_event *event)
{
    struct lane *lane = lane_of(sequencer, event->block->candidate);
    if (lane->passing) {
        queue(sequencer, lane, event);
        close_early(sequencer, lane);
    } else {
        lane->passing = event->block;
        pass(sequencer, event);
    }
}

static void take(void *arg, const struct neutral_event *event)
{
    struct sequencer *sequencer = arg;
    switch (event->kind) {
    case EVENT_OPEN: on_open(sequencer, event); break;
    case EVENT_DELTA:
    case EVENT_OPAQUE:
    case EVENT_PART:
    case EVENT_CITATION:
    case EVENT_LOGPROBS:
    case EVENT_CLOSE: on_block_event(sequencer, event); break;
    case EVENT_START:
    case EVENT_USAGE:
    case EVENT_FINISH:
    case EVENT_ERROR:
    case EVENT_END: pass(sequencer, event); break;
    }
}

struct event_sink sequencer_sink(struct sequencer *sequencer)
{
    return (struct event_sink){take, sequencer};
}

// SPDX-License-Identifier: MIT
#include "dialect/stop_scanner.h"

#include "base/buf.h"
#include "json/utf8.h"

struct stop {
    struct slice text;    // decoded
    struct slice escaped; // as the client wrote it
    uint16_t *borders;    // of each beginning: how much of its end is a beginning, too
};

struct open_block {
    struct list node;
    struct neutral_block *block;
};

// One candidate.
struct lane {
    struct buf held; // escaped: what may be the beginning of a stop sequence, at the end of the text so far
    struct neutral_block *held_of;
    struct list open; // owned: arena; struct open_block, in the order of opening
    bool has_call;    // complete
    bool is_stopped;
    struct finish finish; // when it is stopped
};

struct stop_scanner {
    struct arena *arena; // borrowed
    struct event_sink sink;
    struct stop stops[STOPS_SCANNED_MAX];
    uint16_t matched[STOPS_SCANNED_MAX]; // during a scan: how much of each the text so far ends with
    size_t n_stops;
    size_t longest;
    uint32_t *starts;   // during a scan, a ring: where the character of each of the last `longest` bytes begins
    bool is_first[256]; // may a character that begins a stop sequence begin with this byte?
    struct lane *lanes[CANDIDATES_MAX]; // arena
    uint32_t n_lanes;
    uint32_t n_expected; // candidates
    uint32_t n_stopped;
    bool is_over;
};

// ---- life

static void add_stop(struct stop_scanner *scanner, struct slice escaped)
{
    struct slice text = json_unescape(escaped, scanner->arena);
    if (!text.len || escaped.len > STOP_LEN_MAX || scanner->n_stops == STOPS_SCANNED_MAX) {
        return;
    }
    uint16_t *borders = arena_alloc(scanner->arena, text.len * sizeof(*borders));
    uint16_t n = 0;
    borders[0] = 0;
    for (size_t i = 1; i < text.len; i++) {
        while (n && text.ptr[i] != text.ptr[n]) {
            n = borders[n - 1];
        }
        n = (uint16_t)(n + (text.ptr[i] == text.ptr[n]));
        borders[i] = n;
    }
    scanner->stops[scanner->n_stops++] = (struct stop){text, escaped, borders};
    scanner->is_first[(unsigned char)text.ptr[0]] = true;
    scanner->longest = text.len > scanner->longest ? text.len : scanner->longest;
}

struct stop_scanner *stop_scanner_new(struct arena *arena, const struct neutral_request *req, struct event_sink sink)
{
    struct stop_scanner *scanner = arena_zalloc(arena, sizeof(*scanner));
    scanner->arena = arena;
    scanner->sink = sink;
    scanner->n_expected =
        req->n_candidates > 1 && req->n_candidates <= CANDIDATES_MAX ? (uint32_t)req->n_candidates : 1;
    scanner->is_first['\\'] = true;
    for (size_t i = req->n_stops_sent; i < req->n_stops; i++) {
        add_stop(scanner, neutral_escaped(req->doc, req->stops[i]));
    }
    scanner->starts = arena_alloc(arena, scanner->longest * sizeof(*scanner->starts));
    return scanner;
}

void stop_scanner_deinit(struct stop_scanner *scanner)
{
    for (uint32_t i = 0; i < scanner->n_lanes; i++) {
        buf_deinit(&scanner->lanes[i]->held);
    }
}

static struct lane *lane_of(struct stop_scanner *scanner, uint32_t candidate)
{
    for (; scanner->n_lanes <= candidate; scanner->n_lanes++) {
        struct lane *lane = arena_zalloc(scanner->arena, sizeof(*lane));
        list_init(&lane->open);
        scanner->lanes[scanner->n_lanes] = lane;
    }
    return scanner->lanes[candidate];
}

// ---- characters of escaped text

// Four hexadecimal digits; -1 where there are none or not enough of them.
static int32_t read_code(const char *at, const char *end)
{
    int32_t code = 0;
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u') {
        return -1;
    }
    for (int i = 2; i < 6; i++) {
        char c = at[i];
        code = code << 4 | ((c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10) & 15);
    }
    return code;
}

// Could the text from `at` on be the beginning of an escape by code?
static bool is_cut_code(const char *at, const char *end)
{
    return at == end || (end - at < 6 && at[0] == '\\' && (end - at == 1 || at[1] == 'u'));
}

// A character by its code, or two that are halves of one. Returns the bytes it takes; 0: more has to come.
static size_t decode_code(const char *at, const char *end, char out[UTF8_MAX], size_t *n_r)
{
    int32_t code = read_code(at, end);
    size_t size = 6;
    if (code < 0) {
        return 0;
    }
    if (code >= 0xD800 && code < 0xDC00) {
        int32_t low = read_code(at + 6, end);
        if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            size = 12;
        } else if (is_cut_code(at + 6, end)) {
            return 0;
        }
    }
    bool is_half = code >= 0xD800 && code < 0xE000;
    *n_r = utf8_encode(out, is_half ? 0xFFFD : (uint32_t)code);
    return size;
}

// What stands at `at`, a backslash; returns the bytes it takes, 0: more has to come.
static size_t decode_escape(const char *at, const char *end, char out[UTF8_MAX], size_t *n_r)
{
    static const char NAMES[] = "bfnrt";
    static const char VALUES[] = "\b\f\n\r\t";
    if (end - at < 2) {
        return 0;
    }
    if (at[1] == 'u') {
        return decode_code(at, end, out, n_r);
    }
    const char *name = memchr(NAMES, at[1], sizeof(NAMES) - 1);
    out[0] = *(name ? &VALUES[name - NAMES] : &at[1]);
    *n_r = 1;
    return 2;
}

// ---- the search

// Takes one decoded byte; NULL, or the longest stop sequence that the text ends with now.
static const struct stop *step(struct stop_scanner *scanner, char c)
{
    const struct stop *hit = NULL;
    for (size_t i = 0; i < scanner->n_stops; i++) {
        const struct stop *stop = &scanner->stops[i];
        uint16_t n = scanner->matched[i];
        while (n && stop->text.ptr[n] != c) {
            n = stop->borders[n - 1];
        }
        n = (uint16_t)(n + (stop->text.ptr[n] == c));
        scanner->matched[i] = n;
        if (n == stop->text.len && (!hit || n > hit->text.len)) {
            hit = stop;
        }
    }
    return hit;
}

static size_t most_matched(const struct stop_scanner *scanner)
{
    size_t most = 0;
    for (size_t i = 0; i < scanner->n_stops; i++) {
        most = scanner->matched[i] > most ? scanner->matched[i] : most;
    }
    return most;
}

// Searches a text, from before anything that could have begun. Gives the stop sequence found, or NULL; through *len_r
// how much of the text is certainly none.
static const struct stop *search(struct stop_scanner *scanner, struct slice text, size_t *len_r)
{
    const char *end = text.ptr + text.len;
    const char *at = text.ptr;
    size_t n_bytes = 0; // decoded
    memset(scanner->matched, 0, sizeof(scanner->matched));
    while (at < end) {
        char bytes[UTF8_MAX] = {*at};
        size_t n = 1;
        size_t size = *at == '\\' ? decode_escape(at, end, bytes, &n) : 1;
        if (size == 0) {
            break;
        }
        for (size_t i = 0; i < n; i++) {
            scanner->starts[n_bytes++ % scanner->longest] = (uint32_t)(at - text.ptr);
            const struct stop *hit = step(scanner, bytes[i]);
            if (hit) {
                *len_r = scanner->starts[(n_bytes - hit->text.len) % scanner->longest];
                return hit;
            }
        }
        at += size;
    }
    size_t n_held = most_matched(scanner);
    *len_r = n_held ? scanner->starts[(n_bytes - n_held) % scanner->longest] : (size_t)(at - text.ptr);
    return NULL;
}

static bool may_matter(const struct stop_scanner *scanner, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (scanner->is_first[(unsigned char)text.ptr[i]]) {
            return true;
        }
    }
    return false;
}

// ---- passing on

static void pass(struct stop_scanner *scanner, const struct neutral_event *event)
{
    scanner->sink.take(scanner->sink.arg, event);
}

static void pass_text(struct stop_scanner *scanner, struct neutral_block *block, struct slice text)
{
    if (text.len) {
        pass(scanner, &(struct neutral_event){.kind = EVENT_DELTA, .block = block, .text = text});
    }
}

static void pass_end(struct stop_scanner *scanner)
{
    for (uint32_t i = 0; i < scanner->n_lanes; i++) {
        pass(scanner,
             &(struct neutral_event){.kind = EVENT_FINISH, .candidate = i, .finish = &scanner->lanes[i]->finish});
    }
    scanner->is_over = true;
    pass(scanner, &(struct neutral_event){.kind = EVENT_END});
}

// The candidate ends here. Its end is told of together with that of the others.
static void stop_lane(struct stop_scanner *scanner, struct lane *lane, const struct stop *stop)
{
    for (struct list *node = lane->open.next; node != &lane->open; node = node->next) {
        struct neutral_block *block = CONTAINER_OF(node, struct open_block, node)->block;
        bool is_call = block->kind == BLOCK_CALL;
        bool is_partial = is_call && !block_is_complete(block);
        lane->has_call = lane->has_call || (is_call && !is_partial && block->tool_kind != TOOL_SERVER);
        pass(scanner, &(struct neutral_event){.kind = EVENT_CLOSE, .block = block, .is_partial = is_partial});
    }
    lane->is_stopped = true;
    lane->finish = (struct finish){
        .reason = lane->has_call ? FINISH_TOOL_CALLS : FINISH_STOP_SEQUENCE,
        .stop_sequence = stop->escaped,
    };
    scanner->n_stopped++;
    if (scanner->n_stopped >= scanner->n_expected && scanner->n_stopped == scanner->n_lanes) {
        pass_end(scanner);
    }
}

static void pass_held(struct stop_scanner *scanner, struct lane *lane)
{
    pass_text(scanner, lane->held_of, buf_slice(&lane->held));
    buf_clear(&lane->held);
}

static void on_text(struct stop_scanner *scanner, struct lane *lane, const struct neutral_event *event)
{
    if (lane->held_of != event->block) {
        pass_held(scanner, lane);
        lane->held_of = event->block;
    }
    if (!lane->held.len && !may_matter(scanner, event->text)) {
        pass(scanner, event);
        return;
    }
    bool has_held = lane->held.len > 0;
    struct slice text = event->text;
    size_t len;
    if (has_held) {
        buf_append(&lane->held, text);
        text = buf_slice(&lane->held);
    }
    const struct stop *hit = search(scanner, text, &len);
    pass_text(scanner, event->block, slice_of(text.ptr, len));
    if (hit) {
        stop_lane(scanner, lane, hit);
    } else if (has_held) {
        buf_consume(&lane->held, len);
    } else {
        buf_append(&lane->held, slice_after(text, len));
    }
}

// ---- blocks

static void on_open(struct stop_scanner *scanner, struct lane *lane, const struct neutral_event *event)
{
    struct open_block *open = arena_alloc(scanner->arena, sizeof(*open));
    open->block = event->block;
    list_append(&lane->open, &open->node);
    pass(scanner, event);
}

static void on_close(struct stop_scanner *scanner, struct lane *lane, const struct neutral_event *event)
{
    struct neutral_block *block = event->block;
    struct list *node = lane->open.next;
    while (CONTAINER_OF(node, struct open_block, node)->block != block) { // one of them is it
        node = node->next;
    }
    list_remove(node);
    if (lane->held_of == block) {
        pass_held(scanner, lane);
    }
    if (block->kind == BLOCK_CALL && block->tool_kind != TOOL_SERVER && !event->is_partial) {
        lane->has_call = true;
    }
    pass(scanner, event);
}

static void on_block_event(struct stop_scanner *scanner, const struct neutral_event *event)
{
    struct lane *lane = lane_of(scanner, event->block->candidate);
    if (lane->is_stopped) {
        return;
    }
    if (event->kind == EVENT_OPEN) {
        on_open(scanner, lane, event);
    } else if (event->kind == EVENT_CLOSE) {
        on_close(scanner, lane, event);
    } else if (event->kind == EVENT_DELTA && event->block->kind == BLOCK_TEXT) {
        on_text(scanner, lane, event);
    } else {
        pass(scanner, event);
    }
}

static void on_finish(struct stop_scanner *scanner, const struct neutral_event *event)
{
    struct neutral_event own = *event;
    struct lane *lane = lane_of(scanner, event->candidate);
    if (lane->is_stopped) {
        own.finish = &lane->finish;
    }
    pass(scanner, &own);
}

static void take(void *arg, const struct neutral_event *event)
{
    struct stop_scanner *scanner = arg;
    if (scanner->is_over) {
        return;
    }
    switch (event->kind) {
    case EVENT_OPEN:
    case EVENT_DELTA:
    case EVENT_OPAQUE:
    case EVENT_PART:
    case EVENT_CITATION:
    case EVENT_LOGPROBS:
    case EVENT_CLOSE: on_block_event(scanner, event); break;
    case EVENT_FINISH: on_finish(scanner, event); break;
    case EVENT_START:
    case EVENT_USAGE:
    case EVENT_ERROR:
    case EVENT_END: pass(scanner, event); break;
    }
}

struct event_sink stop_scanner_sink(struct stop_scanner *scanner)
{
    return (struct event_sink){take, scanner};
}

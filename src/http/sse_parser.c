// SPDX-License-Identifier: MIT
// An event whose lines all come within one feed is delivered as slices of the fed bytes. What is split is kept in
// three places: the line under way in _line, and at the end of a feed the data and the name so far in _data and _name.
#include "http/sse_parser.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static const char bom[3] = {'\xef', '\xbb', '\xbf'};

// One feed: where it reads, and the event under way, whose slices are of the fed bytes, of _line, _data or _name.
struct feed {
    struct sse_parser *parser;
    const char *start;
    const char *at;
    const char *end;
    struct sse_event event;
    bool line_is_used; // the line in _line is complete; slices of the event may point into it
    sse_event_fn on_event;
    void *arg;
};

void sse_parser_init(struct sse_parser *parser, size_t event_max)
{
    *parser = (struct sse_parser){._event_max = event_max, ._at_start = true};
}

void sse_parser_deinit(struct sse_parser *parser)
{
    buf_deinit(&parser->_line);
    buf_deinit(&parser->_data);
    buf_deinit(&parser->_name);
}

static const char *find_line_end(const char *at, const char *end)
{
#if defined(__SSE2__)
    const __m128i cr = _mm_set1_epi8('\r');
    const __m128i lf = _mm_set1_epi8('\n');
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        unsigned hits = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, cr), _mm_cmpeq_epi8(bytes, lf)));
        if (hits) {
            return at + __builtin_ctz(hits);
        }
    }
#endif
    while (at < end && *at != '\r' && *at != '\n') {
        at++;
    }
    return at;
}

// `s` is either what `kept` holds already, or from somewhere else.
static void keep(struct buf *kept, struct slice s)
{
    if (s.ptr != kept->ptr) {
        buf_clear(kept);
        buf_append(kept, s);
    }
}

static int fail(struct sse_parser *parser)
{
    sse_parser_deinit(parser);
    parser->_failed = true;
    return SSE_EVENT_TOO_LARGE;
}

// Counts the line as it came, with its field name and whether it matters or not: then it makes no difference whether it
// came whole.
static bool is_too_large(const struct feed *feed, size_t line_len)
{
    size_t kept = feed->event.name.len + feed->event.data.len;
    return line_len > feed->parser->_event_max || kept > feed->parser->_event_max - line_len;
}

// Joins a further data line to the data so far.
static void join_data(struct feed *feed, struct slice value)
{
    struct buf *data = &feed->parser->_data;
    keep(data, feed->event.data);
    buf_append_char(data, '\n');
    buf_append(data, value);
    feed->event.data = buf_slice(data);
}

// Delivers what is pending, if anything is, and begins anew.
static void end_event(struct feed *feed)
{
    struct sse_event event = feed->event;
    enum sse_pending pending = feed->parser->_pending;
    feed->event = (struct sse_event){0};
    feed->parser->_pending = SSE_PENDING_NOTHING;
    if (pending != SSE_PENDING_NOTHING) {
        bool is_within_crlf = feed->parser->_after_cr && feed->at < feed->end && *feed->at == '\n';
        event.is_loose = pending == SSE_PENDING_LOOSE;
        event.end = (size_t)(feed->at - feed->start) + is_within_crlf;
        feed->on_event(feed->arg, &event);
    }
}

static inline void end_loose(struct feed *feed)
{
    if (feed->parser->_pending == SSE_PENDING_LOOSE) {
        end_event(feed);
    }
}

static void on_data(struct feed *feed, struct slice value)
{
    end_loose(feed);
    if (feed->parser->_pending == SSE_PENDING_DATA) {
        join_data(feed, value);
    } else {
        feed->event.data = value;
        feed->parser->_pending = SSE_PENDING_DATA;
    }
}

// Is the line of the field `name`? One space behind the colon is not part of the value.
static inline bool is_field(struct slice line, struct slice name, struct slice *value_r)
{
    if (!slice_starts_with(line, name) || (line.len > name.len && line.ptr[name.len] != ':')) {
        return false;
    }
    struct slice value = slice_after(line, name.len + 1);
    bool has_space = value.len > 0 && value.ptr[0] == ' ';
    *value_r = has_space ? slice_of(value.ptr + 1, value.len - 1) : value;
    return true;
}

static bool begins_json(struct slice line)
{
    struct slice text = slice_trim(line);
    return text.len > 0 && (*text.ptr == '{' || *text.ptr == '[');
}

// Comments begin with a colon.
static bool is_of_no_event(struct slice line)
{
    struct slice value;
    return line.ptr[0] == ':' || is_field(line, SLICE("id"), &value) || is_field(line, SLICE("retry"), &value);
}

// Neither data nor a name: nothing that matters, unless it is loose JSON.
static void on_other_line(struct feed *feed, struct slice line)
{
    enum sse_pending pending = feed->parser->_pending;
    if (pending == SSE_PENDING_LOOSE && !is_of_no_event(line)) {
        join_data(feed, line);
    } else if (pending == SSE_PENDING_NOTHING && feed->event.name.len == 0 && begins_json(line)) {
        feed->event.data = line;
        feed->parser->_pending = SSE_PENDING_LOOSE;
    }
}

static void on_line(struct feed *feed, struct slice line)
{
    struct slice value;
    if (line.len == 0) {
        if (feed->parser->_pending != SSE_PENDING_LOOSE) {
            end_event(feed);
        }
    } else if (is_field(line, SLICE("data"), &value)) {
        on_data(feed, value);
    } else if (is_field(line, SLICE("event"), &value)) {
        end_loose(feed);
        feed->event.name = value;
    } else {
        on_other_line(feed, line);
    }
}

// Skips a BOM, also in pieces. What only began like one is part of the first line.
static void skip_bom(struct feed *feed)
{
    struct sse_parser *parser = feed->parser;
    while (parser->_at_start && feed->at < feed->end) {
        if (*feed->at == bom[parser->_bom_bytes]) {
            feed->at++;
            parser->_at_start = ++parser->_bom_bytes < sizeof(bom);
        } else {
            buf_append(&parser->_line, slice_of(bom, parser->_bom_bytes));
            parser->_at_start = false;
        }
    }
}

// Takes the input up to the next line end, which is skipped; false when there is none.
static bool take_line(struct feed *feed, struct slice *line_r)
{
    struct sse_parser *parser = feed->parser;
    if (parser->_after_cr && feed->at < feed->end) {
        feed->at += *feed->at == '\n';
        parser->_after_cr = false;
    }
    const char *eol = find_line_end(feed->at, feed->end);
    if (eol == feed->end) {
        return false;
    }
    *line_r = slice_of(feed->at, (size_t)(eol - feed->at));
    parser->_after_cr = *eol == '\r';
    feed->at = eol + 1;
    return true;
}

// Processes all complete lines; one whose beginning came before is completed where it is kept. False when one is too
// large.
static bool take_lines(struct feed *feed)
{
    struct buf *kept = &feed->parser->_line;
    struct slice line;
    while (take_line(feed, &line)) {
        size_t before = feed->line_is_used ? 0 : kept->len;
        if (is_too_large(feed, before + line.len)) {
            return false;
        }
        if (before > 0) {
            buf_append(kept, line);
            line = buf_slice(kept);
            feed->line_is_used = true;
        }
        on_line(feed, line);
    }
    return true;
}

// Keeps what of an event has come but is not complete.
static bool keep_rest(struct feed *feed)
{
    struct sse_parser *parser = feed->parser;
    struct slice rest = slice_of(feed->at, (size_t)(feed->end - feed->at));
    size_t before = feed->line_is_used ? 0 : parser->_line.len;
    if (is_too_large(feed, before + rest.len)) {
        return false;
    }
    if (parser->_pending == SSE_PENDING_NOTHING && feed->event.name.len == 0 && before + rest.len == 0) {
        sse_parser_deinit(parser);
        return true;
    }
    keep(&parser->_data, feed->event.data);
    keep(&parser->_name, feed->event.name);
    parser->_line.len = before;
    buf_append(&parser->_line, rest);
    return true;
}

static struct feed begin(struct sse_parser *parser, struct slice bytes, sse_event_fn on_event, void *arg)
{
    return (struct feed){
        .parser = parser,
        .start = bytes.ptr,
        .at = bytes.ptr,
        .end = bytes.ptr + bytes.len,
        .event = {.name = buf_slice(&parser->_name), .data = buf_slice(&parser->_data)},
        .on_event = on_event,
        .arg = arg,
    };
}

int sse_parser_feed(struct sse_parser *parser, struct slice bytes, sse_event_fn on_event, void *arg)
{
    if (parser->_failed) {
        return SSE_EVENT_TOO_LARGE;
    }
    if (bytes.len == 0) {
        return 0;
    }
    struct feed feed = begin(parser, bytes, on_event, arg);
    skip_bom(&feed);
    return take_lines(&feed) && keep_rest(&feed) ? 0 : fail(parser);
}

int sse_parser_finish(struct sse_parser *parser, sse_event_fn on_event, void *arg)
{
    if (parser->_failed) {
        return SSE_EVENT_TOO_LARGE;
    }
    struct feed feed = begin(parser, SLICE(""), on_event, arg);
    on_line(&feed, buf_slice(&parser->_line));
    end_event(&feed);
    size_t event_max = parser->_event_max;
    sse_parser_deinit(parser);
    sse_parser_init(parser, event_max);
    return 0;
}

bool sse_parser_is_between_events(const struct sse_parser *parser)
{
    return parser->_line.len == 0 && parser->_pending == SSE_PENDING_NOTHING && parser->_name.len == 0;
}

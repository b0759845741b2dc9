// SPDX-License-Identifier: MIT
#include "dialect/usage_scan.h"

#include "dialect/dialect_internal.h"
#include "json/json_scan.h"

// One call of usage_scan_feed().
struct piece {
    struct usage_scan *scan;
    const char *begin;
    const char *at;
    const char *end;
    const char *capture_from; // where the part of the captured value begins that lies in this piece
    usage_scan_fn on_value;
    void *arg;
};

void usage_scan_init(struct usage_scan *scan, const struct usage_grammar *grammar, size_t limit)
{
    *scan = (struct usage_scan){._grammar = grammar, ._limit = limit};
}

void usage_scan_init_within(struct usage_scan *scan, const struct usage_grammar *grammar, size_t limit)
{
    usage_scan_init(scan, grammar, limit);
    scan->_closer = '}';
    scan->_depth = scan->_frame_depth = scan->_answer_depth = 1;
    scan->_expects_name = true;
}

void usage_scan_deinit(struct usage_scan *scan)
{
    buf_deinit(&scan->_captured);
}

// ---- capture

static void capture_start(struct piece *piece, int kind)
{
    piece->scan->_capture = kind;
    piece->scan->_capture_depth = piece->scan->_depth;
    piece->capture_from = piece->at;
}

// Keeps what this piece has of a value that goes on in the next one, or gives the value up.
static void capture_suspend(struct piece *piece)
{
    struct usage_scan *scan = piece->scan;
    size_t len = (size_t)(piece->end - piece->capture_from);
    if (scan->_captured.len + len > scan->_limit) {
        scan->_capture = USAGE_CAPTURE_NONE;
        scan->_member = USAGE_SCAN_OTHER; // the rest of it is not another value
        buf_deinit(&scan->_captured);
        return;
    }
    buf_append(&scan->_captured, slice_of(piece->capture_from, len));
}

static void capture_end(struct piece *piece, const char *end)
{
    struct usage_scan *scan = piece->scan;
    struct slice value = slice_of(piece->capture_from, (size_t)(end - piece->capture_from));
    if (scan->_captured.len + value.len <= scan->_limit) {
        if (scan->_captured.len) {
            buf_append(&scan->_captured, value);
            value = buf_slice(&scan->_captured);
        }
        piece->on_value(piece->arg, scan->_member, value);
    }
    scan->_capture = USAGE_CAPTURE_NONE;
    scan->_member = USAGE_SCAN_OTHER; // a member has one value, in whatever pieces it came
    buf_deinit(&scan->_captured);
}

// ---- strings

static void note_name(struct usage_scan *scan, const char *from, const char *to)
{
    size_t len = (size_t)(to - from);
    if (!scan->_is_name) {
        return;
    }
    if (len > sizeof(scan->_name) - scan->_name_len) {
        scan->_name_len = 0; // too long for a name that matters
        scan->_is_name = false;
        return;
    }
    memcpy(scan->_name + scan->_name_len, from, len);
    scan->_name_len = (unsigned char)(scan->_name_len + len);
}

static void begin_string(struct piece *piece)
{
    struct usage_scan *scan = piece->scan;
    const char *begin = piece->at + 1;
    const char *stop = json_skip_plain_once(begin, piece->end);
    scan->_is_name = scan->_expects_name && scan->_depth == scan->_frame_depth;
    if (scan->_is_name) {
        scan->_name_len = 0;
    }
    if (stop < piece->end && *stop == '"') {
        // Short, without escapes, and whole: most names and many values are.
        note_name(scan, begin, stop);
        piece->at = stop + 1;
        return;
    }
    scan->_is_in_string = true;
    scan->_is_escaped = false;
    piece->at = begin;
}

// Skips to the quote that ends the string: one with an even number of backslashes before it.
static void skip_string(struct piece *piece)
{
    struct usage_scan *scan = piece->scan;
    const char *begin = piece->at;
    const char *fresh = begin + (scan->_is_escaped ? 1 : 0); // no backslash before this one reaches over it
    for (;;) {
        const char *quote = memchr(fresh, '"', (size_t)(piece->end - fresh));
        const char *stop = quote ? quote : piece->end;
        const char *before = stop;
        while (before > fresh && before[-1] == '\\') {
            before--;
        }
        bool is_escaped = (stop - before) % 2 != 0;
        if (!quote || !is_escaped) {
            note_name(scan, begin, stop);
            scan->_is_escaped = is_escaped;
            scan->_is_in_string = !quote;
            piece->at = quote ? quote + 1 : stop;
            return;
        }
        fresh = quote + 1;
    }
}

// ---- structure

static enum usage_scan_member member_of_name(const struct usage_scan *scan)
{
    const struct usage_grammar *grammar = scan->_grammar;
    struct slice name = slice_of(scan->_name, scan->_name_len);
    if (name.len == 0) {
        return USAGE_SCAN_OTHER;
    }
    if (slice_eq(name, grammar->usage_member)) {
        return USAGE_SCAN_USAGE;
    }
    if (slice_eq(name, grammar->count_member)) {
        return USAGE_SCAN_COUNT;
    }
    if (slice_eq(name, SLICE("error"))) {
        return USAGE_SCAN_ERROR;
    }
    bool is_wrapper = scan->_frame_depth == scan->_answer_depth && slice_eq(name, grammar->wrapper_member);
    return is_wrapper ? USAGE_SCAN_WRAPPER : USAGE_SCAN_OTHER;
}

static void enter_frame(struct usage_scan *scan)
{
    scan->_frame_depth = scan->_depth;
    scan->_expects_name = true;
    scan->_member = USAGE_SCAN_OTHER;
}

static void open_object(struct piece *piece)
{
    struct usage_scan *scan = piece->scan;
    bool is_member = scan->_depth > 0 && scan->_depth == scan->_frame_depth;
    if (is_member && scan->_member == USAGE_SCAN_USAGE && scan->_capture == USAGE_CAPTURE_NONE) {
        capture_start(piece, USAGE_CAPTURE_OBJECT);
    } else if (is_member && scan->_member == USAGE_SCAN_ERROR) {
        scan->has_error = true;
    }
    scan->_depth++;
    bool is_answer = scan->_depth == 1 || (scan->_depth == 2 && scan->_closer == ']');
    if (scan->_depth == 1) {
        scan->_closer = '}';
    }
    if (is_answer) {
        scan->_answer_depth = scan->_depth;
        enter_frame(scan);
    } else if (is_member && scan->_member == USAGE_SCAN_WRAPPER) {
        enter_frame(scan);
    }
}

static void open_array(struct usage_scan *scan)
{
    if (scan->_depth++ == 0) {
        scan->_closer = ']';
    }
}

static void close_bracket(struct piece *piece)
{
    struct usage_scan *scan = piece->scan;
    if (scan->_depth == 0 || (scan->_depth == 1 && *piece->at != scan->_closer)) {
        scan->_is_broken = true;
        return;
    }
    scan->_depth--;
    if (scan->_capture == USAGE_CAPTURE_OBJECT && scan->_depth == scan->_capture_depth) {
        capture_end(piece, piece->at + 1);
    }
    if (scan->_depth < scan->_frame_depth) {
        bool is_in_answer = scan->_depth >= scan->_answer_depth;
        scan->has_element = scan->has_element || !is_in_answer;
        scan->_frame_depth = is_in_answer ? scan->_depth : 0;
        scan->_member = USAGE_SCAN_OTHER;
    }
    if (scan->_depth == 1 && scan->_closer == ']') {
        scan->element_end = (size_t)(piece->at + 1 - piece->begin);
    }
    scan->is_complete = scan->_depth == 0;
}

static void end_of_number(struct piece *piece)
{
    if (piece->scan->_capture == USAGE_CAPTURE_NUMBER) {
        capture_end(piece, piece->at);
    }
}

static void start_of_number(struct piece *piece)
{
    struct usage_scan *scan = piece->scan;
    if (scan->_member == USAGE_SCAN_COUNT && scan->_depth == scan->_frame_depth &&
        scan->_capture == USAGE_CAPTURE_NONE) {
        capture_start(piece, USAGE_CAPTURE_NUMBER);
    }
}

static void separate(struct usage_scan *scan, char c)
{
    if (scan->_frame_depth == 0 || scan->_depth != scan->_frame_depth) {
        return;
    }
    scan->_expects_name = c == ',';
    scan->_member = c == ':' ? member_of_name(scan) : USAGE_SCAN_OTHER;
    scan->_name_len = 0;
}

// One byte outside of strings. Numbers and literals pass unread unless a number is wanted.
static void step(struct piece *piece)
{
    switch (*piece->at) {
    case '"': begin_string(piece); return;
    case '{': open_object(piece); break;
    case '[': open_array(piece->scan); break;
    case '}':
    case ']':
        end_of_number(piece);
        close_bracket(piece);
        break;
    case ',':
    case ':':
        end_of_number(piece);
        separate(piece->scan, *piece->at);
        break;
    case ' ':
    case '\t':
    case '\r':
    case '\n': end_of_number(piece); break;
    default:
        if (piece->scan->_capture == USAGE_CAPTURE_NONE) {
            start_of_number(piece);
        }
        break;
    }
    piece->at++;
}

// Where a byte outside of strings matters: in the frame, or deeper than it, where only strings and brackets do.
enum { IN_FRAME = 1, BELOW = 2 };
static const unsigned char MATTERS[256] = {
    ['"'] = IN_FRAME | BELOW, ['{'] = IN_FRAME | BELOW, ['}'] = IN_FRAME | BELOW, ['['] = IN_FRAME | BELOW,
    [']'] = IN_FRAME | BELOW, [','] = IN_FRAME,         [':'] = IN_FRAME,
};

// Steps over what does not matter here; the byte at the end of it is for step().
static void skip_inert(struct piece *piece)
{
    const struct usage_scan *scan = piece->scan;
    unsigned char where = scan->_depth > scan->_frame_depth ? BELOW : IN_FRAME;
    if (scan->_capture == USAGE_CAPTURE_NUMBER || scan->_member == USAGE_SCAN_COUNT) {
        return;
    }
    const char *at = piece->at;
    while (at < piece->end && !(MATTERS[(unsigned char)*at] & where)) {
        at++;
    }
    piece->at = at;
}

void usage_scan_feed(struct usage_scan *scan, struct slice bytes, usage_scan_fn on_value, void *arg)
{
    struct piece piece = {scan, bytes.ptr, bytes.ptr, bytes.ptr + bytes.len, bytes.ptr, on_value, arg};
    scan->element_end = 0;
    while (piece.at < piece.end && !scan->is_complete && !scan->_is_broken) {
        if (scan->_is_in_string) {
            skip_string(&piece);
            continue;
        }
        skip_inert(&piece);
        if (piece.at < piece.end) {
            step(&piece);
        }
    }
    if (scan->_capture != USAGE_CAPTURE_NONE && !scan->is_complete && !scan->_is_broken) {
        capture_suspend(&piece);
    }
}

// SPDX-License-Identifier: MIT
#include "json/json_writer.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "json/json_scan.h"
#include "json/utf8.h"

void json_writer_init(struct json_writer *w, struct buf *out)
{
    w->out = out;
    w->_depth = 0;
    w->_needs_comma = false;
    w->_after_key = false;
}

static bool is_in_object(const struct json_writer *w)
{
    return w->_depth && w->_closers[w->_depth - 1] == '}';
}

static void separate(struct json_writer *w)
{
    if (w->_needs_comma) {
        assert(w->_depth > 0); // one value per text
        buf_append_char(w->out, ',');
    }
    w->_needs_comma = true;
}

static void begin_value(struct json_writer *w)
{
    assert(w->_after_key == is_in_object(w));
    if (w->_after_key) {
        w->_after_key = false;
    } else {
        separate(w);
    }
}

static void begin_brackets(struct json_writer *w, char opener, char closer)
{
    begin_value(w);
    assert(w->_depth < JSON_WRITER_MAX_DEPTH);
    w->_closers[w->_depth++] = closer;
    w->_needs_comma = false;
    buf_append_char(w->out, opener);
}

static void end_brackets(struct json_writer *w, char closer)
{
    assert(w->_depth > 0 && w->_closers[w->_depth - 1] == closer && !w->_after_key);
    w->_depth--;
    w->_needs_comma = true;
    buf_append_char(w->out, closer);
}

void json_begin_object(struct json_writer *w)
{
    begin_brackets(w, '{', '}');
}

void json_end_object(struct json_writer *w)
{
    end_brackets(w, '}');
}

void json_begin_array(struct json_writer *w)
{
    begin_brackets(w, '[', ']');
}

void json_end_array(struct json_writer *w)
{
    end_brackets(w, ']');
}

static void append_quoted(struct buf *out, struct slice escaped)
{
    char *at = buf_reserve(out, escaped.len + 2);
    *at = '"';
    if (escaped.len) {
        memcpy(at + 1, escaped.ptr, escaped.len);
    }
    at[escaped.len + 1] = '"';
    out->len += escaped.len + 2;
}

// Names and short texts hardly ever have anything to escape.
static void append_text(struct buf *out, struct slice text)
{
    if (text.len && json_is_plain_ascii(text.ptr, text.len)) {
        append_quoted(out, text);
        return;
    }
    buf_append_char(out, '"');
    json_escape(out, text);
    buf_append_char(out, '"');
}

void json_key(struct json_writer *w, struct slice name)
{
    assert(is_in_object(w) && !w->_after_key);
    separate(w);
    append_text(w->out, name);
    buf_append_char(w->out, ':');
    w->_after_key = true;
}

void json_key_escaped(struct json_writer *w, struct slice escaped)
{
    assert(is_in_object(w) && !w->_after_key);
    separate(w);
    append_quoted(w->out, escaped);
    buf_append_char(w->out, ':');
    w->_after_key = true;
}

void json_write_string(struct json_writer *w, struct slice text)
{
    begin_value(w);
    append_text(w->out, text);
}

void json_write_escaped(struct json_writer *w, struct slice escaped)
{
    begin_value(w);
    append_quoted(w->out, escaped);
}

void json_write_raw(struct json_writer *w, struct slice json)
{
    assert(json.len > 0);
    begin_value(w);
    buf_append(w->out, json);
}

void json_write_raw_line(struct json_writer *w, struct slice json)
{
    json_write_raw(w, json);
    char *end = w->out->ptr + w->out->len;
    for (char *at = end - json.len; at < end; at++) {
        *at = *at == '\n' || *at == '\r' ? ' ' : *at;
    }
}

void json_write_int(struct json_writer *w, int64_t value)
{
    begin_value(w);
    if (value < 0) {
        buf_append_char(w->out, '-');
    }
    buf_append_u64(w->out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void json_write_double(struct json_writer *w, double value)
{
    if (!isfinite(value)) {
        json_write_null(w);
        return;
    }
    // 17 digits are always enough to tell a double from its neighbours, 15 often are; near zero it may be one.
    char text[32];
    int len = 0;
    for (int n_digits = fabs(value) < DBL_MIN ? 1 : 15; n_digits <= 17; n_digits++) {
        len = snprintf(text, sizeof(text), "%.*g", n_digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    json_write_raw(w, slice_of(text, (size_t)len));
}

void json_write_bool(struct json_writer *w, bool value)
{
    json_write_raw(w, value ? SLICE("true") : SLICE("false"));
}

void json_write_null(struct json_writer *w)
{
    json_write_raw(w, SLICE("null"));
}

void json_member_string(struct json_writer *w, struct slice name, struct slice text)
{
    json_key(w, name);
    json_write_string(w, text);
}

void json_member_int(struct json_writer *w, struct slice name, int64_t value)
{
    json_key(w, name);
    json_write_int(w, value);
}

void json_member_bool(struct json_writer *w, struct slice name, bool value)
{
    json_key(w, name);
    json_write_bool(w, value);
}

static void escape_byte(struct buf *out, unsigned char c)
{
    static const char short_forms[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
    };
    char short_form = c == '"' || c == '\\' ? (char)c : short_forms[c];
    if (short_form) {
        char bytes[2] = {'\\', short_form};
        buf_append(out, slice_of(bytes, sizeof(bytes)));
    } else {
        char bytes[6] = {'\\', 'u', '0', '0'};
        hex_write_bytes(bytes + 4, &c, 1);
        buf_append(out, slice_of(bytes, sizeof(bytes)));
    }
}

// U+2028 and U+2029 end a line in JavaScript, and in naive readers of event streams.
static bool is_line_separator(const char *at, size_t char_len)
{
    return char_len == 3 && at[0] == '\xE2' && at[1] == '\x80' && (at[2] == '\xA8' || at[2] == '\xA9');
}

// Skips characters that stay as they are; all of them are valid.
static const char *skip_unescaped(const char *at, const char *end)
{
    while ((at = json_skip_plain_ascii(at, end)) < end) {
        size_t len = json_is_plain(*at) ? utf8_char_len(at, end) : 0;
        if (len == 0 || is_line_separator(at, len)) {
            break;
        }
        at += len;
    }
    return at;
}

void json_escape(struct buf *out, struct slice text)
{
    const char *at = text.ptr;
    const char *end = text.len ? text.ptr + text.len : text.ptr; // an empty text may be at NULL
    while (at < end) {
        const char *stop = skip_unescaped(at, end);
        buf_append(out, slice_of(at, (size_t)(stop - at)));
        at = stop;
        if (at < end && !json_is_plain(*at)) {
            escape_byte(out, (unsigned char)*at++);
        } else if (at < end) {
            size_t len = utf8_char_len(at, end);
            buf_append(out, len == 0 ? SLICE(UTF8_REPLACEMENT) : at[2] == '\xA8' ? SLICE("\\u2028") : SLICE("\\u2029"));
            at += len ? len : 1;
        }
    }
}

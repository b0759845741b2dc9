// SPDX-License-Identifier: MIT
#include "account/error_text.h"

#include "base/buf.h"
#include "base/log.h"
#include "http/h1_head.h"
#include "json/json_reader.h"

enum { TEXT_MAX = 300, SECRET_MIN = 4 };

static struct slice text_of_json(const struct json_doc *doc, struct arena *arena)
{
    static const struct slice paths[][2] = {
        {SLICE_INIT("error"), SLICE_INIT("message")},
        {SLICE_INIT("error"), {NULL, 0}},
        {SLICE_INIT("message"), {NULL, 0}},
        {SLICE_INIT("detail"), {NULL, 0}},
        {SLICE_INIT("title"), {NULL, 0}},
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        struct slice text =
            json_string(doc, json_get_path(doc, json_root(doc), paths[i], paths[i][1].ptr ? 2 : 1), arena);
        if (text.len) {
            return text;
        }
    }
    return SLICE_EMPTY;
}

// A page of HTML is no message.
static bool is_message(struct slice text)
{
    return text.len > 0 && text.len <= TEXT_MAX && text.ptr[0] != '<' && text.ptr[0] != '{' && text.ptr[0] != '[';
}

static void append_masked(struct buf *out, struct slice text, struct slice secret)
{
    char mask[LOG_MASK_SIZE];
    while (secret.len >= SECRET_MIN) {
        size_t at = slice_find(text, secret);
        if (at == SLICE_NOT_FOUND) {
            break;
        }
        buf_append(out, slice_of(text.ptr, at));
        buf_append(out, slice_from_cstr(log_mask(secret, mask)));
        text = slice_after(text, at + secret.len);
    }
    buf_append(out, text);
}

// Not within a character of UTF-8.
static size_t cut_at(struct slice text)
{
    size_t len = TEXT_MAX;
    while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    return len;
}

static struct slice as_line(struct slice text, struct slice secret, struct arena *arena)
{
    struct buf line = BUF_EMPTY;
    append_masked(&line, text, secret);
    if (line.len > TEXT_MAX) {
        line.len = cut_at(buf_slice(&line));
        buf_append(&line, SLICE("…"));
    }
    text_replace_controls(line.ptr, line.len, ' ');
    struct slice result = arena_dup(arena, slice_trim(buf_slice(&line)));
    buf_deinit(&line);
    return result;
}

struct slice error_text_of(unsigned status, struct slice body, struct slice secret, struct arena *arena)
{
    struct json_doc doc;
    struct slice text = slice_trim(body);
    if (json_parse(&doc, arena, body, NULL) == 0) {
        text = text_of_json(&doc, arena);
    } else if (!is_message(text)) {
        text = SLICE_EMPTY;
    }
    struct slice line = as_line(text, secret, arena);
    return line.len ? line : arena_printf(arena, "HTTP %u (%s)", status, http_status_reason(status));
}

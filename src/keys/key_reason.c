// SPDX-License-Identifier: MIT
// The text may be JSON, cut anywhere; so it is searched, not parsed.
#include "keys/key_reason.h"

#include <stdio.h>

#define N_OF(array) (sizeof(array) / sizeof(*(array)))

enum {
    TEXT_MAX = 4096,
    SECRET_HINT = 8, // so many of its first characters give a secret away
};

static bool is_blank(char c)
{
    return (unsigned char)c <= ' ' || c == 0x7F;
}

static struct slice trim(struct slice s)
{
    while (s.len && is_blank(s.ptr[0])) {
        s = slice_after(s, 1);
    }
    while (s.len && is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

// ---- what the error says

// What is between the quotes of the member's value, still escaped; empty when there is no such member, or it is no
// string.
static struct slice find_member(struct slice text, struct slice quoted_name)
{
    size_t at = slice_find(text, quoted_name);
    struct slice rest = at == SLICE_NOT_FOUND ? SLICE_EMPTY : trim(slice_after(text, at + quoted_name.len));
    if (!slice_starts_with(rest, SLICE(":"))) {
        return SLICE_EMPTY;
    }
    rest = trim(slice_after(rest, 1));
    if (!slice_starts_with(rest, SLICE("\""))) {
        return SLICE_EMPTY;
    }
    rest = slice_after(rest, 1);
    size_t len = 0;
    while (len < rest.len && rest.ptr[len] != '"') {
        len += rest.ptr[len] == '\\' ? 2 : 1;
    }
    return slice_of(rest.ptr, len < rest.len ? len : rest.len);
}

static struct slice find_title(struct slice page)
{
    size_t at = slice_find(page, SLICE("<title>"));
    struct slice rest = at == SLICE_NOT_FOUND ? SLICE_EMPTY : slice_after(page, at + SLICE("<title>").len);
    struct slice title = trim(slice_split(&rest, '<'));
    return title.len ? title : SLICE("a page, not an answer of the API");
}

static struct slice find_words(struct slice text)
{
    static const struct slice NAMES[] = {
        SLICE_INIT("\"message\""), SLICE_INIT("\"detail\""), SLICE_INIT("\"msg\""),
        SLICE_INIT("\"error\""),   SLICE_INIT("\"code\""),
    };
    text = trim(slice_of(text.ptr, text.len < TEXT_MAX ? text.len : TEXT_MAX));
    if (slice_starts_with(text, SLICE("<"))) {
        return find_title(text);
    }
    for (size_t i = 0; i < N_OF(NAMES); i++) {
        struct slice words = trim(find_member(text, NAMES[i]));
        if (words.len) {
            return words;
        }
    }
    return text;
}

// ---- writing it

struct line {
    char *out;
    size_t len;
    bool is_full;
};

static void put(struct line *line, struct slice s)
{
    line->is_full = line->is_full || s.len > KEY_REASON_MAX - 1 - line->len;
    if (!line->is_full) {
        memcpy(line->out + line->len, s.ptr, s.len);
        line->len += s.len;
    }
}

static void put_space(struct line *line)
{
    if (line->len && line->out[line->len - 1] != ' ') {
        put(line, SLICE(" "));
    }
}

static bool is_of_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-_.+/=\\~", c));
}

// How many bytes at `rest` are the secret, or begin like it: then all of the word.
static size_t secret_len(struct slice rest, struct slice secret)
{
    size_t hint = secret.len < SECRET_HINT ? secret.len : SECRET_HINT;
    if (hint == 0 || !slice_starts_with(rest, slice_of(secret.ptr, hint))) {
        return 0;
    }
    size_t len = hint;
    while (len < rest.len && (is_of_word(rest.ptr[len]) || (len < secret.len && rest.ptr[len] == secret.ptr[len]))) {
        len++;
    }
    return len;
}

// Length of the character that begins here: its first byte, and those that only continue one.
static size_t char_len(struct slice rest)
{
    size_t len = 1;
    while (len < rest.len && len < 4 && ((unsigned char)rest.ptr[len] & 0xC0) == 0x80) {
        len++;
    }
    return len;
}

// An escape of JSON: what it stands for where that is simple, else as it is.
static size_t put_escape(struct line *line, struct slice rest)
{
    char c = rest.len > 1 ? rest.ptr[1] : ' ';
    if (strchr("nrtbf ", c)) {
        put_space(line);
    } else if (strchr("\"\\/", c)) {
        put(line, slice_of(rest.ptr + 1, 1));
    } else {
        put(line, slice_of(rest.ptr, 1));
        return 1;
    }
    return rest.len > 1 ? 2 : 1;
}

static void put_words(struct line *line, struct slice rest, struct slice secret)
{
    while (rest.len && !line->is_full) {
        size_t len = secret_len(rest, secret);
        if (len) {
            put(line, SLICE("(key)"));
        } else if (rest.ptr[0] == '\\') {
            len = put_escape(line, rest);
        } else if (is_blank(rest.ptr[0])) {
            len = 1;
            put_space(line);
        } else {
            len = char_len(rest);
            put(line, slice_of(rest.ptr, len));
        }
        rest = slice_after(rest, len);
    }
}

size_t key_reason(char out[KEY_REASON_MAX], const struct attempt_evidence *evidence, struct slice secret)
{
    struct line line = {.out = out};
    char status[16];
    int len = snprintf(status, sizeof(status), "%u", evidence->status);
    put(&line, slice_of(status, (size_t)len));
    struct slice words = find_words(evidence->text);
    if (words.len) {
        put_space(&line);
        put_words(&line, words, secret);
    }
    while (line.len && line.out[line.len - 1] == ' ') {
        line.len--;
    }
    return line.len;
}

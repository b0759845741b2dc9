// SPDX-License-Identifier: MIT
#include "config/dotenv.h"

#include "base/buf.h"

struct parser {
    struct slice rest;
    uint32_t line; // of the first byte of rest
    const char *label;
    struct arena *arena;
    struct issues *issues;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_key_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_key_char(char c)
{
    return is_key_start(c) || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

static void skip(struct parser *p, size_t n)
{
    p->rest = slice_of(p->rest.ptr + n, p->rest.len - n);
}

static void skip_blanks(struct parser *p)
{
    while (p->rest.len > 0 && is_blank(p->rest.ptr[0])) {
        skip(p, 1);
    }
}

// Returns what is left of the line, without its end, and moves on to the next line.
static struct slice take_line(struct parser *p)
{
    size_t len = slice_find_char(p->rest, '\n');
    bool is_last = len == SLICE_NOT_FOUND;
    struct slice line = is_last ? p->rest : slice_of(p->rest.ptr, len);
    skip(p, is_last ? p->rest.len : len + 1);
    p->line++;
    return line;
}

// The length of the key at the start of `s`; 0 when there is none.
static size_t key_len(struct slice s)
{
    size_t len = 0;
    while (len < s.len && (len == 0 ? is_key_start(s.ptr[0]) : is_key_char(s.ptr[len]))) {
        len++;
    }
    return len;
}

static void skip_export(struct parser *p)
{
    struct slice word = SLICE("export");
    if (slice_starts_with(p->rest, word) && p->rest.len > word.len && is_blank(p->rest.ptr[word.len]) &&
        p->rest.ptr[word.len] != '\r') {
        struct parser ahead = *p;
        skip(&ahead, word.len);
        skip_blanks(&ahead);
        // `export = 1` sets a variable of that name.
        if (ahead.rest.len > 0 && ahead.rest.ptr[0] != '=') {
            *p = ahead;
        }
    }
}

static struct slice trim(struct slice s)
{
    while (s.len > 0 && is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s = slice_of(s.ptr + 1, s.len - 1);
    }
    return s;
}

// `line` begins behind the "=".
static struct slice unquoted_value(struct slice line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] == '#' && i > 0 && is_blank(line.ptr[i - 1])) {
            line.len = i;
        }
    }
    return trim(line);
}

// The character that a backslash and `c` stand for; 0 when they stand for nothing.
static char unescape(char c)
{
    switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case '"':
    case '\\': return c;
    default: return 0;
    }
}

// The length up to the closing quote; SLICE_NOT_FOUND when there is none. `s` begins behind the opening one.
static size_t quoted_len(struct slice s, char quote)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == quote) {
            return i;
        }
        if (s.ptr[i] == '\\' && quote == '"') {
            i++;
        }
    }
    return SLICE_NOT_FOUND;
}

// Replaces escapes (in double quotes) and CRLF by what they stand for; false for an unknown escape.
static bool decode_quoted(struct arena *arena, struct slice raw, char quote, struct slice *value_r)
{
    char *out = arena_text(arena, raw.len);
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '\r' && i + 1 < raw.len && raw.ptr[i + 1] == '\n') {
            continue;
        }
        if (c == '\\' && quote == '"') {
            c = unescape(raw.ptr[++i]);
            if (!c) {
                return false;
            }
        }
        out[len++] = c;
    }
    *value_r = slice_of(out, len);
    return true;
}

static uint32_t count_newlines(struct slice s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += s.ptr[i] == '\n';
    }
    return n;
}

// rest begins with the opening quote. False when something was wrong, which has been said.
static bool parse_quoted(struct parser *p, struct slice key, struct slice *value_r)
{
    uint32_t first_line = p->line;
    char quote = p->rest.ptr[0];
    skip(p, 1);
    size_t len = quoted_len(p->rest, quote);
    if (len == SLICE_NOT_FOUND) {
        issues_error(p->issues, "%s:%u: the value of %.*s has no closing quote", p->label, first_line, SLICE_ARG(key));
        skip(p, p->rest.len);
        return false;
    }
    struct slice raw = slice_of(p->rest.ptr, len);
    skip(p, len + 1);
    p->line += count_newlines(raw);
    uint32_t last_line = p->line;
    struct slice behind = trim(take_line(p));
    if (behind.len > 0 && behind.ptr[0] != '#') {
        issues_error(p->issues, "%s:%u: there is text behind the closing quote of %.*s", p->label, last_line,
                     SLICE_ARG(key));
        return false;
    }
    if (!decode_quoted(p->arena, raw, quote, value_r)) {
        issues_error(p->issues, "%s:%u: unknown escape in the value of %.*s; it may have \\n \\r \\t \\\" and \\\\",
                     p->label, first_line, SLICE_ARG(key));
        return false;
    }
    return true;
}

static void add_entry(struct buf *entries, struct dotenv_entry entry)
{
    buf_append(entries, slice_of((const char *)&entry, sizeof(entry)));
}

// One line that is neither blank nor a comment, or several when its value is quoted.
static void parse_entry(struct parser *p, struct buf *entries)
{
    uint32_t line = p->line;
    skip_export(p);
    struct slice key = slice_of(p->rest.ptr, key_len(p->rest));
    skip(p, key.len);
    skip_blanks(p);
    if (key.len == 0 || p->rest.len == 0 || p->rest.ptr[0] != '=') {
        // What stands there may be a secret on a line of its own, so it is not shown.
        issues_error(p->issues, "%s:%u: not a line of the form NAME=value", p->label, line);
        take_line(p);
        return;
    }
    skip(p, 1);
    struct slice behind_equals = p->rest;
    skip_blanks(p);
    struct slice value;
    if (p->rest.len > 0 && (p->rest.ptr[0] == '"' || p->rest.ptr[0] == '\'')) {
        if (!parse_quoted(p, key, &value)) {
            return;
        }
    } else {
        p->rest = behind_equals;
        value = unquoted_value(take_line(p));
    }
    if (value.len > 0 && memchr(value.ptr, '\0', value.len)) {
        issues_error(p->issues, "%s:%u: the value of %.*s has a NUL byte", p->label, line, SLICE_ARG(key));
        return;
    }
    add_entry(entries, (struct dotenv_entry){key, value, line});
}

void dotenv_parse(struct dotenv *dotenv, struct arena *arena, struct slice text, const char *label,
                  struct issues *issues)
{
    struct parser p = {text, 1, label, arena, issues};
    struct slice byte_order_mark = SLICE("\xef\xbb\xbf");
    if (slice_starts_with(text, byte_order_mark)) {
        skip(&p, byte_order_mark.len);
    }
    struct buf entries = BUF_EMPTY;
    while (p.rest.len > 0) {
        skip_blanks(&p);
        if (p.rest.len == 0 || p.rest.ptr[0] == '\n' || p.rest.ptr[0] == '#') {
            take_line(&p);
        } else {
            parse_entry(&p, &entries);
        }
    }
    dotenv->n_entries = entries.len / sizeof(struct dotenv_entry);
    dotenv->entries = arena_alloc(arena, entries.len);
    if (entries.len > 0) {
        memcpy(dotenv->entries, entries.ptr, entries.len);
    }
    buf_deinit(&entries);
}

const struct dotenv_entry *dotenv_find(const struct dotenv *dotenv, struct slice key)
{
    for (size_t i = dotenv->n_entries; i-- > 0;) {
        if (slice_eq(dotenv->entries[i].key, key)) {
            return &dotenv->entries[i];
        }
    }
    return NULL;
}

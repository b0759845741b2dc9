// SPDX-License-Identifier: MIT
// Happy path: the last `"usage"` of the text is followed by an object of numbers, and by objects and lists of such; all
// of its figures are taken in one pass. What stands behind it proves that it is the answer's own: exactly one bracket
// is still open there, and it closes with the last byte of the text.
#include "dialect/usage_tail.h"

#include "dialect/dialect_internal.h"
#include "dialect/usage_scan.h"
#include "json/json_scan.h"

struct tail {
    const struct usage_grammar *grammar;
    const char *at;
    const char *end;
    int64_t figures[N_FIGURES];
    size_t rows[N_FIGURES]; // where each figure came from, plus 1: a later row counts more
};

// The next byte that is no space; 0 at the end.
static char peek(struct tail *tail)
{
    while (tail->at < tail->end && json_is_space(*tail->at)) {
        tail->at++;
    }
    return tail->at < tail->end ? *tail->at : (char)0;
}

static bool take(struct tail *tail, char c)
{
    if (peek(tail) != c) {
        return false;
    }
    tail->at++;
    return true;
}

// A string without escapes.
static bool take_string(struct tail *tail, struct slice *text_r)
{
    if (!take(tail, '"')) {
        return false;
    }
    const char *stop = json_skip_plain(tail->at, tail->end);
    *text_r = slice_of(tail->at, (size_t)(stop - tail->at));
    tail->at = stop;
    return take(tail, '"');
}

static void note(struct tail *tail, struct slice outer, struct slice name, int64_t value)
{
    for (size_t i = 0; i < tail->grammar->n_rows; i++) {
        const struct usage_row *row = &tail->grammar->rows[i];
        if (row->name.len == name.len && slice_eq(row->outer, outer) && slice_eq(row->name, name) &&
            i + 1 >= tail->rows[row->figure]) {
            tail->figures[row->figure] = value;
            tail->rows[row->figure] = i + 1;
        }
    }
}

// A whole number of at most twelve digits, or a word: true, false, null.
static bool take_plain(struct tail *tail, struct slice outer, struct slice name)
{
    const char *from = tail->at;
    int64_t value = 0;
    while (tail->at < tail->end && *tail->at >= '0' && *tail->at <= '9') {
        value = tail->at - from < 12 ? value * 10 + (*tail->at - '0') : value;
        tail->at++;
    }
    if (tail->at > from) {
        char next = peek(tail);
        bool is_count = tail->at - from <= 12 && (next == ',' || next == '}' || next == ']');
        if (is_count) {
            note(tail, outer, name, value);
        }
        return is_count;
    }
    while (tail->at < tail->end && *tail->at >= 'a' && *tail->at <= 'z') {
        tail->at++;
    }
    return tail->at > from;
}

// A list: nothing in it counts. The place behind it.
static bool skip_list(struct tail *tail)
{
    size_t depth = 0;
    struct slice ignored;
    while (tail->at < tail->end) {
        char c = *tail->at;
        if (c == '"') {
            if (!take_string(tail, &ignored)) {
                return false;
            }
            continue;
        }
        tail->at++;
        depth += c == '[' || c == '{';
        depth -= c == ']' || c == '}';
        if (depth == 0) {
            return true;
        }
    }
    return false;
}

// The usage object, and objects in it, one level deep.
static bool take_usage(struct tail *tail)
{
    struct slice outer = SLICE_EMPTY;
    struct slice name;
    struct slice text;
    bool is_inner = false;
    if (!take(tail, '{')) {
        return false;
    }
    for (;;) {
        char c = peek(tail);
        if (c == '}') {
            tail->at++;
            if (!is_inner) {
                return true;
            }
            is_inner = false;
            outer = SLICE_EMPTY;
            (void)take(tail, ',');
            continue;
        }
        if (!take_string(tail, &name) || !take(tail, ':')) {
            return false;
        }
        c = peek(tail);
        if (c == '{' && !is_inner) {
            tail->at++;
            is_inner = true;
            outer = name;
            continue;
        }
        bool is_taken = c == '"'   ? take_string(tail, &text)
                        : c == '[' ? skip_list(tail)
                                   : c != '{' && take_plain(tail, outer, name);
        if (!is_taken) {
            return false;
        }
        (void)take(tail, ',');
    }
}

static void ignore(void *arg, enum usage_scan_member member, struct slice value)
{
    (void)arg;
    (void)member;
    (void)value;
}

// Does what is left close one bracket, with its last byte?
static bool closes_the_answer(const struct usage_grammar *grammar, struct slice rest)
{
    struct usage_scan scan;
    while (rest.len && json_is_space(rest.ptr[rest.len - 1])) {
        rest.len--;
    }
    if (rest.len == 0) {
        return false;
    }
    usage_scan_init_within(&scan, grammar, 0);
    usage_scan_feed(&scan, slice_of(rest.ptr, rest.len - 1), ignore, NULL);
    bool is_early = scan.is_complete;
    usage_scan_feed(&scan, slice_of(rest.ptr + rest.len - 1, 1), ignore, NULL);
    usage_scan_deinit(&scan);
    return scan.is_complete && !is_early;
}

bool usage_tail_read(const struct usage_grammar *grammar, struct slice answer, int64_t *figures)
{
    struct slice quoted = grammar->quoted_usage_member;
    size_t at = slice_find_last(answer, quoted);
    if (at == SLICE_NOT_FOUND) {
        return false;
    }
    struct tail tail = {.grammar = grammar, .at = answer.ptr + at + quoted.len, .end = answer.ptr + answer.len};
    if (!take(&tail, ':') || !take_usage(&tail) ||
        !closes_the_answer(grammar, slice_of(tail.at, (size_t)(tail.end - tail.at)))) {
        return false;
    }
    for (size_t i = 0; i < N_FIGURES; i++) {
        figures[i] = tail.rows[i] ? tail.figures[i] : figures[i];
    }
    return true;
}

// SPDX-License-Identifier: MIT
#include "process/access_members.h"

enum kind { TEXT, NUMBER, MS };

// Names that are others in JSON, or whose values are no texts. All others are texts under their own names.
static const struct known {
    struct slice name;
    struct slice member;
    enum kind kind;
} known[] = {
    {SLICE_INIT("in"), SLICE_INIT("input_tokens"), NUMBER},
    {SLICE_INIT("out"), SLICE_INIT("output_tokens"), NUMBER},
    {SLICE_INIT("reasoning"), SLICE_INIT("thinking_tokens"), NUMBER},
    {SLICE_INIT("cache_read"), SLICE_INIT("cache_read_tokens"), NUMBER},
    {SLICE_INIT("cache_write"), SLICE_INIT("cache_creation_tokens"), NUMBER},
    {SLICE_INIT("attempts"), SLICE_INIT("attempts"), NUMBER},
    {SLICE_INIT("bad_events"), SLICE_INIT("bad_events"), NUMBER},
    {SLICE_INIT("bytes"), SLICE_INIT("bytes"), NUMBER},
    {SLICE_INIT("ttft"), SLICE_INIT("ttft_ms"), MS},
};

// Members that are there already.
static const struct slice taken[] = {SLICE_INIT("time"),    SLICE_INIT("level"),      SLICE_INIT("area"),
                                     SLICE_INIT("message"), SLICE_INIT("method"),     SLICE_INIT("path"),
                                     SLICE_INIT("status"),  SLICE_INIT("duration_ms")};

enum { PAIRS_MAX = 40 };

struct seen {
    struct slice names[PAIRS_MAX];
    size_t n;
};

// "12.3" of "12.3ms"; empty when it is something else.
static struct slice number_of_ms(struct slice text)
{
    struct slice rest = slice_ends_with(text, SLICE("ms")) ? slice_of(text.ptr, text.len - 2) : SLICE_EMPTY;
    struct slice number = rest;
    struct slice whole = slice_split(&rest, '.');
    uint64_t value;
    bool is_number = slice_to_u64(whole, &value) && (whole.len == 1 || whole.ptr[0] != '0');
    return is_number && (!rest.ptr || slice_to_u64(rest, &value)) ? number : SLICE_EMPTY;
}

static void write_value(struct json_writer *w, struct slice member, enum kind kind, struct slice value)
{
    struct slice ms = kind == MS ? number_of_ms(value) : SLICE_EMPTY;
    uint64_t number = 0;
    if (kind == NUMBER && slice_to_u64(value, &number) && number <= INT64_MAX) {
        json_member_int(w, member, (int64_t)number);
    } else if (ms.len) {
        json_key(w, member);
        json_write_raw(w, ms);
    } else if (kind == TEXT) {
        json_member_string(w, member, value);
    }
}

// ---- pairs ----------------------------------------------------------------------------------------------------------

static bool is_name(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((text.ptr[i] < 'a' || text.ptr[i] > 'z') && text.ptr[i] != '_') {
            return false;
        }
    }
    return text.len > 0;
}

static bool is_new(struct seen *seen, struct slice name)
{
    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
        if (slice_eq(name, taken[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < seen->n; i++) {
        if (slice_eq(name, seen->names[i])) {
            return false;
        }
    }
    if (seen->n == PAIRS_MAX) {
        return false;
    }
    seen->names[seen->n++] = name;
    return true;
}

// Takes a value: up to the next space, or between quotes.
static struct slice take_value(struct slice *rest)
{
    if (!slice_starts_with(*rest, SLICE("\""))) {
        return slice_split(rest, ' ');
    }
    *rest = slice_after(*rest, 1);
    struct slice value = slice_split(rest, '"');
    if (slice_starts_with(*rest, SLICE(" "))) {
        *rest = slice_after(*rest, 1);
    }
    return value;
}

static void write_pair(struct json_writer *w, struct seen *seen, struct slice name, struct slice value)
{
    struct known as = {name, name, TEXT};
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (slice_eq(name, known[i].name)) {
            as = known[i];
        }
    }
    if (is_name(name) && is_new(seen, as.member)) {
        write_value(w, as.member, as.kind, value);
    }
}

void access_members_write(struct json_writer *w, struct slice line)
{
    struct seen seen = {.n = 0};
    struct slice rest = line;
    struct slice method = slice_split(&rest, ' ');
    struct slice path = slice_split(&rest, ' ');
    struct slice status = slice_split(&rest, ' ');
    struct slice duration = slice_split(&rest, ' ');
    if (!number_of_ms(duration).len) {
        return;
    }
    write_value(w, SLICE("method"), TEXT, method);
    write_value(w, SLICE("path"), TEXT, path);
    write_value(w, SLICE("status"), NUMBER, status);
    write_value(w, SLICE("duration_ms"), MS, duration);
    while (rest.len) {
        size_t end = 0;
        while (end < rest.len && rest.ptr[end] != '=' && rest.ptr[end] != ' ') {
            end++;
        }
        struct slice name = slice_of(rest.ptr, end);
        bool is_pair = end < rest.len && rest.ptr[end] == '=';
        rest = slice_after(rest, end + 1);
        if (is_pair) {
            write_pair(w, &seen, name, take_value(&rest));
        }
    }
}

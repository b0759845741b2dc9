// SPDX-License-Identifier: MIT
#include "gateway/scrape_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

static bool is_name(struct slice name, bool is_label)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c == ':' && !is_label);
        if (!is_letter && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return name.len > 0;
}

struct slice scrape_take_label(struct scrape *s, struct slice *labels, struct slice *name_r)
{
    size_t equals = slice_find_char(*labels, '=');
    assert_true(equals != SLICE_NOT_FOUND && equals + 1 < labels->len && labels->ptr[equals + 1] == '"');
    *name_r = slice_of(labels->ptr, equals);
    assert_true(is_name(*name_r, true));
    char *value = arena_text(&s->arena, labels->len);
    size_t len = 0;
    size_t i = equals + 2;
    for (; i < labels->len && labels->ptr[i] != '"'; i++) {
        char c = labels->ptr[i];
        if (c == '\\') {
            c = ++i < labels->len ? labels->ptr[i] : '\0';
            assert_true(c == '\\' || c == '"' || c == 'n');
            c = c == 'n' ? '\n' : c;
        }
        value[len++] = c;
    }
    assert_true(i < labels->len); // the closing quote
    struct slice rest = slice_after(*labels, i + 1);
    assert_true(rest.len == 0 || (rest.ptr[0] == ',' && rest.len > 1));
    *labels = rest.len ? slice_after(rest, 1) : SLICE_EMPTY;
    return slice_of(value, len);
}

static double to_number(struct scrape *s, struct slice text)
{
    char *end;
    char *copy = arena_cstr(&s->arena, text);
    double value = strtod(copy, &end);
    assert_true(text.len > 0 && *end == '\0' && isfinite(value));
    return value;
}

static void end_histogram(struct scrape *s)
{
    assert_null(s->histogram.ptr); // it ended with its _count
}

// "# HELP name text" and, on the next line, "# TYPE name type".
static void read_comment(struct scrape *s, struct slice line, struct slice *rest)
{
    static const struct slice types[] = {SLICE_INIT("counter"), SLICE_INIT("gauge"), SLICE_INIT("histogram")};
    struct slice type_line = slice_split(rest, '\n');
    end_histogram(s);
    assert_true(slice_starts_with(line, SLICE("# HELP ")));
    line = slice_after(line, 7);
    s->family = slice_split(&line, ' ');
    assert_true(is_name(s->family, false));
    assert_true(line.len > 0);
    assert_true(slice_starts_with(type_line, SLICE("# TYPE ")));
    type_line = slice_after(type_line, 7);
    assert_true(slice_eq(slice_split(&type_line, ' '), s->family));
    size_t type = 0;
    while (!slice_eq(type_line, types[type])) {
        assert_true(++type < 3);
    }
    s->type = (enum family_type)type;
    assert_int_equal(s->type == FAMILY_COUNTER, slice_ends_with(s->family, SLICE("_total")));
    assert_null(map_set(&s->families, s->family, s)); // each once
}

// Buckets in rising order and cumulative, then the sum, then the count, which is that of the last bucket.
static void check_histogram(struct scrape *s, const struct sample *sample)
{
    struct slice suffix = slice_after(sample->name, s->family.len);
    if (slice_eq(suffix, SLICE("_bucket"))) {
        size_t le = slice_find(sample->labels, SLICE("le=\""));
        assert_true(le != SLICE_NOT_FOUND);
        struct slice others = slice_of(sample->labels.ptr, le ? le - 1 : 0);
        struct slice text = slice_after(sample->labels, le + 4);
        assert_true(slice_ends_with(text, SLICE("\"")));
        text.len--;
        double bound = slice_eq(text, SLICE("+Inf")) ? INFINITY : to_number(s, text);
        if (s->histogram.ptr) {
            assert_true(slice_eq(others, s->histogram));
            assert_true(bound > s->bound && sample->value >= s->n_below);
        }
        s->histogram = others;
        s->bound = bound;
        s->n_below = sample->value;
        return;
    }
    assert_non_null(s->histogram.ptr);
    assert_true(slice_eq(sample->labels, s->histogram));
    assert_true(isinf(s->bound));
    assert_true(sample->value >= 0);
    if (slice_eq(suffix, SLICE("_count"))) {
        assert_true(sample->value == s->n_below);
        s->histogram = SLICE_EMPTY;
    } else {
        assert_true(slice_eq(suffix, SLICE("_sum")));
    }
}

static void check_labels(struct scrape *s, struct slice labels)
{
    struct slice names[8];
    size_t n = 0;
    while (labels.len) {
        assert_true(n < 8);
        scrape_take_label(s, &labels, &names[n]);
        for (size_t i = 0; i < n; i++) {
            assert_false(slice_eq(names[i], names[n]));
        }
        n++;
    }
}

static void read_sample(struct scrape *s, struct slice line)
{
    struct sample *sample = arena_zalloc(&s->arena, sizeof(*sample));
    size_t brace = slice_find_char(line, '{');
    size_t end = line.len;
    while (end > 0 && line.ptr[end - 1] != ' ') {
        end--;
    }
    assert_true(end > 1);
    sample->series = slice_of(line.ptr, end - 1);
    sample->name = sample->series;
    sample->value = to_number(s, slice_after(line, end));
    if (brace != SLICE_NOT_FOUND) {
        sample->name.len = brace;
        assert_true(sample->series.ptr[end - 2] == '}');
        sample->labels = slice_of(line.ptr + brace + 1, end - brace - 3);
        assert_true(sample->labels.len > 0);
    }
    assert_true(is_name(sample->name, false));
    check_labels(s, sample->labels);
    if (map_set(&s->samples, sample->series, sample)) {
        fail_msg("there twice: %.*s", SLICE_ARG(sample->series));
    }
    if (s->type == FAMILY_HISTOGRAM) {
        assert_true(slice_starts_with(sample->name, s->family));
        check_histogram(s, sample);
    } else {
        assert_true(slice_eq(sample->name, s->family)); // of the family above, so none is torn apart
        assert_true(sample->value >= 0);
    }
}

void scrape_read_take(struct scrape *s, struct buf *text)
{
    *s = (struct scrape){.text = *text};
    *text = BUF_EMPTY;
    arena_init(&s->arena, 64 * 1024);
    map_init(&s->families);
    map_init(&s->samples);
    assert_true(s->text.len > 0 && s->text.ptr[s->text.len - 1] == '\n');
    for (struct slice rest = slice_of(s->text.ptr, s->text.len - 1); rest.ptr;) {
        struct slice line = slice_split(&rest, '\n');
        assert_true(line.len > 0);
        if (line.ptr[0] == '#') {
            read_comment(s, line, &rest);
        } else {
            read_sample(s, line);
        }
    }
    end_histogram(s);
}

void scrape_deinit(struct scrape *s)
{
    map_deinit(&s->families);
    map_deinit(&s->samples);
    arena_deinit(&s->arena);
    buf_deinit(&s->text);
}

double scrape_value(const struct scrape *s, const char *series)
{
    const struct sample *sample = map_find(&s->samples, slice_from_cstr(series));
    return sample ? sample->value : -1;
}

void scrape_assert_value(const struct scrape *s, const char *series, double expected)
{
    double value = scrape_value(s, series);
    if (fabs(value - expected) > 1e-6 * fabs(expected)) {
        fail_msg("%s is %g, not %g", series, value, expected);
    }
}

double scrape_sum(const struct scrape *s, const char *name)
{
    double sum = 0;
    size_t at = 0;
    for (const struct map_entry *e; (e = map_next(&s->samples, &at));) {
        const struct sample *sample = e->value;
        sum += slice_eq(sample->name, slice_from_cstr(name)) ? sample->value : 0;
    }
    return sum;
}

size_t scrape_n_series(const struct scrape *s, const char *name)
{
    size_t n = 0;
    size_t at = 0;
    for (const struct map_entry *e; (e = map_next(&s->samples, &at));) {
        n += slice_eq(((const struct sample *)e->value)->name, slice_from_cstr(name));
    }
    return n;
}

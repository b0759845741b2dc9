// SPDX-License-Identifier: MIT
// Providers disagree on how to say it, and nothing vouches for what they say: everything is read with saturation, and
// what cannot be read counts as not said.
#include "http/retry_hint.h"

#include "base/iso8601.h"
#include "http/http_date.h"

enum { NOT_SAID = -1 };

// Numbers are in thousandths.
#define NUMBER_WHOLE_MAX INT64_C(100000000000000)
// From here on a number of seconds is a time since 1970, and from there on it is in milliseconds.
#define EPOCH_S_MIN INT64_C(1000000000)
#define EPOCH_MS_MIN INT64_C(100000000000)

static int64_t clamped(int64_t ms)
{
    return ms < 0 ? 0 : ms < RETRY_HINT_MAX_MS ? ms : RETRY_HINT_MAX_MS;
}

static int64_t divided_up(int64_t value, int64_t divisor)
{
    return value <= 0 ? 0 : (value - 1) / divisor + 1;
}

static bool take_digit(struct slice *rest, int64_t *digit_r)
{
    if (rest->len == 0 || *rest->ptr < '0' || *rest->ptr > '9') {
        return false;
    }
    *digit_r = *rest->ptr - '0';
    *rest = slice_after(*rest, 1);
    return true;
}

// Digits behind the point, as thousandths; what is finer is rounded up.
static int64_t take_fraction(struct slice *rest)
{
    int64_t thousandths = 0;
    bool has_rest = false;
    int64_t unit = 100;
    for (int64_t digit; take_digit(rest, &digit); unit /= 10) {
        thousandths += digit * unit;
        has_rest = has_rest || (unit == 0 && digit > 0);
    }
    return thousandths + has_rest;
}

// "12", "0.25"
static bool take_number(struct slice *rest, int64_t *thousandths_r)
{
    int64_t digit;
    int64_t whole = 0;
    if (!take_digit(rest, &whole)) {
        return false;
    }
    while (take_digit(rest, &digit)) {
        whole = whole < NUMBER_WHOLE_MAX ? whole * 10 + digit : whole;
    }
    *thousandths_r = whole * 1000;
    if (rest->len > 0 && *rest->ptr == '.') {
        *rest = slice_after(*rest, 1);
        *thousandths_r += take_fraction(rest);
    }
    return true;
}

// Nothing but a number; below 0 it is 0.
static bool read_number(struct slice text, int64_t *thousandths_r)
{
    bool is_negative = slice_starts_with(text, SLICE("-"));
    int64_t thousandths;
    text = is_negative ? slice_after(text, 1) : text;
    if (!take_number(&text, &thousandths) || text.len > 0) {
        return false;
    }
    *thousandths_r = is_negative ? 0 : thousandths;
    return true;
}

// A number of these in thousandths, times `factor`, divided by `divisor`, is in milliseconds.
struct unit {
    struct slice name;
    int64_t factor;
    int64_t divisor;
};

static const struct unit *take_unit(struct slice *rest)
{
    static const struct unit units[] = {
        {SLICE_INIT("ns"), 1, 1000000000},
        {SLICE_INIT("us"), 1, 1000000},
        {SLICE_INIT("\xc2\xb5s"), 1, 1000000}, // U+00B5 and U+03BC look the same
        {SLICE_INIT("\xce\xbcs"), 1, 1000000},
        {SLICE_INIT("ms"), 1, 1000},
        {SLICE_INIT("s"), 1, 1},
        {SLICE_INIT("m"), 60, 1},
        {SLICE_INIT("h"), 60 * 60, 1},
        {SLICE_INIT("d"), 24 * 60 * 60, 1},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (slice_starts_with(*rest, units[i].name)) {
            *rest = slice_after(*rest, units[i].name.len);
            return &units[i];
        }
    }
    return NULL;
}

// "6m0s", "1.5s", "20ms"
static bool read_duration(struct slice text, int64_t *ms_r)
{
    int64_t sum = 0;
    do {
        int64_t thousandths;
        const struct unit *unit = take_number(&text, &thousandths) ? take_unit(&text) : NULL;
        if (!unit) {
            return false;
        }
        int64_t most = RETRY_HINT_MAX_MS * unit->divisor;
        int64_t in_units = thousandths < most ? thousandths : most;
        sum = clamped(sum + divided_up(in_units * unit->factor, unit->divisor));
    } while (text.len > 0);
    *ms_r = sum;
    return true;
}

static bool read_seconds(struct slice text, int64_t now_wall_ms, int64_t *ms_r)
{
    int64_t thousandths;
    if (!read_number(text, &thousandths)) {
        return false;
    }
    bool is_epoch = thousandths >= EPOCH_S_MIN * 1000;
    bool is_epoch_ms = thousandths >= EPOCH_MS_MIN * 1000;
    *ms_r = is_epoch_ms ? thousandths / 1000 - now_wall_ms : is_epoch ? thousandths - now_wall_ms : thousandths;
    return true;
}

static int64_t reset_ms(struct slice text, int64_t now_wall_ms)
{
    int64_t ms;
    int64_t at_ms;
    if (read_seconds(text, now_wall_ms, &ms) || read_duration(text, &ms)) {
        return clamped(ms);
    }
    if (iso8601_read(text, &at_ms) || http_date_read(text, now_wall_ms, &at_ms)) {
        return clamped(at_ms - now_wall_ms);
    }
    return NOT_SAID;
}

static int64_t retry_after_ms(struct slice text, int64_t now_wall_ms)
{
    int64_t ms;
    int64_t at_ms;
    if (read_number(text, &ms)) {
        return clamped(ms);
    }
    return http_date_read(text, now_wall_ms, &at_ms) ? clamped(at_ms - now_wall_ms) : NOT_SAID;
}

// The name of a field about a limit, cut where it says "reset".
struct reset_name {
    struct slice before;
    struct slice after;
};

static bool is_about_limits(struct slice name)
{
    return slice_starts_with_nocase(name, SLICE("x-ratelimit-")) ||
           slice_starts_with_nocase(name, SLICE("ratelimit-")) ||
           slice_starts_with_nocase(name, SLICE("anthropic-ratelimit-"));
}

static bool cut_reset_name(struct slice name, struct reset_name *cut_r)
{
    struct slice word = SLICE("-reset");
    if (!is_about_limits(name)) {
        return false;
    }
    for (size_t at = 0; at + word.len <= name.len; at++) {
        struct slice after = slice_after(name, at + word.len);
        if (slice_starts_with_nocase(slice_after(name, at), word) && (after.len == 0 || *after.ptr == '-')) {
            *cut_r = (struct reset_name){slice_of(name.ptr, at + 1), after};
            return true;
        }
    }
    return false;
}

// Is it the name with `word` where the other says "reset"?
static bool is_counterpart(struct slice name, const struct reset_name *cut, struct slice word)
{
    return name.len == cut->before.len + word.len + cut->after.len && slice_starts_with_nocase(name, cut->before) &&
           slice_starts_with_nocase(slice_after(name, cut->before.len), word) &&
           slice_eq_nocase(slice_after(name, cut->before.len + word.len), cut->after);
}

static bool is_used_up(const struct h1_field *fields, size_t n_fields, const struct reset_name *cut)
{
    for (size_t i = 0; i < n_fields; i++) {
        int64_t remaining;
        if (is_counterpart(fields[i].name, cut, SLICE("remaining")) && read_number(fields[i].value, &remaining) &&
            remaining == 0) {
            return true;
        }
        if (is_counterpart(fields[i].name, cut, SLICE("status")) &&
            slice_eq_nocase(fields[i].value, SLICE("rejected"))) {
            return true;
        }
    }
    return false;
}

static int64_t last_reset_ms(const struct h1_field *fields, size_t n_fields, int64_t now_wall_ms)
{
    int64_t last = NOT_SAID;
    for (size_t i = 0; i < n_fields; i++) {
        struct reset_name cut;
        if (cut_reset_name(fields[i].name, &cut) && is_used_up(fields, n_fields, &cut)) {
            int64_t ms = reset_ms(fields[i].value, now_wall_ms);
            last = ms > last ? ms : last;
        }
    }
    return last;
}

int64_t retry_hint_ms(const struct h1_field *fields, size_t n_fields, int64_t now_wall_ms)
{
    const struct h1_field *field = h1_find_field(fields, n_fields, HEADER_RETRY_AFTER_MS);
    int64_t ms;
    if (field && read_number(field->value, &ms)) {
        return clamped(divided_up(ms, 1000));
    }
    field = h1_find_field(fields, n_fields, HEADER_RETRY_AFTER);
    ms = field ? retry_after_ms(field->value, now_wall_ms) : NOT_SAID;
    return ms != NOT_SAID ? ms : last_reset_ms(fields, n_fields, now_wall_ms);
}

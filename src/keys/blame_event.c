// SPDX-License-Identifier: MIT
// Only members of the outermost object are looked at, and of the error that is found there: an answer may well have
// members named "error" further in, in the arguments of a tool.
#include "keys/blame_event.h"

#include <stdbool.h>
#include <stdint.h>

#include "keys/error_theme.h"

#define N_OF(array) (sizeof(array) / sizeof(*(array)))

// ---- finding members

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
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

// What is behind a string that begins at `s`; all of it where it does not end.
static struct slice after_string(struct slice s)
{
    size_t i = 1;
    while (i < s.len && s.ptr[i] != '"') {
        i += s.ptr[i] == '\\' ? 2 : 1;
    }
    return slice_after(s, i + 1);
}

// What is behind a value, whatever it is.
static struct slice after_value(struct slice s)
{
    size_t depth = 0;
    while (s.len) {
        char c = *s.ptr;
        if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
            break;
        }
        if (c == '"') {
            s = after_string(s);
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        s = slice_after(s, 1);
    }
    return s;
}

static struct slice between(struct slice from, struct slice rest)
{
    return trim(slice_of(from.ptr, from.len - rest.len));
}

// Of an object: a member's value as it is written; empty when there is none.
static struct slice find_member(struct slice object, struct slice quoted_name)
{
    struct slice s = trim(object);
    if (!slice_starts_with(s, SLICE("{"))) {
        return SLICE_EMPTY;
    }
    s = trim(slice_after(s, 1));
    while (slice_starts_with(s, SLICE("\""))) {
        struct slice rest = after_string(s);
        struct slice name = between(s, rest);
        rest = trim(rest);
        if (!slice_starts_with(rest, SLICE(":"))) {
            break;
        }
        s = trim(slice_after(rest, 1));
        rest = after_value(s);
        if (slice_eq(name, quoted_name)) {
            return between(s, rest);
        }
        s = trim(slice_after(rest, 1)); // behind the comma
    }
    return SLICE_EMPTY;
}

static struct slice unquote(struct slice value)
{
    bool is_string = value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"';
    return is_string ? slice_of(value.ptr + 1, value.len - 2) : value;
}

// ---- finding the error

static bool is_something(struct slice value)
{
    return value.len > 0 && (*value.ptr == '{' || (*value.ptr == '"' && value.len > 2));
}

// The object or the text in which an event says what went wrong; empty: nothing did.
static struct slice find_error(struct slice event)
{
    struct slice type = find_member(event, SLICE("\"type\""));
    struct slice error = find_member(event, SLICE("\"error\""));
    if (slice_eq(type, SLICE("\"response.failed\""))) {
        error = find_member(find_member(event, SLICE("\"response\"")), SLICE("\"error\""));
        return is_something(error) ? error : event;
    }
    if (is_something(error)) {
        return error;
    }
    bool is_error =
        slice_eq(type, SLICE("\"error\"")) || slice_eq(find_member(event, SLICE("\"object\"")), SLICE("\"error\""));
    return is_error ? event : SLICE_EMPTY;
}

// ---- what status it stands for

struct name {
    struct slice name;
    unsigned status;
};

// Codes, types and statuses of all dialects.
static const struct name NAMES[] = {
    {SLICE_INIT("invalid_request_error"), 400},
    {SLICE_INIT("invalid_request"), 400},
    {SLICE_INIT("invalid_prompt"), 400},
    {SLICE_INIT("invalid_argument"), 400},
    {SLICE_INIT("failed_precondition"), 400},
    {SLICE_INIT("out_of_range"), 400},
    {SLICE_INIT("bad_request"), 400},
    {SLICE_INIT("badrequesterror"), 400},
    {SLICE_INIT("context_length_exceeded"), 400},
    {SLICE_INIT("context_window_exceeded"), 400},
    {SLICE_INIT("exceed_context_size_error"), 400},
    {SLICE_INIT("content_filter"), 400},
    {SLICE_INIT("content_policy_violation"), 400},
    {SLICE_INIT("1261"), 400},
    {SLICE_INIT("authentication_error"), 401},
    {SLICE_INIT("invalid_api_key"), 401},
    {SLICE_INIT("unauthenticated"), 401},
    {SLICE_INIT("billing_error"), 402},
    {SLICE_INIT("payment_required"), 402},
    {SLICE_INIT("insufficient_balance"), 402},
    {SLICE_INIT("insufficient_credits"), 402},
    {SLICE_INIT("1113"), 402},
    {SLICE_INIT("permission_error"), 403},
    {SLICE_INIT("permission_denied"), 403},
    {SLICE_INIT("not_found_error"), 404},
    {SLICE_INIT("not_found"), 404},
    {SLICE_INIT("model_not_found"), 404},
    {SLICE_INIT("request_too_large"), 413},
    {SLICE_INIT("rate_limit_error"), 429},
    {SLICE_INIT("rate_limit_exceeded"), 429},
    {SLICE_INIT("rate_limit_reached"), 429},
    {SLICE_INIT("usage_limit_reached"), 429},
    {SLICE_INIT("insufficient_quota"), 429},
    {SLICE_INIT("resource_exhausted"), 429},
    {SLICE_INIT("too_many_requests"), 429},
    {SLICE_INIT("ratelimiterror"), 429},
    {SLICE_INIT("1302"), 429},
    {SLICE_INIT("1303"), 429},
    {SLICE_INIT("1304"), 429},
    {SLICE_INIT("1305"), 429},
    {SLICE_INIT("1308"), 429},
    {SLICE_INIT("api_error"), 500},
    {SLICE_INIT("server_error"), 500},
    {SLICE_INIT("internal_error"), 500},
    {SLICE_INIT("internal_server_error"), 500},
    {SLICE_INIT("internal"), 500},
    {SLICE_INIT("bad_gateway"), 502},
    {SLICE_INIT("unavailable"), 503},
    {SLICE_INIT("service_unavailable"), 503},
    {SLICE_INIT("service_unavailable_error"), 503},
    {SLICE_INIT("server_is_overloaded"), 503},
    {SLICE_INIT("slow_down"), 503},
    {SLICE_INIT("timeout_error"), 504},
    {SLICE_INIT("gateway_timeout"), 504},
    {SLICE_INIT("deadline_exceeded"), 504},
    {SLICE_INIT("overloaded_error"), 529},
    {SLICE_INIT("overloaded"), 529},
};

static unsigned status_of_name(struct slice name)
{
    uint64_t number;
    if (slice_to_u64(name, &number) && number >= 400 && number <= 599) {
        return (unsigned)number;
    }
    for (size_t i = 0; i < N_OF(NAMES); i++) {
        if (slice_eq_nocase(name, NAMES[i].name)) {
            return NAMES[i].status;
        }
    }
    return 0;
}

// The particular comes first: an error of type invalid_request_error may have the code invalid_api_key.
static unsigned status_of_members(struct slice error)
{
    static const struct slice MEMBERS[] = {
        SLICE_INIT("\"code\""),
        SLICE_INIT("\"status\""),
        SLICE_INIT("\"status_code\""),
        SLICE_INIT("\"type\""),
    };
    for (size_t i = 0; i < N_OF(MEMBERS); i++) {
        unsigned status = status_of_name(unquote(find_member(error, MEMBERS[i])));
        if (status) {
            return status;
        }
    }
    return 0;
}

static unsigned status_of_text(struct slice error)
{
    char low[ERROR_TEXT_MAX];
    struct error_reading reading = error_read(400, unquote(error), SLICE_EMPTY, low);
    if (error_is_about(&reading, ERROR_CREDIT)) {
        return 402;
    }
    if (error_is_about(&reading, ERROR_REFUSED)) {
        return 401;
    }
    return error_is_about(&reading, ERROR_LENGTH) ? 400 : 500;
}

unsigned blame_status_of_event(struct slice data)
{
    if (slice_find(data, SLICE("\"error\"")) == SLICE_NOT_FOUND &&
        slice_find(data, SLICE("\"response.failed\"")) == SLICE_NOT_FOUND) {
        return 0;
    }
    struct slice event = trim(data);
    if (slice_starts_with(event, SLICE("["))) {
        event = trim(slice_after(event, 1));
    }
    struct slice error = find_error(event);
    unsigned status = error.len ? status_of_members(error) : 0;
    return status || error.len == 0 ? status : status_of_text(error);
}

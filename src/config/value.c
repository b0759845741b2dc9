// SPDX-License-Identifier: MIT
#include "config/value.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>

#include "base/log.h"
#include "config/cidr.h"
#include "http/url.h"

enum { SHOWN_MAX = 80 };

static bool has_control_character(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c == 0x7f) {
            return true;
        }
    }
    return false;
}

static bool bool_from_text(struct slice text, bool *value_r)
{
    static const struct {
        const char *name;
        bool value;
    } names[] = {{"true", true},   {"1", true},  {"yes", true}, {"on", true},
                 {"false", false}, {"0", false}, {"no", false}, {"off", false}};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (slice_eq_nocase(text, slice_from_cstr(names[i].name))) {
            *value_r = names[i].value;
            return true;
        }
    }
    return false;
}

static bool integer_from_text(struct slice text, int64_t *value_r)
{
    bool is_negative = slice_starts_with(text, SLICE("-"));
    uint64_t magnitude;
    if (!slice_to_u64(is_negative ? slice_after(text, 1) : text, &magnitude) || magnitude > INT64_MAX) {
        return false;
    }
    *value_r = is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

static bool store_integer(const struct value_rule *rule, int64_t value, void *field_r)
{
    if (value < rule->min || value > rule->max) {
        return false;
    }
    if (rule->type == VALUE_U16) {
        *(uint16_t *)field_r = (uint16_t)value;
    } else if (rule->type == VALUE_U64) {
        *(uint64_t *)field_r = (uint64_t)value;
    } else if (rule->type == VALUE_I32) {
        *(int32_t *)field_r = (int32_t)value;
    } else {
        *(uint32_t *)field_r = (uint32_t)value;
    }
    return true;
}

static bool store_choice(const struct value_rule *rule, struct slice name, void *field_r)
{
    // Every enum of the configuration is as wide as this one.
    static_assert(sizeof(enum value_type) == sizeof(unsigned), "an enum is an unsigned");
    for (unsigned i = 0; rule->choices[i]; i++) {
        if (!slice_eq_nocase(name, slice_from_cstr(rule->choices[i]))) {
            continue;
        }
        if (rule->type == VALUE_SWITCH) {
            *(bool *)field_r = i == 1;
        } else {
            *(unsigned *)field_r = i;
        }
        return true;
    }
    return false;
}

static bool store_ratio(const struct json_doc *doc, const struct json_node *node, double *field_r)
{
    double value;
    if (!json_double(doc, node, &value) || value < 0 || value > 1) {
        return false;
    }
    *field_r = value;
    return true;
}

static bool ratio_from_text(struct slice text, double *field_r)
{
    struct json_doc doc;
    struct arena arena;
    arena_init(&arena, 256);
    bool is_valid = json_parse(&doc, &arena, text, NULL) == 0 && store_ratio(&doc, json_root(&doc), field_r);
    arena_deinit(&arena);
    return is_valid;
}

static bool is_address(struct slice text)
{
    char host[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (text.len == 0 || text.len >= sizeof(host) || memchr(text.ptr, '\0', text.len)) {
        return false;
    }
    memcpy(host, text.ptr, text.len);
    host[text.len] = '\0';
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static bool has_item(struct slice list)
{
    while (list.ptr) {
        if (slice_trim(slice_split(&list, ',')).len > 0) {
            return true;
        }
    }
    return false;
}

// Credentials do not belong into an address that is shown and logged, and a query would end up within the path.
static bool is_web_url(struct slice text)
{
    struct url url;
    return url_parse(&url, text) == 0 && url.userinfo.ptr == NULL && url.query.ptr == NULL;
}

static struct slice without_trailing_slashes(struct slice path)
{
    while (path.len > 1 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    return path;
}

static bool is_textual(const struct value_rule *rule)
{
    return rule->type >= VALUE_TEXT;
}

static bool is_secret(const struct value_rule *rule)
{
    return rule->type == VALUE_SECRET || rule->type == VALUE_SECRET_LIST;
}

static bool store_text(const struct value_rule *rule, struct slice text, struct arena *arena, void *field_r)
{
    static_assert(sizeof(struct cidr_list) <= VALUE_MAX_SIZE, "a list of ranges is a value");
    if (rule->type != VALUE_TEXT && has_control_character(text)) {
        return false;
    }
    if ((rule->type == VALUE_ADDRESS && !is_address(text)) || (rule->type == VALUE_SECRET_LIST && !has_item(text)) ||
        (rule->type == VALUE_WEB_URL && !is_web_url(text))) {
        return false;
    }
    if (rule->type == VALUE_CIDR_LIST) {
        return cidr_list_parse(text, arena, field_r);
    }
    bool is_path = rule->type == VALUE_PATH || rule->type == VALUE_WEB_URL;
    *(struct slice *)field_r = arena_dup(arena, is_path ? without_trailing_slashes(text) : text);
    return true;
}

bool value_from_text(const struct value_rule *rule, struct slice text, struct arena *arena, void *field_r)
{
    int64_t integer;
    if (is_textual(rule)) {
        return store_text(rule, text, arena, field_r);
    }
    text = slice_trim(text);
    if (rule->type == VALUE_BOOL) {
        return bool_from_text(text, field_r);
    }
    if (rule->type == VALUE_CHOICE || rule->type == VALUE_SWITCH) {
        return store_choice(rule, text, field_r);
    }
    if (rule->type == VALUE_RATIO) {
        return ratio_from_text(text, field_r);
    }
    return integer_from_text(text, &integer) && store_integer(rule, integer, field_r);
}

bool value_from_json(const struct value_rule *rule, const struct json_doc *doc, const struct json_node *node,
                     struct arena *arena, void *field_r)
{
    int64_t integer;
    bool is_bool = json_is(node, JSON_TRUE) || json_is(node, JSON_FALSE);
    bool is_choice = rule->type == VALUE_CHOICE || rule->type == VALUE_SWITCH;
    if (rule->type == VALUE_BOOL || (rule->type == VALUE_SWITCH && is_bool)) {
        if (is_bool) {
            *(bool *)field_r = json_is(node, JSON_TRUE);
        }
        return is_bool;
    }
    if (is_textual(rule) || is_choice) {
        if (!json_is(node, JSON_STRING)) {
            return false;
        }
        struct slice text = json_string(doc, node, arena);
        if (is_choice) {
            return store_choice(rule, text, field_r);
        }
        return text.len == 0 || store_text(rule, text, arena, field_r);
    }
    if (rule->type == VALUE_RATIO) {
        return store_ratio(doc, node, field_r);
    }
    return json_int64(doc, node, &integer) && store_integer(rule, integer, field_r);
}

static void describe_choices(const char *const *choices, struct buf *out)
{
    for (size_t i = 0; choices[i]; i++) {
        const char *separator = i == 0 ? "" : choices[i + 1] ? ", " : " or ";
        buf_printf(out, "%s%s", separator, choices[i]);
    }
}

void value_describe_rule(const struct value_rule *rule, struct buf *out)
{
    switch (rule->type) {
    case VALUE_BOOL: buf_append(out, SLICE("true or false")); break;
    case VALUE_U16:
    case VALUE_U32:
    case VALUE_U64:
    case VALUE_I32:
        buf_printf(out, "a whole number from %lld to %lld", (long long)rule->min, (long long)rule->max);
        break;
    case VALUE_CHOICE:
    case VALUE_SWITCH: describe_choices(rule->choices, out); break;
    case VALUE_RATIO: buf_append(out, SLICE("a number from 0 to 1")); break;
    case VALUE_TEXT: buf_append(out, SLICE("text")); break;
    case VALUE_LINE:
    case VALUE_SECRET: buf_append(out, SLICE("text without control characters")); break;
    case VALUE_URL: buf_append(out, SLICE("a URL")); break;
    case VALUE_WEB_URL: buf_append(out, SLICE("an http:// or https:// URL without credentials and query")); break;
    case VALUE_PATH: buf_append(out, SLICE("a path without control characters")); break;
    case VALUE_ADDRESS: buf_append(out, SLICE("an IPv4 or IPv6 address")); break;
    case VALUE_SECRET_LIST: buf_append(out, SLICE("keys separated by commas, without control characters")); break;
    case VALUE_CIDR_LIST: buf_append(out, SLICE("addresses or CIDR ranges separated by commas")); break;
    }
}

static void append_shortened(struct buf *out, struct slice text)
{
    buf_append(out, slice_of(text.ptr, text.len <= SHOWN_MAX ? text.len : SHOWN_MAX));
    if (text.len > SHOWN_MAX) {
        buf_append(out, SLICE("…"));
    }
}

// A URL without the parts where credentials are: user information, query and fragment. Works on whatever was given in
// place of a URL, too.
static void append_url(struct buf *out, struct slice url)
{
    size_t end = 0;
    while (end < url.len && url.ptr[end] != '?' && url.ptr[end] != '#') {
        end++;
    }
    size_t at = url.len;
    while (at > 0 && url.ptr[at - 1] != '@') {
        at--;
    }
    if (at > 0) {
        bool is_http = slice_starts_with_nocase(url, SLICE("http://"));
        buf_append(out, is_http                                            ? SLICE("http://…@")
                        : slice_starts_with_nocase(url, SLICE("https://")) ? SLICE("https://…@")
                                                                           : SLICE("…@"));
    }
    append_shortened(out, slice_of(url.ptr + at, end > at ? end - at : 0));
    if (end < url.len) {
        buf_append(out, SLICE("…"));
    }
}

void value_describe_text(const struct value_rule *rule, struct slice text, struct buf *out)
{
    char masked[LOG_MASK_SIZE];
    if (is_secret(rule)) {
        buf_append(out, slice_from_cstr(log_mask(text, masked)));
        return;
    }
    buf_append_char(out, '"');
    if (rule->type == VALUE_URL || rule->type == VALUE_WEB_URL) {
        append_url(out, text);
    } else {
        append_shortened(out, text);
    }
    buf_append_char(out, '"');
}

void value_describe_json(const struct value_rule *rule, const struct json_doc *doc, const struct json_node *node,
                         struct buf *out)
{
    struct arena arena;
    switch ((enum json_type)node->type) {
    case JSON_STRING:
        arena_init(&arena, 256);
        value_describe_text(rule, json_string(doc, node, &arena), out);
        arena_deinit(&arena);
        break;
    case JSON_NUMBER:
        if (is_secret(rule)) {
            buf_append(out, SLICE("a number"));
        } else {
            append_shortened(out, json_raw(doc, node));
        }
        break;
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE: buf_append(out, json_raw(doc, node)); break;
    case JSON_ARRAY: buf_append(out, SLICE("an array")); break;
    case JSON_OBJECT: buf_append(out, SLICE("an object")); break;
    }
}

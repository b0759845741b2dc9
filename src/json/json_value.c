// SPDX-License-Identifier: MIT
// What a tape is asked: members, elements, decoded strings and numbers. The text is valid here, so nothing fails on it.
#include <math.h>
#include <stdlib.h>

#include "json/json_reader.h"
#include "json/json_scan.h"
#include "json/utf8.h"

const struct json_node *json_get_path(const struct json_doc *doc, const struct json_node *object,
                                      const struct slice *names, size_t n_names)
{
    for (size_t i = 0; i < n_names; i++) {
        object = json_get(doc, object, names[i]);
    }
    return object;
}

// The node behind `child`, or the first one when `child` is NULL; NULL when the children of `parent` are through.
static const struct json_node *next_child(const struct json_doc *doc, const struct json_node *parent,
                                          const struct json_node *child)
{
    const struct json_node *next = child ? doc->nodes + child->next : parent + 1;
    return next < doc->nodes + parent->next ? next : NULL;
}

bool json_next_element(const struct json_doc *doc, const struct json_node *array, const struct json_node **value)
{
    if (!json_is(array, JSON_ARRAY)) {
        return false;
    }
    *value = next_child(doc, array, *value);
    return *value;
}

bool json_next_member(const struct json_doc *doc, const struct json_node *object, const struct json_node **key,
                      const struct json_node **value)
{
    if (!json_is(object, JSON_OBJECT)) {
        return false;
    }
    const struct json_node *name = next_child(doc, object, *value);
    if (key) {
        *key = name;
    }
    *value = name ? name + 1 : NULL;
    return name;
}

struct slice json_escaped(const struct json_doc *doc, const struct json_node *string)
{
    if (!json_is(string, JSON_STRING)) {
        return SLICE_EMPTY;
    }
    return slice_of(doc->text.ptr + string->start + 1, string->end - string->start - 2);
}

static uint32_t hex_value(const char *digits)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t c = (unsigned char)digits[i];
        value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

// The code point of the \u escape at *at, or of two of them that make a surrogate pair; moves *at behind.
static uint32_t decode_unicode_escape(const char **at, const char *end)
{
    uint32_t unit = hex_value(*at + 2);
    *at += 6;
    if (unit < 0xD800 || unit > 0xDFFF) {
        return unit;
    }
    if (unit < 0xDC00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        uint32_t low = hex_value(*at + 2);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *at += 6;
            return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    return 0xFFFD;
}

// Decodes the escape at *at and moves behind it; returns the number of bytes, which is less than the escape has.
static size_t decode_escape(const char **at, const char *end, char out[UTF8_MAX])
{
    char c = (*at)[1];
    if (c == 'u') {
        return utf8_encode(out, decode_unicode_escape(at, end));
    }
    *at += 2;
    out[0] = (char)(c == 'b' ? '\b' : c == 'f' ? '\f' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c);
    return 1;
}

// The part of *rest before the first backslash; *rest then begins with that, or is empty.
static struct slice take_plain(struct slice *rest)
{
    size_t len = slice_find_char(*rest, '\\');
    struct slice plain = slice_of(rest->ptr, len == SLICE_NOT_FOUND ? rest->len : len);
    *rest = slice_of(rest->ptr + plain.len, rest->len - plain.len);
    return plain;
}

struct slice json_unescape(struct slice escaped, struct arena *arena)
{
    if (slice_find_char(escaped, '\\') == SLICE_NOT_FOUND) {
        return escaped;
    }
    char *text = arena_text(arena, escaped.len);
    char *out = text;
    const char *end = escaped.ptr + escaped.len;
    while (escaped.len) {
        struct slice plain = take_plain(&escaped);
        memcpy(out, plain.ptr, plain.len);
        out += plain.len;
        if (escaped.len) {
            char bytes[UTF8_MAX];
            size_t n = decode_escape(&escaped.ptr, end, bytes);
            memcpy(out, bytes, n);
            out += n;
            escaped.len = (size_t)(end - escaped.ptr);
        }
    }
    return slice_of(text, (size_t)(out - text));
}

struct slice json_string(const struct json_doc *doc, const struct json_node *node, struct arena *arena)
{
    struct slice escaped = json_escaped(doc, node);
    return escaped.len && node->has_escapes ? json_unescape(escaped, arena) : escaped;
}

// Does *rest begin with `part`? Then it is taken off.
static bool take_prefix(struct slice *rest, struct slice part)
{
    if (!slice_starts_with(*rest, part)) {
        return false;
    }
    *rest = slice_after(*rest, part.len);
    return true;
}

static bool unescaped_is(struct slice escaped, struct slice text)
{
    const char *end = escaped.ptr + escaped.len;
    while (escaped.len) {
        if (!take_prefix(&text, take_plain(&escaped))) {
            return false;
        }
        if (escaped.len) {
            char bytes[UTF8_MAX];
            size_t n = decode_escape(&escaped.ptr, end, bytes);
            escaped.len = (size_t)(end - escaped.ptr);
            if (!take_prefix(&text, slice_of(bytes, n))) {
                return false;
            }
        }
    }
    return text.len == 0;
}

bool json_string_is(const struct json_doc *doc, const struct json_node *node, struct slice text)
{
    if (!json_is(node, JSON_STRING)) {
        return false;
    }
    struct slice escaped = json_escaped(doc, node);
    return node->has_escapes ? unescaped_is(escaped, text) : slice_eq(escaped, text);
}

// Keys hardly ever have escapes, and of those without most differ from the name in length already.
static inline bool is_named(const struct json_doc *doc, const struct json_node *key, struct slice name)
{
    if (key->end - key->start - 2 == name.len && !key->has_escapes) {
        return memcmp(doc->text.ptr + key->start + 1, name.ptr, name.len) == 0;
    }
    return key->has_escapes && unescaped_is(json_escaped(doc, key), name);
}

const struct json_node *json_find_member(const struct json_doc *doc, const struct json_node *object, struct slice name)
{
    const struct json_node *found = NULL;
    const struct json_node *end = doc->nodes + object->next;
    for (const struct json_node *key = object + 1; key < end; key = doc->nodes + key[1].next) {
        if (is_named(doc, key, name)) {
            found = key + 1;
        }
    }
    return found;
}

// Saturates where not even a text of 4 GiB could make up for it in zeros.
static int64_t read_exponent(struct slice text)
{
    const int64_t limit = (int64_t)1 << 40;
    int64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (json_is_digit(text.ptr[i]) && value < limit) {
            value = value * 10 + (text.ptr[i] - '0');
        }
    }
    return text.len && text.ptr[0] == '-' ? -value : value;
}

// *value × 10^n. False when that is too large: for a value other than 0 this is known after 20 steps at most.
static bool scale(uint64_t *value, int64_t n)
{
    for (; n > 0 && *value; n--) {
        if (__builtin_mul_overflow(*value, 10U, value)) {
            return false;
        }
    }
    return true;
}

// Reads the digits before the exponent as value × 10^exponent, such that `value` ends in another digit than 0.
static bool read_mantissa(struct slice digits, uint64_t *value, int64_t *exponent)
{
    bool is_fraction = false;
    int64_t n_zeros = 0; // seen, but not part of *value yet
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.ptr[i];
        *exponent -= is_fraction && json_is_digit(c);
        is_fraction |= c == '.';
        if (c == '0') {
            n_zeros++;
        } else if (json_is_digit(c)) {
            if (!scale(value, n_zeros + 1) || __builtin_add_overflow(*value, (uint64_t)(c - '0'), value)) {
                return false;
            }
            n_zeros = 0;
        }
    }
    *exponent += n_zeros;
    return true;
}

bool json_int64(const struct json_doc *doc, const struct json_node *node, int64_t *value_r)
{
    if (!json_is(node, JSON_NUMBER)) {
        return false;
    }
    struct slice mantissa = json_raw(doc, node);
    bool is_negative = mantissa.ptr[0] == '-';
    size_t len = 0;
    while (len < mantissa.len && (mantissa.ptr[len] | 0x20) != 'e') {
        len++;
    }
    int64_t exponent = read_exponent(slice_after(mantissa, len + 1));
    uint64_t value = 0;
    mantissa.len = len;
    if (!read_mantissa(mantissa, &value, &exponent) || (value && exponent < 0) || !scale(&value, exponent)) {
        return false;
    }
    if (value > (uint64_t)INT64_MAX + is_negative) {
        return false;
    }
    *value_r = (int64_t)(is_negative ? 0 - value : value);
    return true;
}

bool json_double(const struct json_doc *doc, const struct json_node *node, double *value_r)
{
    if (!json_is(node, JSON_NUMBER)) {
        return false;
    }
    struct slice raw = json_raw(doc, node);
    char small[128];
    char *text = raw.len < sizeof(small) ? small : mem_alloc(raw.len + 1);
    memcpy(text, raw.ptr, raw.len);
    text[raw.len] = '\0';
    double value = strtod(text, NULL);
    if (text != small) {
        mem_free(text);
    }
    if (!isfinite(value)) {
        return false;
    }
    *value_r = value;
    return true;
}

void json_position(struct slice text, size_t offset, size_t *line_r, size_t *column_r)
{
    size_t line = 1;
    size_t line_start = 0;
    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    *line_r = line;
    *column_r = offset - line_start + 1;
}

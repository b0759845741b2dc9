// SPDX-License-Identifier: MIT
#include "http/h1_fields.h"

#include "http/h1_char.h"

bool h1_take_line(struct slice *rest, struct slice *line_r)
{
    const char *end = rest->ptr + rest->len;
    const char *eol = h1_find_control(rest->ptr, end);
    if (end - eol < 2 || eol[0] != '\r' || eol[1] != '\n') {
        return false;
    }
    *line_r = slice_of(rest->ptr, (size_t)(eol - rest->ptr));
    *rest = slice_of(eol + 2, (size_t)(end - eol - 2));
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

enum h1_result h1_parse_version(struct slice text, uint8_t *minor_version_r)
{
    if (text.len != 8 || memcmp(text.ptr, "HTTP/", 5) != 0 || !is_digit(text.ptr[5]) || text.ptr[6] != '.' ||
        !is_digit(text.ptr[7])) {
        return H1_BAD_SYNTAX;
    }
    if (text.ptr[5] != '1' || text.ptr[7] > '1') {
        return H1_BAD_VERSION;
    }
    *minor_version_r = (uint8_t)(text.ptr[7] - '0');
    return H1_OK;
}

static enum h1_result set_content_length(struct h1_fields *fields, struct slice value)
{
    uint64_t length = 0;
    if (fields->content_length != H1_NO_LENGTH || !slice_to_u64(value, &length) || length > INT64_MAX) {
        return H1_BAD_FRAMING;
    }
    fields->content_length = (int64_t)length;
    return H1_OK;
}

static enum h1_result set_transfer_encoding(struct h1_fields *fields, struct slice value)
{
    if (fields->is_chunked || !slice_eq_nocase(value, SLICE("chunked"))) {
        return H1_BAD_FRAMING;
    }
    fields->is_chunked = true;
    return H1_OK;
}

static void add_connection_options(struct h1_fields *fields, struct slice value)
{
    while (value.len > 0) {
        struct slice option = slice_trim(slice_split(&value, ','));
        fields->is_close |= slice_eq_nocase(option, SLICE("close"));
        fields->is_keep_alive |= slice_eq_nocase(option, SLICE("keep-alive"));
    }
}

static enum h1_result heed(struct h1_fields *fields, const struct h1_field *field)
{
    if (field->id == HEADER_CONTENT_LENGTH) {
        return set_content_length(fields, field->value);
    }
    if (field->id == HEADER_TRANSFER_ENCODING) {
        return set_transfer_encoding(fields, field->value);
    }
    if (field->id == HEADER_HOST) {
        fields->host = field->value;
        fields->n_hosts++;
    } else if (field->id == HEADER_CONNECTION) {
        add_connection_options(fields, field->value);
    } else if (field->id == HEADER_EXPECT) {
        fields->expects_continue |= slice_eq_nocase(field->value, SLICE("100-continue"));
    }
    return H1_OK;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

// Nearly always there is one space in front and nothing at the end.
static struct slice trim(struct slice value)
{
    if (value.len > 0 && value.ptr[0] == ' ') {
        value = slice_of(value.ptr + 1, value.len - 1);
    }
    bool is_trimmed = value.len == 0 || (!is_space(value.ptr[0]) && !is_space(value.ptr[value.len - 1]));
    return is_trimmed ? value : slice_trim(value);
}

// Takes one field line: a token, the colon right behind it, and a value that ends with the line.
static bool take_field(struct slice *rest, struct h1_field *field)
{
    const char *end = rest->ptr + rest->len;
    const char *colon = h1_find_token_end(rest->ptr, end);
    if (colon == end || *colon != ':' || colon == rest->ptr) {
        return false;
    }
    field->name = slice_of(rest->ptr, (size_t)(colon - rest->ptr));
    *rest = slice_of(colon + 1, (size_t)(end - colon - 1));
    if (!h1_take_line(rest, &field->value)) {
        return false;
    }
    field->value = trim(field->value);
    field->id = header_name_of(field->name);
    return true;
}

enum h1_result h1_parse_fields(struct h1_fields *fields, struct slice rest, unsigned minor_version,
                               const struct h1_limits *limits)
{
    *fields = (struct h1_fields){.fields = fields->fields, .content_length = H1_NO_LENGTH};
    while (rest.len > 0 && rest.ptr[0] != '\r') {
        if (fields->n_fields == limits->fields_max) {
            return H1_HEAD_LARGE;
        }
        struct h1_field *field = &fields->fields[fields->n_fields];
        if (!take_field(&rest, field)) {
            return H1_BAD_SYNTAX;
        }
        enum h1_result r = heed(fields, field);
        if (r != H1_OK) {
            return r;
        }
        fields->n_fields++;
    }
    if (!slice_eq(rest, SLICE("\r\n"))) {
        return H1_BAD_SYNTAX;
    }
    // RFC 9112 §6.1: whoever reads only one of the two, or does not know the coding at all, sees another end.
    if (fields->is_chunked && (fields->content_length != H1_NO_LENGTH || minor_version == 0)) {
        return H1_BAD_FRAMING;
    }
    return H1_OK;
}

bool h1_fields_keep_alive(const struct h1_fields *fields, unsigned minor_version)
{
    return !fields->is_close && (minor_version > 0 || fields->is_keep_alive);
}

const struct h1_field *h1_find_field(const struct h1_field *fields, size_t n_fields, enum header_name id)
{
    for (size_t i = 0; i < n_fields; i++) {
        if (fields[i].id == id) {
            return &fields[i];
        }
    }
    return NULL;
}

void h1_write_field(struct buf *out, struct slice name, struct slice value)
{
    buf_append(out, name);
    buf_append(out, SLICE(": "));
    buf_append(out, value);
    buf_append(out, SLICE("\r\n"));
}

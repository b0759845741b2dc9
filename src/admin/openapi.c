// SPDX-License-Identifier: MIT
// The admin API as an OpenAPI 3.1 document, out of the table of routes and their shapes: it tells what the server does.
#include "admin/reply.h"
#include "admin/router.h"
#include "admin/shape.h"

static struct slice pattern_of(const struct admin_route *route)
{
    return slice_from_cstr(route->pattern);
}

static bool has_id(const struct admin_route *route)
{
    return slice_find(pattern_of(route), SLICE("{id}")) != SLICE_NOT_FOUND;
}

static struct slice in_small_letters(struct arena *arena, const char *text)
{
    char *copy = arena_cstr(arena, slice_from_cstr(text));
    for (char *c = copy; *c; c++) {
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
    }
    return slice_from_cstr(copy);
}

// ---- one operation --------------------------------------------------------------------------------------------------

// "get_admin_keys_id": what generators of clients name their functions after.
static void write_operation_id(struct json_writer *w, struct arena *arena, const struct admin_route *route)
{
    struct slice method = in_small_letters(arena, http_method_text(route->method));
    struct slice id = arena_printf(arena, "%.*s%s", SLICE_ARG(method), route->pattern);
    char *text = arena_cstr(arena, id);
    size_t len = 0;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (c != '{' && c != '}') {
            text[len++] = (char)(c == '/' || c == '-' || c == '.' ? '_' : c);
        }
    }
    json_member_string(w, SLICE("operationId"), slice_of(text, len));
}

// The part of the API: "keys" of "/admin/keys/{id}".
static void write_tags(struct json_writer *w, const struct admin_route *route)
{
    struct slice rest = slice_after(pattern_of(route), sizeof("/admin/") - 1);
    json_key(w, SLICE("tags"));
    json_begin_array(w);
    json_write_string(w, slice_split(&rest, '/'));
    json_end_array(w);
}

static void write_id_parameter(struct json_writer *w)
{
    json_write_raw(w, SLICE("{\"name\":\"id\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}}"));
}

static void write_parameters(struct json_writer *w, const struct admin_route *route)
{
    json_key(w, SLICE("parameters"));
    json_begin_array(w);
    if (has_id(route)) {
        write_id_parameter(w);
    }
    if (route->query) {
        shape_write_parameters(w, route->query);
    }
    json_end_array(w);
}

static bool is_body_required(const struct shape *shape)
{
    for (const struct shape_member *member = shape->members; member && member->name; member++) {
        if (member->is_required) {
            return true;
        }
    }
    return false;
}

static void write_request_body(struct json_writer *w, const struct shape *shape)
{
    json_key(w, SLICE("requestBody"));
    json_begin_object(w);
    json_member_bool(w, SLICE("required"), is_body_required(shape));
    json_key(w, SLICE("content"));
    json_begin_object(w);
    json_key(w, SLICE("application/json"));
    json_begin_object(w);
    json_key(w, SLICE("schema"));
    shape_write_schema(w, shape);
    json_end_object(w);
    json_end_object(w);
    json_end_object(w);
}

static void write_reference(struct json_writer *w, const char *status, const char *response)
{
    json_key(w, slice_from_cstr(status));
    json_begin_object(w);
    json_key(w, SLICE("$ref"));
    json_write_string(w, slice_from_cstr(response));
    json_end_object(w);
}

static void write_success(struct json_writer *w, const struct admin_route *route)
{
    json_key(w, SLICE("200"));
    if (!route->media) {
        json_write_raw(w, SLICE("{\"$ref\":\"#/components/responses/Success\"}"));
        return;
    }
    json_begin_object(w);
    json_member_string(w, SLICE("description"), SLICE("Not in an envelope"));
    json_key(w, SLICE("content"));
    json_begin_object(w);
    json_key(w, slice_from_cstr(route->media));
    json_write_raw(w, SLICE("{}"));
    json_end_object(w);
    json_end_object(w);
}

static void write_responses(struct json_writer *w, const struct admin_route *route)
{
    static const char failure[] = "#/components/responses/Failure";
    json_key(w, SLICE("responses"));
    json_begin_object(w);
    write_success(w, route);
    if (route->body || route->query) {
        write_reference(w, "400", failure);
    }
    write_reference(w, "401", failure);
    write_reference(w, "403", failure);
    if (has_id(route)) {
        write_reference(w, "404", failure);
    }
    if (route->body) {
        write_reference(w, "409", failure);
        write_reference(w, "413", failure);
    }
    write_reference(w, "429", "#/components/responses/TooManyFailures");
    write_reference(w, "503", failure);
    write_reference(w, "default", failure);
    json_end_object(w);
}

static void write_operation(struct json_writer *w, struct arena *arena, const struct admin_route *route)
{
    json_key(w, in_small_letters(arena, http_method_text(route->method)));
    json_begin_object(w);
    write_operation_id(w, arena, route);
    if (route->summary) {
        json_member_string(w, SLICE("summary"), slice_from_cstr(route->summary));
    }
    write_tags(w, route);
    write_parameters(w, route);
    if (route->body) {
        write_request_body(w, route->body);
    }
    write_responses(w, route);
    json_end_object(w);
}

// ---- the document ---------------------------------------------------------------------------------------------------

static bool is_told_before(const struct admin_route *routes, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (slice_eq(pattern_of(&routes[i]), pattern_of(&routes[at]))) {
            return true;
        }
    }
    return false;
}

static void write_paths(struct json_writer *w, struct arena *arena)
{
    size_t n;
    const struct admin_route *routes = router_routes(&n);
    json_key(w, SLICE("paths"));
    json_begin_object(w);
    for (size_t first = 0; first < n; first++) {
        if (is_told_before(routes, first)) {
            continue;
        }
        json_key(w, pattern_of(&routes[first]));
        json_begin_object(w);
        for (size_t i = first; i < n; i++) {
            if (slice_eq(pattern_of(&routes[i]), pattern_of(&routes[first]))) {
                write_operation(w, arena, &routes[i]);
            }
        }
        json_end_object(w);
    }
    json_end_object(w);
}

static const struct slice components = SLICE_INIT(
    "{\"securitySchemes\":{"
    "\"adminKey\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"x-admin-key\"},"
    "\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"}},"
    "\"schemas\":{"
    "\"Success\":{\"type\":\"object\",\"required\":[\"success\",\"data\"],\"properties\":{"
    "\"success\":{\"const\":true},\"data\":{},\"message\":{\"type\":\"string\"}}},"
    "\"Failure\":{\"type\":\"object\",\"required\":[\"success\",\"error\",\"message\"],\"properties\":{"
    "\"success\":{\"const\":false},\"error\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"}}}},"
    "\"responses\":{"
    "\"Success\":{\"description\":\"Done\",\"content\":{\"application/json\":{"
    "\"schema\":{\"$ref\":\"#/components/schemas/Success\"}}}},"
    "\"Failure\":{\"description\":\"Nothing was changed; the message says why\",\"content\":{\"application/json\":{"
    "\"schema\":{\"$ref\":\"#/components/schemas/Failure\"}}}},"
    "\"TooManyFailures\":{\"description\":\"Too many wrong admin keys came from this address\",\"headers\":{"
    "\"retry-after\":{\"description\":\"Seconds\",\"schema\":{\"type\":\"integer\"}}},"
    "\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/Failure\"}}}}}}");

static void write_info(struct json_writer *w)
{
    json_key(w, SLICE("info"));
    json_begin_object(w);
    json_member_string(w, SLICE("title"), SLICE("droid2api admin API"));
    json_member_string(w, SLICE("version"), slice_from_cstr(DROID2API_VERSION));
    json_key(w, SLICE("license"));
    json_write_raw(w, SLICE("{\"name\":\"MIT\",\"identifier\":\"MIT\"}"));
    json_end_object(w);
}

void openapi_show(struct admin_exchange *x)
{
    struct buf document = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &document);
    json_begin_object(&w);
    json_member_string(&w, SLICE("openapi"), SLICE("3.1.0"));
    write_info(&w);
    json_key(&w, SLICE("security"));
    json_write_raw(&w, SLICE("[{\"adminKey\":[]},{\"bearer\":[]}]"));
    write_paths(&w, admin_arena(x));
    json_key(&w, SLICE("components"));
    json_write_raw(&w, components);
    json_end_object(&w);
    reply_send_raw(x, &document);
}

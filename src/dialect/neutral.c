// SPDX-License-Identifier: MIT
#include "dialect/neutral.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "json/json_scan.h"

// ---- lists

struct neutral_part *neutral_part_new(struct arena *arena, enum part_kind kind, const struct json_node *at)
{
    struct neutral_part *part = arena_zalloc(arena, sizeof(*part));
    part->kind = kind;
    part->at = at;
    return part;
}

struct neutral_part *neutral_text_new(struct arena *arena, struct slice escaped, const struct json_node *at)
{
    struct neutral_part *part = neutral_part_new(arena, PART_TEXT, at);
    part->text = escaped;
    return part;
}

struct neutral_turn *neutral_turn_new(struct arena *arena, enum turn_role role, const struct json_node *at)
{
    struct neutral_turn *turn = arena_zalloc(arena, sizeof(*turn));
    turn->role = role;
    turn->at = at;
    return turn;
}

struct neutral_tool *neutral_tool_new(struct arena *arena, enum tool_kind kind, const struct json_node *at)
{
    struct neutral_tool *tool = arena_zalloc(arena, sizeof(*tool));
    tool->kind = kind;
    tool->at = at;
    return tool;
}

void neutral_request_init(struct neutral_request *req, enum dialect origin, const struct json_doc *doc)
{
    *req = (struct neutral_request){
        .origin = origin,
        .doc = doc,
        .max_output = -1,
        .n_candidates = -1,
        .top_logprobs = -1,
        .thinking = {.budget = -1},
    };
}

static int compare_names(struct slice a, struct slice b)
{
    int order = memcmp(a.ptr ? a.ptr : "", b.ptr ? b.ptr : "", a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_full_names(struct slice a, struct slice a_space, struct slice b, struct slice b_space)
{
    int order = compare_names(a, b);
    return order ? order : compare_names(a_space, b_space);
}

static int compare_tools(const void *a, const void *b)
{
    const struct neutral_tool *const *left = a;
    const struct neutral_tool *const *right = b;
    int order = compare_full_names((*left)->name, (*left)->name_space, (*right)->name, (*right)->name_space);
    return order ? order : ((*left)->nth > (*right)->nth) - ((*left)->nth < (*right)->nth);
}

void neutral_index_tools(struct arena *arena, struct neutral_request *req)
{
    size_t n = 0;
    for (struct neutral_tool *tool = req->tools; tool; tool = tool->next) {
        tool->nth = n++;
    }
    req->tools_by_name = arena_alloc(arena, (n + 1) * sizeof(*req->tools_by_name));
    req->n_tools_by_name = n;
    for (struct neutral_tool *tool = req->tools; tool; tool = tool->next) {
        req->tools_by_name[tool->nth] = tool;
    }
    qsort(req->tools_by_name, n, sizeof(*req->tools_by_name), compare_tools);
}

// The place of the first tool that does not come before these names.
static size_t lower_bound(const struct neutral_request *req, struct slice name_space, struct slice name)
{
    size_t from = 0;
    size_t to = req->n_tools_by_name;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        const struct neutral_tool *tool = req->tools_by_name[middle];
        if (compare_full_names(tool->name, tool->name_space, name, name_space) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

static bool is_in(const struct neutral_tool *tool, struct slice name_space)
{
    return !name_space.ptr || slice_eq(tool->name_space, name_space);
}

const struct neutral_tool *neutral_find_tool(const struct neutral_request *req, struct slice name_space,
                                             struct slice name)
{
    if (req->tools_by_name) {
        size_t i = lower_bound(req, name_space, name);
        const struct neutral_tool *tool = i < req->n_tools_by_name ? req->tools_by_name[i] : NULL;
        return tool && slice_eq(tool->name, name) && is_in(tool, name_space) ? tool : NULL;
    }
    for (const struct neutral_tool *tool = req->tools; tool; tool = tool->next) {
        if (slice_eq(tool->name, name) && is_in(tool, name_space)) {
            return tool;
        }
    }
    return NULL;
}

bool neutral_choice_names(const struct tool_choice *choice, const struct neutral_tool *tool)
{
    for (size_t i = 0; i < choice->n_tools; i++) {
        if (choice->tools[i] == tool) {
            return true;
        }
    }
    return false;
}

// ---- what decoders have in common

const struct json_node *neutral_member(const struct json_doc *doc, const struct json_node *object, struct slice name)
{
    const struct json_node *value = json_get(doc, object, name);
    return json_is(value, JSON_NULL) ? NULL : value;
}

struct slice neutral_escaped(const struct json_doc *doc, const struct json_node *node)
{
    return json_escaped(doc, node);
}

enum tri neutral_tri(const struct json_node *node)
{
    return json_is(node, JSON_TRUE) ? TRI_TRUE : json_is(node, JSON_FALSE) ? TRI_FALSE : TRI_UNSET;
}

struct effort_row {
    struct slice word;
    int64_t budget;
};

// Conventions of gateways, not facts of providers. A budget decodes to the first level that is not below it.
static const struct effort_row EFFORTS[] = {
    [EFFORT_UNSET] = {SLICE_INIT(""), -1},           [EFFORT_NONE] = {SLICE_INIT("none"), 0},
    [EFFORT_MINIMAL] = {SLICE_INIT("minimal"), 512}, [EFFORT_LOW] = {SLICE_INIT("low"), 1024},
    [EFFORT_MEDIUM] = {SLICE_INIT("medium"), 8192},  [EFFORT_HIGH] = {SLICE_INIT("high"), 24576},
    [EFFORT_XHIGH] = {SLICE_INIT("xhigh"), 32768},   [EFFORT_MAX] = {SLICE_INIT("max"), 128000},
};

enum effort neutral_effort(struct slice word)
{
    for (enum effort effort = EFFORT_NONE; effort <= EFFORT_MAX; effort++) {
        if (slice_eq(EFFORTS[effort].word, word)) {
            return effort;
        }
    }
    return EFFORT_UNSET;
}

const char *neutral_effort_word(enum effort effort)
{
    assert(effort != EFFORT_UNSET);
    return EFFORTS[effort].word.ptr;
}

int64_t neutral_budget_of(enum effort effort)
{
    assert(effort != EFFORT_UNSET);
    return EFFORTS[effort].budget;
}

enum effort neutral_effort_of(int64_t budget)
{
    enum effort effort = EFFORT_NONE;
    while (effort < EFFORT_MAX && budget > EFFORTS[effort].budget) {
        effort++;
    }
    return effort;
}

// ---- media

struct signature {
    struct slice base64;
    struct slice mime_type;
};

// The first bytes of files, as base64 shows them.
static const struct signature SIGNATURES[] = {
    {SLICE_INIT("iVBORw0KGg"), SLICE_INIT("image/png")}, {SLICE_INIT("/9j/"), SLICE_INIT("image/jpeg")},
    {SLICE_INIT("\\/9j\\/"), SLICE_INIT("image/jpeg")}, // some writers of JSON escape the slash
    {SLICE_INIT("R0lGOD"), SLICE_INIT("image/gif")},     {SLICE_INIT("JVBERi0"), SLICE_INIT("application/pdf")},
};

struct slice neutral_sniff(struct slice base64)
{
    for (size_t i = 0; i < sizeof(SIGNATURES) / sizeof(SIGNATURES[0]); i++) {
        if (slice_starts_with(base64, SIGNATURES[i].base64)) {
            return SIGNATURES[i].mime_type;
        }
    }
    // RIFF, four bytes of length, WEBP.
    bool is_webp = base64.len >= 16 && slice_starts_with(base64, SLICE("UklGR")) &&
                   slice_eq(slice_of(base64.ptr + 11, 5), SLICE("XRUJQ"));
    return is_webp ? SLICE("image/webp") : SLICE_EMPTY;
}

static bool is_mime_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("/+-.!#$&^_", c));
}

struct slice neutral_mime_type(struct arena *arena, struct slice given)
{
    if (!given.len) {
        return SLICE_EMPTY;
    }
    char *lower = arena_text(arena, given.len);
    for (size_t i = 0; i < given.len; i++) {
        char c = given.ptr[i];
        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    struct slice name = slice_of(lower, given.len);
    return slice_eq(name, SLICE("image/jpg")) ? SLICE("image/jpeg") : name;
}

// Of a data URL: without parameters; ptr NULL when it is none.
static struct slice read_mime_type(struct arena *arena, struct slice media_type)
{
    struct slice name = neutral_mime_type(arena, slice_trim(slice_split(&media_type, ';')));
    for (size_t i = 0; i < name.len; i++) {
        if (!is_mime_char(name.ptr[i])) {
            return SLICE_EMPTY;
        }
    }
    return name.len && slice_find_char(name, '/') != SLICE_NOT_FOUND ? name : SLICE_EMPTY;
}

static int hex_value(char c)
{
    char lower = (char)(c | 0x20);
    return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Percent signs that code nothing stay, as browsers do it.
static struct slice decode_percent(struct arena *arena, struct slice text)
{
    if (slice_find_char(text, '%') == SLICE_NOT_FOUND) {
        return text;
    }
    char *out = arena_text(arena, text.len);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool is_coded = text.ptr[i] == '%' && text.len - i > 2 && hex_value(text.ptr[i + 1]) >= 0 &&
                        hex_value(text.ptr[i + 2]) >= 0;
        out[len++] = is_coded ? (char)(hex_value(text.ptr[i + 1]) * 16 + hex_value(text.ptr[i + 2])) : text.ptr[i];
        i += is_coded ? 2 : 0;
    }
    return slice_of(out, len);
}

// Base64 as a JSON string may hold it: what means something there is refused, but line breaks are left out.
static bool clean_base64(struct arena *arena, struct slice *data)
{
    const char *end = data->ptr + data->len;
    if (json_skip_plain_ascii(data->ptr, end) == end && slice_find_char(*data, ' ') == SLICE_NOT_FOUND) {
        return true;
    }
    char *out = arena_text(arena, data->len);
    size_t len = 0;
    for (const char *at = data->ptr; at < end; at++) {
        if (*at != ' ' && *at != '\t' && *at != '\r' && *at != '\n') {
            out[len++] = *at;
        }
    }
    *data = slice_of(out, len);
    return json_skip_plain_ascii(out, out + len) == out + len;
}

static struct slice encode_base64(struct arena *arena, struct slice bytes)
{
    char *out = arena_text(arena, base64_encoded_len(bytes.len));
    return slice_of(out, base64_encode(out, bytes));
}

bool neutral_read_data_url(struct arena *arena, struct slice url, struct media *media_r)
{
    if (!slice_starts_with_nocase(url, SLICE("data:"))) {
        return false;
    }
    struct slice data = slice_after(json_unescape(url, arena), sizeof("data:") - 1);
    struct slice media_type = slice_split(&data, ',');
    if (!data.ptr) {
        return false; // no comma
    }
    data = decode_percent(arena, data);
    struct slice base64 = SLICE(";base64");
    bool is_base64 =
        media_type.len >= base64.len && slice_eq_nocase(slice_after(media_type, media_type.len - base64.len), base64);
    if (is_base64) {
        media_type.len -= base64.len;
        if (!clean_base64(arena, &data)) {
            return false;
        }
    } else {
        data = encode_base64(arena, data);
    }
    media_r->form = MEDIA_BASE64;
    media_r->data = data;
    // What the bytes say counts for more than what they are called: providers compare the two.
    media_r->mime_type = neutral_sniff(data);
    if (!media_r->mime_type.ptr) {
        media_r->mime_type = read_mime_type(arena, media_type);
    }
    if (!media_r->mime_type.ptr && !is_base64) {
        media_r->mime_type = SLICE("text/plain");
    }
    return true;
}

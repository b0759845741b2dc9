// SPDX-License-Identifier: MIT
// Calls of an answer. A call is told by its index and its id, of which providers get either wrong: some count from 1,
// some always say 0 and change the id, some leave the index out. Its name may come in pieces or late; so a call is
// passed on when the first of its arguments has come, or when something else follows.
#include "dialect/chat/chat_internal.h"

enum { INDEX_NONE = -1, INDEX_FUNCTION = -2 };
enum { NAME_MAX_LEN = 1024, NAMELESS_MAX = 1024 * 1024 };

struct chat_call {
    struct chat_call *next;      // the one before
    struct neutral_block *block; // NULL: not passed on yet
    int64_t index;
    struct slice id;        // plain
    struct slice name;      // plain
    struct slice arguments; // escaped; what came before the name
    size_t arguments_cap;
    struct neutral_opaque opaque;
    bool is_custom;
};

// One element of tool_calls, as far as it says anything.
struct piece {
    const struct json_node *at;
    int64_t index;
    struct slice id; // plain, borrowed or in the arena
    struct slice name;
    const struct json_node *arguments;
    bool is_custom;
};

static struct slice text_member(const struct chat_reading *r, const struct json_node *object, struct slice name)
{
    return json_string(r->doc, json_get(r->doc, object, name), r->arena);
}

static struct slice join(struct arena *arena, struct slice a, struct slice b)
{
    const struct slice pieces[] = {a, b};
    return arena_concat(arena, pieces, 2);
}

static struct piece piece_of(const struct chat_reading *r, const struct json_node *at)
{
    struct piece piece = {.at = at, .index = INDEX_NONE};
    const struct json_node *function = json_get(r->doc, at, SLICE("function"));
    const struct json_node *custom = json_get(r->doc, at, SLICE("custom"));
    (void)json_int64(r->doc, json_get(r->doc, at, SLICE("index")), &piece.index);
    if (piece.index < 0) {
        piece.index = INDEX_NONE;
    }
    piece.id = text_member(r, at, SLICE("id"));
    piece.name = text_member(r, function, SLICE("name"));
    piece.arguments = json_get(r->doc, function, SLICE("arguments"));
    piece.is_custom = json_string_is(r->doc, json_get(r->doc, at, SLICE("type")), SLICE("custom")) ||
                      (!function && json_is(custom, JSON_OBJECT));
    if (piece.is_custom) {
        piece.name = text_member(r, custom, SLICE("name"));
        piece.arguments = json_get(r->doc, custom, SLICE("input"));
    }
    return piece;
}

// ---- which call

static bool is_another(const struct chat_call *call, const struct piece *piece)
{
    if (piece->id.len && call->id.len) {
        return !slice_eq(piece->id, call->id);
    }
    // Without an index only a new name tells a new call, and only once the old one has begun with its arguments.
    return piece->index == INDEX_NONE && piece->name.len && call->block;
}

static struct chat_call *find_call(const struct chat_candidate *candidate, const struct piece *piece)
{
    struct chat_call *call = candidate->calls;
    while (call && piece->index != INDEX_NONE && call->index != piece->index) {
        call = call->next;
    }
    return call && !is_another(call, piece) ? call : NULL;
}

// ---- passing on

static void open_call(const struct chat_reading *r, const struct chat_candidate *candidate, struct chat_call *call)
{
    if (call->block || !call->name.len) {
        return;
    }
    struct neutral_block block = {
        .kind = BLOCK_CALL,
        .call_id = call->id,
        .name = call->name,
        .tool_kind = call->is_custom ? TOOL_CUSTOM : TOOL_FUNCTION,
        .opaque = call->opaque,
    };
    call->block = answer_open(r->answer, candidate->index, &block);
    answer_delta(r->answer, call->block, call->arguments);
}

void chat_open_calls(const struct chat_reading *r, struct chat_candidate *candidate)
{
    // At most the newest is still to come: each new one opens the one before.
    if (candidate->calls) {
        open_call(r, candidate, candidate->calls);
    }
}

static struct chat_call *call_new(const struct chat_reading *r, struct chat_candidate *candidate, int64_t index)
{
    struct chat_call *call = arena_zalloc(r->arena, sizeof(*call));
    chat_open_calls(r, candidate);
    if (candidate->reasoning) { // it is over
        answer_close(r->answer, candidate->reasoning, false);
        candidate->reasoning = NULL;
    }
    call->index = index;
    call->next = candidate->calls;
    candidate->calls = call;
    return call;
}

// ---- pieces

// Some send the name again with every piece.
static void add_name(const struct chat_reading *r, struct chat_call *call, struct slice name)
{
    bool fits = call->name.len + name.len <= NAME_MAX_LEN;
    if (name.len && fits && !call->block && !slice_eq(name, call->name)) {
        call->name = join(r->arena, call->name, name);
    }
}

static struct slice escaped_arguments(const struct chat_reading *r, const struct json_node *arguments)
{
    if (!json_is(arguments, JSON_OBJECT)) {
        return json_escaped(r->doc, arguments);
    }
    struct buf escaped = BUF_EMPTY; // an object, as some send it
    json_escape(&escaped, json_raw(r->doc, arguments));
    struct slice text = arena_dup(r->arena, buf_slice(&escaped));
    buf_deinit(&escaped);
    return text;
}

// Of a call that never gets a name nothing will be told.
static void keep_arguments(const struct chat_reading *r, struct chat_call *call, struct slice more)
{
    size_t len = call->arguments.len + more.len;
    char *bytes = (char *)call->arguments.ptr;
    if (len > NAMELESS_MAX) {
        return;
    }
    if (len > call->arguments_cap) {
        bytes = call->arguments_cap ? arena_grow(r->arena, bytes, call->arguments_cap, 2 * len)
                                    : arena_alloc(r->arena, 2 * len);
        call->arguments_cap = 2 * len;
    }
    memcpy(bytes + call->arguments.len, more.ptr, more.len);
    call->arguments = slice_of(bytes, len);
}

static void add_arguments(const struct chat_reading *r, const struct chat_candidate *candidate, struct chat_call *call,
                          struct slice arguments)
{
    if (!arguments.len) {
        return;
    }
    open_call(r, candidate, call);
    if (call->block) {
        answer_delta(r->answer, call->block, arguments);
    } else {
        keep_arguments(r, call, arguments);
    }
}

static void sign(const struct chat_reading *r, struct chat_call *call, struct slice signature)
{
    call->opaque = (struct neutral_opaque){.kind = OPAQUE_GEMINI_CALL, .data = arena_dup(r->arena, signature)};
    if (call->block) {
        answer_opaque(r->answer, call->block, &call->opaque);
    }
}

static void read_piece(const struct chat_reading *r, struct chat_candidate *candidate, const struct piece *piece)
{
    struct chat_call *call = find_call(candidate, piece);
    answer_note(r->answer);
    if (!call) {
        call = call_new(r, candidate, piece->index);
    }
    if (piece->id.len && !call->id.len) {
        call->id = arena_dup(r->arena, piece->id);
    }
    call->is_custom = call->is_custom || piece->is_custom;
    add_name(r, call, piece->name);
    struct slice signature = chat_thought_signature(r->doc, piece->at, r->arena);
    if (signature.len) {
        sign(r, call, signature);
    }
    add_arguments(r, candidate, call, escaped_arguments(r, piece->arguments));
}

void chat_read_calls(const struct chat_reading *r, struct chat_candidate *candidate, const struct json_node *calls)
{
    const struct json_node *each = NULL;
    while (json_next_element(r->doc, calls, &each)) {
        if (each->type == JSON_OBJECT) {
            struct piece piece = piece_of(r, each);
            read_piece(r, candidate, &piece);
        }
    }
}

void chat_read_function_call(const struct chat_reading *r, struct chat_candidate *candidate,
                             const struct json_node *call)
{
    struct piece piece = {.at = call, .index = INDEX_FUNCTION};
    piece.name = text_member(r, call, SLICE("name"));
    piece.arguments = json_get(r->doc, call, SLICE("arguments"));
    if (piece.name.len || json_escaped(r->doc, piece.arguments).len) {
        read_piece(r, candidate, &piece);
    }
}

bool chat_sign_first_call(const struct chat_reading *r, struct chat_candidate *candidate, struct slice signature)
{
    struct chat_call *first = candidate->calls;
    while (first && first->next) {
        first = first->next;
    }
    if (first && first->opaque.kind == OPAQUE_NONE) {
        sign(r, first, signature);
    }
    return first != NULL;
}

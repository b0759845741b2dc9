// SPDX-License-Identifier: MIT
// What is read from the tape; kinship_search.c has what is searched for in raw text.
#include "dialect/kinship.h"

#include "dialect/dialect_internal.h"

enum {
    ID_MAX = 512,       // so much of a client's name for a conversation counts
    SAMPLE = 2048,      // of a text: so much of its beginning and of its end
    MESSAGES_MAX = 64,  // among which the user's first one is looked for
    BLOCK_DEPTH = 2,    // of a list of blocks: the members of its objects
    BLOCK_NODES = 4096, // of such a list; a longer one counts as a text
};

// ---- conversations

#define HASH_START UINT64_C(0xA0761D6478BD642F)

static uint64_t fold(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

// Eight bytes at a time: system prompts are long, and this is done for each request.
static uint64_t add_bytes(uint64_t hash, struct slice bytes)
{
    const uint64_t factor = UINT64_C(0xE7037ED1A0B428DB);
    uint64_t word = bytes.len;
    hash = fold(hash ^ word, factor);
    for (; bytes.len >= sizeof(word); bytes = slice_after(bytes, sizeof(word))) {
        memcpy(&word, bytes.ptr, sizeof(word));
        hash = fold(hash ^ word, factor);
    }
    word = 0;
    if (bytes.len) {
        memcpy(&word, bytes.ptr, bytes.len);
    }
    return fold(hash ^ word, factor);
}

// Long texts differ at their beginnings, their ends or in their lengths.
static uint64_t add_text(uint64_t hash, struct slice text)
{
    if (text.len <= SAMPLE * 2) {
        return add_bytes(hash, text);
    }
    hash = add_bytes(hash ^ text.len, slice_of(text.ptr, SAMPLE));
    return add_bytes(hash, slice_after(text, text.len - SAMPLE));
}

// A client marks the end of what is to be cached, so a mark is in the first message only as long as that is the last.
static uint64_t add_block(uint64_t hash, const struct json_doc *doc, const struct json_node *block)
{
    const struct json_node *key;
    const struct json_node *value = NULL;
    if (!json_is(block, JSON_OBJECT)) {
        return add_text(hash, json_raw(doc, block));
    }
    while (json_next_member(doc, block, &key, &value)) {
        if (!json_string_is(doc, key, SLICE("cache_control"))) {
            hash = add_text(add_text(hash, json_escaped(doc, key)), json_raw(doc, value));
        }
    }
    return hash;
}

static uint64_t add_list(uint64_t hash, const struct json_doc *doc, const struct json_node *list)
{
    const struct json_node *block = NULL;
    while (json_next_element(doc, list, &block)) {
        hash = add_block(hash, doc, block);
    }
    return hash;
}

static bool has_members(const struct json_doc *doc, const struct json_node *list)
{
    const struct json_node *first = NULL;
    return !list->is_unrecorded && (!json_next_element(doc, list, &first) || !first->is_unrecorded);
}

// Where the tape does not go deep enough, the list is read once more.
static uint64_t add_blocks(uint64_t hash, const struct json_doc *doc, const struct json_node *list, struct arena *arena)
{
    static const struct json_options options = {.record_depth = BLOCK_DEPTH, .max_nodes = BLOCK_NODES};
    struct slice raw = json_raw(doc, list);
    struct json_doc part;
    if (has_members(doc, list)) {
        return add_list(hash, doc, list);
    }
    if (json_parse(&part, arena, raw, &options) != 0) {
        return add_text(hash, raw);
    }
    return add_list(hash, &part, json_root(&part));
}

// A text, a list of blocks, or an object with a list of parts.
static uint64_t add_content(uint64_t hash, const struct json_doc *doc, const struct json_node *content,
                            struct arena *arena)
{
    if (json_is(content, JSON_OBJECT)) {
        content = json_get(doc, content, SLICE("parts"));
    }
    if (json_is(content, JSON_ARRAY)) {
        return add_blocks(hash, doc, content, arena);
    }
    return json_is(content, JSON_STRING) ? add_text(hash, json_escaped(doc, content)) : hash;
}

enum speaker { SPEAKER_OTHER, SPEAKER_SYSTEM, SPEAKER_USER };

static enum speaker speaker_of(const struct kinship_grammar *grammar, const struct json_doc *doc,
                               const struct json_node *message)
{
    const struct json_node *role = json_get(doc, message, SLICE("role"));
    if (!role) {
        return grammar->may_lack_role && json_is(message, JSON_OBJECT) ? SPEAKER_USER : SPEAKER_OTHER;
    }
    if (json_string_is(doc, role, SLICE("user"))) {
        return SPEAKER_USER;
    }
    bool is_system = json_string_is(doc, role, SLICE("system")) || json_string_is(doc, role, SLICE("developer"));
    return is_system ? SPEAKER_SYSTEM : SPEAKER_OTHER;
}

// False: the user has said nothing.
static bool add_messages(uint64_t *hash, const struct kinship_grammar *grammar, const struct json_doc *doc,
                         struct arena *arena)
{
    const struct json_node *messages = json_get(doc, json_root(doc), grammar->messages);
    if (json_is(messages, JSON_STRING)) {
        *hash = add_text(*hash, json_escaped(doc, messages));
        return true;
    }
    const struct json_node *message = NULL;
    for (size_t i = 0; i < MESSAGES_MAX && json_next_element(doc, messages, &message); i++) {
        enum speaker speaker = speaker_of(grammar, doc, message);
        if (speaker != SPEAKER_OTHER) {
            *hash = add_content(*hash, doc, json_get(doc, message, grammar->content), arena);
        }
        if (speaker == SPEAKER_USER) {
            return true;
        }
    }
    return false;
}

static struct slice find_id(const struct kinship_grammar *grammar, const struct json_doc *doc, struct arena *arena)
{
    const struct json_node *object = json_root(doc);
    if (grammar->id_object.len) {
        object = json_get(doc, object, grammar->id_object);
    }
    for (size_t i = 0; i < N_CONVERSATION_IDS && grammar->ids[i].len; i++) {
        struct slice id = json_string(doc, json_get(doc, object, grammar->ids[i]), arena);
        if (id.len) {
            return slice_of(id.ptr, id.len < ID_MAX ? id.len : ID_MAX);
        }
    }
    return SLICE_EMPTY;
}

// Bytes that no client's id is made of: a NUL cannot be in a header, and hardly in a string.
static struct slice digest_name(uint64_t hash, struct arena *arena)
{
    char *name = arena_text(arena, 1 + sizeof(hash));
    name[0] = '\0';
    memcpy(name + 1, &hash, sizeof(hash));
    return slice_of(name, 1 + sizeof(hash));
}

struct slice kinship_conversation(enum dialect dialect, const struct json_doc *doc, struct arena *arena)
{
    const struct kinship_grammar *grammar = dialect_spoke(dialect)->kinship;
    struct slice id = find_id(grammar, doc, arena);
    if (id.len) {
        return id;
    }
    uint64_t hash = HASH_START;
    for (size_t i = 0; i < N_SYSTEM_MEMBERS && grammar->system[i].len; i++) {
        hash = add_content(hash, doc, json_get(doc, json_root(doc), grammar->system[i]), arena);
    }
    if (!add_messages(&hash, grammar, doc, arena)) {
        return SLICE_EMPTY;
    }
    return digest_name(hash, arena);
}

// ---- answers that the provider keeps

struct slice kinship_previous_response(const struct json_doc *doc, struct arena *arena)
{
    return json_string(doc, json_get(doc, json_root(doc), SLICE("previous_response_id")), arena);
}

// ---- what is sealed

size_t kinship_strip(enum dialect dialect, struct json_splice *splice)
{
    const struct kinship_grammar *grammar = dialect_spoke(dialect)->kinship;
    return grammar->strip ? grammar->strip(splice) : 0;
}

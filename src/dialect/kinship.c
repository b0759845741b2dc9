// SPDX-License-Identifier: MIT
// Conversations and ids are read from the tape. What is sealed is searched for in the raw text, from its end: a name
// between bare quotes cannot be inside of a string, where quotes are escaped.
#include "dialect/kinship.h"

#include "base/fnv.h"
#include "dialect/dialect_internal.h"
#include "json/json_scan.h"

#define N_OF(array) (sizeof(array) / sizeof(*(array)))

enum {
    ID_MAX = 512,       // so much of a client's name for a conversation counts
    SAMPLE = 2048,      // of a text: so much of its beginning and of its end
    MESSAGES_MAX = 64,  // among which the user's first one is looked for
    BLOCK_DEPTH = 2,    // of a list of blocks: the members of its objects
    BLOCK_NODES = 4096, // of such a list; a longer one counts as a text
    ID_HITS = 8,        // members `id` among which that of a response is looked for
    SEAL_LEN_MIN = 16,  // what is shorter is none
};

// ---- conversations

// Long texts differ at their beginnings, their ends or in their lengths.
static uint64_t add_text(uint64_t hash, struct slice text)
{
    hash = fnv_add(hash, slice_of((const char *)&text.len, sizeof(text.len)));
    if (text.len <= SAMPLE * 2) {
        return fnv_add(hash, text);
    }
    hash = fnv_add(hash, slice_of(text.ptr, SAMPLE));
    return fnv_add(hash, slice_after(text, text.len - SAMPLE));
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

static uint64_t add_blocks(uint64_t hash, struct slice raw, struct arena *arena)
{
    static const struct json_options options = {.record_depth = BLOCK_DEPTH, .max_nodes = BLOCK_NODES};
    struct json_doc doc;
    if (json_parse(&doc, arena, raw, &options) != 0) {
        return add_text(hash, raw);
    }
    const struct json_node *block = NULL;
    while (json_next_element(&doc, json_root(&doc), &block)) {
        hash = add_block(hash, &doc, block);
    }
    return hash;
}

// A text, a list of blocks, or an object with a list of parts.
static uint64_t add_content(uint64_t hash, const struct json_doc *doc, const struct json_node *content,
                            struct arena *arena)
{
    if (json_is(content, JSON_OBJECT)) {
        content = json_get(doc, content, SLICE("parts"));
    }
    if (json_is(content, JSON_ARRAY)) {
        return add_blocks(hash, json_raw(doc, content), arena);
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

struct slice kinship_conversation(enum dialect dialect, const struct json_doc *doc, struct arena *arena)
{
    const struct kinship_grammar *grammar = dialect_spoke(dialect)->kinship;
    struct slice id = find_id(grammar, doc, arena);
    if (id.len) {
        return id;
    }
    uint64_t hash = FNV_START;
    for (size_t i = 0; i < N_SYSTEM_MEMBERS && grammar->system[i].len; i++) {
        hash = add_content(hash, doc, json_get(doc, json_root(doc), grammar->system[i]), arena);
    }
    if (!add_messages(&hash, grammar, doc, arena)) {
        return SLICE_EMPTY;
    }
    return arena_printf(arena, "first words %016llx", (unsigned long long)hash);
}

// ---- raw text

static size_t skip_spaces(struct slice text, size_t at)
{
    while (at < text.len && json_is_space(text.ptr[at])) {
        at++;
    }
    return at;
}

static struct slice trim_end(struct slice text)
{
    while (text.len && json_is_space(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

// The string that is the value of the member whose quoted name ends before `at`, still escaped; ptr NULL: there is
// none.
static struct slice value_behind(struct slice text, size_t at)
{
    at = skip_spaces(text, at);
    if (at == text.len || text.ptr[at] != ':') {
        return SLICE_EMPTY;
    }
    at = skip_spaces(text, at + 1);
    if (at == text.len || text.ptr[at] != '"') {
        return SLICE_EMPTY;
    }
    struct slice value = slice_after(text, at + 1);
    size_t len = slice_find_char(value, '"');
    bool is_end = len != SLICE_NOT_FOUND && (len == 0 || value.ptr[len - 1] != '\\');
    return is_end ? slice_of(value.ptr, len) : SLICE_EMPTY;
}

// ---- answers that the provider keeps

struct slice kinship_previous_response(const struct json_doc *doc, struct arena *arena)
{
    return json_string(doc, json_get(doc, json_root(doc), SLICE("previous_response_id")), arena);
}

// Ids of other makers begin otherwise, so for them the text is parsed.
static struct slice read_response_id(struct slice text, struct arena *arena)
{
    static const struct json_options options = {.record_depth = 2};
    struct json_doc doc;
    if (json_parse(&doc, arena, text, &options) != 0) {
        return SLICE_EMPTY;
    }
    const struct json_node *root = json_root(&doc);
    const struct json_node *response = json_get(&doc, root, SLICE("response"));
    response = response ? response : root;
    bool is_response = json_string_is(&doc, json_get(&doc, response, SLICE("object")), SLICE("response"));
    return is_response ? json_string(&doc, json_get(&doc, response, SLICE("id")), arena) : SLICE_EMPTY;
}

struct slice kinship_response_id(struct slice text, struct arena *arena)
{
    static const struct slice NAME = SLICE_INIT("\"id\"");
    size_t at = 0;
    for (size_t i = 0; i < ID_HITS; i++) {
        size_t found = slice_find(slice_after(text, at), NAME);
        if (found == SLICE_NOT_FOUND) {
            break;
        }
        at += found + NAME.len;
        struct slice id = value_behind(text, at);
        if (slice_starts_with(id, SLICE("resp_"))) {
            return arena_dup(arena, id);
        }
    }
    return read_response_id(text, arena);
}

// ---- what is sealed

static const struct slice DATA = SLICE_INIT("\"data\"");

struct seal {
    size_t at; // in the text
    struct slice value;
};

struct seals {
    struct seal found[KINSHIP_SEALS_MAX]; // the last one first
    size_t n;
};

static void add_seal(struct seals *seals, struct seal seal)
{
    size_t i = seals->n < KINSHIP_SEALS_MAX ? seals->n++ : KINSHIP_SEALS_MAX - 1;
    while (i > 0 && seals->found[i - 1].at < seal.at) {
        seals->found[i] = seals->found[i - 1];
        i--;
    }
    seals->found[i] = seal;
}

// Where looking further towards the beginning finds nothing that would be kept.
static size_t floor_of(const struct seals *seals)
{
    return seals->n == KINSHIP_SEALS_MAX ? seals->found[KINSHIP_SEALS_MAX - 1].at : 0;
}

// The last place of `mark` in front of `end`, unless it is before all that is kept.
static bool find_before(struct slice text, const struct seals *seals, struct slice mark, size_t end, size_t *at_r)
{
    size_t floor = floor_of(seals);
    if (end <= floor) {
        return false;
    }
    size_t at = slice_find_last(slice_of(text.ptr + floor, end - floor), mark);
    *at_r = floor + at;
    return at != SLICE_NOT_FOUND;
}

static void find_members(struct seals *seals, struct slice text, struct slice name)
{
    size_t at = text.len;
    while (find_before(text, seals, name, at, &at)) {
        struct slice value = value_behind(text, at + name.len);
        if (value.len >= SEAL_LEN_MIN) {
            add_seal(seals, (struct seal){at, value});
        }
    }
}

// Drops what `text` ends with, and the white space before that. False: it ends otherwise.
static bool drop_end(struct slice *text, struct slice end)
{
    if (!slice_ends_with(*text, end)) {
        return false;
    }
    *text = trim_end(slice_of(text->ptr, text->len - end.len));
    return true;
}

static struct slice data_behind(struct slice text, size_t at)
{
    at = skip_spaces(text, at);
    if (at == text.len || text.ptr[at] != ',') {
        return SLICE_EMPTY;
    }
    at = skip_spaces(text, at + 1);
    bool is_data = slice_starts_with(slice_after(text, at), DATA);
    return is_data ? value_behind(text, at + DATA.len) : SLICE_EMPTY;
}

static struct slice data_before(struct slice before)
{
    if (!drop_end(&before, SLICE(",")) || !drop_end(&before, SLICE("\""))) {
        return SLICE_EMPTY;
    }
    const char *open = before.len ? memrchr(before.ptr, '"', before.len) : NULL;
    if (!open) {
        return SLICE_EMPTY;
    }
    struct slice value = slice_after(before, (size_t)(open + 1 - before.ptr));
    before = trim_end(slice_of(before.ptr, (size_t)(open - before.ptr)));
    return drop_end(&before, SLICE(":")) && drop_end(&before, DATA) ? value : SLICE_EMPTY;
}

// `data` of the object whose type is at `at`; it stands next to the type, on either side.
static struct slice data_beside(struct slice text, size_t at, struct slice type)
{
    struct slice before = trim_end(slice_of(text.ptr, at));
    if (!drop_end(&before, SLICE(":")) || !drop_end(&before, SLICE("\"type\""))) {
        return SLICE_EMPTY;
    }
    struct slice value = data_behind(text, at + type.len);
    return value.len ? value : data_before(before);
}

static void find_sealed_objects(struct seals *seals, struct slice text, struct slice type)
{
    size_t at = text.len;
    while (find_before(text, seals, type, at, &at)) {
        struct slice value = data_beside(text, at, type);
        if (value.len >= SEAL_LEN_MIN) {
            add_seal(seals, (struct seal){at, value});
        }
    }
}

// Of what is no digit: anything.
static unsigned hex_value(char c)
{
    return json_is_digit(c) ? (unsigned)(c - '0') : ((unsigned)c | 0x20) - 'a' + 10;
}

// The character at *at, which moves behind it. What JSON can write shorter some clients do not: "\/", "\u002B".
static char next_char(struct slice value, size_t *at)
{
    char c = value.ptr[(*at)++];
    if (c != '\\' || *at == value.len) {
        return c;
    }
    c = value.ptr[(*at)++];
    if (c != 'u' || value.len - *at < 4) {
        return c;
    }
    unsigned code = 0;
    for (size_t i = 0; i < 4; i++) {
        code = code * 16 + hex_value(value.ptr[(*at)++]);
    }
    return (char)(code < 0x80 ? code : '?');
}

// One spelling: without escapes, in one of base64's alphabets, without padding.
static struct slice spell(struct arena *arena, struct slice value)
{
    size_t raw_max = (size_t)KINSHIP_SEAL_LEN_MAX * 2; // room for escapes
    value = value.len > raw_max ? slice_after(value, value.len - raw_max) : value;
    char *out = arena_text(arena, value.len);
    size_t len = 0;
    for (size_t at = 0; at < value.len;) {
        char c = next_char(value, &at);
        if (c != '=') {
            out[len++] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
        }
    }
    return slice_after(slice_of(out, len), len > KINSHIP_SEAL_LEN_MAX ? len - KINSHIP_SEAL_LEN_MAX : 0);
}

size_t kinship_seals(enum dialect dialect, struct slice text, struct arena *arena,
                     struct slice seals_r[KINSHIP_SEALS_MAX])
{
    const struct kinship_grammar *grammar = dialect_spoke(dialect)->kinship;
    struct seals seals = {.n = 0};
    for (size_t i = 0; i < N_SEALS && grammar->seals[i].len; i++) {
        find_members(&seals, text, grammar->seals[i]);
    }
    if (grammar->sealed_type.len) {
        find_sealed_objects(&seals, text, grammar->sealed_type);
    }
    for (size_t i = 0; i < seals.n; i++) {
        seals_r[i] = spell(arena, seals.found[i].value);
    }
    return seals.n;
}

size_t kinship_strip(enum dialect dialect, struct json_splice *splice)
{
    const struct kinship_grammar *grammar = dialect_spoke(dialect)->kinship;
    return grammar->strip ? grammar->strip(splice) : 0;
}

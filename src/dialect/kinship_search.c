// SPDX-License-Identifier: MIT
// What is searched for in raw text, since it need not be parsed for anything else: sealed things from its end, where
// the newest are. A name between bare quotes cannot be inside of a string, where quotes are escaped.
#include "dialect/kinship.h"

#include "dialect/dialect_internal.h"
#include "json/block.h"
#include "json/json_scan.h"

enum {
    ID_HITS = 8,       // members `id` among which that of a response is looked for
    SEAL_LEN_MIN = 16, // what is shorter is none
};

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
            return i ? read_response_id(text, arena) : SLICE_EMPTY;
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

static bool is_at(struct slice text, const struct seal_mark *mark, size_t at)
{
    return memcmp(text.ptr + at, mark->quoted.ptr, mark->quoted.len) == 0;
}

// Of sixty-four places from `at` on the last one that has the mark.
static inline __attribute__((always_inline)) size_t find_in_block(struct slice text, const struct seal_mark *mark,
                                                                  size_t at)
{
    const char *names = mark->quoted.ptr;
    uint64_t hits = block_both_equal(block_load(text.ptr + at + mark->rare[0]), (unsigned char)names[mark->rare[0]],
                                     block_load(text.ptr + at + mark->rare[1]), (unsigned char)names[mark->rare[1]]);
    while (hits) {
        size_t bit = BLOCK_SIZE - 1 - (size_t)__builtin_clzll(hits);
        if (is_at(text, mark, at + bit)) {
            return at + bit;
        }
        hits &= ~(UINT64_C(1) << bit);
    }
    return SLICE_NOT_FOUND;
}

// In a text that has less than a block of places.
static size_t find_in_short(struct slice text, const struct seal_mark *mark, size_t n_places)
{
    char rare = mark->quoted.ptr[mark->rare[0]];
    const char *letters = text.ptr + mark->rare[0];
    for (const char *hit; n_places && (hit = memrchr(letters, rare, n_places)); n_places = (size_t)(hit - letters)) {
        if (is_at(text, mark, (size_t)(hit - letters))) {
            return (size_t)(hit - letters);
        }
    }
    return SLICE_NOT_FOUND;
}

// From the end. Letters that are rare tell most blocks apart at a glance; quotes, with which a name begins and ends,
// are everywhere.
static size_t find_last(struct slice text, const struct seal_mark *mark)
{
    if (text.len < mark->quoted.len) {
        return SLICE_NOT_FOUND;
    }
    size_t n_places = text.len - mark->quoted.len + 1;
    if (n_places < BLOCK_SIZE) {
        return find_in_short(text, mark, n_places);
    }
    while (n_places) {
        n_places = n_places > BLOCK_SIZE ? n_places - BLOCK_SIZE : 0; // the first two blocks may overlap
        size_t at = find_in_block(text, mark, n_places);
        if (at != SLICE_NOT_FOUND) {
            return at;
        }
    }
    return SLICE_NOT_FOUND;
}

// The last place of `mark` in front of `end`, unless it is before all that is kept.
static bool find_before(struct slice text, const struct seals *seals, const struct seal_mark *mark, size_t end,
                        size_t *at_r)
{
    size_t floor = floor_of(seals);
    if (end <= floor) {
        return false;
    }
    size_t at = find_last(slice_of(text.ptr + floor, end - floor), mark);
    *at_r = floor + at;
    return at != SLICE_NOT_FOUND;
}

static void find_members(struct seals *seals, struct slice text, const struct seal_mark *name)
{
    size_t at = text.len;
    while (find_before(text, seals, name, at, &at)) {
        struct slice value = value_behind(text, at + name->quoted.len);
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

static void find_sealed_objects(struct seals *seals, struct slice text, const struct seal_mark *type)
{
    size_t at = text.len;
    while (find_before(text, seals, type, at, &at)) {
        struct slice value = data_beside(text, at, type->quoted);
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
    find_members(&seals, text, &grammar->seal);
    if (grammar->sealed_type.quoted.len) {
        find_sealed_objects(&seals, text, &grammar->sealed_type);
    }
    for (size_t i = 0; i < seals.n; i++) {
        seals_r[i] = spell(arena, seals.found[i].value);
    }
    return seals.n;
}

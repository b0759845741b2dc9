// SPDX-License-Identifier: MIT
// From text to tape: read_text() is the grammar, what stands above it are its words. See json_value.c for what is asked
// of the tape afterwards.
#include "json/json_reader.h"

#include "json/block.h"
#include "json/json_scan.h"
#include "json/utf8.h"

enum { TAPE_CAP_MIN = 16, TAPE_CAP_FIRST_MAX = 256, TEXT_BYTES_PER_NODE = 12 };

// Positions travel as arguments and results, so that they stay in registers. NULL means: failed, and said so in doc.
struct reader {
    struct json_doc *doc;
    struct arena *arena; // borrowed
    const char *begin;   // borrowed: the text
    const char *end;
    uint32_t cap_nodes;
    uint32_t max_nodes;
    uint32_t max_depth;
    uint32_t record_depth;
    uint32_t depth; // of the innermost open array or object; 0 outside
    uint32_t open;  // its node, when it has one. Until it is closed, `next` of that is the one around it.
    int failure;
    char closers[JSON_MAX_DEPTH + 1]; // by depth: the bracket that closes it
};

static const char *fail(struct reader *r, int failure, const char *at, const char *error)
{
    r->failure = failure;
    r->doc->error = error;
    r->doc->error_offset = (size_t)(at - r->begin);
    return NULL;
}

static const char *fail_syntax(struct reader *r, const char *at, const char *error)
{
    return fail(r, JSON_E_SYNTAX, at, at < r->end ? error : "unexpected end");
}

// No JSON token begins with NUL, so the end needs no case of its own.
static inline char peek(const struct reader *r, const char *at)
{
    return at < r->end ? *at : '\0';
}

static inline const char *skip_space(const struct reader *r, const char *at)
{
    while (at < r->end && json_is_space(*at)) {
        at++;
    }
    return at;
}

static inline const char *skip_digits(const struct reader *r, const char *at)
{
    while (json_is_digit(peek(r, at))) {
        at++;
    }
    return at;
}

static bool grow_tape(struct reader *r)
{
    if (r->cap_nodes >= r->max_nodes) {
        return false;
    }
    uint32_t cap = r->cap_nodes > r->max_nodes / 2 ? r->max_nodes : r->cap_nodes * 2;
    r->doc->nodes =
        arena_grow(r->arena, r->doc->nodes, r->cap_nodes * sizeof(struct json_node), cap * sizeof(struct json_node));
    r->cap_nodes = cap;
    return true;
}

static inline bool is_recording(const struct reader *r)
{
    return r->depth <= r->record_depth;
}

static inline const char *record(struct reader *r, struct json_node node, const char *at)
{
    if (r->doc->n_nodes == r->cap_nodes && !grow_tape(r)) {
        return fail(r, JSON_E_SIZE, r->begin + node.start, "too many values");
    }
    r->doc->nodes[r->doc->n_nodes++] = node;
    return at;
}

// A value without children, from `start` to `at`.
static inline const char *record_leaf(struct reader *r, enum json_type type, bool has_escapes, const char *start,
                                      const char *at)
{
    if (!is_recording(r)) {
        return at;
    }
    struct json_node node = {
        .start = (uint32_t)(start - r->begin),
        .end = (uint32_t)(at - r->begin),
        .next = r->doc->n_nodes + 1,
        .type = (uint8_t)type,
        .has_escapes = has_escapes,
    };
    return record(r, node, at);
}

// `at` is at a backslash.
static inline const char *read_escape(struct reader *r, const char *at)
{
    size_t len = json_escape_len(at, r->end);
    if (len) {
        return at + len;
    }
    return fail_syntax(r, at, peek(r, at + 1) == 'u' ? "\\u needs four hexadecimal digits" : "unknown escape");
}

// Every second backslash of a run begins an escape. From an even place on, the subtraction borrows all through a run
// and leaves ones, from an odd place on it leaves zeros; so what differs from the odd bits is every second one of
// either.
static inline uint64_t find_escapes(uint64_t backslashes)
{
    const uint64_t odd_bits = 0xAAAAAAAAAAAAAAAAU;
    return backslashes & (((backslashes << 1 | odd_bits) - backslashes) ^ odd_bits);
}

// The first of the escapes whose second bytes are marked that is none, or NULL.
static const char *find_bad_escape(const struct reader *r, const char *block, uint64_t escaped)
{
    for (; escaped; escaped &= escaped - 1) {
        const char *backslash = block + __builtin_ctzll(escaped) - 1;
        if (json_escape_len(backslash, r->end) == 0) {
            return backslash;
        }
    }
    return NULL;
}

// The long way through a string, a block at a time. Stops at the closing quote, at what does not belong into a string,
// or between characters where less than a block is left.
static const char *skip_blocks(const struct reader *r, const char *at, bool *has_escapes)
{
    uint64_t escapes = 0;
    for (; r->end - at >= BLOCK_SIZE; at += BLOCK_SIZE - (escapes >> (BLOCK_SIZE - 1))) {
        struct block s = block_load(at);
        uint64_t quotes = block_equal(s, '"');
        uint64_t controls = block_at_most(s, 0x1F);
        uint64_t backslashes = block_equal(s, '\\');
        escapes = find_escapes(backslashes);
        uint64_t escaped = escapes << 1;
        uint64_t stops = (quotes & ~escaped) | controls;
        if (backslashes) {
            uint64_t is_before_stop = (stops - 1) & ~stops;
            uint64_t usual = quotes | backslashes | block_equal(s, 'n');
            const char *bad = find_bad_escape(r, at, escaped & ~usual & is_before_stop);
            if (bad) {
                return bad;
            }
            *has_escapes |= (backslashes & is_before_stop) != 0;
        }
        if (stops) {
            return at + __builtin_ctzll(stops);
        }
    }
    return at;
}

static const char *read_long_string(struct reader *r, const char *start, const char *at)
{
    bool has_escapes = false;
    at = skip_blocks(r, at, &has_escapes);
    while ((at = json_skip_plain(at, r->end)) < r->end && *at == '\\') {
        has_escapes = true;
        at = read_escape(r, at);
        if (!at) {
            return NULL;
        }
    }
    if (peek(r, at) != '"') {
        return fail_syntax(r, at, "control character in a string");
    }
    return record_leaf(r, JSON_STRING, has_escapes, start, at + 1);
}

// Most strings are short and plain.
static inline const char *read_string(struct reader *r, const char *start)
{
    const char *at = json_skip_plain_once(start + 1, r->end);
    if (peek(r, at) == '"') {
        return record_leaf(r, JSON_STRING, false, start, at + 1);
    }
    return read_long_string(r, start, at);
}

static const char *read_number(struct reader *r, const char *start)
{
    const char *integer = start + (*start == '-');
    const char *at = skip_digits(r, integer);
    if (at == integer) {
        return fail_syntax(r, at, "digit expected");
    }
    if (*integer == '0' && at > integer + 1) {
        return fail_syntax(r, integer, "number with a leading zero");
    }
    if (peek(r, at) == '.') {
        const char *fraction = at + 1;
        at = skip_digits(r, fraction);
        if (at == fraction) {
            return fail_syntax(r, at, "digit expected");
        }
    }
    if (peek(r, at) == 'e' || peek(r, at) == 'E') {
        at++;
        const char *exponent = at + (peek(r, at) == '-' || peek(r, at) == '+');
        at = skip_digits(r, exponent);
        if (at == exponent) {
            return fail_syntax(r, at, "digit expected");
        }
    }
    return record_leaf(r, JSON_NUMBER, false, start, at);
}

static inline const char *read_word(struct reader *r, const char *start, struct slice word, enum json_type type)
{
    if (!slice_starts_with(slice_of(start, (size_t)(r->end - start)), word)) {
        return fail(r, JSON_E_SYNTAX, start, "unexpected character");
    }
    return record_leaf(r, type, false, start, start + word.len);
}

static inline const char *open_brackets(struct reader *r, const char *at, enum json_type type, char closer)
{
    if (r->depth == r->max_depth) {
        return fail(r, JSON_E_DEPTH, at, "nested too deep");
    }
    const char *inside = at + 1;
    if (is_recording(r)) {
        struct json_node node = {
            .start = (uint32_t)(at - r->begin),
            .next = r->open,
            .type = (uint8_t)type,
            .is_unrecorded = r->depth == r->record_depth,
        };
        r->open = r->doc->n_nodes;
        inside = record(r, node, inside);
    }
    r->closers[++r->depth] = closer;
    return inside;
}

static inline const char *close_brackets(struct reader *r, const char *at)
{
    r->depth--;
    if (is_recording(r)) {
        struct json_node *node = &r->doc->nodes[r->open];
        r->open = node->next;
        node->next = r->doc->n_nodes;
        node->end = (uint32_t)(at + 1 - r->begin);
    }
    return at + 1;
}

// The name that was read just now, in its object. How long one with escapes is, is not known yet: it may be any length.
static inline void note_name(struct reader *r)
{
    if (is_recording(r)) {
        const struct json_node *name = &r->doc->nodes[r->doc->n_nodes - 1];
        r->doc->nodes[r->open]._names |= name->has_escapes ? UINT16_MAX : json_name_bit(name->end - name->start - 2);
    }
}

// The grammar as a machine of four states, which are the labels; what is open is in r->closers. Every state begins
// behind white space.
static const char *read_text(struct reader *r, const char *at)
{
    at = skip_space(r, at);
value:
    switch (peek(r, at)) {
    case '{':
        at = open_brackets(r, at, JSON_OBJECT, '}');
        if (!at) {
            return NULL;
        }
        at = skip_space(r, at);
        if (peek(r, at) == '}') {
            goto close;
        }
        goto key;
    case '[':
        at = open_brackets(r, at, JSON_ARRAY, ']');
        if (!at) {
            return NULL;
        }
        at = skip_space(r, at);
        if (peek(r, at) == ']') {
            goto close;
        }
        goto value;
    case '"': at = read_string(r, at); break;
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': at = read_number(r, at); break;
    case 't': at = read_word(r, at, SLICE("true"), JSON_TRUE); break;
    case 'f': at = read_word(r, at, SLICE("false"), JSON_FALSE); break;
    case 'n': at = read_word(r, at, SLICE("null"), JSON_NULL); break;
    default: return fail_syntax(r, at, "unexpected character");
    }
after_value:
    if (!at) {
        return NULL;
    }
    at = skip_space(r, at);
    if (r->depth == 0) {
        return at;
    }
    if (peek(r, at) == ',') {
        at = skip_space(r, at + 1);
        if (r->closers[r->depth] == '}') {
            goto key;
        }
        goto value;
    }
    if (peek(r, at) != r->closers[r->depth]) {
        return fail_syntax(r, at, "comma or closing bracket expected");
    }
close:
    at = close_brackets(r, at);
    goto after_value;
key:
    if (peek(r, at) != '"') {
        return fail_syntax(r, at, "key expected");
    }
    at = read_string(r, at);
    if (!at) {
        return NULL;
    }
    note_name(r);
    at = skip_space(r, at);
    if (peek(r, at) != ':') {
        return fail_syntax(r, at, "colon expected");
    }
    at = skip_space(r, at + 1);
    goto value;
}

static uint32_t or_default(uint32_t given, uint32_t value)
{
    return given && given < value ? given : value;
}

static void start(struct reader *r, const struct json_options *options)
{
    struct json_options o = options ? *options : (struct json_options){0};
    r->max_depth = or_default(o.max_depth, JSON_MAX_DEPTH);
    r->record_depth = or_default(o.record_depth, JSON_MAX_DEPTH);
    r->max_nodes = o.max_nodes ? o.max_nodes : JSON_MAX_NODES;
    size_t guess = r->doc->text.len / TEXT_BYTES_PER_NODE + TAPE_CAP_MIN;
    r->cap_nodes = or_default((uint32_t)(guess < TAPE_CAP_FIRST_MAX ? guess : TAPE_CAP_FIRST_MAX), r->max_nodes);
    r->doc->nodes = arena_alloc(r->arena, r->cap_nodes * sizeof(struct json_node));
}

static const char *read_document(struct reader *r, const struct json_options *options)
{
    if (r->doc->text.len > UINT32_MAX) {
        return fail(r, JSON_E_SIZE, r->begin, "text too large");
    }
    // JSON has other bytes than ASCII only in strings, so this may be checked at once for all of them.
    size_t valid_len = utf8_valid_len(r->doc->text);
    if (valid_len < r->doc->text.len) {
        return fail(r, JSON_E_SYNTAX, r->begin + valid_len, "not UTF-8");
    }
    start(r, options);
    const char *at = read_text(r, r->begin);
    return at && at < r->end ? fail_syntax(r, at, "text behind the value") : at;
}

int json_parse(struct json_doc *doc, struct arena *arena, struct slice text, const struct json_options *options)
{
    if (!text.ptr) {
        text = SLICE("");
    }
    *doc = (struct json_doc){.text = text};
    struct reader r;
    r.doc = doc;
    r.arena = arena;
    r.begin = text.ptr;
    r.end = text.ptr + text.len;
    r.depth = 0;
    r.open = 0;
    r.failure = 0;
    if (read_document(&r, options)) {
        return 0;
    }
    doc->nodes = NULL;
    doc->n_nodes = 0;
    return r.failure;
}

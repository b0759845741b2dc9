// SPDX-License-Identifier: MIT
#include "dialect/loss.h"

#include "base/buf.h"

enum { WORD_MAX_LEN = 16, PATH_IN_TOKEN_MAX = 64, PATH_MAX_LEN = 200 };

struct kind_row {
    struct slice word;
    const char *forbidden; // how a strict gateway's refusal calls it
};

static const struct kind_row KINDS[] = {
    [LOSS_DROPPED] = {SLICE_INIT("dropped:"), "dropping"},       [LOSS_CHANGED] = {SLICE_INIT("changed:"), "changing"},
    [LOSS_EMULATED] = {SLICE_INIT("emulated:"), "emulating"},    [LOSS_ADDED] = {SLICE_INIT("added:"), "adding"},
    [LOSS_ESTIMATED] = {SLICE_INIT("estimated:"), "estimating"},
};

void loss_init(struct loss *loss, struct arena *arena, const struct json_doc *doc, enum loss_mode mode)
{
    *loss = (struct loss){.arena = arena, .doc = doc, .mode = mode};
}

// ---- where

// The child of `parent` that `at` is in, or is. Of an object keys and values alternate.
static const struct json_node *child_around(const struct json_doc *doc, const struct json_node *parent,
                                            const struct json_node *at, size_t *index_r)
{
    const struct json_node *child = parent + 1;
    for (*index_r = 0; doc->nodes + child->next <= at; ++*index_r) {
        child = doc->nodes + child->next;
    }
    return child;
}

// One step of a path, from `parent` towards `at`; returns where it leads. A key leads to its value.
static const struct json_node *append_step(struct buf *out, const struct json_doc *doc, struct arena *arena,
                                           const struct json_node *parent, const struct json_node *at)
{
    size_t index;
    const struct json_node *child = child_around(doc, parent, at, &index);
    if (parent->type == JSON_ARRAY) {
        buf_append_char(out, '[');
        buf_append_u64(out, index);
        buf_append_char(out, ']');
        return child;
    }
    const struct json_node *key = index % 2 ? child - 1 : child;
    if (out->len) {
        buf_append_char(out, '.');
    }
    buf_append(out, json_string(doc, key, arena));
    return key + 1;
}

// Cuts between two characters.
static struct slice cut(struct slice text, size_t limit)
{
    if (text.len > limit) {
        text.len = limit;
        while (text.len && ((unsigned char)text.ptr[text.len] & 0xC0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

struct slice loss_path(struct arena *arena, const struct json_doc *doc, const struct json_node *at)
{
    if (!at || !doc || at < doc->nodes || at >= doc->nodes + doc->n_nodes) {
        return SLICE_EMPTY;
    }
    struct buf out = BUF_EMPTY;
    const struct json_node *node = doc->nodes;
    while (node < at && out.len <= PATH_MAX_LEN) {
        node = append_step(&out, doc, arena, node, at);
    }
    struct slice path = arena_dup(arena, cut(buf_slice(&out), PATH_MAX_LEN));
    buf_deinit(&out);
    return path;
}

// ---- refusals

static void refuse(struct loss *loss, enum fault fault, struct slice path, const char *why)
{
    if (loss->is_refused) {
        return;
    }
    struct slice sentence = slice_from_cstr(why);
    const char *stop = slice_ends_with(sentence, SLICE(".")) ? "" : ".";
    loss->is_refused = true;
    loss->fault = fault;
    loss->param = path;
    if (path.len) {
        loss->message = arena_printf(loss->arena, "'%.*s': %s%s", SLICE_ARG(path), why, stop);
    } else {
        loss->message = arena_printf(loss->arena, "The request: %s%s", why, stop);
    }
}

static void refuse_node(struct loss *loss, enum fault fault, const struct json_node *at, const char *why)
{
    if (!loss->is_refused) {
        refuse(loss, fault, loss_path(loss->arena, loss->doc, at), why);
    }
}

bool loss_refuse(struct loss *loss, const struct json_node *at, const char *why)
{
    if (loss->mode != LOSS_LENIENT) {
        refuse_node(loss, FAULT_UNSUPPORTED_PARAMETER, at, why);
        return true;
    }
    loss_warn(loss, LOSS_DROPPED, at);
    return loss->is_refused;
}

void loss_refuse_always(struct loss *loss, const struct json_node *at, const char *why)
{
    refuse_node(loss, FAULT_UNSUPPORTED_PARAMETER, at, why);
}

void loss_reject_input(struct loss *loss, const struct json_node *at, const char *why)
{
    refuse_node(loss, FAULT_INVALID_REQUEST, at, why);
}

// ---- warnings

static bool fits_a_token(char c)
{
    return c > ' ' && c <= '~' && c != ',';
}

static struct slice write_token(char *out, enum loss_kind kind, struct slice path)
{
    struct slice word = KINDS[kind].word;
    size_t path_len = path.len < PATH_IN_TOKEN_MAX ? path.len : PATH_IN_TOKEN_MAX;
    memcpy(out, word.ptr, word.len);
    for (size_t i = 0; i < path_len; i++) {
        out[word.len + i] = (char)(fits_a_token(path.ptr[i]) ? path.ptr[i] : '_');
    }
    return slice_of(out, word.len + path_len);
}

// What is known already takes no memory: a stream may lose the same with every event.
static void add_token(struct loss *loss, enum loss_kind kind, struct slice path)
{
    char text[WORD_MAX_LEN + PATH_IN_TOKEN_MAX];
    struct slice token = write_token(text, kind, path);
    for (size_t i = 0; i < loss->n_warnings; i++) {
        if (slice_eq(loss->warnings[i], token)) {
            return;
        }
    }
    loss->warnings[loss->n_warnings++] = arena_dup(loss->arena, token);
}

static void forbid(struct loss *loss, enum loss_kind kind, struct slice path)
{
    if (loss->is_refused) {
        return;
    }
    const char *why =
        arena_cstr(loss->arena, arena_printf(loss->arena,
                                             "cannot be translated exactly for the upstream of this model, and strict "
                                             "mode forbids %s anything",
                                             KINDS[kind].forbidden));
    refuse(loss, FAULT_UNSUPPORTED_PARAMETER, path, why);
}

void loss_warn_path(struct loss *loss, enum loss_kind kind, struct slice path)
{
    if (loss->mode == LOSS_STRICT) {
        forbid(loss, kind, path);
    } else if (loss->n_warnings < LOSS_WARNINGS_MAX) {
        add_token(loss, kind, path);
    } else {
        loss->n_more++;
    }
}

void loss_warn(struct loss *loss, enum loss_kind kind, const struct json_node *at)
{
    if (!at || loss->is_refused) {
        return;
    }
    // Paths cost a walk each: a conversation may have thousands of losses.
    bool is_wanted = loss->mode == LOSS_STRICT || loss->n_warnings < LOSS_WARNINGS_MAX;
    loss_warn_path(loss, kind, is_wanted ? loss_path(loss->arena, loss->doc, at) : SLICE_EMPTY);
}

struct slice loss_header(const struct loss *loss)
{
    struct buf out = BUF_EMPTY;
    for (size_t i = 0; i < loss->n_warnings; i++) {
        buf_append(&out, i ? SLICE(",") : SLICE_EMPTY);
        buf_append(&out, loss->warnings[i]);
    }
    if (loss->n_more) {
        buf_append(&out, SLICE(",more:"));
        buf_append_u64(&out, loss->n_more);
    }
    struct slice header = arena_dup(loss->arena, buf_slice(&out));
    buf_deinit(&out);
    return header;
}

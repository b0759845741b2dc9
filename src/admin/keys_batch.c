// SPDX-License-Identifier: MIT
// Many keys at once: added from a list or a text, removed by their status. One write for all of them.
#include <assert.h>

#include "admin/body.h"
#include "admin/change.h"
#include "admin/key_facts.h"
#include "admin/reply.h"
#include "admin/shape.h"

// So many errors are told one by one.
enum { ERRORS_MAX = 1000 };

struct batch {
    struct key_draft draft; // what all have in common; the secret changes
    size_t n_success;
    size_t n_duplicate;
    size_t n_invalid;
    struct slice *errors; // arena
    size_t n_errors;
    enum key_store_refusal refusal; // of what all have in common: nothing was added
};

// ---- adding ---------------------------------------------------------------------------------------------------------

static void note_invalid(struct admin_exchange *x, struct batch *batch, size_t line, const char *reason)
{
    batch->n_invalid++;
    if (batch->n_errors < ERRORS_MAX) {
        batch->errors[batch->n_errors++] = arena_printf(admin_arena(x), "Line %zu: %s", line, reason);
    }
}

static void add_one(struct admin_exchange *x, struct batch *batch, size_t line, struct slice secret)
{
    const struct key_record *record;
    batch->draft.secret = slice_trim(secret);
    enum key_store_refusal refusal = key_store_add(admin_store(x), &batch->draft, &record);
    switch (refusal) {
    case KEY_STORE_OK: batch->n_success++; return;
    case KEY_STORE_EXISTS: batch->n_duplicate++; return;
    case KEY_STORE_NO_SUCH_GROUP:
    case KEY_STORE_NOTES_TOO_LONG: batch->refusal = refusal; return;
    case KEY_STORE_EMPTY:
    case KEY_STORE_TOO_LONG:
    case KEY_STORE_BAD_CHARACTER:
    case KEY_STORE_NO_SUCH_KEY:
    case KEY_STORE_BAD_GROUP_ID:
    case KEY_STORE_DEFAULT_GROUP:
    case KEY_STORE_BAD_WEIGHT:
    case KEY_STORE_FULL: break;
    }
    note_invalid(x, batch, line, key_store_refusal_text(refusal));
}

static void add_text(struct admin_exchange *x, struct batch *batch, struct slice text)
{
    static const struct slice mark = SLICE_INIT("\xEF\xBB\xBF"); // that some editors put in front of a text
    text = slice_starts_with(text, mark) ? slice_after(text, mark.len) : text;
    for (size_t line = 1; text.ptr && batch->refusal == KEY_STORE_OK; line++) {
        struct slice secret = slice_trim(slice_split(&text, '\n'));
        secret.len -= slice_ends_with(secret, SLICE("\r"));
        if (slice_trim(secret).len) {
            add_one(x, batch, line, secret);
        }
    }
}

static void add_array(struct admin_exchange *x, struct batch *batch, const struct json_node *array)
{
    const struct json_node *element = NULL;
    size_t line = 1;
    while (batch->refusal == KEY_STORE_OK && json_next_element(&x->doc, array, &element)) {
        if (json_is(element, JSON_STRING)) {
            add_one(x, batch, line, json_string(&x->doc, element, admin_arena(x)));
        } else {
            note_invalid(x, batch, line, "A key must be a string.");
        }
        line++;
    }
}

static size_t count(struct admin_exchange *x, const struct json_node *keys, struct slice text)
{
    const struct json_node *element = NULL;
    size_t n = 0;
    if (json_is(keys, JSON_ARRAY)) {
        while (json_next_element(&x->doc, keys, &element)) {
            n++;
        }
    } else {
        while (text.ptr) {
            n += slice_trim(slice_split(&text, '\n')).len > 0;
        }
    }
    return n;
}

static void answer_batch(struct admin_exchange *x)
{
    const struct batch *batch = x->state;
    struct reply reply;
    reply_begin(&reply);
    json_begin_object(&reply.w);
    json_member_int(&reply.w, SLICE("success"), (int64_t)batch->n_success);
    json_member_int(&reply.w, SLICE("duplicate"), (int64_t)batch->n_duplicate);
    json_member_int(&reply.w, SLICE("invalid"), (int64_t)batch->n_invalid);
    json_key(&reply.w, SLICE("errors"));
    json_begin_array(&reply.w);
    for (size_t i = 0; i < batch->n_errors; i++) {
        json_write_string(&reply.w, batch->errors[i]);
    }
    if (batch->n_invalid > batch->n_errors) {
        struct slice more =
            arena_printf(admin_arena(x), "%zu more are not listed.", batch->n_invalid - batch->n_errors);
        json_write_string(&reply.w, more);
    }
    json_end_array(&reply.w);
    json_end_object(&reply.w);
    reply_send(x, &reply, SLICE_EMPTY);
}

static void finish_batch(struct admin_exchange *x, struct batch *batch)
{
    if (batch->refusal != KEY_STORE_OK) {
        reply_refuse(x, batch->refusal);
        return;
    }
    if (batch->n_success == 0) {
        answer_batch(x); // nothing has changed
        return;
    }
    struct slice what = arena_printf(admin_arena(x), "added %zu keys (%zu were there, %zu were invalid)",
                                     batch->n_success, batch->n_duplicate, batch->n_invalid);
    change_commit(x, what, answer_batch);
}

// What is wrong with one of many keys does not keep the others out, so that the list may be of anything.
static const struct shape_member members[] = {
    {"keys", SHAPE_TEXT_OR_LIST, .is_required = true, .is_secret = true, .items = SHAPE_ANY,
     .help = "A list of keys, or a text with one on each line; at most 100,000"},
    {"poolGroup", SHAPE_TEXT, .may_be_null = true, .help = "Of all of them"},
    {"notes", SHAPE_TEXT, .may_be_null = true, .help = "Of all of them"},
    {.name = NULL},
};
const struct shape keys_batch_add_body = {.members = members};

void keys_batch_add(struct admin_exchange *x)
{
    struct body_reader body = body_read(x);
    const struct json_node *keys = body_member(&body, SLICE("keys"));
    struct slice text = json_is(keys, JSON_STRING) ? body_text(&body, SLICE("keys")) : SLICE_EMPTY;
    struct batch *batch = arena_zalloc(admin_arena(x), sizeof(*batch));
    x->state = batch;
    batch->draft = (struct key_draft){.max_inflight = -1};
    batch->draft.notes = body_text(&body, SLICE("notes"));
    batch->draft.group = body_text(&body, SLICE("poolGroup"));
    batch->draft.group = batch->draft.group.len ? batch->draft.group : SLICE("default");
    if (count(x, keys, text) > KEY_BATCH_MAX) {
        reply_failf(x, 413, "'keys' has more than %d keys: send them in several requests.", KEY_BATCH_MAX);
        return;
    }
    batch->errors = arena_alloc(admin_arena(x), ERRORS_MAX * sizeof(*batch->errors));
    if (json_is(keys, JSON_ARRAY)) {
        add_array(x, batch, keys);
    } else {
        add_text(x, batch, text);
    }
    finish_batch(x, batch);
}

// ---- removing -------------------------------------------------------------------------------------------------------

static void answer_count(struct admin_exchange *x)
{
    struct reply reply;
    reply_begin(&reply);
    json_begin_object(&reply.w);
    json_member_int(&reply.w, SLICE("count"), (int64_t) * (size_t *)x->state);
    json_end_object(&reply.w);
    reply_send(x, &reply, SLICE_EMPTY);
}

static void remove_all_of(struct admin_exchange *x, enum key_status status)
{
    struct key_store *store = admin_store(x);
    size_t n_keys = key_store_n_keys(store);
    struct slice *ids = mem_alloc((n_keys + 1) * sizeof(*ids));
    size_t *n = arena_zalloc(admin_arena(x), sizeof(*n));
    for (size_t i = 0; i < n_keys; i++) {
        const struct key_record *record = key_store_key(store, i);
        if (key_facts_status(x->admin->options.table, record) == status) {
            ids[(*n)++] = arena_dup(admin_arena(x), record->id); // its own goes with the key
        }
    }
    for (size_t i = 0; i < *n; i++) {
        enum key_store_refusal refusal = key_store_remove(store, ids[i]);
        assert(refusal == KEY_STORE_OK);
        (void)refusal;
    }
    mem_free(ids);
    x->state = n;
    if (*n == 0) {
        answer_count(x); // nothing has changed
        return;
    }
    struct slice name = key_facts_status_name(status);
    change_commit(x, arena_printf(admin_arena(x), "removed all %.*s keys (%zu)", SLICE_ARG(name), *n), answer_count);
}

void keys_batch_remove_disabled(struct admin_exchange *x)
{
    remove_all_of(x, KEY_DISABLED);
}

void keys_batch_remove_banned(struct admin_exchange *x)
{
    remove_all_of(x, KEY_BANNED);
}

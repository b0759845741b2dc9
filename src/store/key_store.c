// SPDX-License-Identifier: MIT
#include "store/key_store.h"

#include <assert.h>

#include "base/log.h"
#include "config/text_file.h"
#include "store/key_store_internal.h"

const char *key_store_refusal_text(enum key_store_refusal refusal)
{
    switch (refusal) {
    case KEY_STORE_OK: return "done";
    case KEY_STORE_EXISTS: return "it exists already";
    case KEY_STORE_EMPTY: return "the key is empty";
    case KEY_STORE_TOO_LONG: return "the key is longer than 512 bytes";
    case KEY_STORE_BAD_CHARACTER: return "the key has a space or a control character in it, or is not UTF-8";
    case KEY_STORE_NO_SUCH_KEY: return "there is no such key";
    case KEY_STORE_NO_SUCH_GROUP: return "there is no such pool group";
    case KEY_STORE_BAD_GROUP_ID:
        return "the id of a pool group is 1 to 64 characters of a-z, 0-9, _ and -, the first a letter or digit";
    case KEY_STORE_DEFAULT_GROUP: return "the pool group default is always there and cannot be changed";
    case KEY_STORE_NOTES_TOO_LONG: return "the notes are too long";
    case KEY_STORE_BAD_WEIGHT: return "a weight is a number above 0";
    case KEY_STORE_FULL: return "there is no room for more";
    }
    return "";
}
_Static_assert(KEY_SECRET_MAX == 512 && KEY_GROUP_ID_MAX == 64, "the texts above say so");

// ---- open and close

struct checking {
    struct arena *arena;
    struct pool_document document; // the last one that was whole
    struct slice problem;          // arena: of the first one that was not
};

static bool is_whole(void *arg, struct slice text)
{
    struct checking *checking = arg;
    struct slice problem;
    int r = pool_document_parse(&checking->document, checking->arena, text, &problem);
    if (r != 0 && !checking->problem.len) {
        checking->problem = problem;
    }
    return r == 0;
}

// Reads the document; an empty one when there is none. False, with an error: nothing can be read.
static bool read_document(const char *folder, struct arena *arena, struct pool_document *document_r,
                          enum durable_state *state_r, struct buf *errors)
{
    struct checking checking = {.arena = arena};
    enum durable_state state;
    struct slice text;
    struct slice explained;
    int r = durable_read(folder, KEY_STORE_FILE, UINT32_MAX, is_whole, &checking, arena, &state, &text, &explained);
    if (r < 0) {
        buf_printf(errors, "%s/" KEY_STORE_FILE " cannot be read: %s", folder, uv_strerror(r));
        return false;
    }
    if (explained.len) {
        log_error(KEY_STORE_LOG, "%.*s%s%.*s%s", SLICE_ARG(explained), checking.problem.len ? " (" : "",
                  SLICE_ARG(checking.problem), checking.problem.len ? ")" : "");
    }
    if (state == DURABLE_LOST) {
        log_error(KEY_STORE_LOG, "there is no good copy of %s/" KEY_STORE_FILE ": starting without any key", folder);
    }
    if (state == DURABLE_MISSING || state == DURABLE_LOST) {
        bool is_good = is_whole(&checking, SLICE("{}"));
        assert(is_good);
        (void)is_good;
    }
    *document_r = checking.document;
    *state_r = state;
    return true;
}

static struct key_store *new_store(struct loop *loop, struct key_table *table, const struct key_store_options *options)
{
    struct key_store *store = mem_zalloc(sizeof(*store));
    size_t folder_size = strlen(options->folder) + 1;
    store->loop = loop;
    store->table = table;
    store->folder = memcpy(mem_alloc(folder_size), options->folder, folder_size);
    store->defaults = options->settings;
    store->notes_max = options->notes_max;
    arena_init(&store->names_arena, 1024);
    map_init(&store->names);
    list_init(&store->waiting);
    list_init(&store->ready);
    return store;
}

struct key_store *key_store_open(struct loop *loop, struct key_table *table, const struct key_store_options *options,
                                 struct buf *errors)
{
    struct arena arena;
    struct pool_document document;
    enum durable_state state;
    arena_init(&arena, 4096);
    int r = text_file_make_folders(options->folder);
    (void)r; // what comes of it shows when there is something to write
    struct durable_stamp stamp = durable_stamp_of(options->folder, KEY_STORE_FILE);
    if (!read_document(options->folder, &arena, &document, &state, errors)) {
        arena_deinit(&arena);
        return NULL;
    }
    struct key_store *store = new_store(loop, table, options);
    pool_load(store, &document);
    arena_deinit(&arena);
    store->writer.is_stale |= state == DURABLE_RECOVERED;
    // A bad file that could not be renamed is not ours, and dealt with before it is replaced.
    store->writer.item.known = state == DURABLE_READ ? stamp : (struct durable_stamp){0};
    key_writer_init(store);
    key_writer_take_stock(store);
    log_info(KEY_STORE_LOG, "%s/" KEY_STORE_FILE ": %zu keys, %zu groups", options->folder, store->pool.by_id.n,
             store->pool.groups->n);
    return store;
}

// Settings of a version anew: the defaults, and over them what its document says.
static void merge_defaults(struct key_store *store, struct pool_rules *rules)
{
    struct buf problems = BUF_EMPTY; // told when the document was read
    rules->settings = store->defaults;
    pool_rules_merge(&rules->settings, rules->config, &problems);
    buf_deinit(&problems);
}

void key_store_set_defaults(struct key_store *store, const struct key_settings *settings, uint32_t notes_max)
{
    struct pool_rules *published = store->pool.rules;
    key_writer_settle(store);
    store->defaults = *settings;
    store->notes_max = notes_max;
    merge_defaults(store, store->pool.rules);
    for (size_t i = store->log.n; i > 0; i--) {
        if (store->log.changes[i - 1].kind == CHANGE_RULES) {
            published = store->log.changes[i - 1].rules.before;
            merge_defaults(store, published);
        }
    }
    key_table_set_settings(store->table, &published->settings);
}

void key_store_close(struct key_store *store, void (*on_closed)(void *arg), void *arg)
{
    store->on_closed = on_closed;
    store->closed_arg = arg;
    key_writer_close(store);
}

void key_store_free(struct key_store *store)
{
    if (!store) {
        return;
    }
    key_writer_deinit(store);
    key_log_undo(store);
    key_pool_deinit(&store->pool);
    map_deinit(&store->names);
    arena_deinit(&store->names_arena);
    mem_free(store->folder);
    mem_free(store);
}

// ---- looking

const struct key_record *key_store_find(const struct key_store *store, struct slice id)
{
    const struct stored_key *key = key_pool_find(&store->pool, id);
    return key ? &key->record : NULL;
}

const struct key_record *key_store_find_secret(const struct key_store *store, struct slice secret)
{
    const struct stored_key *key = key_pool_find_secret(&store->pool, secret);
    return key ? &key->record : NULL;
}

size_t key_store_n_keys(const struct key_store *store)
{
    return store->pool.by_id.n;
}

const struct key_record *key_store_key(const struct key_store *store, size_t index)
{
    const struct key_pool *pool = &store->pool;
    assert(index < pool->by_id.n);
    if (pool->n_removed || pool->is_unsorted) {
        // What is seen does not change.
        key_pool_compact((struct key_pool *)pool);
    }
    return &pool->keys[index]->record;
}

size_t key_store_n_groups(const struct key_store *store)
{
    return store->pool.groups->n;
}

const struct key_group_record *key_store_group(const struct key_store *store, size_t index)
{
    assert(index < store->pool.groups->n);
    return &store->pool.groups->records[index];
}

const struct key_group_record *key_store_find_group(const struct key_store *store, struct slice id)
{
    return map_find(&store->pool.groups->by_id, id);
}

const struct key_settings *key_store_settings(const struct key_store *store)
{
    return &store->pool.rules->settings;
}

// ---- commits

void key_store_commit(struct key_store *store, struct key_store_commit *commit,
                      void (*fn)(struct key_store_commit *commit, int r))
{
    commit->fn = fn;
    commit->_sequence = store->sequence;
    if (store->writer.durable_sequence >= store->sequence) {
        list_append(&store->ready, &commit->_link);
        key_writer_call_later(store);
    } else {
        list_append(&store->waiting, &commit->_link);
        key_writer_poke(store);
    }
}

void key_store_forget(struct key_store_commit *commit)
{
    list_remove(&commit->_link);
}

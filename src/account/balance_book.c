// SPDX-License-Identifier: MIT
#include "account/balance_book.h"

#include <assert.h>

#include "account/json_time.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "store/durable_file.h"

enum { DOCUMENT_MAX = 256 * 1024 * 1024, BETWEEN_WRITES_MS = 60 * 1000 };
#define DOCUMENT "token_usage.json"

struct entry {
    struct balance balance; // its text in `memory`
    struct slice id;        // in `memory`
    int64_t tokens_at_sync; // -1: not known
    uint64_t version;       // of the book when this was noted
    struct arena memory;
};

struct balance_book {
    struct balance_book_options options;
    struct arena memory;
    const char *folder; // in `memory`
    struct map entries; // owned; by id
    int64_t last_full_sync_ms;
    uint64_t version;         // of what would be written
    uint64_t written_version; // that a write has been tried for
    uint64_t written_ms;      // when it began, monotonic
    bool is_writing;
    bool has_failed_to_write;
    bool is_closed;
};

// ---- entries --------------------------------------------------------------------------------------------------------

static void entry_free(struct entry *entry)
{
    arena_deinit(&entry->memory);
    mem_free(entry);
}

static void drop(struct balance_book *book, struct entry *entry)
{
    map_remove(&book->entries, entry->id);
    entry_free(entry);
    book->version++;
}

// Takes the place of what was known.
static struct entry *put(struct balance_book *book, struct slice id, const struct balance *balance,
                         int64_t tokens_at_sync)
{
    struct entry *entry = mem_zalloc(sizeof(*entry));
    struct entry *old = map_find(&book->entries, id);
    arena_init(&entry->memory, 128);
    entry->id = arena_dup(&entry->memory, id);
    entry->balance = *balance;
    entry->balance.error = arena_dup(&entry->memory, balance->error);
    entry->tokens_at_sync = tokens_at_sync;
    if (old) {
        drop(book, old);
    }
    map_set(&book->entries, entry->id, entry);
    entry->version = ++book->version;
    return entry;
}

static int64_t tokens_of(const struct key_slot *slot)
{
    return (int64_t)(atomic_load(&slot->input_tokens) + atomic_load(&slot->output_tokens));
}

static void publish(struct balance_book *book, const struct entry *entry, uint32_t number)
{
    const struct balance_side *side = &entry->balance.standard;
    struct key_slot *slot = key_of(book->options.table, number);
    if (side->allowance < 0) {
        return;
    }
    atomic_store(&slot->tokens_at_sync,
                 (uint64_t)(entry->tokens_at_sync < 0 ? tokens_of(slot) : entry->tokens_at_sync));
    atomic_store(&slot->used, side->used < 0 ? 0 : side->used);
    atomic_store(&slot->allowance, side->allowance);
    atomic_store(&slot->synced_ms, entry->balance.last_sync_ms);
    key_changed(book->options.table, number);
}

static void unpublish(struct balance_book *book, struct slice id)
{
    const struct key_record *record = key_store_find(book->options.store, id);
    if (record && record->slot != KEY_NO_SLOT) {
        atomic_store(&key_of(book->options.table, record->slot)->allowance, -1);
        key_changed(book->options.table, record->slot);
    }
}

// ---- the document ---------------------------------------------------------------------------------------------------

struct balance_summary balance_book_summary(const struct balance_book *book)
{
    struct balance_summary summary = {0};
    size_t at = 0;
    for (const struct map_entry *found; (found = map_next(&book->entries, &at));) {
        balance_summary_add(&summary, &((const struct entry *)found->value)->balance);
    }
    return summary;
}

static void write_document(const struct balance_book *book, struct buf *out)
{
    struct balance_summary summary = balance_book_summary(book);
    struct json_writer w;
    char time[CLOCK_ISO8601_SIZE];
    size_t at = 0;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, SLICE("tokens"));
    json_begin_object(&w);
    for (const struct map_entry *found; (found = map_next(&book->entries, &at));) {
        const struct entry *entry = found->value;
        json_key(&w, entry->id);
        balance_write(&w, &entry->balance, BALANCE_GAPS_LEFT_OUT, entry->tokens_at_sync);
    }
    json_end_object(&w);
    json_key(&w, SLICE("summary"));
    balance_summary_write(&w, &summary);
    if (book->last_full_sync_ms) {
        clock_format_iso8601(time, book->last_full_sync_ms);
        json_member_string(&w, SLICE("last_full_sync"), slice_of(time, CLOCK_ISO8601_SIZE - 1));
    }
    json_end_object(&w);
}

static void read_entries(struct balance_book *book, const struct json_doc *doc, const struct json_node *tokens,
                         struct arena *arena)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    while (json_next_member(doc, tokens, &key, &value)) {
        struct slice id = json_string(doc, key, arena);
        int64_t tokens_at_sync;
        struct balance balance = balance_read(doc, value, arena, &tokens_at_sync);
        const struct key_record *record = key_store_find(book->options.store, id);
        struct entry *entry = put(book, id, &balance, tokens_at_sync);
        if (record && record->slot != KEY_NO_SLOT) {
            publish(book, entry, record->slot);
        }
    }
}

static bool is_json_object(void *arg, struct slice text)
{
    struct json_doc doc;
    struct arena arena;
    (void)arg;
    arena_init(&arena, 4096);
    bool is_one = json_parse(&doc, &arena, text, NULL) == 0 && json_is(json_root(&doc), JSON_OBJECT);
    arena_deinit(&arena);
    return is_one;
}

static void read_document(struct balance_book *book)
{
    enum durable_state state;
    struct slice text = SLICE_EMPTY;
    struct slice explained = SLICE_EMPTY;
    struct json_doc doc;
    struct arena arena;
    arena_init(&arena, 4096);
    int r = durable_read(book->folder, DOCUMENT, DOCUMENT_MAX, is_json_object, NULL, &arena, &state, &text, &explained);
    if (explained.len) {
        log_warn("account", "%.*s", SLICE_ARG(explained));
    }
    if (r < 0) {
        log_warn("account", "%s/%s cannot be read: %s", book->folder, DOCUMENT, strerror(-r));
    } else if ((state == DURABLE_READ || state == DURABLE_RECOVERED) && json_parse(&doc, &arena, text, NULL) == 0) {
        const struct json_node *root = json_root(&doc);
        read_entries(book, &doc, json_get(&doc, root, SLICE("tokens")), &arena);
        book->last_full_sync_ms = json_time_ms(&doc, json_get(&doc, root, SLICE("last_full_sync")));
    }
    book->written_version = book->version;
    arena_deinit(&arena);
}

struct write_job {
    uv_work_t work;
    struct balance_book *book; // borrowed: it outlives the loop's work
    struct buf text;
    uint64_t version;
    int r;
};

static void write_off_loop(uv_work_t *work)
{
    struct write_job *job = CONTAINER_OF(work, struct write_job, work);
    // Of the book only what never changes is looked at here.
    job->r = durable_write(job->book->folder, DOCUMENT, buf_slice(&job->text));
}

static void on_written(uv_work_t *work, int status)
{
    struct write_job *job = CONTAINER_OF(work, struct write_job, work);
    struct balance_book *book = job->book;
    int r = status < 0 ? status : job->r;
    book->is_writing = false;
    book->written_version = job->version;
    if (r < 0 && !book->has_failed_to_write) {
        log_warn("account", "balances cannot be written to %s/%s: %s", book->folder, DOCUMENT, strerror(-r));
    }
    book->has_failed_to_write = r < 0;
    buf_deinit(&job->text);
    mem_free(job);
    if (!book->is_closed) {
        book->options.on_written(book->options.arg);
    }
}

static void save(struct balance_book *book)
{
    struct write_job *job = mem_zalloc(sizeof(*job));
    job->book = book;
    job->version = book->version;
    write_document(book, &job->text);
    book->is_writing = true;
    book->written_ms = loop_now_ms(book->options.loop);
    int r = uv_queue_work(&book->options.loop->uv, &job->work, write_off_loop, on_written);
    assert(r == 0);
    (void)r;
}

void balance_book_save(struct balance_book *book, bool at_once)
{
    bool is_late = loop_now_ms(book->options.loop) - book->written_ms >= BETWEEN_WRITES_MS;
    if (!book->is_writing && book->version != book->written_version && (at_once || is_late)) {
        save(book);
    }
}

// ---- what others see ------------------------------------------------------------------------------------------------

const struct balance *balance_book_find(const struct balance_book *book, struct slice id)
{
    const struct entry *entry = map_find(&book->entries, id);
    return entry ? &entry->balance : NULL;
}

void balance_book_put(struct balance_book *book, struct slice id, uint32_t slot, const struct balance *balance)
{
    struct balance noted = *balance;
    noted.last_sync_ms = clock_wall_ms();
    publish(book, put(book, id, &noted, tokens_of(key_of(book->options.table, slot))), slot);
}

void balance_book_put_failure(struct balance_book *book, struct slice id, struct slice reason)
{
    const struct entry *old = map_find(&book->entries, id);
    struct balance noted = old ? old->balance : balance_unknown;
    noted.is_success = false;
    noted.error = reason;
    noted.last_sync_ms = clock_wall_ms();
    put(book, id, &noted, old ? old->tokens_at_sync : -1);
}

bool balance_book_is_newer(const struct balance_book *book, struct slice id, uint64_t version)
{
    const struct entry *entry = map_find(&book->entries, id);
    return entry && entry->version > version;
}

static bool is_stale(const struct balance_book *book, const struct entry *entry, int64_t before_ms)
{
    return entry->balance.last_sync_ms < before_ms || !key_store_find(book->options.store, entry->id);
}

size_t balance_book_cleanup(struct balance_book *book, int64_t before_ms)
{
    // An entry may not go while the map is walked over.
    struct entry **stale = mem_alloc((book->entries.n_entries + 1) * sizeof(struct entry *));
    size_t n = 0;
    size_t at = 0;
    for (const struct map_entry *found; (found = map_next(&book->entries, &at));) {
        if (is_stale(book, found->value, before_ms)) {
            stale[n++] = found->value;
        }
    }
    for (size_t i = 0; i < n; i++) {
        drop(book, stale[i]);
    }
    mem_free(stale);
    return n;
}

static void drop_all(struct balance_book *book)
{
    size_t at = 0;
    for (const struct map_entry *found; (found = map_next(&book->entries, &at));) {
        entry_free(found->value);
    }
    map_deinit(&book->entries);
    map_init(&book->entries);
    book->version++;
}

void balance_book_forget_all(struct balance_book *book)
{
    size_t at = 0;
    for (const struct map_entry *found; (found = map_next(&book->entries, &at));) {
        unpublish(book, ((const struct entry *)found->value)->id);
    }
    drop_all(book);
    book->last_full_sync_ms = 0;
}

int64_t balance_book_last_full_sync_ms(const struct balance_book *book)
{
    return book->last_full_sync_ms;
}

void balance_book_set_last_full_sync(struct balance_book *book, int64_t wall_ms)
{
    book->last_full_sync_ms = wall_ms;
    book->version++;
}

uint64_t balance_book_version(const struct balance_book *book)
{
    return book->version;
}

uint64_t balance_book_written_version(const struct balance_book *book)
{
    return book->written_version;
}

struct balance_book *balance_book_open(const struct balance_book_options *options)
{
    struct balance_book *book = mem_zalloc(sizeof(*book));
    book->options = *options;
    arena_init(&book->memory, 128);
    book->folder = arena_cstr(&book->memory, slice_from_cstr(options->folder));
    map_init(&book->entries);
    read_document(book);
    return book;
}

void balance_book_close(struct balance_book *book)
{
    book->is_closed = true;
    balance_book_save(book, true);
}

void balance_book_free(struct balance_book *book)
{
    drop_all(book);
    map_deinit(&book->entries);
    arena_deinit(&book->memory);
    mem_free(book);
}

// SPDX-License-Identifier: MIT
// A ring of entries. Each has a text of its own that stays for the entry that takes its place, so that after the first
// round nothing is allocated any more but for texts that are longer than the one before.
#include "admin/live_log.h"

enum { TEXT_STEP = 64 }; // texts grow by so much, so that few do

struct kept {
    struct live_log_entry entry; // its slices are in `text`
    char *text;                  // owned: the area, then the text
    size_t cap;
};

struct live_log {
    struct kept *kept; // owned: n_slots of them
    size_t n_slots;    // grows up to LIVE_LOG_ENTRIES
    uint64_t n_all;    // the number of the newest
    uint64_t oldest;   // the number of the oldest that is there
    uint64_t n_by_level[LOG_OFF];
    struct list watchers;
    live_log_file_fn file;
    void *file_arg;
};

struct live_log *live_log_new(void)
{
    struct live_log *log = mem_zalloc(sizeof(*log));
    log->oldest = 1;
    list_init(&log->watchers);
    return log;
}

static void drop_texts(struct live_log *log)
{
    for (size_t i = 0; i < log->n_slots; i++) {
        mem_free(log->kept[i].text);
    }
    mem_free(log->kept);
    log->kept = NULL;
    log->n_slots = 0;
}

void live_log_free(struct live_log *log)
{
    if (log) {
        drop_texts(log);
        mem_free(log);
    }
}

// ---- adding ---------------------------------------------------------------------------------------------------------

// Where the entry with this number is, if it is there.
static size_t slot_of(uint64_t number)
{
    return (size_t)((number - 1) % LIVE_LOG_ENTRIES);
}

static struct kept *slot_for(struct live_log *log, uint64_t number)
{
    size_t slot = slot_of(number);
    if (slot >= log->n_slots) {
        size_t n_slots = log->n_slots ? log->n_slots : 16;
        while (n_slots <= slot) {
            n_slots *= 2;
        }
        n_slots = n_slots < LIVE_LOG_ENTRIES ? n_slots : LIVE_LOG_ENTRIES;
        log->kept = mem_realloc(log->kept, n_slots * sizeof(*log->kept));
        memset(log->kept + log->n_slots, 0, (n_slots - log->n_slots) * sizeof(*log->kept));
        log->n_slots = n_slots;
    }
    return &log->kept[slot];
}

// Cut between two characters.
static struct slice cut(struct slice text)
{
    if (text.len <= LIVE_LOG_TEXT_MAX) {
        return text;
    }
    size_t len = LIVE_LOG_TEXT_MAX;
    while (len > LIVE_LOG_TEXT_MAX - 4 && ((unsigned char)text.ptr[len] & 0xC0) == 0x80) {
        len--;
    }
    return slice_of(text.ptr, len);
}

static void keep(struct kept *kept, const struct log_message *message)
{
    struct slice area = slice_from_cstr(message->area);
    struct slice text = cut(message->text);
    if (area.len + text.len > kept->cap) {
        kept->cap = (area.len + text.len + TEXT_STEP - 1) / TEXT_STEP * TEXT_STEP;
        mem_free(kept->text);
        kept->text = mem_alloc(kept->cap);
    }
    if (area.len) {
        memcpy(kept->text, area.ptr, area.len);
    }
    if (text.len) {
        memcpy(kept->text + area.len, text.ptr, text.len);
    }
    kept->entry.wall_ms = message->wall_ms;
    kept->entry.level = message->level;
    kept->entry.area = slice_of(kept->text, area.len);
    kept->entry.text = slice_of(area.len + text.len ? kept->text + area.len : NULL, text.len);
}

void live_log_add(struct live_log *log, const struct log_message *message)
{
    uint64_t number = ++log->n_all;
    struct kept *kept = slot_for(log, number);
    keep(kept, message);
    kept->entry.number = number;
    if (number - log->oldest >= LIVE_LOG_ENTRIES) {
        log->oldest = number - LIVE_LOG_ENTRIES + 1;
    }
    if (message->level < LOG_OFF) {
        log->n_by_level[message->level]++;
    }
    for (struct list *at = log->watchers.next; at != &log->watchers; at = at->next) {
        struct live_log_watcher *watcher = CONTAINER_OF(at, struct live_log_watcher, link);
        watcher->fn(watcher);
    }
}

void live_log_clear(struct live_log *log)
{
    drop_texts(log);
    log->oldest = log->n_all + 1;
}

// ---- looking --------------------------------------------------------------------------------------------------------

uint64_t live_log_newest(const struct live_log *log)
{
    return log->n_all;
}

uint64_t live_log_oldest(const struct live_log *log)
{
    return log->oldest;
}

const struct live_log_entry *live_log_entry(const struct live_log *log, uint64_t number)
{
    return number >= log->oldest && number <= log->n_all ? &log->kept[slot_of(number)].entry : NULL;
}

struct live_log_stats live_log_stats(const struct live_log *log)
{
    struct live_log_stats stats = {.n_kept = (size_t)(log->n_all + 1 - log->oldest), .n_all = log->n_all};
    memcpy(stats.n_by_level, log->n_by_level, sizeof(stats.n_by_level));
    return stats;
}

void live_log_watch(struct live_log *log, struct live_log_watcher *watcher)
{
    list_append(&log->watchers, &watcher->link);
}

void live_log_unwatch(struct live_log_watcher *watcher)
{
    list_remove(&watcher->link);
}

// ---- files ----------------------------------------------------------------------------------------------------------

void live_log_set_file(struct live_log *log, live_log_file_fn fn, void *arg)
{
    log->file = fn;
    log->file_arg = arg;
}

struct live_log_file live_log_file(const struct live_log *log)
{
    return log->file ? log->file(log->file_arg) : (struct live_log_file){.is_wanted = false};
}

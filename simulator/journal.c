// SPDX-License-Identifier: MIT
#include "simulator/journal.h"

#include "json/json_writer.h"

void journal_init(struct journal *journal, bool is_recording)
{
    *journal = (struct journal){.is_recording = is_recording};
    list_init(&journal->entries);
    list_init(&journal->bodies);
}

static void drop_body(struct journal *journal, struct journal_entry *entry)
{
    if (!list_is_empty(&entry->body_link)) {
        list_remove(&entry->body_link);
        journal->n_bodies--;
        buf_deinit(&entry->body);
    }
}

static void unref(struct journal_entry *entry)
{
    if (--entry->n_refs == 0) {
        buf_deinit(&entry->members);
        mem_free(entry);
    }
}

static void drop_entry(struct journal *journal, struct journal_entry *entry)
{
    drop_body(journal, entry);
    list_remove(&entry->link);
    journal->n_entries--;
    unref(entry);
}

static void drop_all(struct journal *journal)
{
    while (!list_is_empty(&journal->entries)) {
        drop_entry(journal, CONTAINER_OF(journal->entries.next, struct journal_entry, link));
    }
}

void journal_deinit(struct journal *journal)
{
    drop_all(journal);
}

void journal_forget(struct journal *journal)
{
    drop_all(journal);
    journal->n_requests = journal->n_open;
    journal->n_finished = 0;
    journal->n_aborted = 0;
    journal->last_abort_ns = 0;
    journal->told = (struct journal_told){0};
}

static void write_members(struct buf *out, const struct journal_request *request)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, SLICE("method"), request->head->method_text);
    json_member_string(&w, SLICE("target"), request->head->target);
    json_key(&w, SLICE("headers"));
    json_begin_array(&w);
    for (size_t i = 0; i < request->head->n_fields; i++) {
        json_begin_array(&w);
        json_write_string(&w, request->head->fields[i].name);
        json_write_string(&w, request->head->fields[i].value);
        json_end_array(&w);
    }
    json_end_array(&w);
    json_member_int(&w, SLICE("body_length"), (int64_t)request->body.len);
    json_member_string(&w, SLICE("model"), request->model);
    json_member_string(&w, SLICE("key"), request->key);
    json_member_int(&w, SLICE("peer_port"), request->peer_port);
    json_end_object(&w);
}

static void keep_body(struct journal *journal, struct journal_entry *entry, struct slice body)
{
    if (body.len > JOURNAL_BODY_SIZE_MAX) {
        return;
    }
    buf_append(&entry->body, body);
    list_prepend(&journal->bodies, &entry->body_link);
    if (++journal->n_bodies > JOURNAL_BODIES_MAX) {
        drop_body(journal, CONTAINER_OF(journal->bodies.prev, struct journal_entry, body_link));
    }
}

struct journal_entry *journal_begin(struct journal *journal, const struct journal_request *request)
{
    journal->n_requests++;
    journal->n_open++;
    if (!journal->is_recording) {
        return NULL;
    }
    struct journal_entry *entry = mem_zalloc(sizeof(*entry));
    entry->n_refs = 2; // of the list and of the exchange
    entry->id = ++journal->last_id;
    entry->started_ns = request->now_ns;
    list_init(&entry->body_link);
    write_members(&entry->members, request);
    list_prepend(&journal->entries, &entry->link);
    keep_body(journal, entry, request->body);
    if (++journal->n_entries > JOURNAL_ENTRIES_MAX) {
        drop_entry(journal, CONTAINER_OF(journal->entries.prev, struct journal_entry, link));
    }
    return entry;
}

void journal_count_abort(struct journal *journal, uint64_t now_ns)
{
    journal->n_aborted++;
    journal->last_abort_ns = now_ns;
}

void journal_end(struct journal *journal, struct journal_entry *entry, enum journal_outcome outcome,
                 uint64_t sent_bytes, uint64_t now_ns)
{
    journal->n_open--;
    if (outcome == JOURNAL_ABORTED) {
        journal_count_abort(journal, now_ns);
    } else {
        journal->n_finished++;
    }
    if (entry) {
        entry->outcome = outcome;
        entry->sent_bytes = sent_bytes;
        entry->ended_ns = now_ns;
        unref(entry);
    }
}

void journal_add_told(struct journal *journal, const struct journal_told *told)
{
    journal->told.answers += told->answers;
    journal->told.input += told->input;
    journal->told.output += told->output;
    journal->told.cache_read += told->cache_read;
}

static void write_told(struct json_writer *w, const struct journal_told *told)
{
    json_key(w, SLICE("told"));
    json_begin_object(w);
    json_member_int(w, SLICE("answers"), (int64_t)told->answers);
    json_member_int(w, SLICE("input"), (int64_t)told->input);
    json_member_int(w, SLICE("output"), (int64_t)told->output);
    json_member_int(w, SLICE("cache_read"), (int64_t)told->cache_read);
    json_end_object(w);
}

void journal_write_stats(const struct journal *journal, struct buf *out, size_t n_connections)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_int(&w, SLICE("requests"), (int64_t)journal->n_requests);
    json_member_int(&w, SLICE("open"), (int64_t)journal->n_open);
    json_member_int(&w, SLICE("finished"), (int64_t)journal->n_finished);
    json_member_int(&w, SLICE("aborted"), (int64_t)journal->n_aborted);
    json_member_int(&w, SLICE("last_abort_ns"), (int64_t)journal->last_abort_ns);
    json_member_int(&w, SLICE("connections"), (int64_t)n_connections);
    write_told(&w, &journal->told);
    json_end_object(&w);
}

static void write_entry(struct buf *out, const struct journal_entry *entry)
{
    static const struct slice outcomes[] = {
        [JOURNAL_OPEN] = SLICE_INIT("open"),
        [JOURNAL_FINISHED] = SLICE_INIT("finished"),
        [JOURNAL_ABORTED] = SLICE_INIT("aborted"),
    };
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_int(&w, SLICE("id"), (int64_t)entry->id);
    json_member_string(&w, SLICE("outcome"), outcomes[entry->outcome]);
    json_member_int(&w, SLICE("started_ns"), (int64_t)entry->started_ns);
    json_member_int(&w, SLICE("ended_ns"), (int64_t)entry->ended_ns);
    json_member_int(&w, SLICE("sent_bytes"), (int64_t)entry->sent_bytes);
    json_end_object(&w);
    // The members that do not change follow: two objects become one.
    out->ptr[out->len - 1] = ',';
    buf_append(out, slice_after(buf_slice(&entry->members), 1));
}

void journal_write_requests(const struct journal *journal, struct buf *out, uint64_t limit)
{
    buf_append_char(out, '[');
    const struct list *at = journal->entries.next;
    for (uint64_t i = 0; i < limit && at != &journal->entries; i++, at = at->next) {
        if (i > 0) {
            buf_append_char(out, ',');
        }
        write_entry(out, CONTAINER_OF(at, struct journal_entry, link));
    }
    buf_append_char(out, ']');
}

bool journal_find_body(const struct journal *journal, uint64_t id, struct slice *body_r)
{
    for (const struct list *at = journal->bodies.next; at != &journal->bodies; at = at->next) {
        const struct journal_entry *entry = CONTAINER_OF(at, struct journal_entry, body_link);
        if (entry->id == id) {
            *body_r = buf_slice(&entry->body);
            return true;
        }
    }
    return false;
}

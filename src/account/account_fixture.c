// SPDX-License-Identifier: MIT
#include "account/account_fixture.h"

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "config/text_file.h"
#include "kit/loopback.h"

static void note_request(struct account_fixture *f, const struct server_exchange *ex)
{
    buf_printf(&f->seen, "%.*s %.*s %.*s\n", SLICE_ARG(ex->req.method_text), SLICE_ARG(ex->req.target),
               SLICE_ARG(ex->body));
    for (size_t i = 0; i < ex->req.n_fields; i++) {
        buf_printf(&f->heads, "%.*s: %.*s\n", SLICE_ARG(ex->req.fields[i].name), SLICE_ARG(ex->req.fields[i].value));
    }
    f->n_requests++;
}

static void on_request(void *arg, struct server_exchange *ex)
{
    struct account_fixture *f = arg;
    note_request(f, ex);
    if (f->answer) {
        f->answer(f, ex);
    } else {
        f->held = ex;
    }
}

static void on_gone(void *arg, struct server_exchange *ex)
{
    struct account_fixture *f = arg;
    f->held = f->held == ex ? NULL : f->held;
}

static void note_message(void *arg, const struct log_message *message)
{
    struct account_fixture *f = arg;
    buf_append(&f->log, message->text);
    buf_append_char(&f->log, '\n');
}

void account_fixture_init(struct account_fixture *f)
{
    static const struct http_server_handler handler = {
        .on_request = on_request, .on_finished = on_gone, .on_abort = on_gone};
    uint16_t port;
    *f = (struct account_fixture){.status = 200, .body = "{}", .answer = account_answer_text};
    snprintf(f->folder, sizeof(f->folder), "/tmp/account_test.XXXXXX");
    const char *made = mkdtemp(f->folder);
    assert(made);
    (void)made;
    log_set_sink(note_message, f);
    arena_init(&f->arena, 4096);
    loop_init(&f->loop);
    f->client = http_client_new(&f->loop, &http_client_limits_default);
    f->server = http_server_new(&f->loop, &http_server_limits_default, &handler, f);
    http_server_listen_take(f->server, loopback_listen(&port));
    snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%u", port);
}

static void on_true(void *arg)
{
    *(bool *)arg = true;
}

static bool is_true(void *arg)
{
    return *(bool *)arg;
}

void account_fixture_run_out(struct account_fixture *f)
{
    bool is_closed = f->store == NULL;
    if (f->store) {
        key_store_close(f->store, on_true, &is_closed);
    }
    bool has_closed = loopback_until(&f->loop, is_true, &is_closed);
    assert(has_closed);
    (void)has_closed;
    http_client_close(f->client);
    http_server_abort_all(f->server);
    loop_deinit(&f->loop);
    http_client_free(f->client);
    http_server_free(f->server);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void account_fixture_deinit(struct account_fixture *f)
{
    if (f->store) {
        key_store_free(f->store);
        key_table_close(&f->table);
    }
    arena_deinit(&f->arena);
    log_set_sink(NULL, NULL);
    nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    buf_deinit(&f->seen);
    buf_deinit(&f->heads);
    buf_deinit(&f->log);
}

void account_open_pool(struct account_fixture *f, const struct key_settings *settings)
{
    struct key_store_options options = {.folder = f->folder, .settings = *settings, .notes_max = 100};
    struct buf errors = BUF_EMPTY;
    int r = key_table_create(&f->table);
    assert(r == 0);
    (void)r;
    f->store = key_store_open(&f->loop, &f->table, &options, &errors);
    assert(f->store);
    buf_deinit(&errors);
}

struct commit {
    struct key_store_commit commit;
    bool is_done;
};

static void on_commit(struct key_store_commit *commit, int r)
{
    assert(r == 0);
    (void)r;
    CONTAINER_OF(commit, struct commit, commit)->is_done = true;
}

static void commit(struct account_fixture *f)
{
    struct commit commit = {0};
    key_store_commit(f->store, &commit.commit, on_commit);
    bool is_done = loopback_until(&f->loop, is_true, &commit.is_done);
    assert(is_done);
    (void)is_done;
}

void account_add_keys(struct account_fixture *f, const struct slice *secrets, size_t n, struct slice *ids_r)
{
    for (size_t i = 0; i < n; i++) {
        struct key_draft draft = {.secret = secrets[i], .max_inflight = -1};
        const struct key_record *record;
        enum key_store_refusal refusal = key_store_add(f->store, &draft, &record);
        assert(refusal == KEY_STORE_OK);
        (void)refusal;
        ids_r[i] = arena_dup(&f->arena, record->id);
    }
    commit(f);
}

struct slice account_add_key(struct account_fixture *f, const char *secret)
{
    struct slice id;
    account_add_keys(f, &(struct slice){secret, strlen(secret)}, 1, &id);
    return id;
}

void account_remove_key(struct account_fixture *f, struct slice id)
{
    enum key_store_refusal refusal = key_store_remove(f->store, id);
    assert(refusal == KEY_STORE_OK);
    (void)refusal;
    commit(f);
}

struct key_slot *account_key(struct account_fixture *f, struct slice id)
{
    return key_of(&f->table, key_store_find(f->store, id)->slot);
}

void account_answer_text(struct account_fixture *f, struct server_exchange *ex)
{
    server_respond(ex, f->status, SLICE("content-type: application/json\r\n"), slice_from_cstr(f->body));
}

bool account_until(struct account_fixture *f, bool (*holds)(void *arg), void *arg)
{
    return loopback_until(&f->loop, holds, arg);
}

struct request_count {
    const struct account_fixture *f;
    size_t n;
};

static bool has_requests(void *arg)
{
    const struct request_count *count = arg;
    return count->f->n_requests >= count->n;
}

bool account_until_requests(struct account_fixture *f, size_t n)
{
    struct request_count count = {f, n};
    return loopback_until(&f->loop, has_requests, &count);
}

struct alarm {
    struct timer timer;
    bool has_rung;
};

static void on_alarm(struct timer *timer)
{
    CONTAINER_OF(timer, struct alarm, timer)->has_rung = true;
}

static bool has_rung(void *arg)
{
    return *(bool *)arg;
}

void account_turn(struct account_fixture *f, unsigned ms)
{
    struct alarm alarm = {0};
    timer_init(&alarm.timer);
    timer_start(&f->loop.timers, &alarm.timer, ms, on_alarm);
    bool rang = loopback_until(&f->loop, has_rung, &alarm.has_rung);
    assert(rang);
    (void)rang;
}

struct slice account_file(struct account_fixture *f, const char *name, struct arena *arena)
{
    struct slice path = arena_printf(arena, "%s/%s%c", f->folder, name, '\0');
    struct slice text;
    return text_file_read(path.ptr, arena, 16 * 1024 * 1024, &text) == 0 ? text : SLICE_EMPTY;
}

void account_write_file(struct account_fixture *f, const char *name, const char *text)
{
    const char *slash = strrchr(name, '/');
    char folder[128];
    snprintf(folder, sizeof(folder), "%s/%.*s", f->folder, slash ? (int)(slash - name) : 0, name);
    int r = text_file_create(folder, slash ? slash + 1 : name, slice_from_cstr(text));
    assert(r == 0);
    (void)r;
}

bool account_logged(const struct account_fixture *f, const char *text)
{
    return slice_find(buf_slice(&f->log), slice_from_cstr(text)) != SLICE_NOT_FOUND;
}

size_t account_log_lines(const struct account_fixture *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->log.len; i++) {
        n += f->log.ptr[i] == '\n';
    }
    return n;
}

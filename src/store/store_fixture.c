// SPDX-License-Identifier: MIT
#include "store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/text_file.h"

enum { COMMIT_LIMIT_MS = 20000 };

static void keep_log(void *arg, const struct log_message *message)
{
    struct store_fixture *f = arg;
    buf_append(&f->log, message->text);
    buf_append_char(&f->log, '\n');
}

void store_fixture_init(struct store_fixture *f)
{
    const char *base = getenv("TMPDIR");
    *f = (struct store_fixture){.defaults = key_settings_default};
    snprintf(f->folder, sizeof(f->folder), "%s/store-test-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(f->folder));
    arena_init(&f->arena, 4096);
    log_set_sink(keep_log, f);
}

static void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    char path[512];
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    if (dir) {
        closedir(dir);
    }
    rmdir(folder);
}

void store_fixture_deinit(struct store_fixture *f)
{
    if (f->store) {
        store_fixture_close(f);
    }
    log_set_sink(NULL, NULL);
    buf_deinit(&f->log);
    arena_deinit(&f->arena);
    remove_folder(f->folder);
}

void store_fixture_open(struct store_fixture *f)
{
    struct buf errors = BUF_EMPTY;
    const struct key_store_options options = {f->folder, f->defaults, KEY_NOTES_MAX_DEFAULT};
    loop_init(&f->loop);
    assert_int_equal(key_table_create(&f->table), 0);
    f->store = key_store_open(&f->loop, &f->table, &options, &errors);
    if (!f->store) {
        fail_msg("%.*s", SLICE_ARG(buf_slice(&errors)));
    }
    buf_deinit(&errors);
}

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

void store_fixture_close(struct store_fixture *f)
{
    bool is_closed = false;
    key_store_close(f->store, on_closed, &is_closed);
    assert_false(is_closed);
    loop_deinit(&f->loop);
    assert_true(is_closed);
    key_store_free(f->store);
    key_table_close(&f->table);
    f->store = NULL;
}

void store_fixture_reopen(struct store_fixture *f)
{
    store_fixture_close(f);
    store_fixture_open(f);
}

static const char *path_of(struct store_fixture *f, const char *name)
{
    return arena_printf(&f->arena, "%s/%s", f->folder, name).ptr;
}

void store_fixture_write(struct store_fixture *f, const char *name, struct slice text)
{
    int fd = open(path_of(f, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(text.len ? write(fd, text.ptr, text.len) : 0, text.len);
    close(fd);
}

struct slice store_fixture_read(struct store_fixture *f, const char *name)
{
    struct slice text = SLICE_EMPTY;
    return text_file_read(path_of(f, name), &f->arena, UINT32_MAX, &text) == 0 ? text : SLICE_EMPTY;
}

bool store_fixture_has(struct store_fixture *f, const char *name)
{
    return access(path_of(f, name), F_OK) == 0;
}

const char *store_fixture_find(struct store_fixture *f, const char *beginning)
{
    const char *found = NULL;
    DIR *dir = opendir(f->folder);
    assert_non_null(dir);
    for (struct dirent *entry; !found && (entry = readdir(dir));) {
        if (strncmp(entry->d_name, beginning, strlen(beginning)) == 0) {
            found = arena_cstr(&f->arena, slice_from_cstr(entry->d_name));
        }
    }
    closedir(dir);
    return found;
}

bool store_fixture_logged(const struct store_fixture *f, const char *text)
{
    return slice_find(buf_slice(&f->log), slice_from_cstr(text)) != SLICE_NOT_FOUND;
}

static void on_limit(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

// The limit of a wait, on the loop so that it ends the wait whatever else happens.
struct limit {
    uv_timer_t timer;
    bool is_over;
};

static void limit_start(struct limit *limit, struct loop *loop, uint64_t ms)
{
    limit->is_over = false;
    uv_timer_init(&loop->uv, &limit->timer);
    limit->timer.data = &limit->is_over;
    uv_update_time(&loop->uv);
    uv_timer_start(&limit->timer, on_limit, ms, 0);
}

static void limit_end(struct limit *limit, struct loop *loop)
{
    uv_close((uv_handle_t *)&limit->timer, NULL);
    while (uv_is_active((uv_handle_t *)&limit->timer)) {
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    }
    uv_run(&loop->uv, UV_RUN_NOWAIT);
}

void store_fixture_run_until(struct store_fixture *f, bool (*is_true)(struct store_fixture *f), uint64_t limit_ms)
{
    struct limit limit;
    limit_start(&limit, &f->loop, limit_ms);
    bool is_met = is_true(f);
    while (!is_met && !limit.is_over) {
        uv_run(&f->loop.uv, UV_RUN_ONCE);
        is_met = is_true(f);
    }
    limit_end(&limit, &f->loop);
    if (!is_met) {
        fail_msg("waited for too long; the log says:\n%.*s", SLICE_ARG(buf_slice(&f->log)));
    }
}

void store_fixture_run_for(struct store_fixture *f, uint64_t ms)
{
    struct limit limit;
    limit_start(&limit, &f->loop, ms);
    while (!limit.is_over) {
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    }
    limit_end(&limit, &f->loop);
}

struct waiting_commit {
    struct key_store_commit commit;
    bool is_done;
    int r;
};

static void on_committed(struct key_store_commit *commit, int r)
{
    struct waiting_commit *waiting = CONTAINER_OF(commit, struct waiting_commit, commit);
    waiting->is_done = true;
    waiting->r = r;
}

int store_fixture_commit(struct store_fixture *f)
{
    struct waiting_commit waiting = {.is_done = false};
    struct limit limit;
    key_store_commit(f->store, &waiting.commit, on_committed);
    assert_false(waiting.is_done);
    limit_start(&limit, &f->loop, COMMIT_LIMIT_MS);
    while (!waiting.is_done && !limit.is_over) {
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    }
    limit_end(&limit, &f->loop);
    assert_true(waiting.is_done);
    return waiting.r;
}

const struct key_record *store_fixture_add(struct store_fixture *f, const char *secret, const char *group)
{
    const struct key_record *record = NULL;
    const struct key_draft draft = {
        .secret = slice_from_cstr(secret), .group = slice_from_cstr(group), .max_inflight = -1};
    assert_int_equal(key_store_add(f->store, &draft, &record), KEY_STORE_OK);
    return record;
}

// ---- file systems

static bool write_word(const char *path, const char *word)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool is_written = fd >= 0 && write(fd, word, strlen(word)) == (ssize_t)strlen(word);
    if (fd >= 0) {
        close(fd);
    }
    return is_written;
}

static bool enter_namespace(void)
{
    char map[64];
    uid_t uid = getuid();
    gid_t gid = getgid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) {
        snprintf(map, sizeof(map), "0 %u 1", (unsigned)uid);
        bool is_mapped = write_word("/proc/self/setgroups", "deny") && write_word("/proc/self/uid_map", map);
        snprintf(map, sizeof(map), "0 %u 1", (unsigned)gid);
        if (!is_mapped || !write_word("/proc/self/gid_map", map)) {
            return false;
        }
    } else if (unshare(CLONE_NEWNS) != 0) {
        return false;
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

int store_fixture_with_mounts(int (*fn)(void *arg), void *arg)
{
    enum { NOT_ALLOWED = 99 };
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(enter_namespace() ? fn(arg) : NOT_ALLOWED);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == NOT_ALLOWED ? -1 : WEXITSTATUS(status);
}

int store_fixture_mount(const char *folder, const char *options)
{
    return mount("none", folder, "tmpfs", 0, options);
}

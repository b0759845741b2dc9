// SPDX-License-Identifier: MIT
// Changes that cannot be written: on a real file system that is full, mounted for this process alone.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "admin/admin_fixture.h"
#include "base/log.h"

static bool write_line(const char *path, const char *line)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool is_written = fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line);
    if (fd >= 0) {
        close(fd);
    }
    return is_written;
}

// Whether this process may mount what it likes from now on, without anybody else seeing it.
static bool enter_own_namespace(void)
{
    char users[64];
    char groups[64];
    snprintf(users, sizeof(users), "0 %u 1", geteuid());
    snprintf(groups, sizeof(groups), "0 %u 1", getegid());
    if (unshare(CLONE_NEWNS) != 0 &&
        !(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_line("/proc/self/setgroups", "deny") &&
          write_line("/proc/self/uid_map", users) && write_line("/proc/self/gid_map", groups))) {
        return false;
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static bool can_mount;

static void use_small_disk(struct admin_fixture *f)
{
    if (!can_mount || mount("small", "data", "tmpfs", 0, "size=128k") != 0) {
        print_message("file systems cannot be mounted here\n");
        skip();
    }
    admin_fixture_restart(f);
}

static void fill_disk(void)
{
    static const char bytes[4096];
    int fd = open("data/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, bytes, sizeof(bytes)) > 0) {
    }
    close(fd);
}

static int tear_down(void **state)
{
    umount2("data", MNT_DETACH);
    return admin_fixture_teardown(state);
}

static size_t n_keys(struct admin_fixture *f)
{
    admin_fixture_ask(f, "GET", "/admin/keys", NULL);
    admin_fixture_expect(f, 200);
    return (size_t)admin_fixture_int(f, "data.pagination.total");
}

static void on_a_full_disk_nothing_changes(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        const char *behind_id; // NULL: the id of the key that is there is no part of the target
        const char *body;
    } rows[] = {
        {"POST", "/admin/keys", NULL, "{\"key\":\"fk-new\"}"},
        {"POST", "/admin/keys/batch", NULL, "{\"keys\":[\"fk-a\",\"fk-b\"]}"},
        {"PUT", "/admin/keys/", "", "{\"notes\":\"new\",\"key\":\"fk-changed\"}"},
        {"PATCH", "/admin/keys/", "/notes", "{\"notes\":\"new\"}"},
        {"PATCH", "/admin/keys/", "/toggle", NULL},
        {"PATCH", "/admin/keys/", "/pool", "{\"poolGroup\":\"default\"}"},
        {"DELETE", "/admin/keys/", "", NULL},
        {"POST", "/admin/pool-groups", NULL, "{\"id\":\"new\",\"name\":\"New\",\"priority\":1}"},
        {"DELETE", "/admin/pool-groups/main", NULL, NULL},
        {"PUT", "/admin/config", NULL, "{\"algorithm\":\"random\"}"},
    };
    struct admin_fixture *f = *state;
    char target[128];
    use_small_disk(f);
    admin_fixture_add_group(f, "main");
    const char *id = admin_fixture_add(f, "fk-there", "main");
    fill_disk();
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        snprintf(target, sizeof(target), "%s%s%s", rows[i].target, rows[i].behind_id ? id : "",
                 rows[i].behind_id ? rows[i].behind_id : "");
        admin_fixture_ask(f, rows[i].method, target, rows[i].body);
        admin_fixture_expect(f, 507);
        assert_non_null(strstr(admin_fixture_text(f, "message"), "Nothing was changed"));
        assert_non_null(strstr(admin_fixture_text(f, "message"), "no space left"));
    }
    assert_int_equal(n_keys(f), 1);
    assert_string_equal(admin_fixture_text(f, "data.keys.0.id"), id);
    assert_string_equal(admin_fixture_text(f, "data.keys.0.notes"), "");
    assert_string_equal(admin_fixture_text(f, "data.keys.0.status"), "active");
    assert_string_equal(admin_fixture_text(f, "data.keys.0.poolGroup"), "main");
    admin_fixture_ask(f, "GET", "/admin/config", NULL);
    assert_string_equal(admin_fixture_text(f, "data.algorithm"), "round-robin");
    // With room again everything goes on.
    assert_int_equal(unlink("data/filler"), 0);
    admin_fixture_add(f, "fk-new", "main");
    admin_fixture_restart(f);
    assert_int_equal(n_keys(f), 2);
}

// ---- the audit ------------------------------------------------------------------------------------------------------

struct log {
    struct buf text;
};

static void keep(void *arg, const struct log_message *message)
{
    struct log *log = arg;
    if (strcmp(message->area, "admin") == 0) {
        buf_append(&log->text, message->text);
        buf_append_char(&log->text, '\n');
    }
}

static bool has(const struct log *log, const char *text)
{
    return slice_find(buf_slice(&log->text), slice_from_cstr(text)) != SLICE_NOT_FOUND;
}

static void every_change_leaves_a_line_without_secrets(void **state)
{
    struct admin_fixture *f = *state;
    struct log log = {BUF_EMPTY};
    char target[128];
    log_set_sink(keep, &log);
    const char *id = admin_fixture_add(f, "fk-a-secret-that-is-long-enough", "default");
    assert_true(has(&log, "127.0.0.1 added key key_"));
    assert_true(has(&log, ": done\n"));
    snprintf(target, sizeof(target), "/admin/keys/%s?reveal=true", id);
    admin_fixture_ask(f, "GET", target, NULL);
    assert_true(has(&log, "127.0.0.1 revealed key key_"));
    snprintf(target, sizeof(target), "/admin/keys/%s", id);
    admin_fixture_ask(f, "PUT", target, "{\"key\":\"fk-another-secret-of-some-length\",\"notes\":\"line\\nbreak\"}");
    assert_true(has(&log, "127.0.0.1 changed key key_"));
    admin_fixture_ask(f, "GET", "/admin/keys/export", NULL);
    assert_true(has(&log, "exported 1 keys"));
    admin_fixture_ask(f, "PUT", "/admin/config", "{\"algorithm\":\"random\"}");
    assert_true(has(&log, "changed the settings of the pool: done"));
    admin_fixture_ask(f, "DELETE", "/admin/cooldowns", NULL);
    assert_true(has(&log, "ended 0 cooldowns"));
    admin_fixture_ask(f, "DELETE", target, NULL);
    assert_true(has(&log, "127.0.0.1 removed key key_"));
    assert_false(has(&log, "secret-that"));
    assert_false(has(&log, "another-secret"));
    assert_false(has(&log, ADMIN_FIXTURE_KEY));
    log_set_sink(NULL, NULL);
    buf_deinit(&log.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(on_a_full_disk_nothing_changes, admin_fixture_setup, tear_down),
        cmocka_unit_test_setup_teardown(every_change_leaves_a_line_without_secrets, admin_fixture_setup, tear_down),
    };
    can_mount = enter_own_namespace();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

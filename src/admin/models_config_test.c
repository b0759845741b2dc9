// SPDX-License-Identifier: MIT
// Changes of config.json with a door of the test's own: turns, leaving, and what happens when it does not open.
#include "admin/admin_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/text_file.h"
#include "kit/loopback.h"

struct door {
    struct admin_fixture *f;
    const char *check_errors; // NULL: all is well
    const char *reload_errors;
    bool is_edited_meanwhile;
    unsigned n_checks;
    unsigned n_reloads;
};
static struct door door;

static bool check(void *arg, struct slice text, struct buf *errors, struct buf *warnings)
{
    struct door *d = arg;
    d->n_checks++;
    assert_true(text.len > 0);
    buf_append(warnings,
               SLICE("PORT is odd\nmodels[0].x is unknown and ignored\nendpoint[1].y is unknown and ignored\n"));
    if (d->check_errors) {
        buf_append(errors, slice_from_cstr(d->check_errors));
    }
    if (d->is_edited_meanwhile) {
        config_fixture_write("data/config.json", "{\"system_prompt\":\"by hand\"}");
    }
    return !d->check_errors;
}

static bool reload(void *arg, struct buf *errors)
{
    struct door *d = arg;
    d->n_reloads++;
    if (d->reload_errors) {
        buf_append(errors, slice_from_cstr(d->reload_errors));
        return false;
    }
    assert_non_null(config_fixture_load(d->f->config, "ADMIN_ACCESS_KEY=" ADMIN_FIXTURE_KEY, false));
    admin_set_config(d->f->admin, d->f->config->config);
    return true;
}

static void open_door(struct admin_fixture *f)
{
    door = (struct door){.f = f};
    admin_set_config_door(f->admin, &(struct admin_config_door){.arg = &door, .check = check, .reload = reload});
}

static int set_up(void **state)
{
    int r = admin_fixture_setup(state);
    if (r == 0) {
        open_door(*state);
    }
    return r;
}

static struct slice file_text(struct admin_fixture *f)
{
    struct slice text = SLICE_EMPTY;
    assert_int_equal(text_file_read("data/config.json", &f->arena, CONFIG_FILE_MAX_LEN, &text), 0);
    return text;
}

static void put(struct admin_fixture *f, const char *body)
{
    admin_fixture_ask(f, "PUT", "/admin/models", body);
}

static void assert_unchanged(struct admin_fixture *f)
{
    assert_true(slice_eq(file_text(f), f->config->config->file_text));
    assert_int_equal(access("data/config.json.bak", F_OK), -1);
}

static void without_a_door_nothing_can_be_changed(void **state)
{
    struct admin_fixture *f = *state;
    admin_set_config_door(f->admin, NULL);
    put(f, "{\"system_prompt\":\"a\"}");
    admin_fixture_expect(f, 503);
    assert_unchanged(f);
    admin_fixture_ask(f, "GET", "/admin/models", NULL);
    admin_fixture_expect(f, 200);
    assert_string_equal(admin_fixture_text(f, "data.models.0.id"), "small");
}

static void a_good_change(void **state)
{
    struct admin_fixture *f = *state;
    put(f, "{\"system_prompt\":\"Be brief.\",\"unknown\":1}");
    admin_fixture_expect(f, 200);
    assert_string_equal(admin_fixture_text(f, "data.system_prompt"), "Be brief.");
    assert_string_equal(admin_fixture_text(f, "message"),
                        "models[0].x is unknown and ignored\nendpoint[1].y is unknown and ignored");
    assert_int_equal(door.n_checks, 1);
    assert_int_equal(door.n_reloads, 1);
    assert_true(slice_ends_with(file_text(f), SLICE(",\"system_prompt\":\"Be brief.\"}")));
    assert_true(slice_eq(f->config->config->system_prompt, SLICE("Be brief.")));
    struct stat st;
    assert_int_equal(stat("data/config.json", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void what_the_loader_says_is_told(void **state)
{
    struct admin_fixture *f = *state;
    struct buf many = BUF_EMPTY;
    door.check_errors = "models[0] is bad\nmodels[1] is worse\n";
    put(f, "{\"models\":[]}");
    admin_fixture_expect(f, 400);
    assert_string_equal(admin_fixture_text(f, "message"), "models[0] is bad\nmodels[1] is worse");
    for (int i = 0; i < 30; i++) {
        buf_printf(&many, "line %d\n", i);
    }
    buf_append_char(&many, '\0');
    door.check_errors = many.ptr;
    put(f, "{\"models\":[]}");
    admin_fixture_expect(f, 400);
    assert_non_null(strstr(admin_fixture_text(f, "message"), "line 19\n…"));
    buf_deinit(&many);
    assert_int_equal(door.n_reloads, 0);
    assert_unchanged(f);
}

static void written_and_yet_not_in_force(void **state)
{
    struct admin_fixture *f = *state;
    door.reload_errors = "PORT is \"x\" in .env:1\n";
    put(f, "{\"system_prompt\":\"a\"}");
    admin_fixture_expect(f, 409);
    assert_string_equal(admin_fixture_text(f, "message"), "Written, but not in force:\nPORT is \"x\" in .env:1");
    door.reload_errors = NULL;
    put(f, "{\"system_prompt\":\"b\"}"); // as if it had been edited by hand
    admin_fixture_expect(f, 409);
    assert_true(slice_ends_with(file_text(f), SLICE("\"system_prompt\":\"a\"}")));
}

static void what_cannot_be_written(void **state)
{
    struct admin_fixture *f = *state;
    struct slice before = f->config->config->file_text;
    assert_int_equal(mkdir("data/.config.json.new", 0700), 0);
    put(f, "{\"system_prompt\":\"a\"}");
    admin_fixture_expect(f, 500);
    assert_non_null(strstr(admin_fixture_text(f, "message"), "Nothing was changed"));
    assert_true(slice_eq(file_text(f), before));
    assert_int_equal(door.n_reloads, 0);
    assert_int_equal(rmdir("data/.config.json.new"), 0);
    put(f, "{\"system_prompt\":\"a\"}");
    admin_fixture_expect(f, 200);
}

static void an_edit_at_this_very_moment(void **state)
{
    struct admin_fixture *f = *state;
    door.is_edited_meanwhile = true;
    put(f, "{\"system_prompt\":\"a\"}");
    admin_fixture_expect(f, 409);
    assert_non_null(strstr(admin_fixture_text(f, "message"), "very moment"));
    assert_true(slice_eq(file_text(f), SLICE("{\"system_prompt\":\"by hand\"}")));
    assert_int_equal(door.n_reloads, 0);
    assert_int_equal(access("data/config.json.bak", F_OK), -1);
}

static bool is_written(void *arg)
{
    (void)arg;
    return door.n_reloads > 0;
}

static void send_put(struct admin_fixture *f, const char *body)
{
    admin_fixture_send(f, "PUT", "/admin/models", "x-admin-key: " ADMIN_FIXTURE_KEY "\r\n", slice_from_cstr(body));
}

static bool is_checked(void *arg)
{
    (void)arg;
    return door.n_checks > 0;
}

static void who_leaves_takes_nothing_along_that_is_being_written(void **state)
{
    struct admin_fixture *f = *state;
    send_put(f, "{\"system_prompt\":\"left\"}");
    assert_true(loopback_until(&f->loop, is_checked, NULL));
    loopback_close(f->client);
    loopback_connect(f->client, f->port);
    assert_true(loopback_until(&f->loop, is_written, NULL));
    assert_true(slice_eq(f->config->config->system_prompt, SLICE("left")));
    put(f, "{\"system_prompt\":\"next\"}");
    admin_fixture_expect(f, 200);
}

// The second request of a connection comes when the first is answered; the others wait for their turns.
static void changes_take_turns(void **state)
{
    enum { N = 5 };
    struct admin_fixture *f = *state;
    struct loopback_client clients[N] = {0};
    struct buf request = BUF_EMPTY;
    for (int i = 0; i < N; i++) {
        char body[64];
        int len = snprintf(body, sizeof(body), "{\"model_redirects\":{\"name-%d\":\"small\"}}", i);
        buf_clear(&request);
        for (int twice = 0; twice < 2; twice++) {
            buf_printf(&request,
                       "PUT /admin/models HTTP/1.1\r\nHost: a\r\nx-admin-key: " ADMIN_FIXTURE_KEY "\r\n"
                       "Content-Length: %d\r\n\r\n%s",
                       len, body);
        }
        loopback_connect(&clients[i], f->port);
        loopback_send(&clients[i], &f->loop, buf_slice(&request));
    }
    loopback_close(&clients[N - 1]); // whether or not its turn has come
    for (int i = 0; i < N - 1; i++) {
        char expected[64];
        snprintf(expected, sizeof(expected), "\"model_redirects\":{\n    \"name-%d\": \"small\"\n  }", i);
        assert_true(loopback_receive_text(&clients[i], &f->loop, slice_from_cstr(expected)));
        size_t first = slice_find(buf_slice(&clients[i].received), slice_from_cstr(expected));
        assert_true(loopback_receive_bytes(&clients[i], &f->loop, 2 * first)); // the same once more
        loopback_close(&clients[i]);
    }
    assert_true(door.n_reloads >= 2 * (N - 1));
    buf_deinit(&request);
}

static void the_end_comes_while_it_is_written(void **state)
{
    struct admin_fixture *f = *state;
    send_put(f, "{\"system_prompt\":\"late\"}");
    assert_true(loopback_until(&f->loop, is_checked, NULL));
    admin_set_config_door(f->admin, NULL);
    admin_fixture_restart(f); // which reads a file of its own making
    assert_int_equal(door.n_reloads, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_door_nothing_can_be_changed, set_up, admin_fixture_teardown),
        cmocka_unit_test_setup_teardown(a_good_change, set_up, admin_fixture_teardown),
        cmocka_unit_test_setup_teardown(what_the_loader_says_is_told, set_up, admin_fixture_teardown),
        cmocka_unit_test_setup_teardown(written_and_yet_not_in_force, set_up, admin_fixture_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_written, set_up, admin_fixture_teardown),
        cmocka_unit_test_setup_teardown(an_edit_at_this_very_moment, set_up, admin_fixture_teardown),
        cmocka_unit_test_setup_teardown(who_leaves_takes_nothing_along_that_is_being_written, set_up,
                                        admin_fixture_teardown),
        cmocka_unit_test_setup_teardown(changes_take_turns, set_up, admin_fixture_teardown),
        cmocka_unit_test_setup_teardown(the_end_comes_while_it_is_written, set_up, admin_fixture_teardown),
    };
    return cmocka_run_group_tests_name("models_config", tests, NULL, NULL);
}

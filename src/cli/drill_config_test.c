// SPDX-License-Identifier: MIT
// What a drill writes must be a configuration that a gateway takes, with the settings it came from.
#include "cli/drill_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    struct arena arena;
    char folder[64];
    struct config *config; // the operator's
    struct config *own;    // the drill's
};

static void write_file(const struct fixture *f, const char *name, struct slice text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", f->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text.ptr, 1, text.len, file), text.len);
    assert_int_equal(fclose(file), 0);
}

static struct config *load(struct fixture *f)
{
    struct buf errors = BUF_EMPTY;
    struct buf warnings = BUF_EMPTY;
    char *environment[] = {arena_cstr(&f->arena, arena_printf(&f->arena, "DATA_DIR=%s", f->folder)), NULL};
    struct config_sources sources = {
        .environment = environment,
        .dotenv_path = arena_cstr(&f->arena, arena_printf(&f->arena, "%s/.env", f->folder)),
    };
    struct config *config = config_load(&sources, &errors, &warnings);
    if (!config || warnings.len) {
        fail_msg("%.*s%.*s", SLICE_ARG(buf_slice(&errors)), SLICE_ARG(buf_slice(&warnings)));
    }
    buf_deinit(&errors);
    buf_deinit(&warnings);
    return config;
}

static void set_up(struct fixture *f, const char *config_json, const char *dotenv, uint32_t speed)
{
    arena_init(&f->arena, 1024);
    snprintf(f->folder, sizeof(f->folder), "/tmp/droid2api-drill-test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    write_file(f, "config.json", slice_from_cstr(config_json));
    write_file(f, ".env", slice_from_cstr(dotenv));
    f->config = load(f);
    struct drill_config_source source = {f->config, SLICE("http://127.0.0.1:1234"), speed};
    struct buf text = BUF_EMPTY;
    drill_config_write(&text, &source);
    write_file(f, "config.json", buf_slice(&text));
    buf_clear(&text);
    drill_config_write_environment(&text, &source);
    write_file(f, ".env", buf_slice(&text));
    buf_deinit(&text);
    f->own = load(f);
}

static void tear_down(struct fixture *f)
{
    static const char *const names[] = {"config.json", ".env", ""};
    config_unref(f->config);
    config_unref(f->own);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", f->folder, names[i]);
        assert_int_equal(remove(path), 0);
    }
    arena_deinit(&f->arena);
}

static const struct config_model *own_model(struct fixture *f, size_t scenario, enum drill_dialect dialect)
{
    struct slice id = drill_config_model(&f->arena, &drill_scenarios[scenario], dialect);
    const struct config_model *model = config_find_model(f->own, id);
    assert_non_null(model);
    return model;
}

static void test_models_and_fallbacks(void **state)
{
    struct fixture f;
    set_up(&f, "{}", "", 1);
    assert_int_equal(f.own->n_models, 2 * N_DRILL_SCENARIOS * N_DRILL_DIALECTS);
    for (size_t i = 0; i < N_DRILL_SCENARIOS * N_DRILL_DIALECTS; i++) {
        const struct config_model *model =
            own_model(&f, i / N_DRILL_DIALECTS, (enum drill_dialect)(i % N_DRILL_DIALECTS));
        assert_int_equal(model->n_fallbacks, 1);
        assert_true(slice_eq(model->fallbacks[0]->id, drill_config_backup(&f.arena, model->id)));
        assert_ptr_not_equal(model->fallbacks[0]->endpoint, model->endpoint);
        assert_int_equal(model->fallbacks[0]->type, model->type);
        assert_int_equal(model->endpoint->port, 1234);
        assert_int_equal(model->timeouts.header_ms, f.config->timeouts.header_ms);
    }
    tear_down(&f);
}

static void test_settings_are_the_operators(void **state)
{
    struct fixture f;
    set_up(&f,
           "{\"endpoint\":[{\"name\":\"common\",\"type\":\"common\",\"base_url\":\"http://h\"},"
           "{\"name\":\"google\",\"type\":\"google\",\"base_url\":\"http://h\"}],"
           "\"models\":[{\"id\":\"a\",\"type\":\"common\",\"timeouts\":{\"first_token_ms\":1005},\"hold_back\":{\"ms\":"
           "-1}},"
           "{\"id\":\"b\",\"type\":\"common\",\"timeouts\":{\"first_token_ms\":9999}},"
           "{\"id\":\"c\",\"type\":\"google\",\"hold_back\":{\"ms\":500,\"events\":7}}]}",
           "UPSTREAM_IDLE_TIMEOUT_MS=3000\nSTREAM_KEEPALIVE_MS=0\nKEY_POOL_RETRY_MAX=1\nKEY_POOL_RETRY_DELAY_MS=25\n",
           10);
    const struct config_model *chat = own_model(&f, 0, DRILL_CHAT);
    assert_int_equal(chat->timeouts.first_token_ms, 101); // never shorter than divided
    assert_int_equal(chat->timeouts.idle_ms, 300);
    assert_int_equal(chat->timeouts.total_ms, 0);
    assert_int_equal(chat->timeouts.connect_ms, f.config->timeouts.connect_ms);
    assert_int_equal(chat->hold_back.ms, -1);
    const struct config_model *gemini = own_model(&f, 15, DRILL_GEMINI);
    assert_int_equal(gemini->timeouts.first_token_ms, 0);
    assert_int_equal(gemini->hold_back.ms, 50);
    assert_int_equal(gemini->hold_back.events, 7);
    assert_int_equal(f.own->stream_keepalive_ms, 0);
    assert_int_equal(f.own->key_pool.retry_max, 1);
    assert_int_equal(f.own->key_pool.retry_delay_ms, 3);
    assert_true(f.own->key_pool.retries);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models_and_fallbacks),
        cmocka_unit_test(test_settings_are_the_operators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

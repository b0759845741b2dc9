// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config_fixture.h"
#include "gateway/model_list.h"
#include "json/json_reader.h"

enum { CREATED_S = 1767323045 }; // 2026-01-02T03:04:05Z

// Names with everything that JSON must escape.
static const char four_models[] =
    "{\"endpoint\": [{\"name\": \"all\", \"base_url\": \"http://upstream.example\"}], \"models\": ["
    "{\"id\": \"claude\", \"name\": \"A \\\"quoted\\\" name \\\\\", \"type\": \"anthropic\", \"endpoint\": \"all\"},"
    "{\"id\": \"gpt\", \"type\": \"openai\", \"endpoint\": \"all\"},"
    "{\"id\": \"org/open:1\", \"name\": \"\\u00e9t\\u00e9\", \"type\": \"common\", \"provider\": \"own\", "
    "\"endpoint\": \"all\"},"
    "{\"id\": \"gemini\", \"type\": \"google\", \"endpoint\": \"all\"}],"
    "\"model_redirects\": {\"old\": \"gemini\"}}";

static const struct {
    const char *id;
    const char *shown;
    const char *owner;
    const char *gemini_name;
} expected[] = {
    {"claude", "A \"quoted\" name \\", "anthropic", "models/claude"},
    {"gpt", "gpt", "openai", "models/gpt"},
    {"org/open:1", "\xC3\xA9t\xC3\xA9", "own", "models/org/open:1"},
    {"gemini", "gemini", "google", "models/gemini"},
};
enum { N_EXPECTED = sizeof(expected) / sizeof(*expected) };

// A text parsed back.
struct reading {
    struct arena arena;
    struct buf text;
    struct json_doc doc;
};

static const struct config *load(void **state, const char *file)
{
    config_fixture_write("data/config.json", file);
    const struct config *config = config_fixture_load(*state, NULL, false);
    assert_string_equal(config_fixture_errors(*state), "");
    assert_non_null(config);
    return config;
}

static const struct json_node *parse(struct reading *reading)
{
    arena_init(&reading->arena, 1024);
    assert_int_equal(json_parse(&reading->doc, &reading->arena, buf_slice(&reading->text), NULL), 0);
    return json_root(&reading->doc);
}

static const struct json_node *read_list(struct reading *reading, const struct config *config, enum dialect dialect)
{
    *reading = (struct reading){.text = BUF_EMPTY};
    model_list_write(config, dialect, INT64_C(1000) * CREATED_S + 678, &reading->text);
    return parse(reading);
}

static void end_reading(struct reading *reading)
{
    arena_deinit(&reading->arena);
    buf_deinit(&reading->text);
}

static void assert_member(struct reading *reading, const struct json_node *object, const char *name, const char *text)
{
    const struct json_node *member = json_get(&reading->doc, object, slice_from_cstr(name));
    if (!json_string_is(&reading->doc, member, slice_from_cstr(text))) {
        fail_msg("\"%s\" is not \"%s\" in %.*s", name, text, SLICE_ARG(buf_slice(&reading->text)));
    }
}

static void assert_model(struct reading *reading, const struct json_node *model, enum dialect dialect, size_t i)
{
    int64_t created = 0;
    if (dialect == DIALECT_ANTHROPIC) {
        assert_member(reading, model, "type", "model");
        assert_member(reading, model, "id", expected[i].id);
        assert_member(reading, model, "display_name", expected[i].shown);
        assert_member(reading, model, "created_at", "2026-01-02T03:04:05.678Z");
        return;
    }
    if (dialect == DIALECT_GEMINI) {
        assert_member(reading, model, "name", expected[i].gemini_name);
        assert_member(reading, model, "displayName", expected[i].shown);
        const struct json_node *methods = json_get(&reading->doc, model, SLICE("supportedGenerationMethods"));
        assert_true(slice_eq(json_raw(&reading->doc, methods),
                             SLICE("[\"generateContent\",\"streamGenerateContent\",\"countTokens\"]")));
        return;
    }
    assert_member(reading, model, "id", expected[i].id);
    assert_member(reading, model, "object", "model");
    assert_member(reading, model, "owned_by", expected[i].owner);
    assert_true(json_int64(&reading->doc, json_get(&reading->doc, model, SLICE("created")), &created));
    assert_int_equal(created, CREATED_S);
}

static void lists_have_all_models_in_order(void **state)
{
    const struct config *config = load(state, four_models);
    for (int d = 0; d < N_DIALECTS; d++) {
        enum dialect dialect = (enum dialect)d;
        struct reading reading;
        const struct json_node *root = read_list(&reading, config, dialect);
        const struct json_node *list =
            json_get(&reading.doc, root, dialect == DIALECT_GEMINI ? SLICE("models") : SLICE("data"));
        assert_true(json_is(list, JSON_ARRAY));
        size_t n = 0;
        for (const struct json_node *model = NULL; json_next_element(&reading.doc, list, &model); n++) {
            assert_true(n < N_EXPECTED);
            assert_model(&reading, model, dialect, n);
        }
        assert_int_equal(n, N_EXPECTED);
        end_reading(&reading);
    }
}

static void lists_have_the_frame_of_their_dialect(void **state)
{
    const struct config *config = load(state, four_models);
    struct reading reading;
    const struct json_node *root = read_list(&reading, config, DIALECT_CHAT);
    assert_member(&reading, root, "object", "list");
    end_reading(&reading);

    root = read_list(&reading, config, DIALECT_ANTHROPIC);
    assert_member(&reading, root, "first_id", "claude");
    assert_member(&reading, root, "last_id", "gemini");
    assert_true(json_is(json_get(&reading.doc, root, SLICE("has_more")), JSON_FALSE));
    assert_null(json_get(&reading.doc, root, SLICE("object")));
    end_reading(&reading);

    root = read_list(&reading, config, DIALECT_GEMINI);
    assert_null(json_get(&reading.doc, root, SLICE("object")));
    assert_null(json_get(&reading.doc, root, SLICE("nextPageToken")));
    end_reading(&reading);
}

static void an_empty_list_is_a_list(void **state)
{
    const struct config *config = load(state, "{\"models\": []}");
    assert_int_equal(config->n_models, 0);
    for (int d = 0; d < N_DIALECTS; d++) {
        struct reading reading;
        const struct json_node *root = read_list(&reading, config, (enum dialect)d);
        const struct json_node *list =
            json_get(&reading.doc, root, d == DIALECT_GEMINI ? SLICE("models") : SLICE("data"));
        assert_true(slice_eq(json_raw(&reading.doc, list), SLICE("[]")));
        end_reading(&reading);
    }
    // The Anthropic SDKs type these two as nullable, not as optional.
    struct reading reading;
    const struct json_node *root = read_list(&reading, config, DIALECT_ANTHROPIC);
    assert_true(json_is(json_get(&reading.doc, root, SLICE("first_id")), JSON_NULL));
    assert_true(json_is(json_get(&reading.doc, root, SLICE("last_id")), JSON_NULL));
    end_reading(&reading);
}

static void one_model_looks_as_in_the_list(void **state)
{
    const struct config *config = load(state, four_models);
    for (int d = 0; d < N_DIALECTS; d++) {
        for (size_t i = 0; i < N_EXPECTED; i++) {
            struct reading reading = {.text = BUF_EMPTY};
            assert_true(model_list_write_one(config, slice_from_cstr(expected[i].id), (enum dialect)d,
                                             INT64_C(1000) * CREATED_S + 678, &reading.text));
            assert_model(&reading, parse(&reading), (enum dialect)d, i);
            end_reading(&reading);
        }
    }
}

static void a_redirected_name_shows_the_model_behind_it(void **state)
{
    struct reading reading = {.text = BUF_EMPTY};
    assert_true(model_list_write_one(load(state, four_models), SLICE("old"), DIALECT_CHAT, 0, &reading.text));
    assert_member(&reading, parse(&reading), "id", "gemini");
    end_reading(&reading);
}

static void an_unknown_model_writes_nothing(void **state)
{
    static const struct slice ids[] = {SLICE_INIT("none"), SLICE_INIT("GPT"), SLICE_INIT("gp"),
                                       SLICE_INIT("models/gpt"), SLICE_INIT("")};
    const struct config *config = load(state, four_models);
    struct buf out = BUF_EMPTY;
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        assert_false(model_list_write_one(config, ids[i], DIALECT_CHAT, 0, &out));
        assert_int_equal(out.len, 0);
    }
    buf_deinit(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, config_fixture_setup, config_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lists_have_all_models_in_order),
        TEST(lists_have_the_frame_of_their_dialect),
        TEST(an_empty_list_is_a_list),
        TEST(one_model_looks_as_in_the_list),
        TEST(a_redirected_name_shows_the_model_behind_it),
        TEST(an_unknown_model_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

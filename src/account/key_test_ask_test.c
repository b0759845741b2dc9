// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/key_test_ask.h"
#include "json/json_reader.h"

static const struct config_endpoint factory = {.is_factory = true};
static const struct config_endpoint other = {0};

static const struct config_model models[] = {
    {.id = SLICE_INIT("f-anthropic"), .type = MODEL_ANTHROPIC, .endpoint = &factory},
    {.id = SLICE_INIT("f-openai"), .type = MODEL_OPENAI, .endpoint = &factory},
    {.id = SLICE_INIT("claude"), .type = MODEL_ANTHROPIC, .endpoint = &other},
    {.id = SLICE_INIT("gpt"), .type = MODEL_OPENAI, .endpoint = &other},
    {.id = SLICE_INIT("glm"), .type = MODEL_COMMON, .endpoint = &other, .provider = SLICE_INIT("GLM")},
    {.id = SLICE_INIT("llama"), .type = MODEL_COMMON, .endpoint = &other, .provider = SLICE_INIT("groq")},
    {.id = SLICE_INIT("f-gemini"), .type = MODEL_GOOGLE, .endpoint = &factory},
};
enum { N_MODELS = sizeof(models) / sizeof(*models) };

static void the_model(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        const char *provider;
        size_t n_models;
        const char *expected;
    } cases[] = {
        {"gpt", "anthropic", N_MODELS, "gpt"}, // what is configured counts
        {"", "factory", N_MODELS, "f-anthropic"}, {"", "anthropic", N_MODELS, "claude"},
        {"", "openai", N_MODELS, "gpt"},          {"", "glm", N_MODELS, "glm"},
        {"", "groq", N_MODELS, "llama"},          {"", "google", N_MODELS, "f-gemini"}, // better than nothing
        {"", "nobody", N_MODELS, "f-anthropic"},  {"gone", "openai", N_MODELS, "gpt"},
        {"", "openai", 1, "f-anthropic"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct config_model *model =
            key_test_model(models, cases[i].n_models, slice_from_cstr(cases[i].id), slice_from_cstr(cases[i].provider));
        if (!model || !slice_eq(model->id, slice_from_cstr(cases[i].expected))) {
            fail_msg("%s, %s", cases[i].id, cases[i].provider);
        }
    }
    assert_null(key_test_model(models, 0, SLICE("gpt"), SLICE("openai")));
}

static void the_request(void **state)
{
    (void)state;
    static const struct {
        enum model_type type;
        const char *path;
        const char *body;
    } cases[] = {
        {MODEL_ANTHROPIC, "/v1/messages",
         "{\"model\":\"a\\\"b\",\"messages\":[{\"role\":\"user\",\"content\":\"Reply with OK.\"}],\"max_tokens\":16}"},
        {MODEL_OPENAI, "/v1/responses", "{\"model\":\"a\\\"b\",\"input\":\"Reply with OK.\",\"max_output_tokens\":16}"},
        {MODEL_COMMON, "/v1/chat/completions",
         "{\"model\":\"a\\\"b\",\"messages\":[{\"role\":\"user\",\"content\":\"Reply with OK.\"}],\"max_tokens\":16}"},
        {MODEL_GOOGLE, "/v1/generate",
         "{\"model\":\"a\\\"b\",\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Reply with OK.\"}]}],"
         "\"generationConfig\":{\"maxOutputTokens\":16}}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf body = BUF_EMPTY;
        key_test_write_body(&body, cases[i].type, SLICE("a\"b"));
        assert_true(slice_eq(buf_slice(&body), slice_from_cstr(cases[i].body)));
        assert_string_equal(key_test_path(cases[i].type), cases[i].path);
        buf_deinit(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_model), cmocka_unit_test(the_request)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base64.h"
#include "dialect/neutral.h"

// ---- data URLs

struct url_row {
    const char *url;  // escaped
    const char *data; // NULL: it is none
    const char *mime; // NULL: unknown
};

#define PNG "iVBORw0KGgoAAAANSUhEUgAAAAE="
static const struct url_row URLS[] = {
    {"http://x/y.png", NULL, NULL},
    {"data", NULL, NULL},
    {"data:", NULL, NULL},
    {"data:image/png;base64", NULL, NULL},
    {"data:image/png;base64,a\\\"b", NULL, NULL}, // would end the string that it is written into
    {"data:image/png;base64,a\\\\b", NULL, NULL},
    {"data:image/png;base64,\\u4f60", NULL, NULL},
    {"data:image/png;base64,a%22b", NULL, NULL},
    {"data:image/png;base64,a%00b", NULL, NULL},

    {"data:image/png;base64," PNG, PNG, "image/png"},
    {"DATA:IMAGE/PNG;BASE64," PNG, PNG, "image/png"},
    {"data:image/jpeg;base64," PNG, PNG, "image/png"}, // what it is counts
    {"data:;base64," PNG, PNG, "image/png"},
    {"data:image/jpg;base64,AAAA", "AAAA", "image/jpeg"},
    {"data:audio/wav;base64,AAAA", "AAAA", "audio/wav"},
    {"data:text/plain;charset=utf-8;base64,AAAA", "AAAA", "text/plain"},
    {"data:;base64,AAAA", "AAAA", NULL},
    {"data:im age;base64,AAAA", "AAAA", NULL},
    {"data:nothing;base64,AAAA", "AAAA", NULL},
    {"data:image/png;base64,", "", "image/png"},
    {"data:image\\/png;base64,\\/9j\\/4AAQ", "/9j/4AAQ", "image/jpeg"},
    {"data:image/png;base64,AA%2B%2FAA%3D%3D", "AA+/AA==", "image/png"},
    {"data:image/png;base64,AA\\u002bA", "AA+A", "image/png"},
    {"data:image/png;base64,AA\\r\\n AA\\tAA", "AAAAAA", "image/png"},
    {"data:text/plain,foo", "Zm9v", "text/plain"},
    {"data:,foo%20%62%zz%", "Zm9vIGIlenol", "text/plain"},
    {"data:,", "", "text/plain"},
};

static bool is_text(struct slice found, const char *expected)
{
    return expected ? found.ptr && slice_eq(found, slice_from_cstr(expected)) : !found.ptr;
}

static void data_urls_are_taken_apart(void **state)
{
    for (size_t i = 0; i < sizeof(URLS) / sizeof(URLS[0]); i++) {
        struct arena arena;
        struct media media = {.form = MEDIA_URL};
        arena_init(&arena, 256);
        bool is_data = neutral_read_data_url(&arena, slice_from_cstr(URLS[i].url), &media);
        if (is_data != (URLS[i].data != NULL) || (is_data && !slice_eq(media.data, slice_from_cstr(URLS[i].data))) ||
            (is_data && !is_text(media.mime_type, URLS[i].mime))) {
            fail_msg("%s: %d %.*s %.*s", URLS[i].url, is_data, SLICE_ARG(media.data), SLICE_ARG(media.mime_type));
        }
        assert_int_equal(media.form, is_data ? MEDIA_BASE64 : MEDIA_URL);
        arena_deinit(&arena);
    }
}

struct sniff_row {
    struct slice bytes;
    const char *mime;
};

static const struct sniff_row FILES[] = {
    {SLICE_INIT("\x89PNG\r\n\x1A\n"), "image/png"},
    {SLICE_INIT("\xFF\xD8\xFF\xE0 JFIF"), "image/jpeg"},
    {SLICE_INIT("\xFF\xD8\xFF\xDB"), "image/jpeg"},
    {SLICE_INIT("GIF87a"), "image/gif"},
    {SLICE_INIT("GIF89a"), "image/gif"},
    {SLICE_INIT("RIFF\x01\x02\x03\x04WEBPVP8 "), "image/webp"},
    {SLICE_INIT("RIFF\xFF\xFF\xFF\xFFWEBPVP8L"), "image/webp"},
    {SLICE_INIT("RIFF\x01\x02\x03\x04WAVEfmt "), NULL},
    {SLICE_INIT("RIFF"), NULL},
    {SLICE_INIT("%PDF-1.7\n"), "application/pdf"},
    {SLICE_INIT("hello"), NULL},
    {SLICE_INIT(""), NULL},
};

static void files_are_known_by_their_first_bytes(void **state)
{
    for (size_t i = 0; i < sizeof(FILES) / sizeof(FILES[0]); i++) {
        char base64[64];
        size_t len = base64_encode(base64, FILES[i].bytes);
        struct slice mime = neutral_sniff(slice_of(base64, len));
        if (!is_text(mime, FILES[i].mime)) {
            fail_msg("row %zu: %.*s", i, SLICE_ARG(mime));
        }
    }
    assert_true(is_text(neutral_sniff(SLICE("\\/9j\\/4AAQ")), "image/jpeg"));
}

// ---- effort

static void every_level_comes_back_from_its_budget(void **state)
{
    for (enum effort effort = EFFORT_NONE; effort <= EFFORT_MAX; effort++) {
        assert_int_equal(neutral_effort_of(neutral_budget_of(effort)), effort);
        assert_int_equal(neutral_effort(slice_from_cstr(neutral_effort_word(effort))), effort);
    }
    assert_int_equal(neutral_effort(SLICE("")), EFFORT_UNSET);
    assert_int_equal(neutral_effort(SLICE("High")), EFFORT_UNSET);
    assert_int_equal(neutral_effort(SLICE("maximum")), EFFORT_UNSET);
}

static void more_budget_is_never_less_effort(void **state)
{
    enum effort before = EFFORT_NONE;
    for (int64_t budget = 0; budget < 140000; budget++) {
        enum effort effort = neutral_effort_of(budget);
        assert_true(effort >= before);
        before = effort;
    }
    assert_int_equal(before, EFFORT_MAX);
    assert_int_equal(neutral_effort_of(1), EFFORT_MINIMAL);
    assert_int_equal(neutral_effort_of(513), EFFORT_LOW);
    assert_int_equal(neutral_effort_of(8192), EFFORT_MEDIUM);
    assert_int_equal(neutral_effort_of(8193), EFFORT_HIGH);
    assert_int_equal(neutral_effort_of(INT64_MAX), EFFORT_MAX);
    assert_int_equal(neutral_effort_of(INT64_MIN), EFFORT_NONE);
}

// ---- members

static void members_that_are_null_are_absent(void **state)
{
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 256);
    assert_int_equal(
        json_parse(&doc, &arena, SLICE("{\"a\":null,\"b\":true,\"c\":false,\"d\":\"x\\\"\",\"e\":1}"), NULL), 0);
    const struct json_node *root = json_root(&doc);
    assert_null(neutral_member(&doc, root, SLICE("a")));
    assert_null(neutral_member(&doc, root, SLICE("z")));
    assert_null(neutral_member(&doc, NULL, SLICE("b")));
    assert_int_equal(neutral_tri(neutral_member(&doc, root, SLICE("b"))), TRI_TRUE);
    assert_int_equal(neutral_tri(neutral_member(&doc, root, SLICE("c"))), TRI_FALSE);
    assert_int_equal(neutral_tri(neutral_member(&doc, root, SLICE("e"))), TRI_UNSET);
    assert_int_equal(neutral_tri(NULL), TRI_UNSET);
    assert_true(is_text(neutral_escaped(&doc, neutral_member(&doc, root, SLICE("d"))), "x\\\""));
    assert_true(is_text(neutral_escaped(&doc, neutral_member(&doc, root, SLICE("e"))), NULL));
    assert_true(is_text(neutral_escaped(&doc, NULL), NULL));
    arena_deinit(&arena);
}

// ---- lists

static void parts_append_in_order(void **state)
{
    struct arena arena;
    arena_init(&arena, 256);
    struct neutral_part *parts = NULL;
    struct neutral_part **last = &parts;
    neutral_append_part(&last, neutral_text_new(&arena, SLICE("a"), NULL));
    neutral_append_part(&last, neutral_part_new(&arena, PART_IMAGE, NULL));
    assert_true(slice_eq(parts->text, SLICE("a")));
    assert_int_equal(parts->next->kind, PART_IMAGE);
    assert_null(parts->next->next);
    arena_deinit(&arena);
}

static void tools_are_found_by_name_and_namespace(void **state)
{
    struct arena arena;
    struct neutral_request req;
    arena_init(&arena, 256);
    neutral_request_init(&req, DIALECT_CHAT, NULL);
    assert_null(neutral_find_tool(&req, SLICE_EMPTY, SLICE("f")));
    neutral_index_tools(&arena, &req);
    assert_null(neutral_find_tool(&req, SLICE_EMPTY, SLICE("f")));
    req.tools_by_name = NULL;
    req.tools = neutral_tool_new(&arena, TOOL_FUNCTION, NULL);
    req.tools->name = SLICE("f");
    req.tools->next = neutral_tool_new(&arena, TOOL_CUSTOM, NULL);
    req.tools->next->name = SLICE("f");
    req.tools->next->name_space = SLICE("ns");
    for (int with_index = 0; with_index < 2; with_index++) {
        assert_ptr_equal(neutral_find_tool(&req, SLICE_EMPTY, SLICE("f")), req.tools);
        assert_ptr_equal(neutral_find_tool(&req, SLICE("ns"), SLICE("f")), req.tools->next);
        assert_null(neutral_find_tool(&req, SLICE("other"), SLICE("f")));
        assert_null(neutral_find_tool(&req, SLICE_EMPTY, SLICE("g")));
        assert_null(neutral_find_tool(&req, SLICE_EMPTY, SLICE("")));
        neutral_index_tools(&arena, &req);
    }
    arena_deinit(&arena);
}

static void a_new_request_says_nothing(void **state)
{
    struct neutral_request req;
    memset(&req, 0xA5, sizeof(req));
    neutral_request_init(&req, DIALECT_GEMINI, NULL);
    assert_int_equal(req.origin, DIALECT_GEMINI);
    assert_int_equal(req.max_output, -1);
    assert_int_equal(req.n_candidates, -1);
    assert_int_equal(req.top_logprobs, -1);
    assert_int_equal(req.thinking.budget, -1);
    assert_null(req.turns);
    assert_null(req.temperature);
}

static void a_mime_type_is_called_by_its_usual_name(void **state)
{
    static const struct {
        struct slice given;
        struct slice expected;
    } ROWS[] = {
        {SLICE_INIT("image/png"), SLICE_INIT("image/png")},
        {SLICE_INIT("IMAGE/Png"), SLICE_INIT("image/png")},
        {SLICE_INIT("Image/JPG"), SLICE_INIT("image/jpeg")},
    };
    struct arena arena;
    (void)state;
    arena_init(&arena, 256);
    assert_null(neutral_mime_type(&arena, SLICE("")).ptr);
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        assert_true(slice_eq(neutral_mime_type(&arena, ROWS[i].given), ROWS[i].expected));
    }
    arena_deinit(&arena);
}

static void a_choice_names_its_tools_only(void **state)
{
    struct arena arena;
    (void)state;
    arena_init(&arena, 256);
    const struct neutral_tool *one = neutral_tool_new(&arena, TOOL_FUNCTION, NULL);
    const struct neutral_tool *other = neutral_tool_new(&arena, TOOL_FUNCTION, NULL);
    const struct tool_choice nobody = {.mode = CHOICE_REQUIRED};
    const struct tool_choice choice = {.mode = CHOICE_SPECIFIC, .tools = &one, .n_tools = 1};
    assert_false(neutral_choice_names(&nobody, one));
    assert_true(neutral_choice_names(&choice, one));
    assert_false(neutral_choice_names(&choice, other));
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_urls_are_taken_apart),
        cmocka_unit_test(files_are_known_by_their_first_bytes),
        cmocka_unit_test(every_level_comes_back_from_its_budget),
        cmocka_unit_test(more_budget_is_never_less_effort),
        cmocka_unit_test(members_that_are_null_are_absent),
        cmocka_unit_test(parts_append_in_order),
        cmocka_unit_test(tools_are_found_by_name_and_namespace),
        cmocka_unit_test(a_new_request_says_nothing),
        cmocka_unit_test(a_mime_type_is_called_by_its_usual_name),
        cmocka_unit_test(a_choice_names_its_tools_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

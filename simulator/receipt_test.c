// SPDX-License-Identifier: MIT
// One conversation in four dialects has one receipt; and samples fit their schemas.
#include "simulator/receipt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "simulator/sample.h"

static void check(const char *body, const char *expected)
{
    struct arena arena;
    struct buf out = BUF_EMPTY;
    arena_init(&arena, 1024);
    receipt_write(&out, &arena, slice_from_cstr(body));
    buf_append_char(&out, '\0');
    assert_string_equal(out.ptr, expected);
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void test_receipts(void **state)
{
    static const char expected[] = "{\"texts\":[\"be brief\",\"look\"],\"media\":[\"image/png 3 3202741315c68d75\"],"
                                   "\"results\":[\"sunny\"],\"calls\":[\"f {\\\"a\\\":1}\"],\"tools\":[\"f\"]}";
    check(
        "{\"system\":\"be brief\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"look\"},{"
        "\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"QUJD\"}}]},{"
        "\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"f\",\"input\":{\"a\":1}}]}"
        ",{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"1\",\"content\":\"sunny\"}]}],"
        "\"tools\":[{\"name\":\"f\"}]}",
        expected);
    check(
        "{\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},{\"role\":\"user\",\"content\":[{\"type\":"
        "\"text\",\"text\":\"look\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,QUJD\"}}]}"
        ",{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"f\",\"arguments\":\"{"
        "\\\"a\\\":1}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"sunny\"}],\"tools\":[{\"type\":"
        "\"function\",\"function\":{\"name\":\"f\"}}]}",
        expected);
    check("{\"instructions\":\"be brief\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":"
          "\"look\"},{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,QUJD\"}]},{\"type\":"
          "\"function_call\",\"call_id\":\"1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"},{\"type\":"
          "\"function_call_output\",\"call_id\":\"1\",\"output\":[{\"type\":\"input_text\",\"text\":\"sunny\"}]}],"
          "\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}",
          expected);
    check("{\"systemInstruction\":{\"parts\":[{\"text\":\"be brief\"}]},\"contents\":[{\"parts\":[{\"text\":\"look\"},{"
          "\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"QUJD\"}}]},{\"role\":\"model\",\"parts\":[{"
          "\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1}}}]},{\"parts\":[{\"functionResponse\":{\"name\":\"f\","
          "\"response\":{\"output\":\"sunny\"}}}]}],\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"}]}]}",
          expected);
}

static void test_addresses(void **state)
{
    check("{\"messages\":[{\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"http://a/b\"}}]}]}",
          "{\"texts\":[],\"media\":[\"http://a/b\"],\"results\":[],\"calls\":[],\"tools\":[]}");
    check("[]", "{\"texts\":[],\"media\":[],\"results\":[],\"calls\":[],\"tools\":[]}");
}

static void test_samples(void **state)
{
    static const struct {
        const char *schema;
        const char *sample;
    } rows[] = {
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"integer\"},\"c\":{"
         "\"type\":"
         "\"boolean\"},\"d\":{\"type\":\"number\"}}}",
         "{\"a\":\"Paris\",\"b\":7,\"c\":true,\"d\":1.5}"},
        {"{\"type\":\"ARRAY\",\"items\":{\"type\":\"STRING\"}}", "[\"Paris\"]"},
        {"{\"enum\":[\"x\",\"y\"]}", "\"x\""},
        {"{\"const\":3}", "3"},
        {"{\"type\":[\"string\",\"null\"]}", "\"Paris\""},
        {"{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}", "null"},
        {"{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"type\":\"integer\"}}}", "7"},
        {"{\"$ref\":\"#\"}", "null"}, // without an end
        {"{\"$ref\":\"http://elsewhere\"}", "{}"},
        {"{}", "{}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct arena arena;
        struct json_doc doc;
        struct json_writer w;
        struct buf out = BUF_EMPTY;
        arena_init(&arena, 1024);
        assert_int_equal(json_parse(&doc, &arena, slice_from_cstr(rows[i].schema), NULL), 0);
        json_writer_init(&w, &out);
        sample_write(&w, &doc, json_root(&doc));
        buf_append_char(&out, '\0');
        assert_string_equal(out.ptr, rows[i].sample);
        buf_deinit(&out);
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_receipts),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

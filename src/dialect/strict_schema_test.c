// SPDX-License-Identifier: MIT
#include "dialect/strict_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool does_fit(const char *text)
{
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 4096);
    char *copy = arena_cstr(&arena, slice_from_cstr(text)); // with ' for "
    for (char *at = copy; *at; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    assert_int_equal(json_parse(&doc, &arena, slice_from_cstr(copy), NULL), 0);
    bool does = strict_schema_fits(&doc, json_root(&doc));
    arena_deinit(&arena);
    return does;
}

#define CLOSED "'additionalProperties':false"
#define WITH_X(x) "{'type':'object','properties':{'x':" x "},'required':['x']," CLOSED "}"

static void others_do_not_fit(void **state)
{
    static const char *const SCHEMAS[] = {
        "true",
        "[]",
        "{}",
        "{'type':'string'}",
        "{'type':'object','properties':{}}",
        "{'type':'object','properties':{},'additionalProperties':true}",
        "{'type':'object','properties':{'x':{'type':'string'}}," CLOSED "}",
        "{'type':'object','properties':{'x':{'type':'string'}},'required':['y']," CLOSED "}",
        "{'type':'object','anyOf':[]," CLOSED "}",
        WITH_X("{'type':'object'}"),
        WITH_X("{'type':['object','null']}"),
        WITH_X("{'type':'array','items':{'type':'object','properties':{}}}"),
        WITH_X("{'anyOf':[{'type':'string'},{'type':'object'}]}"),
        WITH_X("{'allOf':[]}"),
        WITH_X("{'oneOf':[]}"),
        WITH_X("{'type':'string','default':'a'}"),
        WITH_X("7"),
        "{'type':'object','properties':{}," CLOSED ",'$defs':{'a':{'type':'object'}}}",
        "{'type':'object','patternProperties':{}," CLOSED "}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(SCHEMAS) / sizeof(*SCHEMAS); i++) {
        if (does_fit(SCHEMAS[i])) {
            fail_msg("%s", SCHEMAS[i]);
        }
    }
}

static void the_subset_fits(void **state)
{
    static const char *const SCHEMAS[] = {
        "{'type':'object'," CLOSED "}",
        "{'type':'object','properties':{}," CLOSED "}",
        WITH_X("{'type':['string','null'],'enum':['a',null],'description':'d','pattern':'a+'}"),
        WITH_X("{'type':'array','items':" WITH_X("{'type':'number','minimum':1}") "}"),
        WITH_X("{'anyOf':[{'type':'string'}," WITH_X("{'type':'integer'}") "]}"),
        "{'type':'object','properties':{'a':{'$ref':'#/$defs/a'}},'required':['a']," CLOSED
        ",'$defs':{'a':{'type':'object','properties':{}," CLOSED "}}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(SCHEMAS) / sizeof(*SCHEMAS); i++) {
        if (!does_fit(SCHEMAS[i])) {
            fail_msg("%s", SCHEMAS[i]);
        }
    }
}

// Deep nesting and very many properties are given up, not followed.
static void hostile_schemas_are_given_up(void **state)
{
    struct buf text = BUF_EMPTY;
    (void)state;
    buf_append(&text, SLICE("{'type':'object','properties':{"));
    for (int i = 0; i < 2000; i++) {
        buf_printf(&text, "%s'p%d':{'type':'string'}", i ? "," : "", i);
    }
    buf_append(&text, SLICE("},'required':["));
    for (int i = 2000; i-- > 0;) {
        buf_printf(&text, "'p%d'%s", i, i ? "," : "");
    }
    buf_append(&text, SLICE("]," CLOSED "}"));
    buf_append_char(&text, '\0');
    assert_false(does_fit(text.ptr));

    buf_clear(&text);
    for (int i = 0; i < 100; i++) {
        buf_append(&text, SLICE("{'type':'object','required':['x']," CLOSED ",'properties':{'x':"));
    }
    buf_append(&text, SLICE("{'type':'string'}"));
    for (int i = 0; i < 100; i++) {
        buf_append(&text, SLICE("}}"));
    }
    buf_append_char(&text, '\0');
    assert_false(does_fit(text.ptr));
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_do_not_fit),
        cmocka_unit_test(the_subset_fits),
        cmocka_unit_test(hostile_schemas_are_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

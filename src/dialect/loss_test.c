// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/loss.h"

static const char BODY[] =
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"},{\"content\":[1,{\"image, url\":{\"x\":[[]]}}]}],"
    "\"top_k\":5,\"seed\":1,\"long\":{\"" // a name of 80 characters
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678\xC3\xA4"
    "\":{\"x\":1}}}";

struct fixture {
    struct arena arena;
    struct json_doc doc;
    struct loss loss;
};

static void start(struct fixture *f, enum loss_mode mode)
{
    arena_init(&f->arena, 4096);
    assert_int_equal(json_parse(&f->doc, &f->arena, slice_from_cstr(BODY), NULL), 0);
    loss_init(&f->loss, &f->arena, &f->doc, mode);
}

static const struct json_node *member(const struct fixture *f, const char *name)
{
    const struct json_node *node = json_get(&f->doc, json_root(&f->doc), slice_from_cstr(name));
    assert_non_null(node);
    return node;
}

// The deepest node at a place of the text.
static const struct json_node *node_at(const struct fixture *f, const char *text)
{
    uint32_t offset = (uint32_t)slice_find(f->doc.text, slice_from_cstr(text));
    const struct json_node *found = NULL;
    for (uint32_t i = 0; i < f->doc.n_nodes; i++) {
        if (f->doc.nodes[i].start == offset) {
            found = &f->doc.nodes[i];
        }
    }
    assert_non_null(found);
    return found;
}

static void check_text(struct slice found, const char *expected)
{
    if (!slice_eq(found, slice_from_cstr(expected))) {
        fail_msg("%.*s instead of %s", SLICE_ARG(found), expected);
    }
}

struct path_row {
    const char *text; // the node begins there
    const char *path;
};

static const struct path_row PATHS[] = {
    {"{\"model", ""},
    {"\"m\",", "model"},
    {"\"model\":", "model"}, // a key is part of its member
    {"[{\"role", "messages"},
    {"{\"role", "messages[0]"},
    {"\"user\"", "messages[0].role"},
    {"{\"content\"", "messages[1]"},
    {"1,{", "messages[1].content[0]"},
    {"{\"image", "messages[1].content[1]"},
    {"[]]", "messages[1].content[1].image, url.x[0]"},
    {"5,", "top_k"},
};

static void paths_name_every_place(void **state)
{
    struct fixture f;
    start(&f, LOSS_NORMAL);
    for (size_t i = 0; i < sizeof(PATHS) / sizeof(PATHS[0]); i++) {
        check_text(loss_path(&f.arena, &f.doc, node_at(&f, PATHS[i].text)), PATHS[i].path);
    }
    struct json_node elsewhere = {0};
    assert_int_equal(loss_path(&f.arena, &f.doc, NULL).len, 0);
    assert_int_equal(loss_path(&f.arena, &f.doc, &elsewhere).len, 0);
    assert_int_equal(loss_path(&f.arena, NULL, &elsewhere).len, 0);
    arena_deinit(&f.arena);
}

static void warnings_are_tokens(void **state)
{
    struct fixture f;
    start(&f, LOSS_NORMAL);
    loss_warn(&f.loss, LOSS_DROPPED, NULL);
    check_text(loss_header(&f.loss), "");
    loss_warn(&f.loss, LOSS_DROPPED, member(&f, "top_k"));
    loss_warn(&f.loss, LOSS_CHANGED, node_at(&f, "{\"x\":[[]"));
    loss_warn(&f.loss, LOSS_DROPPED, member(&f, "top_k"));
    loss_warn(&f.loss, LOSS_EMULATED, member(&f, "seed"));
    loss_warn(&f.loss, LOSS_ADDED, member(&f, "seed"));
    loss_warn_path(&f.loss, LOSS_ESTIMATED, SLICE("input_tokens"));
    check_text(loss_header(&f.loss), "dropped:top_k,changed:messages[1].content[1].image__url,emulated:seed,added:seed,"
                                     "estimated:input_tokens");
    assert_false(f.loss.is_refused);
    arena_deinit(&f.arena);
}

// Whatever a client calls its members: no more than a header can hold.
static void tokens_are_short_and_visible(void **state)
{
    struct fixture f;
    start(&f, LOSS_NORMAL);
    loss_warn(&f.loss, LOSS_DROPPED, node_at(&f, "{\"x\":1}"));
    loss_warn_path(&f.loss, LOSS_DROPPED, SLICE("a\r\nb\x7F\xC3\xA4,c"));
    check_text(loss_header(&f.loss), "dropped:long.01234567890123456789012345678901234567890123456789012345678,"
                                     "dropped:a__b____c");
    arena_deinit(&f.arena);
}

static void what_finds_no_room_is_counted(void **state)
{
    struct fixture f;
    start(&f, LOSS_NORMAL);
    for (int i = 0; i < LOSS_WARNINGS_MAX + 3; i++) {
        loss_warn_path(&f.loss, LOSS_DROPPED, arena_printf(&f.arena, "%d", i));
    }
    assert_int_equal(f.loss.n_warnings, LOSS_WARNINGS_MAX);
    assert_true(slice_ends_with(loss_header(&f.loss), SLICE(",dropped:15,more:3")));
    arena_deinit(&f.arena);
}

struct refusal_row {
    enum loss_mode mode;
    enum { WARN, REFUSE, ALWAYS, REJECT } how;
    bool is_refused;
    enum fault fault;
    const char *message;
    const char *warnings;
};

static const struct refusal_row REFUSALS[] = {
    {LOSS_NORMAL, WARN, false, 0, "", "dropped:top_k"},
    {LOSS_STRICT, WARN, true, FAULT_UNSUPPORTED_PARAMETER,
     "'top_k': cannot be translated exactly for the upstream of this model, and strict mode forbids dropping anything.",
     ""},
    {LOSS_LENIENT, WARN, false, 0, "", "dropped:top_k"},
    {LOSS_NORMAL, REFUSE, true, FAULT_UNSUPPORTED_PARAMETER, "'top_k': must go.", ""},
    {LOSS_STRICT, REFUSE, true, FAULT_UNSUPPORTED_PARAMETER, "'top_k': must go.", ""},
    {LOSS_LENIENT, REFUSE, false, 0, "", "dropped:top_k"},
    {LOSS_NORMAL, ALWAYS, true, FAULT_UNSUPPORTED_PARAMETER, "'top_k': must go.", ""},
    {LOSS_LENIENT, ALWAYS, true, FAULT_UNSUPPORTED_PARAMETER, "'top_k': must go.", ""},
    {LOSS_NORMAL, REJECT, true, FAULT_INVALID_REQUEST, "'top_k': must go.", ""},
    {LOSS_LENIENT, REJECT, true, FAULT_INVALID_REQUEST, "'top_k': must go.", ""},
};

static void lose(struct fixture *f, const struct refusal_row *row, const struct json_node *at)
{
    switch (row->how) {
    case WARN: loss_warn(&f->loss, LOSS_DROPPED, at); break;
    case REFUSE: assert_int_equal(loss_refuse(&f->loss, at, "must go"), row->is_refused); break;
    case ALWAYS: loss_refuse_always(&f->loss, at, "must go."); break;
    case REJECT: loss_reject_input(&f->loss, at, "must go"); break;
    }
}

static void modes_move_the_line(void **state)
{
    for (size_t i = 0; i < sizeof(REFUSALS) / sizeof(REFUSALS[0]); i++) {
        struct fixture f;
        const struct refusal_row *row = &REFUSALS[i];
        start(&f, row->mode);
        lose(&f, row, member(&f, "top_k"));
        assert_int_equal(f.loss.is_refused, row->is_refused);
        check_text(f.loss.message, row->message);
        check_text(f.loss.param, row->is_refused ? "top_k" : "");
        check_text(loss_header(&f.loss), row->warnings);
        if (row->is_refused) {
            assert_int_equal(f.loss.fault, row->fault);
        }
        arena_deinit(&f.arena);
    }
}

static void the_first_refusal_stays(void **state)
{
    struct fixture f;
    start(&f, LOSS_NORMAL);
    loss_reject_input(&f.loss, json_root(&f.doc), "must be an object");
    assert_true(loss_refuse(&f.loss, member(&f, "top_k"), "must go"));
    loss_warn(&f.loss, LOSS_DROPPED, member(&f, "seed"));
    check_text(f.loss.message, "The request: must be an object.");
    check_text(f.loss.param, "");
    assert_int_equal(f.loss.fault, FAULT_INVALID_REQUEST);
    arena_deinit(&f.arena);
}

// Messages are for people: a path that a client made long is cut, between two characters.
static void long_paths_are_cut(void **state)
{
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 4096);
    struct buf body = BUF_EMPTY;
    buf_append(&body, SLICE("{\""));
    for (int i = 0; i < 1000; i++) {
        buf_append(&body, i % 2 ? SLICE("a") : SLICE("\xE4\xBD\xA0"));
    }
    buf_append(&body, SLICE("\":1}"));
    assert_int_equal(json_parse(&doc, &arena, buf_slice(&body), NULL), 0);
    struct slice path = loss_path(&arena, &doc, json_root(&doc) + 2);
    assert_in_range(path.len, 190, 200);
    assert_true(path.ptr[path.len - 1] == 'a' || slice_ends_with(path, SLICE("\xE4\xBD\xA0")));
    buf_deinit(&body);
    arena_deinit(&arena);
}

// A stream may lose the same with every event.
static void what_is_lost_again_takes_no_memory(void **state)
{
    for (int mode = LOSS_NORMAL; mode <= LOSS_STRICT; mode++) {
        struct fixture f;
        start(&f, (enum loss_mode)mode);
        loss_warn_path(&f.loss, LOSS_DROPPED, SLICE("content"));
        const char *next = f.arena._next;
        for (int i = 0; i < 3; i++) {
            loss_warn_path(&f.loss, LOSS_DROPPED, SLICE("content"));
        }
        assert_ptr_equal(f.arena._next, next);
        arena_deinit(&f.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_name_every_place),
        cmocka_unit_test(warnings_are_tokens),
        cmocka_unit_test(tokens_are_short_and_visible),
        cmocka_unit_test(what_finds_no_room_is_counted),
        cmocka_unit_test(modes_move_the_line),
        cmocka_unit_test(the_first_refusal_stays),
        cmocka_unit_test(what_is_lost_again_takes_no_memory),
        cmocka_unit_test(long_paths_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

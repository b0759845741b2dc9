// SPDX-License-Identifier: MIT
#include "cli/drill_remote.h"

#include "json/json_reader.h"

// False, and a line about it, unless the simulator answers as it should.
static bool call(const struct admin_peer *peer, enum http_method method, struct slice target, unsigned status,
                 struct admin_answer *answer_r, struct buf *problem)
{
    struct admin_request request = {.method = method, .target = target};
    admin_call(peer, &request, answer_r);
    if (answer_r->status == status) {
        return true;
    }
    buf_printf(problem, "the simulator at %.*s does not do as it is told (status %u): %.*s", SLICE_ARG(peer->host),
               answer_r->status, SLICE_ARG(buf_slice(&answer_r->body)));
    return false;
}

// Scripts are made of characters that need no encoding but '='.
static void append_script(struct buf *out, struct slice script)
{
    for (size_t i = 0; i < script.len; i++) {
        if (script.ptr[i] == '=') {
            buf_append(out, SLICE("%3D"));
        } else {
            buf_append_char(out, script.ptr[i]);
        }
    }
}

static bool order(const struct admin_peer *peer, enum http_method method, struct slice model, struct slice script,
                  struct buf *problem)
{
    struct buf target = BUF_EMPTY;
    struct admin_answer answer;
    buf_printf(&target, "/_sim/plans/%.*s", SLICE_ARG(model));
    if (script.len) {
        buf_append(&target, SLICE("?script="));
        append_script(&target, script);
    }
    bool is_done = call(peer, method, buf_slice(&target), 204, &answer, problem);
    admin_answer_deinit(&answer);
    buf_deinit(&target);
    return is_done;
}

bool drill_remote_plan(const struct admin_peer *peer, struct slice model, struct slice script, struct buf *problem)
{
    return order(peer, HTTP_PUT, model, script, problem);
}

bool drill_remote_drop_plan(const struct admin_peer *peer, struct slice model, struct buf *problem)
{
    return order(peer, HTTP_DELETE, model, SLICE_EMPTY, problem);
}

static uint64_t number(const struct json_doc *doc, const struct json_node *request, struct slice name)
{
    int64_t value = 0;
    return json_int64(doc, json_get(doc, request, name), &value) ? (uint64_t)value : 0;
}

bool drill_remote_mark(const struct admin_peer *peer, uint64_t *mark_r, struct buf *problem)
{
    struct admin_answer answer;
    struct arena arena;
    struct json_doc doc;
    const struct json_node *newest = NULL;
    arena_init(&arena, 1024);
    bool is_there = call(peer, HTTP_GET, SLICE("/_sim/requests?limit=1"), 200, &answer, problem);
    *mark_r = 0;
    if (is_there && json_parse(&doc, &arena, buf_slice(&answer.body), NULL) == 0 &&
        json_is(json_root(&doc), JSON_ARRAY) && json_next_element(&doc, json_root(&doc), &newest)) {
        *mark_r = number(&doc, newest, SLICE("id"));
    }
    arena_deinit(&arena);
    admin_answer_deinit(&answer);
    return is_there;
}

static bool is_for(const struct json_doc *doc, const struct json_node *request, struct slice model, struct arena *arena)
{
    struct slice asked = json_string(doc, json_get(doc, request, SLICE("model")), arena);
    return slice_eq(slice_split(&asked, '~'), model);
}

static void reverse(struct drill_attempts *attempts)
{
    unsigned kept = attempts->n < DRILL_ATTEMPTS_MAX ? attempts->n : DRILL_ATTEMPTS_MAX;
    for (unsigned i = 0; i < kept / 2; i++) {
        uint64_t at_ns = attempts->at_ns[i];
        attempts->at_ns[i] = attempts->at_ns[kept - 1 - i];
        attempts->at_ns[kept - 1 - i] = at_ns;
    }
}

// The list is newest first.
static void collect(const struct json_doc *doc, struct slice model, uint64_t mark, struct arena *arena,
                    struct drill_attempts *attempts)
{
    const struct json_node *request = NULL;
    while (json_is(json_root(doc), JSON_ARRAY) && json_next_element(doc, json_root(doc), &request)) {
        if (number(doc, request, SLICE("id")) > mark && is_for(doc, request, model, arena)) {
            attempts->at_ns[attempts->n % DRILL_ATTEMPTS_MAX] = number(doc, request, SLICE("started_ns"));
            attempts->n++;
        }
    }
    reverse(attempts);
}

bool drill_remote_attempts(const struct admin_peer *peer, struct slice model, uint64_t mark,
                           struct drill_attempts *attempts_r, struct buf *problem)
{
    struct admin_answer answer;
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 4096);
    *attempts_r = (struct drill_attempts){.n = 0};
    bool is_there = call(peer, HTTP_GET, SLICE("/_sim/requests?limit=1000"), 200, &answer, problem);
    if (is_there && json_parse(&doc, &arena, buf_slice(&answer.body), NULL) == 0) {
        collect(&doc, model, mark, &arena, attempts_r);
    }
    arena_deinit(&arena);
    admin_answer_deinit(&answer);
    return is_there;
}

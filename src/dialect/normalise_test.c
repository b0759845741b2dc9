// SPDX-License-Identifier: MIT
// What becomes of conversations that providers would refuse: a table of bodies, and properties of random ones.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/map.h"
#include "dialect/dialect_internal.h"
#include "dialect/escaped_text.h"
#include "dialect/neutral_trace.h"

struct row {
    const char *what;
    enum dialect client;
    enum dialect upstream;
    const char *model; // of the upstream
    enum loss_mode mode;
    const char *body;
    const char *trace;    // NULL: refused
    const char *warnings; // or, when it is refused, the beginning of the message
};

#define ANTH DIALECT_ANTHROPIC
#define CHAT DIALECT_CHAT
#define RESP DIALECT_RESPONSES
#define GEM DIALECT_GEMINI

#define CHAT_CALL(id, name)                                                                                            \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":\"{}\"}}"
#define CHAT_CALLS(calls) "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" calls "]}"
#define CHAT_RESULT(id, text) "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"" text "\"}"
#define CHAT_SAYS(role, text) "{\"role\":\"" role "\",\"content\":\"" text "\"}"
#define CHAT_BODY(messages) "{\"model\":\"m\",\"messages\":[" messages "]}"
#define ANTH_BODY(messages) "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[" messages "]}"
#define GEM_BODY(contents) "{\"contents\":[" contents "]}"

#define OLD "claude-sonnet-4-5"
#define NEW "claude-opus-4-8"
#define GPT "gpt-4o"
#define GEMINI "gemini-2.5-flash"

static const struct row ROWS[] = {
    // ---- refused
    {"result without call", CHAT, ANTH, OLD, LOSS_NORMAL, CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_RESULT("x", "1")),
     NULL, "'messages[1]': there is no tool call"},
    {"result before its call", CHAT, GEM, GEMINI, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_RESULT("x", "1") "," CHAT_CALLS(CHAT_CALL("x", "f"))), NULL,
     "'messages[1]': there is no tool call"},
    {"nothing at all", CHAT, ANTH, OLD, LOSS_LENIENT, CHAT_BODY(CHAT_SAYS("user", "")), NULL,
     "The request: there is no message"},
    {"instructions only", CHAT, GEM, GEMINI, LOSS_NORMAL, CHAT_BODY(CHAT_SAYS("system", "a")), NULL, "'messages'"},
    {"an empty message after an answer", CHAT, ANTH, OLD, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_SAYS("assistant", "b") "," CHAT_SAYS("user", "")), NULL,
     "'messages[2]': "},
    {"prefill for a model that refuses it", CHAT, ANTH, NEW, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_SAYS("assistant", "b")), NULL, "'messages[1]': "},
    {"strict: a warning refuses", CHAT, ANTH, OLD, LOSS_STRICT,
     CHAT_BODY(CHAT_SAYS("assistant", "a") "," CHAT_SAYS("user", "b")), NULL,
     "'messages[0]': cannot be translated exactly"},
    {"strict: a missing result", CHAT, CHAT, GPT, LOSS_STRICT,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_CALLS(CHAT_CALL("x", "f")) "," CHAT_SAYS("user", "b")), NULL,
     "'messages[1].tool_calls[0]"},

    // ---- results
    {"in order", CHAT, ANTH, OLD, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_CALLS(CHAT_CALL("x", "f") "," CHAT_CALL("y", "g")) "," CHAT_RESULT(
         "x", "1") "," CHAT_RESULT("y", "2")),
     "user[a] assistant[call(x,f)|call(y,g)] user[result(x,f,1)|result(y,g,2)]", ""},
    {"in another order, and late", CHAT, CHAT, GPT, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_CALLS(CHAT_CALL("x", "f") "," CHAT_CALL("y", "g")) "," CHAT_SAYS(
         "user", "b") "," CHAT_RESULT("y", "2") "," CHAT_RESULT("x", "1")),
     "user[a] assistant[call(x,f)|call(y,g)] user[result(x,f,1)|result(y,g,2)|b]", ""},
    {"behind another answer", CHAT, ANTH, OLD, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_CALLS(CHAT_CALL("x", "f")) "," CHAT_SAYS("user", "b") "," CHAT_CALLS(
         CHAT_CALL("y", "g")) "," CHAT_RESULT("x", "1") "," CHAT_RESULT("y", "2")),
     "user[a] assistant[call(x,f)] user[result(x,f,1)|b] assistant[call(y,g)] user[result(y,g,2)]", ""},
    {"before a system message", CHAT, CHAT, GPT, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_CALLS(CHAT_CALL("x", "f")) "," CHAT_SAYS("system",
                                                                                        "s") "," CHAT_RESULT("x", "1")),
     "user[a] assistant[call(x,f)] user[result(x,f,1)] system[s]", ""},
    {"twice: the last counts", CHAT, GEM, GEMINI, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user",
                         "a") "," CHAT_CALLS(CHAT_CALL("x", "f")) "," CHAT_RESULT("x", "1") "," CHAT_RESULT("x", "2")),
     "user[a] assistant[call(x,f)] user[result(x,f,2)]", "dropped:messages[2]"},
    {"missing", CHAT, ANTH, OLD, LOSS_NORMAL,
     CHAT_BODY(
         CHAT_SAYS("user", "a") "," CHAT_CALLS(CHAT_CALL("x", "f") "," CHAT_CALL("y", "g")) "," CHAT_RESULT("y", "2")),
     "user[a] assistant[call(x,f)|call(y,g)] user[error(x,f,tool result missing)|result(y,g,2)]",
     "added:messages[1].tool_calls[0]"},
    {"none yet", CHAT, ANTH, OLD, LOSS_NORMAL, CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_CALLS(CHAT_CALL("x", "f"))),
     "user[a] assistant[call(x,f)]", ""},
    {"lenient: without a call they are said by the user", CHAT, ANTH, OLD, LOSS_LENIENT,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_RESULT("x", "1")), "user[a|1]", "changed:messages[1]"},
    {"ids that begin anew", CHAT, RESP, GPT, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_CALLS(CHAT_CALL("call_0", "f")) "," CHAT_RESULT(
         "call_0", "1") "," CHAT_CALLS(CHAT_CALL("call_0", "g")) "," CHAT_RESULT("call_0", "2")),
     "user[a] assistant[call(call_0,f)] user[result(call_0,f,1)] assistant[call(call_0-2,g)] "
     "user[result(call_0-2,g,2)]",
     ""},
    {"one id twice in a turn", CHAT, RESP, GPT, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_CALLS(CHAT_CALL("x", "f") "," CHAT_CALL("x", "g")) "," CHAT_RESULT(
         "x", "1") "," CHAT_RESULT("x", "2")),
     "user[a] assistant[call(x,f)|call(x-2,g)] user[result(x,f,1)|result(x-2,g,2)]", ""},
    {"Gemini without ids: by name and order", GEM, CHAT, GPT, LOSS_NORMAL,
     GEM_BODY(
         "{\"role\":\"user\",\"parts\":[{\"text\":\"a\"}]},{\"role\":\"model\",\"parts\":[{\"functionCall\":{"
         "\"name\":\"f\",\"args\":{}}},{\"functionCall\":{\"name\":\"g\",\"args\":{}}},{\"functionCall\":{\"name\":"
         "\"f\",\"args\":{}}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"g\",\"response\":"
         "{\"output\":\"1\"}}},{\"functionResponse\":{\"name\":\"f\",\"response\":{\"output\":\"2\"}}},{"
         "\"functionResponse\":{\"name\":\"f\",\"response\":{\"output\":\"3\"}}}]}"),
     "user[a] assistant[call(*,f)|call(*,g)|call(*,f)] user[result(*,f,2)|result(*,g,1)|result(*,f,3)]", ""},
    {"Gemini: a name that nobody called", GEM, CHAT, GPT, LOSS_NORMAL,
     GEM_BODY("{\"role\":\"user\",\"parts\":[{\"text\":\"a\"}]},{\"role\":\"model\",\"parts\":[{\"functionCall\":{"
              "\"name\":\"f\",\"args\":{}}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"g\","
              "\"response\":{\"output\":\"1\"}}}]}"),
     NULL, "'contents[2].parts[0]"},

    // ---- turns
    {"roles alternate for Anthropic", CHAT, ANTH, OLD, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_SAYS("user", "b") "," CHAT_SAYS("assistant", "c") "," CHAT_SAYS(
         "assistant", "d") "," CHAT_SAYS("user", "e")),
     "user[a|b] assistant[c|d] user[e]", ""},
    {"roles stay for Chat", ANTH, CHAT, GPT, LOSS_NORMAL,
     ANTH_BODY(CHAT_SAYS("user", "a") "," CHAT_SAYS("user", "b") "," CHAT_SAYS("assistant", "c") "," CHAT_SAYS(
         "assistant", "d") "," CHAT_SAYS("user", "e")),
     "user[a] user[b] assistant[c] assistant[d] user[e]", ""},
    {"items of one answer are one turn", RESP, CHAT, GPT, LOSS_NORMAL,
     "{\"model\":\"m\",\"input\":[" CHAT_SAYS("user", "a") "," CHAT_SAYS(
         "assistant", "b") ",{\"type\":\"function_call\",\"call_id\":\"x\",\"name\":\"f\",\"arguments\":\"{}\"},{"
                           "\"type\":\"function_call\",\"call_id\":\"y\",\"name\":\"g\",\"arguments\":\"{}\"},{"
                           "\"type\":\"function_call_output\",\"call_id\":\"x\",\"output\":\"1\"},{\"type\":\"function_"
                           "call_output\",\"call_id\":\"y\",\"output\":\"2\"}]}",
     "user[a] assistant[b|call(x,f)|call(y,g)] user[result(x,f,1)|result(y,g,2)]", ""},
    {"the model speaks first", CHAT, GEM, GEMINI, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("assistant", "a") "," CHAT_SAYS("user", "b")), "user[Hello.] assistant[a] user[b]",
     "added:messages[0]"},
    {"the model speaks first to Chat", ANTH, CHAT, GPT, LOSS_NORMAL,
     ANTH_BODY(CHAT_SAYS("assistant", "a") "," CHAT_SAYS("user", "b")), "assistant[a] user[b]", ""},
    {"instructions in the middle", CHAT, GEM, GEMINI, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_SAYS("assistant", "b") "," CHAT_SAYS("system", "s") "," CHAT_SAYS("user",
                                                                                                                 "c")),
     "user[a] assistant[b] user[<system-message>s</system-message>|c]", "changed:messages[2]"},
    {"instructions in the middle for a model that takes them", CHAT, ANTH, NEW, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_SAYS("assistant", "b") "," CHAT_SAYS("system", "s") "," CHAT_SAYS("user",
                                                                                                                 "c")),
     "user[a] assistant[b] system[s] user[c]", ""},
    {"an empty message in the middle", CHAT, CHAT, GPT, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_SAYS("assistant", "") "," CHAT_SAYS("user", "b")), "user[a] user[b]",
     ""},
    {"white space is nothing to Anthropic", CHAT, ANTH, OLD, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_SAYS("assistant", " \\n\\u0020") "," CHAT_SAYS("user", "b")),
     "user[a|b]", ""},
    {"and something to others", CHAT, GEM, GEMINI, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_SAYS("assistant", " \\n") "," CHAT_SAYS("user", "b")),
     "user[a] assistant[ \\n] user[b]", ""},
    {"lenient: an empty message after an answer", CHAT, GEM, GEMINI, LOSS_LENIENT,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_SAYS("assistant", "b") "," CHAT_SAYS("user", "")),
     "user[a] assistant[b]", "dropped:messages[2]"},

    // ---- the end
    {"prefill loses its white space", CHAT, ANTH, OLD, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_SAYS("assistant", "b \\\\\\n \\t")), "user[a] assistant[b \\\\]", ""},
    {"lenient: prefill for a model that refuses it", CHAT, ANTH, NEW, LOSS_LENIENT,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_SAYS("assistant", "b")), "user[a] assistant[b] user[Continue.]",
     "added:messages[1]"},
    {"prefill while thinking", CHAT, ANTH, OLD, LOSS_NORMAL,
     "{\"model\":\"m\",\"reasoning_effort\":\"high\",\"messages\":[" CHAT_SAYS("user", "a") "," CHAT_SAYS("assistant",
                                                                                                          "b") "]}",
     NULL, "'messages[1]': "},
    {"what Anthropic goes on with is history to Chat", ANTH, CHAT, GPT, LOSS_NORMAL,
     ANTH_BODY(CHAT_SAYS("user", "a") "," CHAT_SAYS("assistant", "b")), "user[a] assistant[b]", "changed:messages[1]"},
    {"and to Chat's own clients it was", CHAT, RESP, GPT, LOSS_NORMAL,
     CHAT_BODY(CHAT_SAYS("user", "a") "," CHAT_SAYS("assistant", "b")), "user[a] assistant[b]", ""},

    // ---- what others cannot read
    {"Claude Code's billing block", ANTH, CHAT, GPT, LOSS_NORMAL,
     "{\"model\":\"m\",\"max_tokens\":9,\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: "
     "v=1\"},{\"type\":\"text\",\"text\":\"s\"}],\"messages\":[" CHAT_SAYS("user", "a") "]}",
     "system[s] user[a]", ""},
    {"thinking of Anthropic for Responses", ANTH, RESP, GPT, LOSS_NORMAL,
     ANTH_BODY(
         CHAT_SAYS("user", "a") ",{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\","
                                "\"signature\":\"c2ln\"},{\"type\":\"text\",\"text\":\"b\"}]}," CHAT_SAYS("user", "c")),
     "user[a] assistant[b] user[c]", ""},
    {"thinking stays for Chat", ANTH, CHAT, GPT, LOSS_NORMAL,
     ANTH_BODY(
         CHAT_SAYS("user", "a") ",{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\","
                                "\"signature\":\"c2ln\"},{\"type\":\"text\",\"text\":\"b\"}]}," CHAT_SAYS("user", "c")),
     "user[a] assistant[thought(t)|b] user[c]", ""},
    {"but no answer of thinking only", ANTH, CHAT, GPT, LOSS_NORMAL,
     ANTH_BODY(CHAT_SAYS("user", "a") ",{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\","
                                      "\"signature\":\"c2ln\"}]}," CHAT_SAYS("user", "c")),
     "user[a] user[c]", ""},
    {"an answer of thinking only", ANTH, GEM, GEMINI, LOSS_NORMAL,
     ANTH_BODY(CHAT_SAYS("user", "a") ",{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\","
                                      "\"signature\":\"c2ln\"}]}," CHAT_SAYS("user", "c")),
     "user[a|c]", ""},
};

struct outcome {
    struct neutral_request req;
    struct loss loss;
    struct json_doc doc;
    bool is_taken;
};

static struct target target_of(enum dialect dialect, const char *model)
{
    struct slice name = slice_from_cstr(model);
    return (struct target){dialect, name, profile_of(dialect, name)};
}

static void run(struct arena *arena, const struct row *row, struct outcome *outcome)
{
    struct target target = target_of(row->upstream, row->model);
    if (json_parse(&outcome->doc, arena, slice_from_cstr(row->body), NULL) != 0) {
        fail_msg("%s: the body is no JSON", row->what);
    }
    neutral_request_init(&outcome->req, row->client, &outcome->doc);
    loss_init(&outcome->loss, arena, &outcome->doc, row->mode);
    outcome->is_taken = dialect_spoke(row->client)->decode_request(&outcome->req, arena, &outcome->loss) &&
                        normalise(arena, &outcome->req, &target, &outcome->loss);
}

// A star stands for an id that was minted.
static bool is_trace(struct slice trace, const char *expected)
{
    for (; *expected; expected++) {
        if (*expected == '*') {
            size_t end = slice_find_char(trace, ',');
            if (end != 29 || !slice_starts_with(trace, SLICE("call_"))) {
                return false;
            }
            trace = slice_after(trace, end);
        } else if (trace.len && trace.ptr[0] == *expected) {
            trace = slice_after(trace, 1);
        } else {
            return false;
        }
    }
    return trace.len == 0;
}

static void check_row(struct arena *arena, const struct row *row)
{
    struct outcome outcome;
    run(arena, row, &outcome);
    if (outcome.is_taken != (row->trace != NULL)) {
        fail_msg("%s: %s %.*s", row->what, outcome.is_taken ? "taken" : "refused", SLICE_ARG(outcome.loss.message));
    }
    if (!outcome.is_taken) {
        if (!slice_starts_with(outcome.loss.message, slice_from_cstr(row->warnings))) {
            fail_msg("%s: refused with %.*s", row->what, SLICE_ARG(outcome.loss.message));
        }
        return;
    }
    struct slice trace = neutral_trace(arena, &outcome.req);
    if (!is_trace(trace, row->trace)) {
        fail_msg("%s: %.*s", row->what, SLICE_ARG(trace));
    }
    struct slice warnings = loss_header(&outcome.loss);
    if (!slice_eq(warnings, slice_from_cstr(row->warnings))) {
        fail_msg("%s: warns of %.*s", row->what, SLICE_ARG(warnings));
    }
}

static void every_policy(void **state)
{
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct arena arena;
        arena_init(&arena, 16 * 1024);
        check_row(&arena, &ROWS[i]);
        arena_deinit(&arena);
    }
}

// ---- random conversations

struct dice {
    uint64_t state;
};

static uint32_t roll(struct dice *dice, uint32_t n)
{
    dice->state = dice->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(dice->state >> 33) % n;
}

static struct slice random_id(struct dice *dice)
{
    static const struct slice IDS[] = {
        SLICE_INIT("a"),
        SLICE_INIT("b"),
        SLICE_INIT("a-2"),
        SLICE_INIT("call_0"),
        SLICE_INIT(""),
        SLICE_INIT("a.b|ö"),
        SLICE_INIT("two words"),
        SLICE_INIT("a-2-2"),
        SLICE_INIT("0123456789012345678901234567890123456789012345678901234567890123"),
        SLICE_INIT("01234567890123456789012345678901234567890123456789012345678901234"),
    };
    return IDS[roll(dice, sizeof(IDS) / sizeof(IDS[0]))];
}

static struct slice random_name(struct dice *dice)
{
    static const struct slice NAMES[] = {SLICE_INIT("f"), SLICE_INIT("g"), SLICE_INIT("a.b")};
    return NAMES[roll(dice, sizeof(NAMES) / sizeof(NAMES[0]))];
}

static struct slice random_text(struct dice *dice)
{
    static const struct slice TEXTS[] = {SLICE_INIT("x"), SLICE_INIT(""), SLICE_INIT(" \\n"), SLICE_INIT("y \\t")};
    return TEXTS[roll(dice, sizeof(TEXTS) / sizeof(TEXTS[0]))];
}

static struct neutral_part *random_answer_part(struct arena *arena, struct dice *dice)
{
    struct neutral_part *part = neutral_text_new(arena, random_text(dice), NULL);
    switch (roll(dice, 5)) {
    case 0:
        part = neutral_part_new(arena, PART_REASONING, NULL);
        part->reasoning.parts = neutral_text_new(arena, random_text(dice), NULL);
        part->reasoning.opaque.kind = (enum opaque_kind)roll(dice, OPAQUE_VENDOR_TEXT + 1);
        break;
    case 1: part = neutral_part_new(arena, PART_NATIVE, NULL); break;
    case 2:
    case 3:
        part = neutral_part_new(arena, PART_CALL, NULL);
        part->call.id = random_id(dice);
        part->call.name = random_name(dice);
        part->call.raw_arguments = SLICE("{}");
        break;
    default: break;
    }
    return part;
}

static struct neutral_part *random_user_part(struct arena *arena, struct dice *dice)
{
    if (roll(dice, 2)) {
        return neutral_text_new(arena, random_text(dice), NULL);
    }
    struct neutral_part *part = neutral_part_new(arena, PART_RESULT, NULL);
    part->result.call_id = random_id(dice);
    part->result.name = roll(dice, 2) ? random_name(dice) : SLICE_EMPTY;
    part->result.parts = neutral_text_new(arena, random_text(dice), NULL);
    return part;
}

static struct neutral_turn *random_turn(struct arena *arena, struct dice *dice)
{
    struct neutral_turn *turn = neutral_turn_new(arena, (enum turn_role)roll(dice, TURN_ASSISTANT + 1), NULL);
    struct neutral_part **last = &turn->parts;
    for (uint32_t n = roll(dice, 4); n > 0; n--) {
        bool is_instruction = turn->role == TURN_SYSTEM || turn->role == TURN_DEVELOPER;
        neutral_append_part(&last, is_instruction                 ? neutral_text_new(arena, random_text(dice), NULL)
                                   : turn->role == TURN_ASSISTANT ? random_answer_part(arena, dice)
                                                                  : random_user_part(arena, dice));
    }
    return turn;
}

static void random_request(struct arena *arena, struct dice *dice, struct neutral_request *req)
{
    neutral_request_init(req, (enum dialect)roll(dice, N_DIALECTS), NULL);
    struct neutral_turn **last = &req->turns;
    for (uint32_t n = roll(dice, 12); n > 0; n--) {
        *last = random_turn(arena, dice);
        last = &(*last)->next;
    }
    struct neutral_tool **last_tool = &req->tools;
    for (uint32_t n = roll(dice, 5); n > 0; n--) {
        *last_tool = neutral_tool_new(arena, TOOL_FUNCTION, NULL);
        (*last_tool)->name = random_name(dice);
        (*last_tool)->name_space = roll(dice, 3) ? SLICE_EMPTY : SLICE("ns");
        last_tool = &(*last_tool)->next;
    }
}

static void check_id(struct map *ids, struct slice id, void *owner)
{
    assert_in_range(id.len, 1, 64);
    for (size_t i = 0; i < id.len; i++) {
        assert_non_null(strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", id.ptr[i]));
    }
    assert_null(map_set(ids, id, owner));
}

// The calls of `turn` and the results of the next one, in step.
static void check_results(const struct neutral_turn *turn)
{
    const struct neutral_part *result = turn->next ? turn->next->parts : NULL;
    for (const struct neutral_part *part = turn->parts; part; part = part->next) {
        if (part->kind == PART_CALL && turn->next) {
            assert_non_null(result);
            assert_int_equal(turn->next->role, TURN_USER);
            assert_int_equal(result->kind, PART_RESULT);
            assert_true(slice_eq(result->result.call_id, part->call.id));
            assert_true(slice_eq(result->result.name, part->call.name));
            result = result->next;
        }
    }
    for (; turn->next && result; result = result->next) {
        assert_int_not_equal(result->kind, PART_RESULT);
    }
}

static void check_parts(const struct neutral_turn *turn, const struct target *target, const struct neutral_request *req)
{
    assert_non_null(turn->parts);
    bool says_something = false;
    for (const struct neutral_part *part = turn->parts; part; part = part->next) {
        bool is_blank =
            part->kind == PART_TEXT &&
            (target->dialect == DIALECT_ANTHROPIC ? escaped_text_is_blank(part->text) : part->text.len == 0);
        assert_false(is_blank);
        assert_false(part->kind == PART_NATIVE && req->origin != target->dialect);
        says_something |= part->kind != PART_REASONING;
    }
    assert_true(says_something);
}

static void check_tools(const struct neutral_request *req)
{
    for (const struct neutral_tool *tool = req->tools; tool; tool = tool->next) {
        assert_in_range(tool->target_name.len, 1, 64);
        for (const struct neutral_tool *other = tool->next; other; other = other->next) {
            bool is_apart = !slice_eq(tool->target_name, other->target_name) ||
                            !slice_eq(tool->name_space, other->name_space); // Responses keeps them
            assert_true(is_apart);
        }
    }
}

static void check_promises(const struct neutral_request *req, const struct target *target)
{
    struct map ids;
    map_init(&ids);
    bool alternates = target->dialect == DIALECT_ANTHROPIC || target->dialect == DIALECT_GEMINI;
    enum turn_role before = TURN_ASSISTANT;
    for (struct neutral_turn *turn = req->turns; turn; turn = turn->next) {
        check_parts(turn, target, req);
        for (struct neutral_part *part = turn->parts; part; part = part->next) {
            if (part->kind == PART_CALL) {
                check_id(&ids, part->call.id, part);
            }
        }
        bool speaks = turn->role == TURN_USER || turn->role == TURN_ASSISTANT;
        assert_false(alternates && speaks && turn->role == before && !target->profile.has_system_turns);
        assert_false(alternates && !speaks && !target->profile.has_system_turns);
        before = turn->role;
        if (turn->role == TURN_ASSISTANT) {
            check_results(turn);
        }
    }
    assert_false(alternates && req->turns->role != TURN_USER);
    check_tools(req);
    map_deinit(&ids);
}

static void check_random(struct arena *arena, uint64_t seed)
{
    static const char *const MODELS[] = {OLD, GPT, GPT, GEMINI, NEW, "deepseek-chat", "o3", "gemini-3-pro"};
    struct dice dice = {seed};
    uint32_t which = roll(&dice, sizeof(MODELS) / sizeof(MODELS[0]));
    struct target target = target_of((enum dialect)(which % N_DIALECTS), MODELS[which]);
    struct neutral_request req;
    struct loss loss;
    random_request(arena, &dice, &req);
    loss_init(&loss, arena, NULL, LOSS_LENIENT);
    if (!normalise(arena, &req, &target, &loss)) {
        assert_true(loss.is_refused);
        return;
    }
    check_promises(&req, &target);
    struct slice once = neutral_trace(arena, &req);
    assert_true(normalise(arena, &req, &target, &loss));
    struct slice twice = neutral_trace(arena, &req);
    if (!slice_eq(once, twice)) {
        fail_msg("seed %llu: once %.*s, twice %.*s", (unsigned long long)seed, SLICE_ARG(once), SLICE_ARG(twice));
    }
}

static void promises_hold_for_any_conversation(void **state)
{
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        struct arena arena;
        arena_init(&arena, 16 * 1024);
        check_random(&arena, seed);
        arena_deinit(&arena);
    }
}

// A conversation that has grown gets the ids that it had before.
static void ids_are_the_same_in_later_requests(void **state)
{
    struct arena arena;
    arena_init(&arena, 16 * 1024);
    struct target target = target_of(DIALECT_CHAT, GPT);
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct slice traces[2];
        for (int i = 0; i < 2; i++) {
            struct dice dice = {seed};
            struct neutral_request req;
            struct loss loss;
            neutral_request_init(&req, DIALECT_CHAT, NULL);
            loss_init(&loss, &arena, NULL, LOSS_LENIENT);
            struct neutral_turn **last = &req.turns;
            for (int n = 0; n < 3 + 3 * i; n++) {
                *last = neutral_turn_new(&arena, n % 2 ? TURN_ASSISTANT : TURN_USER, NULL);
                (*last)->parts = neutral_text_new(&arena, SLICE("x"), NULL);
                if (n % 2) {
                    struct neutral_part *call = (*last)->parts->next = neutral_part_new(&arena, PART_CALL, NULL);
                    call->call.id = random_id(&dice);
                    call->call.name = random_name(&dice);
                }
                last = &(*last)->next;
            }
            assert_true(normalise(&arena, &req, &target, &loss));
            traces[i] = neutral_trace(&arena, &req);
        }
        assert_true(slice_starts_with(traces[1], traces[0]));
    }
    arena_deinit(&arena);
}

// Thousands of calls, all with one id: what is not linear shows.
static void long_conversations_take_no_longer_than_they_must(void **state)
{
    enum { N_CALLS = 20000 };
    struct arena arena;
    struct neutral_request req;
    struct loss loss;
    struct target target = target_of(DIALECT_ANTHROPIC, OLD);
    arena_init(&arena, 64 * 1024);
    neutral_request_init(&req, DIALECT_CHAT, NULL);
    loss_init(&loss, &arena, NULL, LOSS_NORMAL);
    struct neutral_turn **last = &req.turns;
    for (int i = 0; i < N_CALLS; i++) {
        *last = neutral_turn_new(&arena, TURN_ASSISTANT, NULL);
        struct neutral_part *call = (*last)->parts = neutral_part_new(&arena, PART_CALL, NULL);
        call->call.id = SLICE("call_0");
        call->call.name = SLICE("f");
        last = &(*last)->next;
    }
    for (int i = 0; i < N_CALLS; i++) {
        *last = neutral_turn_new(&arena, TURN_USER, NULL);
        struct neutral_part *result = (*last)->parts = neutral_part_new(&arena, PART_RESULT, NULL);
        result->result.call_id = SLICE("call_0");
        last = &(*last)->next;
    }
    assert_true(normalise(&arena, &req, &target, &loss));
    size_t n_results = 0;
    for (const struct neutral_part *part = req.turns->next->next->parts; part; part = part->next) {
        n_results += part->kind == PART_RESULT;
    }
    assert_int_equal(n_results, N_CALLS);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_policy),
        cmocka_unit_test(promises_hold_for_any_conversation),
        cmocka_unit_test(ids_are_the_same_in_later_requests),
        cmocka_unit_test(long_conversations_take_no_longer_than_they_must),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

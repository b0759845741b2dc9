// SPDX-License-Identifier: MIT
// What real providers send is good; what SDKs cannot read is found.
#include "dialect/stream_grammar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "dialect/answer_fixture.h"

static const struct {
    enum dialect dialect;
    const char *path;
} GOOD[] = {
    {DIALECT_ANTHROPIC, "anthropic/an-s01-text.sse"},
    {DIALECT_ANTHROPIC, "anthropic/an-s05-thinking-signature.sse"},
    {DIALECT_ANTHROPIC, "sse-edge/edge-09-anthropic-overloaded-midstream.sse"},
    {DIALECT_CHAT, "openai-chat/oc-s02-parallel-tools.sse"},
    {DIALECT_CHAT, "openai-chat/oc-s05-n3-interleaved-choices.sse"},
    {DIALECT_RESPONSES, "openai-responses/or-s02-reasoning-then-function-call.sse"},
    {DIALECT_RESPONSES, "openai-responses/or-s04-phase-commentary-function-call.sse"},
    {DIALECT_GEMINI, "gemini/ge-s22-gemini3-thinking.sse"},
};

// Each is a recording in which one text has been replaced.
static const struct {
    size_t of; // GOOD
    struct slice from;
    struct slice to;
} BAD[] = {
    {0, SLICE_INIT("event: message_start"), SLICE_INIT("event: message_begin")},
    {0, SLICE_INIT("\"input_tokens\""), SLICE_INIT("\"other_tokens\"")},
    {0, SLICE_INIT("\"index\":0"), SLICE_INIT("\"index\":1")},
    {0, SLICE_INIT("content_block_stop"), SLICE_INIT("ping")},
    {0, SLICE_INIT("\"stop_reason\":\""), SLICE_INIT("\"stop_cause\":\"")},
    {0, SLICE_INIT("event: message_stop"), SLICE_INIT("event: message_delta")},
    {0, SLICE_INIT("data: "), SLICE_INIT("data: x")},
    {3, SLICE_INIT("\"role\":\"assistant\""), SLICE_INIT("\"part\":\"assistant\"")},
    {3, SLICE_INIT("\"finish_reason\":\"tool_calls\""), SLICE_INIT("\"finish_reason\":null")},
    {3, SLICE_INIT("\"tool_calls\":[{\"index\":1,\"id\""), SLICE_INIT("\"tool_calls\":[{\"index\":2,\"id\"")},
    {3, SLICE_INIT("\"type\":\"function\""), SLICE_INIT("\"kind\":\"function\"")},
    {3, SLICE_INIT("[DONE]"), SLICE_INIT("[END]")},
    {4, SLICE_INIT("\"index\":2"), SLICE_INIT("\"index\":3")},
    {5, SLICE_INIT("\"sequence_number\":3"), SLICE_INIT("\"sequence_number\":9")},
    {5, SLICE_INIT("\"output_index\":0"), SLICE_INIT("\"output_index\":1")},
    {5, SLICE_INIT("response.completed"), SLICE_INIT("response.finished")},
    {7, SLICE_INIT("\"finishReason\""), SLICE_INIT("\"endReason\"")},
    {7, SLICE_INIT("\"parts\""), SLICE_INIT("\"pieces\"")},
    {7, SLICE_INIT("\"candidates\""), SLICE_INIT("\"answers\"")},
};

static struct slice read_good(struct arena *arena, size_t i)
{
    return fixture_read(arena, arena_cstr(arena, arena_printf(arena, "tests/corpus/dialects/%s", GOOD[i].path)));
}

static void recorded_streams_are_good(void **state)
{
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
        const char *complaint = stream_grammar_complaint(GOOD[i].dialect, read_good(&arena, i));
        if (complaint) {
            fail_msg("%s: %s", GOOD[i].path, complaint);
        }
    }
    arena_deinit(&arena);
}

static void spoilt_streams_are_not(void **state)
{
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        struct slice bytes = read_good(&arena, BAD[i].of);
        size_t at = slice_find(bytes, BAD[i].from);
        if (at == SLICE_NOT_FOUND) {
            fail_msg("row %zu: nothing to replace", i);
        }
        const struct slice parts[] = {slice_of(bytes.ptr, at), BAD[i].to, slice_after(bytes, at + BAD[i].from.len)};
        if (!stream_grammar_complaint(GOOD[BAD[i].of].dialect, arena_concat(&arena, parts, 3))) {
            fail_msg("row %zu: no complaint", i);
        }
    }
    arena_deinit(&arena);
}

// A stream that stops anywhere before its end is never good.
static void half_streams_are_not(void **state)
{
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
        struct slice bytes = read_good(&arena, i);
        for (size_t len = 0; len + 3 < bytes.len; len += 1 + bytes.len / 50) {
            if (!stream_grammar_complaint(GOOD[i].dialect, slice_of(bytes.ptr, len))) {
                fail_msg("%s, its first %zu bytes: no complaint", GOOD[i].path, len);
            }
        }
    }
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(recorded_streams_are_good),
                                       cmocka_unit_test(spoilt_streams_are_not),
                                       cmocka_unit_test(half_streams_are_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// Kinship over anything. First byte: the dialect. What is found is small and in one spelling; a conversation has the
// same name whether its body is on the tape whole or in part; a body that was stripped is still JSON, and stripping it
// again changes nothing.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "dialect/adjust.h"
#include "dialect/kinship.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_seals(enum dialect dialect, struct slice text, struct arena *arena)
{
    struct slice seals[KINSHIP_SEALS_MAX];
    size_t n = kinship_seals(dialect, text, arena, seals);
    assert(n <= KINSHIP_SEALS_MAX);
    for (size_t i = 0; i < n; i++) {
        assert(seals[i].len <= KINSHIP_SEAL_LEN_MAX);
        assert(slice_find_char(seals[i], '=') == SLICE_NOT_FOUND);
        assert(slice_find_char(seals[i], '-') == SLICE_NOT_FOUND);
    }
}

static struct slice strip(enum dialect dialect, struct slice text, struct arena *arena)
{
    struct json_doc doc;
    struct json_splice splice;
    size_t n;
    size_t len;
    int r = json_parse(&doc, arena, text, NULL);
    assert(r == 0);
    json_splice_init(&splice, arena, &doc);
    size_t n_stripped = kinship_strip(dialect, &splice);
    struct slice *pieces = json_splice_result(&splice, &n, &len);
    struct slice result = arena_concat(arena, pieces, n);
    assert(n_stripped || slice_eq(result, text));
    return result;
}

static void check_body(enum dialect dialect, struct slice text, struct arena *arena)
{
    static const struct json_options options = {.record_depth = ADJUST_RECORD_DEPTH};
    struct json_doc whole;
    struct json_doc shallow;
    if (json_parse(&whole, arena, text, NULL) != 0 || json_parse(&shallow, arena, text, &options) != 0) {
        return;
    }
    assert(slice_eq(kinship_conversation(dialect, &whole, arena), kinship_conversation(dialect, &shallow, arena)));
    assert(slice_eq(kinship_previous_response(&whole, arena), kinship_previous_response(&shallow, arena)));
    struct slice once = strip(dialect, text, arena);
    assert(slice_eq(strip(dialect, once, arena), once));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0) {
        return 0;
    }
    struct arena arena;
    enum dialect dialect = (enum dialect)(data[0] % N_DIALECTS);
    struct slice text = slice_of((const char *)data + 1, len - 1);
    arena_init(&arena, 4096);
    check_seals(dialect, text, &arena);
    struct slice id = kinship_response_id(text, &arena);
    assert(id.len <= text.len);
    check_body(dialect, text, &arena);
    arena_deinit(&arena);
    return 0;
}

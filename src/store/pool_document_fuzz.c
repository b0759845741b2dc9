// SPDX-License-Identifier: MIT
// Any bytes as key_pool.json. What was understood, written and read again, is the same, and so is what was not.
#include <assert.h>

#include "store/pool_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void write_again(const struct pool_document *document, struct arena *arena, struct buf *out)
{
    struct document_key key;
    struct document_group *groups = NULL;
    struct document_tail tail = {
        .config = document->config,
        .last_rotation_index = document->last_rotation_index,
        .stats_rest = document->stats_rest,
        .rejected_keys = document->rejected_keys,
        .rejected_groups = document->rejected_groups,
        .rest = document->rest,
    };
    struct slice raw;
    bool is_first = true;
    pool_document_begin(out);
    for (const struct json_node *at = NULL; pool_document_next_key(document, &at, arena, &key, &raw);) {
        pool_document_add(out, &key, is_first);
        is_first = false;
    }
    struct document_group group;
    for (const struct json_node *at = NULL; pool_document_next_group(document, &at, arena, &group, &raw);) {
        size_t size = tail.n_groups * sizeof(group);
        groups = groups ? arena_grow(arena, groups, size, size + sizeof(group)) : arena_alloc(arena, sizeof(group));
        groups[tail.n_groups++] = group;
    }
    tail.groups = groups;
    pool_document_end(out, &tail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena;
    struct pool_document document;
    struct slice problem;
    struct buf first = BUF_EMPTY;
    struct buf second = BUF_EMPTY;
    arena_init(&arena, 4096);
    if (pool_document_parse(&document, &arena, slice_of((const char *)data, len), &problem) == 0) {
        write_again(&document, &arena, &first);
        int r = pool_document_parse(&document, &arena, buf_slice(&first), &problem);
        assert(r == 0);
        write_again(&document, &arena, &second);
        assert(slice_eq(buf_slice(&first), buf_slice(&second)));
    } else {
        assert(problem.len > 0);
    }
    buf_deinit(&first);
    buf_deinit(&second);
    arena_deinit(&arena);
    return 0;
}

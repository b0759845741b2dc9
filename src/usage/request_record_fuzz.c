// SPDX-License-Identifier: MIT
// Anything as a record. What is taken can be told, and is the same when it is written and read again.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "usage/request_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void write_again(const struct request_facts *facts, struct arena *arena, struct buf *json)
{
    char record[REQUEST_RECORD_MAX];
    struct request_facts again;
    size_t len = request_record_encode(facts, record);
    assert(len <= sizeof(record));
    bool is_taken = request_record_decode(slice_of(record, len), arena, &again);
    assert(is_taken);
    request_record_write_json(&again, true, json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena;
    struct request_facts facts;
    arena_init(&arena, 4096);
    if (request_record_decode(slice_of((const char *)data, len), &arena, &facts)) {
        struct buf json = BUF_EMPTY;
        struct buf json_again = BUF_EMPTY;
        request_record_write_json(&facts, true, &json);
        write_again(&facts, &arena, &json_again);
        assert(slice_eq(buf_slice(&json), buf_slice(&json_again)));
        buf_deinit(&json);
        buf_deinit(&json_again);
    }
    arena_deinit(&arena);
    return 0;
}

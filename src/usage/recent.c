// SPDX-License-Identifier: MIT
// Each place keeps the memory of the longest record that it has had, so that nothing is allocated for most of them.
#include "usage/recent.h"

#include <assert.h>

enum { SCRATCH_BLOCK = 1024 };

struct recent {
    size_t n; // in use
    size_t cap;
    size_t newest; // when there is one
    struct buf records[];
};

struct recent *recent_new(size_t n)
{
    assert(n > 0);
    struct recent *recent = mem_zalloc(sizeof(*recent) + n * sizeof(recent->records[0]));
    recent->cap = n;
    return recent;
}

void recent_free(struct recent *recent)
{
    for (size_t i = 0; recent && i < recent->cap; i++) {
        buf_deinit(&recent->records[i]);
    }
    mem_free(recent);
}

void recent_add(struct recent *recent, struct slice record)
{
    recent->newest = recent->n && recent->newest + 1 < recent->cap ? recent->newest + 1 : 0;
    recent->n += recent->n < recent->cap;
    buf_clear(&recent->records[recent->newest]);
    buf_append(&recent->records[recent->newest], record);
}

// ---- asking ---------------------------------------------------------------------------------------------------------

// `age` 0 is the newest one. False: what came was no record.
static bool decode(const struct recent *recent, size_t age, struct arena *arena, struct request_facts *facts_r)
{
    size_t i = recent->newest >= age ? recent->newest - age : recent->newest + recent->cap - age;
    arena_reset(arena);
    return request_record_decode(buf_slice(&recent->records[i]), arena, facts_r);
}

bool recent_write_json(const struct recent *recent, struct slice id, struct buf *out)
{
    struct slice wanted = request_text_cut(id, REQUEST_ID_MAX);
    struct request_facts facts;
    struct arena arena;
    bool is_found = false;
    arena_init(&arena, SCRATCH_BLOCK);
    for (size_t age = 0; age < recent->n && !is_found; age++) {
        is_found = decode(recent, age, &arena, &facts) && slice_eq(facts.id, wanted);
    }
    if (is_found) {
        request_record_write_json(&facts, true, out);
    }
    arena_deinit(&arena);
    return is_found;
}

void recent_write_list(const struct recent *recent, const struct request_filter *filter, struct buf *out)
{
    struct request_facts facts;
    struct arena arena;
    size_t n = 0;
    arena_init(&arena, SCRATCH_BLOCK);
    buf_append_char(out, '[');
    for (size_t age = 0; age < recent->n && n < filter->limit; age++) {
        if (decode(recent, age, &arena, &facts) && request_filter_takes(filter, &facts)) {
            buf_append(out, n++ ? SLICE(",") : SLICE_EMPTY);
            request_record_write_json(&facts, false, out);
        }
    }
    buf_append_char(out, ']');
    arena_deinit(&arena);
}

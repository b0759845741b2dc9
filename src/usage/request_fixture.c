// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "usage/request_fixture.h"

uint64_t request_fixture_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static uint64_t below(uint64_t *seed, uint64_t end)
{
    return request_fixture_random(seed) % end;
}

// Of a few names; one in ten is longer than what is kept, one in ten is empty.
static struct slice draw_name(uint64_t *seed, struct arena *arena, const char *kind)
{
    unsigned number = (unsigned)below(seed, 8);
    switch (below(seed, 10)) {
    case 0: return SLICE_EMPTY;
    case 1: return arena_printf(arena, "%s-%080u\xC3\xA4-%0100u", kind, number, number);
    default: return arena_printf(arena, "%s-%u", kind, number);
    }
}

static void draw_trail(uint64_t *seed, struct arena *arena, struct request_facts *facts)
{
    static const char *const outcomes[] = {"ok", "http_4xx", "connect", "skipped", "waited", "cancelled"};
    static const char *const reasons[] = {NULL, "key_model", "breaker"};
    uint64_t n = below(seed, 4) ? below(seed, 4) : below(seed, 100);
    for (uint64_t i = 0; i < n; i++) {
        bool is_own = below(seed, 2);
        struct trail_entry entry = {
            .endpoint = is_own ? facts->endpoint : draw_name(seed, arena, "endpoint"),
            .model = is_own ? facts->upstream_model : draw_name(seed, arena, "model"),
            .key = is_own ? facts->key : draw_name(seed, arena, "key"),
            .outcome = outcomes[below(seed, 6)],
            .reason = reasons[below(seed, 3)],
            .status = (unsigned)below(seed, 600),
            .began_ms = (uint32_t)request_fixture_random(seed),
            .took_ms = (uint32_t)request_fixture_random(seed),
        };
        facts->n_attempts += strcmp(entry.outcome, "skipped") != 0 && strcmp(entry.outcome, "waited") != 0;
        trail_add(&facts->trail, arena, &entry);
    }
}

static int64_t draw_tokens(uint64_t *seed)
{
    return below(seed, 3) ? (int64_t)below(seed, 1000000) : -1;
}

struct request_facts request_fixture_draw(uint64_t *seed, struct arena *arena)
{
    struct request_facts facts = {
        .id = draw_name(seed, arena, "id"),
        .path = draw_name(seed, arena, "/path"),
        .model = draw_name(seed, arena, "asked"),
        .counted_model = draw_name(seed, arena, "counted"),
        .upstream_model = draw_name(seed, arena, "served"),
        .endpoint = draw_name(seed, arena, "endpoint"),
        .key = draw_name(seed, arena, "key"),
        .client = draw_name(seed, arena, "client"),
        .trace_id = draw_name(seed, arena, "trace"),
        .route = draw_name(seed, arena, "/route"),
        .dialect = draw_name(seed, arena, "dialect"),
        .fault = draw_name(seed, arena, "fault"),
        .time_ms = INT64_C(1767323045678) + (int64_t)below(seed, 5 * 3600 * 1000),
        .ttft_ms = below(seed, 2) ? (int64_t)below(seed, 100000) : -1,
        .duration_ms = below(seed, 20) ? below(seed, 100000) : UINT64_C(1) << 40,
        .usage = {draw_tokens(seed), draw_tokens(seed), draw_tokens(seed), draw_tokens(seed), draw_tokens(seed)},
        .end = (enum request_end)below(seed, 3),
        .is_partial = below(seed, 2),
        .status = (unsigned)below(seed, 600),
    };
    draw_trail(seed, arena, &facts);
    return facts;
}

// ---- sums -----------------------------------------------------------------------------------------------------------

static void assert_same_times(const struct latency_histogram *a, const struct latency_histogram *b)
{
    struct buf a_bytes = BUF_EMPTY;
    struct buf b_bytes = BUF_EMPTY;
    latency_encode(a, &a_bytes);
    latency_encode(b, &b_bytes);
    assert_true(slice_eq(buf_slice(&a_bytes), buf_slice(&b_bytes)));
    buf_deinit(&a_bytes);
    buf_deinit(&b_bytes);
}

static const struct usage_cell *cell_like(const struct usage_cells *cells, const struct usage_cell *wanted)
{
    const struct usage_cell *found = NULL;
    for (size_t i = 0; i < usage_cells_n(cells); i++) {
        const struct usage_cell *cell = usage_cells_at(cells, i);
        if (cell->hour == wanted->hour && slice_eq(cell->model, wanted->model) && slice_eq(cell->key, wanted->key)) {
            assert_null(found); // no two of one place
            found = cell;
        }
    }
    assert_non_null(found);
    return found;
}

void request_fixture_assert_same_cells(const struct usage_cells *a, const struct usage_cells *b)
{
    assert_int_equal(usage_cells_n(a), usage_cells_n(b));
    for (size_t i = 0; i < usage_cells_n(a); i++) {
        const struct usage_cell *cell = usage_cells_at(a, i);
        const struct usage_cell *same = cell_like(b, cell);
        assert_memory_equal(&cell->counts, &same->counts, sizeof(cell->counts));
        assert_same_times(&cell->duration, &same->duration);
        assert_same_times(&cell->first_token, &same->first_token);
    }
}

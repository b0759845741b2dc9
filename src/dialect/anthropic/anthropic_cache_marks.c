// SPDX-License-Identifier: MIT
// Marks where Anthropic's cache may break the prompt: four at most, and none that lives longer behind one that lives
// shorter.
#include "dialect/anthropic/anthropic_internal.h"

static size_t count_in_parts(const struct neutral_part *parts)
{
    size_t n = 0;
    for (const struct neutral_part *part = parts; part; part = part->next) {
        n += part->cache != CACHE_NONE && part->kind != PART_REASONING;
        if (part->kind != PART_RESULT) {
            continue;
        }
        for (const struct neutral_part *inner = part->result.parts; inner; inner = inner->next) {
            n += inner->cache != CACHE_NONE;
        }
    }
    return n;
}

size_t anthropic_count_marks(const struct neutral_request *req)
{
    size_t n = 0;
    for (const struct neutral_tool *tool = req->tools; tool; tool = tool->next) {
        n += tool->cache != CACHE_NONE;
    }
    for (const struct neutral_turn *turn = req->instructions; turn; turn = turn->next) {
        n += count_in_parts(turn->parts);
    }
    for (const struct neutral_turn *turn = req->turns; turn; turn = turn->next) {
        n += count_in_parts(turn->parts);
    }
    return n;
}

void anthropic_write_cache(struct anthropic_request *e, enum cache_mark mark)
{
    if (mark == CACHE_NONE) {
        return;
    }
    if (e->n_marks_left_out > 0) {
        e->n_marks_left_out--;
        return;
    }
    e->has_short_mark = e->has_short_mark || mark == CACHE_SHORT;
    json_key(&e->w, SLICE("cache_control"));
    json_write_raw(&e->w, e->has_short_mark ? SLICE("{\"type\":\"ephemeral\"}")
                                            : SLICE("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"));
}

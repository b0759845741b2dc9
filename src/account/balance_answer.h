// SPDX-License-Identifier: MIT
// What a provider says about balances, and how that is kept: token_usage.json. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "json/json_reader.h"
#include "json/json_writer.h"

struct balance_side {
    int64_t allowance; // totalAllowance; -1: not told
    int64_t used;      // orgTotalTokensUsed; -1: not told
    double used_ratio; // usedRatio, or what follows from the others; 0 without
};

// What is left of it, not below 0; -1: not told.
int64_t balance_remaining(const struct balance_side *side);

struct balance {
    bool is_success;
    struct slice error; // of a query that failed; what is below is then of the last one that did not
    struct balance_side standard;
    struct balance_side premium;
    int64_t start_ms; // of the period; 0: not told, here and below
    int64_t end_ms;
    int64_t trial_end_ms;
    int64_t last_sync_ms; // when it was asked for last
};
extern const struct balance balance_unknown;

// The first of "workosOrgIds"; empty when there is none, or it cannot go into a header.
struct slice balance_read_organization(struct slice body, struct arena *arena);

// Reads {"usage": {"standard": {…}, "premium": {…}, "startDate", …}}, or that object itself. False: it tells nothing.
bool balance_read_usage(struct slice body, struct balance *balance_r);

// A key's entry of the document, where what is not told is left out, or of an answer of the API, where it is null.
// `tokens_at_sync` is what was metered here when the balance was fetched; -1: not told, and left out in both. Reading
// sets `error` in the arena.
enum balance_gaps { BALANCE_GAPS_LEFT_OUT, BALANCE_GAPS_NULL };
void balance_write(struct json_writer *w, const struct balance *balance, enum balance_gaps gaps,
                   int64_t tokens_at_sync);
struct balance balance_read(const struct json_doc *doc, const struct json_node *object, struct arena *arena,
                            int64_t *tokens_at_sync_r);

struct balance_summary {
    int64_t total_limit;
    int64_t total_used;
    int64_t total_remaining;
    size_t successful_keys;
    size_t total_keys;
};
void balance_summary_add(struct balance_summary *summary, const struct balance *balance);
void balance_summary_write(struct json_writer *w, const struct balance_summary *summary);

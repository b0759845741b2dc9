// SPDX-License-Identifier: MIT
#include "account/balance_answer.h"

#include "account/json_time.h"
#include "base/clock.h"

static const int64_t amount_max = 1000000000000;

const struct balance balance_unknown = {
    .standard = {.allowance = -1, .used = -1},
    .premium = {.allowance = -1, .used = -1},
};

int64_t balance_remaining(const struct balance_side *side)
{
    if (side->allowance < 0 || side->used < 0) {
        return -1;
    }
    return side->used < side->allowance ? side->allowance - side->used : 0;
}

// ---- answers --------------------------------------------------------------------------------------------------------

struct slice balance_read_organization(struct slice body, struct arena *arena)
{
    struct json_doc doc;
    const struct json_node *first = NULL;
    if (json_parse(&doc, arena, body, NULL) != 0 ||
        !json_next_element(&doc, json_get(&doc, json_root(&doc), SLICE("workosOrgIds")), &first)) {
        return SLICE_EMPTY;
    }
    struct slice id = json_string(&doc, first, arena);
    return slice_is_visible(id) ? arena_dup(arena, id) : SLICE_EMPTY;
}

// Small enough that those of all keys can be added up.
static int64_t amount_of(const struct json_doc *doc, const struct json_node *object, struct slice name)
{
    int64_t amount;
    if (!json_loose_int(doc, json_get(doc, object, name), &amount) || amount < 0) {
        return -1;
    }
    return amount < amount_max ? amount : amount_max;
}

static struct balance_side read_side(const struct json_doc *doc, const struct json_node *object)
{
    struct balance_side side = {
        .allowance = amount_of(doc, object, SLICE("totalAllowance")),
        .used = amount_of(doc, object, SLICE("orgTotalTokensUsed")),
    };
    if (side.allowance < 0) {
        side.allowance = amount_of(doc, object, SLICE("basicAllowance"));
    }
    if (side.used < 0) {
        side.used = amount_of(doc, object, SLICE("userTokens"));
    }
    if (!json_loose_double(doc, json_get(doc, object, SLICE("usedRatio")), &side.used_ratio)) {
        bool is_known = side.allowance > 0 && side.used >= 0;
        side.used_ratio = is_known ? (double)side.used / (double)side.allowance : 0;
    }
    return side;
}

static void read_members(const struct json_doc *doc, const struct json_node *object, struct balance *balance)
{
    balance->standard = read_side(doc, json_get(doc, object, SLICE("standard")));
    balance->premium = read_side(doc, json_get(doc, object, SLICE("premium")));
    balance->start_ms = json_time_ms(doc, json_get(doc, object, SLICE("startDate")));
    balance->end_ms = json_time_ms(doc, json_get(doc, object, SLICE("endDate")));
    balance->trial_end_ms = json_time_ms(doc, json_get(doc, object, SLICE("trialEndDate")));
}

bool balance_read_usage(struct slice body, struct balance *balance_r)
{
    struct json_doc doc;
    struct arena arena;
    struct balance balance = balance_unknown;
    arena_init(&arena, 4096);
    if (json_parse(&doc, &arena, body, NULL) == 0) {
        const struct json_node *usage = json_get(&doc, json_root(&doc), SLICE("usage"));
        read_members(&doc, json_is(usage, JSON_OBJECT) ? usage : json_root(&doc), &balance);
    }
    arena_deinit(&arena);
    balance.is_success = balance.standard.allowance >= 0 || balance.premium.allowance >= 0;
    if (balance.is_success) {
        *balance_r = balance;
    }
    return balance.is_success;
}

// ---- the document ---------------------------------------------------------------------------------------------------

// Writes the name of a member, and null for a value that is not told if that is wanted. False: there is nothing more to
// write.
static bool begin_member(struct json_writer *w, struct slice name, bool is_told, enum balance_gaps gaps)
{
    if (is_told || gaps == BALANCE_GAPS_NULL) {
        json_key(w, name);
    }
    if (!is_told && gaps == BALANCE_GAPS_NULL) {
        json_write_null(w);
    }
    return is_told;
}

static void write_amount(struct json_writer *w, struct slice name, int64_t amount, enum balance_gaps gaps)
{
    if (begin_member(w, name, amount >= 0, gaps)) {
        json_write_int(w, amount);
    }
}

static void write_side(struct json_writer *w, struct slice name, const struct balance_side *side,
                       enum balance_gaps gaps)
{
    json_key(w, name);
    json_begin_object(w);
    write_amount(w, SLICE("totalAllowance"), side->allowance, gaps);
    write_amount(w, SLICE("orgTotalTokensUsed"), side->used, gaps);
    json_key(w, SLICE("usedRatio"));
    json_write_double(w, side->used_ratio);
    write_amount(w, SLICE("remaining"), balance_remaining(side), gaps);
    json_end_object(w);
}

static void write_time(struct json_writer *w, struct slice name, int64_t wall_ms, enum balance_gaps gaps)
{
    char text[CLOCK_ISO8601_SIZE];
    if (begin_member(w, name, wall_ms != 0, gaps)) {
        clock_format_iso8601(text, wall_ms);
        json_write_string(w, slice_of(text, CLOCK_ISO8601_SIZE - 1));
    }
}

void balance_write(struct json_writer *w, const struct balance *balance, enum balance_gaps gaps, int64_t tokens_at_sync)
{
    json_begin_object(w);
    json_member_bool(w, SLICE("success"), balance->is_success);
    if (balance->error.len) {
        json_member_string(w, SLICE("error"), balance->error);
    }
    write_side(w, SLICE("standard"), &balance->standard, gaps);
    write_side(w, SLICE("premium"), &balance->premium, gaps);
    write_time(w, SLICE("startDate"), balance->start_ms, gaps);
    write_time(w, SLICE("endDate"), balance->end_ms, gaps);
    write_time(w, SLICE("trialEndDate"), balance->trial_end_ms, gaps);
    write_time(w, SLICE("last_sync"), balance->last_sync_ms, gaps);
    write_amount(w, SLICE("tokens_at_sync"), tokens_at_sync, BALANCE_GAPS_LEFT_OUT);
    json_end_object(w);
}

struct balance balance_read(const struct json_doc *doc, const struct json_node *object, struct arena *arena,
                            int64_t *tokens_at_sync_r)
{
    struct balance balance = balance_unknown;
    read_members(doc, object, &balance);
    balance.is_success = json_is(json_get(doc, object, SLICE("success")), JSON_TRUE);
    balance.error = arena_dup(arena, json_string(doc, json_get(doc, object, SLICE("error")), arena));
    balance.last_sync_ms = json_time_ms(doc, json_get(doc, object, SLICE("last_sync")));
    *tokens_at_sync_r = amount_of(doc, object, SLICE("tokens_at_sync"));
    return balance;
}

// ---- all of them ----------------------------------------------------------------------------------------------------

void balance_summary_add(struct balance_summary *summary, const struct balance *balance)
{
    summary->total_keys++;
    if (!balance->is_success) {
        return;
    }
    summary->successful_keys++;
    summary->total_limit += balance->standard.allowance > 0 ? balance->standard.allowance : 0;
    summary->total_used += balance->standard.used > 0 ? balance->standard.used : 0;
    int64_t remaining = balance_remaining(&balance->standard);
    summary->total_remaining += remaining > 0 ? remaining : 0;
}

void balance_summary_write(struct json_writer *w, const struct balance_summary *summary)
{
    json_begin_object(w);
    json_member_int(w, SLICE("total_limit"), summary->total_limit);
    json_member_int(w, SLICE("total_used"), summary->total_used);
    json_member_int(w, SLICE("total_remaining"), summary->total_remaining);
    json_member_int(w, SLICE("successful_keys"), (int64_t)summary->successful_keys);
    json_member_int(w, SLICE("total_keys"), (int64_t)summary->total_keys);
    json_end_object(w);
}

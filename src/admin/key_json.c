// SPDX-License-Identifier: MIT
#include "admin/key_json.h"

#include "admin/key_facts.h"
#include "admin/reply.h"

// ---- one key --------------------------------------------------------------------------------------------------------

static struct slice test_result_name(unsigned result)
{
    return result == KEY_TEST_SUCCESS  ? SLICE("success")
           : result == KEY_TEST_FAILED ? SLICE("failed")
                                       : SLICE("untested");
}

// Two decimals are enough for people, and for a page that sorts.
static void member_rounded(struct json_writer *w, struct slice name, double value, double parts)
{
    json_key(w, name);
    if (value < 0) {
        json_write_null(w);
    } else {
        json_write_double(w, (double)(int64_t)(value * parts + 0.5) / parts);
    }
}

static void member_optional(struct json_writer *w, struct slice name, struct slice text)
{
    json_key(w, name);
    if (text.len) {
        json_write_string(w, text);
    } else {
        json_write_null(w);
    }
}

static void write_identity(struct admin_exchange *x, struct json_writer *w, const struct key_record *record,
                           const struct key_view *view)
{
    char masked[KEY_FACTS_MASK_SIZE];
    json_member_string(w, SLICE("id"), record->id);
    json_member_string(w, SLICE("key"), view->shows_secret ? record->secret : key_facts_mask(record->secret, masked));
    json_member_string(w, SLICE("provider"), record->provider);
    json_member_string(w, SLICE("poolGroup"), record->group.len ? record->group : SLICE("default"));
    json_member_string(w, SLICE("status"), key_facts_status_name(key_facts_status(x->admin->options.table, record)));
    reply_member_time(w, SLICE("created_at"), record->created_ms);
}

static void write_counters(struct json_writer *w, const struct key_slot *slot)
{
    reply_member_time(w, SLICE("last_used_at"), slot->last_used_ms);
    json_member_int(w, SLICE("usage_count"), (int64_t)slot->usage_count);
    json_member_int(w, SLICE("total_requests"), (int64_t)slot->total_requests);
    json_member_int(w, SLICE("success_requests"), (int64_t)slot->success_requests);
    json_member_int(w, SLICE("error_count"), (int64_t)slot->error_count);
    member_rounded(w, SLICE("success_rate"), key_facts_success_rate(slot), 10000);
}

static void write_health(struct admin_exchange *x, struct json_writer *w, const struct key_slot *slot, int64_t now_ms)
{
    struct slice last_error = key_last_error(slot, admin_arena(x));
    bool is_banned = slot->status == KEY_BANNED;
    member_optional(w, SLICE("last_error"), last_error);
    reply_member_time(w, SLICE("last_test_at"), slot->last_test_ms);
    json_member_string(w, SLICE("last_test_result"), test_result_name(slot->test_result));
    reply_member_time(w, SLICE("banned_at"), is_banned ? slot->banned_ms : 0);
    member_optional(w, SLICE("banned_reason"), is_banned ? last_error : SLICE_EMPTY);
    reply_member_time(w, SLICE("cooldown_until"), key_facts_cooling_until(slot, now_ms));
    json_member_int(w, SLICE("inflight"), slot->inflight);
    json_key(w, SLICE("tokens"));
    json_begin_object(w);
    json_member_int(w, SLICE("input"), (int64_t)slot->input_tokens);
    json_member_int(w, SLICE("output"), (int64_t)slot->output_tokens);
    json_end_object(w);
}

static void write_choice(struct admin_exchange *x, struct json_writer *w, const struct key_record *record,
                         const struct key_slot *slot, int64_t now_ms)
{
    json_member_string(w, SLICE("notes"), record->notes);
    json_key(w, SLICE("weight"));
    json_write_double(w, record->weight);
    member_optional(w, SLICE("proxy"), record->proxy);
    json_member_int(w, SLICE("maxInflight"), record->max_inflight);
    member_rounded(w, SLICE("weight_score"), key_facts_weight_score(slot, key_store_settings(admin_store(x)), now_ms),
                   100);
}

void key_json_write(struct admin_exchange *x, struct json_writer *w, const struct key_record *record,
                    const struct key_view *view)
{
    const struct key_slot *slot = key_facts_slot(x->admin->options.table, record);
    json_begin_object(w);
    write_identity(x, w, record, view);
    write_counters(w, slot);
    write_health(x, w, slot, view->now_ms);
    write_choice(x, w, record, slot, view->now_ms);
    if (view->shows_balance) {
        json_key(w, SLICE("token_usage"));
        key_json_write_balance(w, balance_find(x->admin->options.balances, record->id));
    }
    json_end_object(w);
}

// ---- its balance ----------------------------------------------------------------------------------------------------

void key_json_write_balance(struct json_writer *w, const struct balance *balance)
{
    if (balance) {
        balance_write(w, balance, BALANCE_GAPS_NULL, -1);
    } else {
        json_write_null(w);
    }
}

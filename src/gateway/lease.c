// SPDX-License-Identifier: MIT
// Happy path: lease_take() → attempt → lease_settle() → … → lease_end(). Between the last two nothing is out.
#include "gateway/lease.h"

#include "account/key_test.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/random.h"
#include "gateway/failover.h"
#include "gateway/owner.h"
#include "keys/consequences.h"
#include "keys/quota_warning.h"

// ---- tests of a key -------------------------------------------------------------------------------------------------

// "TOKEN SLOT IDENTITY", the token in hexadecimal digits.
static bool read_test(struct slice value, struct slice token, struct key_lease *key_r)
{
    struct slice given = slice_split(&value, ' ');
    struct slice slot = slice_split(&value, ' ');
    char hex[2 * KEY_TOKEN_SIZE];
    uint64_t numbers[2];
    hex_write_bytes(hex, token.ptr, KEY_TOKEN_SIZE);
    bool is_ours = slice_eq_constant_time(given, slice_of(hex, sizeof(hex)));
    if (!is_ours || !slice_to_u64(slot, &numbers[0]) || !slice_to_u64(value, &numbers[1]) ||
        numbers[0] >= KEY_SLOTS_MAX) {
        return false;
    }
    *key_r = (struct key_lease){(uint32_t)numbers[0], (uint32_t)numbers[1]};
    return true;
}

static struct lease *lease_of(struct exchange *x)
{
    if (!x->lease) {
        x->lease = arena_zalloc(exchange_arena(x), sizeof(*x->lease));
    }
    return x->lease;
}

bool lease_is_test(struct exchange *x)
{
    const struct h1_field *field = h1_find_field(x->ex->req.fields, x->ex->req.n_fields, HEADER_X_DROID2API_KEY_TEST);
    struct key_lease key;
    if (!field || !x->gateway->keys || !read_test(field->value, key_table_token(x->gateway->keys), &key)) {
        return false;
    }
    lease_of(x)->only = key;
    return true;
}

// ---- taking ---------------------------------------------------------------------------------------------------------

static void count_pick(const struct exchange *x)
{
    const struct lease *lease = x->lease;
    unsigned selection = lease->only.identity   ? METRICS_FOR_TEST
                         : lease->key.was_bound ? METRICS_BY_AFFINITY
                                                : key_selector_settings(x->gateway->selector)->algorithm;
    metrics_count_selection(x->gateway->metrics, selection);
}

static bool is_same_key(struct key_lease a, struct key_lease b)
{
    return a.slot == b.slot && a.identity == b.identity;
}

static enum key_pick pick(struct exchange *x)
{
    struct lease *lease = x->lease;
    struct key_wish wish = {
        .model = lease->model,
        .conversation = lease->conversation,
        .only = lease->only,
        .owner = lease->owner,
        .tried = lease->tried,
        .n_tried = lease->n_tried,
        .now_ms = clock_wall_ms(),
    };
    lease->has_response_id = false;
    enum key_pick result = key_selector_pick(x->gateway->selector, &wish, exchange_arena(x), &lease->key);
    if (result == KEY_PICKED) {
        x->credential = (struct credential){CREDENTIAL_POOL, lease->key.secret};
        count_pick(x);
    }
    lease->strips_seals = lease->owner.identity && !is_same_key(lease->owner, lease->key.lease);
    return result;
}

// After pick(): another key, or none, where only the owner would do.
static bool lacks_owner(const struct lease *lease)
{
    return lease->owner_is_needed && lease->strips_seals;
}

static enum lease_result go_without_key(struct exchange *x, enum key_pick result)
{
    failover_without_key(x, result == KEY_LATER ? x->lease->key.until_ms : 0);
    return LEASE_FAILED;
}

// The owner of the answer that the request goes on from cannot serve now, or never again.
static enum lease_result fail_without_owner(struct exchange *x)
{
    struct lease *lease = x->lease;
    struct gateway *gateway = x->gateway;
    const struct key_slot *slot = key_of(gateway->keys, lease->owner.slot);
    int64_t until_ms = 0;
    enum key_obstacle obstacle =
        key_obstacle_of(slot, key_selector_settings(gateway->selector), lease->model, clock_wall_ms(), &until_ms);
    bool comes_back = slot->identity == lease->owner.identity && (until_ms || obstacle == KEY_IS_FULL);
    lease_return(x);
    if (comes_back) {
        lease->key.until_ms = until_ms;
        return go_without_key(x, KEY_LATER);
    }
    exchange_fail(x, FAULT_CONFLICT,
                  SLICE("previous_response_id names a response of an account that is not in use any more. Send the "
                        "whole conversation instead."));
    return LEASE_FAILED;
}

static enum lease_result take_from_pool(struct exchange *x)
{
    struct lease *lease = lease_of(x);
    lease->model = key_model_tag(upstream_model_name(x->upstream));
    if (!lease->only.identity) {
        owner_find(x);
    }
    enum key_pick result = pick(x);
    if (lacks_owner(lease)) {
        return fail_without_owner(x);
    }
    return result == KEY_PICKED ? LEASE_TAKEN : go_without_key(x, result);
}

static enum lease_result use_token(struct exchange *x, struct slice token)
{
    if (token.len == 0) {
        exchange_fail(x, FAULT_NO_CREDENTIALS,
                      SLICE("The access token has expired and could not be refreshed; the log says why."));
        return LEASE_FAILED;
    }
    x->credential.secret = arena_dup(exchange_arena(x), token);
    return LEASE_TAKEN;
}

static void on_token(struct token_wait *wait, struct slice token)
{
    struct lease *lease = CONTAINER_OF(wait, struct lease, token_wait);
    struct exchange *x = lease->exchange;
    if (use_token(x, token) == LEASE_TAKEN) {
        exchange_on_credential(x);
    }
}

static enum lease_result take_token(struct exchange *x)
{
    struct lease *lease = lease_of(x);
    struct slice token = SLICE_EMPTY;
    lease->exchange = x;
    switch (token_source_get(x->gateway->tokens, &lease->token_wait, on_token, &token)) {
    case TOKEN_READY: return use_token(x, token);
    case TOKEN_WAIT: lease->waits = true; return LEASE_WAITS;
    case TOKEN_NONE: break;
    }
    return use_token(x, SLICE_EMPTY);
}

enum lease_result lease_take(struct exchange *x)
{
    struct gateway *gateway = x->gateway;
    if (x->lease && x->lease->only.identity) {
        return take_from_pool(x);
    }
    struct credential_facts facts = {
        .fixed_key = exchange_config(x)->factory_api_key,
        .n_usable_keys = gateway->keys ? key_table_n_usable(gateway->keys) : 0,
        .token_level = gateway->tokens ? token_source_level(gateway->tokens) : 0,
        .client_secret = x->access.client_secret,
    };
    x->credential = credential_choose(&facts);
    switch (x->credential.level) {
    case CREDENTIAL_POOL: return take_from_pool(x);
    case CREDENTIAL_OAUTH:
    case CREDENTIAL_FILE: return take_token(x);
    case CREDENTIAL_FIXED_KEY:
    case CREDENTIAL_CLIENT: return LEASE_TAKEN;
    case CREDENTIAL_NONE: break;
    }
    exchange_fail(x, FAULT_NO_CREDENTIALS, credential_advice());
    return LEASE_FAILED;
}

static void make_room(struct exchange *x)
{
    struct lease *lease = x->lease;
    size_t cap = lease->cap_tried ? lease->cap_tried * 2 : 4;
    struct key_lease *more = arena_alloc(exchange_arena(x), cap * sizeof(*more));
    for (size_t i = 0; i < lease->n_tried; i++) {
        more[i] = lease->tried[i];
    }
    lease->tried = more;
    lease->cap_tried = cap;
}

static void note_tried(struct exchange *x, struct key_lease key, bool is_blamed)
{
    struct lease *lease = x->lease;
    if (lease->n_tried == lease->cap_tried) {
        make_room(x);
    }
    lease->tried[lease->n_tried] = key;
    if (is_blamed) {
        lease->tried[lease->n_tried] = lease->tried[lease->n_blamed];
        lease->tried[lease->n_blamed++] = key;
    }
    lease->n_tried++;
}

bool lease_take_another(struct exchange *x)
{
    struct lease *lease = x->lease;
    struct key_choice before = lease->key; // the client is told of it when there is no other
    lease->until_ms = 0;
    if (lease->n_tried >= LEASE_TRIES_MAX || lease->owner_is_needed || lease->only.identity) {
        return false;
    }
    if (pick(x) != KEY_PICKED) {
        lease->until_ms = lease->key.until_ms;
        lease->key = before;
        return false;
    }
    return true;
}

bool lease_take_again(struct exchange *x)
{
    struct lease *lease = x->lease;
    if (x->credential.level != CREDENTIAL_POOL || lease_is_out(x)) {
        return true;
    }
    if (lease_take_another(x)) {
        return true;
    }
    lease->n_tried = lease->n_blamed;
    int64_t until_ms;
    if (lease_try(x, &until_ms)) {
        return true;
    }
    failover_without_key(x, until_ms);
    return false;
}

bool lease_try(struct exchange *x, int64_t *until_ms_r)
{
    struct lease *lease = x->lease;
    enum key_pick result = pick(x);
    *until_ms_r = result == KEY_LATER ? lease->key.until_ms : 0;
    if (result != KEY_PICKED) {
        return false;
    }
    if (lacks_owner(lease)) {
        lease_return(x);
        *until_ms_r = clock_wall_ms() + 1000; // the owner may come back
        return false;
    }
    return true;
}

void lease_begin_again(struct exchange *x)
{
    if (x->lease) {
        lease_return(x);
        x->lease->key = (struct key_choice){0};
        x->lease->n_tried = 0;
        x->lease->n_blamed = 0;
    }
}

void lease_return(struct exchange *x)
{
    if (lease_is_out(x)) {
        key_lease_return(x->gateway->keys, &x->lease->key.lease);
    }
}

int64_t lease_wait_s(const struct exchange *x)
{
    return x->lease->until_ms ? clock_seconds_until(x->lease->until_ms) : -1;
}

// ---- giving back ----------------------------------------------------------------------------------------------------

static void tell(const struct exchange *x, enum blame blame, const struct key_consequence *consequence)
{
    const struct key_choice *key = &x->lease->key;
    if (consequence->is_banned) {
        metrics_count_ban(x->gateway->metrics, blame_name(blame));
        log_warn("keys", "%.*s is banned: %s, status %u", SLICE_ARG(key->id), blame_name(blame), x->upstream_status);
    } else if (consequence->cooldown_until_ms) {
        metrics_count_cooldown(x->gateway->metrics, blame_name(blame));
        log_info("keys", "%.*s cools down for %lld s: %s, status %u", SLICE_ARG(key->id),
                 (long long)clock_seconds_until(consequence->cooldown_until_ms), blame_name(blame), x->upstream_status);
    }
}

// A key as the detector of correlated failures knows it.
static uint64_t number_of(struct key_lease key)
{
    return (uint64_t)key.identity << 32 | key.slot;
}

static void pardon(struct exchange *x, const struct correlated_keys *others)
{
    int64_t now_ms = clock_wall_ms();
    for (size_t i = 0; i < others->n; i++) {
        struct key_lease key = {(uint32_t)others->keys[i], (uint32_t)(others->keys[i] >> 32)};
        key_pardon(x->gateway->keys, key, x->lease->model, CORRELATION_WINDOW_MS, now_ms);
    }
}

// Many keys that fail alike at once are not to blame. A lack of credit is each key's own.
static enum blame check_correlation(struct exchange *x, struct key_lease key, enum blame blame,
                                    const struct attempt_evidence *evidence)
{
    struct correlated_keys others;
    unsigned status = evidence->status;
    // Limits that end at different times are different limits.
    int64_t asked_s = evidence->retry_after_ms < 0 ? 0 : evidence->retry_after_ms / 1000 + 1;
    uint32_t kind = (uint32_t)blame << 28 | (uint32_t)(asked_s < 0xFFFF ? asked_s : 0xFFFF) << 12 | (status & 0xFFF);
    if (!blame_may_be_shared(blame) || x->lease->only.identity ||
        !correlation_failure(x->upstream->correlation, number_of(key), kind, clock_wall_ms(), &others)) {
        return blame;
    }
    log_warn("keys", "endpoint %.*s: %zu keys were answered %u within %d s; that is not their fault",
             SLICE_ARG(x->upstream->model->endpoint->name), others.n + 1, status, CORRELATION_WINDOW_MS / 1000);
    pardon(x, &others);
    return BLAME_ADDRESS;
}

struct verdict lease_settle(struct exchange *x, const struct attempt_evidence *evidence)
{
    struct verdict verdict = blame_judge(evidence, &exchange_config(x)->failure_rules);
    if (!lease_is_out(x)) {
        return verdict;
    }
    struct gateway *gateway = x->gateway;
    struct key_lease key = x->lease->key.lease;
    bool is_done = evidence->event == ATTEMPT_COMPLETE; // most are; no other key is looked for then
    if (is_done) {
        correlation_success(x->upstream->correlation, number_of(key), clock_wall_ms());
    } else {
        verdict.blame = check_correlation(x, key, verdict.blame, evidence);
    }
    x->lease->consequence = key_apply(gateway->keys, key_selector_settings(gateway->selector), key, &verdict, evidence,
                                      x->lease->model, clock_wall_ms(), is_done ? 0 : random_unit());
    if (x->lease->only.identity) {
        key_apply_test(gateway->keys, key, &verdict, evidence, true, clock_wall_ms());
    }
    tell(x, verdict.blame, &x->lease->consequence);
    if (!is_done) {
        note_tried(x, key, blame_wants_another_key(verdict.blame));
    }
    key_lease_return(gateway->keys, &x->lease->key.lease);
    return verdict;
}

static enum attempt_event event_at_end(const struct exchange *x, bool client_has_left)
{
    if (client_has_left) {
        return ATTEMPT_ABANDONED;
    }
    if (!x->has_fault) {
        return ATTEMPT_COMPLETE;
    }
    return x->gate.is_open ? ATTEMPT_BROKE : ATTEMPT_NO_ANSWER;
}

static void warn_of_quota(const struct exchange *x, uint64_t tokens, int64_t now_ms)
{
    const struct key_settings *settings = key_selector_settings(x->gateway->selector);
    const struct key_slot *slot = key_of(x->gateway->keys, x->lease->key.lease.slot);
    enum quota_period period = quota_crossed(slot, settings, tokens, now_ms);
    if (period != QUOTA_NONE) {
        log_warn("keys", "%.*s has used %.0f %% of its limit for the %s", SLICE_ARG(x->lease->key.id),
                 settings->warning_ratio * 100, period == QUOTA_DAY ? "day" : "month");
    }
}

void lease_count_tokens(struct exchange *x)
{
    if (!lease_is_out(x)) {
        return;
    }
    struct usage usage = exchange_usage(x);
    uint64_t input = usage.input > 0 ? (uint64_t)usage.input : 0;
    uint64_t output = usage.output > 0 ? (uint64_t)usage.output : 0;
    int64_t now_ms = clock_wall_ms();
    if (input || output) {
        key_apply_usage(x->gateway->keys, key_selector_settings(x->gateway->selector), x->lease->key.lease, input,
                        output, now_ms);
        warn_of_quota(x, input + output, now_ms);
    }
}

void lease_end(struct exchange *x, bool client_has_left)
{
    if (!x->lease) {
        return;
    }
    if (x->lease->waits) {
        token_source_forget(&x->lease->token_wait);
    }
    if (!lease_is_out(x)) {
        return;
    }
    struct attempt_evidence evidence = {
        .event = event_at_end(x, client_has_left), .status = x->upstream_status, .retry_after_ms = -1};
    lease_count_tokens(x);
    lease_settle(x, &evidence);
}

static bool is_token(const struct exchange *x)
{
    return x->credential.level == CREDENTIAL_OAUTH || x->credential.level == CREDENTIAL_FILE;
}

void lease_note_status(struct exchange *x, unsigned status)
{
    if (status == 401 && is_token(x)) {
        token_source_refused(x->gateway->tokens, x->credential.secret);
    }
}

bool lease_has_other_token(const struct exchange *x)
{
    return x->upstream_status == 401 && is_token(x) && !x->lease->has_other_token &&
           token_source_has_other(x->gateway->tokens, x->credential.secret);
}

enum lease_result lease_take_other_token(struct exchange *x)
{
    x->lease->has_other_token = true;
    return take_token(x);
}

const struct way *lease_way(struct exchange *x)
{
    return lease_is_out(x) && x->lease->key.proxy ? upstream_way_through(x->routing, x->upstream, x->lease->key.proxy)
                                                  : NULL;
}

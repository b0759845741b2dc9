// SPDX-License-Identifier: MIT
// Happy path: an attempt fails → whose fault was it (lease_settle(), way_is_bad()) → what next (retry_next()) → the
// next attempt, at once or after a pause. Ends when: an answer is on its way to the client, or its error.
#include "gateway/failover.h"

#include "base/clock.h"
#include "base/random.h"
#include "dialect/translate.h"
#include "gateway/conversion.h"
#include "gateway/held.h"
#include "gateway/lease.h"
#include "gateway/wait_line.h"
#include "keys/blame_event.h"

// ---- the trail ------------------------------------------------------------------------------------------------------

static uint32_t ms_since(const struct exchange *x, uint64_t ns)
{
    return ns > x->complete_ns ? (uint32_t)((ns - x->complete_ns) / 1000000) : 0;
}

void failover_note(struct exchange *x, const char *outcome, const char *reason, uint64_t began_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    trail_add(&x->trail, exchange_arena(x),
              &(struct trail_entry){
                  .endpoint = x->upstream->model->endpoint->name,
                  .model = upstream_model_name(x->upstream),
                  .key = x->lease ? x->lease->key.id : SLICE_EMPTY,
                  .outcome = outcome,
                  .reason = reason,
                  .status = x->upstream_status,
                  .began_ms = ms_since(x, began_ns),
                  .took_ms = (uint32_t)((now_ns - began_ns) / 1000000),
              });
}

void failover_note_attempt(struct exchange *x, const char *reason)
{
    if (x->has_unnoted_attempt) {
        x->has_unnoted_attempt = false;
        failover_note(x, x->outcome ? x->outcome : "cancelled", reason, x->sent_ns);
    }
}

// ---- what is tried next ---------------------------------------------------------------------------------------------

static bool is_test(const struct exchange *x)
{
    return x->lease && x->lease->only.identity;
}

// Those whose dialect has no words for the request are passed over: a refusal is no answer where there was a better
// one.
static bool has_fallback(struct exchange *x)
{
    bool is_bound = is_test(x) || (x->lease && x->lease->owner_is_needed);
    while (!is_bound && x->n_fallbacks < x->asked->model->n_fallbacks) {
        struct upstream *next = x->asked->fallbacks[x->n_fallbacks];
        if (x->checked_fallback == next || conversion_is_possible(x, next)) {
            x->checked_fallback = next;
            return true;
        }
        x->n_fallbacks++;
    }
    return false;
}

static struct retry_facts facts_of(struct exchange *x)
{
    bool is_pooled = x->credential.level == CREDENTIAL_POOL;
    return (struct retry_facts){
        .settings = x->gateway->selector ? key_selector_settings(x->gateway->selector) : &exchange_config(x)->key_pool,
        .is_pooled = is_pooled,
        .has_other_key = is_pooled && !x->lease->owner_is_needed && x->lease->n_tried < LEASE_TRIES_MAX,
        .has_other_token = lease_has_other_token(x),
        .has_other_way = way_has_other(x),
        .asked_ms = -1,
        .jitter = random_unit(),
    };
}

static void use_fallback(struct exchange *x)
{
    struct upstream *next = x->asked->fallbacks[x->n_fallbacks++];
    lease_begin_again(x);
    exchange_use_model(x, next);
}

static void on_pause_over(struct timer *timer)
{
    struct exchange *x = CONTAINER_OF(timer, struct exchange, pause);
    failover_note(x, "waited", NULL, x->pause_began_ns);
    if (lease_take_again(x)) {
        failover_attempt(x);
    }
}

static void pause_for(struct exchange *x, uint32_t ms)
{
    x->pause_began_ns = clock_monotonic_ns();
    timer_start(&x->gateway->loop->timers, &x->pause, ms, on_pause_over);
}

// False: there is nothing to go on with.
static bool go_on(struct exchange *x, enum retry_step step, uint32_t delay_ms)
{
    switch (step) {
    case RETRY_GIVE_UP: return false;
    case RETRY_OTHER_KEY:
        attempt_reset(x);
        failover_attempt(x);
        return true;
    case RETRY_OTHER_TOKEN:
        attempt_reset(x);
        if (lease_take_other_token(x) == LEASE_TAKEN) {
            failover_attempt(x);
        }
        return true;
    case RETRY_OTHER_WAY:
        attempt_reset(x);
        if (lease_take_again(x)) {
            failover_attempt(x);
        }
        return true;
    case RETRY_SAME:
        attempt_reset(x);
        pause_for(x, delay_ms);
        return true;
    case RETRY_OTHER_MODEL:
        attempt_reset(x);
        use_fallback(x);
        return true;
    }
    return false;
}

// The step, with the other key in hand when it is that.
static enum retry_step next_step(struct exchange *x, struct retry_facts *facts, uint32_t *delay_ms_r)
{
    struct retry_state before = x->retry;
    enum retry_step step = retry_next(&x->retry, facts, delay_ms_r);
    if (step == RETRY_OTHER_KEY && !lease_take_another(x)) {
        facts->has_other_key = false;
        x->retry = before;
        step = retry_next(&x->retry, facts, delay_ms_r);
    }
    return step;
}

// Judges the attempt and goes on if that is of use. False: it is not.
static bool try_again(struct exchange *x, const struct attempt_failure *failure, enum blame *blame_r)
{
    struct attempt_evidence evidence = {
        .event = failure->event,
        .status = failure->status,
        .text = failure->text,
        .retry_after_ms = failure->asked_ms > 0 ? failure->asked_ms : -1,
        .was_silent = failure->was_silent,
        .request = x->ex->body,
    };
    lease_count_tokens(x);
    struct verdict verdict = lease_settle(x, &evidence);
    *blame_r = verdict.blame;
    way_is_bad(x, verdict.blame, evidence.retry_after_ms);
    failover_note_attempt(x, blame_name(verdict.blame));
    if (is_test(x)) {
        return false;
    }
    struct retry_facts facts = facts_of(x);
    facts.blame = verdict.blame;
    facts.was_silent = verdict.spends_route;
    facts.is_context_length = verdict.is_context_length;
    facts.has_fallback = (verdict.blame != BLAME_CLIENT || verdict.is_context_length) && has_fallback(x);
    facts.asked_ms = evidence.retry_after_ms;
    uint32_t delay_ms = 0;
    enum retry_step step = next_step(x, &facts, &delay_ms);
    if (step != RETRY_GIVE_UP) {
        metrics_count_retry(x->gateway->metrics, blame_name(verdict.blame));
    }
    return go_on(x, step, delay_ms);
}

// ---- failures -------------------------------------------------------------------------------------------------------

// Too late for anything else: the client has some of it.
static void break_off(struct exchange *x, const struct attempt_failure *failure)
{
    way_is_bad(x, BLAME_ENDPOINT, -1);
    exchange_fail(x, failure->fault, failure->message);
}

static void tell_failure(struct exchange *x, const struct attempt_failure *failure)
{
    if (failure->error) {
        x->has_fault = true;
        exchange_fail_with(x, failure->error);
    } else {
        exchange_fail(x, failure->fault, failure->message);
    }
}

static void judge_held(struct exchange *x, bool last, bool is_broken);

void failover_on_failure(struct exchange *x, const struct attempt_failure *failure)
{
    enum blame blame;
    if (relay_ends_well(x)) {
        return; // all that its own protocol has to say was said before
    }
    if (x->held) {
        judge_held(x, true, true); // its body broke off, but it has a status
    } else if (x->gate.is_open) {
        break_off(x, failure);
    } else if (!try_again(x, failure, &blame)) {
        tell_failure(x, failure);
    }
}

bool failover_on_told_error(struct exchange *x)
{
    enum blame blame;
    struct attempt_failure failure = {
        .event = ATTEMPT_ANSWERED, .status = blame_status_of_event(x->told_error), .text = x->told_error};
    x->outcome = "stream_error";
    if (failure.status && try_again(x, &failure, &blame)) {
        return false;
    }
    relay_flush(x);
    return true;
}

// ---- errors with a status -------------------------------------------------------------------------------------------

bool failover_holds(struct exchange *x, const struct h1_response *resp)
{
    if (resp->status < 300) {
        return false;
    }
    x->held = held_new(exchange_arena(x), resp);
    return true;
}

void failover_deinit(struct exchange *x)
{
    if (x->held) {
        held_deinit(x->held);
        x->held = NULL;
    }
}

static const char *done_to_key(const struct key_consequence *consequence)
{
    return consequence->is_banned ? "is banned" : consequence->cooldown_until_ms ? "rests for a while" : "stays in use";
}

static void read_error(struct exchange *x, const struct held *held, struct neutral_error *error_r)
{
    struct arena *arena = exchange_arena(x);
    translate_read_error(arena, x->upstream->dialect, held->resp.status, held_text(held),
                         held_field(held, HEADER_RETRY_AFTER), error_r);
    error_r->message = translate_hide_secret(arena, error_r->message, x->credential.secret);
}

// The upstream's reason in the client's dialect, and what it means for the key.
static void tell_of_key(struct exchange *x, struct held *held, enum blame blame)
{
    struct neutral_error error;
    read_error(x, held, &error);
    error.message = arena_printf(exchange_arena(x), "%.*s (key %.*s %s; %zu tried)", SLICE_ARG(error.message),
                                 SLICE_ARG(x->lease->key.id), done_to_key(&x->lease->consequence), x->lease->n_tried);
    int64_t wait_s = lease_wait_s(x);
    if (wait_s > 0 && blame == BLAME_KEY_MODEL) {
        // What one key said of itself is not the point any more: all of them rest.
        x->retry_after_s = wait_s;
        exchange_fail(x, FAULT_NO_AVAILABLE_KEY, error.message);
        return;
    }
    error.retry_after_s = wait_s > 0 ? wait_s : error.retry_after_s;
    // A refusal keeps its status: it says what the operator has to see to.
    unsigned status = held->resp.status <= 403 ? held->resp.status : fault_status_in(error.fault, x->route.dialect);
    exchange_fail_as(x, &error, status);
}

// In a stream that has begun with a heartbeat; or because the upstream's own words broke off.
static void tell_in_our_words(struct exchange *x, const struct held *held)
{
    struct neutral_error error;
    read_error(x, held, &error);
    if (error.retry_after_s <= 0 && held->resp.status == 429) {
        error.retry_after_s = 1; // as long as the endpoint is left alone then (way.c)
    }
    exchange_fail_as(x, &error, held->resp.status);
}

// A limit of the address, of which the upstream does not say when it ends.
static bool lacks_retry_after(const struct exchange *x, const struct held *held, enum blame blame)
{
    return blame == BLAME_ADDRESS && held->resp.status == 429 && x->credential.level == CREDENTIAL_POOL &&
           held_asked_ms(held, clock_wall_ms()) < 0;
}

static void tell_redirect(struct exchange *x)
{
    // Following it would take the credential to another place; passing it on would send the client there.
    exchange_fail(x, FAULT_UPSTREAM_PROTOCOL, SLICE("the upstream answered with a redirect"));
}

// Nothing else is tried. `last`: all of it is here; else more of it comes. `is_broken`: more of it should have come.
static void release(struct exchange *x, enum blame blame, bool last, bool is_broken)
{
    struct held held = *x->held;
    x->held = NULL;
    bool is_of_key = blame_wants_another_key(blame) && x->credential.level == CREDENTIAL_POOL;
    if (held.resp.status < 400) {
        attempt_cancel(x);
        tell_redirect(x);
    } else if (is_of_key) {
        attempt_cancel(x);
        tell_of_key(x, &held, blame);
    } else if (x->has_own_head || is_broken || lacks_retry_after(x, &held, blame)) {
        attempt_cancel(x);
        tell_in_our_words(x, &held);
    } else if (relay_begin(x, &held.resp)) {
        relay_on_body(x, held.body.ptr, held.body.len, last);
    }
    buf_deinit(&held.body);
}

static bool wait_for_key(struct exchange *x, enum blame blame)
{
    if (!blame_wants_another_key(blame) || x->credential.level != CREDENTIAL_POOL || is_test(x) ||
        !wait_line_may_join(x) || lease_wait_s(x) <= 0) {
        return false;
    }
    failover_deinit(x);
    attempt_reset(x);
    lease_begin_again(x);
    wait_line_join(x);
    return true;
}

static void judge_held(struct exchange *x, bool last, bool is_broken)
{
    struct held *place = x->held;
    struct held held = *place; // the exchange may be gone when this is still needed
    struct neutral_error error;
    enum blame blame;
    read_error(x, &held, &error);
    struct attempt_failure failure = {
        .event = ATTEMPT_ANSWERED,
        .status = conversion_cannot_count(x) ? 404 : held.resp.status,
        .text = held_text(&held),
        .asked_ms = held_asked_ms(&held, clock_wall_ms()),
        .fault = error.fault,
    };
    x->held = NULL; // while another attempt may begin
    if (try_again(x, &failure, &blame)) {
        held_deinit(&held);
        return;
    }
    x->held = place;
    if (!wait_for_key(x, blame)) {
        release(x, blame, last, is_broken);
    }
}

// Does an error that only the end of its connection ends lack the rest of its words?
static bool ends_early(const struct held *held)
{
    struct slice text = slice_trim(held_text(held));
    bool is_like_json = text.len && (*text.ptr == '{' || *text.ptr == '[');
    bool has_known_end = held->resp.content_length != H1_NO_LENGTH || held->resp.is_chunked;
    return !has_known_end && (held->body.len == 0 || (is_like_json && !relay_is_json(text)));
}

void failover_on_piece(struct exchange *x, struct slice piece, bool last)
{
    buf_append(&x->held->body, piece);
    if (last || x->held->body.len >= HELD_MAX) {
        judge_held(x, last, last && ends_early(x->held));
    }
}

// ---- before an attempt ----------------------------------------------------------------------------------------------

static void tell_blocked(struct exchange *x, int64_t open_ms)
{
    x->retry_after_s = (open_ms + 999) / 1000;
    struct slice name = x->upstream->model->endpoint->name;
    struct slice message =
        arena_printf(exchange_arena(x), "The endpoint '%.*s' is not asked for the moment: it failed, or wants to rest.",
                     SLICE_ARG(name));
    exchange_fail(x, open_ms > BREAKER_OPEN_MS ? FAULT_NO_AVAILABLE_KEY : FAULT_OVERLOADED, message);
}

// No key is kept meanwhile.
static void on_blocked(struct exchange *x, int64_t open_ms)
{
    uint32_t delay_ms = 0;
    struct retry_facts facts = facts_of(x);
    facts.has_fallback = has_fallback(x);
    failover_note(x, "skipped", "breaker", clock_monotonic_ns());
    enum retry_step step = retry_blocked(&x->retry, &facts, open_ms, &delay_ms);
    lease_return(x);
    if (step == RETRY_OTHER_MODEL) {
        use_fallback(x);
    } else if (step == RETRY_SAME) {
        pause_for(x, delay_ms);
    } else {
        tell_blocked(x, open_ms);
    }
}

void failover_attempt(struct exchange *x)
{
    int64_t open_ms;
    if (is_test(x) || way_is_open(x, &open_ms)) {
        attempt_start(x);
    } else {
        on_blocked(x, open_ms);
    }
}

void failover_without_key(struct exchange *x, int64_t until_ms)
{
    if (has_fallback(x)) {
        failover_note(x, "skipped", until_ms ? "cooling" : "no_key", clock_monotonic_ns());
        use_fallback(x);
    } else if (until_ms && !is_test(x) && wait_line_may_join(x)) {
        wait_line_join(x);
    } else if (until_ms) {
        x->retry_after_s = clock_seconds_until(until_ms);
        exchange_fail(x, FAULT_NO_AVAILABLE_KEY,
                      SLICE("All keys that could serve this request are cooling down or busy."));
    } else {
        exchange_fail(x, FAULT_NO_USABLE_KEY, SLICE("No key of the pool can serve this request."));
    }
}

void failover_stop(struct exchange *x)
{
    attempt_cancel(x);
    timer_cancel(&x->pause);
    wait_line_leave(x);
    way_is_left(x);
}

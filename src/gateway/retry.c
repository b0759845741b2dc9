// SPDX-License-Identifier: MIT
#include "gateway/retry.h"

static bool may_retry(const struct retry_state *state, const struct retry_facts *facts)
{
    return facts->settings->retries && state->n_retries < facts->settings->retry_max;
}

// Doubles with every retry; between half of it and all of it, so that those who failed together do not come together.
static int64_t back_off(uint32_t n, const struct retry_facts *facts)
{
    uint32_t doublings = n < 16 ? n : 16;
    int64_t whole_ms = (int64_t)facts->settings->retry_delay_ms << doublings;
    whole_ms = whole_ms < RETRY_WAIT_MAX_MS ? whole_ms : RETRY_WAIT_MAX_MS;
    return whole_ms / 2 + (int64_t)((double)(whole_ms - whole_ms / 2) * facts->jitter);
}

// Once more after a while, if the budget has room and nobody asked for more patience than a client has.
static enum retry_step once_more(struct retry_state *state, const struct retry_facts *facts, uint32_t *delay_ms_r)
{
    if (!may_retry(state, facts) || facts->asked_ms > RETRY_WAIT_MAX_MS) {
        return RETRY_GIVE_UP;
    }
    int64_t ms = back_off(state->n_retries, facts);
    *delay_ms_r = (uint32_t)(facts->asked_ms > 0 ? facts->asked_ms : ms);
    state->n_retries++;
    return RETRY_SAME;
}

static enum retry_step other_model(const struct retry_facts *facts)
{
    return facts->has_fallback ? RETRY_OTHER_MODEL : RETRY_GIVE_UP;
}

static enum retry_step after_key(struct retry_state *state, const struct retry_facts *facts, uint32_t *delay_ms_r)
{
    if (facts->settings->retries && facts->has_other_key) {
        return RETRY_OTHER_KEY;
    }
    if (facts->settings->retries && facts->has_other_token) {
        return RETRY_OTHER_TOKEN;
    }
    // A lone credential that is limited is good again in a while; of a pool, the pool says when. Whoever has to wait
    // for long is better told so.
    bool passes = facts->blame == BLAME_KEY_MODEL && !facts->is_pooled && facts->asked_ms <= RETRY_PATIENCE_MS;
    bool is_soon = facts->asked_ms > 0 && may_retry(state, facts);
    if (passes && (is_soon || !facts->has_fallback)) {
        return once_more(state, facts, delay_ms_r);
    }
    return other_model(facts);
}

static enum retry_step after_address(struct retry_state *state, const struct retry_facts *facts)
{
    if (facts->settings->retries && facts->has_other_way) {
        state->n_ways++;
        return RETRY_OTHER_WAY;
    }
    return other_model(facts);
}

static enum retry_step after_provider(struct retry_state *state, const struct retry_facts *facts, uint32_t *delay_ms_r)
{
    if (state->n_on_model == 1 && may_retry(state, facts)) {
        return once_more(state, facts, delay_ms_r);
    }
    if (state->n_on_model == 2 && facts->settings->retries && facts->has_other_key) {
        return RETRY_OTHER_KEY;
    }
    return facts->has_fallback ? RETRY_OTHER_MODEL : once_more(state, facts, delay_ms_r);
}

static enum retry_step after_outage(struct retry_state *state, const struct retry_facts *facts, uint32_t *delay_ms_r)
{
    if (facts->has_fallback || facts->was_silent) {
        return other_model(facts);
    }
    return once_more(state, facts, delay_ms_r);
}

static enum retry_step choose(struct retry_state *state, const struct retry_facts *facts, uint32_t *delay_ms_r)
{
    switch (facts->blame) {
    case BLAME_NOBODY: return RETRY_GIVE_UP;
    case BLAME_CLIENT: return facts->is_context_length ? other_model(facts) : RETRY_GIVE_UP;
    case BLAME_KEY_CREDIT:
    case BLAME_KEY_REFUSED:
    case BLAME_KEY_MODEL: return after_key(state, facts, delay_ms_r);
    case BLAME_ADDRESS: return after_address(state, facts);
    case BLAME_PROVIDER: return after_provider(state, facts, delay_ms_r);
    case BLAME_ENDPOINT:
    case BLAME_NETWORK: return after_outage(state, facts, delay_ms_r);
    }
    return RETRY_GIVE_UP;
}

static void begin_model(struct retry_state *state)
{
    state->n_on_model = 0;
    state->n_ways = 0;
}

enum retry_step retry_next(struct retry_state *state, const struct retry_facts *facts, uint32_t *delay_ms_r)
{
    state->n_on_model++;
    enum retry_step step = choose(state, facts, delay_ms_r);
    if (step == RETRY_OTHER_MODEL) {
        begin_model(state);
    }
    return step;
}

enum retry_step retry_blocked(struct retry_state *state, const struct retry_facts *facts, int64_t open_ms,
                              uint32_t *delay_ms_r)
{
    if (facts->has_fallback) {
        begin_model(state);
        return RETRY_OTHER_MODEL;
    }
    struct retry_facts asked = *facts;
    asked.asked_ms = open_ms > 0 ? open_ms : 1;
    return once_more(state, &asked, delay_ms_r);
}

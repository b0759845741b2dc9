// SPDX-License-Identifier: MIT
#include "account/balance_fetch.h"

#include "account/error_text.h"

enum { STEP_ORGANIZATION, STEP_USAGE, STEP_OTHER_USAGE };

static const char *const paths[] = {
    [STEP_ORGANIZATION] = "/api/cli/org",
    [STEP_USAGE] = "/api/organization/members/chat-usage",
    [STEP_OTHER_USAGE] = "/api/organization/subscription/usage",
};

/* Steps, in the order they happen */
static void ask(struct balance_fetch *fetch);
static void on_answer(struct web_call *call, const struct web_answer *answer);
static void on_organization(struct balance_fetch *fetch, const struct web_answer *answer);
static void on_usage(struct balance_fetch *fetch, const struct web_answer *answer);
static void end(struct balance_fetch *fetch, enum balance_outcome outcome, const struct balance *balance,
                struct slice reason);

// ---- the end --------------------------------------------------------------------------------------------------------

static void end(struct balance_fetch *fetch, enum balance_outcome outcome, const struct balance *balance,
                struct slice reason)
{
    struct arena arena = fetch->_arena;
    fetch->_is_running = false;
    fetch->_on_done(fetch, outcome, balance, reason);
    arena_deinit(&arena);
}

static void end_with_answer(struct balance_fetch *fetch, enum balance_outcome outcome, const struct web_answer *answer)
{
    struct slice reason = slice_from_cstr(answer->detail);
    if (answer->status) {
        reason = error_text_of(answer->status, answer->body, fetch->_options.secret, &fetch->_arena);
    }
    end(fetch, outcome, NULL, reason);
}

void balance_fetch_cancel(struct balance_fetch *fetch)
{
    if (fetch->_is_running) {
        fetch->_is_running = false;
        web_call_cancel(&fetch->_call);
        timer_cancel(&fetch->_timer);
        arena_deinit(&fetch->_arena);
    }
}

// ---- asking ---------------------------------------------------------------------------------------------------------

static void on_no_address(struct timer *timer)
{
    end(CONTAINER_OF(timer, struct balance_fetch, _timer), BALANCE_REFUSED, NULL,
        SLICE("The address for balances cannot be used."));
}

static void ask(struct balance_fetch *fetch)
{
    const struct balance_fetch_options *options = &fetch->_options;
    struct buf headers = BUF_EMPTY;
    buf_printf(&headers, "authorization: Bearer %.*s\r\nx-factory-client: cli\r\n", SLICE_ARG(options->secret));
    if (fetch->_organization.len) {
        h1_write_field(&headers, SLICE("x-factory-org-id"), fetch->_organization);
    }
    struct web_request request = {
        .url = arena_printf(&fetch->_arena, "%.*s%s", SLICE_ARG(options->base_url), paths[fetch->_step]),
        .headers = buf_slice(&headers),
        .user_agent = options->user_agent,
        .timeout_ms = options->timeout_ms,
    };
    fetch->_n_tries++;
    if (!web_call_start(options->client, options->loop, &fetch->_call, &request, on_answer)) {
        timer_start(&options->loop->timers, &fetch->_timer, 0, on_no_address);
    }
    buf_deinit(&headers);
}

static void on_retry(struct timer *timer)
{
    ask(CONTAINER_OF(timer, struct balance_fetch, _timer));
}

static void go_on(struct balance_fetch *fetch, unsigned step)
{
    fetch->_step = step;
    fetch->_n_tries = 0;
    ask(fetch);
}

void balance_fetch_start(struct balance_fetch *fetch, const struct balance_fetch_options *options,
                         balance_fetch_fn on_done)
{
    arena_init(&fetch->_arena, 1024);
    timer_init(&fetch->_timer);
    fetch->_options = *options;
    fetch->_options.base_url = arena_dup(&fetch->_arena, options->base_url);
    fetch->_options.user_agent = arena_dup(&fetch->_arena, options->user_agent);
    fetch->_options.secret = arena_dup(&fetch->_arena, options->secret);
    fetch->_organization = SLICE_EMPTY;
    fetch->_on_done = on_done;
    fetch->_is_running = true;
    go_on(fetch, STEP_ORGANIZATION);
}

// ---- answers --------------------------------------------------------------------------------------------------------

static bool is_busy(unsigned status)
{
    return status == 0 || status == 408 || status == 429 || status >= 500;
}

static bool is_good(unsigned status)
{
    return status >= 200 && status < 300;
}

static void on_answer(struct web_call *call, const struct web_answer *answer)
{
    struct balance_fetch *fetch = CONTAINER_OF(call, struct balance_fetch, _call);
    if (is_busy(answer->status) && fetch->_n_tries < fetch->_options.n_tries) {
        uint64_t delay_ms = (uint64_t)BALANCE_RETRY_FIRST_MS << (2 * (fetch->_n_tries - 1));
        timer_start(&fetch->_options.loop->timers, &fetch->_timer, delay_ms, on_retry);
    } else if (is_busy(answer->status)) {
        end_with_answer(fetch, BALANCE_BUSY, answer);
    } else if (fetch->_step == STEP_ORGANIZATION) {
        on_organization(fetch, answer);
    } else {
        on_usage(fetch, answer);
    }
}

// A key that is refused here would be refused again; without an organization the usage may still be told.
static void on_organization(struct balance_fetch *fetch, const struct web_answer *answer)
{
    if (answer->status == 401 || answer->status == 402 || answer->status == 403) {
        end_with_answer(fetch, BALANCE_REFUSED, answer);
        return;
    }
    fetch->_organization = balance_read_organization(answer->body, &fetch->_arena);
    go_on(fetch, STEP_USAGE);
}

static void on_usage(struct balance_fetch *fetch, const struct web_answer *answer)
{
    struct balance balance;
    bool is_elsewhere = answer->status == 404 || answer->status == 405;
    if (is_good(answer->status) && balance_read_usage(answer->body, &balance)) {
        end(fetch, BALANCE_FETCHED, &balance, SLICE_EMPTY);
    } else if (is_good(answer->status)) {
        end(fetch, BALANCE_REFUSED, NULL, SLICE("The provider's answer tells no balance."));
    } else if (is_elsewhere && fetch->_step == STEP_USAGE) {
        go_on(fetch, STEP_OTHER_USAGE);
    } else {
        end_with_answer(fetch, BALANCE_REFUSED, answer);
    }
}

// SPDX-License-Identifier: MIT
// A token endpoint that rotates: it takes rt-N only if that is the latest, and gives rt-N+1 and tok-N+1.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>

#include "account/account_fixture.h"
#include "account/auth_document.h"
#include "account/token_source.h"
#include "base/clock.h"

enum { WAITERS = 1000 };
static const int64_t hour_ms = 3600 * 1000;

struct waiter {
    struct token_wait wait;
    struct fixture *f;
};

struct fixture {
    struct account_fixture account;
    struct token_source *source; // owned
    struct config config;
    struct arena arena;
    const char *home;
    unsigned n_tokens; // N of the latest
    unsigned fails;    // status of all answers; 0: they do not fail
    struct waiter waiters[WAITERS];
    unsigned n_woken;
    struct slice got; // by the latest that was woken; arena
    bool was_in_file; // what it got, when it was woken
    bool asks_again;  // in its callback
    bool is_drained;
};

static struct fixture *fixture_of(struct account_fixture *account)
{
    return CONTAINER_OF(account, struct fixture, account);
}

static void answer(struct account_fixture *account, struct server_exchange *ex)
{
    struct fixture *f = fixture_of(account);
    struct slice expected =
        arena_printf(&f->arena, "grant_type=refresh_token&refresh_token=rt-%u&client_id=client", f->n_tokens);
    if (f->fails) {
        server_respond(ex, f->fails, SLICE_EMPTY, SLICE("{\"error\":\"server_error\"}"));
    } else if (!slice_eq(ex->body, expected)) {
        server_respond(ex, 400, SLICE_EMPTY, SLICE("{\"error\":\"invalid_grant\"}"));
    } else {
        f->n_tokens++;
        server_respond(ex, 200, SLICE_EMPTY,
                       arena_printf(&f->arena,
                                    "{\"access_token\":\"tok-%u\",\"refresh_token\":\"rt-%u\","
                                    "\"user\":{\"id\":\"u\"},\"organization_id\":\"org\"}",
                                    f->n_tokens, f->n_tokens));
    }
}

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    account_fixture_init(&f->account);
    arena_init(&f->arena, 4096);
    f->account.answer = answer;
    f->n_tokens = 1;
    f->config = (struct config){
        .oauth_token_url = slice_from_cstr(f->account.url),
        .oauth_client_id = SLICE("client"),
        .data_dir = slice_from_cstr(f->account.folder),
        .user_agent = SLICE("tester"),
    };
    *state = f;
    return 0;
}

static void open_source(struct fixture *f)
{
    f->source = token_source_new(&f->account.loop, f->account.client, &f->config, f->home);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->source) {
        token_source_close(f->source);
    }
    account_fixture_run_out(&f->account);
    token_source_free(f->source);
    // Whatever a test did, no token is in the log.
    assert_false(account_logged(&f->account, "rt-"));
    assert_false(account_logged(&f->account, "tok-"));
    account_fixture_deinit(&f->account);
    arena_deinit(&f->arena);
    mem_free(f);
    return 0;
}

// As after a restart of the program; what is under way ends first.
static bool is_drained(void *arg)
{
    return ((struct fixture *)arg)->is_drained;
}

static void on_drained(void *arg)
{
    ((struct fixture *)arg)->is_drained = true;
}

static void drain(struct fixture *f)
{
    f->is_drained = false;
    token_source_drain(f->source, on_drained, f);
    assert_false(f->is_drained);
    assert_true(account_until(&f->account, is_drained, f));
}

static void reopen(struct fixture *f)
{
    drain(f);
    token_source_close(f->source);
    token_source_free(f->source);
    open_source(f);
}

static struct auth_document file(struct fixture *f)
{
    struct auth_document document = {0};
    auth_document_read(account_file(&f->account, "auth.json", &f->arena), &f->arena, &document);
    return document;
}

static void on_token(struct token_wait *wait, struct slice token)
{
    struct waiter *waiter = CONTAINER_OF(wait, struct waiter, wait);
    struct fixture *f = waiter->f;
    f->n_woken++;
    f->got = arena_dup(&f->arena, token);
    f->was_in_file = slice_eq(file(f).access_token, token);
    if (f->asks_again) {
        struct slice again = SLICE_EMPTY;
        f->asks_again = false;
        assert_int_equal(token_source_get(f->source, wait, on_token, &again), token.len ? TOKEN_READY : TOKEN_NONE);
        assert_true(slice_eq(again, token));
    }
}

static enum token_answer get(struct fixture *f, unsigned i, struct slice *token_r)
{
    f->waiters[i].f = f;
    return token_source_get(f->source, &f->waiters[i].wait, on_token, token_r);
}

static void assert_ready(struct fixture *f, const char *expected)
{
    struct slice token = SLICE_EMPTY;
    assert_int_equal(get(f, 0, &token), TOKEN_READY);
    if (!slice_eq(token, slice_from_cstr(expected))) {
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(token), expected);
    }
}

static bool was_woken(void *arg)
{
    return ((struct fixture *)arg)->n_woken > 0;
}

// Asks, and waits for the answer; empty: there is none.
static void assert_comes(struct fixture *f, const char *expected)
{
    struct slice token;
    f->n_woken = 0;
    assert_int_equal(get(f, 0, &token), TOKEN_WAIT);
    assert_int_equal(f->n_woken, 0);
    assert_true(account_until(&f->account, was_woken, f));
    if (!slice_eq(f->got, slice_from_cstr(expected))) {
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(f->got), expected);
    }
}

static void write_auth(struct fixture *f, const char *format_tokens, int64_t expires_ms, int64_t refreshed_ms)
{
    struct slice text = arena_printf(&f->arena, "{%s, \"expires_at\": %lld, \"last_refresh\": %lld, \"mine\": [1.0]}%c",
                                     format_tokens, (long long)expires_ms, (long long)refreshed_ms, '\0');
    account_write_file(&f->account, "auth.json", text.ptr);
}

#define BOTH "\"refresh_token\": \"rt-1\", \"api_key\": \"tok-1\""

static bool has_failed_twice(void *arg)
{
    return ((struct fixture *)arg)->account.n_requests >= 2;
}

// ---- where tokens come from -----------------------------------------------------------------------------------------

static void nothing_anywhere(void **state)
{
    struct fixture *f = *state;
    struct slice token;
    f->home = "/nonexistent";
    open_source(f);
    assert_int_equal(token_source_level(f->source), 0);
    assert_int_equal(get(f, 0, &token), TOKEN_NONE);
    account_turn(&f->account, 20);
    assert_int_equal(f->account.n_requests, 0);
    assert_int_equal(f->account.log.len, 0);
}

static void bad_files_are_said_and_kept(void **state)
{
    struct fixture *f = *state;
    struct slice token;
    account_write_file(&f->account, "auth.json", "{\"refresh_token\": \"rt-1\"");
    account_write_file(&f->account, ".factory", "no folder");
    f->home = f->account.folder;
    open_source(f);
    assert_int_equal(token_source_level(f->source), 0);
    assert_int_equal(get(f, 0, &token), TOKEN_NONE);
    assert_true(account_logged(&f->account, "auth.json"));
}

static void the_refresh_key(void **state)
{
    struct fixture *f = *state;
    f->config.refresh_key = SLICE("rt-1");
    open_source(f);
    assert_int_equal(token_source_level(f->source), 3);
    assert_comes(f, "tok-2");
    assert_true(f->was_in_file); // durable before it is used
    assert_ready(f, "tok-2");
    assert_int_equal(f->account.n_requests, 1);
    assert_true(slice_eq(file(f).refresh_token, SLICE("rt-2")));
    assert_true(slice_find(account_file(&f->account, "auth.json", &f->arena), SLICE("rt-1")) == SLICE_NOT_FOUND);
}

static void it_is_refreshed_without_being_asked_for(void **state)
{
    struct fixture *f = *state;
    f->config.refresh_key = SLICE("rt-1");
    open_source(f);
    assert_true(account_until_requests(&f->account, 1));
    drain(f);
    assert_ready(f, "tok-2");
}

static void after_a_restart_the_rotated_one_is_used(void **state)
{
    struct fixture *f = *state;
    f->config.refresh_key = SLICE("rt-1");
    open_source(f);
    assert_comes(f, "tok-2");
    reopen(f);
    assert_int_equal(token_source_level(f->source), 3);
    assert_ready(f, "tok-2");
    account_turn(&f->account, 20);
    assert_int_equal(f->account.n_requests, 1);
    token_source_tick(f->source, clock_wall_ms() + TOKEN_REFRESH_MS + hour_ms);
    assert_true(account_until_requests(&f->account, 2));
    drain(f);
    assert_ready(f, "tok-3");
}

static void another_refresh_key_goes_before_the_file(void **state)
{
    struct fixture *f = *state;
    f->config.refresh_key = SLICE("rt-1");
    open_source(f);
    assert_comes(f, "tok-2");
    f->n_tokens = 50;
    f->config.refresh_key = SLICE("rt-50");
    reopen(f);
    assert_comes(f, "tok-51");
    // The same while it runs.
    f->n_tokens = 70;
    f->config.refresh_key = SLICE("rt-70");
    token_source_set_config(f->source, &f->config);
    assert_comes(f, "tok-71");
    // Settings that change nothing about it change nothing.
    token_source_set_config(f->source, &f->config);
    assert_ready(f, "tok-71");
    assert_int_equal(f->account.n_requests, 3);
}

static void tokens_of_a_file(void **state)
{
    struct fixture *f = *state;
    int64_t now_ms = clock_wall_ms();
    write_auth(f, BOTH, now_ms + 7 * hour_ms, now_ms - hour_ms);
    open_source(f);
    assert_int_equal(token_source_level(f->source), 4);
    assert_ready(f, "tok-1");
    account_turn(&f->account, 20);
    assert_int_equal(f->account.n_requests, 0);
}

static void a_refresh_key_that_is_in_the_file_has_its_token(void **state)
{
    struct fixture *f = *state;
    int64_t now_ms = clock_wall_ms();
    write_auth(f, BOTH, now_ms + 7 * hour_ms, now_ms - hour_ms);
    f->config.refresh_key = SLICE("rt-1");
    open_source(f);
    assert_int_equal(token_source_level(f->source), 3);
    assert_ready(f, "tok-1");
}

static void fixed_tokens(void **state)
{
    struct fixture *f = *state;
    struct slice token;
    int64_t now_ms = clock_wall_ms();
    account_write_file(&f->account, "auth.json", "{\"api_key\": \"tok-fixed\"}");
    open_source(f);
    assert_int_equal(token_source_level(f->source), 4);
    assert_ready(f, "tok-fixed");
    token_source_refused(f->source, SLICE("tok-fixed"));
    token_source_tick(f->source, now_ms + 100 * hour_ms);
    write_auth(f, "\"access_token\": \"tok-fixed\"", now_ms + hour_ms, 0);
    reopen(f);
    assert_ready(f, "tok-fixed");
    write_auth(f, "\"access_token\": \"tok-fixed\"", now_ms - hour_ms, 0);
    reopen(f);
    assert_int_equal(get(f, 0, &token), TOKEN_NONE);
    assert_int_equal(f->account.n_requests, 0);
}

static void the_rest_of_the_file_stays(void **state)
{
    struct fixture *f = *state;
    write_auth(f, "\"refresh_token\": \"rt-1\", \"access_token\": \"tok-1\"", 1, 1);
    open_source(f);
    assert_comes(f, "tok-2");
    struct slice text = account_file(&f->account, "auth.json", &f->arena);
    assert_true(slice_find(text, SLICE("\"mine\": [1.0]")) != SLICE_NOT_FOUND);
    assert_true(slice_find(text, SLICE("\"access_token\": \"tok-2\"")) != SLICE_NOT_FOUND);
    assert_true(slice_find(text, SLICE("api_key")) == SLICE_NOT_FOUND);
    assert_true(slice_find(text, SLICE("source")) == SLICE_NOT_FOUND);
    int64_t now_ms = clock_wall_ms();
    assert_in_range(file(f).expires_ms - now_ms, TOKEN_LIFETIME_MS - 60000, TOKEN_LIFETIME_MS);
}

static void anothers_file_is_read_and_not_written(void **state)
{
    static const char text[] = "{\"refresh_token\": \"rt-1\", \"access_token\": \"tok-1\"}";
    struct fixture *f = *state;
    f->home = arena_printf(&f->arena, "%s/home%c", f->account.folder, '\0').ptr;
    account_write_file(&f->account, "home/.factory/auth.json", text);
    open_source(f);
    assert_int_equal(token_source_level(f->source), 4);
    assert_comes(f, "tok-2");
    assert_true(slice_eq(account_file(&f->account, "home/.factory/auth.json", &f->arena), SLICE(text)));
    assert_true(slice_eq(file(f).refresh_token, SLICE("rt-2")));
    reopen(f);
    assert_ready(f, "tok-2");
    assert_int_equal(f->account.n_requests, 1);
}

// ---- refreshing -----------------------------------------------------------------------------------------------------

static bool all_are_woken(void *arg)
{
    return ((struct fixture *)arg)->n_woken == WAITERS;
}

static void a_thousand_wait_for_one_refresh(void **state)
{
    struct fixture *f = *state;
    struct slice token;
    write_auth(f, BOTH, clock_wall_ms() - hour_ms, 0);
    open_source(f);
    for (unsigned i = 0; i < WAITERS; i++) {
        assert_int_equal(get(f, i, &token), TOKEN_WAIT);
    }
    f->asks_again = true;
    assert_true(account_until(&f->account, all_are_woken, f));
    assert_true(slice_eq(f->got, SLICE("tok-2")));
    account_turn(&f->account, 20);
    assert_int_equal(f->n_woken, WAITERS);
    assert_int_equal(f->account.n_requests, 1);
}

static void it_is_refreshed_ahead_and_serves_meanwhile(void **state)
{
    struct fixture *f = *state;
    int64_t now_ms = clock_wall_ms();
    write_auth(f, BOTH, now_ms + 8 * hour_ms, now_ms);
    open_source(f);
    token_source_tick(f->source, now_ms + TOKEN_REFRESH_MS - 1);
    account_turn(&f->account, 20);
    assert_int_equal(f->account.n_requests, 0);
    f->account.answer = NULL;
    token_source_tick(f->source, now_ms + TOKEN_REFRESH_MS);
    assert_true(account_until_requests(&f->account, 1));
    assert_ready(f, "tok-1");
    answer(&f->account, f->account.held);
    drain(f);
    assert_ready(f, "tok-2");
}

static void a_short_life_is_refreshed_at_three_quarters(void **state)
{
    struct fixture *f = *state;
    int64_t now_ms = clock_wall_ms();
    write_auth(f, BOTH, now_ms + 100000, now_ms);
    open_source(f);
    token_source_tick(f->source, now_ms + 74999);
    account_turn(&f->account, 20);
    assert_int_equal(f->account.n_requests, 0);
    token_source_tick(f->source, now_ms + 75000);
    assert_true(account_until_requests(&f->account, 1));
}

static void a_refused_token_is_refreshed_once(void **state)
{
    struct fixture *f = *state;
    int64_t now_ms = clock_wall_ms();
    write_auth(f, BOTH, now_ms + 8 * hour_ms, now_ms);
    open_source(f);
    assert_ready(f, "tok-1");
    token_source_refused(f->source, SLICE("tok-0"));
    assert_ready(f, "tok-1");
    token_source_refused(f->source, SLICE("tok-1"));
    token_source_refused(f->source, SLICE("tok-1"));
    assert_comes(f, "tok-2");
    token_source_refused(f->source, SLICE("tok-2"));
    assert_ready(f, "tok-2");
    assert_int_equal(f->account.n_requests, 1);
}

static void the_old_one_serves_while_refreshing_fails(void **state)
{
    struct fixture *f = *state;
    int64_t now_ms = clock_wall_ms();
    static const unsigned statuses[] = {500, 400, 429};
    write_auth(f, BOTH, now_ms + hour_ms, now_ms - 7 * hour_ms);
    f->fails = statuses[0];
    open_source(f);
    for (unsigned i = 0; i < 3; i++) {
        f->fails = statuses[i];
        f->account.n_requests = 0;
        token_source_tick(f->source, now_ms + (i + 1) * 10 * TOKEN_RETRY_MS);
        assert_true(account_until_requests(&f->account, 1));
        drain(f);
        assert_ready(f, "tok-1");
    }
    assert_true(slice_eq(file(f).refresh_token, SLICE("rt-1")));
}

static void it_is_tried_again_each_minute_and_said_once(void **state)
{
    struct fixture *f = *state;
    int64_t now_ms = clock_wall_ms();
    write_auth(f, BOTH, now_ms + hour_ms, now_ms - 7 * hour_ms);
    f->fails = 503;
    open_source(f);
    assert_true(account_until_requests(&f->account, 1));
    drain(f);
    assert_int_equal(account_log_lines(&f->account), 1);
    assert_true(account_logged(&f->account, "the token endpoint answered 503, server_error; the old token serves on"));
    token_source_tick(f->source, now_ms + TOKEN_RETRY_MS / 2);
    account_turn(&f->account, 20);
    assert_int_equal(f->account.n_requests, 1);
    token_source_tick(f->source, now_ms + TOKEN_RETRY_MS + 5000);
    assert_true(account_until(&f->account, has_failed_twice, f));
    drain(f);
    assert_int_equal(account_log_lines(&f->account), 1);
    f->fails = 0;
    token_source_tick(f->source, now_ms + 3 * TOKEN_RETRY_MS);
    assert_true(account_until_requests(&f->account, 3));
    drain(f);
    assert_ready(f, "tok-2");
    assert_int_equal(account_log_lines(&f->account), 2);
    assert_true(account_logged(&f->account, "refreshed again"));
}

static void an_old_token_is_better_than_none_but_not_than_a_refusal(void **state)
{
    struct fixture *f = *state;
    struct slice token;
    int64_t now_ms = clock_wall_ms();
    write_auth(f, BOTH, now_ms - hour_ms, now_ms - 9 * hour_ms);
    f->fails = 500;
    open_source(f);
    assert_comes(f, "tok-1");
    assert_ready(f, "tok-1");
    f->fails = 400;
    reopen(f);
    assert_comes(f, "");
    assert_int_equal(get(f, 0, &token), TOKEN_NONE);
    f->fails = 0;
    token_source_tick(f->source, now_ms + 2 * TOKEN_RETRY_MS);
    assert_comes(f, "tok-2");
}

static void without_any_token_a_failure_is_nothing(void **state)
{
    struct fixture *f = *state;
    struct slice token;
    f->fails = 500;
    f->asks_again = true; // which does not leave it waiting for the next refresh
    f->config.refresh_key = SLICE("rt-1");
    open_source(f);
    assert_comes(f, "");
    assert_int_equal(get(f, 0, &token), TOKEN_NONE);
    assert_int_equal(token_source_level(f->source), 3);
    assert_true(account_logged(&f->account, "there is no token to serve with"));
}

static void an_endpoint_that_is_not_there(void **state)
{
    struct fixture *f = *state;
    f->config.refresh_key = SLICE("rt-1");
    f->config.oauth_token_url = SLICE("http://127.0.0.1:1/");
    open_source(f);
    assert_comes(f, "");
    assert_int_equal(account_log_lines(&f->account), 1);
}

// ---- the file, and the end ------------------------------------------------------------------------------------------

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static bool is_saved(void *arg)
{
    return slice_eq(file(arg).refresh_token, SLICE("rt-2"));
}

static void what_cannot_be_written_serves_and_is_written_later(void **state)
{
    struct fixture *f = *state;
    int64_t now_ms = clock_wall_ms();
    signal(SIGXFSZ, SIG_IGN);
    write_auth(f, BOTH, now_ms - hour_ms, 0);
    set_file_limit(0);
    open_source(f);
    assert_comes(f, "tok-2");
    assert_ready(f, "tok-2");
    assert_true(slice_eq(file(f).refresh_token, SLICE("rt-1")));
    assert_true(account_logged(&f->account, "cannot be written"));
    // New settings do not bring the old ones of the file back.
    token_source_set_config(f->source, &f->config);
    assert_ready(f, "tok-2");
    token_source_tick(f->source, now_ms + TOKEN_RETRY_MS);
    drain(f);
    assert_int_equal(account_log_lines(&f->account), 1);
    set_file_limit(RLIM_INFINITY);
    token_source_tick(f->source, now_ms + 2 * TOKEN_RETRY_MS);
    assert_true(account_until(&f->account, is_saved, f));
    drain(f);
    assert_int_equal(account_log_lines(&f->account), 2);
    assert_int_equal(f->account.n_requests, 1);
}

// A read-only folder is no reason to let the token end: what is in the file is of no use any more anyway.
static void what_cannot_be_written_is_refreshed_all_the_same(void **state)
{
    struct fixture *f = *state;
    int64_t now_ms = clock_wall_ms();
    signal(SIGXFSZ, SIG_IGN);
    f->config.refresh_key = SLICE("rt-1");
    set_file_limit(0);
    open_source(f);
    assert_comes(f, "tok-2");
    drain(f);
    token_source_tick(f->source, now_ms + TOKEN_REFRESH_MS + TOKEN_RETRY_MS);
    assert_true(account_until_requests(&f->account, 2));
    drain(f);
    assert_ready(f, "tok-3");
    // While refreshing fails writing is tried, too.
    f->fails = 503;
    set_file_limit(RLIM_INFINITY);
    token_source_tick(f->source, now_ms + 2 * TOKEN_REFRESH_MS + TOKEN_RETRY_MS);
    assert_true(account_until_requests(&f->account, 3));
    drain(f);
    assert_true(slice_eq(file(f).refresh_token, SLICE("rt-3")));
    assert_ready(f, "tok-3");
}

static void draining_waits_for_the_answer_and_its_file(void **state)
{
    struct fixture *f = *state;
    f->config.refresh_key = SLICE("rt-1");
    f->account.answer = NULL;
    open_source(f);
    assert_true(account_until_requests(&f->account, 1));
    f->is_drained = false;
    token_source_drain(f->source, on_drained, f);
    account_turn(&f->account, 20);
    assert_false(f->is_drained);
    answer(&f->account, f->account.held);
    assert_true(account_until(&f->account, is_drained, f));
    assert_true(slice_eq(file(f).refresh_token, SLICE("rt-2")));
}

static void closing_forgets_who_waits(void **state)
{
    struct fixture *f = *state;
    struct slice token;
    f->config.refresh_key = SLICE("rt-1");
    f->account.answer = NULL;
    open_source(f);
    assert_int_equal(get(f, 0, &token), TOKEN_WAIT);
    assert_int_equal(get(f, 1, &token), TOKEN_WAIT);
    token_source_forget(&f->waiters[1].wait);
    token_source_forget(&f->waiters[1].wait);
    token_source_forget(&f->waiters[2].wait);
    assert_true(account_until_requests(&f->account, 1));
    token_source_close(f->source);
    account_turn(&f->account, 20);
    token_source_forget(&f->waiters[0].wait);
    assert_int_equal(f->n_woken, 0);
}

static void who_forgets_is_not_called(void **state)
{
    struct fixture *f = *state;
    struct slice token;
    f->config.refresh_key = SLICE("rt-1");
    open_source(f);
    assert_int_equal(get(f, 1, &token), TOKEN_WAIT);
    assert_int_equal(get(f, 2, &token), TOKEN_WAIT);
    token_source_forget(&f->waiters[1].wait);
    assert_comes(f, "tok-2");
    account_turn(&f->account, 20);
    assert_int_equal(f->n_woken, 2);
}

static void new_settings_during_a_refresh_count_after_it(void **state)
{
    struct fixture *f = *state;
    f->config.refresh_key = SLICE("rt-1");
    f->account.answer = NULL;
    open_source(f);
    assert_true(account_until_requests(&f->account, 1));
    f->config.refresh_key = SLICE("rt-50");
    token_source_set_config(f->source, &f->config);
    answer(&f->account, f->account.held);
    f->account.answer = answer;
    drain(f);
    f->n_tokens = 50;
    assert_comes(f, "tok-51");
    assert_true(f->was_in_file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_anywhere),
        TEST(bad_files_are_said_and_kept),
        TEST(the_refresh_key),
        TEST(it_is_refreshed_without_being_asked_for),
        TEST(after_a_restart_the_rotated_one_is_used),
        TEST(another_refresh_key_goes_before_the_file),
        TEST(tokens_of_a_file),
        TEST(a_refresh_key_that_is_in_the_file_has_its_token),
        TEST(fixed_tokens),
        TEST(the_rest_of_the_file_stays),
        TEST(anothers_file_is_read_and_not_written),
        TEST(a_thousand_wait_for_one_refresh),
        TEST(it_is_refreshed_ahead_and_serves_meanwhile),
        TEST(a_short_life_is_refreshed_at_three_quarters),
        TEST(a_refused_token_is_refreshed_once),
        TEST(the_old_one_serves_while_refreshing_fails),
        TEST(it_is_tried_again_each_minute_and_said_once),
        TEST(an_old_token_is_better_than_none_but_not_than_a_refusal),
        TEST(without_any_token_a_failure_is_nothing),
        TEST(an_endpoint_that_is_not_there),
        TEST(what_cannot_be_written_serves_and_is_written_later),
        TEST(what_cannot_be_written_is_refreshed_all_the_same),
        TEST(draining_waits_for_the_answer_and_its_file),
        TEST(closing_forgets_who_waits),
        TEST(who_forgets_is_not_called),
        TEST(new_settings_during_a_refresh_count_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

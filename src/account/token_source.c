// SPDX-License-Identifier: MIT
#include "account/token_source.h"

#include <assert.h>

#include "account/auth_document.h"
#include "account/oauth.h"
#include "account/token_file.h"
#include "account/web_call.h"
#include "base/clock.h"
#include "base/log.h"

enum token_state {
    TOKEN_IDLE,
    TOKEN_ASKING, // the endpoint
    TOKEN_SAVING, // its answer, or one that could not be saved before
    TOKEN_CLOSED,
};

struct token_source {
    struct loop *loop;          // borrowed
    struct http_client *client; // borrowed
    struct arena memory;        // of the settings
    struct slice url;
    struct slice client_id;
    struct slice user_agent;
    struct token_places places;

    struct arena token_memory;
    struct auth_document tokens; // in token_memory
    unsigned level;

    enum token_state state;
    enum oauth_result outcome; // of the last refresh; OAUTH_GRANTED before the first
    int64_t asked_ms;          // when that began; 0: never
    bool is_doubted;           // the upstream has refused the token
    bool is_unsaved;           // the tokens are newer than the file
    bool has_new_config;       // that was not looked at, because the state was not idle

    struct web_call call;
    struct timer tick;
    struct timer drain_timer;
    struct list waiters;
    struct list woken; // about to be called back
    void (*on_drained)(void *arg);
    void *drain_arg;
};

// ---- what the tokens say --------------------------------------------------------------------------------------------

// When the access token ends; 0: nobody knows.
static int64_t end_of(const struct auth_document *tokens)
{
    if (tokens->expires_ms) {
        return tokens->expires_ms;
    }
    // A fixed key is not one that was ever refreshed.
    return tokens->refresh_token.len && tokens->refreshed_ms ? tokens->refreshed_ms + TOKEN_LIFETIME_MS : 0;
}

// When to refresh it; 0: nobody knows when it was got, so at once.
static int64_t refresh_at(const struct auth_document *tokens, int64_t now_ms)
{
    int64_t end_ms = end_of(tokens);
    int64_t got_ms = tokens->refreshed_ms ? tokens->refreshed_ms : end_ms ? end_ms - TOKEN_LIFETIME_MS : 0;
    int64_t near_end_ms = (end_ms - got_ms) / 4 * 3;
    if (got_ms <= 0 || got_ms > now_ms) {
        return 0;
    }
    return got_ms + (near_end_ms < TOKEN_REFRESH_MS ? near_end_ms : TOKEN_REFRESH_MS);
}

static bool is_fresh(const struct token_source *source, int64_t now_ms)
{
    return source->tokens.access_token.len && !source->is_doubted && now_ms < end_of(&source->tokens);
}

// May the old token serve although a refresh would be better, and cannot be had?
static bool serves_on(const struct token_source *source, int64_t now_ms)
{
    const struct auth_document *tokens = &source->tokens;
    int64_t end_ms = end_of(tokens);
    bool may_come_back = tokens->refresh_token.len && source->outcome != OAUTH_REFUSED;
    return tokens->access_token.len && (end_ms == 0 || now_ms < end_ms || may_come_back);
}

static bool is_under_way(const struct token_source *source)
{
    return source->state == TOKEN_ASKING || source->state == TOKEN_SAVING;
}

// A clock that was set back does not count, and one that is a little slow does not cost another round of the timer.
static bool may_ask(const struct token_source *source, int64_t now_ms)
{
    int64_t since_ms = now_ms - source->asked_ms;
    return source->state == TOKEN_IDLE && source->tokens.refresh_token.len &&
           (source->asked_ms == 0 || since_ms < 0 || since_ms >= TOKEN_RETRY_MS - TOKEN_RETRY_MS / 20);
}

static bool is_due(const struct token_source *source, int64_t now_ms)
{
    return may_ask(source, now_ms) &&
           (!source->tokens.access_token.len || source->is_doubted || now_ms >= refresh_at(&source->tokens, now_ms));
}

// ---- which are in use -----------------------------------------------------------------------------------------------

static void keep(struct token_source *source, const struct auth_document *tokens)
{
    struct arena memory;
    arena_init(&memory, 4096);
    source->tokens = auth_document_dup(&memory, tokens);
    arena_deinit(&source->token_memory);
    source->token_memory = memory;
}

static void look(struct token_source *source)
{
    struct arena arena;
    struct auth_document tokens = {0};
    arena_init(&arena, 4096);
    unsigned level = token_file_find(&source->places, &arena, &tokens);
    if (!slice_eq(tokens.refresh_token, source->tokens.refresh_token) ||
        !slice_eq(tokens.access_token, source->tokens.access_token)) {
        source->outcome = OAUTH_GRANTED;
        source->asked_ms = 0;
        source->is_doubted = false;
    }
    source->level = level;
    source->has_new_config = false;
    keep(source, &tokens);
    arena_deinit(&arena);
}

// ---- who waits ------------------------------------------------------------------------------------------------------

static void use_idleness(struct token_source *source)
{
    if (source->has_new_config && !source->is_unsaved) {
        look(source);
    }
    if (source->on_drained) {
        void (*on_drained)(void *arg) = source->on_drained;
        source->on_drained = NULL;
        on_drained(source->drain_arg);
    }
}

// Whoever is called may forget others that wait, wait anew, or close the source.
static void wake_all(struct token_source *source, int64_t now_ms)
{
    list_move_all(&source->waiters, &source->woken);
    while (!list_is_empty(&source->woken)) {
        struct token_wait *wait = CONTAINER_OF(source->woken.next, struct token_wait, _link);
        bool serves = is_fresh(source, now_ms) || serves_on(source, now_ms);
        list_remove(&wait->_link);
        wait->fn(wait, serves ? source->tokens.access_token : SLICE_EMPTY);
    }
}

static void on_tick(struct timer *timer);

static void end_refresh(struct token_source *source)
{
    int64_t now_ms = clock_wall_ms();
    timer_start(&source->loop->timers, &source->tick, TOKEN_RETRY_MS, on_tick);
    source->is_doubted = false;
    source->state = TOKEN_IDLE; // who asks again when it is woken has its answer: this refresh is over
    wake_all(source, now_ms);
    if (source->state == TOKEN_IDLE) {
        use_idleness(source);
    }
}

// ---- saving ---------------------------------------------------------------------------------------------------------

// On its own memory, because the source may be given other settings meanwhile.
struct save_job {
    uv_work_t work;
    struct token_source *source; // borrowed: it outlives the loop's work
    struct arena memory;
    const char *folder;
    struct auth_document tokens;
    int r;
};

static void save_off_loop(uv_work_t *work)
{
    struct save_job *job = CONTAINER_OF(work, struct save_job, work);
    job->r = token_file_save(job->folder, &job->tokens);
}

static void on_saved(uv_work_t *work, int status)
{
    struct save_job *job = CONTAINER_OF(work, struct save_job, work);
    struct token_source *source = job->source;
    int r = status < 0 ? status : job->r;
    bool was_unsaved = source->is_unsaved;
    keep(source, &job->tokens);
    arena_deinit(&job->memory);
    mem_free(job);
    source->is_unsaved = r < 0;
    if (r < 0 && !was_unsaved) {
        log_error("account",
                  "the new refresh token cannot be written to %s/%s: %s. If the program ends before it can, that token "
                  "is lost and you will have to sign in again. Writing is tried again every minute",
                  source->places.folder, TOKEN_FILE, strerror(-r));
    } else if (r == 0 && was_unsaved) {
        log_info("account", "the new refresh token is written to %s/%s now", source->places.folder, TOKEN_FILE);
    }
    if (source->state != TOKEN_CLOSED) {
        end_refresh(source);
    }
}

static void save(struct token_source *source, const struct auth_document *tokens)
{
    struct save_job *job = mem_zalloc(sizeof(*job));
    job->source = source;
    arena_init(&job->memory, 4096);
    job->folder = arena_cstr(&job->memory, slice_from_cstr(source->places.folder));
    job->tokens = auth_document_dup(&job->memory, tokens);
    source->state = TOKEN_SAVING;
    int r = uv_queue_work(&source->loop->uv, &job->work, save_off_loop, on_saved);
    assert(r == 0);
    (void)r;
}

// ---- asking ---------------------------------------------------------------------------------------------------------

static void note_success(struct token_source *source)
{
    if (source->outcome != OAUTH_GRANTED) {
        log_info("account", "the OAuth token is refreshed again");
    } else {
        log_debug("account", "the OAuth token is refreshed");
    }
    source->outcome = OAUTH_GRANTED;
}

static void note_failure(struct token_source *source, enum oauth_result outcome, struct slice reason)
{
    bool is_news = source->outcome != outcome;
    source->outcome = outcome;
    if (is_news) {
        bool serves = serves_on(source, clock_wall_ms());
        log_warn("account", "refreshing the OAuth token failed: %.*s; %s, and it is tried again every minute",
                 SLICE_ARG(reason), serves ? "the old token serves on" : "there is no token to serve with");
    }
}

static void on_answer(struct web_call *call, const struct web_answer *web)
{
    struct token_source *source = CONTAINER_OF(call, struct token_source, call);
    struct oauth_answer answer = {.result = OAUTH_FAILED, .reason = slice_from_cstr(web->detail)};
    int64_t now_ms = clock_wall_ms();
    struct arena arena;
    arena_init(&arena, 4096);
    if (web->status) {
        oauth_read_answer(web->status, web->body, &arena, &answer);
    }
    if (answer.result == OAUTH_GRANTED) {
        struct auth_document tokens = {
            .refresh_token = answer.refresh_token.len ? answer.refresh_token : source->tokens.refresh_token,
            .access_token = answer.access_token,
            .source = source->tokens.source,
            .expires_ms = now_ms + (answer.lifetime_ms ? answer.lifetime_ms : TOKEN_LIFETIME_MS),
            .refreshed_ms = now_ms,
        };
        note_success(source);
        save(source, &tokens);
    } else {
        note_failure(source, answer.result, answer.reason);
        if (source->is_unsaved) {
            save(source, &source->tokens);
        } else {
            end_refresh(source);
        }
    }
    arena_deinit(&arena);
}

static void ask(struct token_source *source, int64_t now_ms)
{
    struct buf body = BUF_EMPTY;
    oauth_write_refresh(&body, source->tokens.refresh_token, source->client_id);
    struct web_request request = {
        .url = source->url,
        .method = HTTP_POST,
        .headers = SLICE("content-type: application/x-www-form-urlencoded\r\n"),
        .body = buf_slice(&body),
        .user_agent = source->user_agent,
        .timeout_ms = TOKEN_TIMEOUT_MS,
    };
    source->asked_ms = now_ms;
    if (web_call_start(source->client, source->loop, &source->call, &request, on_answer)) {
        source->state = TOKEN_ASKING;
    } else {
        note_failure(source, OAUTH_FAILED, SLICE("OAUTH_TOKEN_URL is no address"));
    }
    buf_deinit(&body);
}

void token_source_tick(struct token_source *source, int64_t now_ms)
{
    if (is_due(source, now_ms)) {
        ask(source, now_ms);
    }
    if (source->state == TOKEN_IDLE && source->is_unsaved) {
        save(source, &source->tokens);
    }
}

// ---- what others see ------------------------------------------------------------------------------------------------

static void on_tick(struct timer *timer)
{
    struct token_source *source = CONTAINER_OF(timer, struct token_source, tick);
    timer_start(&source->loop->timers, timer, TOKEN_RETRY_MS, on_tick);
    token_source_tick(source, clock_wall_ms());
}

static void take_config(struct token_source *source, const struct config *config, const char *home)
{
    struct arena memory;
    arena_init(&memory, 1024);
    source->url = arena_dup(&memory, config->oauth_token_url);
    source->client_id = arena_dup(&memory, config->oauth_client_id);
    source->user_agent = arena_dup(&memory, config->user_agent);
    source->places = (struct token_places){
        .seed = arena_dup(&memory, config->refresh_key),
        .folder = arena_cstr(&memory, config->data_dir),
        .home = home ? arena_cstr(&memory, slice_from_cstr(home)) : NULL,
    };
    arena_deinit(&source->memory);
    source->memory = memory;
}

struct token_source *token_source_new(struct loop *loop, struct http_client *client, const struct config *config,
                                      const char *home)
{
    struct token_source *source = mem_zalloc(sizeof(*source));
    source->loop = loop;
    source->client = client;
    arena_init(&source->memory, 1024);
    arena_init(&source->token_memory, 1024);
    timer_init(&source->tick);
    timer_init(&source->drain_timer);
    list_init(&source->waiters);
    list_init(&source->woken);
    take_config(source, config, home);
    look(source);
    timer_start(&loop->timers, &source->tick, 0, on_tick);
    return source;
}

void token_source_set_config(struct token_source *source, const struct config *config)
{
    take_config(source, config, source->places.home);
    source->has_new_config = true;
    if (source->state == TOKEN_IDLE && !source->is_unsaved) {
        look(source);
        timer_start(&source->loop->timers, &source->tick, 0, on_tick);
    }
}

static void on_drain_timer(struct timer *timer)
{
    struct token_source *source = CONTAINER_OF(timer, struct token_source, drain_timer);
    void (*on_drained)(void *arg) = source->on_drained;
    source->on_drained = NULL;
    if (on_drained) {
        on_drained(source->drain_arg);
    }
}

void token_source_drain(struct token_source *source, void (*fn)(void *arg), void *arg)
{
    source->on_drained = fn;
    source->drain_arg = arg;
    if (source->state == TOKEN_IDLE) {
        timer_start(&source->loop->timers, &source->drain_timer, 0, on_drain_timer);
    }
}

static void forget_all(struct list *waits)
{
    while (!list_is_empty(waits)) {
        list_remove(waits->next);
    }
}

void token_source_close(struct token_source *source)
{
    source->state = TOKEN_CLOSED;
    source->on_drained = NULL;
    web_call_cancel(&source->call);
    timer_cancel(&source->tick);
    timer_cancel(&source->drain_timer);
    forget_all(&source->waiters);
    forget_all(&source->woken);
}

void token_source_free(struct token_source *source)
{
    if (source) {
        arena_deinit(&source->memory);
        arena_deinit(&source->token_memory);
        mem_free(source);
    }
}

unsigned token_source_level(const struct token_source *source)
{
    return source->level;
}

enum token_answer token_source_get(struct token_source *source, struct token_wait *wait,
                                   void (*fn)(struct token_wait *wait, struct slice token), struct slice *token_r)
{
    int64_t now_ms = clock_wall_ms();
    if (is_due(source, now_ms)) {
        ask(source, now_ms);
    }
    if (!is_fresh(source, now_ms) && is_under_way(source)) {
        wait->fn = fn;
        list_append(&source->waiters, &wait->_link);
        return TOKEN_WAIT;
    }
    if (!is_fresh(source, now_ms) && !serves_on(source, now_ms)) {
        return TOKEN_NONE;
    }
    *token_r = source->tokens.access_token;
    return TOKEN_READY;
}

void token_source_forget(struct token_wait *wait)
{
    if (wait->_link.next) {
        list_remove(&wait->_link);
    }
}

void token_source_refused(struct token_source *source, struct slice token)
{
    int64_t now_ms = clock_wall_ms();
    if (!slice_eq(token, source->tokens.access_token)) {
        return;
    }
    if (may_ask(source, now_ms)) {
        ask(source, now_ms);
    }
    source->is_doubted = is_under_way(source); // until the end of the refresh, whyever it was begun
}

bool token_source_has_other(const struct token_source *source, struct slice token)
{
    const struct slice *ours = &source->tokens.access_token;
    return is_under_way(source) || (ours->len && !slice_eq(*ours, token));
}

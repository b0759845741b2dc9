// SPDX-License-Identifier: MIT
// Happy path: key_tester_run() → (in turn, as many at once as may be) a request to the gateway → on_outcome → … →
// on_end. Failure modes: all of them are outcomes. Ends when: the last key of the run has its outcome.
#include "account/key_test.h"

#include <assert.h>

#include "account/error_text.h"
#include "account/key_test_ask.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/list.h"
#include "base/log.h"

enum { TESTS_MAX = 50 };

struct key_tester {
    struct loop *loop;
    struct http_client *client;
    struct key_store *store;
    struct key_table *table;
    struct slice url; // memory of its own, with the options

    struct arena options_memory;
    struct arena memory; // of the settings below
    struct config_model *models;
    struct config_endpoint *endpoints; // of each model, for is_factory only
    size_t n_models;
    struct slice model_id;
    struct slice user_agent;

    struct list runs;  // those that have not ended
    struct list tests; // those that run
    size_t n_running;
    struct timer kick;
    bool is_closed;
};

struct key_test_run {
    struct list link; // of the tester
    struct key_tester *tester;
    struct arena memory;
    struct slice *ids;
    size_t n_ids;
    size_t next; // not yet begun
    size_t n_done;
    size_t n_busy; // tests that run, and callbacks on the stack
    bool is_forgotten;
    void (*on_outcome)(void *arg, const struct key_test_outcome *outcome);
    void (*on_end)(void *arg);
    void *arg;
};

struct key_test {
    struct list link; // of the tester
    struct web_call call;
    struct key_test_run *run;
    struct arena memory;
    struct slice id;
    struct slice secret;
    uint32_t slot;
    uint32_t identity;
    uint64_t started_ns;
};

/* Steps, in the order they happen */
static void on_kick(struct timer *timer);
static void pump(struct key_tester *tester);
static void begin_next(struct key_test_run *run);
static void on_answer(struct web_call *call, const struct web_answer *answer);
static void tell(struct key_test_run *run, struct key_test_outcome *outcome);
static void settle(struct key_test_run *run);

// ---- outcomes -------------------------------------------------------------------------------------------------------

static void run_free(struct key_test_run *run)
{
    list_remove(&run->link);
    arena_deinit(&run->memory);
    mem_free(run);
}

static bool is_over(const struct key_test_run *run)
{
    return run->n_busy == 0 && (run->is_forgotten || run->n_done == run->n_ids);
}

static void settle(struct key_test_run *run)
{
    void (*on_end)(void *arg) = run->is_forgotten ? NULL : run->on_end;
    void *arg = run->arg;
    if (is_over(run) && !run->tester->is_closed) {
        run_free(run);
        if (on_end) {
            on_end(arg);
        }
    }
}

// The callback may forget the run or close the tester.
static void tell(struct key_test_run *run, struct key_test_outcome *outcome)
{
    run->n_done++;
    outcome->n_done = run->n_done;
    outcome->n_all = run->n_ids;
    if (run->on_outcome && !run->is_forgotten) {
        run->n_busy++;
        run->on_outcome(run->arg, outcome);
        run->n_busy--;
    }
}

static bool is_still_there(const struct key_test *test)
{
    const struct key_slot *slot = key_of(test->run->tester->table, test->slot);
    return atomic_load(&slot->identity) == test->identity && key_store_find(test->run->tester->store, test->id) != NULL;
}

// What the test has shown is in the table since before its answer came: the gateway has judged the attempt, as it does
// each. An answer that never came has shown nothing about the key: if the gateway was reached, it has noted that.
static void conclude(struct key_test *test, const struct web_answer *answer)
{
    uint64_t took_ms = (clock_monotonic_ns() - test->started_ns) / 1000000;
    struct key_test_outcome outcome = {
        .id = test->id,
        .status = answer->status,
        .latency_ms = (uint32_t)(took_ms < UINT32_MAX ? took_ms : UINT32_MAX),
        .key_status = KEY_DISABLED,
    };
    if (!is_still_there(test)) {
        outcome.message = SLICE("The key was removed during its test.");
    } else {
        outcome.is_success = answer->status >= 200 && answer->status < 300;
        outcome.key_status = atomic_load(&key_of(test->run->tester->table, test->slot)->status);
        outcome.message = outcome.is_success ? SLICE("The key works.")
                          : answer->status   ? error_text_of(answer->status, answer->body, test->secret, &test->memory)
                                             : arena_dup(&test->memory, slice_from_cstr(answer->detail));
    }
    tell(test->run, &outcome);
}

static void test_free(struct key_test *test)
{
    list_remove(&test->link);
    arena_deinit(&test->memory);
    mem_free(test);
}

static void on_answer(struct web_call *call, const struct web_answer *answer)
{
    struct key_test *test = CONTAINER_OF(call, struct key_test, call);
    struct key_test_run *run = test->run;
    struct key_tester *tester = run->tester;
    // Whatever the callback does, even closing the tester, this test is not touched by it.
    list_remove(&test->link);
    conclude(test, answer);
    test_free(test);
    tester->n_running--;
    run->n_busy--;
    settle(run);
    pump(tester);
}

// ---- asking ---------------------------------------------------------------------------------------------------------

static bool ask(struct key_test *test, const struct config_model *model)
{
    struct key_tester *tester = test->run->tester;
    struct key_settings settings;
    char token[2 * KEY_TOKEN_SIZE];
    struct buf headers = BUF_EMPTY;
    struct buf body = BUF_EMPTY;
    key_table_settings(tester->table, &settings);
    buf_append(&headers, SLICE("content-type: application/json\r\n" KEY_TEST_HEADER ": "));
    hex_write_bytes(token, key_table_token(tester->table).ptr, KEY_TOKEN_SIZE);
    buf_append(&headers, slice_of(token, sizeof(token)));
    buf_printf(&headers, " %u %u\r\n", test->slot, test->identity);
    if (model->type == MODEL_ANTHROPIC) {
        buf_append(&headers, SLICE("anthropic-version: 2023-06-01\r\n"));
    }
    key_test_write_body(&body, model->type, model->id);
    struct web_request request = {
        .url = arena_printf(&test->memory, "%.*s%s", SLICE_ARG(tester->url), key_test_path(model->type)),
        .method = HTTP_POST,
        .headers = buf_slice(&headers),
        .body = buf_slice(&body),
        .user_agent = tester->user_agent,
        .timeout_ms = settings.request_timeout_ms,
    };
    bool is_started = web_call_start(tester->client, tester->loop, &test->call, &request, on_answer);
    buf_deinit(&headers);
    buf_deinit(&body);
    return is_started;
}

static void refuse(struct key_test_run *run, struct slice id, const struct key_record *record, struct slice message)
{
    enum key_status status = KEY_DISABLED;
    if (record && record->slot != KEY_NO_SLOT) {
        status = atomic_load(&key_of(run->tester->table, record->slot)->status);
    }
    struct key_test_outcome outcome = {.id = id, .message = message, .key_status = status};
    tell(run, &outcome);
}

static bool start_test(struct key_test_run *run, const struct key_record *record, const struct config_model *model)
{
    struct key_tester *tester = run->tester;
    struct key_test *test = mem_zalloc(sizeof(*test));
    arena_init(&test->memory, 1024);
    list_init(&test->link);
    test->run = run;
    test->id = arena_dup(&test->memory, record->id);
    test->secret = arena_dup(&test->memory, record->secret);
    test->slot = record->slot;
    test->identity = atomic_load(&key_of(tester->table, record->slot)->identity);
    test->started_ns = clock_monotonic_ns();
    if (!ask(test, model)) {
        test_free(test);
        return false;
    }
    list_append(&tester->tests, &test->link);
    tester->n_running++;
    run->n_busy++;
    return true;
}

static void begin_next(struct key_test_run *run)
{
    struct key_tester *tester = run->tester;
    struct slice id = run->ids[run->next++];
    const struct key_record *record = key_store_find(tester->store, id);
    const struct config_model *model = NULL;
    if (record) {
        model = key_test_model(tester->models, tester->n_models, tester->model_id, record->provider);
    }
    if (!record || record->slot == KEY_NO_SLOT) {
        refuse(run, id, record, SLICE("There is no such key."));
    } else if (!model) {
        refuse(run, id, record, SLICE("No model is configured, so there is nothing to ask for."));
    } else if (!slice_is_visible(id)) {
        refuse(run, id, record, SLICE("The id of this key has characters that a header cannot have."));
    } else if (!start_test(run, record, model)) {
        refuse(run, id, record, SLICE("The address of the gateway itself cannot be used."));
    }
}

// The run whose turn it is; NULL: nothing is left to begin.
static struct key_test_run *next_run(struct key_tester *tester)
{
    for (struct list *at = tester->runs.next; at != &tester->runs; at = at->next) {
        struct key_test_run *run = CONTAINER_OF(at, struct key_test_run, link);
        if (!run->is_forgotten && run->next < run->n_ids) {
            list_remove(&run->link);
            list_append(&tester->runs, &run->link);
            return run;
        }
    }
    return NULL;
}

static void pump(struct key_tester *tester)
{
    struct key_settings settings;
    key_table_settings(tester->table, &settings);
    size_t limit = settings.concurrent_limit < TESTS_MAX ? settings.concurrent_limit : TESTS_MAX;
    while (!tester->is_closed && tester->n_running < (limit ? limit : 1)) {
        struct key_test_run *run = next_run(tester);
        if (!run) {
            return;
        }
        run->n_busy++;
        begin_next(run);
        run->n_busy--;
        settle(run);
    }
}

static struct key_test_run *find_over(struct key_tester *tester)
{
    for (struct list *at = tester->runs.next; at != &tester->runs; at = at->next) {
        struct key_test_run *run = CONTAINER_OF(at, struct key_test_run, link);
        if (is_over(run)) {
            return run;
        }
    }
    return NULL;
}

static void on_kick(struct timer *timer)
{
    struct key_tester *tester = CONTAINER_OF(timer, struct key_tester, kick);
    // Runs of no keys, and forgotten ones.
    for (struct key_test_run *run = find_over(tester); run; run = find_over(tester)) {
        settle(run);
    }
    pump(tester);
}

// ---- what others see ------------------------------------------------------------------------------------------------

struct key_test_run *key_tester_run(struct key_tester *tester, const struct slice *ids, size_t n_ids,
                                    void (*on_outcome)(void *arg, const struct key_test_outcome *outcome),
                                    void (*on_end)(void *arg), void *arg)
{
    struct key_test_run *run = mem_zalloc(sizeof(*run));
    assert(!tester->is_closed);
    arena_init(&run->memory, 1024);
    run->tester = tester;
    run->n_ids = n_ids;
    run->ids = arena_alloc(&run->memory, (n_ids + 1) * sizeof(*run->ids));
    for (size_t i = 0; i < n_ids; i++) {
        run->ids[i] = arena_dup(&run->memory, ids[i]);
    }
    run->on_outcome = on_outcome;
    run->on_end = on_end;
    run->arg = arg;
    list_append(&tester->runs, &run->link);
    timer_start(&tester->loop->timers, &tester->kick, 0, on_kick);
    return run;
}

void key_test_run_forget(struct key_test_run *run)
{
    run->is_forgotten = true;
    if (!run->tester->is_closed) {
        timer_start(&run->tester->loop->timers, &run->tester->kick, 0, on_kick);
    }
}

struct key_tester *key_tester_new(const struct key_tester_options *options)
{
    struct key_tester *tester = mem_zalloc(sizeof(*tester));
    tester->loop = options->loop;
    tester->client = options->client;
    tester->store = options->store;
    tester->table = options->table;
    arena_init(&tester->options_memory, 128);
    tester->url = arena_dup(&tester->options_memory, slice_from_cstr(options->url));
    arena_init(&tester->memory, 4096);
    list_init(&tester->runs);
    list_init(&tester->tests);
    timer_init(&tester->kick);
    return tester;
}

// A copy of what is needed: the snapshot may go away.
void key_tester_set_config(struct key_tester *tester, const struct config *config)
{
    arena_deinit(&tester->memory);
    tester->n_models = config->n_models;
    tester->models = arena_zalloc(&tester->memory, (config->n_models + 1) * sizeof(*tester->models));
    tester->endpoints = arena_zalloc(&tester->memory, (config->n_models + 1) * sizeof(*tester->endpoints));
    for (size_t i = 0; i < config->n_models; i++) {
        const struct config_model *model = &config->models[i];
        tester->endpoints[i].is_factory = model->endpoint && model->endpoint->is_factory;
        tester->models[i] = (struct config_model){
            .id = arena_dup(&tester->memory, model->id),
            .provider = arena_dup(&tester->memory, model->provider),
            .type = model->type,
            .endpoint = &tester->endpoints[i],
        };
    }
    tester->model_id = SLICE_EMPTY;
    if (config->key_test_model.len) {
        const struct config_model *model = config_find_model(config, config->key_test_model);
        tester->model_id = model ? arena_dup(&tester->memory, model->id) : SLICE_EMPTY;
        if (!model) {
            log_warn("config", "key_test.model is \"%.*s\", which is no model; tests take one that suits the key",
                     SLICE_ARG(config->key_test_model));
        }
    }
    tester->user_agent = arena_dup(&tester->memory, config->user_agent);
}

void key_tester_close(struct key_tester *tester)
{
    tester->is_closed = true;
    timer_cancel(&tester->kick);
    while (!list_is_empty(&tester->tests)) {
        struct key_test *test = CONTAINER_OF(tester->tests.next, struct key_test, link);
        web_call_cancel(&test->call);
        test->run->n_busy--;
        test_free(test);
    }
    for (struct list *at = tester->runs.next; at != &tester->runs; at = at->next) {
        CONTAINER_OF(at, struct key_test_run, link)->is_forgotten = true;
    }
}

void key_tester_free(struct key_tester *tester)
{
    if (!tester) {
        return;
    }
    while (!list_is_empty(&tester->runs)) {
        run_free(CONTAINER_OF(tester->runs.next, struct key_test_run, link));
    }
    arena_deinit(&tester->memory);
    arena_deinit(&tester->options_memory);
    mem_free(tester);
}

// SPDX-License-Identifier: MIT
#include "simulator/simulator.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/url.h"
#include "simulator/accounts.h"
#include "simulator/critic.h"
#include "simulator/delivery.h"
#include "simulator/memo.h"
#include "simulator/plans.h"

enum {
    PATIENCE_MS = 24 * 3600 * 1000, // we never give up on a client: that is what is being tested
    BODY_MAX = 1024 * 1024 * 1024,
    CONNECTIONS_MAX = 1000 * 1000,
    FIXED_INPUT_TOKENS = 100, // when not recording: answers do not depend on the body then
    LIST_DEFAULT = 100,
};

struct simulator {
    struct http_server *server; // owned
    struct journal journal;
    struct delivery_pump pump;
    struct memo memo;
    struct accounts accounts;
    struct plans plans;
    uint64_t last_id;
};

/* A request, in order */
static void on_request(void *arg, struct server_exchange *ex);
static bool control(struct simulator *simulator, struct server_exchange *ex);
static struct answer *find_answer(struct simulator *simulator, struct server_exchange *ex, struct ask *ask);

// ---- finding the answer ---------------------------------------------------------------------------------------------

static struct answer *refuse(struct server_exchange *ex, const struct ask *ask, unsigned status, struct slice message)
{
    struct script script;
    script_init(&script);
    return answer_error(ask->provider, status, message, &script);
}

static struct answer *refuse_script(struct server_exchange *ex, const struct ask *ask, const struct script_error *error,
                                    const char *where)
{
    struct slice message = arena_printf(&ex->arena, "bad directive \"%.*s\" in the %s: %s", SLICE_ARG(error->directive),
                                        where, error->reason);
    return refuse(ex, ask, 400, message);
}

// The directives of model, key and plan. Returns an answer when they are no good.
static struct answer *read_script(struct simulator *simulator, struct server_exchange *ex, struct ask *ask,
                                  struct script *script)
{
    const struct plan *plan = plans_find(&simulator->plans, ask->model, clock_wall_ms());
    struct script_error error;
    script_init(script);
    if (script_apply(script, &ex->arena, ask->model, &error) != 0) {
        return refuse_script(ex, ask, &error, "model");
    }
    if (script_apply(script, &ex->arena, ask->credential, &error) != 0) {
        return refuse_script(ex, ask, &error, "key");
    }
    if (plan && script_apply(script, &ex->arena, plan->script, &error) != 0) {
        return refuse_script(ex, ask, &error, "plan");
    }
    ask->plan = plan ? plan->number : 0;
    if (script_check(script, &error) != 0) {
        return refuse_script(ex, ask, &error, "model, key and plan");
    }
    return NULL;
}

static struct answer *answer_model(struct simulator *simulator, struct server_exchange *ex, const struct ask *ask,
                                   struct script *script)
{
    bool is_recording = simulator->journal.is_recording;
    struct answer_context context = {
        .id = is_recording ? ++simulator->last_id : 0,
        .input_tokens = is_recording ? 0 : FIXED_INPUT_TOKENS,
        .now_s = clock_wall_ms() / 1000,
        .body = ex->body,
    };
    struct slice fault = SLICE_EMPTY;
    accounts_decide(&simulator->accounts, &ex->arena, ask, script);
    if (!script->status && accounts_refuse(&simulator->accounts, ask, clock_wall_ms())) {
        script_heal(script);
        script->status = 401;
    } else if (!script->status && script->is_strict) {
        fault = critic_find_fault(ask, &ex->arena, ex->body);
    }
    if (!script->status && fault.len == 0 && script->no_prefill) {
        fault = critic_find_prefill(ask, &ex->arena, ex->body);
    }
    bool is_served = !script->status && fault.len == 0;
    accounts_note(&simulator->accounts, ask, is_served ? script : NULL, &context);
    if (fault.len > 0) {
        return refuse(ex, ask, 400, fault);
    }
    return is_served ? answer_compose(ask, script, &context)
                     : answer_error(ask->provider, (unsigned)script->status, SLICE_EMPTY, script);
}

static struct answer *answer_ask(struct simulator *simulator, struct server_exchange *ex, struct ask *ask)
{
    struct script script;
    struct answer *refusal = read_script(simulator, ex, ask, &script);
    if (refusal) {
        return refusal;
    }
    switch (ask->action) {
    case ASK_BALANCE:
    case ASK_ORGANIZATION: return accounts_tell(&simulator->accounts, &ex->arena, ask, &script, clock_wall_ms());
    case ASK_TOKEN: return accounts_grant(&simulator->accounts, &ex->arena, ask, &script, clock_wall_ms());
    case ASK_GENERATE:
    case ASK_COUNT_TOKENS:
    case ASK_LIST_MODELS: break;
    }
    return answer_model(simulator, ex, ask, &script);
}

// Says what is wrong with a request to the token endpoint; NULL: nothing.
static const char *read_form(struct server_exchange *ex, struct ask *ask)
{
    static const struct slice form_type = SLICE_INIT("application/x-www-form-urlencoded");
    const struct h1_field *type = h1_find_field(ex->req.fields, ex->req.n_fields, HEADER_CONTENT_TYPE);
    struct grant_form form;
    if (!type || !slice_starts_with_nocase(type->value, form_type)) {
        return "the body must be form-encoded";
    }
    if (!grants_read_form(&form, &ex->arena, ex->body)) {
        return "grant_type, refresh_token and client_id are wanted";
    }
    ask->credential = form.refresh_token;
    return slice_eq(form.grant_type, SLICE("refresh_token")) ? NULL : "grant_type must be refresh_token";
}

// What the body of a request says. Returns an answer when it is no good.
static struct answer *read_body(struct server_exchange *ex, struct ask *ask)
{
    if (ask->action == ASK_BALANCE || ask->action == ASK_ORGANIZATION) {
        return NULL;
    }
    if (ask->action == ASK_TOKEN) {
        struct script script;
        const char *fault = read_form(ex, ask);
        script_init(&script);
        return fault ? answer_grant_error(&script, 400, SLICE("invalid_request"), slice_from_cstr(fault)) : NULL;
    }
    return ask_body(ask, &ex->arena, ex->body) != 0 ? refuse(ex, ask, 400, slice_from_cstr(ask->error)) : NULL;
}

static struct answer *make_answer(struct simulator *simulator, struct server_exchange *ex, struct ask *ask)
{
    int r = ask_route(ask, &ex->arena, ex->req.method, ex->req.target);
    ask_headers(ask, ex->req.fields, ex->req.n_fields);
    if (r != 0) {
        return refuse(ex, ask, r == ASK_E_METHOD ? 405 : 404,
                      r == ASK_E_METHOD ? SLICE("another method is wanted here") : SLICE("nothing is at this path"));
    }
    if (ask->action == ASK_LIST_MODELS) {
        return answer_list_models(ask->provider);
    }
    struct answer *refusal = read_body(ex, ask);
    return refusal ? refusal : answer_ask(simulator, ex, ask);
}

// Everything of a request that an answer can depend on.
static size_t memo_parts(const struct server_exchange *ex, struct slice parts[6])
{
    static const enum header_name names[] = {HEADER_AUTHORIZATION, HEADER_X_API_KEY, HEADER_X_GOOG_API_KEY};
    size_t n = 0;
    parts[n++] = ex->req.method_text;
    parts[n++] = ex->req.target;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const struct h1_field *field = h1_find_field(ex->req.fields, ex->req.n_fields, names[i]);
        parts[n++] = field ? field->value : SLICE_EMPTY;
    }
    parts[n++] = ex->body;
    return n;
}

static struct answer *find_answer(struct simulator *simulator, struct server_exchange *ex, struct ask *ask)
{
    if (simulator->journal.is_recording || !plans_is_empty(&simulator->plans)) {
        return make_answer(simulator, ex, ask);
    }
    struct slice parts[6];
    size_t n_parts = memo_parts(ex, parts);
    struct answer *known = memo_find(&simulator->memo, parts, n_parts);
    if (known) {
        return answer_ref(known);
    }
    struct answer *answer = make_answer(simulator, ex, ask);
    // A list of models depends on more headers, and tokens and some directives on what came before.
    if (ex->req.method == HTTP_POST && ask->action != ASK_TOKEN && !accounts_matter(&answer->script)) {
        memo_add(&simulator->memo, answer);
    }
    return answer;
}

// ---- the exchange ---------------------------------------------------------------------------------------------------

static uint16_t peer_port(const struct server_exchange *ex)
{
    struct sockaddr_storage addr = {0};
    socklen_t len = sizeof(addr);
    if (getpeername(server_socket(ex), (struct sockaddr *)&addr, &len) != 0) {
        return 0;
    }
    return ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                            : ((struct sockaddr_in *)&addr)->sin_port);
}

static struct journal_entry *record(struct simulator *simulator, struct server_exchange *ex, const struct ask *ask)
{
    struct journal_request request = {.head = &ex->req};
    if (simulator->journal.is_recording) {
        request.body = ex->body;
        request.model = ask->model;
        request.key = ask->credential;
        request.peer_port = peer_port(ex);
        request.now_ns = ex->started_ns;
    }
    return journal_begin(&simulator->journal, &request);
}

static void on_request(void *arg, struct server_exchange *ex)
{
    struct simulator *simulator = arg;
    if (control(simulator, ex)) {
        return;
    }
    struct ask ask = {0};
    struct answer *answer = find_answer(simulator, ex, &ask);
    struct delivery *delivery = arena_zalloc(&ex->arena, sizeof(*delivery));
    delivery->entry = record(simulator, ex, &ask);
    ex->user = delivery;
    delivery_start_take(delivery, ex, answer, &simulator->pump);
}

static void on_drain(void *arg, struct server_exchange *ex)
{
    if (ex->user) {
        delivery_drained(ex->user);
    }
}

static void end(struct simulator *simulator, struct delivery *delivery, enum journal_outcome outcome)
{
    struct journal_told told;
    if (delivery_told(delivery, &told)) {
        journal_add_told(&simulator->journal, &told);
    }
    journal_end(&simulator->journal, delivery->entry, outcome, delivery->sent_bytes, clock_monotonic_ns());
    delivery_stop(delivery);
}

static void on_finished(void *arg, struct server_exchange *ex)
{
    if (ex->user) {
        end(arg, ex->user, JOURNAL_FINISHED);
    }
}

static void on_abort(void *arg, struct server_exchange *ex)
{
    struct simulator *simulator = arg;
    struct delivery *delivery = ex->user;
    if (delivery) {
        end(simulator, delivery, delivery_is_over(delivery) ? JOURNAL_FINISHED : JOURNAL_ABORTED);
    } else if (!slice_starts_with(ex->req.target, SLICE("/_sim/"))) {
        journal_count_abort(&simulator->journal, clock_monotonic_ns()); // while it was sending its request
    }
}

// Without this the server would not tell of clients that leave while sending.
static void on_head(void *arg, struct server_exchange *ex)
{
}

// ---- control routes -------------------------------------------------------------------------------------------------

static void respond_json(struct server_exchange *ex, unsigned status, struct slice body)
{
    server_respond(ex, status, SLICE("content-type: application/json\r\n"), body);
}

static void respond_requests(struct simulator *simulator, struct server_exchange *ex, struct slice query)
{
    struct slice text;
    uint64_t limit = LIST_DEFAULT;
    if (query.ptr && url_query_get(&ex->arena, query, SLICE("limit"), &text) && !slice_to_u64(text, &limit)) {
        respond_json(ex, 400, SLICE("{\"error\":\"limit is not a number\"}"));
        return;
    }
    struct buf out = BUF_EMPTY;
    journal_write_requests(&simulator->journal, &out, limit);
    respond_json(ex, 200, buf_slice(&out));
    buf_deinit(&out);
}

static void respond_stats(struct simulator *simulator, struct server_exchange *ex)
{
    struct buf out = BUF_EMPTY;
    journal_write_stats(&simulator->journal, &out, http_server_n_connections(simulator->server));
    respond_json(ex, 200, buf_slice(&out));
    buf_deinit(&out);
}

static void respond_keys(struct simulator *simulator, struct server_exchange *ex)
{
    struct buf out = BUF_EMPTY;
    ledger_write(&simulator->accounts.ledger, &out);
    respond_json(ex, 200, buf_slice(&out));
    buf_deinit(&out);
}

static void respond_tokens(struct simulator *simulator, struct server_exchange *ex)
{
    struct buf out = BUF_EMPTY;
    grants_write(&simulator->accounts.grants, &out);
    respond_json(ex, 200, buf_slice(&out));
    buf_deinit(&out);
}

// "/_sim/requests/{id}/body"
static void respond_body(struct simulator *simulator, struct server_exchange *ex, struct slice rest)
{
    uint64_t id;
    struct slice body;
    if (slice_to_u64(slice_split(&rest, '/'), &id) && slice_eq(rest, SLICE("body")) &&
        journal_find_body(&simulator->journal, id, &body)) {
        server_respond(ex, 200, SLICE("content-type: application/octet-stream\r\n"), body);
    } else {
        respond_json(ex, 404, SLICE("{\"error\":\"no such request, or its body is gone\"}"));
    }
}

static void forget(struct simulator *simulator, struct server_exchange *ex)
{
    journal_forget(&simulator->journal);
    accounts_forget(&simulator->accounts);
    server_respond(ex, 204, SLICE_EMPTY, SLICE_EMPTY);
}

// What is wrong with the directives of a plan, in the exchange's memory; empty: nothing.
static struct slice find_plan_fault(struct server_exchange *ex, struct slice text)
{
    struct script script;
    struct script_error error;
    script_init(&script);
    if (script_apply(&script, &ex->arena, text, &error) == 0 && script_check(&script, &error) == 0) {
        return SLICE_EMPTY;
    }
    return arena_printf(&ex->arena, "{\"error\":\"bad directive in the script: %s\"}", error.reason);
}

// "/_sim/plans/{model}?script=…&ms=…"
static void set_plan(struct simulator *simulator, struct server_exchange *ex, struct slice model, struct slice query)
{
    struct slice script = SLICE_EMPTY;
    struct slice text;
    uint64_t ms = 0;
    bool has_script = query.ptr && url_query_get(&ex->arena, query, SLICE("script"), &script);
    if (!has_script || (url_query_get(&ex->arena, query, SLICE("ms"), &text) && !slice_to_u64(text, &ms))) {
        respond_json(ex, 400, SLICE("{\"error\":\"script is wanted, and ms must be a number\"}"));
        return;
    }
    script = arena_printf(&ex->arena, "~%.*s", SLICE_ARG(script));
    struct slice fault = find_plan_fault(ex, script);
    if (fault.len > 0) {
        respond_json(ex, 400, fault);
        return;
    }
    plans_set(&simulator->plans, model, script, ms ? clock_wall_ms() + (int64_t)ms : 0);
    server_respond(ex, 204, SLICE_EMPTY, SLICE_EMPTY);
}

static void change_plan(struct simulator *simulator, struct server_exchange *ex, struct slice encoded,
                        struct slice query)
{
    struct slice model;
    if (!url_decode(&ex->arena, encoded, &model) || model.len == 0) {
        respond_json(ex, 400, SLICE("{\"error\":\"which model?\"}"));
    } else if (ex->req.method == HTTP_PUT) {
        set_plan(simulator, ex, model, query);
    } else {
        plans_drop(&simulator->plans, model);
        server_respond(ex, 204, SLICE_EMPTY, SLICE_EMPTY);
    }
}

// False: it is traffic.
static bool control(struct simulator *simulator, struct server_exchange *ex)
{
    static const struct slice one_request = SLICE_INIT("/_sim/requests/");
    static const struct slice one_plan = SLICE_INIT("/_sim/plans/");
    struct url url;
    if (!slice_starts_with(ex->req.target, SLICE("/_sim/")) || url_parse_target(&url, ex->req.target) != 0) {
        return false;
    }
    bool is_get = ex->req.method == HTTP_GET;
    if (is_get && slice_eq(url.path, SLICE("/_sim/stats"))) {
        respond_stats(simulator, ex);
    } else if (is_get && slice_eq(url.path, SLICE("/_sim/keys"))) {
        respond_keys(simulator, ex);
    } else if (is_get && slice_eq(url.path, SLICE("/_sim/tokens"))) {
        respond_tokens(simulator, ex);
    } else if (is_get && slice_eq(url.path, SLICE("/_sim/requests"))) {
        respond_requests(simulator, ex, url.query);
    } else if (ex->req.method == HTTP_DELETE && slice_eq(url.path, SLICE("/_sim/requests"))) {
        forget(simulator, ex);
    } else if (is_get && slice_starts_with(url.path, one_request)) {
        respond_body(simulator, ex, slice_after(url.path, one_request.len));
    } else if ((ex->req.method == HTTP_PUT || ex->req.method == HTTP_DELETE) && slice_starts_with(url.path, one_plan)) {
        change_plan(simulator, ex, slice_after(url.path, one_plan.len), url.query);
    } else {
        respond_json(ex, 404, SLICE("{\"error\":\"no such control route\"}"));
    }
    return true;
}

// ---- the simulator --------------------------------------------------------------------------------------------------

struct simulator *simulator_new(struct loop *loop, const struct simulator_options *options)
{
    static const struct http_server_handler handler = {
        .on_head = on_head,
        .on_request = on_request,
        .on_drain = on_drain,
        .on_finished = on_finished,
        .on_abort = on_abort,
    };
    struct http_server_limits limits = http_server_limits_default;
    limits.body_max = BODY_MAX;
    limits.connections_max = CONNECTIONS_MAX;
    limits.header_timeout_ms = PATIENCE_MS;
    limits.idle_timeout_ms = PATIENCE_MS;
    limits.body_timeout_ms = PATIENCE_MS;
    limits.send_timeout_ms = PATIENCE_MS;
    struct simulator *simulator = mem_zalloc(sizeof(*simulator));
    simulator->server = http_server_new(loop, &limits, &handler, simulator);
    journal_init(&simulator->journal, options->is_recording);
    delivery_pump_init(&simulator->pump, loop);
    memo_init(&simulator->memo);
    accounts_init(&simulator->accounts);
    plans_init(&simulator->plans);
    return simulator;
}

void simulator_listen_take(struct simulator *simulator, int fd)
{
    http_server_listen_take(simulator->server, fd);
}

void simulator_close(struct simulator *simulator)
{
    http_server_abort_all(simulator->server);
    delivery_pump_close(&simulator->pump);
}

void simulator_free(struct simulator *simulator)
{
    http_server_free(simulator->server);
    journal_deinit(&simulator->journal);
    memo_deinit(&simulator->memo);
    accounts_deinit(&simulator->accounts);
    plans_deinit(&simulator->plans);
    mem_free(simulator);
}

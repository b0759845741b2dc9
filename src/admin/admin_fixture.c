// SPDX-License-Identifier: MIT
#include "admin/admin_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/live_log.h"
#include "base/clock.h"
#include "http/chunked.h"
#include "http/client.h"
#include "kit/loopback.h"

enum { RING_SIZE = 1 << 20 };

// ---- the outside ----------------------------------------------------------------------------------------------------

static void answer(struct admin_fixture *f, struct server_exchange *ex)
{
    server_respond(ex, f->outside_status, SLICE("content-type: application/json\r\n"),
                   slice_from_cstr(f->outside_body));
}

static void on_outside_request(void *arg, struct server_exchange *ex)
{
    struct admin_fixture *f = arg;
    f->n_outside++;
    if (f->outside_waits) {
        assert_true(f->n_waiting < sizeof(f->waiting) / sizeof(*f->waiting));
        f->waiting[f->n_waiting++] = ex;
    } else {
        answer(f, ex);
    }
}

static void on_outside_abort(void *arg, struct server_exchange *ex)
{
    struct admin_fixture *f = arg;
    for (size_t i = 0; i < f->n_waiting; i++) {
        if (f->waiting[i] == ex) {
            f->waiting[i] = f->waiting[--f->n_waiting];
        }
    }
}

static void ignore(void *arg, struct server_exchange *ex)
{
    (void)arg;
    (void)ex;
}

static const struct http_server_handler outside_handler = {
    .on_request = on_outside_request,
    .on_drain = ignore,
    .on_finished = ignore,
    .on_abort = on_outside_abort,
};

void admin_fixture_release(struct admin_fixture *f)
{
    while (f->n_waiting) {
        answer(f, f->waiting[--f->n_waiting]);
    }
}

// ---- start and end --------------------------------------------------------------------------------------------------

static void open_pool(struct admin_fixture *f)
{
    struct key_store_options options = {.folder = "data", .settings = key_settings_default, .notes_max = 1000};
    struct buf errors = BUF_EMPTY;
    char url[64];
    assert_int_equal(key_table_create(&f->table), 0);
    f->store = key_store_open(&f->loop, &f->table, &options, &errors);
    if (!f->store) {
        fail_msg("%.*s", SLICE_ARG(buf_slice(&errors)));
    }
    buf_deinit(&errors);
    f->http = http_client_new(&f->loop, &http_client_limits_default);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", f->outside_port);
    f->balances = balance_sync_new(&(struct balance_sync_options){
        .loop = &f->loop, .client = f->http, .store = f->store, .table = &f->table, .folder = "data"});
    f->tester = key_tester_new(&(struct key_tester_options){
        .loop = &f->loop, .client = f->http, .store = f->store, .table = &f->table, .url = url});
    f->history = history_new(&(struct history_options){
        .loop = &f->loop, .folder = "data", .retention_days = f->config->config->retention_days});
    f->ring_memory = aligned_alloc(64, RING_SIZE);
    memset(f->ring_memory, 0, RING_SIZE);
    f->feed = usage_feed_new(shm_ring_of(f->ring_memory, RING_SIZE));
    history_add_ring(f->history, shm_ring_of(f->ring_memory, RING_SIZE));
    balance_sync_set_config(f->balances, f->config->config);
    key_tester_set_config(f->tester, f->config->config);
}

static struct admin_options options_of(struct admin_fixture *f)
{
    return (struct admin_options){.loop = &f->loop,
                                  .config = f->config->config,
                                  .table = &f->table,
                                  .store = f->store,
                                  .tester = f->tester,
                                  .balances = f->balances,
                                  .history = f->history,
                                  .live_log = f->live_log,
                                  .mode = "solo",
                                  .n_workers = 1,
                                  .started_wall_ms = clock_wall_ms() - 5000};
}

static void load(struct admin_fixture *f, const char *environment)
{
    char text[512];
    char json[512];
    snprintf(json, sizeof(json),
             "{\"endpoint\":[{\"name\":\"e\",\"type\":\"common\",\"base_url\":\"http://127.0.0.1:%u\"}],"
             "\"models\":[{\"id\":\"small\",\"type\":\"common\",\"endpoint\":\"e\",\"upstream_model\":\"small-2\"}],"
             "\"proxies\":[{\"name\":\"p1\",\"url\":\"http://127.0.0.1:9\"}],"
             "\"balance_sync\":{\"base_url\":\"http://127.0.0.1:%u\"}}",
             f->outside_port, f->outside_port);
    config_fixture_write("data/config.json", json);
    snprintf(text, sizeof(text), "ADMIN_ACCESS_KEY=" ADMIN_FIXTURE_KEY "\n%s", environment);
    if (!config_fixture_load(f->config, text, false)) {
        fail_msg("%s", config_fixture_errors(f->config));
    }
}

void admin_fixture_configure(struct admin_fixture *f, const char *environment)
{
    load(f, environment);
    admin_set_config(f->admin, f->config->config);
}

static void serve(struct admin_fixture *f)
{
    struct http_server_limits limits = http_server_limits_default;
    struct admin_options options = options_of(f);
    f->admin = admin_new(&options);
    f->server = http_server_new(&f->loop, &limits, &admin_handler, f->admin);
    http_server_listen_take(f->server, loopback_listen(&f->port));
    loopback_connect(f->client, f->port);
}

int admin_fixture_setup(void **state)
{
    struct admin_fixture *f = mem_zalloc(sizeof(*f));
    if (config_fixture_setup((void **)&f->config) != 0) {
        return -1;
    }
    f->outside_status = 200;
    f->outside_body = "{}";
    f->client = mem_zalloc(sizeof(*f->client));
    arena_init(&f->arena, 4096);
    loop_init(&f->loop);
    f->outside = http_server_new(&f->loop, &http_server_limits_default, &outside_handler, f);
    http_server_listen_take(f->outside, loopback_listen(&f->outside_port));
    load(f, "");
    f->live_log = live_log_new();
    open_pool(f);
    serve(f);
    *state = f;
    return 0;
}

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

static bool is_true(void *arg)
{
    return *(bool *)arg;
}

// As the process ends them: first who asks, then who is asked.
static void close_pool(struct admin_fixture *f)
{
    bool is_closed = false;
    loopback_close(f->client);
    http_server_abort_all(f->server);
    key_tester_close(f->tester);
    balance_sync_close(f->balances);
    key_store_close(f->store, on_closed, &is_closed);
    assert_true(loopback_until(&f->loop, is_true, &is_closed));
    is_closed = false;
    history_close(f->history, on_closed, &is_closed);
    assert_true(loopback_until(&f->loop, is_true, &is_closed));
    http_client_close(f->http);
}

static void free_pool(struct admin_fixture *f)
{
    http_server_free(f->server);
    admin_free(f->admin);
    history_free(f->history);
    usage_feed_free(f->feed);
    free(f->ring_memory);
    key_tester_free(f->tester);
    balance_sync_free(f->balances);
    key_store_free(f->store);
    http_client_free(f->http);
    key_table_close(&f->table);
}

int admin_fixture_teardown(void **state)
{
    struct admin_fixture *f = *state;
    close_pool(f);
    http_server_abort_all(f->outside);
    loop_deinit(&f->loop);
    free_pool(f);
    http_server_free(f->outside);
    live_log_free(f->live_log);
    arena_deinit(&f->arena);
    int r = config_fixture_teardown((void **)&f->config);
    mem_free(f->client);
    mem_free(f);
    return r;
}

void admin_fixture_restart(struct admin_fixture *f)
{
    close_pool(f);
    http_server_abort_all(f->outside);
    loop_deinit(&f->loop);
    free_pool(f);
    http_server_free(f->outside);
    loop_init(&f->loop);
    f->outside = http_server_new(&f->loop, &http_server_limits_default, &outside_handler, f);
    http_server_listen_take(f->outside, loopback_listen(&f->outside_port));
    load(f, "");
    open_pool(f);
    serve(f);
}

// ---- asking ---------------------------------------------------------------------------------------------------------

void admin_fixture_send(struct admin_fixture *f, const char *method, const char *target, const char *headers,
                        struct slice body)
{
    struct buf request = BUF_EMPTY;
    if (f->client->has_ended) {
        loopback_close(f->client);
        loopback_connect(f->client, f->port);
    }
    buf_clear(&f->client->received);
    buf_printf(&request, "%s %s HTTP/1.1\r\nHost: a\r\n%s", method, target, headers);
    if (body.len) {
        buf_printf(&request, "Content-Length: %zu\r\n", body.len);
    }
    buf_append(&request, SLICE("\r\n"));
    buf_append(&request, body);
    loopback_send(f->client, &f->loop, buf_slice(&request));
    buf_deinit(&request);
}

static void receive_chunks(struct admin_fixture *f, size_t head_len)
{
    struct chunked_decoder decoder = {0};
    struct buf body = BUF_EMPTY;
    size_t at = head_len;
    for (bool is_done = false; !is_done;) {
        assert_true(loopback_receive_bytes(f->client, &f->loop, at + 1));
        char *bytes = f->client->received.ptr + at;
        size_t data_len;
        size_t used;
        enum chunked_result result = chunked_decode(&decoder, bytes, f->client->received.len - at, &data_len, &used);
        assert_int_not_equal(result, CHUNKED_BAD);
        buf_append(&body, slice_of(bytes, data_len));
        at += used;
        is_done = result == CHUNKED_DONE;
    }
    f->body = arena_dup(&f->arena, buf_slice(&body));
    buf_deinit(&body);
}

static void receive_body(struct admin_fixture *f, const struct h1_response *resp, size_t head_len)
{
    f->was_chunked = resp->is_chunked;
    if (resp->is_chunked) {
        receive_chunks(f, head_len);
        return;
    }
    assert_int_not_equal(resp->content_length, H1_NO_LENGTH);
    size_t len = (size_t)resp->content_length;
    assert_true(loopback_receive_bytes(f->client, &f->loop, head_len + len));
    f->body = arena_dup(&f->arena, slice_of(f->client->received.ptr + head_len, len));
}

void admin_fixture_receive(struct admin_fixture *f, bool is_head)
{
    static const struct h1_limits limits = {.start_line_max = 8192, .head_max = 65536, .fields_max = H1_FIELDS_MAX};
    struct h1_field fields[H1_FIELDS_MAX];
    struct h1_response resp = {.fields = fields};
    arena_reset(&f->arena);
    assert_true(loopback_receive_text(f->client, &f->loop, SLICE("\r\n\r\n")));
    size_t head_len = slice_find(buf_slice(&f->client->received), SLICE("\r\n\r\n")) + 4;
    f->head = arena_dup(&f->arena, slice_of(f->client->received.ptr, head_len));
    assert_int_equal(h1_parse_response(&resp, f->head.ptr, head_len, &limits), H1_OK);
    f->status = resp.status;
    f->body = SLICE_EMPTY;
    if (!is_head) {
        receive_body(f, &resp, head_len);
    }
    f->is_json = f->body.len && json_parse(&f->doc, &f->arena, f->body, NULL) == 0;
}

void admin_fixture_ask_with(struct admin_fixture *f, const char *method, const char *target, const char *headers,
                            struct slice body)
{
    admin_fixture_send(f, method, target, headers, body);
    admin_fixture_receive(f, strcmp(method, "HEAD") == 0);
}

void admin_fixture_ask(struct admin_fixture *f, const char *method, const char *target, const char *body)
{
    admin_fixture_ask_with(f, method, target, "x-admin-key: " ADMIN_FIXTURE_KEY "\r\n", slice_from_cstr(body));
}

// ---- looking --------------------------------------------------------------------------------------------------------

static const struct json_node *element(struct admin_fixture *f, const struct json_node *array, uint64_t index)
{
    const struct json_node *value = NULL;
    for (uint64_t i = 0; i <= index; i++) {
        if (!json_next_element(&f->doc, array, &value)) {
            return NULL;
        }
    }
    return value;
}

const struct json_node *admin_fixture_find(struct admin_fixture *f, const char *path)
{
    struct slice rest = slice_from_cstr(path);
    const struct json_node *node = f->is_json ? json_root(&f->doc) : NULL;
    while (node && rest.ptr) {
        struct slice name = slice_split(&rest, '.');
        uint64_t index;
        bool is_index = json_is(node, JSON_ARRAY) && slice_to_u64(name, &index);
        node = is_index ? element(f, node, index) : json_get(&f->doc, node, name);
    }
    return node;
}

static const struct json_node *expect(struct admin_fixture *f, const char *path, enum json_type type)
{
    const struct json_node *node = admin_fixture_find(f, path);
    if (!json_is(node, type)) {
        fail_msg("%s is not what it should be in %.*s", path, SLICE_ARG(f->body));
    }
    return node;
}

const char *admin_fixture_text(struct admin_fixture *f, const char *path)
{
    return arena_cstr(&f->arena, json_string(&f->doc, expect(f, path, JSON_STRING), &f->arena));
}

int64_t admin_fixture_int(struct admin_fixture *f, const char *path)
{
    int64_t value = 0;
    assert_true(json_int64(&f->doc, expect(f, path, JSON_NUMBER), &value));
    return value;
}

bool admin_fixture_bool(struct admin_fixture *f, const char *path)
{
    const struct json_node *node = admin_fixture_find(f, path);
    if (!json_is(node, JSON_TRUE) && !json_is(node, JSON_FALSE)) {
        fail_msg("%s is neither true nor false in %.*s", path, SLICE_ARG(f->body));
    }
    return json_is(node, JSON_TRUE);
}

bool admin_fixture_is_null(struct admin_fixture *f, const char *path)
{
    return json_is(admin_fixture_find(f, path), JSON_NULL);
}

size_t admin_fixture_count(struct admin_fixture *f, const char *path)
{
    const struct json_node *array = expect(f, path, JSON_ARRAY);
    const struct json_node *value = NULL;
    size_t n = 0;
    while (json_next_element(&f->doc, array, &value)) {
        n++;
    }
    return n;
}

const char *admin_fixture_header(struct admin_fixture *f, const char *name)
{
    char line[64];
    snprintf(line, sizeof(line), "\r\n%s: ", name);
    size_t at = slice_find(f->head, slice_from_cstr(line));
    if (at == SLICE_NOT_FOUND) {
        return NULL;
    }
    struct slice rest = slice_after(f->head, at + strlen(line));
    return arena_cstr(&f->arena, slice_split(&rest, '\r'));
}

void admin_fixture_expect(struct admin_fixture *f, unsigned status)
{
    if (f->status != status) {
        fail_msg("%u instead of %u: %.*s", f->status, status, SLICE_ARG(f->body));
    }
    assert_int_equal(admin_fixture_bool(f, "success"), status == 200);
    if (status == 200) {
        assert_non_null(admin_fixture_find(f, "data"));
    } else {
        assert_true(strlen(admin_fixture_text(f, "error")) > 0);
        assert_true(strlen(admin_fixture_text(f, "message")) > 0);
    }
}

const char *admin_fixture_add(struct admin_fixture *f, const char *secret, const char *group)
{
    char body[256];
    static char ids[64][48];
    static size_t n;
    char *id = ids[n++ % 64];
    snprintf(body, sizeof(body), "{\"key\":\"%s\",\"poolGroup\":\"%s\"}", secret, group);
    admin_fixture_ask(f, "POST", "/admin/keys", body);
    admin_fixture_expect(f, 200);
    snprintf(id, sizeof(ids[0]), "%s", admin_fixture_text(f, "data.id"));
    return id;
}

void admin_fixture_add_group(struct admin_fixture *f, const char *id)
{
    char body[128];
    snprintf(body, sizeof(body), "{\"id\":\"%s\",\"name\":\"A group\",\"priority\":1}", id);
    admin_fixture_ask(f, "POST", "/admin/pool-groups", body);
    admin_fixture_expect(f, 200);
}

void admin_fixture_tell(struct admin_fixture *f, const struct request_facts *facts)
{
    usage_feed_add(f->feed, facts);
}

uint32_t admin_fixture_slot(struct admin_fixture *f, const char *secret)
{
    const struct key_record *record = key_store_find_secret(f->store, slice_from_cstr(secret));
    assert_non_null(record);
    assert_int_not_equal(record->slot, KEY_NO_SLOT);
    return record->slot;
}

void admin_fixture_put_aside(struct admin_fixture *f, const char *secret, enum key_status status)
{
    assert_true(key_table_set_status(&f->table, admin_fixture_slot(f, secret), KEY_ACTIVE, status));
}

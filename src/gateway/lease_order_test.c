// SPDX-License-Identifier: MIT
// What an answer has done to its key is in the table before the answer's end leaves: who tests a key looks there next.
// A second thread plays the client, so that it can look while the gateway still runs.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "account/key_test.h"
#include "base/clock.h"
#include "base/hex.h"
#include "config/config_fixture.h"
#include "gateway/gateway.h"
#include "kit/loopback.h"

enum { ROUNDS = 40 };

struct fixture {
    struct config_fixture *config;
    struct loop loop;
    struct key_table table;
    uint32_t slot;
    struct gateway *gateway;
    struct loopback_client upstream;
    int upstream_listener;
    uint16_t upstream_port;
    uint16_t port;
};

// One request, seen by the thread that makes it.
struct client {
    int fd;
    const struct key_slot *slot;
    struct slice request;
    struct slice end; // of the answer
    char answer[4096];
    size_t answer_len;
    bool has_answer;
    unsigned test_result; // at its last byte
    unsigned status;
    _Atomic bool is_done;
};

static int set_up(void **state)
{
    static struct fixture f;
    void *config;
    char json[512];
    f = (struct fixture){.upstream = {.fd = -1}};
    assert_int_equal(config_fixture_setup(&config), 0);
    f.config = config;
    loop_init(&f.loop);
    f.upstream_listener = loopback_listen(&f.upstream_port);
    snprintf(json, sizeof(json),
             "{\"endpoint\": [{\"name\": \"e\", \"base_url\": \"http://127.0.0.1:%u/v1\"}],\n"
             " \"models\": [{\"id\": \"chat\", \"type\": \"common\", \"endpoint\": \"e\"}]}",
             f.upstream_port);
    config_fixture_write("data/config.json", json);
    assert_int_equal(key_table_create(&f.table), 0);
    struct key_info info = {.id = SLICE("one"), .secret = SLICE("key-one"), .weight = 1};
    int64_t slot = key_table_add(&f.table, &info, NULL, NULL);
    assert_true(slot >= 0);
    f.slot = (uint32_t)slot;
    struct config *loaded = config_fixture_load(f.config, NULL, false);
    assert_non_null(loaded);
    f.gateway = gateway_new(&f.loop, &(struct gateway_options){.config = loaded, .keys = &f.table});
    gateway_listen_take(f.gateway, loopback_listen(&f.port));
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    gateway_close(f->gateway);
    loop_deinit(&f->loop);
    gateway_free(f->gateway);
    key_table_close(&f->table);
    loopback_close(&f->upstream);
    close(f->upstream_listener);
    return config_fixture_teardown((void **)&f->config);
}

// ---- the client -----------------------------------------------------------------------------------------------------

static bool has_all(const struct client *client)
{
    struct slice answer = slice_of(client->answer, client->answer_len);
    return answer.len > client->end.len && slice_eq(slice_after(answer, answer.len - client->end.len), client->end);
}

// Does not sleep for the answer: it is to look as soon as can be.
static void *run_client(void *arg)
{
    struct client *client = arg;
    uint64_t limit_ns = clock_monotonic_ns() + UINT64_C(1000000) * LOOPBACK_LIMIT_MS;
    ssize_t n = send(client->fd, client->request.ptr, client->request.len, MSG_NOSIGNAL);
    while (n != 0 && !has_all(client) && clock_monotonic_ns() < limit_ns) {
        n = recv(client->fd, client->answer + client->answer_len, sizeof(client->answer) - client->answer_len,
                 MSG_DONTWAIT);
        client->answer_len += n > 0 ? (size_t)n : 0;
    }
    client->test_result = atomic_load(&client->slot->test_result);
    client->status = atomic_load(&client->slot->status);
    client->has_answer = has_all(client);
    atomic_store(&client->is_done, true);
    return NULL;
}

static bool is_done(void *arg)
{
    struct client *client = arg;
    return atomic_load(&client->is_done);
}

// ---- the upstream ---------------------------------------------------------------------------------------------------

static bool has_connection(void *arg)
{
    struct fixture *f = arg;
    if (f->upstream.fd < 0) {
        f->upstream.fd = accept4(f->upstream_listener, NULL, NULL, SOCK_CLOEXEC);
    }
    return f->upstream.fd >= 0;
}

static void serve(struct fixture *f, struct slice answer)
{
    assert_true(loopback_until(&f->loop, has_connection, f));
    buf_clear(&f->upstream.received);
    assert_true(loopback_receive_text(&f->upstream, &f->loop, SLICE("\r\n\r\n{")));
    assert_true(loopback_receive_text(&f->upstream, &f->loop, SLICE("}]")));
    loopback_send(&f->upstream, &f->loop, answer);
}

// ---- together -------------------------------------------------------------------------------------------------------

static void write_request(const struct fixture *f, const char *target, const char *body, struct buf *out)
{
    char token[2 * KEY_TOKEN_SIZE];
    hex_write_bytes(token, key_table_token(&f->table).ptr, KEY_TOKEN_SIZE);
    buf_printf(out, "POST %s HTTP/1.1\r\nhost: a\r\ncontent-length: %zu\r\n" KEY_TEST_HEADER ": %.*s %u %u\r\n\r\n%s",
               target, strlen(body), (int)sizeof(token), token, f->slot,
               atomic_load(&key_of(&f->table, f->slot)->identity), body);
}

static void test_once(struct fixture *f, struct slice request, struct slice answer, struct slice end)
{
    struct key_slot *slot = key_of(&f->table, f->slot);
    struct loopback_client connection;
    pthread_t thread;
    atomic_store(&slot->test_result, KEY_UNTESTED);
    assert_true(key_table_set_status(&f->table, f->slot, KEY_ACTIVE, KEY_BANNED));
    loopback_connect(&connection, f->port);
    struct client client = {.fd = connection.fd, .slot = slot, .request = request, .end = end};
    assert_int_equal(pthread_create(&thread, NULL, run_client, &client), 0);
    serve(f, answer);
    loopback_until(&f->loop, is_done, &client);
    pthread_join(thread, NULL);
    loopback_close(&connection);
    if (!client.has_answer) {
        fail_msg("no whole answer: %.*s", (int)client.answer_len, client.answer);
    }
    assert_int_equal(client.test_result, KEY_TEST_SUCCESS);
    assert_int_equal(client.status, KEY_ACTIVE);
}

#define STREAM_HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
#define JSON_HEAD "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 76\r\n\r\n"
#define QUESTION "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}"

static void the_table_knows_before_the_answer_ends(void **state)
{
    static const struct slice json = SLICE_INIT(
        JSON_HEAD "{\"choices\":[{\"message\":{\"content\":\"OK, or not OK\"},\"finish_reason\":\"stop\"}]}");
    static const struct slice stream = SLICE_INIT(
        STREAM_HEAD "39\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"O\"},\"index\":0}]}\n\n\r\n"
                    "43\r\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\",\"index\":0}]}\n\n\r\n"
                    "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    static const struct {
        const char *target;
        const char *body;
        const struct slice *answer;
        struct slice end;
    } rows[] = {
        {"/v1/chat/completions", "{\"model\":\"chat\"," QUESTION, &json, SLICE_INIT("}")},
        {"/v1/chat/completions", "{\"model\":\"chat\",\"stream\":true," QUESTION, &stream, SLICE_INIT("0\r\n\r\n")},
        {"/v1/messages", "{\"model\":\"chat\",\"max_tokens\":9," QUESTION, &json, SLICE_INIT("}")},
        {"/v1/messages", "{\"model\":\"chat\",\"max_tokens\":9,\"stream\":true," QUESTION, &stream,
         SLICE_INIT("0\r\n\r\n")},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ROUNDS * sizeof(rows) / sizeof(*rows); i++) {
        size_t row = i / ROUNDS;
        struct buf request = BUF_EMPTY;
        write_request(f, rows[row].target, rows[row].body, &request);
        test_once(f, buf_slice(&request), *rows[row].answer, rows[row].end);
        buf_deinit(&request);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_table_knows_before_the_answer_ends, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

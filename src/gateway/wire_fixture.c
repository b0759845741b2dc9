// SPDX-License-Identifier: MIT
#include "gateway/wire_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { USAGE_RING_SIZE = 64 * 1024 };

void wire_write_config(struct wire *f, const char *json)
{
    struct buf text = BUF_EMPTY;
    for (const char *at = json, *mark; *at; at = mark) {
        mark = strstr(at, "%u");
        mark = mark ? mark : at + strlen(at);
        buf_append(&text, slice_of(at, (size_t)(mark - at)));
        if (*mark) {
            buf_append_u64(&text, f->upstream_port);
            mark += 2;
        }
    }
    buf_append_char(&text, '\0');
    config_fixture_write("data/config.json", text.ptr);
    buf_deinit(&text);
}

void wire_add_keys(struct wire *f, unsigned n)
{
    assert_int_equal(key_table_create(&f->keys), 0);
    f->has_keys = true;
    for (unsigned i = 0; i < n; i++) {
        char id[16];
        char secret[16];
        snprintf(id, sizeof(id), "id-%u", i);
        snprintf(secret, sizeof(secret), "key-%u", i);
        struct key_info info = {.id = slice_from_cstr(id), .secret = slice_from_cstr(secret), .weight = 1};
        assert_true(key_table_add(&f->keys, &info, NULL, NULL) >= 0);
    }
}

void wire_start(struct wire *f, const char *environment)
{
    struct config *config = config_fixture_load(f->config, environment, false);
    if (!config) {
        print_error("%s", config_fixture_errors(f->config));
    }
    assert_non_null(config);
    f->gateway = gateway_new(&f->loop, &(struct gateway_options){
                                           .config = config,
                                           .keys = f->has_keys ? &f->keys : NULL,
                                           .usage = f->usage,
                                       });
    gateway_listen_take(f->gateway, loopback_listen(&f->port));
    loopback_connect(&f->client, f->port);
}

static void open_usage(struct wire *f)
{
    f->usage_memory = aligned_alloc(64, USAGE_RING_SIZE);
    memset(f->usage_memory, 0, USAGE_RING_SIZE);
    f->usage_ring = shm_ring_of(f->usage_memory, USAGE_RING_SIZE);
    f->usage = usage_feed_new(f->usage_ring);
    arena_init(&f->usage_arena, 1024);
}

int wire_set_up(void **state)
{
    struct wire *f = mem_zalloc(sizeof(*f));
    void *config;
    f->client.fd = -1;
    f->upstream.fd = -1;
    assert_int_equal(config_fixture_setup(&config), 0);
    f->config = config;
    open_usage(f);
    loop_init(&f->loop);
    f->upstream_listener = loopback_listen(&f->upstream_port);
    *state = f;
    return 0;
}

int wire_tear_down(void **state)
{
    struct wire *f = *state;
    if (!f->is_closed) {
        gateway_close(f->gateway);
    }
    loop_deinit(&f->loop);
    gateway_free(f->gateway);
    usage_feed_free(f->usage);
    free(f->usage_memory);
    arena_deinit(&f->usage_arena);
    loopback_close(&f->client);
    loopback_close(&f->upstream);
    close(f->upstream_listener);
    if (f->has_keys) {
        key_table_close(&f->keys);
    }
    int r = config_fixture_teardown((void **)&f->config);
    mem_free(f);
    return r;
}

void wire_reconnect(struct wire *f)
{
    loopback_close(&f->client);
    loopback_connect(&f->client, f->port);
}

void wire_ask(struct wire *f, const char *target, const char *headers, const char *body)
{
    struct buf request = BUF_EMPTY;
    buf_printf(&request, "POST %s HTTP/1.1\r\nhost: a\r\ncontent-length: %zu\r\n%s\r\n%s", target, strlen(body),
               headers, body);
    loopback_send(&f->client, &f->loop, buf_slice(&request));
    buf_deinit(&request);
}

static bool has_connection(void *arg)
{
    struct wire *f = arg;
    if (f->upstream.fd < 0) {
        f->upstream = (struct loopback_client){.fd = accept4(f->upstream_listener, NULL, NULL, SOCK_CLOEXEC)};
    }
    return f->upstream.fd >= 0;
}

// A connection that is closed with something unread in it is reset, and its answer lost: so all of it is read.
struct slice wire_take_request(struct wire *f)
{
    static const struct slice name = SLICE_INIT("\r\ncontent-length: ");
    struct loopback_client *upstream = &f->upstream;
    assert_true(loopback_until(&f->loop, has_connection, f));
    buf_clear(&upstream->received);
    assert_true(loopback_receive_text(upstream, &f->loop, SLICE("\r\n\r\n")));
    struct slice received = buf_slice(&upstream->received);
    size_t head = slice_find(received, SLICE("\r\n\r\n")) + 4;
    size_t at = slice_find(received, name);
    size_t body = at < head ? strtoul(received.ptr + at + name.len, NULL, 10) : 0;
    assert_true(loopback_receive_bytes(upstream, &f->loop, head + body));
    return buf_slice(&upstream->received);
}

void wire_answer(struct wire *f, const char *bytes)
{
    loopback_send(&f->upstream, &f->loop, slice_from_cstr(bytes));
}

void wire_answer_and_close(struct wire *f, const char *bytes)
{
    wire_answer(f, bytes);
    loopback_close(&f->upstream);
}

bool wire_client_sees(struct wire *f, const char *text)
{
    return loopback_receive_text(&f->client, &f->loop, slice_from_cstr(text));
}

struct slice wire_received(const struct wire *f)
{
    return buf_slice(&f->client.received);
}

bool wire_has_text(struct slice bytes, const char *text)
{
    return slice_find(bytes, slice_from_cstr(text)) != SLICE_NOT_FOUND;
}

bool wire_is_idle(void *wire)
{
    return gateway_n_inflight(((struct wire *)wire)->gateway) == 0;
}

static bool has_facts(void *arg)
{
    struct wire *f = arg;
    return shm_ring_peek(&f->usage_ring).ptr;
}

struct request_facts wire_take_facts(struct wire *f)
{
    struct request_facts facts;
    arena_reset(&f->usage_arena);
    assert_true(loopback_until(&f->loop, has_facts, f));
    struct slice message = arena_dup(&f->usage_arena, shm_ring_peek(&f->usage_ring));
    shm_ring_pop(&f->usage_ring);
    assert_int_equal(message.ptr[0], USAGE_REQUEST);
    assert_true(request_record_decode(slice_after(message, 1), &f->usage_arena, &facts));
    return facts;
}

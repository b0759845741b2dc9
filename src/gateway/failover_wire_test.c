// SPDX-License-Identifier: MIT
// Several attempts at one request, as client and upstreams see them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "gateway/wire_fixture.h"

// ---- what is asked and answered -------------------------------------------------------------------------------------

#define ENDPOINT "{\"name\": \"e\", \"base_url\": \"http://127.0.0.1:%u/v1\"}"
#define CHAT_WITH(members) "{\"id\": \"chat\", \"type\": \"common\", \"endpoint\": \"e\"" members "}"
#define CONFIG_WITH(models)                                                                                            \
    "{\"endpoint\": [" ENDPOINT "], \"models\": [" models "],"                                                         \
    " \"key_pool\": {\"retry\": {\"enabled\": true, \"maxRetries\": 2, \"retryDelay\": 2}}}"

#define QUESTION "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"
#define EVENTS_HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
#define CONTENT "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"
#define FINISH "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
#define JSON_HEAD "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
#define JSON_ANSWER "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"good\"},\"finish_reason\":\"stop\"}]}"
#define ERROR_WITH(status, more)                                                                                       \
    "HTTP/1.1 " status " x\r\ncontent-type: application/json\r\nconnection: close\r\n" more                            \
    "\r\n{\"error\":{\"message\":\"said no\"}}"

static void start(struct wire *f, const char *config, const char *environment)
{
    wire_write_config(f, config);
    wire_start(f, environment);
}

static void ask_chat(struct wire *f, const char *members)
{
    char body[512];
    snprintf(body, sizeof(body), "{\"model\":\"chat\"," QUESTION "%s}", members);
    wire_ask(f, "/v1/chat/completions", WIRE_KEY, body);
}

#define STREAM ",\"stream\":true"

static void answer_next(struct wire *f, const char *bytes)
{
    wire_take_request(f);
    wire_answer_and_close(f, bytes);
}

// ---- another attempt ------------------------------------------------------------------------------------------------

static void an_attempt_that_failed_makes_way_for_another(void **state)
{
    static const char *const failures[] = {
        ERROR_WITH("500", ""),
        ERROR_WITH("503", ""),
        ERROR_WITH("529", ""),
        "",
        "HTTP/1.1 200 OK\r\ncont",
        "nonsense\r\n\r\n",
        JSON_HEAD,
        JSON_HEAD "{\"choi",
        JSON_HEAD "<html>",
    };
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), NULL);
    for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
        ask_chat(f, "");
        answer_next(f, failures[i]);
        answer_next(f, JSON_HEAD JSON_ANSWER);
        assert_true(wire_client_sees(f, JSON_ANSWER));
        assert_true(wire_has_text(wire_received(f), "HTTP/1.1 200 "));
        assert_true(wire_has_text(wire_received(f), "x-droid2api-attempts: 2\r\n"));
        wire_reconnect(f);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, wire_set_up, wire_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_attempt_that_failed_makes_way_for_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

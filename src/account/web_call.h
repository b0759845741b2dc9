// SPDX-License-Identifier: MIT
// One request to an address of our own choice (a token endpoint, a balance query, our own listener) and its whole
// answer.
//
// Happy path: web_call_start() → on_done with a status. Failure modes: on_done with status 0 and `detail`.
// Ends when: on_done has run, or web_call_cancel().
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "http/client.h"
#include "net/timer.h"

enum { WEB_ANSWER_MAX = 1024 * 1024 };

struct web_request {
    struct slice url; // absolute, http or https
    enum http_method method;
    struct slice headers; // complete lines; host, accept, user-agent (if given) and content-length are added
    struct slice body;
    struct slice user_agent;
    uint32_t timeout_ms; // for all of it; 0: none
};

struct web_answer {
    unsigned status; // 0: there is no answer
    struct slice body;
    const char *detail; // without an answer: why, for the log
};

struct web_call;
typedef void (*web_done_fn)(struct web_call *call, const struct web_answer *answer); // `answer` is good during the call

// Embedded in the caller's object; zeros before its first start. May be started again, or freed, in on_done.
struct web_call {
    void *user; // the caller's
    web_done_fn _on_done;
    struct client_call _call;
    struct arena _arena;
    struct timer _timer;
    struct buf _body;
    unsigned _status;
    bool _is_running;
};

// Slices of `request` are copied. on_done never comes from inside. False: the address is none.
bool web_call_start(struct http_client *client, struct loop *loop, struct web_call *call,
                    const struct web_request *request, web_done_fn on_done);
void web_call_cancel(struct web_call *call); // harmless after the end

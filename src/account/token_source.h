// SPDX-License-Identifier: MIT
// Levels 3 and 4 of credentials: an access token that is refreshed with a refresh token (OAuth, RFC 6749 §6, form
// encoded), or a fixed one from a file.
//
// A token is refreshed TOKEN_REFRESH_MS after it was got, and good for TOKEN_LIFETIME_MS (or as long as it says; one
// that says less is refreshed at three quarters of that). While refreshing fails the old one serves, even when its time
// is over, unless the endpoint has refused for good (4xx). However many ask, one refresh runs.
//
// Happy path: token_source_get() → TOKEN_READY; or the endpoint is asked → its answer is in data/auth.json, durably →
// the new token serves, and all who wait get it. Failure modes: the endpoint fails: waiters get the old token or none,
// the next try is TOKEN_RETRY_MS later. The answer cannot be written: it serves nevertheless, since the old refresh
// token is gone at the endpoint anyway; it is refreshed in its turn, and writing is tried again. We die between answer
// and write: that is the one moment in which a rotated refresh token can be lost; the old one, which is still in the
// file, is tried at the next start. To keep our own end out of that moment, token_source_drain() before
// token_source_close().
// Ends when: token_source_close().
#pragma once

#include "base/buf.h"
#include "base/list.h"
#include "config/config.h"
#include "http/client.h"
#include "net/loop.h"

enum {
    TOKEN_REFRESH_MS = 6 * 3600 * 1000,
    TOKEN_LIFETIME_MS = 8 * 3600 * 1000,
    TOKEN_RETRY_MS = 60 * 1000,
    TOKEN_TIMEOUT_MS = 20 * 1000, // of the endpoint
};

struct token_source;

// Looks for DROID_REFRESH_KEY, then data/auth.json, then ~/.factory/auth.json (`home` may be NULL); blocks. Never NULL;
// without any of them it has nothing to give. What is wrong with a file is said in the log. Tokens in data/auth.json
// that descend from DROID_REFRESH_KEY go before it; with another key there they do not. Only data/auth.json is written.
struct token_source *token_source_new(struct loop *loop, struct http_client *client, const struct config *config,
                                      const char *home);
// Looks again, so that what an operator has changed in the files counts; blocks.
void token_source_set_config(struct token_source *source, const struct config *config);
// Calls back, never from inside, when no refresh is under way: within TOKEN_TIMEOUT_MS and the time of a write.
void token_source_drain(struct token_source *source, void (*fn)(void *arg), void *arg);
void token_source_close(struct token_source *source); // waiters are forgotten; then loop_deinit(), then free
void token_source_free(struct token_source *source);

// 3 or 4, or 0: there is none.
unsigned token_source_level(const struct token_source *source);

enum token_answer { TOKEN_READY, TOKEN_WAIT, TOKEN_NONE };

// Embedded in the caller's object; zeros before its first use.
struct token_wait {
    struct list _link;
    void (*fn)(struct token_wait *wait, struct slice token); // empty: there is none to be had; the log says why
};

// TOKEN_READY: *token_r is good until the loop runs again. TOKEN_WAIT: `fn` comes, never from inside.
enum token_answer token_source_get(struct token_source *source, struct token_wait *wait,
                                   void (*fn)(struct token_wait *wait, struct slice token), struct slice *token_r);
void token_source_forget(struct token_wait *wait); // harmless when nothing is waited for
// The upstream refused it (401): it is refreshed before its time, but not more than once in TOKEN_RETRY_MS.
void token_source_refused(struct token_source *source, struct slice token);
// Would token_source_get() give another one, at once or after a refresh that is under way?
bool token_source_has_other(const struct token_source *source, struct slice token);

// What its own timer does each TOKEN_RETRY_MS: refreshes ahead, tries again. Takes the time so that tests need not
// wait.
void token_source_tick(struct token_source *source, int64_t now_ms);

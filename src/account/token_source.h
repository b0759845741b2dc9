// SPDX-License-Identifier: MIT
// Levels 3 and 4 of credentials: an access token that is refreshed with a refresh token (OAuth, RFC 6749 §6, form
// encoded), or a fixed one from a file.
//
// A token is refreshed TOKEN_REFRESH_MS after it was got, and good for TOKEN_LIFETIME_MS (or as long as it says). While
// refreshing fails the old one serves, as long as there is one at all. However many ask, one refresh runs. What the
// endpoint answers is written to data/auth.json before it is used: a rotated refresh token that is lost cannot be had
// again.
#pragma once

#include "base/buf.h"
#include "base/list.h"
#include "config/config.h"
#include "http/client.h"
#include "net/loop.h"

enum { TOKEN_REFRESH_MS = 6 * 3600 * 1000, TOKEN_LIFETIME_MS = 8 * 3600 * 1000, TOKEN_RETRY_MS = 60 * 1000 };

struct token_source;

// Looks for DROID_REFRESH_KEY, then data/auth.json, then ~/.factory/auth.json; blocks. Never NULL; without any of them
// it has nothing to give. What is wrong with a file is said in the log.
struct token_source *token_source_new(struct loop *loop, struct http_client *client, const struct config *config,
                                      const char *home);
void token_source_set_config(struct token_source *source, const struct config *config);
void token_source_close(struct token_source *source); // waiters are forgotten; then loop_deinit(), then free
void token_source_free(struct token_source *source);

// 3 or 4, or 0: there is none.
unsigned token_source_level(const struct token_source *source);

enum token_answer { TOKEN_READY, TOKEN_WAIT, TOKEN_NONE };

// Embedded in the caller's object.
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

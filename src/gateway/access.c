// SPDX-License-Identifier: MIT
#include "gateway/access.h"

#include "http/h1_char.h"
#include "http/url.h"

enum { SECRETS_MAX = 8 };

struct secrets {
    struct slice list[SECRETS_MAX];
    size_t n;
};

static void add(struct secrets *secrets, struct slice secret)
{
    if (secret.len && secrets->n < SECRETS_MAX) {
        secrets->list[secrets->n++] = secret;
    }
}

// It may travel in a header line of ours, and in a query anything can be encoded: a line end would begin another
// header, or another request.
static bool fits_header(struct slice text)
{
    return h1_find_control(text.ptr, text.ptr + text.len) == text.ptr + text.len;
}

// Everything in the request that may be a key, in the order in which it counts as the client's own credential.
static struct secrets collect(struct arena *arena, const struct h1_request *req, struct slice query)
{
    struct secrets secrets = {.n = 0};
    for (size_t i = 0; i < req->n_fields; i++) {
        const struct h1_field *field = &req->fields[i];
        if (field->id == HEADER_AUTHORIZATION && slice_starts_with_nocase(field->value, SLICE("bearer "))) {
            add(&secrets, slice_trim(slice_after(field->value, 7)));
        } else if (field->id == HEADER_X_API_KEY || field->id == HEADER_X_GOOG_API_KEY) {
            add(&secrets, field->value);
        }
    }
    struct slice key;
    if (query.len && url_query_get(arena, query, SLICE("key"), &key) && fits_header(key)) {
        add(&secrets, key);
    }
    return secrets;
}

// Looks at every key whatever it finds, so that the time does not tell which one was near.
static bool is_access_key(const struct config *config, struct slice secret)
{
    bool is_one = false;
    for (size_t i = 0; i < config->n_access_keys; i++) {
        is_one |= slice_eq_constant_time(secret, config->access_keys[i]);
    }
    return is_one;
}

struct access access_check(struct arena *arena, const struct config *config, const struct h1_request *req,
                           struct slice query)
{
    struct secrets secrets = collect(arena, req, query);
    struct access access = {.is_allowed = config->n_access_keys == 0};
    for (size_t i = 0; i < secrets.n; i++) {
        if (is_access_key(config, secrets.list[i])) {
            access.is_allowed = true;
        } else if (access.client_secret.len == 0) {
            access.client_secret = secrets.list[i];
        }
    }
    return access;
}

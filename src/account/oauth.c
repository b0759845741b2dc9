// SPDX-License-Identifier: MIT
#include "account/oauth.h"

#include "account/json_time.h"
#include "http/url.h"

enum { LIFETIME_MAX_S = 10 * 365 * 24 * 3600, ERROR_CODE_MAX = 64 };

// ---- what is asked --------------------------------------------------------------------------------------------------

static void append_field(struct buf *out, struct slice name, struct slice value)
{
    if (out->len) {
        buf_append_char(out, '&');
    }
    buf_append(out, name);
    buf_append_char(out, '=');
    url_encode(out, value, "");
}

void oauth_write_refresh(struct buf *out, struct slice refresh_token, struct slice client_id)
{
    append_field(out, SLICE("grant_type"), SLICE("refresh_token"));
    append_field(out, SLICE("refresh_token"), refresh_token);
    if (client_id.len) {
        append_field(out, SLICE("client_id"), client_id);
    }
}

// ---- what an answer says --------------------------------------------------------------------------------------------

// `error` of RFC 6749 §5.2, if that is what it is: anything else may repeat what was asked, and that is secret.
static struct slice error_code(const struct json_doc *doc, struct arena *arena)
{
    struct slice code = json_string(doc, json_get(doc, json_root(doc), SLICE("error")), arena);
    for (size_t i = 0; i < code.len; i++) {
        if ((code.ptr[i] < 'a' || code.ptr[i] > 'z') && code.ptr[i] != '_') {
            return SLICE_EMPTY;
        }
    }
    return code.len <= ERROR_CODE_MAX ? code : SLICE_EMPTY;
}

static void read_refusal(unsigned status, const struct json_doc *doc, struct arena *arena, struct oauth_answer *answer)
{
    struct slice code = doc ? error_code(doc, arena) : SLICE_EMPTY;
    // 408 and 429 are about the moment, not about the token.
    bool is_final = status >= 400 && status < 500 && status != 408 && status != 429;
    answer->result = is_final ? OAUTH_REFUSED : OAUTH_FAILED;
    answer->reason =
        arena_printf(arena, "the token endpoint answered %u%s%.*s", status, code.len ? ", " : "", SLICE_ARG(code));
}

static void read_grant(const struct json_doc *doc, struct arena *arena, struct oauth_answer *answer)
{
    const struct json_node *root = json_root(doc);
    struct slice access_token = json_string(doc, json_get(doc, root, SLICE("access_token")), arena);
    struct slice refresh_token = json_string(doc, json_get(doc, root, SLICE("refresh_token")), arena);
    int64_t lifetime_s;
    if (!slice_is_visible(access_token)) { // it goes into a header
        answer->reason = SLICE("the token endpoint's answer has no access_token");
        return;
    }
    answer->result = OAUTH_GRANTED;
    answer->access_token = arena_dup(arena, access_token);
    answer->refresh_token = slice_is_visible(refresh_token) ? arena_dup(arena, refresh_token) : SLICE_EMPTY;
    if (json_loose_int(doc, json_get(doc, root, SLICE("expires_in")), &lifetime_s) && lifetime_s > 0) {
        answer->lifetime_ms = (lifetime_s < LIFETIME_MAX_S ? lifetime_s : LIFETIME_MAX_S) * 1000;
    }
}

void oauth_read_answer(unsigned status, struct slice body, struct arena *arena, struct oauth_answer *answer_r)
{
    struct json_doc doc;
    bool is_object = json_parse(&doc, arena, body, NULL) == 0 && json_is(json_root(&doc), JSON_OBJECT);
    *answer_r = (struct oauth_answer){.result = OAUTH_FAILED};
    if (status < 200 || status > 299) {
        read_refusal(status, is_object ? &doc : NULL, arena, answer_r);
    } else if (!is_object) {
        answer_r->reason = SLICE("the token endpoint's answer is no JSON object");
    } else {
        read_grant(&doc, arena, answer_r);
    }
}

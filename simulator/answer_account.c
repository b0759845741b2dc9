// SPDX-License-Identifier: MIT
// Answers about accounts rather than from models: balances, organizations, tokens.
#include "simulator/composer.h"

#define PERIOD_MS (INT64_C(30) * 24 * 3600 * 1000)

static struct answer *begin(struct composer *c, unsigned status, const struct script *script)
{
    *c = (struct composer){.script = script, .answer = composer_new_body(status, script)};
    composer_begin(c);
    return c->answer;
}

static struct answer *end(struct composer *c)
{
    composer_end(c, SLICE_EMPTY);
    buf_deinit(&c->data);
    return c->answer;
}

static void write_side(struct json_writer *w, struct slice name, uint64_t used, int64_t allowance)
{
    json_key(w, name);
    json_begin_object(w);
    json_member_int(w, SLICE("userTokens"), (int64_t)used);
    json_member_int(w, SLICE("orgTotalTokensUsed"), (int64_t)used);
    json_member_int(w, SLICE("orgOverageUsed"), 0);
    json_member_int(w, SLICE("basicAllowance"), allowance);
    json_member_int(w, SLICE("totalAllowance"), allowance);
    json_member_int(w, SLICE("orgOverageLimit"), 0);
    json_key(w, SLICE("usedRatio"));
    json_write_double(w, allowance > 0 ? (double)used / (double)allowance : 0);
    json_end_object(w);
}

struct answer *answer_balance(const struct script *script, uint64_t used, int64_t now_ms)
{
    struct composer c;
    begin(&c, 200, script);
    json_key(&c.w, SLICE("usage"));
    json_begin_object(&c.w);
    int64_t start_ms = now_ms - now_ms % PERIOD_MS;
    json_member_int(&c.w, SLICE("startDate"), start_ms);
    json_member_int(&c.w, SLICE("endDate"), start_ms + PERIOD_MS);
    write_side(&c.w, SLICE("standard"), used, script->allowance);
    write_side(&c.w, SLICE("premium"), 0, script->premium);
    json_end_object(&c.w);
    return end(&c);
}

struct answer *answer_organization(const struct script *script)
{
    struct composer c;
    begin(&c, 200, script);
    json_key(&c.w, SLICE("workosOrgIds"));
    json_begin_array(&c.w);
    json_write_string(&c.w, SLICE("org_sim"));
    json_end_array(&c.w);
    return end(&c);
}

struct answer *answer_grant(const struct script *script, const struct answer_grant *grant)
{
    struct composer c;
    begin(&c, 200, script);
    json_key(&c.w, SLICE("user"));
    json_begin_object(&c.w);
    json_member_string(&c.w, SLICE("object"), SLICE("user"));
    json_member_string(&c.w, SLICE("id"), SLICE("user_sim"));
    json_member_string(&c.w, SLICE("email"), SLICE("someone@example.com"));
    json_end_object(&c.w);
    json_member_string(&c.w, SLICE("organization_id"), SLICE("org_sim"));
    json_member_string(&c.w, SLICE("access_token"), grant->access_token);
    json_member_string(&c.w, SLICE("refresh_token"), grant->refresh_token);
    if (grant->expires_s != SCRIPT_NONE) {
        json_member_int(&c.w, SLICE("expires_in"), grant->expires_s);
    }
    json_member_string(&c.w, SLICE("authentication_method"), SLICE("OAuth"));
    return end(&c);
}

struct answer *answer_grant_error(const struct script *script, unsigned status, struct slice error,
                                  struct slice description)
{
    struct composer c;
    struct answer *answer = begin(&c, status, script);
    json_member_string(&c.w, SLICE("error"), error);
    json_member_string(&c.w, SLICE("error_description"), description);
    if (script->retry_after != SCRIPT_NONE) {
        buf_printf(&answer->headers, "retry-after: %lld\r\n", (long long)script->retry_after);
    }
    return end(&c);
}

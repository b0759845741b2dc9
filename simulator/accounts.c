// SPDX-License-Identifier: MIT
#include "simulator/accounts.h"

#include <inttypes.h>

void accounts_init(struct accounts *accounts)
{
    tally_init(&accounts->_turns);
    ledger_init(&accounts->ledger);
    grants_init(&accounts->grants);
}

void accounts_deinit(struct accounts *accounts)
{
    tally_deinit(&accounts->_turns);
    ledger_deinit(&accounts->ledger);
    grants_deinit(&accounts->grants);
}

void accounts_forget(struct accounts *accounts)
{
    tally_forget(&accounts->_turns);
    ledger_forget(&accounts->ledger);
    grants_forget(&accounts->grants);
}

bool accounts_matter(const struct script *script)
{
    return script->fail || script->after || script->quota != SCRIPT_NONE;
}

static bool is_other_model(const struct ask *ask, const struct script *script)
{
    struct slice rest = ask->model;
    return script->only.ptr && !slice_eq(slice_split(&rest, '~'), script->only);
}

// Faults come after `after` requests, and go after `fail` more.
static bool is_good_turn(struct accounts *accounts, const struct script *script, struct slice name)
{
    if (!script->fail && !script->after) {
        return false;
    }
    uint64_t n = tally_next(&accounts->_turns, name);
    return n <= (uint64_t)script->after || (script->fail && n > (uint64_t)(script->after + script->fail));
}

static bool has_credit(const struct accounts *accounts, const struct ask *ask, const struct script *script)
{
    return script->quota != SCRIPT_NONE && ledger_tokens(&accounts->ledger, ask->credential) < (uint64_t)script->quota;
}

void accounts_decide(struct accounts *accounts, struct arena *arena, const struct ask *ask, struct script *script)
{
    struct slice who = ask->action == ASK_TOKEN ? grants_family(ask->credential) : ask->credential;
    struct slice name = ask->plan ? arena_printf(arena, "\n%" PRIu64, ask->plan) // whoever asks
                                  : arena_printf(arena, "%.*s\n%.*s", SLICE_ARG(ask->model), SLICE_ARG(who));
    if (is_other_model(ask, script) || is_good_turn(accounts, script, name) || has_credit(accounts, ask, script)) {
        script_heal(script);
    } else if (script->quota != SCRIPT_NONE && !script->status) {
        script->status = 402;
        script->why = SCRIPT_WHY_QUOTA;
    }
}

bool accounts_refuse(const struct accounts *accounts, const struct ask *ask, int64_t now_ms)
{
    return !grants_accept(&accounts->grants, ask->credential, now_ms);
}

void accounts_note(struct accounts *accounts, const struct ask *ask, const struct script *script,
                   const struct answer_context *context)
{
    if (ask->action != ASK_GENERATE) {
        return;
    }
    if (!script) {
        ledger_refuse(&accounts->ledger, ask->credential);
        return;
    }
    struct answer_usage usage = answer_usage_of(ask, script, context);
    ledger_serve(&accounts->ledger, ask->credential, usage.input + usage.output + usage.reasoning);
}

struct answer *accounts_tell(struct accounts *accounts, struct arena *arena, const struct ask *ask,
                             struct script *script, int64_t now_ms)
{
    unsigned status = (unsigned)script->balance;
    script_heal(script); // the faults are those of models
    if (status || accounts_refuse(accounts, ask, now_ms)) {
        return answer_error(ask->provider, status ? status : 401, SLICE_EMPTY, script);
    }
    if (ask->action == ASK_ORGANIZATION) {
        return answer_organization(script);
    }
    return answer_balance(script, (uint64_t)script->used + ledger_tokens(&accounts->ledger, ask->credential), now_ms);
}

struct answer *accounts_grant(struct accounts *accounts, struct arena *arena, const struct ask *ask,
                              struct script *script, int64_t now_ms)
{
    struct grant grant;
    grants_count(&accounts->grants, ask->credential);
    accounts_decide(accounts, arena, ask, script);
    if (script->status && script->body.ptr) {
        return answer_error(ask->provider, (unsigned)script->status, SLICE_EMPTY, script);
    }
    if (script->status) {
        return answer_grant_error(script, (unsigned)script->status, SLICE("server_error"),
                                  SLICE("The script of this token wants an error."));
    }
    if (!grants_exchange(&accounts->grants, arena, ask->credential, script, now_ms, &grant)) {
        return answer_grant_error(script, 400, SLICE("invalid_grant"), SLICE("The refresh token was used before."));
    }
    struct answer_grant answer = {grant.access_token, grant.refresh_token, script->expires};
    return answer_grant(script, &answer);
}

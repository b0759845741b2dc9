// SPDX-License-Identifier: MIT
// Everything that the simulator remembers of who asks: whose turn it is to fail, what each key has cost, which tokens
// are good; and the routes that are about that. Pure: no clock.
#pragma once

#include "simulator/answer.h"
#include "simulator/grants.h"
#include "simulator/ledger.h"
#include "simulator/tally.h"

struct accounts {
    struct tally _turns; // requests of each model and key whose faults come and go
    struct ledger ledger;
    struct grants grants;
};

void accounts_init(struct accounts *accounts);
void accounts_deinit(struct accounts *accounts);
void accounts_forget(struct accounts *accounts);

// Does an answer to this script depend on what came before?
bool accounts_matter(const struct script *script);

// Takes the faults out of the script when they are not meant for this request, and puts those in that follow from what
// the key has cost. Counts it as one of fail=N and after=N.
void accounts_decide(struct accounts *accounts, struct arena *arena, const struct ask *ask, struct script *script);

// Is the credential an access token that is not (or no longer) good?
bool accounts_refuse(const struct accounts *accounts, const struct ask *ask, int64_t now_ms);

// Notes what an answer has cost; `script` NULL: it was refused.
void accounts_note(struct accounts *accounts, const struct ask *ask, const struct script *script,
                   const struct answer_context *context);

// ASK_BALANCE and ASK_ORGANIZATION; the script is the credential's.
struct answer *accounts_tell(struct accounts *accounts, struct arena *arena, const struct ask *ask,
                             struct script *script, int64_t now_ms);
// ASK_TOKEN; the script is the refresh token's, which is ask->credential.
struct answer *accounts_grant(struct accounts *accounts, struct arena *arena, const struct ask *ask,
                              struct script *script, int64_t now_ms);

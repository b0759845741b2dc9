// SPDX-License-Identifier: MIT
// What came with each credential: requests for an answer, how many got one, and what those cost. Pure.
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/map.h"

enum { LEDGER_ACCOUNTS_MAX = 262144 }; // then it starts anew

struct ledger {
    struct map _accounts;
};

void ledger_init(struct ledger *ledger);
void ledger_deinit(struct ledger *ledger);
void ledger_forget(struct ledger *ledger);

// A request that was refused, or one that cost so many tokens.
void ledger_refuse(struct ledger *ledger, struct slice credential);
void ledger_serve(struct ledger *ledger, struct slice credential, uint64_t tokens);

uint64_t ledger_tokens(const struct ledger *ledger, struct slice credential);

// Appends {"<credential>":{"requests":N,"served":N,"tokens":N}, …}, in no particular order.
void ledger_write(const struct ledger *ledger, struct buf *out);

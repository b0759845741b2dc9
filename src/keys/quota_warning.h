// SPDX-License-Identifier: MIT
// When to warn an operator that a key comes near its limit: once for each period, by whoever counts the tokens that
// cross the line.
#pragma once

#include "keys/key_table.h"

enum quota_period { QUOTA_NONE, QUOTA_DAY, QUOTA_MONTH };

// Which limit these tokens, which are counted already, have brought to the share that the settings warn at.
enum quota_period quota_crossed(const struct key_slot *slot, const struct key_settings *settings, uint64_t tokens,
                                int64_t now_ms);

// SPDX-License-Identifier: MIT
// The `failure_rules` section of config.json: what an operator says about the failures of a provider.
#pragma once

#include "config/config.h"
#include "config/json_place.h"

enum { FAILURE_RULES_MAX = 64 };

// Fills config->failure_rules.
void failure_rules_read(struct config *config, const struct json_place *section);

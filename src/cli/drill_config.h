// SPDX-License-Identifier: MIT
// The configuration of a gateway for drills: models that stand in front of a simulator, and everything that decides
// what becomes of failures as the operator has it. Pure.
#pragma once

#include "cli/drill_scenario.h"
#include "config/config.h"

struct drill_config_source {
    const struct config *config; // the operator's
    struct slice simulator_url;
    uint32_t speed; // durations are divided by it
};

// For each scenario and dialect a model and its fallback, with endpoints of their own, so that what one scenario does
// to a breaker is not seen by another. The settings of a model are those of the operator's first model of that type.
void drill_config_write(struct buf *out, const struct drill_config_source *source);
// Settings that are no model's: "NAME=value" lines.
void drill_config_write_environment(struct buf *out, const struct drill_config_source *source);

// Ids of the models, in the arena. Upstream the model has the same name.
struct slice drill_config_model(struct arena *arena, const struct drill_scenario *scenario, enum drill_dialect dialect);
struct slice drill_config_backup(struct arena *arena, struct slice model);

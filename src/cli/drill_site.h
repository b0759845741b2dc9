// SPDX-License-Identifier: MIT
// Where a drill is held: a gateway with a simulator behind it. Either both are ours, in a folder that goes with them,
// or somebody else's who run already.
#pragma once

#include "cli/admin_call.h"
#include "cli/drill_call.h"
#include "cli/drill_options.h"
#include "config/config.h"

struct drill_site;

// Blocks. NULL: `problem` says why, in one line or several. SIGINT, SIGTERM and SIGHUP interrupt what is waited for
// from here on, until it is closed.
struct drill_site *drill_site_open(const struct drill_options *options, const struct config_sources *sources,
                                   struct buf *problem);
void drill_site_close(struct drill_site *site); // ends what is ours

const struct drill_peer *drill_site_gateway(const struct drill_site *site);
const struct admin_peer *drill_site_simulator(const struct drill_site *site);
bool drill_site_is_interrupted(const struct drill_site *site);
// One gateway with four models for everything: what a scenario has done to them must be over before the next one.
bool drill_site_is_shared(const struct drill_site *site);
struct slice drill_site_model(const struct drill_site *site, struct arena *arena, const struct drill_scenario *scenario,
                              enum drill_dialect dialect);
void drill_site_wait(struct drill_site *site, uint32_t ms);

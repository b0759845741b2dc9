// SPDX-License-Identifier: MIT
// The admin API that a command works with: that of the gateway which runs on the data folder, or, where none runs, one
// of our own over the same folder. What a command does is the same either way.
#pragma once

#include "cli/admin_call.h"
#include "config/config.h"

struct admin_link;

// Blocks. `sources` is where the configuration comes from. NULL: `problem` says why in one line (or in several, when it
// is the configuration).
struct admin_link *admin_link_open(const struct config_sources *sources, struct buf *problem);
const struct admin_peer *admin_link_peer(const struct admin_link *link);
bool admin_link_is_own(const struct admin_link *link); // no gateway runs
// What was changed is durable before.
void admin_link_close(struct admin_link *link);

// SPDX-License-Identifier: MIT
// The names by which a target knows tools, and the way back.
#pragma once

#include "base/arena.h"
#include "base/slice.h"
#include "dialect/neutral.h"

// The name of a tool that is not offered: `name`, with its namespace in front where the target has none, made to fit.
// Depends on its arguments only.
struct slice tool_target_name(struct arena *arena, enum dialect target, struct slice name_space, struct slice name);

// Gives all tools their target_name: the above, and where two tools come to the same one the later gets another.
void tool_names_settle(struct arena *arena, struct neutral_request *req, enum dialect target);

// The name for a call or a result in the history: of a tool that is offered, its target_name.
struct slice tool_history_name(struct arena *arena, const struct neutral_request *req, enum dialect target,
                               struct slice name_space, struct slice name);

// The tool that the upstream means by a name; NULL for one that was not offered.
const struct neutral_tool *tool_of_target_name(const struct neutral_request *req, struct slice target_name);

// SPDX-License-Identifier: MIT
// Makes a request fit for encoding: what decoders may leave open and every encoder relies on.
//
// After it, in `req`:
//   - every call has an id that is unique in the request, has at most 64 characters of [A-Za-z0-9_-], and is the id of
//   its
//     result (a replaced id depends on the old one and its place only, so later requests get the same);
//   - every result has the name and kind of its call;
//   - the results of an assistant turn come first in the user turn right behind it, in the order of the calls, one for
//     each call that has one; every call before the last assistant turn has one;
//   - there are no empty texts (for Anthropic: none of white space only) and no empty turns;
//   - for Anthropic and Gemini: the first turn is the user's, and roles alternate (system turns aside);
//   - tools have their target_name, unique, in the characters and length that the target takes.
#pragma once

#include "dialect/loss.h"
#include "dialect/neutral.h"
#include "dialect/profile.h"

// What the request is encoded for.
struct target {
    enum dialect dialect;
    struct slice model; // plain: the upstream's name
    struct profile profile;
};

// False: refused (loss says why).
bool normalise(struct arena *arena, struct neutral_request *req, const struct target *target, struct loss *loss);

// The name by which a target knows a tool: `name`, with its namespace in front where the target has none, made to fit.
// Depends on its arguments only.
struct slice tool_target_name(struct arena *arena, enum dialect target, struct slice name_space, struct slice name);
// The tool that the upstream means by a name; NULL for one that was not offered.
const struct neutral_tool *tool_of_target_name(const struct neutral_request *req, struct slice target_name);

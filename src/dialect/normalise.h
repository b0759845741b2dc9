// SPDX-License-Identifier: MIT
// Makes a request fit for encoding: what decoders may leave open and every encoder relies on.
//
// After it, in `req`:
//   - every call has an id that is unique in the request, has at most 64 characters of [A-Za-z0-9_-], and is the id of
//     its result (a replaced id depends on the old one and its place only, so later requests get the same);
//   - every result has the name, namespace and kind of its call;
//   - the results of an assistant turn come first in the user turn right behind it, in the order of the calls, one for
//     each call that has one; every call has one, but where the request ends with the turn that makes it;
//   - adjacent assistant turns are one if one of them calls or reasons; none only reasons;
//   - there are no empty texts (for Anthropic: none of white space only, and none that ends in it at the end of an
//     assistant turn that the model is to go on with) and no empty turns. Gemini's empty texts that are signed stay for
//     Gemini;
//   - reasoning that the target cannot read is gone, and parts of kind NATIVE are of the target's own dialect (for Chat
//     all reasoning stays: some servers want it back);
//   - for Anthropic and Gemini: the first turn is the user's, and roles alternate (system turns aside); system turns
//   are
//     there only where the profile has them, others have become marked texts of the user;
//   - tools have their target_name, unique, in the characters and length that the target takes.
#pragma once

#include "dialect/loss.h"
#include "dialect/neutral.h"
#include "dialect/profile.h"
#include "dialect/tool_name.h"

// What the request is encoded for.
struct target {
    enum dialect dialect;
    struct slice model; // plain: the upstream's name
    struct profile profile;
};

// False: refused (loss says why).
bool normalise(struct arena *arena, struct neutral_request *req, const struct target *target, struct loss *loss);

// SPDX-License-Identifier: MIT
// A stage that ends an answer where one of the client's stop sequences begins, for upstreams that know no such thing
// (or take fewer). It looks at the text of each candidate, never at reasoning or arguments, and holds back what may be
// the beginning of a stop sequence, over deltas and within characters of several bytes.
#pragma once

#include "dialect/answer.h"

struct stop_scanner;

// `stops` are the client's strings from `first` on.
struct stop_scanner *stop_scanner_new(struct arena *arena, const struct neutral_request *req, size_t first,
                                      struct event_sink sink);
void stop_scanner_deinit(struct stop_scanner *scanner);
struct event_sink stop_scanner_sink(struct stop_scanner *scanner);
// All candidates have been stopped: END has been passed on, and the upstream may be cancelled.
bool stop_scanner_is_done(const struct stop_scanner *scanner);

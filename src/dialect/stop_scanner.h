// SPDX-License-Identifier: MIT
// A stage that ends an answer where one of the client's stop sequences begins, for upstreams that know no such thing
// (or take fewer). It looks at the text of each candidate, never at reasoning or arguments, and holds back what may be
// the beginning of a stop sequence, over deltas and within characters of several bytes. When all candidates have been
// stopped END is passed on at once: the upstream may be cancelled then.
#pragma once

#include "dialect/answer.h"

struct stop_scanner;

// What a scanner takes: more sequences, or longer ones (bytes between the quotes), are not looked for.
enum { STOPS_SCANNED_MAX = 64, STOP_LEN_MAX = 1024 };

// Looks for the stop sequences of `req` that the upstream was not sent.
struct stop_scanner *stop_scanner_new(struct arena *arena, const struct neutral_request *req, struct event_sink sink);
void stop_scanner_deinit(struct stop_scanner *scanner);
struct event_sink stop_scanner_sink(struct stop_scanner *scanner);

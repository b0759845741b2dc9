// SPDX-License-Identifier: MIT
// Errors that are told inside a stream whose head said 200, in any dialect. Pure.
#pragma once

#include "base/slice.h"

// `data` is that of one event, or one value of a streamed JSON array. The status that an error in it would have had as
// an answer of its own (with `data` as the text it is judged like one); 500 of an error that does not say what it is.
// 0: it tells of none. Cheap for what has no error in it; never fooled by what a model writes.
unsigned blame_status_of_event(struct slice data);

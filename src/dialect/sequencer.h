// SPDX-License-Identifier: MIT
// A stage between an answer and an encoder whose dialect knows one open block at a time: blocks of a candidate that
// overlap are put in a row. The oldest open block passes at once; events of the others are held until it closes. A call
// counts as closed when another block is open behind it and its arguments are a complete JSON value.
#pragma once

#include "dialect/answer.h"

struct sequencer;

struct sequencer *sequencer_new(struct arena *arena, struct event_sink sink); // in the arena
struct event_sink sequencer_sink(struct sequencer *sequencer);

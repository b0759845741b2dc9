// SPDX-License-Identifier: MIT
// Test kit: is a stream one that the SDKs of its dialect can read, from its first event to its end?
#pragma once

#include "base/slice.h"
#include "dialect/dialect.h"

// NULL, or what is wrong with the first event that is wrong. `bytes` is all of a stream as a client gets it.
const char *stream_grammar_complaint(enum dialect client, struct slice bytes);

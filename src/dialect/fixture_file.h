// SPDX-License-Identifier: MIT
// Test kit: the recorded files in tests/corpus.
#pragma once

#include "base/arena.h"
#include "base/slice.h"

struct slice fixture_read(struct arena *arena, const char *path); // the test fails when there is no such file

// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "load_options.h"

uint64_t load_now_ns(void); // CLOCK_MONOTONIC, which the simulator stamps its events with

// Both print their result as a line of JSON and return the exit status: 1 when any answer was missing or wrong.
int load_run(const struct load_options *o);          // all modes but LOAD_FIRST
int load_first_answer(const struct load_options *o); // LOAD_FIRST

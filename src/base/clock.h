// SPDX-License-Identifier: MIT
// Time: monotonic for measuring and waiting, wall time for people.
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t clock_monotonic_ns(void);
int64_t clock_wall_ms(void);                  // milliseconds since 1970 UTC
int64_t clock_seconds_until(int64_t wall_ms); // rounded up, at least 1: what a client is told to wait

// "2026-01-02T03:04:05.678Z" and a NUL. Times outside of the years 0 to 9999 become the nearest that is inside.
enum { CLOCK_ISO8601_SIZE = 25 };
void clock_format_iso8601(char out[CLOCK_ISO8601_SIZE], int64_t wall_ms);

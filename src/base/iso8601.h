// SPDX-License-Identifier: MIT
// Reading times as other programs and people write them (ISO 8601, RFC 3339). clock.h writes them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

// A date, or a date and a time of day ("2026-01-02T03:04:05.678Z", "2026-01-02 03:04", "…+02:00"); without a zone it is
// UTC. Fractions finer than a millisecond are cut. False: it is no such time.
bool iso8601_read(struct slice text, int64_t *wall_ms_r);

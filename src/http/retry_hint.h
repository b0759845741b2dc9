// SPDX-License-Identifier: MIT
// How long an upstream asks to wait before the next try, in whichever header fields it says so.
#pragma once

#include "http/h1_head.h"

enum { RETRY_HINT_MAX_MS = 24 * 60 * 60 * 1000 };

// From the fields of a failed answer, in milliseconds from 0 to RETRY_HINT_MAX_MS, or -1: nothing is said that can be
// understood. The first of these that there is:
//   retry-after-ms                                    milliseconds
//   retry-after                                       seconds, also with a fraction, or a date (RFC 9110 §10.2.3)
//   the last reset of what is used up:
//     x-ratelimit-reset-<what>                        where x-ratelimit-remaining-<what> is 0
//     x-ratelimit-reset, ratelimit-reset              where the same with "remaining" is 0
//     anthropic-ratelimit-<what>-reset                where the same with "remaining" is 0, or with "status" "rejected"
// A reset may be a duration ("6m0s", "20ms"), seconds, seconds or milliseconds since 1970, or a date (RFC 3339, or as
// above).
int64_t retry_hint_ms(const struct h1_field *fields, size_t n_fields, int64_t now_wall_ms);

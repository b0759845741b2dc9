// SPDX-License-Identifier: MIT
// Dates of HTTP header fields (RFC 9110 §5.6.7), in each of the three forms that a recipient has to accept:
//
//   Sun, 06 Nov 1994 08:49:37 GMT
//   Sunday, 06-Nov-94 08:49:37 GMT
//   Sun Nov  6 08:49:37 1994
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

// A year of two digits is taken to be at most 50 years ahead of now. The name of the day may be the wrong one. False:
// it is no such date.
bool http_date_read(struct slice text, int64_t now_wall_ms, int64_t *wall_ms_r);

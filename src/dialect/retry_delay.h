// SPDX-License-Identifier: MIT
// How long Google asks to wait: in the body of an error, where others have a header field.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { RETRY_DELAY_MAX_MS = 24 * 60 * 60 * 1000 };

// A duration as protobuf writes it, "13s" or "0.5s", in milliseconds, rounded up; at most RETRY_DELAY_MAX_MS. -1: it is
// none.
int64_t retry_delay_ms(struct slice text);

// The longest retryDelay in the details of an error, or of the first one of an array of them: in milliseconds as above.
// -1: none, or the body cannot be read.
int64_t retry_delay_in_body(struct slice body);

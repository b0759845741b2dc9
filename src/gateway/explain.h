// SPDX-License-Identifier: MIT
// The trail of a request on its own answer, for an operator who asks with `x-droid2api-explain: 1` and his admin key.
#pragma once

#include "base/buf.h"

struct exchange;

// Appends the header line `x-droid2api-trail` where it was asked for and may be told; else nothing.
void explain_write_header(struct exchange *x, struct buf *headers);

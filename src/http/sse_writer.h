// SPDX-License-Identifier: MIT
// Writes server-sent events.
#pragma once

#include "base/buf.h"
#include "base/slice.h"

// `name` may be empty: then there is no event line. Data with line breaks becomes several data lines.
void sse_write_event(struct buf *out, struct slice name, struct slice data);
void sse_write_comment(struct buf *out, struct slice text);

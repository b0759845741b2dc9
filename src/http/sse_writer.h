// SPDX-License-Identifier: MIT
// Writes server-sent events.
#pragma once

#include "base/buf.h"
#include "base/slice.h"

// `name` may be empty: then there is no event line; it ends at its first line break. Data with line breaks (CR, LF or
// CRLF) becomes several data lines.
void sse_write_event(struct buf *out, struct slice name, struct slice data);
// A comment on its own, ended by a blank line, so that it belongs to no event.
void sse_write_comment(struct buf *out, struct slice text);

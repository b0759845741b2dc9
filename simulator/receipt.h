// SPDX-License-Identifier: MIT
// What has arrived, as the text of an answer: for tests that want to know whether anything was lost on the way. Works
// on any dialect, because it looks for what a thing is and not for where it is. Pure.
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

// Appends one JSON object:
//   texts    every text of messages and instructions, in the order of the body
//   media    "image/png 68 cbf29ce484222325": type, bytes, checksum (FNV-1a of the base64 text); or its address
//   results  texts of tool results
//   calls    "name arguments" of earlier tool calls
//   tools    names of the tools that are offered
// `body` is valid JSON.
void receipt_write(struct buf *out, struct arena *arena, struct slice body);

// SPDX-License-Identifier: MIT
// Opaque values that a provider gives out and wants back untouched: signatures of thoughts, encrypted reasoning. The
// simulator's carry a checksum over what they belong to, so that it can tell what it made itself. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "simulator/ask.h"

// Appends a value that belongs to `bound` (the thoughts, the item's id, the called function). It is valid base64.
void seal_append(struct buf *out, enum provider provider, uint64_t id, struct slice bound);

// Did a simulator make this for that?
bool seal_is_intact(struct slice seal, enum provider provider, struct slice bound);

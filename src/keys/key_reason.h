// SPDX-License-Identifier: MIT
// Why an attempt failed, in one short line for a person: what is kept with a key as its last error, or as the reason
// why it is banned.
#pragma once

#include <stddef.h>

#include "keys/blame.h"

enum { KEY_REASON_MAX = 96 };

// Writes "402 Your credit balance is too low…" to `out`: the status and the provider's own words, without line breaks
// and other control characters, cut between two characters. Returns how many bytes that are, at most KEY_REASON_MAX - 1
// (no NUL). `secret` (may be empty) does not appear in it, nor any piece of it that begins like it.
size_t key_reason(char out[KEY_REASON_MAX], const struct attempt_evidence *evidence, struct slice secret);

// SPDX-License-Identifier: MIT
// What the text of an error is about, JSON or not; it may be cut anywhere.
//
// What a text says counts only as far as it is the provider who speaks. A 400 often quotes the request, so whoever
// writes a request could make it say anything, and have keys banned for it: there a phrase counts only where the error
// begins to speak, at the start of the text or of a member like "message". Statuses that are about access come before
// anybody has looked at the request; there it counts anywhere.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { ERROR_TEXT_MAX = 4096 }; // that is read

enum error_theme {
    ERROR_ANYTHING,
    ERROR_PAGE,     // HTML or XML: whoever wrote it, it was not the API
    ERROR_ADDRESS,  // where the request came from
    ERROR_CONTENT,  // what the client sent
    ERROR_WINDOW,   // a quota that comes back by itself, in hours or a day
    ERROR_RATE,     // Google says of a rate what others say of a lack of money
    ERROR_CREDIT,   // money, or a quota that somebody has to raise
    ERROR_NO_MODEL, // what this key may not use
    ERROR_REFUSED,  // the key, or the account behind it
    ERROR_LENGTH,   // the input is too long for the model
};

struct error_reading {
    struct slice text;    // in lower case
    bool is_quoting;      // parts of the request may be in it
    struct slice request; // those parts: what is in here the client may have said, not the provider
    uint64_t _pairs[64];  // a bit for each hash of two letters that stand together in `text`: most phrases have others
};

// The reading borrows `low`.
struct error_reading error_read(unsigned status, struct slice text, struct slice request, char low[ERROR_TEXT_MAX]);
bool error_is_about(const struct error_reading *reading, enum error_theme theme);
bool error_is_of_day(const struct error_reading *reading); // of ERROR_RATE: a quota that comes back with a new day

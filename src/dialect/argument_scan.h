// SPDX-License-Identifier: MIT
// Follows the arguments of a call as they come, to see when they are a whole JSON object, array or string. It counts
// brackets and follows strings, nothing more: a text that is not quite JSON may pass as one.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

// All zero: nothing has come.
struct argument_scan {
    uint32_t _depth;   // open brackets
    uint16_t _code;    // of an escape under way
    uint8_t _n_digits; // of a \u escape that are still to come
    bool _is_in_escape;
    bool _is_in_string;
    bool _is_quoted; // the next character belongs to the backslash before it
    enum { ARGUMENTS_EMPTY, ARGUMENTS_OPEN, ARGUMENTS_COMPLETE, ARGUMENTS_BROKEN } _state;
};

// `escaped`: JSON text, escaped once more; resumable at any byte.
void argument_scan_feed(struct argument_scan *scan, struct slice escaped);

static inline bool argument_scan_is_complete(const struct argument_scan *scan)
{
    return scan->_state == ARGUMENTS_COMPLETE;
}

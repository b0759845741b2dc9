// SPDX-License-Identifier: MIT
// Decoder of the chunked transfer coding (RFC 9112 §7.1), in place and resumable at any byte. Strict: sizes are 1 to 16
// hex digits and below 2^63, lines end in CRLF, extensions and trailers are bounded and dropped.
#pragma once

#include <stdint.h>

#include "base/mem.h"

enum chunked_result {
    CHUNKED_NEED_MORE = 0, // all input was used
    CHUNKED_DONE = 1,      // the last chunk and its trailer section have ended
    CHUNKED_BAD = 2,       // malformed, or an extension or trailer section over its limit
};

enum { CHUNKED_EXTENSION_MAX = 4096, CHUNKED_TRAILER_MAX = 16 * 1024 }; // bytes, summed over the message for trailers

// Zero-initialised at the start of a body.
struct chunked_decoder {
    uint64_t _left;       // data bytes of the chunk under way
    uint32_t _line_bytes; // of the extension or trailer line under way
    uint32_t _trailer_bytes;
    uint8_t _state;
    uint8_t _n_digits;
};

// Decodes `bytes` in place: the data of all chunks is moved together to the front. *data_len_r is how much data that
// is; *used_r how much of the input was used (less than `len` only with CHUNKED_DONE: what follows is the next
// message).
MUST_USE enum chunked_result chunked_decode(struct chunked_decoder *decoder, char *bytes, size_t len,
                                            size_t *data_len_r, size_t *used_r);

// SPDX-License-Identifier: MIT
#include "http/chunked.h"

#include <stdbool.h>
#include <string.h>

#include "http/h1_char.h"

enum chunked_state {
    SIZE_START, // the first digit of a size
    SIZE,
    SIZE_SPACE, // white space before an extension
    EXTENSION,  // behind ";"
    SIZE_LF,    // the LF of the size line
    DATA,       // _left bytes of it
    DATA_CR,    // the line end behind the data
    DATA_LF,
    TRAILER_START, // a trailer line or the empty line
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF, // the LF of the empty line
    DONE,
    BAD,
};

enum { DIGITS_MAX = 16 };

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Sizes stay below 2^63, so that sums with a limit cannot wrap around.
static bool add_digit(struct chunked_decoder *decoder, int digit)
{
    if (digit < 0 || decoder->_n_digits == DIGITS_MAX || decoder->_left >> 59) {
        return false;
    }
    decoder->_left = decoder->_left << 4 | (uint64_t)digit;
    decoder->_n_digits++;
    return true;
}

// The white space counts as extension, so that it has the same limit.
static enum chunked_state on_size_space(struct chunked_decoder *decoder, char c)
{
    if (++decoder->_line_bytes > CHUNKED_EXTENSION_MAX) {
        return BAD;
    }
    return c == ';' ? EXTENSION : c == ' ' || c == '\t' ? SIZE_SPACE : BAD;
}

static enum chunked_state on_size(struct chunked_decoder *decoder, char c)
{
    switch (c) {
    case '\r': return SIZE_LF;
    case ';': return EXTENSION;
    case ' ':
    case '\t': return on_size_space(decoder, c);
    default: return add_digit(decoder, hex_value(c)) ? SIZE : BAD;
    }
}

static enum chunked_state on_extension(struct chunked_decoder *decoder, char c)
{
    if (c == '\r') {
        return SIZE_LF;
    }
    return h1_is_control(c) || ++decoder->_line_bytes > CHUNKED_EXTENSION_MAX ? BAD : EXTENSION;
}

static enum chunked_state on_size_lf(struct chunked_decoder *decoder, char c)
{
    decoder->_n_digits = 0;
    decoder->_line_bytes = 0;
    return c != '\n' ? BAD : decoder->_left > 0 ? DATA : TRAILER_START;
}

static enum chunked_state on_trailer(struct chunked_decoder *decoder, char c)
{
    if (++decoder->_trailer_bytes > CHUNKED_TRAILER_MAX) {
        return BAD;
    }
    if (decoder->_state == TRAILER_VALUE) {
        return c == '\r' ? TRAILER_LF : h1_is_control(c) ? BAD : TRAILER_VALUE;
    }
    if (decoder->_state == TRAILER_NAME && c == ':') {
        return TRAILER_VALUE;
    }
    return h1_is_token_char(c) ? TRAILER_NAME : BAD;
}

// What one byte outside the data does.
static enum chunked_state on_byte(struct chunked_decoder *decoder, char c)
{
    switch ((enum chunked_state)decoder->_state) {
    case SIZE_START: return add_digit(decoder, hex_value(c)) ? SIZE : BAD;
    case SIZE: return on_size(decoder, c);
    case SIZE_SPACE: return on_size_space(decoder, c);
    case EXTENSION: return on_extension(decoder, c);
    case SIZE_LF: return on_size_lf(decoder, c);
    case DATA_CR: return c == '\r' ? DATA_LF : BAD;
    case DATA_LF: return c == '\n' ? SIZE_START : BAD;
    case TRAILER_START: return c == '\r' ? END_LF : on_trailer(decoder, c);
    case TRAILER_NAME:
    case TRAILER_VALUE: return on_trailer(decoder, c);
    case TRAILER_LF: return c == '\n' ? TRAILER_START : BAD;
    case END_LF: return c == '\n' ? DONE : BAD;
    case DATA:
    case DONE:
    case BAD: break;
    }
    return BAD;
}

// Moves what there is of the chunk's data to `out`; returns how much that was.
static size_t take_data(struct chunked_decoder *decoder, char *out, const char *at, size_t len)
{
    size_t n = decoder->_left < len ? (size_t)decoder->_left : len;
    memmove(out, at, n);
    decoder->_left -= n;
    if (decoder->_left == 0) {
        decoder->_state = DATA_CR;
    }
    return n;
}

enum chunked_result chunked_decode(struct chunked_decoder *decoder, char *bytes, size_t len, size_t *data_len_r,
                                   size_t *used_r)
{
    size_t at = 0;
    size_t out = 0;
    while (at < len && decoder->_state != DONE && decoder->_state != BAD) {
        if (decoder->_state == DATA) {
            size_t n = take_data(decoder, bytes + out, bytes + at, len - at);
            at += n;
            out += n;
        } else {
            decoder->_state = (uint8_t)on_byte(decoder, bytes[at++]);
        }
    }
    *data_len_r = out;
    *used_r = at;
    return decoder->_state == DONE ? CHUNKED_DONE : decoder->_state == BAD ? CHUNKED_BAD : CHUNKED_NEED_MORE;
}

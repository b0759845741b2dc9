// SPDX-License-Identifier: MIT
#include "simulator/prose.h"

static const struct slice prose = SLICE_INIT(
    "A gateway stands between those who ask and those who answer. It reads the first line of a letter, looks at who "
    "sent it, picks a courier who is rested, and hands the letter on without breaking the seal. When a courier falls "
    "ill it picks another, and nobody at the window has to know. It keeps count of every word that passes, yet it "
    "remembers none of them. On a quiet day it costs next to nothing; on a loud day it costs the same, a thousand "
    "times over. And when the answer comes back, one small word after the other, it lets each word through the moment "
    "it arrives. ");

static void append_from(struct buf *out, size_t at, size_t len)
{
    while (len > 0) {
        size_t piece = prose.len - at < len ? prose.len - at : len;
        buf_append(out, slice_of(prose.ptr + at, piece));
        len -= piece;
        at = 0;
    }
}

void prose_append_token(struct buf *out, uint64_t index, size_t size)
{
    append_from(out, (size_t)(index * size % prose.len), size);
}

void prose_append(struct buf *out, size_t len)
{
    append_from(out, 0, len);
}

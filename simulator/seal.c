// SPDX-License-Identifier: MIT
#include "simulator/seal.h"

#include <inttypes.h>

#include "base/fnv.h"

static const struct slice prefixes[] = {
    [PROVIDER_ANTHROPIC] = SLICE_INIT("simA"),
    [PROVIDER_CHAT] = SLICE_INIT("simC"),
    [PROVIDER_RESPONSES] = SLICE_INIT("simR"),
    [PROVIDER_GEMINI] = SLICE_INIT("simG"),
};

enum { PREFIX_LEN = 4, ID_LEN = 16, SEAL_LEN = PREFIX_LEN + ID_LEN + 16 };

// `head` is the prefix and the id.
static void append_sealed(struct buf *out, struct slice head, struct slice bound)
{
    uint64_t checksum = fnv_add(fnv_add(FNV_START, head), bound);
    buf_append(out, head);
    buf_printf(out, "%016" PRIx64, checksum);
}

void seal_append(struct buf *out, enum provider provider, uint64_t id, struct slice bound)
{
    struct buf head = BUF_EMPTY;
    buf_append(&head, prefixes[provider]);
    buf_printf(&head, "%016" PRIx64, id);
    append_sealed(out, buf_slice(&head), bound);
    buf_deinit(&head);
}

bool seal_is_intact(struct slice seal, enum provider provider, struct slice bound)
{
    if (seal.len != SEAL_LEN || !slice_starts_with(seal, prefixes[provider])) {
        return false;
    }
    struct buf expected = BUF_EMPTY;
    append_sealed(&expected, slice_of(seal.ptr, PREFIX_LEN + ID_LEN), bound);
    bool is_intact = slice_eq(buf_slice(&expected), seal);
    buf_deinit(&expected);
    return is_intact;
}

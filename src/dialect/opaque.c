// SPDX-License-Identifier: MIT
#include "dialect/opaque.h"

#include <assert.h>

#include "base/base64.h"
#include "base/fnv.h"
#include "base/hex.h"

struct kind_row {
    struct slice code; // in the wrapper
    enum opaque_issuer issuer;
};

static const struct kind_row KINDS[] = {
    [OPAQUE_NONE] = {SLICE_INIT(""), 0},
    [OPAQUE_ANTHROPIC_SIGNATURE] = {SLICE_INIT("as"), ISSUER_ANTHROPIC},
    [OPAQUE_ANTHROPIC_REDACTED] = {SLICE_INIT("ar"), ISSUER_ANTHROPIC},
    [OPAQUE_OPENAI_ENCRYPTED] = {SLICE_INIT("oe"), ISSUER_OPENAI},
    [OPAQUE_GEMINI_CALL] = {SLICE_INIT("gc"), ISSUER_GOOGLE},
    [OPAQUE_GEMINI_TEXT] = {SLICE_INIT("gt"), ISSUER_GOOGLE},
    [OPAQUE_GEMINI_THOUGHT] = {SLICE_INIT("gh"), ISSUER_GOOGLE},
    [OPAQUE_VENDOR_TEXT] = {SLICE_INIT("vt"), ISSUER_VENDOR},
};

#define MARK "gw1."
#define MARK_IN_BASE64 "Z3cxL" // what any base64 of it begins with

enum { CHECKSUM_LEN = HEX_U64_LEN };

enum opaque_issuer opaque_issuer(enum opaque_kind kind)
{
    assert(kind != OPAQUE_NONE);
    return KINDS[kind].issuer;
}

// It is to notice damage, not an attacker.
static void checksum(struct slice text, char out[CHECKSUM_LEN])
{
    hex_write_u64(out, fnv_add(FNV_START, text));
}

// A dot within an item id would end it, so that one is written "%2E", and the sign itself "%25".
static void append_item_id(struct buf *out, struct slice id)
{
    for (size_t i = 0; i < id.len; i++) {
        if (id.ptr[i] == '.') {
            buf_append(out, SLICE("%2E"));
        } else if (id.ptr[i] == '%') {
            buf_append(out, SLICE("%25"));
        } else {
            buf_append_char(out, id.ptr[i]);
        }
    }
}

static struct slice read_item_id(struct arena *arena, struct slice id)
{
    if (slice_find_char(id, '%') == SLICE_NOT_FOUND) {
        return id;
    }
    char *out = arena_text(arena, id.len);
    size_t len = 0;
    for (size_t i = 0; i < id.len; i++) {
        bool is_coded = slice_starts_with(slice_after(id, i), SLICE("%2"));
        out[len++] = !is_coded ? id.ptr[i] : i + 2 < id.len && id.ptr[i + 2] == 'E' ? '.' : '%';
        i += is_coded ? 2 : 0;
    }
    return slice_of(out, len);
}

void opaque_wrap(const struct neutral_opaque *opaque, struct buf *out)
{
    assert(opaque->kind != OPAQUE_NONE);
    size_t start = out->len;
    buf_reserve(out, sizeof(MARK) + opaque->item_id.len + opaque->data.len + CHECKSUM_LEN + 8);
    buf_append(out, SLICE(MARK));
    buf_append(out, KINDS[opaque->kind].code);
    buf_append_char(out, '.');
    append_item_id(out, opaque->item_id);
    buf_append_char(out, '.');
    buf_append(out, opaque->data);
    char sum[CHECKSUM_LEN];
    checksum(slice_of(out->ptr + start, out->len - start), sum);
    buf_append_char(out, '.');
    buf_append(out, slice_of(sum, sizeof(sum)));
}

void opaque_wrap_base64(const struct neutral_opaque *opaque, struct buf *out)
{
    struct buf plain = BUF_EMPTY;
    opaque_wrap(opaque, &plain);
    out->len += base64_encode(buf_reserve(out, base64_encoded_len(plain.len)), buf_slice(&plain));
    buf_deinit(&plain);
}

static enum opaque_kind kind_of(struct slice code)
{
    enum opaque_kind kind = OPAQUE_VENDOR_TEXT;
    while (kind != OPAQUE_NONE && !slice_eq(KINDS[kind].code, code)) {
        kind--;
    }
    return kind;
}

// Takes the checksum off the end; false where it is not that of the rest.
static bool take_checksum(struct slice *text)
{
    enum { TAIL_LEN = 1 + CHECKSUM_LEN };
    if (text->len < TAIL_LEN) {
        return false;
    }
    struct slice body = slice_of(text->ptr, text->len - TAIL_LEN);
    char sum[CHECKSUM_LEN];
    checksum(body, sum);
    if (body.ptr[body.len] != '.' || memcmp(body.ptr + body.len + 1, sum, CHECKSUM_LEN) != 0) {
        return false;
    }
    *text = body;
    return true;
}

static bool open_wrapper(struct arena *arena, struct slice text, struct neutral_opaque *opaque_r)
{
    if (!take_checksum(&text)) {
        return false;
    }
    struct slice rest = slice_after(text, sizeof(MARK) - 1);
    enum opaque_kind kind = kind_of(slice_split(&rest, '.'));
    struct slice item_id = slice_split(&rest, '.');
    if (kind == OPAQUE_NONE || !rest.ptr) {
        return false;
    }
    *opaque_r = (struct neutral_opaque){kind, rest, read_item_id(arena, item_id)};
    return true;
}

bool opaque_unwrap(struct arena *arena, struct slice text, struct neutral_opaque *opaque_r)
{
    if (slice_starts_with(text, SLICE(MARK_IN_BASE64))) {
        char *plain = arena_text(arena, base64_decoded_max(text.len));
        size_t len;
        if (!base64_decode(plain, text, &len)) {
            return false;
        }
        text = slice_of(plain, len);
    }
    return slice_starts_with(text, SLICE(MARK)) && open_wrapper(arena, text, opaque_r);
}

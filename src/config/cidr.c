// SPDX-License-Identifier: MIT
#include "config/cidr.h"

#include <arpa/inet.h>

enum { V6_BITS = 128, V4_BITS = 32, MAPPED_BITS = V6_BITS - V4_BITS };

// Both families as 16 bytes. False when it is no address.
static bool parse_address(struct slice text, uint8_t bytes_r[16], bool *is_v4_r)
{
    static const uint8_t mapped[MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};
    char host[INET6_ADDRSTRLEN];
    uint8_t bytes[16];
    if (text.len == 0 || text.len >= sizeof(host) || memchr(text.ptr, '\0', text.len)) {
        return false;
    }
    memcpy(host, text.ptr, text.len);
    host[text.len] = '\0';
    bool is_v4 = inet_pton(AF_INET, host, bytes + sizeof(mapped)) == 1;
    if (is_v4) {
        memcpy(bytes, mapped, sizeof(mapped));
    } else if (inet_pton(AF_INET6, host, bytes) != 1) {
        return false;
    }
    memcpy(bytes_r, bytes, sizeof(bytes));
    *is_v4_r = is_v4;
    return true;
}

bool cidr_parse(struct slice text, struct cidr *cidr_r)
{
    struct slice prefix = text;
    struct slice address = slice_split(&prefix, '/');
    struct cidr cidr = {.n_bits = V6_BITS};
    bool is_v4;
    if (!parse_address(address, cidr.bytes, &is_v4)) {
        return false;
    }
    if (prefix.ptr) {
        uint64_t n_bits;
        if (!slice_to_u64(prefix, &n_bits) || n_bits > (is_v4 ? V4_BITS : V6_BITS)) {
            return false;
        }
        cidr.n_bits = (uint8_t)(n_bits + (is_v4 ? MAPPED_BITS : 0));
    }
    *cidr_r = cidr;
    return true;
}

static bool shares_prefix(const struct cidr *cidr, const uint8_t bytes[16])
{
    size_t n_whole = cidr->n_bits / 8;
    unsigned n_rest = cidr->n_bits % 8;
    if (memcmp(cidr->bytes, bytes, n_whole) != 0) {
        return false;
    }
    return n_rest == 0 || (cidr->bytes[n_whole] ^ bytes[n_whole]) >> (8 - n_rest) == 0;
}

bool cidr_has(const struct cidr *cidr, struct slice address)
{
    uint8_t bytes[16];
    bool is_v4;
    return parse_address(address, bytes, &is_v4) && shares_prefix(cidr, bytes);
}

bool cidr_list_parse(struct slice text, struct arena *arena, struct cidr_list *list_r)
{
    struct cidr_list list = {0};
    struct slice rest = text;
    while (rest.ptr) {
        slice_split(&rest, ',');
        list.n_items++;
    }
    list.items = arena_zalloc(arena, (list.n_items + 1) * sizeof(*list.items));
    list.n_items = 0;
    while (text.ptr) {
        struct slice item = slice_trim(slice_split(&text, ','));
        if (item.len > 0 && !cidr_parse(item, &list.items[list.n_items++])) {
            return false;
        }
    }
    if (list.n_items == 0) {
        return false;
    }
    *list_r = list;
    return true;
}

bool cidr_list_has(const struct cidr_list *list, struct slice address)
{
    for (size_t i = 0; i < list->n_items; i++) {
        if (cidr_has(&list->items[i], address)) {
            return true;
        }
    }
    return false;
}

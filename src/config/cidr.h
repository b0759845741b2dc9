// SPDX-License-Identifier: MIT
// Ranges of network addresses, as operators write them: "10.0.0.0/8", "2001:db8::/32", "192.0.2.7".
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

// An IPv4 range is kept as the range of addresses mapped into IPv6, so that both spellings of an address match.
struct cidr {
    uint8_t bytes[16];
    uint8_t n_bits; // that an address must share
};

struct cidr_list {
    struct cidr *items; // arena
    size_t n_items;
};

// A range, or one address. Bits behind the prefix do not matter.
bool cidr_parse(struct slice text, struct cidr *cidr_r);
// Is this the text of an address ("203.0.113.7", "::1") in the range?
bool cidr_has(const struct cidr *cidr, struct slice address);

// Separated by commas, with spaces around them; at least one. False when any of them is wrong.
bool cidr_list_parse(struct slice text, struct arena *arena, struct cidr_list *list_r);
bool cidr_list_has(const struct cidr_list *list, struct slice address); // false for an empty list

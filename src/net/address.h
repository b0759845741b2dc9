// SPDX-License-Identifier: MIT
// A socket address of either internet family, small enough to keep one for every connection.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/slice.h"

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
};

enum { ADDRESS_TEXT_SIZE = INET6_ADDRSTRLEN };

static inline socklen_t address_len(const struct address *address)
{
    return address->any.sa_family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
}

// False when `host` is not a literal address.
bool address_from_literal(struct address *address, struct slice host, uint16_t port);
void address_set_port(struct address *address, uint16_t port);

// The text without a port; a v4 address mapped into v6 is written as v4. Points into `out`.
struct slice address_text(const struct address *address, char out[ADDRESS_TEXT_SIZE]);

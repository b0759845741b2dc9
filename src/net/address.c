// SPDX-License-Identifier: MIT
#include "net/address.h"

#include <arpa/inet.h>
#include <uv.h>

bool address_from_literal(struct address *address, struct slice host, uint16_t port)
{
    char text[ADDRESS_TEXT_SIZE + 16];
    if (host.len == 0 || host.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    memset(address, 0, sizeof(*address));
    return uv_ip4_addr(text, port, &address->v4) == 0 || uv_ip6_addr(text, port, &address->v6) == 0;
}

void address_set_port(struct address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET6) {
        address->v6.sin6_port = htons(port);
    } else {
        address->v4.sin_port = htons(port);
    }
}

struct slice address_text(const struct address *address, char out[ADDRESS_TEXT_SIZE])
{
    const void *bytes = &address->v4.sin_addr;
    int family = AF_INET;
    if (address->any.sa_family == AF_INET6) {
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr);
        bytes = is_mapped ? (const void *)&address->v6.sin6_addr.s6_addr[12] : &address->v6.sin6_addr;
        family = is_mapped ? AF_INET : AF_INET6;
    }
    if (!inet_ntop(family, bytes, out, ADDRESS_TEXT_SIZE)) {
        out[0] = '\0';
    }
    return slice_from_cstr(out);
}

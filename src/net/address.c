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

// inet_ntop() goes through printf, and this comes with every line of the access log.
static struct slice v4_text(const unsigned char bytes[4], char out[ADDRESS_TEXT_SIZE])
{
    size_t len = 0;
    for (size_t i = 0; i < 4; i++) {
        len += format_u64(out + len, bytes[i]);
        out[len++] = '.';
    }
    return slice_of(out, len - 1);
}

struct slice address_text(const struct address *address, char out[ADDRESS_TEXT_SIZE])
{
    if (address->any.sa_family != AF_INET6) {
        return v4_text((const unsigned char *)&address->v4.sin_addr, out);
    }
    if (IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr)) {
        return v4_text(&address->v6.sin6_addr.s6_addr[12], out);
    }
    if (!inet_ntop(AF_INET6, &address->v6.sin6_addr, out, ADDRESS_TEXT_SIZE)) {
        out[0] = '\0';
    }
    return slice_from_cstr(out);
}

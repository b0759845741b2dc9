// SPDX-License-Identifier: MIT
#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum { LISTENER_BACKLOG = 4096 };

static int parse_address(const char *host, uint16_t port, struct sockaddr_storage *addr, socklen_t *len)
{
    memset(addr, 0, sizeof(*addr));
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)addr) == 0) {
        *len = sizeof(struct sockaddr_in);
        return 0;
    }
    *len = sizeof(struct sockaddr_in6);
    return uv_ip6_addr(host, port, (struct sockaddr_in6 *)addr);
}

static int set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value));
}

int listener_open(const char *host, uint16_t port)
{
    struct sockaddr_storage addr;
    socklen_t len;
    if (parse_address(host, port, &addr, &len) != 0) {
        return UV_EINVAL;
    }
    int fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    // Accepted sockets inherit it.
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (addr.ss_family == AF_INET6) {
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, strcmp(host, "::") != 0);
    }
    if (bind(fd, (struct sockaddr *)&addr, len) != 0 || listen(fd, LISTENER_BACKLOG) != 0) {
        int r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

uint16_t listener_port(int fd)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0) {
        return 0;
    }
    return ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                            : ((struct sockaddr_in *)&addr)->sin_port);
}

// SPDX-License-Identifier: MIT
// TLS towards upstreams (OpenSSL): certificates verified against the system's store (SSL_CERT_FILE and SSL_CERT_DIR are
// honoured), SNI, ALPN http/1.1, sessions resumed per host.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/mem.h"
#include "base/slice.h"

struct tls_context; // one for a loop
struct tls_session; // one for a connection

struct tls_context *tls_context_new(void);
void tls_context_free(struct tls_context *context); // accepts NULL

// For the connected socket `fd`, which stays the caller's. The certificate must be for `host` (a name or an address).
struct tls_session *tls_session_new(struct tls_context *context, int fd, struct slice host, uint16_t port);
// `orderly` sends close_notify first.
void tls_session_free(struct tls_session *session, bool orderly);

// What the socket must become before the call can go on.
enum { TLS_WANT_READ = 1, TLS_WANT_WRITE = 2 };

// 0 done, TLS_WANT_*, or negative: the handshake failed and tls_error_text() says why.
MUST_USE int tls_handshake(struct tls_session *session);
const char *tls_error_text(const struct tls_session *session);

// Bytes, 0 at the peer's orderly end, UV_EAGAIN, or another negative code (UV_ECONNRESET when the peer ended without
// close_notify: with TLS that is a truncation).
MUST_USE ssize_t tls_read(struct tls_session *session, char *bytes, size_t len);
bool tls_has_pending(
    const struct tls_session *session); // decrypted or buffered bytes that the socket will not announce
// Bytes taken, UV_EAGAIN, or another negative code. After UV_EAGAIN the same bytes must come again first.
MUST_USE ssize_t tls_write(struct tls_session *session, const char *bytes, size_t len);

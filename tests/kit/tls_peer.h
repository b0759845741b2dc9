// SPDX-License-Identifier: MIT
// The other end of a TLS connection, in the same thread as the loop under test, with a certificate made on the spot.
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/buf.h"
#include "net/loop.h"

struct tls_peer {
    SSL_CTX *ctx;       // owned
    SSL *ssl;           // owned; of the latest connection, NULL before
    char cert_path[64]; // the certificate, which is its own authority
    bool saw_http_1_1;  // the other side offered it by ALPN
};

// `names` as OpenSSL's subjectAltName wants them: "DNS:localhost,IP:127.0.0.1".
void tls_peer_init(struct tls_peer *peer, const char *names);
void tls_peer_deinit(struct tls_peer *peer);
// Makes this certificate the only one that contexts made from now on believe.
void tls_peer_trust(const struct tls_peer *peer);

// Begins with the connected non-blocking socket, which stays the caller's. Steps turn the handshake on.
void tls_peer_begin(struct tls_peer *peer, int fd);
bool tls_peer_step(struct tls_peer *peer); // true once the handshake is done

void tls_peer_send(struct tls_peer *peer, struct loop *loop, struct slice bytes);
void tls_peer_receive(struct tls_peer *peer, struct loop *loop, struct buf *into, size_t n); // until `n` bytes are in

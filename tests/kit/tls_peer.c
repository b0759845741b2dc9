// SPDX-License-Identifier: MIT
#include "kit/tls_peer.h"

#include <assert.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kit/loopback.h"

static int select_http_1_1(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                           unsigned in_len, void *arg)
{
    struct tls_peer *peer = arg;
    (void)ssl;
    if (in_len != 9 || memcmp(in, "\x08http/1.1", 9) != 0) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    peer->saw_http_1_1 = true;
    *out = in + 1;
    *out_len = 8;
    return SSL_TLSEXT_ERR_OK;
}

static X509 *make_certificate(EVP_PKEY *key, const char *names)
{
    X509 *cert = X509_new();
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_set_pubkey(cert, key);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    assert(extension);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(cert, key, EVP_sha256());
    return cert;
}

void tls_peer_init(struct tls_peer *peer, const char *names)
{
    *peer = (struct tls_peer){.ctx = SSL_CTX_new(TLS_server_method()), .cert_path = "/tmp/tls_peer.XXXXXX"};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make_certificate(key, names);
    SSL_CTX_use_certificate(peer->ctx, cert);
    SSL_CTX_use_PrivateKey(peer->ctx, key);
    SSL_CTX_set_alpn_select_cb(peer->ctx, select_http_1_1, peer);
    SSL_CTX_set_session_id_context(peer->ctx, (const unsigned char *)"peer", 4);
    int fd = mkstemp(peer->cert_path);
    assert(fd >= 0);
    FILE *file = fdopen(fd, "w");
    PEM_write_X509(file, cert);
    fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
}

void tls_peer_deinit(struct tls_peer *peer)
{
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->ctx);
    unlink(peer->cert_path);
}

void tls_peer_trust(const struct tls_peer *peer)
{
    setenv("SSL_CERT_FILE", peer->cert_path, 1);
    setenv("SSL_CERT_DIR", "/nonexistent", 1);
}

void tls_peer_begin(struct tls_peer *peer, int fd)
{
    SSL_free(peer->ssl);
    peer->ssl = SSL_new(peer->ctx);
    SSL_set_fd(peer->ssl, fd);
}

bool tls_peer_step(struct tls_peer *peer)
{
    return SSL_accept(peer->ssl) == 1;
}

struct transfer {
    struct tls_peer *peer;
    struct slice left;
    struct buf *into;
    size_t n;
};

static bool has_sent(void *arg)
{
    struct transfer *transfer = arg;
    int n = SSL_write(transfer->peer->ssl, transfer->left.ptr, (int)transfer->left.len);
    transfer->left = n > 0 ? slice_after(transfer->left, (size_t)n) : transfer->left;
    return transfer->left.len == 0;
}

void tls_peer_send(struct tls_peer *peer, struct loop *loop, struct slice bytes)
{
    struct transfer transfer = {.peer = peer, .left = bytes};
    SSL_set_mode(peer->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
    bool is_sent = loopback_until(loop, has_sent, &transfer);
    assert(is_sent);
    (void)is_sent;
}

static bool has_received(void *arg)
{
    struct transfer *transfer = arg;
    char bytes[16384];
    for (int n; (n = SSL_read(transfer->peer->ssl, bytes, sizeof(bytes))) > 0;) {
        buf_append(transfer->into, slice_of(bytes, (size_t)n));
    }
    return transfer->into->len >= transfer->n;
}

void tls_peer_receive(struct tls_peer *peer, struct loop *loop, struct buf *into, size_t n)
{
    struct transfer transfer = {.peer = peer, .into = into, .n = n};
    bool is_received = loopback_until(loop, has_received, &transfer);
    assert(is_received);
    (void)is_received;
}

// SPDX-License-Identifier: MIT
#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <uv.h>

#include "base/map.h"

enum { TLS_PEER_NAME_MAX = 300, TLS_ERROR_MAX = 256, TLS_SESSIONS_MAX = 1024 };

struct tls_context {
    SSL_CTX *ctx;        // owned
    struct map sessions; // "host:port" → struct remembered
};

// The last session that a peer gave, for resumption.
struct remembered {
    SSL_SESSION *session; // owned; NULL after it was used
    size_t name_len;
    char name[TLS_PEER_NAME_MAX];
};

struct tls_session {
    SSL *ssl;                    // owned
    struct tls_context *context; // borrowed
    struct remembered *peer;     // borrowed: context
    char error[TLS_ERROR_MAX];
};

// Called with a session ticket, for TLS 1.3 after the handshake. 1 means that the reference is ours now.
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_session *owner = SSL_get_app_data(ssl);
    if (!owner || !owner->peer) {
        return 0;
    }
    SSL_SESSION_free(owner->peer->session);
    owner->peer->session = session;
    return 1;
}

struct tls_context *tls_context_new(void)
{
    static const unsigned char alpn[] = "\x08http/1.1";
    struct tls_context *context = mem_zalloc(sizeof(*context));
    map_init(&context->sessions);
    context->ctx = SSL_CTX_new(TLS_client_method());
    if (!context->ctx) {
        abort();
    }
    SSL_CTX_set_min_proto_version(context->ctx, TLS1_2_VERSION);
    SSL_CTX_set_default_verify_paths(context->ctx);
    SSL_CTX_set_verify(context->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context->ctx,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_protos(context->ctx, alpn, sizeof(alpn) - 1);
    SSL_CTX_set_session_cache_mode(context->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context->ctx, on_new_session);
    return context;
}

void tls_context_free(struct tls_context *context)
{
    if (!context) {
        return;
    }
    size_t at = 0;
    for (const struct map_entry *e; (e = map_next(&context->sessions, &at));) {
        struct remembered *peer = e->value;
        SSL_SESSION_free(peer->session);
        mem_free(peer);
    }
    map_deinit(&context->sessions);
    SSL_CTX_free(context->ctx);
    mem_free(context);
}

static struct remembered *remembered_of(struct tls_context *context, struct slice host, uint16_t port)
{
    char name[TLS_PEER_NAME_MAX];
    int len = snprintf(name, sizeof(name), "%.*s:%u", SLICE_ARG(host), port);
    if (len < 0 || (size_t)len >= sizeof(name)) {
        return NULL;
    }
    struct remembered *peer = map_find(&context->sessions, slice_of(name, (size_t)len));
    if (!peer && context->sessions.n_entries < TLS_SESSIONS_MAX) {
        peer = mem_zalloc(sizeof(*peer));
        memcpy(peer->name, name, (size_t)len);
        peer->name_len = (size_t)len;
        map_set(&context->sessions, slice_of(peer->name, peer->name_len), peer);
    }
    return peer;
}

// Names are checked and announced by SNI; addresses are checked only (RFC 6066 §3 has no SNI for them).
static void expect_host(SSL *ssl, struct slice host)
{
    char name[TLS_PEER_NAME_MAX];
    unsigned char address[16];
    snprintf(name, sizeof(name), "%.*s", SLICE_ARG(host));
    if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
        return;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl, name);
    SSL_set_tlsext_host_name(ssl, name);
}

struct tls_session *tls_session_new(struct tls_context *context, int fd, struct slice host, uint16_t port)
{
    struct tls_session *session = mem_zalloc(sizeof(*session));
    session->context = context;
    session->peer = remembered_of(context, host, port);
    session->ssl = SSL_new(context->ctx);
    if (!session->ssl || SSL_set_fd(session->ssl, fd) != 1) {
        abort();
    }
    SSL_set_app_data(session->ssl, session);
    SSL_set_connect_state(session->ssl);
    expect_host(session->ssl, host);
    if (session->peer && session->peer->session) {
        SSL_set_session(session->ssl, session->peer->session);
        // A TLS 1.3 ticket is good for one connection (RFC 8446 §C.4).
        SSL_SESSION_free(session->peer->session);
        session->peer->session = NULL;
    }
    return session;
}

void tls_session_free(struct tls_session *session, bool orderly)
{
    if (!session) {
        return;
    }
    ERR_clear_error();
    if (orderly && SSL_is_init_finished(session->ssl)) {
        SSL_shutdown(session->ssl);
    }
    SSL_free(session->ssl);
    mem_free(session);
}

static void describe_failure(struct tls_session *session, int ssl_error)
{
    long verdict = SSL_get_verify_result(session->ssl);
    unsigned long code = ERR_peek_last_error();
    if (verdict != X509_V_OK) {
        snprintf(session->error, sizeof(session->error), "certificate refused: %s",
                 X509_verify_cert_error_string(verdict));
    } else if (code) {
        const char *reason = ERR_reason_error_string(code);
        snprintf(session->error, sizeof(session->error), "%s", reason ? reason : "TLS error");
    } else {
        snprintf(session->error, sizeof(session->error), "%s",
                 ssl_error == SSL_ERROR_SYSCALL && errno ? strerror(errno) : "connection closed in the handshake");
    }
}

int tls_handshake(struct tls_session *session)
{
    ERR_clear_error();
    errno = 0;
    int n = SSL_do_handshake(session->ssl);
    if (n == 1) {
        return 0;
    }
    int error = SSL_get_error(session->ssl, n);
    if (error == SSL_ERROR_WANT_READ) {
        return TLS_WANT_READ;
    }
    if (error == SSL_ERROR_WANT_WRITE) {
        return TLS_WANT_WRITE;
    }
    describe_failure(session, error);
    return UV_EPROTO;
}

const char *tls_error_text(const struct tls_session *session)
{
    return session->error;
}

static ssize_t failure_of(struct tls_session *session, int n)
{
    switch (SSL_get_error(session->ssl, n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return UV_EAGAIN;
    case SSL_ERROR_ZERO_RETURN: return 0;
    case SSL_ERROR_SYSCALL: return errno ? -errno : UV_ECONNRESET;
    default: return UV_ECONNRESET;
    }
}

ssize_t tls_read(struct tls_session *session, char *bytes, size_t len)
{
    ERR_clear_error();
    errno = 0;
    int n = SSL_read(session->ssl, bytes, len > INT_MAX ? INT_MAX : (int)len);
    return n > 0 ? n : failure_of(session, n);
}

bool tls_has_pending(const struct tls_session *session)
{
    return SSL_has_pending(session->ssl) == 1;
}

ssize_t tls_write(struct tls_session *session, const char *bytes, size_t len)
{
    ERR_clear_error();
    errno = 0;
    int n = SSL_write(session->ssl, bytes, len > INT_MAX ? INT_MAX : (int)len);
    if (n > 0) {
        return n;
    }
    ssize_t r = failure_of(session, n);
    return r == 0 ? UV_EPIPE : r;
}

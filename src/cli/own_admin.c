// SPDX-License-Identifier: MIT
#include "cli/own_admin.h"

#include "base/random.h"
#include "http/server_conn.h"
#include "net/listener.h"
#include "process/keeper.h"

enum { KEY_SIZE = 43, BODY_MAX = 256 * 1024 * 1024 };

struct own_admin {
    struct loop *loop;          // borrowed
    struct keeper *keeper;      // owned
    struct http_server *server; // owned
    uint16_t port;
    bool is_closed;
    char key[KEY_SIZE];
};

// Of who may ask, only we are: whatever the gateway's admin key is, and whether there is one, does not matter here.
static struct config *load(const struct own_admin *own, const struct config_sources *sources, struct buf *problem)
{
    struct buf warnings = BUF_EMPTY;
    struct config *config = config_load(sources, problem, &warnings);
    buf_deinit(&warnings);
    if (config) {
        config->admin_access_key = own_admin_key(own);
        config->admin_allow = (struct cidr_list){0};
    }
    return config;
}

static bool listen_on(struct own_admin *own, struct buf *problem)
{
    struct http_server_limits limits = http_server_limits_default;
    int fd = listener_open("127.0.0.1", 0);
    if (fd < 0) {
        buf_printf(problem, "cannot listen on 127.0.0.1: %s", uv_strerror(fd));
        return false;
    }
    limits.body_max = BODY_MAX;
    own->port = listener_port(fd);
    own->server = http_server_new(own->loop, &limits, &admin_handler, keeper_admin(own->keeper));
    http_server_listen_take(own->server, fd);
    return true;
}

struct own_admin *own_admin_open(struct loop *loop, const struct config_sources *sources, struct buf *problem)
{
    struct own_admin *own = mem_zalloc(sizeof(*own));
    own->loop = loop;
    random_token(own->key, KEY_SIZE);
    struct config *config = load(own, sources, problem);
    // Without an address in the lock others wait until we are done, instead of asking us.
    own->keeper = config ? keeper_open(loop, config, NULL, NULL, problem) : NULL;
    config_unref(config);
    if (own->keeper && listen_on(own, problem)) {
        return own;
    }
    own_admin_close(own);
    own_admin_free(own);
    return NULL;
}

uint16_t own_admin_port(const struct own_admin *own)
{
    return own->port;
}

struct slice own_admin_key(const struct own_admin *own)
{
    return slice_of(own->key, KEY_SIZE);
}

static void on_closed(void *arg)
{
    struct own_admin *own = arg;
    own->is_closed = true;
    loop_stop(own->loop);
}

void own_admin_close(struct own_admin *own)
{
    if (own->server) {
        http_server_abort_all(own->server);
    }
    if (own->keeper) {
        keeper_close(own->keeper, on_closed, own);
        while (!own->is_closed) {
            loop_run(own->loop);
        }
    }
}

void own_admin_free(struct own_admin *own)
{
    if (own->server) {
        http_server_free(own->server);
    }
    if (own->keeper) {
        keeper_free(own->keeper);
    }
    mem_free(own);
}

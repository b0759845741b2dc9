// SPDX-License-Identifier: MIT
#include "cli/admin_link.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/own_admin.h"
#include "http/url.h"
#include "store/data_lock.h"

enum { PATIENCE_MS = 5000, PAUSE_MS = 50 };

struct admin_link {
    struct arena arena;
    struct loop loop;
    struct timer pause;
    struct http_client *client; // owned
    struct own_admin *own;      // owned; NULL: a gateway runs
    struct admin_peer peer;
};

// ---- who has the data folder ----------------------------------------------------------------------------------------

// Where the owner of the folder answers. False: nobody has it, or whoever has it does not say.
static bool find_address(struct admin_link *link, const char *folder, struct slice *owner_r, struct url *url_r)
{
    *owner_r = data_lock_owner(folder, &link->arena);
    for (struct slice rest = *owner_r; rest.ptr;) {
        struct slice value = slice_split(&rest, '\n');
        if (slice_eq(slice_split(&value, ' '), SLICE("address")) && url_parse(url_r, value) == 0) {
            return true;
        }
    }
    return false;
}

static bool folder_exists(const char *folder, struct buf *problem)
{
    struct stat found;
    if (stat(folder, &found) != 0) {
        buf_printf(problem, "there is no data folder %s here (%s): go where the gateway runs, or set DATA_DIR", folder,
                   strerror(errno));
        return false;
    }
    if (!S_ISDIR(found.st_mode)) {
        buf_printf(problem, "%s is no folder", folder);
        return false;
    }
    return true;
}

static void on_pause_over(struct timer *timer)
{
    loop_stop(&CONTAINER_OF(timer, struct admin_link, pause)->loop);
}

static void wait_a_little(struct admin_link *link)
{
    timer_start(&link->loop.timers, &link->pause, PAUSE_MS, on_pause_over);
    while (timer_is_running(&link->pause)) {
        loop_run(&link->loop);
    }
}

// ---- the peer -------------------------------------------------------------------------------------------------------

static void set_peer(struct admin_link *link, struct slice host, uint16_t port, struct slice key)
{
    struct http_origin origin = {.host = host, .port = port};
    bool is_ipv6 = slice_find_char(host, ':') != SLICE_NOT_FOUND;
    link->peer = (struct admin_peer){
        .loop = &link->loop,
        .client = link->client,
        .origin = http_client_origin(link->client, &origin),
        .host = arena_printf(&link->arena, is_ipv6 ? "[%.*s]:%u" : "%.*s:%u", SLICE_ARG(host), port),
        .key = arena_dup(&link->arena, key),
    };
}

// A gateway that listens everywhere answers here, too.
static struct slice reachable(struct slice host)
{
    if (slice_eq(host, SLICE("0.0.0.0"))) {
        return SLICE("127.0.0.1");
    }
    return slice_eq(host, SLICE("::")) ? SLICE("::1") : host;
}

static bool use_gateway(struct admin_link *link, const struct config *config, const struct url *url,
                        struct buf *problem)
{
    if (config->admin_access_key.len == 0) {
        buf_printf(problem,
                   "ADMIN_ACCESS_KEY is neither in the environment nor in .env of this folder: the running gateway "
                   "is asked through its admin API, which wants it");
        return false;
    }
    set_peer(link, reachable(url->host), url->port, config->admin_access_key);
    return true;
}

// Another command may be at work, or a gateway may be starting: both are over soon.
static bool connect_link(struct admin_link *link, const struct config_sources *sources, const struct config *config,
                         struct buf *problem)
{
    const char *folder = arena_cstr(&link->arena, config->data_dir);
    uint64_t deadline_ns = clock_monotonic_ns() + PATIENCE_MS * UINT64_C(1000000);
    for (;;) {
        struct slice owner;
        struct url url;
        buf_clear(problem);
        if (!folder_exists(folder, problem)) {
            return false;
        }
        if (find_address(link, folder, &owner, &url)) {
            return use_gateway(link, config, &url, problem);
        }
        link->own = own_admin_open(&link->loop, sources, problem);
        if (link->own) {
            set_peer(link, SLICE("127.0.0.1"), own_admin_port(link->own), own_admin_key(link->own));
            return true;
        }
        bool is_busy = data_lock_owner(folder, &link->arena).len > 0;
        if (!is_busy || clock_monotonic_ns() > deadline_ns) {
            return false;
        }
        wait_a_little(link);
    }
}

struct admin_link *admin_link_open(const struct config_sources *sources, struct buf *problem)
{
    struct buf warnings = BUF_EMPTY;
    struct config *config = config_load(sources, problem, &warnings);
    buf_deinit(&warnings); // they are the gateway's business
    if (!config) {
        return NULL;
    }
    struct admin_link *link = mem_zalloc(sizeof(*link));
    log_set_level(LOG_WARN);
    arena_init(&link->arena, 1024);
    loop_init(&link->loop);
    timer_init(&link->pause);
    link->client = http_client_new(&link->loop, &http_client_limits_default);
    bool is_open = connect_link(link, sources, config, problem);
    config_unref(config);
    if (!is_open) {
        admin_link_close(link);
        return NULL;
    }
    return link;
}

const struct admin_peer *admin_link_peer(const struct admin_link *link)
{
    return &link->peer;
}

bool admin_link_is_own(const struct admin_link *link)
{
    return link->own;
}

void admin_link_close(struct admin_link *link)
{
    http_client_close(link->client);
    if (link->own) {
        own_admin_close(link->own);
    }
    loop_deinit(&link->loop);
    if (link->own) {
        own_admin_free(link->own);
    }
    http_client_free(link->client);
    arena_deinit(&link->arena);
    mem_free(link);
}

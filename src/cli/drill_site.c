// SPDX-License-Identifier: MIT
#include "cli/drill_site.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/drill_child.h"
#include "cli/drill_config.h"
#include "http/url.h"
#include "store/data_lock.h"

enum { PATIENCE_MS = 30000, PAUSE_MS = 20, LOG_SHOWN_MAX = 2000, PATH_LEN = 4096, N_SIGNALS = 3 };

struct drill_site {
    struct arena arena;
    struct loop loop;
    struct timer pause;
    uv_signal_t signals[N_SIGNALS];
    bool is_interrupted;
    bool is_shared;
    uint32_t speed;
    struct http_client *client; // owned
    struct drill_peer gateway_peer;
    struct admin_peer simulator_peer;
    struct drill_child gateway;
    struct drill_child simulator;
    char *folder; // of ours, in the arena; NULL: nothing is ours
};

// ---- waiting --------------------------------------------------------------------------------------------------------

static void on_signal(uv_signal_t *handle, int number)
{
    struct drill_site *site = handle->data;
    site->is_interrupted = true;
    loop_stop(&site->loop);
}

static void watch_signals(struct drill_site *site)
{
    static const int numbers[N_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < N_SIGNALS; i++) {
        uv_signal_init(&site->loop.uv, &site->signals[i]);
        site->signals[i].data = site;
        uv_signal_start(&site->signals[i], on_signal, numbers[i]);
    }
}

static void on_pause_over(struct timer *timer)
{
    loop_stop(&CONTAINER_OF(timer, struct drill_site, pause)->loop);
}

void drill_site_wait(struct drill_site *site, uint32_t ms)
{
    timer_start(&site->loop.timers, &site->pause, ms, on_pause_over);
    while (timer_is_running(&site->pause) && !site->is_interrupted) {
        loop_run(&site->loop);
    }
    timer_cancel(&site->pause);
}

// ---- peers ----------------------------------------------------------------------------------------------------------

static struct client_origin *find_origin(struct drill_site *site, const struct url *url, struct slice *host_r)
{
    struct http_origin origin = {.host = url->host, .port = url->port, .is_tls = url->is_tls};
    bool is_ipv6 = slice_find_char(url->host, ':') != SLICE_NOT_FOUND;
    *host_r = arena_printf(&site->arena, is_ipv6 ? "[%.*s]:%u" : "%.*s:%u", SLICE_ARG(url->host), url->port);
    return http_client_origin(site->client, &origin);
}

static void set_peers(struct drill_site *site, const struct url *gateway, const struct url *simulator,
                      struct slice access_key)
{
    site->gateway_peer = (struct drill_peer){
        .loop = &site->loop, .client = site->client, .access_key = access_key, .is_interrupted = &site->is_interrupted};
    site->gateway_peer.origin = find_origin(site, gateway, &site->gateway_peer.host);
    site->simulator_peer = (struct admin_peer){.loop = &site->loop, .client = site->client, .key = SLICE("none")};
    site->simulator_peer.origin = find_origin(site, simulator, &site->simulator_peer.host);
}

static bool read_url(struct slice text, const char *option, struct url *url_r, struct buf *problem)
{
    int r = url_parse(url_r, text);
    if (r != 0) {
        buf_printf(problem, "%s %.*s: %s", option, SLICE_ARG(text), url_error_text(r));
    }
    return r == 0;
}

static bool use_running(struct drill_site *site, const struct drill_options *options, struct buf *problem)
{
    struct url gateway;
    struct url simulator;
    if (!read_url(options->url, "--url", &gateway, problem) ||
        !read_url(options->simulator, "--simulator", &simulator, problem)) {
        return false;
    }
    site->is_shared = true;
    set_peers(site, &gateway, &simulator, options->access_key);
    return true;
}

// ---- programs of our own --------------------------------------------------------------------------------------------

static const char *path_in(struct drill_site *site, const char *name)
{
    return arena_cstr(&site->arena, arena_printf(&site->arena, "%s/%s", site->folder, name));
}

static bool make_folder(struct drill_site *site, struct buf *problem)
{
    const char *above = getenv("TMPDIR");
    char *folder = arena_cstr(
        &site->arena, arena_printf(&site->arena, "%s/droid2api-drill.XXXXXX", above && *above ? above : "/tmp"));
    if (!mkdtemp(folder)) {
        buf_printf(problem, "cannot make the folder %s: %s", folder, strerror(errno));
        return false;
    }
    site->folder = folder;
    return true;
}

static bool write_file(const char *path, struct slice text, struct buf *problem)
{
    FILE *file = fopen(path, "we");
    bool is_written = file && fwrite(text.ptr, 1, text.len, file) == text.len;
    is_written = (!file || fclose(file) == 0) && is_written;
    if (!is_written) {
        buf_printf(problem, "cannot write %s: %s", path, strerror(errno));
    }
    return is_written;
}

// The beginning of a file, in the arena; empty when there is none.
static struct slice read_file(struct drill_site *site, const char *path)
{
    char text[LOG_SHOWN_MAX];
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, sizeof(text), file) : 0;
    if (file) {
        fclose(file);
    }
    return arena_dup(&site->arena, slice_of(text, len));
}

static const char *find_simulator(struct drill_site *site, const struct drill_options *options, const char *own_path)
{
    if (options->simulator.ptr) {
        return realpath(arena_cstr(&site->arena, options->simulator), arena_text(&site->arena, PATH_LEN));
    }
    struct slice path = slice_from_cstr(own_path);
    size_t end = slice_find_last(path, SLICE("/"));
    return arena_cstr(&site->arena, arena_printf(&site->arena, "%.*s/droid2api-simulator", (int)end, own_path));
}

// Of the caller's environment only what has nothing to do with settings.
static size_t keep_environment(char **out, size_t n_max, char **environment)
{
    static const struct slice names[] = {
        SLICE_INIT("PATH="),           SLICE_INIT("HOME="),         SLICE_INIT("TZ="),
        SLICE_INIT("LANG="),           SLICE_INIT("ASAN_OPTIONS="), SLICE_INIT("UBSAN_OPTIONS="),
        SLICE_INIT("LD_LIBRARY_PATH=")};
    size_t n = 0;
    for (; *environment; environment++) {
        for (size_t i = 0; i < sizeof(names) / sizeof(*names) && n < n_max; i++) {
            if (slice_starts_with(slice_from_cstr(*environment), names[i])) {
                out[n++] = *environment;
            }
        }
    }
    return n;
}

static bool complain_about_child(struct drill_site *site, const char *what, const char *log_path, struct buf *problem)
{
    if (site->is_interrupted) {
        buf_append(problem, SLICE("interrupted"));
        return false;
    }
    struct slice said = read_file(site, log_path);
    buf_printf(problem, "%s does not start%s%.*s", what, said.len ? ": " : "", SLICE_ARG(said));
    return false;
}

// Waits until the child has said where it listens.
static bool wait_for_url(struct drill_site *site, struct drill_child *child,
                         bool (*find)(struct drill_site *site, struct url *url_r), struct url *url_r)
{
    uint64_t deadline_ns = clock_monotonic_ns() + PATIENCE_MS * UINT64_C(1000000);
    while (drill_child_is_running(child) && !site->is_interrupted && clock_monotonic_ns() < deadline_ns) {
        if (find(site, url_r)) {
            return true;
        }
        drill_site_wait(site, PAUSE_MS);
    }
    return false;
}

static bool find_simulator_url(struct drill_site *site, struct url *url_r)
{
    struct slice rest = read_file(site, path_in(site, "simulator.port"));
    struct slice port = slice_split(&rest, '\n');
    struct slice text = arena_printf(&site->arena, "http://127.0.0.1:%.*s", SLICE_ARG(port));
    return port.len > 0 && url_parse(url_r, text) == 0;
}

static bool find_gateway_url(struct drill_site *site, struct url *url_r)
{
    struct slice rest = data_lock_owner(path_in(site, "data"), &site->arena);
    while (rest.ptr) {
        struct slice value = slice_split(&rest, '\n');
        if (slice_eq(slice_split(&value, ' '), SLICE("address")) && url_parse(url_r, value) == 0) {
            return true;
        }
    }
    return false;
}

static bool start_simulator(struct drill_site *site, const char *program, char **environment, struct url *url_r,
                            struct buf *problem)
{
    const char *log_path = path_in(site, "simulator.log");
    char *arguments[] = {arena_cstr(&site->arena, slice_from_cstr(program)), (char[]){"--port-file"},
                         arena_cstr(&site->arena, slice_from_cstr(path_in(site, "simulator.port"))),
                         (char[]){"--quiet"}, NULL};
    char *kept[16] = {NULL};
    keep_environment(kept, 15, environment);
    return (drill_child_start(&site->simulator, site->folder, log_path, arguments, kept) == 0 &&
            wait_for_url(site, &site->simulator, find_simulator_url, url_r)) ||
           complain_about_child(site, program, log_path, problem);
}

static bool start_gateway(struct drill_site *site, const struct drill_config_source *source, const char *program,
                          char **environment, struct url *url_r, struct buf *problem)
{
    const char *log_path = path_in(site, "gateway.log");
    struct buf text = BUF_EMPTY;
    drill_config_write(&text, source);
    bool is_written = mkdir(path_in(site, "data"), 0700) == 0 &&
                      write_file(path_in(site, "data/config.json"), buf_slice(&text), problem);
    buf_clear(&text);
    drill_config_write_environment(&text, source);
    buf_printf(&text, "PORT=0\nHOST=127.0.0.1\nNODE_ENV=development\nLOG_LEVEL=warn\nSHUTDOWN_GRACE_MS=100\n");
    is_written = is_written && write_file(path_in(site, ".env"), buf_slice(&text), problem);
    buf_deinit(&text);
    char *arguments[] = {arena_cstr(&site->arena, slice_from_cstr(program)), NULL};
    char *kept[16] = {NULL};
    keep_environment(kept, 15, environment);
    return is_written && ((drill_child_start(&site->gateway, site->folder, log_path, arguments, kept) == 0 &&
                           wait_for_url(site, &site->gateway, find_gateway_url, url_r)) ||
                          complain_about_child(site, "the gateway", log_path, problem));
}

static bool start_own(struct drill_site *site, const struct drill_options *options, const struct config *config,
                      char **environment, struct buf *problem)
{
    char own_path[PATH_LEN] = {0};
    struct url simulator;
    struct url gateway;
    if (readlink("/proc/self/exe", own_path, sizeof(own_path) - 1) <= 0) {
        buf_printf(problem, "cannot find out where this program is: %s", strerror(errno));
        return false;
    }
    const char *program = find_simulator(site, options, own_path);
    if (!program || access(program, X_OK) != 0) {
        buf_printf(problem, "there is no simulator at %s: say with --simulator where droid2api-simulator is",
                   program ? program : arena_cstr(&site->arena, options->simulator));
        return false;
    }
    if (!make_folder(site, problem) || !start_simulator(site, program, environment, &simulator, problem)) {
        return false;
    }
    struct drill_config_source source = {.config = config, .speed = options->speed};
    source.simulator_url = arena_printf(&site->arena, "http://127.0.0.1:%u", simulator.port);
    if (!start_gateway(site, &source, own_path, environment, &gateway, problem)) {
        return false;
    }
    set_peers(site, &gateway, &simulator, SLICE_EMPTY);
    return true;
}

// ---- the site -------------------------------------------------------------------------------------------------------

static bool open_own(struct drill_site *site, const struct drill_options *options, const struct config_sources *sources,
                     struct buf *problem)
{
    struct buf warnings = BUF_EMPTY;
    struct config *config = config_load(sources, problem, &warnings);
    buf_deinit(&warnings); // they are the gateway's business
    bool is_open = config && start_own(site, options, config, sources->environment, problem);
    config_unref(config);
    return is_open;
}

struct drill_site *drill_site_open(const struct drill_options *options, const struct config_sources *sources,
                                   struct buf *problem)
{
    struct drill_site *site = mem_zalloc(sizeof(*site));
    log_set_level(LOG_WARN);
    arena_init(&site->arena, 4096);
    loop_init(&site->loop);
    timer_init(&site->pause);
    watch_signals(site);
    site->client = http_client_new(&site->loop, &http_client_limits_default);
    if (options->url.ptr ? use_running(site, options, problem) : open_own(site, options, sources, problem)) {
        return site;
    }
    drill_site_close(site);
    return NULL;
}

static int remove_entry(const char *path, const struct stat *found, int type, struct FTW *place)
{
    return remove(path);
}

void drill_site_close(struct drill_site *site)
{
    drill_child_stop(&site->gateway);
    drill_child_stop(&site->simulator);
    if (site->folder) {
        (void)nftw(site->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    }
    for (size_t i = 0; i < N_SIGNALS; i++) {
        uv_close((uv_handle_t *)&site->signals[i], NULL);
    }
    http_client_close(site->client);
    loop_deinit(&site->loop);
    http_client_free(site->client);
    arena_deinit(&site->arena);
    mem_free(site);
}

const struct drill_peer *drill_site_gateway(const struct drill_site *site)
{
    return &site->gateway_peer;
}

const struct admin_peer *drill_site_simulator(const struct drill_site *site)
{
    return &site->simulator_peer;
}

bool drill_site_is_interrupted(const struct drill_site *site)
{
    return site->is_interrupted;
}

bool drill_site_is_shared(const struct drill_site *site)
{
    return site->is_shared;
}

struct slice drill_site_model(const struct drill_site *site, struct arena *arena, const struct drill_scenario *scenario,
                              enum drill_dialect dialect)
{
    static const struct slice shared[N_DRILL_DIALECTS] = {
        [DRILL_ANTHROPIC] = SLICE_INIT("demo-claude"),
        [DRILL_RESPONSES] = SLICE_INIT("demo-gpt"),
        [DRILL_CHAT] = SLICE_INIT("demo-chat"),
        [DRILL_GEMINI] = SLICE_INIT("demo-gemini"),
    };
    return site->is_shared ? shared[dialect] : drill_config_model(arena, scenario, dialect);
}

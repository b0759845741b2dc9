// SPDX-License-Identifier: MIT
// droid2api-simulator: arguments, a listening socket, signals.
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "net/listener.h"
#include "simulator/simulator.h"

struct arguments {
    const char *host;
    const char *port_file;
    uint16_t port;
    bool is_quiet;
    bool is_recording;
};

static const char usage[] = "usage: droid2api-simulator [--host ADDRESS] [--port PORT] [--port-file PATH] [--quiet] "
                            "[--no-record]\n"
                            "A scriptable LLM provider. See simulator/README.md.\n";

// 0, or the status to exit with plus one.
static int read_arguments(struct arguments *arguments, int argc, char **argv)
{
    static const struct option options[] = {
        {"host", required_argument, NULL, 'h'},
        {"port", required_argument, NULL, 'p'},
        {"port-file", required_argument, NULL, 'f'},
        {"quiet", no_argument, NULL, 'q'},
        {"no-record", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, '?'},
        {NULL, 0, NULL, 0},
    };
    uint64_t port = 0;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'h': arguments->host = optarg; break;
        case 'f': arguments->port_file = optarg; break;
        case 'q': arguments->is_quiet = true; break;
        case 'n': arguments->is_recording = false; break;
        case 'p':
            if (slice_to_u64(slice_from_cstr(optarg), &port) && port <= UINT16_MAX) {
                arguments->port = (uint16_t)port;
                break;
            }
            fprintf(stderr, "droid2api-simulator: --port wants 0 to 65535\n");
            return EXIT_FAILURE + 1;
        default: fputs(usage, stderr); return EXIT_FAILURE + 1;
        }
    }
    if (optind < argc) {
        fputs(usage, stderr);
        return EXIT_FAILURE + 1;
    }
    return 0;
}

// Written aside and renamed, so that whoever waits for the file finds it complete.
static int write_port_file(const char *path, uint16_t port)
{
    char temporary[4096];
    if (snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= (int)sizeof(temporary)) {
        return UV_ENAMETOOLONG;
    }
    FILE *file = fopen(temporary, "w");
    if (!file) {
        return -errno;
    }
    fprintf(file, "%u\n", port);
    if (fclose(file) != 0 || rename(temporary, path) != 0) {
        return -errno;
    }
    return 0;
}

// Ten thousand streams need as many descriptors.
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void on_signal(uv_signal_t *handle, int signal_number)
{
    loop_stop(handle->data);
}

static void watch_signals(struct loop *loop, uv_signal_t handles[2])
{
    static const int signals[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < 2; i++) {
        uv_signal_init(&loop->uv, &handles[i]);
        handles[i].data = loop;
        uv_signal_start(&handles[i], on_signal, signals[i]);
    }
}

static void run(struct loop *loop, int fd, const struct arguments *arguments)
{
    struct simulator_options options = {.is_recording = arguments->is_recording};
    struct simulator *simulator = simulator_new(loop, &options);
    uv_signal_t signals[2];
    simulator_listen_take(simulator, fd);
    watch_signals(loop, signals);
    loop_run(loop);
    simulator_close(simulator);
    for (size_t i = 0; i < 2; i++) {
        uv_close((uv_handle_t *)&signals[i], NULL);
    }
    loop_deinit(loop);
    simulator_free(simulator);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.host = "127.0.0.1", .is_recording = true};
    int r = read_arguments(&arguments, argc, argv);
    if (r != 0) {
        return r - 1;
    }
    raise_descriptor_limit();
    log_set_level(arguments.is_quiet ? LOG_OFF : LOG_INFO);
    int fd = listener_open(arguments.host, arguments.port);
    if (fd < 0) {
        fprintf(stderr, "droid2api-simulator: cannot listen on %s:%u: %s\n", arguments.host, arguments.port,
                uv_strerror(fd));
        return EXIT_FAILURE;
    }
    uint16_t port = listener_port(fd);
    if (arguments.port_file && (r = write_port_file(arguments.port_file, port)) != 0) {
        fprintf(stderr, "droid2api-simulator: cannot write %s: %s\n", arguments.port_file, uv_strerror(r));
        return EXIT_FAILURE;
    }
    printf("listening on %s:%u\n", arguments.host, port);
    fflush(stdout);
    struct loop loop;
    loop_init(&loop);
    run(&loop, fd, &arguments);
    return EXIT_SUCCESS;
}

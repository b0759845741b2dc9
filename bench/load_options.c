// SPDX-License-Identifier: MIT
#include "load_options.h"

#include <arpa/inet.h>
#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "usage: bench-load json|sse|streams|idle --url URL [options]\n"
                           "       bench-load first --url URL [options] -- COMMAND…\n"
                           "  --url URL          http://ADDRESS:PORT/TARGET (IPv4)\n"
                           "  --body FILE        POST this file; without it GET\n"
                           "  --header LINE      add a header, may be repeated\n"
                           "  --connections N    how many at once (1)\n"
                           "  --requests N       stop after this many (1)\n"
                           "  --seconds T        or after this time\n"
                           "  --ramp T           open the connections evenly over T seconds (0)\n"
                           "  --events N         every answer must have N events\n"
                           "  --bytes N          every answer must have a body of N bytes\n"
                           "  --stamp-after TEXT the events carry their send time after TEXT\n"
                           "The result is one line of JSON; times are in microseconds.\n";

// The parts from which the request is put together.
struct request_source {
    const char *url;
    const char *body_path;
    char *headers; // owned
    size_t headers_len;
};

static enum load_mode mode_named(const char *name)
{
    static const char *const names[] = {"json", "sse", "streams", "idle", "first"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            return (enum load_mode)i;
        }
    }
    errx(2, "unknown mode %s", name);
}

static double number(const char *name, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0)) {
        errx(2, "--%s: not a number: %s", name, text);
    }
    return value;
}

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    if (memory == NULL) {
        err(1, "memory");
    }
    return memory;
}

static void add_header(struct request_source *source, const char *line)
{
    size_t len = strlen(line);
    char *grown = allocate(source->headers_len + len + 3);
    int n = snprintf(grown, source->headers_len + len + 3, "%s%s\r\n", source->headers != NULL ? source->headers : "",
                     line);
    free(source->headers);
    source->headers = grown;
    source->headers_len = (size_t)n;
}

static char *read_file(const char *path, size_t *len_r)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        err(1, "%s", path);
    }
    long size = ftell(file);
    rewind(file);
    char *text = allocate((size_t)size + 1);
    if (fread(text, 1, (size_t)size, file) != (size_t)size) {
        err(1, "%s", path);
    }
    fclose(file);
    *len_r = (size_t)size;
    return text;
}

// Returns the target, which starts behind the authority.
static const char *read_url(struct load_options *o, const char *url, char authority[64])
{
    static const char scheme[] = "http://";
    const char *host = url + sizeof scheme - 1;
    if (strncmp(url, scheme, sizeof scheme - 1) != 0) {
        errx(2, "--url: only http:// is supported");
    }
    const char *target = strchrnul(host, '/');
    if (snprintf(authority, 64, "%.*s", (int)(target - host), host) >= 64) {
        errx(2, "--url: too long");
    }
    char address[64];
    const char *colon = strchrnul(authority, ':');
    snprintf(address, sizeof address, "%.*s", (int)(colon - authority), authority);
    long port = *colon == ':' ? strtol(colon + 1, NULL, 10) : 80;
    o->address.sin_family = AF_INET;
    o->address.sin_port = htons((uint16_t)port);
    if (port < 1 || port > 65535 || inet_pton(AF_INET, address, &o->address.sin_addr) != 1) {
        errx(2, "--url: %s is not an IPv4 address and port", authority);
    }
    return *target != '\0' ? target : "/";
}

static void compose_request(struct load_options *o, const struct request_source *source)
{
    char authority[64];
    const char *target = read_url(o, source->url, authority);
    size_t body_len = 0;
    char *body = source->body_path != NULL ? read_file(source->body_path, &body_len) : NULL;
    char length[96] = "";
    if (body != NULL) {
        snprintf(length, sizeof length, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body_len);
    }
    size_t size = strlen(target) + source->headers_len + body_len + 256;
    o->request = allocate(size);
    int n = snprintf(o->request, size, "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n", body != NULL ? "POST" : "GET", target,
                     authority, source->headers != NULL ? source->headers : "", length);
    if (body != NULL) {
        memcpy(o->request + n, body, body_len);
    }
    o->request_len = (size_t)n + body_len;
    free(body);
}

static void read_option(struct load_options *o, struct request_source *source, const char *name)
{
    switch (name[0]) {
    case 'u': source->url = optarg; break;
    case 'b':
        if (strcmp(name, "body") == 0) {
            source->body_path = optarg;
        } else {
            o->n_bytes = (int64_t)number(name, optarg);
        }
        break;
    case 'h': add_header(source, optarg); break;
    case 'c': o->n_connections = (int)number(name, optarg); break;
    case 'e': o->n_events = (int64_t)number(name, optarg); break;
    case 'r':
        if (strcmp(name, "ramp") == 0) {
            o->ramp_seconds = number(name, optarg);
        } else {
            o->n_requests = (uint64_t)number(name, optarg);
        }
        break;
    default:
        if (strcmp(name, "seconds") == 0) {
            o->seconds = number(name, optarg);
        } else {
            o->stamp_after = optarg;
        }
    }
}

void load_options_init(struct load_options *o, int argc, char **argv)
{
    static const struct option table[] = {
        {"url", required_argument, NULL, 0},
        {"body", required_argument, NULL, 0},
        {"header", required_argument, NULL, 0},
        {"connections", required_argument, NULL, 0},
        {"requests", required_argument, NULL, 0},
        {"seconds", required_argument, NULL, 0},
        {"ramp", required_argument, NULL, 0},
        {"events", required_argument, NULL, 0},
        {"bytes", required_argument, NULL, 0},
        {"stamp-after", required_argument, NULL, 0},
        {NULL, 0, NULL, 0},
    };
    if (argc < 2 || argv[1][0] == '-') {
        fputs(help, argc < 2 ? stderr : stdout);
        exit(argc < 2 ? 2 : 0);
    }
    *o = (struct load_options){.mode = mode_named(argv[1]), .n_connections = 1, .n_events = -1, .n_bytes = -1};
    struct request_source source = {0};
    optind = 2;
    int index;
    int c;
    while ((c = getopt_long(argc, argv, "+", table, &index)) != -1) {
        if (c != 0) {
            exit(2);
        }
        read_option(o, &source, table[index].name);
    }
    if (source.url == NULL || o->n_connections < 1 || (optind < argc) != (o->mode == LOAD_FIRST)) {
        fputs(help, stderr);
        exit(2);
    }
    if (o->mode == LOAD_STREAMS || o->mode == LOAD_IDLE) {
        o->n_requests = (uint64_t)o->n_connections;
    }
    if (o->n_requests == 0 && !(o->seconds > 0)) {
        o->n_requests = 1;
    }
    o->command = argv + optind;
    compose_request(o, &source);
    free(source.headers);
}

void load_options_deinit(struct load_options *o)
{
    free(o->request);
}

// SPDX-License-Identifier: MIT
// The load generator: one thread, raw sockets, edge-triggered epoll; no code in common with the gateway.
//
// Every connection sends its request, reads the answer to its end, checks it, and sends the next one until there is
// none left to send. The modes differ only in how many requests a connection may send and in what is checked.
#include "load.h"

#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "event_counter.h"
#include "response.h"

enum { READ_SIZE = 64 << 10, N_READY = 512, MAX_ERRORS = 100, STALL_SECONDS = 30 };

enum load_error {
    ERROR_CONNECT,
    ERROR_CUT,
    ERROR_GARBAGE,
    ERROR_STATUS,
    ERROR_LENGTH,
    ERROR_EVENTS,
    ERROR_STALLED,
    N_ERRORS
};

static const char *const error_names[N_ERRORS] = {"connect", "cut", "garbage", "status", "length", "events", "stalled"};

struct load;

struct connection {
    struct load *load;
    int fd;            // -1: not connected
    size_t sent;       // of the request in progress
    bool is_busy;      // a request is in progress
    bool is_reused;    // it is not the first one on this connection
    uint64_t start_ns; // of the request
    uint64_t body_len; // of the answer so far
    struct event_counter events;
    struct response response;
};

struct load {
    const struct load_options *options;
    int epoll_fd;
    struct connection *connections; // owned
    int n_opened;
    int n_streaming; // connections that have seen their first event
    int n_busy;
    uint64_t n_started;
    uint64_t n_finished;
    uint64_t n_events;
    uint64_t n_reconnects;
    uint64_t last_body_len;
    uint32_t last_events;
    uint64_t errors[N_ERRORS];
    uint64_t n_errors;
    uint64_t begin_ns;
    uint64_t now_ns;      // of the last read
    uint64_t progress_ns; // when something last moved
    struct histogram latency;
    struct histogram first_byte;
    struct histogram delay;
    char buffer[READ_SIZE];
};

/* Steps, in the order they happen */
static void open_connection(struct load *l, struct connection *c);
static void start_request(struct load *l, struct connection *c);
static void send_request(struct load *l, struct connection *c);
static void on_readable(struct load *l, struct connection *c, bool until_end);
static void on_answer(struct load *l, struct connection *c);
static void on_error(struct load *l, struct connection *c, enum load_error error);

uint64_t load_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static bool is_over(const struct load *l)
{
    const struct load_options *o = l->options;
    return (o->n_requests > 0 && l->n_started >= o->n_requests) || l->n_errors >= MAX_ERRORS ||
           (o->seconds > 0 && (double)(l->now_ns - l->begin_ns) >= o->seconds * 1e9);
}

static void close_connection(struct connection *c)
{
    close(c->fd);
    c->fd = -1;
    c->is_reused = false;
}

static void open_connection(struct load *l, struct connection *c)
{
    const struct load_options *o = l->options;
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        err(1, "socket");
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event watch = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    bool fails = connect(c->fd, (const struct sockaddr *)&o->address, sizeof o->address) < 0 && errno != EINPROGRESS;
    if (fails) {
        on_error(l, c, ERROR_CONNECT);
    } else if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, c->fd, &watch) < 0) {
        err(1, "epoll_ctl");
    }
}

// The connection is opened first where there is none; the request then leaves when it is writable.
static void start_request(struct load *l, struct connection *c)
{
    c->sent = 0;
    c->is_busy = true;
    c->body_len = 0;
    c->events = (struct event_counter){0};
    c->start_ns = load_now_ns();
    response_init(&c->response);
    l->n_started++;
    l->n_busy++;
    if (c->fd < 0) {
        open_connection(l, c);
    } else {
        send_request(l, c);
    }
}

static void send_request(struct load *l, struct connection *c)
{
    const struct load_options *o = l->options;
    while (c->sent < o->request_len) {
        ssize_t n = send(c->fd, o->request + c->sent, o->request_len - c->sent, MSG_NOSIGNAL);
        if (n >= 0) {
            c->sent += (size_t)n;
        } else if (errno == EAGAIN) {
            return;
        } else {
            on_error(l, c, c->sent == 0 && !c->is_reused ? ERROR_CONNECT : ERROR_CUT);
            return;
        }
    }
}

static void print_marker(struct load *l, const char *name)
{
    printf("{\"event\":\"%s\",\"events\":%llu}\n", name, (unsigned long long)l->n_events);
    fflush(stdout);
}

// Delays count from here on: opening thousands of connections is another matter.
static void on_all_open(struct load *l)
{
    memset(&l->delay, 0, sizeof l->delay);
    print_marker(l, "all_open");
}

static void on_body(void *arg, const char *data, size_t len)
{
    struct connection *c = arg;
    struct load *l = c->load;
    const struct load_options *o = l->options;
    if (c->body_len == 0) {
        histogram_add(&l->first_byte, l->now_ns - c->start_ns);
    }
    c->body_len += len;
    if (o->mode != LOAD_SSE && o->mode != LOAD_STREAMS) {
        return;
    }
    uint32_t before = c->events.n;
    event_counter_feed(&c->events, data, len, o->stamp_after, l->now_ns, &l->delay);
    l->n_events += c->events.n - before;
    if (o->mode == LOAD_STREAMS && before == 0 && c->events.n > 0 && ++l->n_streaming == o->n_connections) {
        on_all_open(l);
    }
}

static void on_readable(struct load *l, struct connection *c, bool until_end)
{
    for (;;) {
        ssize_t n = recv(c->fd, l->buffer, READ_SIZE, 0);
        l->now_ns = load_now_ns();
        if (n <= 0) {
            if (n < 0 && errno == EAGAIN) {
                return;
            }
            bool is_complete = n == 0 && c->is_busy && response_end(&c->response);
            if (is_complete) {
                on_answer(l, c);
            } else {
                on_error(l, c, ERROR_CUT);
            }
            return;
        }
        long taken = c->is_busy ? response_feed(&c->response, l->buffer, (size_t)n, on_body, c) : -1;
        if (taken < n) {
            on_error(l, c, ERROR_GARBAGE);
            return;
        }
        if (c->response.state == RESPONSE_DONE) {
            on_answer(l, c);
            return;
        }
        if (n < READ_SIZE && !until_end) {
            return;
        }
    }
}

static int answer_fault(const struct load *l, const struct connection *c)
{
    const struct load_options *o = l->options;
    if (c->response.status < 200 || c->response.status > 299) {
        return ERROR_STATUS;
    }
    if (o->n_bytes >= 0 && c->body_len != (uint64_t)o->n_bytes) {
        return ERROR_LENGTH;
    }
    return o->n_events >= 0 && c->events.n != o->n_events ? ERROR_EVENTS : -1;
}

static void on_answer(struct load *l, struct connection *c)
{
    if (l->n_finished == 0 && l->options->mode == LOAD_STREAMS) {
        print_marker(l, "first_end");
    }
    int fault = answer_fault(l, c);
    if (fault >= 0) {
        on_error(l, c, (enum load_error)fault);
        return;
    }
    histogram_add(&l->latency, l->now_ns - c->start_ns);
    l->n_finished++;
    l->n_busy--;
    l->last_body_len = c->body_len;
    l->last_events = c->events.n;
    c->is_busy = false;
    c->is_reused = true;
    if (c->response.closes) {
        close_connection(c);
        l->n_reconnects++;
    }
}

// A connection that is closed while it is idle costs nothing but a new one.
static void on_error(struct load *l, struct connection *c, enum load_error error)
{
    close_connection(c);
    if (!c->is_busy) {
        l->n_reconnects++;
        return;
    }
    c->is_busy = false;
    l->n_busy--;
    l->errors[error]++;
    l->n_errors++;
}

// A request that fails at once is followed by the next one; is_over() bounds that.
static void start_next(struct load *l, struct connection *c)
{
    bool has_one_each = l->options->mode == LOAD_STREAMS || l->options->mode == LOAD_IDLE;
    while (!has_one_each && !c->is_busy && !is_over(l)) {
        start_request(l, c);
    }
}

static void on_ready(struct load *l, struct connection *c, uint32_t events)
{
    if ((events & EPOLLOUT) != 0 && c->is_busy && c->sent < l->options->request_len) {
        send_request(l, c);
    }
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0 && c->fd >= 0) {
        on_readable(l, c, (events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0);
    }
    start_next(l, c);
}

// Opens the connections that are due; returns the milliseconds until the next one, or -1 when all are open.
static int open_due(struct load *l)
{
    const struct load_options *o = l->options;
    while (l->n_opened < o->n_connections && !is_over(l)) {
        double due_ns = o->ramp_seconds * 1e9 * l->n_opened / o->n_connections;
        double passed_ns = (double)(load_now_ns() - l->begin_ns);
        if (due_ns > passed_ns) {
            return (int)((due_ns - passed_ns) / 1e6) + 1;
        }
        struct connection *c = &l->connections[l->n_opened++];
        c->load = l;
        c->fd = -1;
        start_request(l, c);
        start_next(l, c);
    }
    return -1;
}

static void give_up_on_stalled(struct load *l)
{
    for (int i = 0; i < l->n_opened; i++) {
        if (l->connections[i].is_busy) {
            l->connections[i].is_busy = false;
            l->errors[ERROR_STALLED]++;
            l->n_errors++;
        }
    }
    l->n_busy = 0;
    l->n_opened = l->options->n_connections;
}

static void run_until_answered(struct load *l)
{
    struct epoll_event ready[N_READY];
    for (;;) {
        int due_ms = open_due(l);
        if (due_ms < 0 && l->n_busy == 0) {
            return;
        }
        int n = epoll_wait(l->epoll_fd, ready, N_READY, due_ms >= 0 ? due_ms : 1000);
        for (int i = 0; i < n; i++) {
            on_ready(l, ready[i].data.ptr, ready[i].events);
        }
        uint64_t now_ns = load_now_ns();
        if (n > 0) {
            l->progress_ns = now_ns;
        } else if (now_ns - l->progress_ns > STALL_SECONDS * 1000000000ULL) {
            give_up_on_stalled(l);
        }
    }
}

// Holds the idle connections until standard input ends; returns how many the server closed meanwhile.
static int hold(struct load *l)
{
    printf("{\"event\":\"held\",\"connections\":%llu,\"errors\":%llu}\n", (unsigned long long)l->n_finished,
           (unsigned long long)l->n_errors);
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    int n_lost = 0;
    for (int i = 0; i < l->n_opened; i++) {
        struct pollfd idle = {.fd = l->connections[i].fd, .events = POLLIN | POLLRDHUP};
        n_lost += idle.fd < 0 || poll(&idle, 1, 0) != 0;
    }
    return n_lost;
}

static void print_histogram(const char *name, const struct histogram *h)
{
    printf(",\"%s\":{\"n\":%llu,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"max\":%.1f}", name, (unsigned long long)h->n,
           (double)histogram_quantile(h, 0.5) / 1e3, (double)histogram_quantile(h, 0.9) / 1e3,
           (double)histogram_quantile(h, 0.99) / 1e3, (double)h->max / 1e3);
}

static void print_result(const struct load *l, double seconds, int n_lost)
{
    printf("{\"requests\":%llu,\"errors\":%llu,\"error_kinds\":{", (unsigned long long)l->n_finished,
           (unsigned long long)l->n_errors);
    const char *comma = "";
    for (int i = 0; i < N_ERRORS; i++) {
        if (l->errors[i] > 0) {
            printf("%s\"%s\":%llu", comma, error_names[i], (unsigned long long)l->errors[i]);
            comma = ",";
        }
    }
    printf("},\"reconnects\":%llu,\"lost\":%d,\"seconds\":%.3f,\"per_second\":%.1f,\"events\":%llu",
           (unsigned long long)l->n_reconnects, n_lost, seconds, (double)l->n_finished / seconds,
           (unsigned long long)l->n_events);
    printf(",\"answer\":{\"bytes\":%llu,\"events\":%u}", (unsigned long long)l->last_body_len, l->last_events);
    print_histogram("latency", &l->latency);
    print_histogram("first_byte", &l->first_byte);
    print_histogram("delay", &l->delay);
    printf("}\n");
}

static void raise_descriptor_limit(int n_connections)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < (rlim_t)n_connections + 16) {
        errx(1, "%d connections need more file descriptors than the limit of %llu", n_connections,
             (unsigned long long)limit.rlim_cur);
    }
}

int load_run(const struct load_options *o)
{
    raise_descriptor_limit(o->n_connections);
    struct load *l = calloc(1, sizeof *l);
    struct connection *connections = calloc((size_t)o->n_connections, sizeof *connections);
    if (l == NULL || connections == NULL) {
        err(1, "memory");
    }
    l->options = o;
    l->connections = connections;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->begin_ns = l->now_ns = l->progress_ns = load_now_ns();
    run_until_answered(l);
    double seconds = (double)(load_now_ns() - l->begin_ns) / 1e9;
    int n_lost = o->mode == LOAD_IDLE ? hold(l) : 0;
    print_result(l, seconds, n_lost);
    bool is_good = l->n_errors == 0 && n_lost == 0;
    close(l->epoll_fd);
    free(l->connections);
    free(l);
    return is_good ? 0 : 1;
}

// SPDX-License-Identifier: MIT
// What the load generator is asked to do.
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

enum load_mode {
    LOAD_JSON,    // closed loop, whole answers
    LOAD_SSE,     // closed loop, answers are streams
    LOAD_STREAMS, // one paced stream per connection, all at the same time
    LOAD_IDLE,    // one request per connection, then silence
    LOAD_FIRST,   // start a server and wait for its first good answer
};

struct load_options {
    enum load_mode mode;
    struct sockaddr_in address;
    char *request; // owned: head and body as they are sent
    size_t request_len;
    int n_connections;
    uint64_t n_requests; // 0: no limit but the time
    double seconds;      // 0: no limit but the number
    double ramp_seconds; // connections are opened evenly over this time
    int64_t n_events;    // that every answer must have; -1: any
    int64_t n_bytes;     // likewise of the body
    const char *stamp_after;
    char **command; // LOAD_FIRST: the server to start
};

// Ends the program with a message when the arguments are wrong.
void load_options_init(struct load_options *o, int argc, char **argv);
void load_options_deinit(struct load_options *o);

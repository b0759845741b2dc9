// SPDX-License-Identifier: MIT
// One event loop with what all its connections share: the read buffer and the timers.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "net/timer.h"

enum { LOOP_READ_BUFFER_SIZE = 64 * 1024, LOOP_WRITE_BUFFER_SIZE = 16 * 1024 };

struct loop {
    uv_loop_t uv;
    struct timer_wheel timers;
    char *read_buffer;  // owned; filled anew by every read, so an idle connection owns no buffer
    char *write_buffer; // owned; where TLS gathers small pieces into one record; NULL until then
};

void loop_init(struct loop *loop);
// Runs what is left until every handle is closed, then frees. All connections must be closing already.
void loop_deinit(struct loop *loop);
void loop_run(struct loop *loop); // until loop_stop(), or until nothing is left to wait for
void loop_stop(struct loop *loop);

static inline uint64_t loop_now_ms(const struct loop *loop)
{
    return uv_now(&loop->uv);
}

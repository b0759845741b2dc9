// SPDX-License-Identifier: MIT
#include "net/loop.h"

#include <assert.h>
#include <signal.h>

#include "base/mem.h"

void loop_init(struct loop *loop)
{
    // A peer that has gone is told by the write's error, not by a signal (OpenSSL writes without MSG_NOSIGNAL).
    signal(SIGPIPE, SIG_IGN);
    int r = uv_loop_init(&loop->uv);
    assert(r == 0);
    (void)r;
    timer_wheel_init(&loop->timers, &loop->uv);
    loop->read_buffer = mem_alloc(LOOP_READ_BUFFER_SIZE);
    loop->write_buffer = NULL;
}

void loop_deinit(struct loop *loop)
{
    timer_wheel_close(&loop->timers);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    int r = uv_loop_close(&loop->uv);
    assert(r == 0 && "a handle was left open");
    (void)r;
    timer_wheel_deinit(&loop->timers);
    mem_free(loop->read_buffer);
    mem_free(loop->write_buffer);
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

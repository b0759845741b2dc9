// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/clock.h"
#include "net/loop.h"

struct alarm {
    struct timer timer;
    struct loop *loop;
    uint64_t due_ms;   // not before
    uint64_t fired_ms; // 0: not yet
    unsigned n_left;   // restarts to come
};

static void on_alarm(struct timer *timer)
{
    struct alarm *alarm = CONTAINER_OF(timer, struct alarm, timer);
    alarm->fired_ms = loop_now_ms(alarm->loop);
    if (alarm->n_left) {
        alarm->n_left--;
        timer_start(&alarm->loop->timers, timer, 1, on_alarm);
    }
}

static void start(struct loop *loop, struct alarm *alarm, uint64_t ms)
{
    *alarm = (struct alarm){.loop = loop, .due_ms = loop_now_ms(loop) + ms};
    timer_init(&alarm->timer);
    timer_start(&loop->timers, &alarm->timer, ms, on_alarm);
}

static void none_fires_early_and_all_fire(void **state)
{
    (void)state;
    enum { N = 500 };
    static struct alarm alarms[N];
    struct loop loop;
    loop_init(&loop);
    srand(7);
    for (size_t i = 0; i < N; i++) {
        start(&loop, &alarms[i], (uint64_t)(rand() % 120));
    }
    loop_run(&loop); // returns by itself: no timer is left
    for (size_t i = 0; i < N; i++) {
        assert_true(alarms[i].fired_ms >= alarms[i].due_ms);
        assert_false(timer_is_running(&alarms[i].timer));
    }
    loop_deinit(&loop);
}

static void a_cancelled_timer_never_fires(void **state)
{
    (void)state;
    struct loop loop;
    struct alarm kept;
    struct alarm cancelled;
    loop_init(&loop);
    start(&loop, &kept, 20);
    start(&loop, &cancelled, 5);
    timer_cancel(&cancelled.timer);
    timer_cancel(&cancelled.timer);
    loop_run(&loop);
    assert_true(kept.fired_ms != 0);
    assert_true(cancelled.fired_ms == 0);
    loop_deinit(&loop);
}

static void a_timer_may_restart_itself(void **state)
{
    (void)state;
    struct loop loop;
    struct alarm alarm;
    loop_init(&loop);
    start(&loop, &alarm, 1);
    alarm.n_left = 5;
    loop_run(&loop);
    assert_int_equal(alarm.n_left, 0);
    loop_deinit(&loop);
}

// One that is due in a later turn of the wheel shares a slot with one that is due in this turn.
static void later_turns_of_the_wheel_wait(void **state)
{
    (void)state;
    struct loop loop;
    struct alarm near;
    struct alarm far;
    loop_init(&loop);
    start(&loop, &near, 10);
    start(&loop, &far, 10 + (uint64_t)TIMER_SLOTS * TIMER_TICK_MS);
    while (!near.fired_ms) {
        uv_run(&loop.uv, UV_RUN_ONCE);
    }
    assert_true(timer_is_running(&far.timer));
    assert_true(far.fired_ms == 0);
    timer_cancel(&far.timer);
    loop_deinit(&loop);
}

static void a_shorter_one_started_later_comes_first(void **state)
{
    (void)state;
    struct loop loop;
    struct alarm longer;
    struct alarm shorter;
    loop_init(&loop);
    start(&loop, &longer, 60);
    start(&loop, &shorter, 8);
    while (!shorter.fired_ms) {
        uv_run(&loop.uv, UV_RUN_ONCE);
    }
    assert_true(longer.fired_ms == 0);
    timer_cancel(&longer.timer);
    loop_deinit(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_fires_early_and_all_fire),
        cmocka_unit_test(a_cancelled_timer_never_fires),
        cmocka_unit_test(a_timer_may_restart_itself),
        cmocka_unit_test(later_turns_of_the_wheel_wait),
        cmocka_unit_test(a_shorter_one_started_later_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

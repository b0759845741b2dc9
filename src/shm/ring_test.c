// SPDX-License-Identifier: MIT
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/region.h"
#include "shm/ring.h"

enum { SIZE_MIN = 192, SIZE = 4096 };

struct fixture {
    void *memory;
    size_t size;
    struct shm_ring writer;
    struct shm_ring reader;
};

static void open_ring(struct fixture *f, size_t size)
{
    *f = (struct fixture){.memory = aligned_alloc(64, size), .size = size};
    memset(f->memory, 0, size);
    f->writer = shm_ring_of(f->memory, size);
    f->reader = shm_ring_of(f->memory, size);
}

static void close_ring(struct fixture *f)
{
    free(f->memory);
}

// What stands at each place of a message: any two messages and any two places differ.
static char byte_of(uint64_t number, size_t i)
{
    return (char)((number * 31 + i * 7 + (number >> 8) + (i >> 8)) & 0xFF);
}

static void fill(char *out, uint64_t number, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = byte_of(number, i);
    }
}

static bool holds(struct slice message, uint64_t number, size_t len)
{
    size_t i = 0;
    while (i < message.len && message.ptr[i] == byte_of(number, i)) {
        i++;
    }
    return message.len == len && i == len;
}

static bool write_message(struct shm_ring *ring, uint64_t number, size_t len)
{
    char *out = shm_ring_reserve(ring, len);
    if (out) {
        fill(out, number, len);
        shm_ring_commit(ring, len);
    }
    return out;
}

static void expect_message(struct shm_ring *ring, uint64_t number, size_t len)
{
    struct slice message = shm_ring_peek(ring);
    assert_true(holds(message, number, len));
    assert_true(holds(shm_ring_peek(ring), number, len)); // looking changes nothing
    shm_ring_pop(ring);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

// ---- one after the other --------------------------------------------------------------------------------------------

static void an_empty_ring_has_no_message(void **state)
{
    struct fixture f;
    open_ring(&f, SIZE_MIN);
    assert_null(shm_ring_peek(&f.reader).ptr);
    assert_int_equal(shm_ring_used(&f.reader), 0);
    assert_int_equal(shm_ring_n_damaged(&f.reader), 0);
    assert_true(shm_ring_max(&f.writer) > 0);
    close_ring(&f);
}

// From each place that the ring has, each length.
static void every_length_goes_through_at_every_place(void **state)
{
    struct fixture f;
    uint64_t number = 0;
    open_ring(&f, SIZE_MIN * 4);
    for (size_t len = 1; len <= shm_ring_max(&f.writer); len++) {
        for (size_t place = 0; place < f.size / 8; place++) {
            assert_true(write_message(&f.writer, ++number, len));
            expect_message(&f.reader, number, len);
            assert_true(write_message(&f.writer, ++number, 1)); // moves on by the least
            expect_message(&f.reader, number, 1);
            assert_int_equal(shm_ring_used(&f.writer), 0);
        }
    }
    assert_int_equal(shm_ring_n_damaged(&f.reader), 0);
    close_ring(&f);
}

static void what_is_too_long_is_refused(void **state)
{
    struct fixture f;
    open_ring(&f, SIZE);
    size_t max = shm_ring_max(&f.writer);
    assert_in_range(max, (SIZE - SHM_RING_HEAD) / 4 - 16, (SIZE - SHM_RING_HEAD) / 4);
    assert_null(shm_ring_reserve(&f.writer, max + 1));
    assert_null(shm_ring_reserve(&f.writer, SIZE_MAX));
    assert_null(shm_ring_reserve(&f.writer, SIZE_MAX - 7));
    assert_null(shm_ring_peek(&f.reader).ptr);
    assert_true(write_message(&f.writer, 1, max));
    expect_message(&f.reader, 1, max);
    close_ring(&f);
}

static void less_than_reserved_may_be_written_and_nothing(void **state)
{
    struct fixture f;
    open_ring(&f, SIZE);
    for (uint64_t number = 0; number < 500; number++) {
        char *out = shm_ring_reserve(&f.writer, shm_ring_max(&f.writer));
        assert_non_null(out);
        fill(out, number, 9);
        assert_null(shm_ring_peek(&f.reader).ptr); // not yet
        shm_ring_commit(&f.writer, number % 3 ? 9 : 0);
        if (number % 3) {
            expect_message(&f.reader, number, 9);
        }
        assert_null(shm_ring_peek(&f.reader).ptr);
    }
    close_ring(&f);
}

// Messages of drawn lengths, until it is full and until it is empty, again and again.
static void a_full_ring_refuses_and_loses_nothing(void **state)
{
    uint64_t seed = 3;
    for (size_t size = SIZE_MIN; size <= SIZE; size += 64) {
        struct fixture f;
        size_t lens[SIZE / 8];
        open_ring(&f, size);
        for (int round = 0; round < 50; round++) {
            size_t n = 0;
            size_t len = 0;
            do {
                lens[n] = len = 1 + next_random(&seed) % shm_ring_max(&f.writer);
            } while (write_message(&f.writer, n, len) && ++n);
            assert_true(n >= 2); // a message is a quarter at most, and as much may be skipped
            assert_true(shm_ring_used(&f.writer) <= size - SHM_RING_HEAD);
            assert_int_equal(shm_ring_used(&f.writer), shm_ring_used(&f.reader));
            for (size_t i = 0; i < n; i++) {
                expect_message(&f.reader, i, lens[i]);
            }
            assert_null(shm_ring_peek(&f.reader).ptr);
            assert_int_equal(shm_ring_used(&f.reader), 0);
        }
        assert_int_equal(shm_ring_n_damaged(&f.reader), 0);
        close_ring(&f);
    }
}

// A second reader, and a second writer, know nothing but the memory.
static void who_comes_later_goes_on(void **state)
{
    struct fixture f;
    open_ring(&f, SIZE);
    for (uint64_t number = 0; number < 1000; number++) {
        f.writer = shm_ring_of(f.memory, f.size);
        f.reader = shm_ring_of(f.memory, f.size);
        assert_non_null(shm_ring_reserve(&f.writer, 100)); // died with it
        f.writer = shm_ring_of(f.memory, f.size);
        assert_true(write_message(&f.writer, number, 1 + number % 99));
        assert_true(holds(shm_ring_peek(&f.reader), number, 1 + number % 99)); // died before it was done
        f.reader = shm_ring_of(f.memory, f.size);
        expect_message(&f.reader, number, 1 + number % 99);
    }
    close_ring(&f);
}

// ---- damage ---------------------------------------------------------------------------------------------------------

// Takes what is there; nothing may come from outside of the memory, nor without end.
static void take_anything(struct fixture *f)
{
    struct slice message;
    const char *base = f->memory;
    for (size_t n = 0; (message = shm_ring_peek(&f->reader)).ptr; n++) {
        assert_true(message.ptr >= base + SHM_RING_HEAD && message.len <= shm_ring_max(&f->reader));
        assert_true(message.ptr + message.len <= base + f->size);
        assert_true(n < f->size);
        shm_ring_pop(&f->reader);
    }
    assert_int_equal(shm_ring_used(&f->reader), 0);
}

static void use_again(struct fixture *f)
{
    for (uint64_t number = 0; number < 200; number++) {
        assert_true(write_message(&f->writer, number, 1 + number % 99));
        expect_message(&f->reader, number, 1 + number % 99);
    }
}

static void a_wrong_length_empties_the_ring(void **state)
{
    static const uint64_t lengths[] = {
        0, 65, 1 << 12, UINT32_MAX, INT64_MAX, UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 7, UINT64_MAX - 15};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        struct fixture f;
        open_ring(&f, SIZE);
        assert_true(write_message(&f.writer, 1, 10));
        memcpy((char *)f.memory + SHM_RING_HEAD, &lengths[i], sizeof(lengths[i]));
        assert_null(shm_ring_peek(&f.reader).ptr);
        assert_int_equal(shm_ring_n_damaged(&f.reader), 1);
        assert_int_equal(shm_ring_n_damaged(&f.writer), 1);
        assert_int_equal(shm_ring_used(&f.reader), 0);
        use_again(&f);
        assert_int_equal(shm_ring_n_damaged(&f.reader), 1);
        close_ring(&f);
    }
}

// Any byte of the memory, the counts included, with any value.
static void whatever_is_damaged_the_ring_can_be_used_again(void **state)
{
    uint64_t seed = 9;
    for (int round = 0; round < 5000; round++) {
        struct fixture f;
        open_ring(&f, SIZE_MIN * 3);
        for (uint64_t i = next_random(&seed) % 40; i > 0; i--) {
            write_message(&f.writer, i, 1 + next_random(&seed) % 60);
            if (next_random(&seed) % 2 && shm_ring_peek(&f.reader).ptr) {
                shm_ring_pop(&f.reader);
            }
        }
        for (uint64_t i = 1 + next_random(&seed) % 4; i > 0; i--) {
            size_t place = next_random(&seed) % (next_random(&seed) % 2 ? f.size : SHM_RING_HEAD);
            ((char *)f.memory)[place] = (char)next_random(&seed);
        }
        write_message(&f.writer, 1, 50); // may be refused
        take_anything(&f);
        use_again(&f);
        close_ring(&f);
    }
}

// ---- two processes --------------------------------------------------------------------------------------------------

enum { REGION_SIZE = 64 * 1024, MESSAGE_MAX = 2000, N_STRESS = 50000, N_KILLS = 200, KILL_AFTER = 100, LIMIT_S = 100 };

static size_t length_of(uint64_t number)
{
    return sizeof(number) + number * 7919 % MESSAGE_MAX;
}

// Begins with its number, by which the rest can be told.
static void write_numbered(struct shm_ring *ring, uint64_t number)
{
    size_t len = length_of(number);
    char *out;
    while (!(out = shm_ring_reserve(ring, len))) {
        sched_yield();
    }
    fill(out, number, len);
    memcpy(out, &number, sizeof(number));
    shm_ring_commit(ring, len);
}

static uint64_t check_numbered(struct slice message)
{
    uint64_t number;
    assert_true(message.len >= sizeof(number));
    memcpy(&number, message.ptr, sizeof(number));
    assert_int_equal(message.len, length_of(number));
    for (size_t i = sizeof(number); i < message.len; i++) {
        if (message.ptr[i] != byte_of(number, i)) {
            fail_msg("message %llu is torn at %zu", (unsigned long long)number, i);
        }
    }
    return number;
}

// Ends with the test, however that ends; a test that waits for what never comes is ended, too.
static pid_t fork_writer(void)
{
    alarm(LIMIT_S);
    pid_t child = fork();
    if (child == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        _exit(1);
    }
    return child;
}

static void one_process_writes_and_another_reads(void **state)
{
    struct shm_region region;
    assert_int_equal(shm_region_create(&region, REGION_SIZE), 0);
    pid_t child = fork_writer();
    if (child == 0) {
        struct shm_ring writer = shm_ring_of(region.base, REGION_SIZE);
        for (uint64_t number = 0; number < N_STRESS; number++) {
            write_numbered(&writer, number);
        }
        _exit(0);
    }
    struct shm_ring reader = shm_ring_of(region.base, REGION_SIZE);
    for (uint64_t number = 0; number < N_STRESS;) {
        struct slice message = shm_ring_peek(&reader);
        if (message.ptr) {
            assert_int_equal(check_numbered(message), number);
            shm_ring_pop(&reader);
            number++;
        } else {
            sched_yield();
        }
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_null(shm_ring_peek(&reader).ptr);
    assert_int_equal(shm_ring_n_damaged(&reader), 0);
    shm_region_close(&region);
}

// Ends itself in the middle of a message, or is ended by somebody else wherever it is then.
static void write_until_killed(struct shm_ring writer, uint64_t number, bool kills_itself)
{
    uint64_t end = number + KILL_AFTER + number % 17;
    while (!kills_itself || number < end) {
        write_numbered(&writer, number++);
    }
    char *out;
    while (!(out = shm_ring_reserve(&writer, MESSAGE_MAX))) {
        sched_yield();
    }
    fill(out, number, number % MESSAGE_MAX);
    raise(SIGKILL);
}

// Numbers go on from the one that came last, by one each; a new writer begins with `first`.
static uint64_t read_some(struct shm_ring *reader, uint64_t first, uint64_t n, bool until_empty)
{
    uint64_t next = first;
    while (until_empty || next < first + n) {
        struct slice message = shm_ring_peek(reader);
        if (message.ptr) {
            assert_int_equal(check_numbered(message), next);
            shm_ring_pop(reader);
            next++;
        } else if (until_empty) {
            break;
        } else {
            sched_yield();
        }
    }
    return next;
}

// Wherever a writer is when it ends: what it had finished is there, nothing else is, and the next one goes on.
static void a_writer_may_be_killed_at_any_moment(void **state)
{
    struct shm_region region;
    assert_int_equal(shm_region_create(&region, REGION_SIZE), 0);
    struct shm_ring reader = shm_ring_of(region.base, REGION_SIZE);
    uint64_t next = 0;
    for (int i = 0; i < N_KILLS; i++) {
        pid_t child = fork_writer();
        if (child == 0) {
            write_until_killed(shm_ring_of(region.base, REGION_SIZE), next, i % 2);
        }
        next = read_some(&reader, next, 1 + (uint64_t)i % KILL_AFTER, false); // itself it ends later
        assert_int_equal(i % 2 ? 0 : kill(child, SIGKILL), 0);
        while (waitpid(child, NULL, WNOHANG) == 0) {
            next = read_some(&reader, next, 0, true);
        }
        next = read_some(&reader, next, 0, true);
    }
    assert_true(next >= N_KILLS);
    assert_int_equal(shm_ring_n_damaged(&reader), 0);
    shm_region_close(&region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_ring_has_no_message),
        cmocka_unit_test(every_length_goes_through_at_every_place),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(less_than_reserved_may_be_written_and_nothing),
        cmocka_unit_test(a_full_ring_refuses_and_loses_nothing),
        cmocka_unit_test(who_comes_later_goes_on),
        cmocka_unit_test(a_wrong_length_empties_the_ring),
        cmocka_unit_test(whatever_is_damaged_the_ring_can_be_used_again),
        cmocka_unit_test(one_process_writes_and_another_reads),
        cmocka_unit_test(a_writer_may_be_killed_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

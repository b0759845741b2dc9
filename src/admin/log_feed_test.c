// SPDX-License-Identifier: MIT
// Readers that note what they get. What must hold of each: every entry that passes its filter comes once and in order,
// or is told as skipped.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "admin/log_feed.h"
#include "json/json_reader.h"

struct fixture {
    struct loop loop;
    struct live_log *log;
    struct log_feed *feed;
};

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    loop_init(&f->loop);
    f->log = live_log_new();
    f->feed = log_feed_new(&f->loop, f->log);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    log_feed_drain(f->feed);
    log_feed_free(f->feed);
    loop_deinit(&f->loop);
    live_log_free(f->log);
    mem_free(f);
    return 0;
}

static void add(struct fixture *f, enum log_level level, const char *area, const char *text)
{
    struct slice s = slice_from_cstr(text);
    struct log_message message = {level, area, 1767323045678 + (int64_t)live_log_newest(f->log), s, s.len};
    live_log_add(f->log, &message);
}

static void add_many(struct fixture *f, size_t n, const char *text)
{
    while (n--) {
        add(f, LOG_INFO, "test", text);
    }
}

// ---- readers --------------------------------------------------------------------------------------------------------

struct reader {
    struct log_reader reader;
    struct buf got;
    size_t n_sent;
    size_t longest;
    bool takes_no_more; // after the next piece
    bool is_ended;
};

static bool on_send(struct log_reader *reader, struct slice events)
{
    struct reader *r = CONTAINER_OF(reader, struct reader, reader);
    assert_false(r->is_ended);
    buf_append(&r->got, events);
    r->n_sent++;
    r->longest = events.len > r->longest ? events.len : r->longest;
    return !r->takes_no_more;
}

static void on_end(struct log_reader *reader)
{
    struct reader *r = CONTAINER_OF(reader, struct reader, reader);
    assert_false(r->is_ended);
    r->is_ended = true;
}

static void join(struct fixture *f, struct reader *r, uint64_t next)
{
    r->reader.next = next;
    r->reader.send = on_send;
    r->reader.end = on_end;
    log_feed_join(f->feed, &r->reader);
}

struct seen {
    size_t n;
    uint64_t first;
    uint64_t last;
    uint64_t n_skipped;
    size_t n_skips;
};

static void see_event(struct seen *seen, struct slice event)
{
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 1024);
    bool is_log = slice_starts_with(event, SLICE("id: "));
    uint64_t id = 0;
    if (is_log) {
        struct slice line = slice_split(&event, '\n');
        assert_true(slice_to_u64(slice_after(line, 4), &id));
    }
    assert_true(slice_starts_with(event, is_log ? SLICE("event: log\n") : SLICE("event: skipped\n")));
    slice_split(&event, '\n');
    assert_true(slice_starts_with(event, SLICE("data: ")));
    assert_int_equal(json_parse(&doc, &arena, slice_after(event, 6), NULL), 0);
    int64_t value = 0;
    assert_true(json_int64(&doc, json_get(&doc, json_root(&doc), is_log ? SLICE("number") : SLICE("count")), &value));
    if (is_log) {
        assert_int_equal(value, id);
        assert_true(id > seen->last);
        seen->first = seen->n ? seen->first : id;
        seen->last = id;
        seen->n++;
    } else {
        assert_true(value > 0);
        seen->n_skipped += (uint64_t)value;
        seen->n_skips++;
    }
    arena_deinit(&arena);
}

static struct seen see(const struct reader *r)
{
    struct seen seen = {.n = 0};
    struct slice rest = buf_slice(&r->got);
    for (size_t end; (end = slice_find(rest, SLICE("\n\n"))) != SLICE_NOT_FOUND; rest = slice_after(rest, end + 2)) {
        see_event(&seen, slice_of(rest.ptr, end));
    }
    assert_int_equal(rest.len, 0);
    return seen;
}

static void drop(struct reader *r)
{
    log_feed_leave(&r->reader);
    buf_deinit(&r->got);
}

// ---- what they get --------------------------------------------------------------------------------------------------

static void the_past_comes_at_once_and_the_rest_when_it_happens(void **state)
{
    struct fixture *f = *state;
    struct reader r = {.n_sent = 0};
    add_many(f, 10, "before");
    join(f, &r, 4);
    struct seen seen = see(&r);
    assert_int_equal(seen.first, 4);
    assert_int_equal(seen.n, 7);
    add_many(f, 5, "after");
    assert_int_equal(see(&r).n, 7); // whoever logs writes nothing
    loop_run(&f->loop);
    assert_int_equal(see(&r).n, 12);
    assert_int_equal(r.n_sent, 2); // all of them together
    loop_run(&f->loop);            // and then nothing is left to wait for
    assert_int_equal(r.n_sent, 2);
    drop(&r);
}

static void filters_choose(void **state)
{
    static const struct {
        enum log_level level;
        const char *keyword;
        size_t n;
    } rows[] = {{LOG_DEBUG, "", 4},      {LOG_INFO, "", 3},      {LOG_WARN, "", 2},      {LOG_ERROR, "", 1},
                {LOG_DEBUG, "APPLE", 2}, {LOG_DEBUG, "kEys", 1}, {LOG_WARN, "apple", 1}, {LOG_DEBUG, "apples", 0},
                {LOG_DEBUG, "Äpfel", 1}, {LOG_DEBUG, "e", 4}};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct reader r = {.reader.filter = {rows[i].level, slice_from_cstr(rows[i].keyword)}};
        join(f, &r, live_log_newest(f->log) + 1);
        add(f, LOG_DEBUG, "one", "an apple");
        add(f, LOG_INFO, "keys", "a pear");
        add(f, LOG_WARN, "three", "Apple pie");
        add(f, LOG_ERROR, "three", "Äpfel");
        loop_run(&f->loop);
        assert_int_equal(see(&r).n, rows[i].n);
        drop(&r);
    }
}

static void a_late_reader_is_told_what_it_has_missed(void **state)
{
    struct fixture *f = *state;
    struct reader late = {.takes_no_more = true};
    struct reader other = {.n_sent = 0};
    join(f, &late, 1);
    join(f, &other, 1);
    add(f, LOG_INFO, "test", "one");
    loop_run(&f->loop);
    for (unsigned i = 0; i < 20; i++) {
        add_many(f, 100, "more");
        loop_run(&f->loop);
    }
    assert_int_equal(late.n_sent, 1);
    struct seen seen = see(&other);
    assert_int_equal(seen.n, 2001);
    assert_int_equal(seen.n_skipped, 0);
    late.takes_no_more = false;
    log_feed_resume(&late.reader);
    loop_run(&f->loop);
    seen = see(&late);
    assert_int_equal(seen.n_skips, 1);
    assert_int_equal(seen.n + seen.n_skipped, 2001);
    assert_int_equal(seen.n, 1 + LIVE_LOG_ENTRIES);
    assert_int_equal(seen.last, 2001);
    drop(&late);
    drop(&other);
}

// A reader that goes on behind an entry which nobody remembers.
static void what_was_forgotten_before_is_told(void **state)
{
    struct fixture *f = *state;
    struct reader r = {.n_sent = 0};
    add_many(f, LIVE_LOG_ENTRIES + 100, "text");
    join(f, &r, 51);
    loop_run(&f->loop);
    struct seen seen = see(&r);
    assert_int_equal(seen.n_skipped, 50);
    assert_int_equal(seen.n, LIVE_LOG_ENTRIES);
    live_log_clear(f->log);
    add(f, LOG_INFO, "test", "after");
    loop_run(&f->loop);
    assert_int_equal(see(&r).n_skipped, 50); // it had seen all that was cleared
    assert_int_equal(see(&r).n, LIVE_LOG_ENTRIES + 1);
    drop(&r);
}

static void what_one_gets_at_a_time_is_bounded(void **state)
{
    enum { EVENT = LIVE_LOG_TEXT_MAX + 256, PIECE_MAX = 128 * 1024 };
    struct fixture *f = *state;
    struct reader r = {.n_sent = 0};
    char text[LIVE_LOG_TEXT_MAX + 1];
    memset(text, 'x', LIVE_LOG_TEXT_MAX);
    text[LIVE_LOG_TEXT_MAX] = '\0';
    add_many(f, LIVE_LOG_ENTRIES, text);
    join(f, &r, 1);
    loop_run(&f->loop);
    struct seen seen = see(&r);
    assert_int_equal(seen.n, LIVE_LOG_ENTRIES);
    assert_int_equal(seen.n_skipped, 0);
    assert_true(r.longest <= PIECE_MAX + EVENT);
    assert_true(r.n_sent >= LIVE_LOG_ENTRIES * LIVE_LOG_TEXT_MAX / (PIECE_MAX + EVENT));
    drop(&r);
}

// They come and go, read and do not, while entries come: for each of them the sum is right.
static void many_readers_each_get_all_or_are_told(void **state)
{
    enum { N = 120, ROUNDS = 60 };
    struct fixture *f = *state;
    struct reader *readers = mem_zalloc(N * sizeof(*readers));
    uint64_t from[N];
    srand(11);
    for (unsigned i = 0; i < N; i++) {
        from[i] = live_log_newest(f->log) + 1;
        join(f, &readers[i], from[i]);
    }
    assert_int_equal(log_feed_n_readers(f->feed), N);
    for (unsigned round = 0; round < ROUNDS; round++) {
        add_many(f, (size_t)rand() % 60, "text");
        uv_run(&f->loop.uv, UV_RUN_ONCE);
        struct reader *r = &readers[rand() % N];
        r->takes_no_more = rand() % 2;
        if (r->reader.is_late) {
            log_feed_resume(&r->reader);
        }
        unsigned again = (unsigned)rand() % N;
        drop(&readers[again]);
        readers[again] = (struct reader){.n_sent = 0};
        from[again] = live_log_newest(f->log) + 1;
        join(f, &readers[again], from[again]);
    }
    for (unsigned i = 0; i < N; i++) {
        readers[i].takes_no_more = false;
        log_feed_resume(&readers[i].reader);
    }
    loop_run(&f->loop);
    for (unsigned i = 0; i < N; i++) {
        struct seen seen = see(&readers[i]);
        assert_int_equal(seen.n + seen.n_skipped, live_log_newest(f->log) + 1 - from[i]);
        drop(&readers[i]);
    }
    assert_int_equal(log_feed_n_readers(f->feed), 0);
    mem_free(readers);
}

static void a_drain_ends_all_after_what_there_is(void **state)
{
    struct fixture *f = *state;
    struct reader one = {.n_sent = 0};
    struct reader late = {.takes_no_more = true};
    struct reader after = {.n_sent = 0};
    join(f, &one, 1);
    join(f, &late, 1);
    add(f, LOG_INFO, "test", "one");
    loop_run(&f->loop);
    add(f, LOG_INFO, "test", "the last");
    log_feed_drain(f->feed);
    assert_true(one.is_ended && late.is_ended);
    assert_int_equal(see(&one).n, 2);
    assert_int_equal(see(&late).n, 1);
    assert_int_equal(log_feed_n_readers(f->feed), 0);
    join(f, &after, 2);
    assert_true(after.is_ended);
    assert_int_equal(see(&after).n, 1);
    log_feed_leave(&one.reader);  // harmless
    log_feed_resume(&one.reader); // harmless
    add(f, LOG_INFO, "test", "nobody listens");
    loop_run(&f->loop);
    assert_int_equal(see(&one).n, 2);
    drop(&one);
    drop(&late);
    drop(&after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_past_comes_at_once_and_the_rest_when_it_happens),
        TEST(filters_choose),
        TEST(a_late_reader_is_told_what_it_has_missed),
        TEST(what_was_forgotten_before_is_told),
        TEST(what_one_gets_at_a_time_is_bounded),
        TEST(many_readers_each_get_all_or_are_told),
        TEST(a_drain_ends_all_after_what_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

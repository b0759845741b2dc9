// SPDX-License-Identifier: MIT
// Messages are appended to two buffers. At most FLUSH_MS later, or when a buffer is large, both are handed to a thread
// that writes them, and two empty ones take their place.
#include "process/log_sink.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/live_log.h"
#include "process/log_line.h"

enum { FLUSH_MS = 100, FLUSH_BYTES = 64 * 1024, BACKLOG_MAX = 4 * 1024 * 1024 };

// Where in the text for the file the lines of a day begin.
struct day_mark {
    size_t at;
    char day[DAILY_FILE_DAY_SIZE];
};

struct batch {
    struct buf console;
    struct buf file;
    struct buf marks; // struct day_mark; the first is at 0. Mostly there is one
    size_t n_lost;    // lines that the thread could not write to the file
    int problem;      // of the last of them; negative errno
};

struct log_sink {
    struct loop *loop;     // borrowed
    struct live_log *live; // borrowed; NULL: there is none
    struct timer timer;
    uv_work_t work;
    struct batch filling;
    struct batch writing; // the thread's while is_busy
    bool is_busy;
    bool is_closed; // what comes now waits for log_sink_free()
    bool is_terse;  // production
    bool is_json;
    bool wants_file;
    struct daily_folder folder;         // as configured
    struct daily_folder writing_folder; // the thread's while is_busy
    struct daily_file file;             // the thread's while is_busy
    int problem;                        // why the file is not written, as it has been told; 0: it is
    int64_t retry_ms;                   // wall time until which it is not tried
    uint64_t n_missing;                 // lines that are not in the file, to be told when there is one again
    struct log_stamp stamp;
    char told_path[DAILY_FILE_PATH_SIZE]; // of the last tell_file()
};

static uint64_t n_dropped;

uint64_t log_sink_dropped(void)
{
    return n_dropped;
}

// ---- on the thread --------------------------------------------------------------------------------------------------

static void write_days(struct log_sink *sink, struct batch *batch)
{
    const struct day_mark *marks = (const struct day_mark *)(void *)batch->marks.ptr;
    size_t n_marks = batch->marks.len / sizeof(*marks);
    batch->problem = 0;
    batch->n_lost = 0;
    for (size_t i = 0; i < n_marks; i++) {
        size_t end = i + 1 < n_marks ? marks[i + 1].at : batch->file.len;
        struct slice lines = slice_of(batch->file.ptr + marks[i].at, end - marks[i].at);
        size_t n_lost = 0;
        batch->problem = daily_file_write(&sink->file, &sink->writing_folder, marks[i].day, lines, &n_lost);
        batch->n_lost += n_lost;
    }
}

static void write_batch(struct log_sink *sink, struct batch *batch)
{
    size_t n_written;
    write_days(sink, batch);
    // A console that is gone cannot be told of it.
    (void)!daily_file_write_all(STDOUT_FILENO, buf_slice(&batch->console), &n_written);
}

static void on_work(uv_work_t *work)
{
    struct log_sink *sink = CONTAINER_OF(work, struct log_sink, work);
    write_batch(sink, &sink->writing);
}

// ---- on the loop ----------------------------------------------------------------------------------------------------

static void on_timer(struct timer *timer);

static void start_timer(struct log_sink *sink)
{
    if (!sink->is_busy && !sink->is_closed && !timer_is_running(&sink->timer)) {
        timer_start(&sink->loop->timers, &sink->timer, FLUSH_MS, on_timer);
    }
}

static void count_lost(struct log_sink *sink, uint64_t n)
{
    n_dropped += n;
    sink->n_missing += n;
}

static void begin_problem(struct log_sink *sink, int problem)
{
    bool is_new = sink->problem == 0;
    sink->problem = problem;
    sink->retry_ms = clock_wall_ms() + LOG_SINK_RETRY_MS;
    if (is_new) {
        log_warn("log", "cannot write log files in %s: %s; logging to the console only", sink->writing_folder.path,
                 strerror(-problem));
    }
}

static void end_problem(struct log_sink *sink)
{
    uint64_t n_missing = sink->n_missing;
    sink->problem = 0;
    sink->n_missing = 0;
    log_warn("log", "log files in %s are written again; %llu lines are missing in them", sink->writing_folder.path,
             (unsigned long long)n_missing);
}

// What became of a batch that has been written.
static void take_outcome(struct log_sink *sink, struct batch *batch)
{
    bool has_lines = batch->file.len;
    int problem = batch->problem;
    count_lost(sink, batch->n_lost);
    buf_clear(&batch->console);
    buf_clear(&batch->file);
    buf_clear(&batch->marks);
    if (has_lines && problem) {
        begin_problem(sink, problem);
    } else if (has_lines && sink->n_missing) {
        end_problem(sink);
    }
}

static void on_work_done(uv_work_t *work, int status)
{
    struct log_sink *sink = CONTAINER_OF(work, struct log_sink, work);
    (void)status;
    sink->is_busy = false;
    take_outcome(sink, &sink->writing);
    if (sink->filling.console.len + sink->filling.file.len) {
        start_timer(sink);
    }
}

static void flush(struct log_sink *sink)
{
    if (sink->is_busy || sink->is_closed || sink->filling.console.len + sink->filling.file.len == 0) {
        return;
    }
    struct batch empty = sink->writing;
    sink->writing = sink->filling;
    sink->filling = empty;
    sink->is_busy = true;
    sink->writing_folder = sink->folder;
    uv_queue_work(&sink->loop->uv, &sink->work, on_work, on_work_done);
}

static void on_timer(struct timer *timer)
{
    flush(CONTAINER_OF(timer, struct log_sink, timer));
}

// ---- messages -------------------------------------------------------------------------------------------------------

static bool has_room(const struct buf *buf)
{
    return buf->len <= BACKLOG_MAX;
}

static void append_console(struct log_sink *sink, const struct log_message *message)
{
    bool is_terse = sink->is_terse && sink->problem == 0;
    if (has_room(&sink->filling.console)) {
        log_line_append(&sink->filling.console, &sink->stamp, message,
                        sink->is_json ? LOG_LINE_JSON
                        : is_terse    ? LOG_LINE_TERSE
                                      : LOG_LINE_FULL);
    } else {
        n_dropped++;
    }
}

// A batch may be of two days, as the thread may be busy at midnight.
static void mark_day(struct log_sink *sink, struct batch *batch)
{
    const struct day_mark *last =
        batch->marks.len ? (void *)(batch->marks.ptr + batch->marks.len - sizeof(*last)) : NULL;
    if (!last || strcmp(last->day, sink->stamp.day) != 0) {
        struct day_mark mark = {.at = batch->file.len};
        memcpy(mark.day, sink->stamp.day, sizeof(mark.day));
        buf_append(&batch->marks, slice_of((const char *)&mark, sizeof(mark)));
    }
}

// The clock may have been set back meanwhile.
static bool is_resting(const struct log_sink *sink, int64_t wall_ms)
{
    return sink->problem && wall_ms < sink->retry_ms && sink->retry_ms - wall_ms <= LOG_SINK_RETRY_MS;
}

static void append_file(struct log_sink *sink, const struct log_message *message)
{
    if (is_resting(sink, message->wall_ms) || !has_room(&sink->filling.file)) {
        count_lost(sink, 1);
        return;
    }
    mark_day(sink, &sink->filling);
    log_line_append(&sink->filling.file, &sink->stamp, message, sink->is_json ? LOG_LINE_JSON : LOG_LINE_FULL);
}

void log_sink_add(struct log_sink *sink, const struct log_message *message)
{
    if (sink->live) {
        live_log_add(sink->live, message);
    }
    log_stamp_set(&sink->stamp, message->wall_ms);
    append_console(sink, message);
    if (sink->wants_file) {
        append_file(sink, message);
    }
    if (sink->filling.file.len > FLUSH_BYTES || sink->filling.console.len > FLUSH_BYTES) {
        flush(sink);
    } else {
        start_timer(sink);
    }
}

static void on_message(void *sink, const struct log_message *message)
{
    log_sink_add(sink, message);
}

// ---- the object -----------------------------------------------------------------------------------------------------

static struct live_log_file tell_file(void *arg)
{
    struct log_sink *sink = arg;
    char day[DAILY_FILE_DAY_SIZE];
    daily_file_day(day, clock_wall_ms());
    daily_file_path(sink->told_path, sink->folder.path, day);
    return (struct live_log_file){
        .is_wanted = sink->wants_file,
        .is_written = sink->wants_file && sink->problem == 0,
        .folder = sink->folder.path,
        .path = sink->told_path,
        .problem = sink->problem ? strerror(-sink->problem) : NULL,
        .n_dropped = n_dropped,
    };
}

void log_sink_set_config(struct log_sink *sink, const struct config *config)
{
    sink->is_terse = config->node_env == NODE_ENV_PRODUCTION;
    sink->wants_file = config->node_env == NODE_ENV_PRODUCTION;
    sink->is_json = config->log_format == LOG_FORMAT_JSON;
    sink->folder.retention_days = config->log_retention_days;
    snprintf(sink->folder.path, sizeof(sink->folder.path), "%.*s", SLICE_ARG(config->log_dir));
    sink->problem = 0; // it is tried at once, and told again
    log_set_level(config->log_level);
}

struct log_sink *log_sink_new(struct loop *loop, const struct config *config, struct live_log *live)
{
    struct log_sink *sink = mem_zalloc(sizeof(*sink));
    sink->loop = loop;
    sink->live = live;
    daily_file_init(&sink->file);
    log_stamp_init(&sink->stamp);
    timer_init(&sink->timer);
    log_sink_set_config(sink, config);
    if (live) {
        live_log_set_file(live, tell_file, sink);
    }
    log_set_sink(on_message, sink);
    return sink;
}

void log_sink_close(struct log_sink *sink)
{
    timer_cancel(&sink->timer);
    flush(sink);
    sink->is_closed = true;
}

static void deinit_batch(struct batch *batch)
{
    buf_deinit(&batch->console);
    buf_deinit(&batch->file);
    buf_deinit(&batch->marks);
}

void log_sink_free(struct log_sink *sink)
{
    log_set_sink(NULL, NULL);
    if (sink->live) {
        live_log_set_file(sink->live, NULL, NULL);
    }
    sink->writing_folder = sink->folder;
    write_batch(sink, &sink->filling);
    daily_file_close(&sink->file);
    deinit_batch(&sink->filling);
    deinit_batch(&sink->writing);
    mem_free(sink);
}

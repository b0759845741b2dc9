// SPDX-License-Identifier: MIT
// Messages are appended to two buffers. At most FLUSH_MS later, or when a buffer is large, both are handed to a thread
// that writes them, and two empty ones take their place.
#include "process/log_sink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "json/json_writer.h"

enum { FLUSH_MS = 100, FLUSH_BYTES = 64 * 1024, BACKLOG_MAX = 4 * 1024 * 1024, DAY_SIZE = 11, PATH_SIZE = 1024 };

struct batch {
    struct buf console;
    struct buf file;
    char day[DAY_SIZE]; // of the lines for the file, local time: "2026-01-02"
};

// Where daily files go and how long they stay.
struct place {
    char dir[PATH_SIZE];
    uint32_t retention_days;
};

struct log_sink {
    struct loop *loop; // borrowed
    struct timer timer;
    uv_work_t work;
    struct batch filling;
    struct batch writing; // the thread's while is_busy
    bool is_busy;
    bool is_closed; // what comes now waits for log_sink_free()
    bool is_terse;  // production
    bool is_json;
    bool wants_file;
    struct place place;         // as configured
    struct place writing_place; // the thread's while is_busy
    int fd;                     // of the day's file, -1 while closed
    char open_day[DAY_SIZE];
    int file_error; // of the thread, to be told once
    bool has_told;
    int64_t stamp_second; // of the cached time stamp
    char stamp[CLOCK_ISO8601_SIZE];
    char day[DAY_SIZE];
};

static uint64_t n_dropped;

uint64_t log_sink_dropped(void)
{
    return n_dropped;
}

// ---- on the thread --------------------------------------------------------------------------------------------------

// 0, or what went wrong.
static int write_all(int fd, struct slice bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n >= 0) {
            bytes = slice_after(bytes, (size_t)n);
        } else if (errno == EAGAIN) {
            // Whoever we share a terminal or a pipe with may have made it non-blocking.
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

// Exactly what open_day() makes: other files in the folder are not ours to remove.
static bool is_log_name(const char *name)
{
    static const char form[] = "droid2api_0000-00-00.log";
    if (strlen(name) != sizeof(form) - 1) {
        return false;
    }
    for (size_t i = 0; form[i]; i++) {
        if (form[i] == '0' ? name[i] < '0' || name[i] > '9' : name[i] != form[i]) {
            return false;
        }
    }
    return true;
}

// Removes daily files that are older than the retention. Their names sort by date.
static void remove_old_files(const struct log_sink *sink)
{
    char oldest[64];
    time_t limit = time(NULL) - (time_t)sink->writing_place.retention_days * 86400;
    struct tm tm;
    strftime(oldest, sizeof(oldest), "droid2api_%Y-%m-%d.log", localtime_r(&limit, &tm));
    DIR *dir = sink->writing_place.retention_days ? opendir(sink->writing_place.dir) : NULL;
    if (!dir) {
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (is_log_name(entry->d_name) && strcmp(entry->d_name, oldest) < 0) {
            unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    closedir(dir);
}

static int open_day(struct log_sink *sink, const char *day)
{
    char path[PATH_SIZE + 64];
    if (sink->fd >= 0 && strcmp(sink->open_day, day) == 0) {
        return 0;
    }
    if (sink->fd >= 0) {
        close(sink->fd);
    }
    if (mkdir(sink->writing_place.dir, 0700) != 0 && errno != EEXIST) {
        sink->fd = -1;
        return errno;
    }
    snprintf(path, sizeof(path), "%s/droid2api_%s.log", sink->writing_place.dir, day);
    sink->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (sink->fd < 0) {
        return errno;
    }
    memcpy(sink->open_day, day, DAY_SIZE);
    remove_old_files(sink);
    return 0;
}

static void write_batch(struct log_sink *sink, struct batch *batch)
{
    (void)write_all(STDOUT_FILENO, buf_slice(&batch->console)); // a console that is gone cannot be told of it
    if (batch->file.len) {
        sink->file_error = open_day(sink, batch->day);
        if (sink->file_error == 0) {
            sink->file_error = write_all(sink->fd, buf_slice(&batch->file));
        }
    }
    buf_clear(&batch->console);
    buf_clear(&batch->file);
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

// A file that cannot be written is told once; the console goes on.
static void tell_file_error(struct log_sink *sink)
{
    if (sink->file_error && !sink->has_told) {
        sink->has_told = true;
        log_warn("log", "cannot write log files in %s: %s; logging to the console only", sink->writing_place.dir,
                 strerror(sink->file_error));
    }
}

static void on_work_done(uv_work_t *work, int status)
{
    struct log_sink *sink = CONTAINER_OF(work, struct log_sink, work);
    (void)status;
    sink->is_busy = false;
    tell_file_error(sink);
    if (sink->filling.console.len + sink->filling.file.len) {
        start_timer(sink);
    }
}

// Takes over where files go, while the thread is idle.
static void settle_place(struct log_sink *sink)
{
    if (sink->fd >= 0 && strcmp(sink->place.dir, sink->writing_place.dir) != 0) {
        close(sink->fd);
        sink->fd = -1;
    }
    sink->writing_place = sink->place;
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
    settle_place(sink);
    uv_queue_work(&sink->loop->uv, &sink->work, on_work, on_work_done);
}

static void on_timer(struct timer *timer)
{
    flush(CONTAINER_OF(timer, struct log_sink, timer));
}

static void update_stamp(struct log_sink *sink, int64_t wall_ms)
{
    int64_t second = wall_ms / 1000;
    if (second != sink->stamp_second) {
        time_t time = (time_t)second;
        struct tm tm;
        sink->stamp_second = second;
        clock_format_iso8601(sink->stamp, wall_ms);
        strftime(sink->day, sizeof(sink->day), "%Y-%m-%d", localtime_r(&time, &tm));
    }
    int64_t ms = wall_ms % 1000;
    sink->stamp[20] = (char)('0' + ms / 100);
    sink->stamp[21] = (char)('0' + ms / 10 % 10);
    sink->stamp[22] = (char)('0' + ms % 10);
}

static void append_json(struct log_sink *sink, struct buf *out, const struct log_message *message)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, SLICE("time"), slice_of(sink->stamp, CLOCK_ISO8601_SIZE - 1));
    json_member_string(&w, SLICE("level"), slice_from_cstr(log_level_name(message->level)));
    json_member_string(&w, SLICE("area"), slice_from_cstr(message->area));
    json_member_string(&w, SLICE("message"), message->text);
    json_end_object(&w);
    buf_append_char(out, '\n');
}

static void append_text(struct log_sink *sink, struct buf *out, const struct log_message *message, bool is_terse)
{
    static const struct slice levels[] = {SLICE_INIT(" DEBUG "), SLICE_INIT(" INFO  "), SLICE_INIT(" WARN  "),
                                          SLICE_INIT(" ERROR "), SLICE_INIT(" ")};
    struct slice stamp = slice_of(sink->stamp, CLOCK_ISO8601_SIZE - 1);
    buf_append(out, is_terse ? slice_of(stamp.ptr + 11, 8) : stamp);
    buf_append(out, levels[message->level]);
    buf_append(out, slice_from_cstr(message->area));
    buf_append_char(out, ' ');
    buf_append(out, is_terse ? slice_of(message->text.ptr, message->short_len) : message->text);
    buf_append_char(out, '\n');
}

static void append(struct log_sink *sink, struct buf *out, const struct log_message *message, bool is_terse)
{
    if (out->len > BACKLOG_MAX) {
        n_dropped++;
        return;
    }
    if (sink->is_json) {
        append_json(sink, out, message);
    } else {
        append_text(sink, out, message, is_terse);
    }
}

// At midnight what is left of the old day is written at once, so that no batch is of two days.
static void switch_day(struct log_sink *sink)
{
    if (sink->filling.file.len && strcmp(sink->filling.day, sink->day) != 0) {
        if (sink->is_busy) {
            return; // the thread has the file: these few lines go with the old day
        }
        settle_place(sink);
        write_batch(sink, &sink->filling);
    }
    memcpy(sink->filling.day, sink->day, DAY_SIZE);
}

static void on_message(void *arg, const struct log_message *message)
{
    struct log_sink *sink = arg;
    update_stamp(sink, message->wall_ms);
    append(sink, &sink->filling.console, message, sink->is_terse);
    if (sink->wants_file) {
        switch_day(sink);
        append(sink, &sink->filling.file, message, false);
    }
    if (sink->filling.file.len > FLUSH_BYTES || sink->filling.console.len > FLUSH_BYTES) {
        flush(sink);
    } else {
        start_timer(sink);
    }
}

void log_sink_set_config(struct log_sink *sink, const struct config *config)
{
    sink->is_terse = config->node_env == NODE_ENV_PRODUCTION;
    sink->wants_file = config->node_env == NODE_ENV_PRODUCTION;
    sink->is_json = config->log_format == LOG_FORMAT_JSON;
    sink->place.retention_days = config->log_retention_days;
    snprintf(sink->place.dir, sizeof(sink->place.dir), "%.*s", SLICE_ARG(config->log_dir));
    sink->has_told = false;
    log_set_level(config->log_level);
}

struct log_sink *log_sink_new(struct loop *loop, const struct config *config)
{
    struct log_sink *sink = mem_zalloc(sizeof(*sink));
    sink->loop = loop;
    sink->fd = -1;
    sink->stamp_second = -1;
    timer_init(&sink->timer);
    log_sink_set_config(sink, config);
    log_set_sink(on_message, sink);
    return sink;
}

void log_sink_close(struct log_sink *sink)
{
    timer_cancel(&sink->timer);
    flush(sink);
    sink->is_closed = true;
}

void log_sink_free(struct log_sink *sink)
{
    log_set_sink(NULL, NULL);
    settle_place(sink);
    write_batch(sink, &sink->filling);
    if (sink->fd >= 0) {
        close(sink->fd);
    }
    buf_deinit(&sink->filling.console);
    buf_deinit(&sink->filling.file);
    buf_deinit(&sink->writing.console);
    buf_deinit(&sink->writing.file);
    mem_free(sink);
}

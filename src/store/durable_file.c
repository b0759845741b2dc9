// SPDX-License-Identifier: MIT
// At any instant a whole document has its name, or is the copy:
//   1. the new text is written and flushed under a name of its own;
//   2. the copy becomes a second name of the document, by a rename over the copy before it;
//   3. the new text is renamed over the document, which thereby lives on as the copy only;
//   4. the folder is flushed.
#include "store/durable_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/text_file.h"

enum { NAME_SIZE = 256 };

struct names {
    const char *document;
    char fresh[NAME_SIZE];      // the new text, until it is renamed
    char copy[NAME_SIZE];       // the document before
    char copy_fresh[NAME_SIZE]; // what becomes the copy
};

static bool print_name(char out[NAME_SIZE], const char *before, const char *name, const char *after)
{
    return snprintf(out, NAME_SIZE, "%s%s%s", before, name, after) < NAME_SIZE;
}

static bool names_of(struct names *names, const char *name)
{
    names->document = name;
    return print_name(names->fresh, ".", name, ".new") && print_name(names->copy, "", name, ".bak") &&
           print_name(names->copy_fresh, ".", name, ".bak.new");
}

static struct durable_stamp stamp_from(const struct stat *st)
{
    return (struct durable_stamp){
        .inode = st->st_ino,
        .mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
        .size = st->st_size,
    };
}

static struct durable_stamp stamp_in(int folder_fd, const char *name)
{
    struct stat st;
    return fstatat(folder_fd, name, &st, 0) == 0 ? stamp_from(&st) : (struct durable_stamp){0};
}

struct durable_stamp durable_stamp_of(const char *folder, const char *name)
{
    struct durable_stamp stamp = {0};
    int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd >= 0) {
        stamp = stamp_in(folder_fd, name);
        close(folder_fd);
    }
    return stamp;
}

bool durable_stamp_eq(struct durable_stamp a, struct durable_stamp b)
{
    return a.inode == b.inode && a.mtime_ns == b.mtime_ns && a.size == b.size;
}

// ---- writing

static int write_all(int fd, struct slice text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n > 0) {
            text = slice_after(text, (size_t)n);
        }
    }
    return fsync(fd) != 0 ? -errno : 0;
}

static int write_beside(int folder_fd, const char *name, struct slice text, struct durable_stamp *stamp)
{
    int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    struct stat st;
    int r = write_all(fd, text);
    if (r == 0 && fstat(fd, &st) != 0) {
        r = -errno;
    }
    if (close(fd) != 0 && r == 0) {
        r = -errno;
    }
    if (r == 0) {
        *stamp = stamp_from(&st);
    }
    return r;
}

static int rename_in(int folder_fd, const char *from, const char *to)
{
    return renameat(folder_fd, from, folder_fd, to) != 0 ? -errno : 0;
}

static bool has_no_links(int r)
{
    return r == -EPERM || r == -EOPNOTSUPP || r == -ENOSYS || r == -EMLINK || r == -EXDEV;
}

static int keep_copy(int folder_fd, const struct names *names)
{
    unlinkat(folder_fd, names->copy_fresh, 0); // a crash may have left it
    int r = linkat(folder_fd, names->document, folder_fd, names->copy_fresh, 0) != 0 ? -errno : 0;
    if (r == -ENOENT) {
        return 0; // nothing to keep
    }
    if (has_no_links(r)) {
        return rename_in(folder_fd, names->document, names->copy);
    }
    if (r == 0) {
        r = rename_in(folder_fd, names->copy_fresh, names->copy);
        unlinkat(folder_fd, names->copy_fresh, 0); // rename() leaves two names of one file alone
    }
    return r;
}

// `known`: only over this one; NULL: over whatever is there.
static int replace(const char *folder, const char *name, struct slice text, const struct durable_stamp *known,
                   struct durable_stamp *stamp_r)
{
    struct names names;
    struct durable_stamp stamp;
    if (!names_of(&names, name)) {
        return -ENAMETOOLONG;
    }
    int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0) {
        return -errno;
    }
    int r = write_beside(folder_fd, names.fresh, text, &stamp);
    if (r == 0 && known && !durable_stamp_eq(stamp_in(folder_fd, name), *known)) {
        r = DURABLE_E_CHANGED;
    }
    if (r == 0) {
        r = keep_copy(folder_fd, &names);
    }
    if (r == 0) {
        r = rename_in(folder_fd, names.fresh, name);
    }
    if (r != 0) {
        unlinkat(folder_fd, names.fresh, 0);
    } else {
        *stamp_r = stamp;
        r = fsync(folder_fd) != 0 ? -errno : 0;
    }
    close(folder_fd);
    return r;
}

int durable_write(const char *folder, const char *name, struct slice text)
{
    struct durable_stamp stamp;
    return replace(folder, name, text, NULL, &stamp);
}

int durable_write_over(const char *folder, const char *name, struct slice text, struct durable_stamp known,
                       struct durable_stamp *stamp_r)
{
    return replace(folder, name, text, &known, stamp_r);
}

// ---- reading

// "2026-01-02T030405.678Z": a colon in a name of a file is trouble for many programs.
static void format_time(char out[CLOCK_ISO8601_SIZE])
{
    char iso[CLOCK_ISO8601_SIZE];
    clock_format_iso8601(iso, clock_wall_ms());
    for (const char *at = iso; *at; at++) {
        if (*at != ':') {
            *out++ = *at;
        }
    }
    *out = '\0';
}

int durable_set_aside(const char *folder, const char *name, struct arena *arena, struct slice *new_name_r)
{
    char time[CLOCK_ISO8601_SIZE];
    char aside[NAME_SIZE];
    format_time(time);
    if (snprintf(aside, sizeof(aside), "%s.corrupt-%s", name, time) >= NAME_SIZE) {
        return -ENAMETOOLONG;
    }
    int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0) {
        return -errno;
    }
    // Never over another one that was set aside in the same millisecond.
    int r = renameat2(folder_fd, name, folder_fd, aside, RENAME_NOREPLACE) != 0 ? -errno : 0;
    if (r == -EINVAL || r == -ENOSYS) {
        r = rename_in(folder_fd, name, aside);
    }
    if (r == 0) {
        fsync(folder_fd);
        *new_name_r = arena_dup(arena, slice_from_cstr(aside));
    }
    close(folder_fd);
    return r;
}

struct reading {
    const char *folder;
    size_t max_len;
    durable_check_fn check;
    void *arg;
    struct arena *arena;
};

// What a file turned out to be; negative errno codes other than -ENOENT pass on.
enum { FILE_GOOD, FILE_BAD, FILE_MISSING };

static int read_checked(const struct reading *reading, const char *name, struct slice *text_r)
{
    const char *path = arena_printf(reading->arena, "%s/%s", reading->folder, name).ptr;
    struct slice text;
    int r = text_file_read(path, reading->arena, reading->max_len, &text);
    if (r < 0) {
        return r == -ENOENT ? FILE_MISSING : r;
    }
    if (!reading->check(reading->arg, text)) {
        return FILE_BAD;
    }
    *text_r = text;
    return FILE_GOOD;
}

// What was wrong with a file, and where it is now.
static struct slice explain(const struct reading *reading, const char *name, int found)
{
    struct slice aside;
    if (found == FILE_MISSING) {
        return arena_printf(reading->arena, "%s/%s is missing", reading->folder, name);
    }
    int r = durable_set_aside(reading->folder, name, reading->arena, &aside);
    if (r < 0) {
        return arena_printf(reading->arena, "%s/%s is not a whole document (and cannot be renamed: %s)",
                            reading->folder, name, strerror(-r));
    }
    return arena_printf(reading->arena, "%s/%s is not a whole document and was kept as %.*s", reading->folder, name,
                        SLICE_ARG(aside));
}

static struct slice explain_both(const struct reading *reading, const struct names *names, int found, int found_copy)
{
    struct slice document = explain(reading, names->document, found);
    if (found_copy == FILE_GOOD) {
        return arena_printf(reading->arena, "%.*s; %s was read in its place", SLICE_ARG(document), names->copy);
    }
    struct slice copy = explain(reading, names->copy, found_copy);
    return arena_printf(reading->arena, "%.*s; %.*s", SLICE_ARG(document), SLICE_ARG(copy));
}

int durable_read(const char *folder, const char *name, size_t max_len, durable_check_fn check, void *arg,
                 struct arena *arena, enum durable_state *state_r, struct slice *text_r, struct slice *explained_r)
{
    const struct reading reading = {folder, max_len, check, arg, arena};
    struct names names;
    if (!names_of(&names, name)) {
        return -ENAMETOOLONG;
    }
    struct slice text = SLICE_EMPTY;
    int found_copy = FILE_MISSING;
    int found = read_checked(&reading, name, &text);
    if (found == FILE_BAD || found == FILE_MISSING) {
        found_copy = read_checked(&reading, names.copy, &text);
    }
    if (found < 0 || found_copy < 0) {
        return found < 0 ? found : found_copy;
    }
    bool is_new = found == FILE_MISSING && found_copy == FILE_MISSING;
    *state_r = is_new                    ? DURABLE_MISSING
               : found == FILE_GOOD      ? DURABLE_READ
               : found_copy == FILE_GOOD ? DURABLE_RECOVERED
                                         : DURABLE_LOST;
    *explained_r = is_new || found == FILE_GOOD ? SLICE_EMPTY : explain_both(&reading, &names, found, found_copy);
    *text_r = text;
    return 0;
}

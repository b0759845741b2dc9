// SPDX-License-Identifier: MIT
#include "process/daily_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void daily_file_day(char out[DAILY_FILE_DAY_SIZE], int64_t wall_ms)
{
    time_t time = (time_t)(wall_ms / 1000);
    struct tm tm;
    strftime(out, DAILY_FILE_DAY_SIZE, "%Y-%m-%d", localtime_r(&time, &tm));
}

void daily_file_path(char out[DAILY_FILE_PATH_SIZE], const char *folder, const char *day)
{
    snprintf(out, DAILY_FILE_PATH_SIZE, "%s/droid2api_%s.log", folder, day);
}

void daily_file_init(struct daily_file *file)
{
    *file = (struct daily_file){.fd = -1};
}

void daily_file_close(struct daily_file *file)
{
    if (file->fd >= 0) {
        close(file->fd);
        file->fd = -1;
    }
}

// ---- old files ------------------------------------------------------------------------------------------------------

// Exactly what daily_file_path() makes: other files in the folder are not ours to remove.
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
static void remove_old_files(const struct daily_folder *folder)
{
    char oldest[64];
    time_t limit = time(NULL) - (time_t)folder->retention_days * 86400;
    struct tm tm;
    strftime(oldest, sizeof(oldest), "droid2api_%Y-%m-%d.log", localtime_r(&limit, &tm));
    DIR *dir = folder->retention_days ? opendir(folder->path) : NULL;
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

// ---- writing --------------------------------------------------------------------------------------------------------

// Not moved away or removed since it was opened.
static bool is_open_at(const struct daily_file *file, const char *path)
{
    struct stat ours;
    struct stat there;
    return file->fd >= 0 && strcmp(file->path, path) == 0 && stat(path, &there) == 0 && fstat(file->fd, &ours) == 0 &&
           there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

static int open_day(struct daily_file *file, const struct daily_folder *folder, const char *day)
{
    char path[DAILY_FILE_PATH_SIZE];
    daily_file_path(path, folder->path, day);
    if (is_open_at(file, path)) {
        return 0;
    }
    daily_file_close(file);
    if (mkdir(folder->path, 0700) != 0 && errno != EEXIST) {
        return -errno;
    }
    file->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file->fd < 0) {
        return -errno;
    }
    memcpy(file->path, path, sizeof(path));
    remove_old_files(folder);
    return 0;
}

int daily_file_write_all(int fd, struct slice bytes, size_t *n_written_r)
{
    size_t len = bytes.len;
    int r = 0;
    while (bytes.len && r == 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n >= 0) {
            bytes = slice_after(bytes, (size_t)n);
        } else if (errno == EAGAIN) {
            // Whoever we share a terminal or a pipe with may have made it non-blocking.
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        } else if (errno != EINTR) {
            r = -errno;
        }
    }
    *n_written_r = len - bytes.len;
    return r;
}

// Takes half a line at the end away again, unless somebody else has written behind it. Returns the bytes of whole
// lines.
static size_t take_back(int fd, struct slice written)
{
    size_t whole = slice_find_last(written, SLICE("\n"));
    size_t kept = whole == SLICE_NOT_FOUND ? 0 : whole + 1;
    off_t end = lseek(fd, 0, SEEK_CUR); // where our last byte is: an appending descriptor stands behind it
    struct stat st;
    bool is_ours = kept < written.len && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == end;
    if (is_ours && ftruncate(fd, end - (off_t)(written.len - kept)) != 0) {
        return kept; // half a line stays, and it is no line
    }
    return kept;
}

static size_t n_lines(struct slice text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        n += text.ptr[i] == '\n';
    }
    return n;
}

int daily_file_write(struct daily_file *file, const struct daily_folder *folder, const char *day, struct slice lines,
                     size_t *n_lost_r)
{
    size_t n_written = 0;
    int r = open_day(file, folder, day);
    if (r == 0) {
        r = daily_file_write_all(file->fd, lines, &n_written);
    }
    if (r != 0) {
        size_t kept = n_written ? take_back(file->fd, slice_of(lines.ptr, n_written)) : 0;
        *n_lost_r = n_lines(slice_after(lines, kept));
    }
    return r;
}

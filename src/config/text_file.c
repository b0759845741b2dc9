// SPDX-License-Identifier: MIT
#include "config/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

enum { READ_STEP = 16384 };

static int read_all(int fd, struct buf *out, size_t max_len)
{
    for (;;) {
        ssize_t n = read(fd, buf_reserve(out, READ_STEP), READ_STEP);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : 0;
        }
        out->len += (size_t)n;
        if (out->len > max_len) {
            return -EFBIG;
        }
    }
}

int text_file_read(const char *path, struct arena *arena, size_t max_len, struct slice *text_r)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    struct buf text = BUF_EMPTY;
    int r = read_all(fd, &text, max_len);
    if (r == 0) {
        *text_r = arena_dup(arena, buf_slice(&text));
    }
    buf_deinit(&text);
    close(fd);
    return r;
}

int text_file_make_folders(const char *path)
{
    struct arena arena;
    arena_init(&arena, 256);
    char *part = arena_cstr(&arena, slice_from_cstr(path));
    int r = 0;
    for (char *at = part + 1; r == 0 && part[0] != '\0'; at++) {
        if (*at == '/' || *at == '\0') {
            char c = *at;
            *at = '\0';
            r = mkdir(part, 0700) != 0 && errno != EEXIST ? -errno : 0;
            *at = c;
            if (c == '\0') {
                break;
            }
        }
    }
    arena_deinit(&arena);
    return r;
}

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

static int write_file(int folder_fd, const char *name, struct slice text)
{
    int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    int r = write_all(fd, text);
    if (close(fd) != 0 && r == 0) {
        r = -errno;
    }
    return r;
}

int text_file_create(const char *folder, const char *name, struct slice text)
{
    char temporary[256];
    if (snprintf(temporary, sizeof(temporary), ".%s.%ld", name, (long)getpid()) >= (int)sizeof(temporary)) {
        return -ENAMETOOLONG;
    }
    int r = text_file_make_folders(folder);
    if (r < 0) {
        return r;
    }
    int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0) {
        return -errno;
    }
    r = write_file(folder_fd, temporary, text);
    if (r == 0 && renameat(folder_fd, temporary, folder_fd, name) != 0) {
        r = -errno;
    }
    if (r < 0) {
        unlinkat(folder_fd, temporary, 0);
    } else if (fsync(folder_fd) != 0) {
        r = -errno;
    }
    close(folder_fd);
    return r;
}

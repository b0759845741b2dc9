// SPDX-License-Identifier: MIT
// A lock of an open file description: unlike with flock(), whether somebody has it can be asked without taking it.
#include "store/data_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "config/text_file.h"

enum { OWNER_MAX = 4096 };

static const char *lock_path(const char *folder, struct arena *arena)
{
    return arena_printf(arena, "%s/.lock", folder).ptr;
}

static struct slice read_owner(const char *path, struct arena *arena)
{
    struct slice text = SLICE_EMPTY;
    return text_file_read(path, arena, OWNER_MAX, &text) == 0 ? text : SLICE_EMPTY;
}

static int lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
        return errno == EACCES || errno == EAGAIN ? -EWOULDBLOCK : -errno;
    }
    return ftruncate(fd, 0) != 0 ? -errno : 0; // what the owner before us wrote
}

int data_lock_take(const char *folder, struct arena *arena, struct slice *owner_r)
{
    int r = text_file_make_folders(folder);
    if (r < 0) {
        return r;
    }
    const char *path = lock_path(folder, arena);
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    r = lock(fd);
    if (r == 0) {
        return fd;
    }
    if (r == -EWOULDBLOCK) {
        *owner_r = read_owner(path, arena);
    }
    close(fd);
    return r;
}

int data_lock_describe(int fd, struct slice text)
{
    ssize_t n = pwrite(fd, text.ptr, text.len, 0);
    if (n < 0 || ftruncate(fd, n) != 0) {
        return -errno;
    }
    return (size_t)n == text.len ? 0 : -ENOSPC;
}

struct slice data_lock_owner(const char *folder, struct arena *arena)
{
    const char *path = lock_path(folder, arena);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return SLICE_EMPTY;
    }
    bool is_held = fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
    close(fd);
    return is_held ? read_owner(path, arena) : SLICE_EMPTY;
}

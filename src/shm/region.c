// SPDX-License-Identifier: MIT
#include "shm/region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

// Without these, one who has the descriptor could cut the memory off under the others.
enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

static int map(struct shm_region *region, int fd, size_t size)
{
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (base == MAP_FAILED) {
        return -errno;
    }
    if (madvise(base, size, MADV_DONTDUMP) != 0) {
        int r = -errno;
        munmap(base, size);
        return r;
    }
    // A huge page would take memory for what nobody uses. Kernels that have none refuse, and that is as good.
    (void)madvise(base, size, MADV_NOHUGEPAGE);
    *region = (struct shm_region){.base = base, .size = size, .fd = fd};
    return 0;
}

// A file beyond RLIMIT_FSIZE would not be refused but end the process with a signal.
static int check_size(size_t size)
{
    struct rlimit limit;
    if (size == 0) {
        return -EINVAL;
    }
    if (size > PTRDIFF_MAX || (getrlimit(RLIMIT_FSIZE, &limit) == 0 && size > limit.rlim_cur)) {
        return -EFBIG;
    }
    return 0;
}

int shm_region_create(struct shm_region *region, size_t size)
{
    int r = check_size(size);
    if (r != 0) {
        return r;
    }
    int fd = memfd_create("droid2api", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return -errno;
    }
    if (ftruncate(fd, (off_t)size) != 0 || fcntl(fd, F_ADD_SEALS, SEALS) != 0) {
        r = -errno;
        goto fail;
    }
    r = map(region, fd, size);
    if (r != 0) {
        goto fail;
    }
    return 0;
fail:
    close(fd);
    return r;
}

int shm_region_attach_take(struct shm_region *region, int fd)
{
    struct stat stat;
    int r = 0;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || fstat(fd, &stat) != 0) {
        r = -errno; // EINVAL: a file that can have no seals
    } else if ((seals & SEALS) != SEALS || stat.st_size <= 0) {
        r = -EINVAL;
    } else {
        r = map(region, fd, (size_t)stat.st_size);
    }
    if (r != 0 && fd >= 0) {
        close(fd);
    }
    return r;
}

void shm_region_close(struct shm_region *region)
{
    if (region->base) {
        munmap(region->base, region->size);
        close(region->fd);
    }
    *region = (struct shm_region){.fd = -1};
}

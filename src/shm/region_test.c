// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/region.h"

static const size_t gigabyte = (size_t)1 << 30;

// What the kernel says of the mapping that begins at `base`: memory in use, and whether it is left out of core dumps.
static void assert_mapping(const void *base, size_t rss_min, size_t rss_max)
{
    char line[512];
    bool is_here = false;
    bool is_left_out = false;
    size_t rss_kb = SIZE_MAX;
    FILE *file = fopen("/proc/self/smaps", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        uintptr_t from;
        uintptr_t to;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2) {
            is_here = from == (uintptr_t)base;
        } else if (is_here && strncmp(line, "VmFlags:", 8) == 0) {
            is_left_out = strstr(line, " dd") != NULL;
        } else if (is_here) {
            (void)sscanf(line, "Rss: %zu kB", &rss_kb);
        }
    }
    fclose(file);
    assert_true(is_left_out);
    assert_in_range(rss_kb * 1024, rss_min, rss_max);
}

static void only_what_is_touched_takes_memory(void **state)
{
    struct shm_region region;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    assert_int_equal(shm_region_create(&region, 2 * gigabyte), 0);
    assert_int_equal(region.size, 2 * gigabyte);
    assert_mapping(region.base, 0, 0);
    char *bytes = region.base;
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(bytes[i * 100 * 1000 * 1000], 0);
        bytes[i * 100 * 1000 * 1000] = 'x';
    }
    assert_mapping(region.base, 10 * page, 10 * page);
    shm_region_close(&region);
}

static void all_who_attach_see_the_same(void **state)
{
    struct shm_region region;
    struct shm_region again;
    assert_int_equal(shm_region_create(&region, 10000), 0);
    ((char *)region.base)[9999] = 'a';
    assert_int_equal(shm_region_attach_take(&again, dup(region.fd)), 0);
    assert_int_equal(again.size, 10000);
    assert_ptr_not_equal(again.base, region.base);
    assert_int_equal(((char *)again.base)[9999], 'a');
    assert_mapping(again.base, 1, SIZE_MAX);
    pid_t child = fork();
    if (child == 0) {
        struct shm_region theirs;
        if (shm_region_attach_take(&theirs, dup(region.fd)) == 0) {
            ((char *)theirs.base)[0] = 'b';
        }
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(((char *)again.base)[0], 'b');
    shm_region_close(&region);
    ((char *)again.base)[1] = 'c'; // still there
    shm_region_close(&again);
    shm_region_close(&again); // harmless
}

static void sizes_that_cannot_be_are_refused(void **state)
{
    struct shm_region region = {.fd = -7};
    struct rlimit limit;
    assert_int_equal(shm_region_create(&region, 0), -EINVAL);
    assert_int_equal(shm_region_create(&region, SIZE_MAX), -EFBIG);
    assert_int_equal(shm_region_create(&region, (size_t)PTRDIFF_MAX + 1), -EFBIG);
    assert_true(shm_region_create(&region, PTRDIFF_MAX) < 0);
    // Where the system limits the size of files, that is an answer and not the end of the process.
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 4096, .rlim_max = limit.rlim_max}), 0);
    assert_int_equal(shm_region_create(&region, 4097), -EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(region.fd, -7); // untouched
}

static void what_is_no_region_is_closed_and_refused(void **state)
{
    struct shm_region region = {.fd = -7};
    int ends[2];
    int unsealed = memfd_create("unsealed", MFD_ALLOW_SEALING);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(ftruncate(unsealed, 4096), 0);
    assert_int_equal(shm_region_attach_take(&region, -1), -EBADF);
    assert_int_equal(shm_region_attach_take(&region, ends[0]), -EINVAL);
    assert_int_equal(fcntl(ends[0], F_GETFD), -1);
    assert_int_equal(shm_region_attach_take(&region, unsealed), -EINVAL);
    assert_int_equal(fcntl(unsealed, F_GETFD), -1);
    assert_int_equal(region.fd, -7); // untouched
    close(ends[1]);
}

static void nobody_can_cut_it_off(void **state)
{
    struct shm_region region;
    assert_int_equal(shm_region_create(&region, 10000), 0);
    assert_int_equal(ftruncate(region.fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(fcntl(region.fd, F_GETFD), FD_CLOEXEC);
    shm_region_close(&region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_touched_takes_memory),       cmocka_unit_test(all_who_attach_see_the_same),
        cmocka_unit_test(sizes_that_cannot_be_are_refused),        cmocka_unit_test(nobody_can_cut_it_off),
        cmocka_unit_test(what_is_no_region_is_closed_and_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
#include "gateway/process_metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/prometheus.h"

struct memory {
    unsigned long virtual_pages;
    unsigned long resident_pages;
};

static struct memory look_at_memory(void)
{
    struct memory memory = {0};
    FILE *file = fopen("/proc/self/statm", "re");
    if (file) {
        if (fscanf(file, "%lu %lu", &memory.virtual_pages, &memory.resident_pages) != 2) {
            memory = (struct memory){0};
        }
        fclose(file);
    }
    return memory;
}

static size_t count_open_files(void)
{
    size_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) {
        return 0;
    }
    while (readdir(dir)) {
        n++;
    }
    closedir(dir);
    return n > 3 ? n - 3 : 0; // ".", ".." and the folder's own
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static void write_number(struct buf *out, const struct prometheus_family *family, double value)
{
    prometheus_begin(out, family);
    prometheus_number(out, family, PROMETHEUS_NO_LABELS, value);
}

static void write_memory(struct buf *out)
{
    static const struct prometheus_family virtual = {"process_virtual_memory_bytes", PROMETHEUS_GAUGE,
                                                     "Virtual memory; most of it is only reserved."};
    static const struct prometheus_family resident = {"process_resident_memory_bytes", PROMETHEUS_GAUGE,
                                                      "Resident memory."};
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    struct memory memory = look_at_memory();
    prometheus_one(out, &virtual, memory.virtual_pages * page);
    prometheus_one(out, &resident, memory.resident_pages * page);
}

static void write_files(struct buf *out)
{
    static const struct prometheus_family open = {"process_open_fds", PROMETHEUS_GAUGE, "Open file descriptors."};
    static const struct prometheus_family max = {"process_max_fds", PROMETHEUS_GAUGE,
                                                 "How many may be open (RLIMIT_NOFILE)."};
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    prometheus_one(out, &open, count_open_files());
    prometheus_one(out, &max, limit.rlim_cur);
}

void process_metrics_write(int64_t started_wall_ms, struct buf *out)
{
    static const struct prometheus_family cpu = {"process_cpu_seconds_total", PROMETHEUS_COUNTER,
                                                 "User and system time spent."};
    static const struct prometheus_family start = {"process_start_time_seconds", PROMETHEUS_GAUGE,
                                                   "Start, in seconds since 1970."};
    write_number(out, &cpu, cpu_seconds());
    write_memory(out);
    write_files(out);
    write_number(out, &start, (double)started_wall_ms / 1000);
}

// SPDX-License-Identifier: MIT
// One file for each day, "droid2api_2026-01-02.log", in a folder; those that are too old go. Everything here blocks.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/mem.h"
#include "base/slice.h"

enum { DAILY_FILE_DAY_SIZE = 11, DAILY_FILE_FOLDER_SIZE = 1024, DAILY_FILE_PATH_SIZE = 1024 + 64 };

// Where files go and how long they stay.
struct daily_folder {
    char path[DAILY_FILE_FOLDER_SIZE];
    uint32_t retention_days; // 0: for ever
};

struct daily_file {
    int fd; // -1: closed
    char path[DAILY_FILE_PATH_SIZE];
};

void daily_file_init(struct daily_file *file);
void daily_file_close(struct daily_file *file);

// Appends whole lines to the file of `day`; opens it, and makes folder and file where they are missing. 0 or a negative
// errno; *n_lost_r is how many lines are not in the file then: there are whole lines in it, as far as that can be had.
MUST_USE int daily_file_write(struct daily_file *file, const struct daily_folder *folder, const char *day,
                              struct slice lines, size_t *n_lost_r);

// "2026-01-02", local time.
void daily_file_day(char out[DAILY_FILE_DAY_SIZE], int64_t wall_ms);
void daily_file_path(char out[DAILY_FILE_PATH_SIZE], const char *folder, const char *day);
// Writes all of it, waiting as long as it takes. 0 or a negative errno.
MUST_USE int daily_file_write_all(int fd, struct slice bytes, size_t *n_written_r);

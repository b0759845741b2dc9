// SPDX-License-Identifier: MIT
// Whole small files: read at once, and created so that a crash leaves either nothing or all of it. Blocking.
#pragma once

#include <stddef.h>

#include "base/arena.h"

// Reads a file (or pipe) into the arena. Returns 0 or a negative errno code; -EFBIG when it has more than `max_len`.
MUST_USE int text_file_read(const char *path, struct arena *arena, size_t max_len, struct slice *text_r);

// Writes `folder`/`name` with mode 0600: temporary file, fsync, rename, fsync of the folder, which is made with mode
// 0700 when it is missing. Returns 0 or a negative errno code.
MUST_USE int text_file_create(const char *folder, const char *name, struct slice text);

// Makes a folder, and those it is in, with mode 0700 where they are missing. Returns 0 or a negative errno code.
MUST_USE int text_file_make_folders(const char *path);

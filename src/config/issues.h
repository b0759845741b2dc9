// SPDX-License-Identifier: MIT
// What is wrong or doubtful in a configuration: one line each, collected so that an operator sees all of it at once.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct issues {
    struct buf *errors;   // borrowed
    struct buf *warnings; // borrowed
    uint32_t n_errors;
};

// Each appends one line; control characters within it become spaces. Secrets must have been masked by the caller.
void issues_error(struct issues *issues, const char *format, ...) __attribute__((format(printf, 2, 3)));
void issues_warn(struct issues *issues, const char *format, ...) __attribute__((format(printf, 2, 3)));

// SPDX-License-Identifier: MIT
// Random numbers from the kernel, fetched in batches.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Unpredictable bytes (getrandom). A fork must not share what was fetched before: children call random_reset().
void random_bytes(void *out, size_t len);
void random_reset(void);

uint64_t random_process_seed(void); // the same during the life of the process
double random_unit(void);           // uniform in [0, 1)

// A version 4 UUID in lower case (RFC 9562 §5.4) and a NUL.
enum { RANDOM_UUID_SIZE = 37 };
void random_uuid(char out[RANDOM_UUID_SIZE]);

// `len` characters of [A-Za-z0-9], no NUL.
void random_token(char *out, size_t len);

// SPDX-License-Identifier: MIT
#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/hex.h"

// Process-wide by nature, like the clock: a pool of kernel randomness and one seed, per thread so that no lock is
// needed.
static _Thread_local struct {
    unsigned char bytes[1024];
    size_t n_left;
} pool;

static void fill(unsigned char *out, size_t len)
{
    while (len) {
        ssize_t n = getrandom(out, len, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            perror("getrandom");
            abort();
        }
        out += n;
        len -= (size_t)n;
    }
}

void random_reset(void)
{
    pool.n_left = 0;
}

void random_bytes(void *out, size_t len)
{
    if (len > sizeof(pool.bytes)) {
        fill(out, len);
        return;
    }
    if (pool.n_left < len) {
        fill(pool.bytes, sizeof(pool.bytes));
        pool.n_left = sizeof(pool.bytes);
    }
    pool.n_left -= len;
    memcpy(out, pool.bytes + pool.n_left, len);
    // Given out once: what is used is not kept.
    memset(pool.bytes + pool.n_left, 0, len);
}

uint64_t random_process_seed(void)
{
    static uint64_t seed;
    uint64_t value = __atomic_load_n(&seed, __ATOMIC_RELAXED);
    if (value == 0) {
        uint64_t fresh;
        random_bytes(&fresh, sizeof(fresh));
        fresh |= 1;
        // Whoever is first wins; all see the same value.
        __atomic_compare_exchange_n(&seed, &value, fresh, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
        value = __atomic_load_n(&seed, __ATOMIC_RELAXED);
    }
    return value;
}

double random_unit(void)
{
    uint64_t bits;
    random_bytes(&bits, sizeof(bits));
    return (double)(bits >> 11) * 0x1.0p-53;
}

void random_uuid(char out[RANDOM_UUID_SIZE])
{
    unsigned char bytes[16];
    random_bytes(bytes, sizeof(bytes));
    bytes[6] = (unsigned char)(0x40 | (bytes[6] & 0x0f));
    bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3f));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *out++ = '-';
        }
        hex_write_bytes(out, &bytes[i], 1);
        out += 2;
    }
    *out = '\0';
}

void random_token(char *out, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    enum { N_DIGITS = sizeof(digits) - 1, FAIR = 256 / N_DIGITS * N_DIGITS, N_AT_ONCE = 32 };
    unsigned char bytes[N_AT_ONCE];
    size_t n_used = N_AT_ONCE;
    while (len) {
        if (n_used == N_AT_ONCE) {
            random_bytes(bytes, sizeof(bytes));
            n_used = 0;
        }
        unsigned char byte = bytes[n_used++];
        if (byte < FAIR) { // the rest would make some digits likelier
            *out++ = digits[byte % N_DIGITS];
            len--;
        }
    }
}

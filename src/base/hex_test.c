// SPDX-License-Identifier: MIT
#include "base/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static void every_byte_has_its_two_digits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        unsigned char bytes[2] = {(unsigned char)i, (unsigned char)(255 - i)};
        char out[6] = "------";
        char expected[7];
        snprintf(expected, sizeof(expected), "%02x%02x--", bytes[0], bytes[1]);
        hex_write_bytes(out, bytes, 2);
        assert_memory_equal(out, expected, 6);
    }
}

static void no_bytes_have_no_digits(void **state)
{
    char out = '-';
    (void)state;
    hex_write_bytes(&out, "a", 0);
    assert_int_equal(out, '-');
}

static void a_number_has_all_its_digits(void **state)
{
    static const uint64_t rows[] = {0, 1, 15, 16, UINT64_C(0x0123456789abcdef), UINT64_C(1) << 63, UINT64_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char out[HEX_U64_LEN];
        char expected[HEX_U64_LEN + 1];
        snprintf(expected, sizeof(expected), "%016llx", (unsigned long long)rows[i]);
        hex_write_u64(out, rows[i]);
        assert_memory_equal(out, expected, HEX_U64_LEN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_has_its_two_digits),
        cmocka_unit_test(no_bytes_have_no_digits),
        cmocka_unit_test(a_number_has_all_its_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

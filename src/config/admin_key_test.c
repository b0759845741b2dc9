// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/admin_key.h"

static void keys_that_can_be_guessed_are_weak(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        bool is_weak;
    } rows[] = {
        {"", false},
        {"1", true},
        {"123456789abcdef", true},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true},
        {"1212121212121212121", true},
        {"Your-Admin-Password", true},
        {"your-secure-admin-password-change-me-123", true},
        {"0123456789abcdef", true},
        {"tR9kQ2vLx8mZp4Wd", false},
        {"correct horse battery", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (admin_key_is_weak(slice_from_cstr(rows[i].key)) != rows[i].is_weak) {
            fail_msg("%s", rows[i].key);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_that_can_be_guessed_are_weak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

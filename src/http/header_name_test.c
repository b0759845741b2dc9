// SPDX-License-Identifier: MIT
#include "http/header_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct slice in_upper_case(struct slice text, char *out)
{
    for (size_t i = 0; i < text.len; i++) {
        out[i] = (char)(text.ptr[i] >= 'a' && text.ptr[i] <= 'z' ? text.ptr[i] - 0x20 : text.ptr[i]);
    }
    return slice_of(out, text.len);
}

static void finds_every_name_in_any_case(void **state)
{
    for (int id = HEADER_OTHER + 1; id < HEADER_NAME_COUNT; id++) {
        char upper[64];
        struct slice text = header_name_text((enum header_name)id);
        assert_in_range(text.len, 1, sizeof(upper));
        assert_int_equal(header_name_of(text), id);
        assert_int_equal(header_name_of(in_upper_case(text, upper)), id);
        upper[0] = text.ptr[0];
        assert_int_equal(header_name_of(slice_of(upper, text.len)), id);
    }
}

static enum header_name search(struct slice name)
{
    for (int id = HEADER_OTHER + 1; id < HEADER_NAME_COUNT; id++) {
        if (slice_eq_nocase(name, header_name_text((enum header_name)id))) {
            return (enum header_name)id;
        }
    }
    return HEADER_OTHER;
}

// Every other byte in any place makes it another name: also those that differ by the bit of the case only.
static void tells_similar_names_apart(void **state)
{
    for (int id = HEADER_OTHER + 1; id < HEADER_NAME_COUNT; id++) {
        struct slice text = header_name_text((enum header_name)id);
        char name[64];
        memcpy(name, text.ptr, text.len);
        for (size_t i = 0; i < text.len; i++) {
            for (int c = 0; c < 256; c++) {
                name[i] = (char)c;
                assert_int_equal(header_name_of(slice_of(name, text.len)), search(slice_of(name, text.len)));
            }
            name[i] = text.ptr[i];
        }
        assert_int_equal(header_name_of(slice_of(name, text.len - 1)), HEADER_OTHER);
    }
}

static void knows_no_other_names(void **state)
{
    char bytes[300];
    memset(bytes, 'a', sizeof(bytes));
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        assert_int_equal(header_name_of(slice_of(bytes, len)), HEADER_OTHER);
    }
    assert_int_equal(header_name_of(SLICE_EMPTY), HEADER_OTHER);
    assert_int_equal(header_name_text(HEADER_OTHER).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_name_in_any_case),
        cmocka_unit_test(tells_similar_names_apart),
        cmocka_unit_test(knows_no_other_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

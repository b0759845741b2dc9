// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/cidr.h"

static void what_is_no_range(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",       "10.0.0.0/",    "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8",    "::/129",
                                        "/8",     "10.0.0.0/8/8", "local",       "10.0.0.0 /8", "1:2:3::4::5", "[::1]",
                                        "::1%lo", "0x10/8",       "10.0.0.0/a"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct cidr cidr;
        if (cidr_parse(slice_from_cstr(wrong[i]), &cidr)) {
            fail_msg("\"%s\" is taken for a range", wrong[i]);
        }
    }
}

static void who_is_inside(void **state)
{
    (void)state;
    static const struct {
        const char *range;
        const char *address;
        bool is_inside;
    } cases[] = {
        {"10.0.0.0/8", "10.0.0.0", true},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.1.2.3/8", "10.200.0.1", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.128/25", "192.0.2.128", true},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "::1", true},
        {"::/0", "203.0.113.9", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::1", "::1", true},
        {"::1/128", "::2", false},
        // One address, two spellings.
        {"10.0.0.0/8", "::ffff:10.1.1.1", true},
        {"::ffff:10.0.0.0/104", "10.1.1.1", true},
        {"10.0.0.0/8", "no address", false},
        {"0.0.0.0/0", "", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct cidr cidr;
        assert_true(cidr_parse(slice_from_cstr(cases[i].range), &cidr));
        if (cidr_has(&cidr, slice_from_cstr(cases[i].address)) != cases[i].is_inside) {
            fail_msg("%s in %s", cases[i].address, cases[i].range);
        }
    }
}

// Every prefix length: an address that differs in its last bit is inside, one that differs in the bit before is not.
static void each_length_ends_at_its_bit(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1024);
    for (unsigned n_bits = 1; n_bits < 32; n_bits++) {
        uint32_t base = 0xA5A5A5A5;
        uint32_t near = base ^ 1U << (31 - n_bits);
        uint32_t far = base ^ 1U << (32 - n_bits);
        struct cidr cidr;
        assert_true(cidr_parse(arena_printf(&arena, "165.165.165.165/%u", n_bits), &cidr));
        assert_true(cidr_has(
            &cidr, arena_printf(&arena, "%u.%u.%u.%u", near >> 24, near >> 16 & 255, near >> 8 & 255, near & 255)));
        assert_false(cidr_has(
            &cidr, arena_printf(&arena, "%u.%u.%u.%u", far >> 24, far >> 16 & 255, far >> 8 & 255, far & 255)));
    }
    arena_deinit(&arena);
}

static void lists(void **state)
{
    (void)state;
    struct arena arena;
    struct cidr_list list = {0};
    arena_init(&arena, 1024);
    assert_false(cidr_list_has(&list, SLICE("127.0.0.1")));
    assert_false(cidr_list_parse(SLICE(" , "), &arena, &list));
    assert_false(cidr_list_parse(SLICE("10.0.0.0/8,nobody"), &arena, &list));
    assert_int_equal(list.n_items, 0);
    assert_true(cidr_list_parse(SLICE(" 10.0.0.0/8 ,, ::1,"), &arena, &list));
    assert_int_equal(list.n_items, 2);
    assert_true(cidr_list_has(&list, SLICE("10.9.8.7")));
    assert_true(cidr_list_has(&list, SLICE("::1")));
    assert_false(cidr_list_has(&list, SLICE("127.0.0.1")));
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_range),
        cmocka_unit_test(who_is_inside),
        cmocka_unit_test(each_length_ends_at_its_bit),
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
#include "simulator/plans.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_script(const struct plans *plans, const char *model, int64_t now_ms, const char *script)
{
    const struct plan *plan = plans_find(plans, slice_from_cstr(model), now_ms);
    assert_non_null(plan);
    assert_true(slice_eq(plan->script, slice_from_cstr(script)));
}

static void test_a_model_has_one_plan(void **state)
{
    struct plans plans;
    plans_init(&plans);
    assert_null(plans_find(&plans, SLICE("m"), 0));
    plans_set(&plans, SLICE("m"), SLICE("~status=503"), 0);
    plans_set(&plans, SLICE("n"), SLICE("~cut=1"), 0);
    assert_script(&plans, "m", INT64_MAX, "~status=503");
    assert_script(&plans, "m~tokens=3", 0, "~status=503");
    assert_script(&plans, "n", 0, "~cut=1");
    assert_null(plans_find(&plans, SLICE("mm"), 0));
    uint64_t number = plans_find(&plans, SLICE("m"), 0)->number;
    plans_set(&plans, SLICE("m"), SLICE("~status=502"), 0);
    assert_script(&plans, "m", 0, "~status=502");
    assert_int_not_equal(plans_find(&plans, SLICE("m"), 0)->number, number);
    assert_int_not_equal(plans_find(&plans, SLICE("m"), 0)->number, plans_find(&plans, SLICE("n"), 0)->number);
    plans_deinit(&plans);
}

static void test_plans_end(void **state)
{
    struct plans plans;
    plans_init(&plans);
    assert_true(plans_is_empty(&plans));
    plans_set(&plans, SLICE("m"), SLICE("~status=503"), 1000);
    assert_script(&plans, "m", 999, "~status=503");
    assert_null(plans_find(&plans, SLICE("m"), 1000));
    plans_drop(&plans, SLICE("m"));
    plans_drop(&plans, SLICE("m"));
    assert_null(plans_find(&plans, SLICE("m"), 0));
    assert_true(plans_is_empty(&plans));
    plans_deinit(&plans);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_model_has_one_plan),
        cmocka_unit_test(test_plans_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

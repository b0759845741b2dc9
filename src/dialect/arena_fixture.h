// SPDX-License-Identifier: MIT
// Test kit: an arena as the state of each test of a group.
#pragma once

// For cmocka.
int arena_fixture_set_up(void **state);
int arena_fixture_tear_down(void **state);

#define TEST_WITH_ARENA(function)                                                                                      \
    cmocka_unit_test_setup_teardown(function, arena_fixture_set_up, arena_fixture_tear_down)

// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shm/shared_words.h"

enum { SIZE = 64, WORD = 8 };

static void every_length_comes_back_and_nothing_else_changes(void **state)
{
    char text[SIZE];
    for (size_t i = 0; i < SIZE; i++) {
        text[i] = (char)('0' + i);
    }
    for (size_t len = 0; len <= SIZE; len++) {
        uint64_t words[SIZE / WORD + 1];
        char *shared = (char *)words;
        char back[SIZE + 1];
        size_t end = (len + WORD - 1) / WORD * WORD;
        memset(words, '#', sizeof(words));
        memset(back, '#', sizeof(back));
        shared_words_write(words, text, len);
        assert_memory_equal(shared, text, len);
        for (size_t i = len; i < sizeof(words); i++) {
            assert_int_equal(shared[i], i < end ? '\0' : '#');
        }
        shared_words_read(back, words, len);
        assert_memory_equal(back, text, len);
        assert_int_equal(back[len], '#');
        shared_words_zero(words, len);
        for (size_t i = 0; i < sizeof(words); i++) {
            assert_int_equal(shared[i], i < end ? '\0' : '#');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_comes_back_and_nothing_else_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// JSONTestSuite: every file has the verdict that its name asks for, or that the table here decides.
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "json/json_reader.h"

#define SUITE "tests/corpus/json_suite/"

enum { FILE_MAX = 512 * 1024 };

struct verdict {
    const char *file; // without the i_ and .json
    bool is_accepted;
    const char *reason;
};

#define TEXT_ONLY "numbers stay text: their size matters only to whom asks for a double"
#define LONE "the escape is well-formed JSON; the lone surrogate becomes U+FFFD when decoded"
#define NOT_UTF8 "JSON between systems is UTF-8 (RFC 8259, section 8.1)"

static const struct verdict verdicts[] = {
    {"number_double_huge_neg_exp", true, TEXT_ONLY},
    {"number_huge_exp", true, TEXT_ONLY},
    {"number_neg_int_huge_exp", true, TEXT_ONLY},
    {"number_pos_double_huge_exp", true, TEXT_ONLY},
    {"number_real_neg_overflow", true, TEXT_ONLY},
    {"number_real_pos_overflow", true, TEXT_ONLY},
    {"number_real_underflow", true, TEXT_ONLY},
    {"number_too_big_neg_int", true, TEXT_ONLY},
    {"number_too_big_pos_int", true, TEXT_ONLY},
    {"number_very_big_negative_int", true, TEXT_ONLY},
    {"object_key_lone_2nd_surrogate", true, LONE},
    {"string_1st_surrogate_but_2nd_missing", true, LONE},
    {"string_1st_valid_surrogate_2nd_invalid", true, LONE},
    {"string_incomplete_surrogate_and_escape_valid", true, LONE},
    {"string_incomplete_surrogate_pair", true, LONE},
    {"string_incomplete_surrogates_escape_valid", true, LONE},
    {"string_invalid_lonely_surrogate", true, LONE},
    {"string_invalid_surrogate", true, LONE},
    {"string_inverted_surrogates_U+1D11E", true, LONE},
    {"string_lone_second_surrogate", true, LONE},
    {"string_UTF-16LE_with_BOM", false, NOT_UTF8},
    {"string_utf16BE_no_BOM", false, NOT_UTF8},
    {"string_utf16LE_no_BOM", false, NOT_UTF8},
    {"string_UTF-8_invalid_sequence", false, NOT_UTF8},
    {"string_UTF8_surrogate_U+D800", false, NOT_UTF8},
    {"string_invalid_utf-8", false, NOT_UTF8},
    {"string_iso_latin_1", false, NOT_UTF8},
    {"string_lone_utf8_continuation_byte", false, NOT_UTF8},
    {"string_not_in_unicode_range", false, NOT_UTF8},
    {"string_overlong_sequence_2_bytes", false, NOT_UTF8},
    {"string_overlong_sequence_6_bytes", false, NOT_UTF8},
    {"string_overlong_sequence_6_bytes_null", false, NOT_UTF8},
    {"string_truncated-utf-8", false, NOT_UTF8},
    {"structure_500_nested_arrays", true, "the limit is 512"},
    {"structure_UTF-8_BOM_empty_object", false, "a BOM must not be added (section 8.1), and providers refuse it"},
};

static bool is_accepted_by_table(struct slice name, const char *file)
{
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++) {
        if (slice_eq(name, slice_from_cstr(verdicts[i].file))) {
            return verdicts[i].is_accepted;
        }
    }
    fail_msg("no verdict on %s", file);
    return false;
}

static bool is_expected_to_pass(const char *file)
{
    struct slice name = slice_from_cstr(file);
    assert_true(slice_ends_with(name, SLICE(".json")));
    name = slice_of(name.ptr + 2, name.len - 2 - strlen(".json"));
    switch (file[0]) {
    case 'y': return true;
    case 'n': return false;
    default: return is_accepted_by_table(name, file);
    }
}

static struct slice read_file(struct arena *arena, const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *bytes = arena_alloc(arena, FILE_MAX);
    size_t len = fread(bytes, 1, FILE_MAX, file);
    assert_true(feof(file));
    fclose(file);
    // Exactly as long as the file, so that a sanitizer sees a read past its end.
    char *exact = mem_alloc(len);
    memcpy(exact, bytes, len);
    return slice_of(exact, len);
}

static int parse_file(const char *folder, const char *name, uint32_t record_depth)
{
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 4096);
    struct slice text = read_file(&arena, folder, name);
    int r = json_parse(&doc, &arena, text, &(struct json_options){.record_depth = record_depth});
    assert_int_equal(r == 0, doc.error == NULL);
    assert_true(doc.error_offset <= text.len);
    mem_free((char *)text.ptr);
    arena_deinit(&arena);
    return r;
}

static void every_parsing_file_has_its_verdict(void **state)
{
    DIR *dir = opendir(SUITE "test_parsing");
    assert_non_null(dir);
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        bool is_accepted = is_expected_to_pass(entry->d_name);
        for (uint32_t record_depth = 0; record_depth <= 3; record_depth++) {
            int r = parse_file(SUITE "test_parsing", entry->d_name, record_depth);
            if ((r == 0) != is_accepted) {
                fail_msg("%s: json_parse() says %d at record depth %u", entry->d_name, r, record_depth);
            }
        }
        n++;
    }
    closedir(dir);
    assert_true(n >= 318);
}

static void transform_files_parse_unless_they_are_not_utf8(void **state)
{
    DIR *dir = opendir(SUITE "test_transform");
    assert_non_null(dir);
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        bool is_utf8 = !strstr(entry->d_name, "_invalid_codepoint") || strstr(entry->d_name, "_escaped_");
        if ((parse_file(SUITE "test_transform", entry->d_name, 0) == 0) != is_utf8) {
            fail_msg("%s", entry->d_name);
        }
        n++;
    }
    closedir(dir);
    assert_true(n >= 22);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_parsing_file_has_its_verdict),
        cmocka_unit_test(transform_files_parse_unless_they_are_not_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

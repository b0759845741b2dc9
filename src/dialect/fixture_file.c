// SPDX-License-Identifier: MIT
#include "dialect/fixture_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct slice fixture_read(struct arena *arena, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fail_msg("cannot open %s", path);
    }
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t len = (size_t)ftell(file);
    rewind(file);
    char *bytes = arena_text(arena, len + 1);
    assert_int_equal(fread(bytes, 1, len, file), len);
    fclose(file);
    return slice_of(bytes, len);
}

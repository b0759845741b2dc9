// SPDX-License-Identifier: MIT
#include "config/admin_key.h"

enum { DIFFERENT_MIN = 5 };

// Those of manuals and examples that are long enough to look strong.
static const struct slice well_known[] = {
    SLICE_INIT("your-secure-admin-password-change-me-123"),
    SLICE_INIT("your-secure-admin-password-change-me"),
    SLICE_INIT("your-secure-admin-password"),
    SLICE_INIT("your-secure-password"),
    SLICE_INIT("your-admin-password"),
    SLICE_INIT("your-admin-access-key"),
    SLICE_INIT("your-admin-key-here"),
    SLICE_INIT("change-me-please"),
    SLICE_INIT("change-this-password"),
    SLICE_INIT("changemechangeme"),
    SLICE_INIT("adminadminadmin123"),
    SLICE_INIT("administrator123"),
    SLICE_INIT("passwordpassword"),
    SLICE_INIT("password12345678"),
    SLICE_INIT("1234567890123456"),
    SLICE_INIT("0123456789abcdef"),
    SLICE_INIT("1234567890abcdef"),
    SLICE_INIT("abcdefghijklmnop"),
    SLICE_INIT("qwertyuiopasdfgh"),
    SLICE_INIT("qwertyuiop123456"),
};

static size_t n_different(struct slice key)
{
    bool seen[256] = {false};
    size_t n = 0;
    for (size_t i = 0; i < key.len; i++) {
        n += !seen[(unsigned char)key.ptr[i]];
        seen[(unsigned char)key.ptr[i]] = true;
    }
    return n;
}

bool admin_key_is_weak(struct slice key)
{
    for (size_t i = 0; i < sizeof(well_known) / sizeof(*well_known); i++) {
        if (slice_eq_nocase(key, well_known[i])) {
            return true;
        }
    }
    return key.len > 0 && (key.len < ADMIN_KEY_STRONG_LEN || n_different(key) < DIFFERENT_MIN);
}

// SPDX-License-Identifier: MIT
// The one table of settings. Parsing, validation, --help and warnings derive from its rows.
#pragma once

#include <stddef.h>

#include "config/config.h"
#include "config/value.h"

struct setting {
    const char *env;      // name of the environment variable; NULL: only in config.json
    const char *json;     // place in config.json, "name" or "group.name", "group.name|other spelling" where there are
                          // two; groups may be nested; NULL: only in the environment
    const char *fallback; // default as text; NULL: none
    const char *help;     // meaning, one line
    struct value_rule rule;
    size_t field; // offset in struct config; 0: known, but this version does not act on it yet
};

const struct setting *settings_rows(size_t *n_r);

// The row with this place in config.json (`group` is empty for a top-level member, "outer.inner" in a nested one); NULL
// when there is none.
const struct setting *settings_find_json(struct slice group, struct slice name);
bool settings_is_json_group(struct slice group);

static inline void *setting_field(const struct setting *setting, struct config *config)
{
    return (char *)config + setting->field;
}

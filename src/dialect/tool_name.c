// SPDX-License-Identifier: MIT
#include "dialect/tool_name.h"

#include "base/fnv.h"
#include "base/map.h"

enum { NAME_LEN_MAX = 64, KEPT_LEN = 55, HASH_LEN = 8 };

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_allowed(enum dialect target, char c, bool is_first)
{
    if (is_letter(c) || c == '_') {
        return true;
    }
    if (target == DIALECT_GEMINI && is_first) {
        return false;
    }
    if ((c >= '0' && c <= '9') || c == '-') {
        return true;
    }
    return target == DIALECT_GEMINI && (c == '.' || c == ':');
}

static bool fits(enum dialect target, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_allowed(target, name.ptr[i], i == 0)) {
            return false;
        }
    }
    return name.len > 0 && name.len <= NAME_LEN_MAX;
}

// Folded: names of one request are few.
static uint32_t hash_of(struct slice name, uint64_t seed)
{
    uint64_t hash = fnv_add(FNV_START ^ seed, name);
    return (uint32_t)(hash ^ hash >> 32);
}

// What is allowed of a name, and a hash of all of it, which keeps names apart that become the same.
static struct slice fitted(struct arena *arena, enum dialect target, struct slice name, uint64_t seed)
{
    char *out = arena_text(arena, NAME_LEN_MAX);
    size_t len = 0;
    for (; len < name.len && len < KEPT_LEN; len++) {
        out[len] = is_allowed(target, name.ptr[len], len == 0) ? name.ptr[len] : '_';
    }
    out[len++] = '_';
    uint32_t hash = hash_of(name, seed);
    for (int i = 0; i < HASH_LEN; i++) {
        out[len++] = "0123456789abcdef"[hash >> (28 - 4 * i) & 15];
    }
    return slice_of(out, len);
}

static struct slice full_name(struct arena *arena, enum dialect target, struct slice name_space, struct slice name)
{
    if (target == DIALECT_RESPONSES || name_space.len == 0) {
        return name;
    }
    return arena_concat(arena, (const struct slice[]){name_space, SLICE("__"), name}, 3);
}

struct slice tool_target_name(struct arena *arena, enum dialect target, struct slice name_space, struct slice name)
{
    struct slice full = full_name(arena, target, name_space, name);
    return fits(target, full) ? full : fitted(arena, target, full, 0);
}

// Responses keeps namespaces, so there the same name may be in two of them.
static struct slice name_key(struct arena *arena, enum dialect target, const struct neutral_tool *tool)
{
    if (target != DIALECT_RESPONSES || tool->name_space.len == 0) {
        return tool->target_name;
    }
    return arena_concat(arena, (const struct slice[]){tool->name_space, SLICE("\n"), tool->target_name}, 3);
}

void tool_names_settle(struct arena *arena, struct neutral_request *req, enum dialect target)
{
    struct map taken;
    map_init(&taken);
    uint64_t nth = 0;
    for (struct neutral_tool *tool = req->tools; tool; tool = tool->next) {
        if (tool->kind == TOOL_SERVER) {
            tool->target_name = tool->name;
            continue;
        }
        tool->target_name = tool_target_name(arena, target, tool->name_space, tool->name);
        struct slice key = name_key(arena, target, tool);
        while (map_find(&taken, key)) {
            struct slice full = full_name(arena, target, tool->name_space, tool->name);
            tool->target_name = fitted(arena, target, full, ++nth);
            key = name_key(arena, target, tool);
        }
        map_set(&taken, key, tool);
    }
    map_deinit(&taken);
    neutral_index_tools(arena, req);
}

struct slice tool_history_name(struct arena *arena, const struct neutral_request *req, enum dialect target,
                               struct slice name_space, struct slice name)
{
    const struct neutral_tool *tool = neutral_find_tool(req, name_space, name);
    if (tool && tool->target_name.ptr) {
        return tool->target_name;
    }
    return tool_target_name(arena, target, name_space, name);
}

const struct neutral_tool *tool_of_target_name(const struct neutral_request *req, struct slice target_name)
{
    for (const struct neutral_tool *tool = req->tools; tool; tool = tool->next) {
        if (tool->kind != TOOL_SERVER && slice_eq(tool->target_name, target_name)) {
            return tool;
        }
    }
    return NULL;
}

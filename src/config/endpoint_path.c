// SPDX-License-Identifier: MIT
#include "config/endpoint_path.h"

static const struct {
    struct slice route;
    struct slice version; // where base_url has none
} routes[N_MODEL_TYPES] = {
    [MODEL_ANTHROPIC] = {SLICE_INIT("/messages"), SLICE_INIT("/v1")},
    [MODEL_OPENAI] = {SLICE_INIT("/responses"), SLICE_INIT("/v1")},
    [MODEL_COMMON] = {SLICE_INIT("/chat/completions"), SLICE_INIT("/v1")},
    [MODEL_GOOGLE] = {SLICE_INIT("/generate"), SLICE_INIT("/v1beta")},
};

static struct slice without_trailing_slashes(struct slice path)
{
    while (path.len > 0 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    return path;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// Does the path end in a segment like v1, v4, v1beta or v1alpha2?
static bool ends_in_version(struct slice path)
{
    size_t start = path.len;
    while (start > 0 && path.ptr[start - 1] != '/') {
        start--;
    }
    struct slice segment = slice_after(path, start);
    if (start == 0 || segment.len < 2 || segment.ptr[0] != 'v' || !is_digit(segment.ptr[1])) {
        return false;
    }
    for (size_t i = 2; i < segment.len; i++) {
        char c = segment.ptr[i];
        if (!is_digit(c) && !(c >= 'a' && c <= 'z')) {
            return false;
        }
    }
    return true;
}

bool endpoint_path_type(struct slice base_path, enum model_type *type_r)
{
    struct slice path = without_trailing_slashes(base_path);
    for (unsigned type = 0; type < N_MODEL_TYPES; type++) {
        if (slice_ends_with(path, routes[type].route)) {
            *type_r = (enum model_type)type;
            return true;
        }
    }
    return false;
}

int endpoint_path(enum model_type type, struct slice base_path, struct arena *arena, struct slice *path_r,
                  bool *is_generate_route_r)
{
    struct slice path = without_trailing_slashes(base_path);
    enum model_type served;
    bool is_complete = endpoint_path_type(path, &served);
    if (is_complete && served != type) {
        return ENDPOINT_PATH_E_OTHER_TYPE;
    }
    bool is_google = type == MODEL_GOOGLE;
    if (is_google && slice_ends_with(path, SLICE("/models"))) {
        path.len -= sizeof("/models") - 1; // the documentation's URLs are copied like that
    }
    bool has_version = is_complete || ends_in_version(path);
    const struct slice parts[] = {
        path,
        has_version ? SLICE_EMPTY : routes[type].version,
        is_complete || is_google ? SLICE_EMPTY : routes[type].route,
    };
    *path_r = arena_concat(arena, parts, sizeof(parts) / sizeof(*parts));
    *is_generate_route_r = is_google && is_complete;
    return 0;
}

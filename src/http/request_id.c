// SPDX-License-Identifier: MIT
#include "http/request_id.h"

#include "base/random.h"

enum { REQUEST_ID_MAX = 128 };

struct slice request_id_of(struct arena *arena, const struct h1_request *req)
{
    const struct h1_field *given = h1_find_field(req->fields, req->n_fields, HEADER_X_REQUEST_ID);
    if (given && given->value.len <= REQUEST_ID_MAX && slice_is_visible(given->value)) {
        return given->value;
    }
    char *id = arena_text(arena, RANDOM_UUID_SIZE);
    random_uuid(id);
    return slice_of(id, RANDOM_UUID_SIZE - 1);
}

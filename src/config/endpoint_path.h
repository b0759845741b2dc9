// SPDX-License-Identifier: MIT
// From the path of a base_url to the path that requests go to.
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "config/config.h"

// The base_url ends in the route of another type, so that models of this one cannot use it.
enum { ENDPOINT_PATH_E_OTHER_TYPE = 1 };

// Completes `base_path` for models of `type` (see config_endpoint.path):
//   a path that ends in the type's route (/messages, /responses, /chat/completions, of google /generate) stays;
//   one that ends in a version (/v1, /v4, /v1beta) gets the route;
//   any other gets version and route.
MUST_USE int endpoint_path(enum model_type type, struct slice base_path, struct arena *arena, struct slice *path_r,
                           bool *is_generate_route_r);

// The type whose route `base_path` ends in; false when it ends in none.
bool endpoint_path_type(struct slice base_path, enum model_type *type_r);

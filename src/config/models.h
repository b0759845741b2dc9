// SPDX-License-Identifier: MIT
// The `models` and `model_redirects` sections of config.json.
#pragma once

#include "config/config.h"
#include "config/json_place.h"

enum { REDIRECTS_MAX = 8 }; // steps that one model name may take

// Fills config->models; needs the endpoints. Of built-in models (`is_builtin`) those that no endpoint serves are left
// out with a warning; anywhere else that is an error.
void models_read(struct config *config, const struct json_place *section, bool is_builtin);

// Needs the models.
void redirects_read(struct config *config, const struct json_place *section);

// The `fallbacks` of each model; `section` is that of the models. Needs the redirects, too.
void fallbacks_read(struct config *config, const struct json_place *section);

// SPDX-License-Identifier: MIT
// What a test of a key asks: which model, and one small generation in that model's own dialect. Pure.
#pragma once

#include "base/buf.h"
#include "config/config.h"

// The model with this id where there is one, else the first that suits keys of this provider ("factory", "anthropic",
// "openai", "google", "glm", or whatever models name as theirs), else the first. NULL: there are no models.
const struct config_model *key_test_model(const struct config_model *models, size_t n_models, struct slice id,
                                          struct slice provider);

const char *key_test_path(enum model_type type);
void key_test_write_body(struct buf *out, enum model_type type, struct slice model_id);

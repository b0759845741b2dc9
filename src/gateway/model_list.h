// SPDX-License-Identifier: MIT
// The model lists, in the shape of the client's dialect.
#pragma once

#include "base/buf.h"
#include "config/config.h"
#include "dialect/dialect.h"

// All models.
void model_list_write(const struct config *config, enum dialect dialect, int64_t created_wall_ms, struct buf *out);
// One model; false when there is none with that id.
bool model_list_write_one(const struct config *config, struct slice id, enum dialect dialect, int64_t created_wall_ms,
                          struct buf *out);

// SPDX-License-Identifier: MIT
// The config.json of a first start.
#pragma once

#include "base/slice.h"

extern const struct slice config_defaults_json; // its settings equal the defaults of the table in settings.c

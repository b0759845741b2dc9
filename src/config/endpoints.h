// SPDX-License-Identifier: MIT
// The `proxies` and `endpoint` sections of config.json.
#pragma once

#include "config/config.h"
#include "config/json_place.h"

// Fill config->proxies and config->endpoints; the second needs the first, and config->timeouts.
void proxies_read(struct config *config, const struct json_place *section);
void endpoints_read(struct config *config, const struct json_place *section);

// The endpoint with that name, or the first one of that type; NULL when there is none.
struct config_endpoint *endpoints_find(const struct config *config, struct slice name);
struct config_endpoint *endpoints_find_by_type(const struct config *config, enum model_type type);

// The endpoint as models of `type` use it: itself or a copy. NULL when its base_url is the route of another type.
const struct config_endpoint *endpoint_for_type(struct config *config, struct config_endpoint *endpoint,
                                                enum model_type type);

// Reads a `timeouts` member, where `object` has one, over the values in `timeouts`.
void timeouts_read(const struct json_place *object, struct config_timeouts *timeouts);
// The same of a `hold_back` member: an object, or a number of milliseconds.
void hold_back_read(const struct json_place *object, struct config_hold_back *hold_back);

extern const char *const model_type_names[]; // in the order of the enum; ends with NULL

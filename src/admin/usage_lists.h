// SPDX-License-Identifier: MIT
// Lists of usage as members of the object that is open: complete and in order, so that they can be drawn as they are.
// docs/ADMIN_API.md says what is in them.
#pragma once

#include "admin/admin_internal.h"
#include "admin/usage_order.h"
#include "json/json_writer.h"

// "by_day": one for each of the days, of those without traffic, too. `sums` are by day.
void usage_lists_write_days(struct admin_exchange *x, struct json_writer *w, const struct usage_cells *sums,
                            int64_t from, uint32_t n_days);
// "by_hour": one for each hour that this day has. `sums` are by hour.
void usage_lists_write_hours(struct admin_exchange *x, struct json_writer *w, const struct usage_cells *sums,
                             int64_t day);
// "by_day", each with "by_hour", of which there are always 24. `sums` are by hour.
void usage_lists_write_heat_map(struct admin_exchange *x, struct json_writer *w, const struct usage_cells *sums,
                                int64_t from, uint32_t n_days);
// "by_model". `sums` are by model.
void usage_lists_write_models(struct admin_exchange *x, struct json_writer *w, const struct usage_cells *sums);
// "by_key".
void usage_lists_write_keys(struct admin_exchange *x, struct json_writer *w, const struct usage_ranking *keys);
// "without_key". `sums` are by key.
void usage_lists_write_keyless(struct json_writer *w, const struct usage_cells *sums);

// SPDX-License-Identifier: MIT
// Sums of usage as the API tells them.
#pragma once

#include "usage/usage_cells.h"
#include "json/json_writer.h"

// Members of the object that is open: requests, tokens, attempts and times. NULL: nothing was used.
void usage_json_write(struct json_writer *w, const struct usage_cell *cell);
// The same without times.
void usage_json_write_counts(struct json_writer *w, const struct usage_counts *counts);

// An object out of all these cells together.
void usage_json_write_total(struct json_writer *w, const struct usage_cells *cells);

// "2026-01-02": of the day that this moment is in.
void usage_json_member_date(struct json_writer *w, struct slice name, int64_t wall_s);

// Fractions from 0 to 1; negative: there was none. What clients broke off is neither a success nor a failure.
double usage_json_success_rate(const struct usage_counts *counts);
double usage_json_attempt_success_rate(const struct usage_counts *counts);

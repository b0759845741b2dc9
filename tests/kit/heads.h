// SPDX-License-Identifier: MIT
// What the fuzz targets of request and response heads have in common.
#pragma once

#include "base/buf.h"
#include "http/h1_head.h"

extern const struct h1_limits head_limits;

// Scans prefixes of growing length, by steps that input bytes choose, each in memory of exactly its size.
enum h1_result head_scan_split(const char *bytes, size_t len, size_t *head_len_r);

bool head_holds(struct slice head, struct slice s); // is it a part of the head?
void head_check_fields(struct slice head, const struct h1_field *fields, size_t n_fields);
void head_append_fields(struct buf *out, const struct h1_field *fields, size_t n_fields); // with the empty line

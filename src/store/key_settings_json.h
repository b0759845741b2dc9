// SPDX-License-Identifier: MIT
// The settings of the pool as JSON: the `config` of key_pool.json and of the admin API. Both spellings of a member are
// read (retry.max and maxRetries, autoBan.ban_402 and ban402); the guide's is written.
#pragma once

#include "base/buf.h"
#include "keys/key_settings.h"
#include "json/json_reader.h"
#include "json/json_writer.h"

// Merges an object into *settings. False: *settings is untouched, and `problem` says which member was wrong, what it
// was and what it may be. Members that are not known are ignored.
bool key_settings_merge(struct key_settings *settings, const struct json_doc *doc, const struct json_node *object,
                        struct buf *problem);
void key_settings_write(struct json_writer *w, const struct key_settings *settings);

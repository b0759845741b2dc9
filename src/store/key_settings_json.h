// SPDX-License-Identifier: MIT
// The settings of the pool as JSON: the `config` of key_pool.json and of the admin API. Both spellings of a member are
// read (retry.max and maxRetries, autoBan.ban_402 and ban402); the guide's is written. A member that is null counts as
// absent.
//
// What the document says explicitly wins over the environment, what it does not say follows it. The `config` of the
// document is therefore kept as it stands, and a change edits single members of it: unknown ones survive, and nothing
// becomes explicit that nobody has set.
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "keys/key_settings.h"
#include "json/json_reader.h"
#include "json/json_writer.h"

// Merges an object into *settings. False: *settings is untouched, and `problem` says which member was wrong, what it
// was and what it may be. Members that are not known are ignored.
bool key_settings_merge(struct key_settings *settings, const struct json_doc *doc, const struct json_node *object,
                        struct buf *problem);
// The same for what has been written by hand: members that are wrong are left out, each with a line in `problems`.
void key_settings_merge_good(struct key_settings *settings, const struct json_doc *doc, const struct json_node *object,
                             struct buf *problems);

// All members of one object.
void key_settings_write(struct json_writer *w, const struct key_settings *settings);
// The JSON schema of what key_settings_merge() takes.
void key_settings_write_schema(struct json_writer *w);

// `config` is the text of an object (anything else counts as an empty one). Returns that text with the members in it
// that differ between `before` and `after` as they are in `after`. The result is in the arena, or `config` itself.
struct slice key_settings_edit(struct slice config, const struct key_settings *before, const struct key_settings *after,
                               struct arena *arena);
// The text without all members that are known.
struct slice key_settings_strip(struct slice config, struct arena *arena);

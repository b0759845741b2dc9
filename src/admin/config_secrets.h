// SPDX-License-Identifier: MIT
// Secrets in the part of config.json that the admin API shows: passwords in the URLs of proxies, header values of
// endpoints that look like credentials. Shown is a mask; a mask that comes back means "as it was".
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "json/json_reader.h"

#define CONFIG_SECRETS_MASK "***"

// The text of `doc`, an object with any of the sections, with a mask in place of each secret.
struct slice config_secrets_hide(const struct json_doc *doc, struct arena *arena);

// The text of `doc` with the secrets of `before` in place of its masks: those of the endpoint or proxy with the same
// name (or, of a proxy without one, with the same URL but for the password) and of the header with the same name.
// False: a mask has nothing behind it, and *problem_r (arena) says which one.
bool config_secrets_restore(const struct json_doc *doc, const struct json_doc *before, struct arena *arena,
                            struct slice *text_r, struct slice *problem_r);

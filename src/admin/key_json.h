// SPDX-License-Identifier: MIT
// A key as the API tells it: what the document has of it, with what the table has counted.
#pragma once

#include "admin/admin_internal.h"
#include "json/json_writer.h"

struct key_view {
    int64_t now_ms;
    bool shows_secret;
    bool shows_balance;
};
// Writes one object. Takes from the arena of the exchange.
void key_json_write(struct admin_exchange *x, struct json_writer *w, const struct key_record *record,
                    const struct key_view *view);

// The balance of a key as its provider told it; null where nothing is known.
void key_json_write_balance(struct json_writer *w, const struct balance *balance);

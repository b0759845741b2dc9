// SPDX-License-Identifier: MIT
// Directives for a model that somebody beside the client has given, until they are taken back or their time is over:
// how a provider fails for a while, whoever asks. Pure: no clock.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"

struct plan {
    uint64_t number; // no two plans have the same, and none has 0
    int64_t end_ms;  // wall time; 0: until it is taken back
    struct slice script;
    char _bytes[]; // the model's name, and the script
};

struct plans {
    struct map _by_model;
    uint64_t _last_number;
};

void plans_init(struct plans *plans);
void plans_deinit(struct plans *plans);

// In place of what there was for this model; its directives count their requests anew. `script` is "~a=1~b=2".
void plans_set(struct plans *plans, struct slice model, struct slice script, int64_t end_ms);
void plans_drop(struct plans *plans, struct slice model); // harmless when there is none

// For what a request has as its model, directives included. NULL: there is none now.
const struct plan *plans_find(const struct plans *plans, struct slice model, int64_t now_ms);
bool plans_is_empty(const struct plans *plans);

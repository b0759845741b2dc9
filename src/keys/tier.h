// SPDX-License-Identifier: MIT
// Keys that compete with each other, and what this process remembers of them: one view for requests in general, and one
// of its own for each of the models for which many keys are cooling down.
#pragma once

#include "keys/view.h"

enum {
    KEY_TIER_MODELS = 8,                // views of models; one more takes the place of the one not asked for longest
    KEY_TIER_MODEL_MS = 10 * 60 * 1000, // after which a view of a model that nobody asks for goes
};

struct key_tier {
    uint16_t group;  // whose turns it takes
    uint32_t n_keys; // at places 0 to n_keys - 1
    uint32_t cap;    // places
    uint32_t *slots; // owned; who is at a place
    struct key_view all;
    struct key_view models[KEY_TIER_MODELS];
    uint32_t n_models;

    // Requests in flight on an eligible key; see key_load.h.
    double load;
    int64_t load_ms;        // when that was measured
    uint32_t n_picks_since; // since then
};

void key_tier_init(struct key_tier *tier, uint16_t group, enum key_rule rule);
void key_tier_deinit(struct key_tier *tier);

// Returns its place; nothing is known of it yet.
uint32_t key_tier_join(struct key_tier *tier, uint32_t slot);
// The last one moves to the place that becomes free: true and its slot, if that is another one.
bool key_tier_leave(struct key_tier *tier, uint32_t place, uint32_t *moved_r);

// The view of a model, if it has one; else the view of all.
struct key_view *key_tier_view(struct key_tier *tier, uint32_t model, int64_t now_ms);
// Makes one, out of what is known for all.
struct key_view *key_tier_add_model(struct key_tier *tier, uint32_t model, int64_t now_ms);
void key_tier_drop_models(struct key_tier *tier, int64_t now_ms); // those nobody asks for

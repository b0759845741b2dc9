// SPDX-License-Identifier: MIT
// An error as the upstream gave it, kept until it is known what becomes of it.
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "http/h1_head.h"

// One that is longer is judged by its beginning.
enum { HELD_MAX = 256 * 1024 };

struct held {
    struct h1_response resp; // arena
    struct buf body;         // owned
};

struct held *held_new(struct arena *arena, const struct h1_response *resp); // `resp` is copied
void held_deinit(struct held *held);

// Its body as far as it can be read: what is compressed although we asked for identity is not judged by its text.
struct slice held_text(const struct held *held);
struct slice held_field(const struct held *held, enum header_name name); // empty: there is none
// How long the upstream wants to be left alone; -1: it did not say.
int64_t held_asked_ms(const struct held *held, int64_t now_wall_ms);

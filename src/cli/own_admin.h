// SPDX-License-Identifier: MIT
// The admin API over a data folder that no gateway has, for as long as a command lasts: on a port of the loopback
// address, with an admin key of its own.
#pragma once

#include "config/config.h"
#include "net/loop.h"

struct own_admin;

// Blocks. `sources` is read anew, but for who may ask: that is who has own_admin_key(). NULL: `problem` says why in one
// line; another program that has the folder is one of the reasons.
struct own_admin *own_admin_open(struct loop *loop, const struct config_sources *sources, struct buf *problem);
uint16_t own_admin_port(const struct own_admin *own);
struct slice own_admin_key(const struct own_admin *own);
// Runs the loop until all is written. Then loop_deinit(), then free.
void own_admin_close(struct own_admin *own);
void own_admin_free(struct own_admin *own);

// SPDX-License-Identifier: MIT
// The simulator as a whole: a server whose handler understands requests, finds or composes their answers, and has
// them delivered.
#pragma once

#include <stdbool.h>

#include "net/loop.h"

struct simulator;

struct simulator_options {
    bool is_recording; // keep what came, for the control routes; else be as cheap as possible
};

struct simulator *simulator_new(struct loop *loop, const struct simulator_options *options);
void simulator_listen_take(struct simulator *simulator, int fd); // a listening socket
void simulator_close(struct simulator *simulator); // breaks everything; loop_run() or loop_deinit(), then free
void simulator_free(struct simulator *simulator);

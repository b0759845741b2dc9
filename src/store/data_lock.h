// SPDX-License-Identifier: MIT
// One program to a data folder. The lock goes with the process, however it ends.
#pragma once

#include "base/arena.h"
#include "base/slice.h"

// Takes the lock of the folder, which is made (0700) when it is missing. Returns a descriptor to keep open,
// -EWOULDBLOCK when another program has it (*owner_r, in the arena, is what that one wrote), or another negative errno
// code.
MUST_USE int data_lock_take(const char *folder, struct arena *arena, struct slice *owner_r);
// What others may read while the lock is held: lines "name value". 0 or a negative errno code.
MUST_USE int data_lock_describe(int fd, struct slice text);
// The owner's lines without taking the lock; empty when nobody has it.
struct slice data_lock_owner(const char *folder, struct arena *arena);

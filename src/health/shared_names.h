// SPDX-License-Identifier: MIT
// Which entry of a table in shared memory belongs to a name: for all processes the same, and for ever. A name is known
// by its hash.
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

// Of `n_names`, zeros at first, one for each entry: the one that has this name, or has it from now on. `n_names` when
// none is free.
size_t shared_names_find(_Atomic uint64_t *names, size_t n_names, struct slice name);

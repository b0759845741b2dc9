// SPDX-License-Identifier: MIT
#include "keys/key_table_internal.h"

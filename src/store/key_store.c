// SPDX-License-Identifier: MIT
#include "store/key_store.h"

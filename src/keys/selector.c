// SPDX-License-Identifier: MIT
#include "keys/selector.h"

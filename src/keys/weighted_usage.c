// SPDX-License-Identifier: MIT
#include "keys/algorithm.h"

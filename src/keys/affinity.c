// SPDX-License-Identifier: MIT
#include "keys/affinity.h"

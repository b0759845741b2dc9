// SPDX-License-Identifier: MIT
#include "keys/consequences.h"

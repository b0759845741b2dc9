// SPDX-License-Identifier: MIT
#include "keys/blame.h"

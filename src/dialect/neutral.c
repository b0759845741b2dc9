// SPDX-License-Identifier: MIT
#include "dialect/neutral.h"

// SPDX-License-Identifier: MIT
#include "dialect/loss.h"

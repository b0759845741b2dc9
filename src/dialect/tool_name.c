// SPDX-License-Identifier: MIT
#include "dialect/normalise.h"

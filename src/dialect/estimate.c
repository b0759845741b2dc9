// SPDX-License-Identifier: MIT
#include "dialect/estimate.h"

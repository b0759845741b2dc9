// SPDX-License-Identifier: MIT
#include "dialect/collect.h"

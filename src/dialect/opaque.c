// SPDX-License-Identifier: MIT
#include "dialect/opaque.h"

// SPDX-License-Identifier: MIT
#include "dialect/profile.h"

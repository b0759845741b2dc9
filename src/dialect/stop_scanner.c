// SPDX-License-Identifier: MIT
#include "dialect/stop_scanner.h"

// SPDX-License-Identifier: MIT
#include "dialect/tool_arguments.h"

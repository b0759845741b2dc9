// SPDX-License-Identifier: MIT
#include "dialect/answer.h"

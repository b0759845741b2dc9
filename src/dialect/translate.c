// SPDX-License-Identifier: MIT
#include "dialect/translate.h"

// SPDX-License-Identifier: MIT
#include "account/balance.h"

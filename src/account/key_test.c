// SPDX-License-Identifier: MIT
#include "account/key_test.h"

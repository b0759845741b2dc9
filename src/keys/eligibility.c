// SPDX-License-Identifier: MIT
#include "keys/eligibility.h"

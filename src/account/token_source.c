// SPDX-License-Identifier: MIT
#include "account/token_source.h"

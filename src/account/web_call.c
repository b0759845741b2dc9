// SPDX-License-Identifier: MIT
#include "account/web_call.h"

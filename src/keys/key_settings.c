// SPDX-License-Identifier: MIT
#include "keys/key_settings.h"

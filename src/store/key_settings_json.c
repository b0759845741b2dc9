// SPDX-License-Identifier: MIT
#include "store/key_settings_json.h"

// SPDX-License-Identifier: MIT
#include "admin/admin.h"

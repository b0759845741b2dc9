// SPDX-License-Identifier: MIT
#include "shm/region.h"

// SPDX-License-Identifier: MIT
#include "store/data_lock.h"

// SPDX-License-Identifier: MIT
#include "store/durable_file.h"

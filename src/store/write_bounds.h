// SPDX-License-Identifier: MIT
// The steps in which times of durable writes are counted: the same for all documents.
#pragma once

#include "base/histogram.h"

extern const double store_write_bounds[HISTOGRAM_BOUNDS];

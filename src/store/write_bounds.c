// SPDX-License-Identifier: MIT
#include "store/write_bounds.h"

const double store_write_bounds[HISTOGRAM_BOUNDS] = {5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05,
                                                     0.1,  0.2,  0.5,  1,    2,    5,    10};

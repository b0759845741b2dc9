// SPDX-License-Identifier: MIT
#include "dialect/sequencer.h"

// SPDX-License-Identifier: MIT
// The families of the process itself that every client library of Prometheus has, under their usual names.
#pragma once

#include <stdint.h>

#include "base/buf.h"

void process_metrics_write(int64_t started_wall_ms, struct buf *out);

// SPDX-License-Identifier: MIT
// Where log messages go: terse lines to the console and full ones to a daily file (production), or full lines to the
// console (development). Written in batches off the loop; a disk or terminal that does not keep up costs lines,
// counted, never time.
#pragma once

#include <stdint.h>

#include "config/config.h"
#include "net/loop.h"

struct log_sink;

// Becomes the process's log sink. `config` is read during the call only.
struct log_sink *log_sink_new(struct loop *loop, const struct config *config);
void log_sink_set_config(struct log_sink *sink, const struct config *config);
// Writes what is left, then messages go to standard error again. After loop_deinit().
void log_sink_free(struct log_sink *sink);
// Stops the sink's timer, so that the loop can end.
void log_sink_close(struct log_sink *sink);

uint64_t log_sink_dropped(void); // lines lost since the start

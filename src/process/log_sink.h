// SPDX-License-Identifier: MIT
// Where log messages go: terse lines to the console and full ones to a daily file (production), or full lines to the
// console (development); and all of them to the live log. Written in batches off the loop; a disk or terminal that does
// not keep up costs lines, counted, never time.
//
// Failure modes: the file cannot be written: told once, the console has full lines meanwhile, and it is tried again
// from time to time; how many lines are missing in it is told when it is over.
#pragma once

#include <stdint.h>

#include "base/log.h"
#include "config/config.h"
#include "net/loop.h"

struct live_log;
struct log_sink;

enum { LOG_SINK_RETRY_MS = 5000 }; // between attempts to write a file that could not be written

// Becomes the process's log sink. `config` is read during the call only. `live` is borrowed and may be NULL.
struct log_sink *log_sink_new(struct loop *loop, const struct config *config, struct live_log *live);
void log_sink_set_config(struct log_sink *sink, const struct config *config);
// What the log calls; public so that messages can have other times than the present.
void log_sink_add(struct log_sink *sink, const struct log_message *message);
// Writes what is left, then messages go to standard error again. After loop_deinit().
void log_sink_free(struct log_sink *sink);
// Stops the sink's timer, so that the loop can end.
void log_sink_close(struct log_sink *sink);

uint64_t log_sink_dropped(void); // lines lost since the start

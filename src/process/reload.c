// SPDX-License-Identifier: MIT
#include "process/reload.h"

#include "admin/admin.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "process/keeper.h"
#include "process/log_sink.h"

static void log_lines(enum log_level level, struct slice lines)
{
    while (lines.ptr) {
        struct slice line = slice_split(&lines, '\n');
        if (line.len) {
            log_write(level, "config", "%.*s", SLICE_ARG(line));
        }
    }
}

static void apply_take(struct reload *reload, struct config *config)
{
    struct config *before = *reload->config;
    if (config->port != before->port || !slice_eq(config->host, before->host)) {
        log_warn("config", "a new HOST or PORT takes effect after a restart");
    }
    gateway_set_config(reload->gateway, config);
    keeper_set_config(reload->keeper, config);
    log_sink_set_config(reload->log, config);
    config_unref(before);
    *reload->config = config;
    log_info("config", "reloaded: %zu models", config->n_models);
}

bool reload_config(struct reload *reload, struct buf *errors)
{
    struct buf warnings = BUF_EMPTY;
    size_t had = errors->len;
    struct config *config = config_load(reload->sources, errors, &warnings);
    log_lines(LOG_WARN, buf_slice(&warnings));
    buf_deinit(&warnings);
    if (!config) {
        log_lines(LOG_ERROR, slice_after(buf_slice(errors), had));
        log_error("config", "not reloaded: the configuration in force stays");
        return false;
    }
    apply_take(reload, config);
    return true;
}

// ---- the admin API --------------------------------------------------------------------------------------------------

static bool check(void *arg, struct slice text, struct buf *errors, struct buf *warnings)
{
    struct reload *reload = arg;
    struct config_sources sources = *reload->sources;
    sources.file_text = &text;
    struct config *config = config_load(&sources, errors, warnings);
    bool is_good = config;
    config_unref(config);
    return is_good;
}

static bool reload_again(void *arg, struct buf *errors)
{
    return reload_config(arg, errors);
}

void reload_open_door(struct reload *reload)
{
    struct admin_config_door door = {.arg = reload, .check = check, .reload = reload_again};
    admin_set_config_door(keeper_admin(reload->keeper), &door);
}

void reload_close_door(struct reload *reload)
{
    admin_set_config_door(keeper_admin(reload->keeper), NULL);
}

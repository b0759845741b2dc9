// SPDX-License-Identifier: MIT
#include "keys/key_settings.h"

const struct key_settings key_settings_default = {
    .algorithm = KEY_ROUND_ROBIN,
    .retries = true,
    .retry_max = 3,
    .retry_delay_ms = 1000,
    .bans = true,
    .ban_threshold = 5,
    .bans_402 = true,
    .bans_401 = false,
    .probe_minutes = 60,
    .concurrent_limit = 100,
    .request_timeout_ms = 10000,
    .has_tiers = false,
    .falls_back = true,
    .is_strict = false,
    .daily_limit = 0,
    .monthly_limit = 0,
    .warning_ratio = 0.8,
    .window_hours = 24,
    .has_affinity = true,
    .max_inflight = 0,
};

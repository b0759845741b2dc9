// SPDX-License-Identifier: MIT
// What is known of the health of endpoints and proxies, in one place.
#pragma once

#include "health/breaker.h"
#include "health/correlation.h"

struct health {
    struct breaker_table breakers;
    struct correlation_table correlations;
};

// 0 or a negative errno code.
MUST_USE int health_create(struct health *health);
void health_close(struct health *health);

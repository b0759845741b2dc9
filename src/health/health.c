// SPDX-License-Identifier: MIT
#include "health/health.h"

int health_create(struct health *health)
{
    int r = breaker_table_create(&health->breakers);
    if (r != 0) {
        return r;
    }
    r = correlation_table_create(&health->correlations);
    if (r != 0) {
        breaker_table_close(&health->breakers);
    }
    return r;
}

void health_close(struct health *health)
{
    correlation_table_close(&health->correlations);
    breaker_table_close(&health->breakers);
}

// SPDX-License-Identifier: MIT
// Probes: a key that has been banned for probe_minutes is tested once; if that succeeds it is in use again, else it
// waits as long once more. One at a time and slowly, however many are due: a provider that has banned many accounts
// does not see them all come back at once. Keys that an operator disabled are left alone.
#pragma once

#include "account/key_test.h"

enum { KEY_PROBE_PACE_MS = 5000 };

struct key_prober;

struct key_prober_options {
    struct loop *loop;
    struct key_tester *tester; // by which it probes, and which says what follows for the key
    struct key_table *table;
    int64_t (*wall_ms)(void);
    unsigned pace_ms; // from one probe to the next; in truth up to a quarter more or less
};
struct key_prober *key_prober_new(const struct key_prober_options *options);
void key_prober_close(struct key_prober *prober); // before that of the tester
void key_prober_free(struct key_prober *prober);

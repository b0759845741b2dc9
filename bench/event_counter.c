// SPDX-License-Identifier: MIT
#include "event_counter.h"

#include <string.h>

enum { STAMP_MIN_DIGITS = 9 }; // a machine that is up for less than a second measures nothing

static void count_events(struct event_counter *c, const char *data, size_t len)
{
    const char *at = data;
    const char *end = data + len;
    while (at < end) {
        if (c->after_feed && *at == '\n') {
            c->n++;
            c->after_feed = false;
            at++;
            continue;
        }
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        c->after_feed = feed != NULL;
        at = feed != NULL ? feed + 1 : end;
    }
}

static void end_stamp(struct event_counter *c, uint64_t now_ns, struct histogram *delays)
{
    if (c->n_digits >= STAMP_MIN_DIGITS) {
        histogram_add(delays, now_ns > c->stamp ? now_ns - c->stamp : 0);
    }
    c->matched = 0;
    c->n_digits = 0;
    c->stamp = 0;
}

static void read_stamps(struct event_counter *c, const char *data, size_t len, const char *stamp_after, uint64_t now_ns,
                        struct histogram *delays)
{
    size_t prefix_len = strlen(stamp_after);
    for (size_t i = 0; i < len; i++) {
        char byte = data[i];
        if (c->matched < prefix_len) {
            bool goes_on = byte == stamp_after[c->matched];
            c->matched = (uint8_t)(goes_on ? c->matched + 1 : byte == stamp_after[0]);
        } else if (byte >= '0' && byte <= '9' && c->n_digits < 19) {
            c->stamp = c->stamp * 10 + (uint64_t)(byte - '0');
            c->n_digits++;
        } else {
            end_stamp(c, now_ns, delays);
        }
    }
}

void event_counter_feed(struct event_counter *c, const char *data, size_t len, const char *stamp_after, uint64_t now_ns,
                        struct histogram *delays)
{
    count_events(c, data, len);
    if (stamp_after != NULL) {
        read_stamps(c, data, len, stamp_after, now_ns, delays);
    }
}

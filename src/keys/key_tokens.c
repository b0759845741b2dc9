// SPDX-License-Identifier: MIT
// What a key has used: in all, today, this month, and in a sliding window of twelve parts. All in UTC. Clocks of
// processes differ a little and step: what was counted in the part that comes next still counts, and is counted on;
// what is further ahead comes from a clock that was wrong and gives way.
#include "keys/key_table_internal.h"

enum { MS_PER_DAY = 24 * 3600 * 1000, PART_MS_PER_HOUR = 3600 * 1000 / KEY_WINDOW_BUCKETS };

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void add(_Atomic uint64_t *total, uint64_t n)
{
    uint64_t before = atomic_load_explicit(total, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(total, &before, sum(before, n), memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

static uint32_t day_of(int64_t now_ms)
{
    return now_ms > 0 ? (uint32_t)(now_ms / MS_PER_DAY) : 0;
}

// Gregorian, by years that begin in March, so that the leap day is a year's last: 400 of them have 146,097 days, and
// five months in a row always have 153.
static uint32_t month_of(int64_t now_ms)
{
    uint32_t day = day_of(now_ms) + 719468; // since the 1st of March of the year 0
    uint32_t era = day / 146097;
    uint32_t day_of_era = day % 146097;
    uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month_from_march = (5 * day_of_year + 2) / 153;
    return (era * 400 + year_of_era) * 12 + month_from_march + 2; // January is 0
}

// The tokens of one day or month.
struct tally {
    _Atomic uint32_t *period;
    _Atomic uint64_t *tokens;
};

static bool is_current(uint32_t period, uint32_t now)
{
    return period == now || period == now + 1;
}

// Who brings the period forward subtracts what was there before, rather than setting zero: what others add at that
// moment stays.
static void tally_add(struct tally tally, uint32_t now, uint64_t n)
{
    uint32_t period = atomic_load(tally.period);
    uint64_t before = atomic_load(tally.tokens);
    if (!is_current(period, now) && atomic_compare_exchange_strong(tally.period, &period, now)) {
        atomic_fetch_sub(tally.tokens, before);
    }
    add(tally.tokens, n);
}

static uint64_t tally_read(const _Atomic uint32_t *period, const _Atomic uint64_t *tokens, uint32_t now)
{
    return is_current(atomic_load(period), now) ? atomic_load(tokens) : 0;
}

static uint32_t part_of(const struct key_settings *settings, int64_t now_ms)
{
    int64_t hours = settings->window_hours ? settings->window_hours : 1;
    return now_ms > 0 ? (uint32_t)(now_ms / (hours * PART_MS_PER_HOUR)) : 0;
}

// Of this window, or of the next one as long as the clocks may differ.
static bool is_in_window(uint32_t part, uint32_t now)
{
    int64_t age = (int64_t)now - part;
    return age > -KEY_WINDOW_BUCKETS && age < KEY_WINDOW_BUCKETS;
}

static void window_add(struct key_slot *slot, uint32_t now, uint64_t n)
{
    _Atomic uint64_t *bucket = &slot->window[now % KEY_WINDOW_BUCKETS];
    uint64_t before = atomic_load_explicit(bucket, memory_order_relaxed);
    uint64_t after;
    do {
        uint64_t tokens = sum(before >> 32 == now ? (uint32_t)before : 0, n);
        after = (uint64_t)now << 32 | (tokens < UINT32_MAX ? tokens : UINT32_MAX);
    } while (
        !atomic_compare_exchange_weak_explicit(bucket, &before, after, memory_order_relaxed, memory_order_relaxed));
}

void key_count_tokens(struct key_slot *slot, const struct key_settings *settings, uint64_t input, uint64_t output,
                      int64_t now_ms)
{
    uint64_t both = sum(input, output);
    add(&slot->input_tokens, input);
    add(&slot->output_tokens, output);
    tally_add((struct tally){&slot->day, &slot->day_tokens}, day_of(now_ms), both);
    tally_add((struct tally){&slot->month, &slot->month_tokens}, month_of(now_ms), both);
    window_add(slot, part_of(settings, now_ms), both);
}

uint64_t key_window_tokens(const struct key_slot *slot, const struct key_settings *settings, int64_t now_ms)
{
    uint32_t now = part_of(settings, now_ms);
    uint64_t tokens = 0;
    for (size_t i = 0; i < KEY_WINDOW_BUCKETS; i++) {
        uint64_t bucket = atomic_load_explicit(&slot->window[i], memory_order_relaxed);
        tokens += is_in_window((uint32_t)(bucket >> 32), now) ? (uint32_t)bucket : 0;
    }
    return tokens;
}

uint64_t key_day_tokens(const struct key_slot *slot, int64_t now_ms)
{
    return tally_read(&slot->day, &slot->day_tokens, day_of(now_ms));
}

uint64_t key_month_tokens(const struct key_slot *slot, int64_t now_ms)
{
    return tally_read(&slot->month, &slot->month_tokens, month_of(now_ms));
}

int64_t key_remaining(const struct key_slot *slot)
{
    int64_t allowance = atomic_load(&slot->allowance);
    if (allowance < 0) {
        return -1;
    }
    int64_t used = atomic_load(&slot->used);
    uint64_t at_sync = atomic_load(&slot->tokens_at_sync);
    uint64_t total = sum(atomic_load(&slot->input_tokens), atomic_load(&slot->output_tokens));
    uint64_t spent = sum(used > 0 ? (uint64_t)used : 0, total > at_sync ? total - at_sync : 0);
    return spent < (uint64_t)allowance ? allowance - (int64_t)spent : 0;
}

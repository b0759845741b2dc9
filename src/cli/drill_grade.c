// SPDX-License-Identifier: MIT
#include "cli/drill_grade.h"

enum { RETRY_AFTER_MS = 1800, ERROR_SHOWN_MAX = 100 };

const char *drill_grade_text(enum drill_grade grade)
{
    static const char *const texts[] = {
        [DRILL_PASS] = "pass", [DRILL_PARTIAL] = "partial", [DRILL_SAFE] = "safe", [DRILL_FAIL] = "fail"};
    return texts[grade];
}

static uint64_t ms_between(const struct drill_attempts *attempts, unsigned from, unsigned to)
{
    return (attempts->at_ns[to] - attempts->at_ns[from]) / 1000000;
}

static unsigned attempts_within(const struct drill_attempts *attempts, uint64_t ms)
{
    unsigned n = 0;
    while (n < attempts->n && n < DRILL_ATTEMPTS_MAX && ms_between(attempts, 0, n) <= ms) {
        n++;
    }
    return n;
}

static bool has_reason(const struct drill_view *view)
{
    static const struct slice words[] = {SLICE_INIT("content_policy"), SLICE_INIT("content filtering"),
                                         SLICE_INIT("PROHIBITED_CONTENT")};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (slice_find(buf_slice(&view->error), words[i]) != SLICE_NOT_FOUND) {
            return true;
        }
    }
    return drill_view_is_answer(view);
}

static bool is_of_backup(const struct drill_play *play)
{
    return slice_starts_with(buf_slice(&play->view.model), play->backup_id);
}

// Waits that the provider asks for are in whole seconds, so they are not divided.
static bool holds(const struct drill_scenario *scenario, const struct drill_play *play, enum drill_check check,
                  uint32_t speed)
{
    const struct drill_attempts *primary = &play->primary;
    bool is_answer = drill_view_is_answer(&play->view);
    switch (check) {
    case DRILL_NO_LOOP: return attempts_within(primary, scenario->loop_ms / speed) <= scenario->loop_most;
    case DRILL_ASKED_ONCE: return primary->n == 1;
    case DRILL_ALIVE: return play->is_alive;
    case DRILL_TELLS_REASON: return has_reason(&play->view);
    case DRILL_HIDES_PREFILL: return slice_find(buf_slice(&play->view.error), SLICE("prefill")) == SLICE_NOT_FOUND;
    case DRILL_NAMES_BACKUP: return !is_answer || is_of_backup(play);
    case DRILL_SAME_AGAIN: return primary->n >= 2;
    case DRILL_RETRY_AFTER: return primary->n < 2 || ms_between(primary, 0, 1) >= RETRY_AFTER_MS;
    case DRILL_ONE_SILENCE: return primary->n <= 1;
    case DRILL_HAS_USAGE: return !is_answer || play->view.usage == DRILL_TOKENS;
    case DRILL_IN_TIME:
    case DRILL_SOON: return play->took_ms <= scenario->most_ms / speed;
    }
    return true;
}

static void complain(struct buf *why, const char *what)
{
    buf_printf(why, "%s%s", why->len ? "; " : "", what);
}

// Returns the checks that do not hold.
static uint32_t check(const struct drill_scenario *scenario, const struct drill_play *play, uint32_t speed,
                      struct buf *why)
{
    static const struct {
        enum drill_check check;
        const char *complaint;
    } rows[] = {
        {DRILL_NO_LOOP, "the provider was asked again and again without a pause"},
        {DRILL_ASKED_ONCE, "the provider that had refused was not asked exactly once"},
        {DRILL_ALIVE, "a healthy request was not answered afterwards"},
        {DRILL_TELLS_REASON, "the provider's reason is not told"},
        {DRILL_HIDES_PREFILL, "the fallback was asked to go on with half an answer"},
        {DRILL_NAMES_BACKUP, "the answer does not name the model that gave it"},
        {DRILL_IN_TIME, "it took too long"},
        {DRILL_SAME_AGAIN, "the same provider was not asked a second time"},
        {DRILL_RETRY_AFTER, "the provider was asked again before it said"},
        {DRILL_ONE_SILENCE, "a silent provider was asked again"},
        {DRILL_HAS_USAGE, "usage is missing"},
        {DRILL_SOON, "it took long"},
    };
    uint32_t broken = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if ((scenario->checks & rows[i].check) && !holds(scenario, play, rows[i].check, speed)) {
            broken |= rows[i].check;
            complain(why, rows[i].complaint);
        }
    }
    return broken;
}

static bool is_rescued(const struct drill_play *play)
{
    return drill_view_is_answer(&play->view) && slice_eq(buf_slice(&play->view.text), play->expected);
}

static void tell_answer(const struct drill_play *play, struct buf *why)
{
    buf_printf(why, "%sanswered by the %s", why->len ? "; " : "", is_of_backup(play) ? "fallback" : "primary");
}

static void tell_error(const struct drill_play *play, struct buf *why)
{
    struct slice error = buf_slice(&play->view.error);
    error.len = error.len > ERROR_SHOWN_MAX ? ERROR_SHOWN_MAX : error.len;
    buf_printf(why, "%s%s%u: %.*s", why->len ? "; " : "",
               play->view.status == 200 ? "error within the stream, status " : "error, status ", play->view.status,
               SLICE_ARG(slice_trim(error)));
}

static enum drill_grade grade_error(const struct drill_play *play, struct buf *why)
{
    if (drill_view_is_answer(&play->view) || play->backup.n > 0) {
        complain(why, "the fallback was asked, which goes round the rejection");
        return DRILL_PARTIAL;
    }
    tell_error(play, why);
    return play->view.has_error ? DRILL_PASS : DRILL_FAIL;
}

enum drill_grade drill_grade_play(const struct drill_scenario *scenario, const struct drill_play *play, uint32_t speed,
                                  struct buf *why)
{
    if (!play->has_ended) {
        buf_printf(why, "no end within %.1f s", drill_hang_ms(scenario, speed) / 1000.0);
        return DRILL_FAIL;
    }
    uint32_t broken = check(scenario, play, speed, why);
    if (play->view.has_garbage || drill_view_is_half(&play->view, play->expected)) {
        complain(why,
                 play->view.has_garbage ? "something malformed came through" : "half an answer looks like a whole one");
        return DRILL_FAIL;
    }
    if (scenario->attempts_most && play->primary.n > scenario->attempts_most) {
        complain(why, "too many attempts");
        return DRILL_FAIL;
    }
    if (broken & ~(uint32_t)DRILL_ADVICE) {
        return DRILL_FAIL;
    }
    if (scenario->wants_error) {
        return grade_error(play, why);
    }
    if (is_rescued(play)) {
        tell_answer(play, why);
        return broken ? DRILL_PARTIAL : DRILL_PASS;
    }
    tell_error(play, why);
    return play->view.has_error ? DRILL_SAFE : DRILL_FAIL;
}

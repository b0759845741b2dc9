// SPDX-License-Identifier: MIT
// How much the model is to think: in tokens up to Gemini 2.5, in levels from 3 on. Both together are refused.
#include "dialect/gemini/gemini_request_encoder.h"

enum { BUDGET_UNSET = -2, BUDGET_AUTO = -1 };

static bool is_off(const struct thinking *thinking)
{
    return thinking->state == THINKING_OFF || thinking->effort == EFFORT_NONE || thinking->budget == 0;
}

static void warn_changed(const struct gemini_writing *g, bool is_changed)
{
    if (is_changed) {
        loss_warn(g->encoding->loss, LOSS_CHANGED, g->encoding->req->thinking.at);
    }
}

static int64_t clamp(const struct gemini_writing *g, int64_t budget)
{
    const struct profile *profile = gemini_profile(g);
    int64_t fit = budget < profile->budget_min ? profile->budget_min : budget;
    fit = fit > profile->budget_max ? profile->budget_max : fit;
    warn_changed(g, fit != budget);
    return fit;
}

static int64_t budget_of(const struct gemini_writing *g, const struct thinking *thinking)
{
    if (is_off(thinking)) {
        return gemini_profile(g)->can_switch_thinking_off ? 0 : clamp(g, 0);
    }
    if (thinking->budget > 0) {
        return clamp(g, thinking->budget);
    }
    if (thinking->effort != EFFORT_UNSET) {
        return clamp(g, neutral_budget_of(thinking->effort));
    }
    return thinking->state == THINKING_UNSET ? BUDGET_UNSET : BUDGET_AUTO;
}

// UNSET: the model decides.
static enum effort level_of(const struct gemini_writing *g, const struct thinking *thinking)
{
    enum effort wanted = is_off(thinking)       ? EFFORT_NONE
                         : thinking->effort     ? thinking->effort
                         : thinking->budget > 0 ? neutral_effort_of(thinking->budget)
                                                : EFFORT_UNSET;
    if (wanted == EFFORT_UNSET) {
        return EFFORT_UNSET;
    }
    enum effort level = profile_effort(gemini_profile(g), wanted);
    warn_changed(g, level != wanted);
    return level;
}

static struct slice level_word(enum effort level)
{
    switch (level) {
    case EFFORT_UNSET: break;
    case EFFORT_NONE:
    case EFFORT_MINIMAL: return SLICE("MINIMAL");
    case EFFORT_LOW: return SLICE("LOW");
    case EFFORT_MEDIUM: return SLICE("MEDIUM");
    case EFFORT_HIGH:
    case EFFORT_XHIGH:
    case EFFORT_MAX: return SLICE("HIGH");
    }
    return SLICE_EMPTY;
}

// A model that does not think refuses all of it; that it should not think is true anyway.
static void drop(const struct gemini_writing *g, const struct thinking *thinking)
{
    if (!is_off(thinking) && thinking->show != SHOW_NONE) {
        loss_warn(g->encoding->loss, LOSS_DROPPED, thinking->at);
    }
}

void gemini_write_thinking(const struct gemini_writing *g)
{
    const struct thinking *thinking = &g->encoding->req->thinking;
    if (!profile_thinks(gemini_profile(g))) {
        drop(g, thinking);
        return;
    }
    bool is_by_level = gemini_profile(g)->thinking == THINKING_BY_LEVEL;
    int64_t budget = is_by_level ? BUDGET_UNSET : budget_of(g, thinking);
    struct slice level = is_by_level ? level_word(level_of(g, thinking)) : SLICE_EMPTY;
    if (budget == BUDGET_UNSET && !level.len && thinking->show == SHOW_UNSET) {
        return;
    }
    json_key(g->w, SLICE("thinkingConfig"));
    json_begin_object(g->w);
    if (thinking->show != SHOW_UNSET) {
        json_member_bool(g->w, SLICE("includeThoughts"), thinking->show != SHOW_NONE);
    }
    if (budget != BUDGET_UNSET) {
        json_member_int(g->w, SLICE("thinkingBudget"), budget);
    }
    if (level.len) {
        json_member_string(g->w, SLICE("thinkingLevel"), level);
    }
    json_end_object(g->w);
}

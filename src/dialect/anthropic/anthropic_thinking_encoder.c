// SPDX-License-Identifier: MIT
// How much an Anthropic model is to think. Its generations ask for that in three ways (profile.h), and a budget has
// conditions: it lies below the limit of the answer, no tool may be forced, and a turn that goes on after a tool must
// begin with what was thought.
#include "dialect/anthropic/anthropic_internal.h"

// What is left for the answer where the limit is ours.
enum { ANSWER_RESERVE = 4096 };

static bool is_unsaid(const struct thinking *t)
{
    return t->state == THINKING_UNSET && t->effort == EFFORT_UNSET && t->budget < 0;
}

static bool is_off(const struct thinking *t)
{
    return t->state == THINKING_OFF || t->effort == EFFORT_NONE || (t->effort == EFFORT_UNSET && t->budget == 0);
}

static enum effort fitting_effort(const struct anthropic_request *e, enum effort wanted)
{
    enum effort effort = profile_effort(e->profile, wanted);
    if (effort != wanted) {
        loss_warn(e->loss, LOSS_CHANGED, e->req->thinking.at);
    }
    return effort;
}

static int64_t budget_of(const struct anthropic_request *e)
{
    const struct thinking *t = &e->req->thinking;
    int64_t budget = t->budget >= 0              ? t->budget
                     : t->effort != EFFORT_UNSET ? neutral_budget_of(t->effort)
                                                 : neutral_budget_of(EFFORT_MEDIUM);
    budget = budget < e->profile->budget_min ? e->profile->budget_min : budget;
    return budget > e->profile->budget_max ? e->profile->budget_max : budget;
}

// ---- the ways

static void plan_off(const struct anthropic_request *e, struct anthropic_plan *plan)
{
    enum effort effort = e->req->thinking.effort;
    if (!e->profile->can_switch_thinking_off) {
        plan->thinking = PLAN_ADAPTIVE;
        plan->effort = e->profile->least_effort;
        loss_warn(e->loss, LOSS_CHANGED, e->req->thinking.at);
        return;
    }
    plan->thinking = PLAN_DISABLED;
    // Effort is about answers, too.
    plan->effort = effort > EFFORT_NONE ? fitting_effort(e, effort) : EFFORT_UNSET;
}

static void plan_by_budget(const struct anthropic_request *e, struct anthropic_plan *plan)
{
    plan->thinking = PLAN_ENABLED;
    plan->budget = budget_of(e);
}

static void plan_by_level(const struct anthropic_request *e, struct anthropic_plan *plan)
{
    const struct thinking *t = &e->req->thinking;
    plan->thinking = PLAN_ADAPTIVE;
    if (t->effort != EFFORT_UNSET) {
        plan->effort = fitting_effort(e, t->effort);
    } else if (t->budget >= 0) {
        plan->effort = profile_effort(e->profile, neutral_effort_of(t->budget));
    }
}

static void plan_by_either(const struct anthropic_request *e, struct anthropic_plan *plan)
{
    const struct thinking *t = &e->req->thinking;
    if (t->budget >= 0) {
        plan_by_budget(e, plan);
        plan->effort = t->effort != EFFORT_UNSET ? fitting_effort(e, t->effort) : EFFORT_UNSET;
    } else {
        plan_by_level(e, plan);
    }
}

static void plan_wish(const struct anthropic_request *e, struct anthropic_plan *plan)
{
    const struct thinking *t = &e->req->thinking;
    if (is_off(t)) {
        plan_off(e, plan);
    } else if (e->is_own && t->state == THINKING_UNSET) {
        plan->effort = fitting_effort(e, t->effort); // said to an API that does not think for that
    } else {
        switch (e->profile->thinking) {
        case THINKING_BY_BUDGET: plan_by_budget(e, plan); break;
        case THINKING_BY_EITHER: plan_by_either(e, plan); break;
        case THINKING_BY_LEVEL: plan_by_level(e, plan); break;
        }
    }
}

// ---- conditions of a budget

static bool is_sealed(const struct neutral_part *part)
{
    return part && part->kind == PART_REASONING && part->reasoning.opaque.kind != OPAQUE_NONE &&
           opaque_issuer(part->reasoning.opaque.kind) == ISSUER_ANTHROPIC;
}

static bool has_call(const struct neutral_turn *turn)
{
    const struct neutral_part *part = turn->parts;
    while (part && part->kind != PART_CALL) {
        part = part->next;
    }
    return part;
}

// Does the last thing that the model said stop at a tool, and not begin with what it thought?
static bool lacks_thought(const struct neutral_request *req)
{
    const struct neutral_turn *last = NULL;
    bool is_answered = false;
    for (const struct neutral_turn *turn = req->turns; turn; turn = turn->next) {
        if (turn->role == TURN_ASSISTANT) {
            last = turn;
            is_answered = false;
        } else if (turn->role == TURN_USER && turn->parts) {
            is_answered = turn->parts->kind == PART_RESULT;
        }
    }
    return last && is_answered && has_call(last) && !is_sealed(last->parts);
}

static bool may_have_budget(const struct anthropic_request *e)
{
    return !anthropic_is_tool_forced(e) && !lacks_thought(e->req) &&
           (e->req->max_output < 0 || e->req->max_output > e->profile->budget_min + 1);
}

static void fit_budget(const struct anthropic_request *e, struct anthropic_plan *plan)
{
    bool is_limit_ours = e->req->max_output < 0;
    int64_t most = plan->max_tokens - (is_limit_ours ? ANSWER_RESERVE : 1);
    if (plan->budget <= most) {
        return;
    }
    if (e->req->thinking.budget > most && !is_limit_ours) {
        loss_warn(e->loss, LOSS_CHANGED, e->req->thinking.at);
    }
    plan->budget = most > e->profile->budget_min ? most : e->profile->budget_min;
}

struct anthropic_plan anthropic_plan_thinking(const struct anthropic_request *e)
{
    const struct thinking *t = &e->req->thinking;
    struct anthropic_plan plan = {
        .max_tokens = e->req->max_output >= 0 ? e->req->max_output : e->profile->max_output,
    };
    if (is_unsaid(t)) {
        return plan;
    }
    if (!profile_thinks(e->profile)) {
        loss_warn(e->loss, LOSS_DROPPED, is_off(t) ? NULL : t->at);
        return plan;
    }
    plan_wish(e, &plan);
    if (plan.thinking == PLAN_ENABLED && !may_have_budget(e)) {
        loss_warn(e->loss, LOSS_DROPPED, t->at);
        plan.thinking = PLAN_NONE;
    } else if (plan.thinking == PLAN_ENABLED) {
        fit_budget(e, &plan);
    }
    return plan;
}

// ---- the member

// Models of either way show what they think, those of levels do not unless they are asked to.
static void write_display(struct anthropic_request *e)
{
    const struct thinking *t = &e->req->thinking;
    struct slice own =
        e->is_own ? json_escaped(e->req->doc, json_get(e->req->doc, t->at, SLICE("display"))) : SLICE_EMPTY;
    if (own.len) {
        json_key(&e->w, SLICE("display"));
        json_write_escaped(&e->w, own);
    } else if (!e->is_own && e->profile->thinking != THINKING_BY_BUDGET && t->show != SHOW_UNSET) {
        json_member_string(&e->w, SLICE("display"), t->show == SHOW_NONE ? SLICE("omitted") : SLICE("summarized"));
    }
}

void anthropic_write_thinking(struct anthropic_request *e)
{
    static const struct slice TYPES[] = {
        [PLAN_NONE] = SLICE_INIT(""),
        [PLAN_DISABLED] = SLICE_INIT("disabled"),
        [PLAN_ENABLED] = SLICE_INIT("enabled"),
        [PLAN_ADAPTIVE] = SLICE_INIT("adaptive"),
    };
    if (e->plan.thinking == PLAN_NONE) {
        return;
    }
    json_key(&e->w, SLICE("thinking"));
    json_begin_object(&e->w);
    json_member_string(&e->w, SLICE("type"), TYPES[e->plan.thinking]);
    if (e->plan.thinking == PLAN_ENABLED) {
        json_member_int(&e->w, SLICE("budget_tokens"), e->plan.budget);
    }
    if (e->plan.thinking != PLAN_DISABLED) {
        write_display(e);
    }
    json_end_object(&e->w);
}

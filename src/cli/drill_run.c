// SPDX-License-Identifier: MIT
#include "cli/drill_run.h"

#include "base/clock.h"
#include "cli/drill_config.h"
#include "cli/drill_remote.h"

enum { HEALTHY_MS = 10000, RETURN_MS = 30000, RETURN_PAUSE_MS = 200 };

// One scenario under way.
struct run {
    struct drill_site *site;
    const struct drill_scenario *scenario;
    uint32_t speed;
    struct arena arena;
    struct slice models[N_DRILL_DIALECTS];
    struct slice backups[N_DRILL_DIALECTS];
    struct slice expected[N_DRILL_DIALECTS]; // the text of a whole answer
    struct buf *problem;
};

static uint64_t now_ms(void)
{
    return clock_monotonic_ns() / 1000000;
}

// ---- steps ----------------------------------------------------------------------------------------------------------

static void ask_all(const struct run *run, const struct slice *models, uint32_t limit_ms,
                    struct drill_result results[N_DRILL_DIALECTS])
{
    struct drill_question questions[N_DRILL_DIALECTS];
    for (size_t i = 0; i < N_DRILL_DIALECTS; i++) {
        questions[i] =
            (struct drill_question){.dialect = (enum drill_dialect)i, .model = models[i], .limit_ms = limit_ms};
        results[i] = (struct drill_result){.took_ms = 0};
    }
    drill_call_all(drill_site_gateway(run->site), questions, results, N_DRILL_DIALECTS);
}

static void deinit_all(struct drill_result results[N_DRILL_DIALECTS])
{
    for (size_t i = 0; i < N_DRILL_DIALECTS; i++) {
        drill_view_deinit(&results[i].view);
    }
}

static bool is_interrupted(const struct run *run)
{
    if (drill_site_is_interrupted(run->site) && run->problem->len == 0) {
        buf_append(run->problem, SLICE("interrupted"));
    }
    return drill_site_is_interrupted(run->site);
}

static bool plan(const struct run *run, struct slice model, const struct buf *script)
{
    return drill_remote_plan(drill_site_simulator(run->site), model, buf_slice(script), run->problem);
}

static bool plan_all(const struct run *run, const struct slice *models, const char *fault)
{
    struct buf script = BUF_EMPTY;
    bool is_done = true;
    drill_write_plan(&script, fault);
    for (size_t i = 0; i < N_DRILL_DIALECTS && is_done; i++) {
        is_done = plan(run, models[i], &script);
    }
    buf_deinit(&script);
    return is_done;
}

static bool plan_faults(const struct run *run)
{
    bool is_done = true;
    for (size_t i = 0; i < N_DRILL_DIALECTS && is_done; i++) {
        struct buf script = BUF_EMPTY;
        drill_write_fault(&script, run->scenario, (enum drill_dialect)i, run->speed);
        is_done = plan(run, run->models[i], &script);
        buf_deinit(&script);
    }
    return is_done;
}

// What a whole answer says, and that there is one.
static bool learn_answers(struct run *run)
{
    struct drill_result results[N_DRILL_DIALECTS];
    bool is_good = true;
    ask_all(run, run->backups, HEALTHY_MS, results);
    for (size_t i = 0; i < N_DRILL_DIALECTS; i++) {
        const struct drill_view *view = &results[i].view;
        run->expected[i] = arena_dup(&run->arena, buf_slice(&view->text));
        if (is_good && !drill_view_is_answer(view)) {
            is_good = false;
            buf_printf(run->problem, "the model %.*s is not there, or no simulator is behind it (status %u) %.*s",
                       SLICE_ARG(run->backups[i]), view->status, SLICE_ARG(buf_slice(&view->error)));
        }
    }
    deinit_all(results);
    return is_good;
}

static bool is_from(const struct drill_view *view, struct slice model)
{
    struct slice named = buf_slice(&view->model);
    return drill_view_is_answer(view) && slice_eq(slice_split(&named, '~'), model);
}

// Until all are answered by their primary again.
static bool wait_for_return(const struct run *run, uint32_t limit_ms)
{
    uint64_t deadline_ms = now_ms() + limit_ms;
    for (;;) {
        struct drill_result results[N_DRILL_DIALECTS];
        bool is_back = true;
        ask_all(run, run->models, HEALTHY_MS, results);
        for (size_t i = 0; i < N_DRILL_DIALECTS; i++) {
            is_back &= is_from(&results[i].view, run->models[i]);
        }
        deinit_all(results);
        if (is_back || now_ms() > deadline_ms || drill_site_is_interrupted(run->site)) {
            return is_back;
        }
        drill_site_wait(run->site, RETURN_PAUSE_MS);
    }
}

// ---- one request ----------------------------------------------------------------------------------------------------

// What has reached the simulator since the mark.
static bool count_attempts(const struct run *run, uint64_t mark, struct drill_play plays[N_DRILL_DIALECTS])
{
    const struct admin_peer *simulator = drill_site_simulator(run->site);
    for (size_t i = 0; i < N_DRILL_DIALECTS; i++) {
        if (!drill_remote_attempts(simulator, run->models[i], mark, &plays[i].primary, run->problem) ||
            !drill_remote_attempts(simulator, run->backups[i], mark, &plays[i].backup, run->problem)) {
            return false;
        }
    }
    return true;
}

static void ask_healthy(const struct run *run, struct drill_play plays[N_DRILL_DIALECTS])
{
    struct drill_result results[N_DRILL_DIALECTS];
    ask_all(run, run->backups, HEALTHY_MS, results);
    for (size_t i = 0; i < N_DRILL_DIALECTS; i++) {
        plays[i].is_alive = drill_view_is_answer(&results[i].view);
    }
    deinit_all(results);
}

static void grade_all(const struct run *run, const struct drill_play plays[N_DRILL_DIALECTS],
                      struct drill_outcome *outcome)
{
    for (size_t i = 0; i < N_DRILL_DIALECTS; i++) {
        outcome->grades[i] = drill_grade_play(run->scenario, &plays[i], run->speed, &outcome->why[i]);
    }
}

static bool play_once(struct run *run, struct drill_outcome *outcome)
{
    struct drill_play plays[N_DRILL_DIALECTS];
    struct drill_result results[N_DRILL_DIALECTS];
    uint64_t mark;
    if (!plan_faults(run) || !drill_remote_mark(drill_site_simulator(run->site), &mark, run->problem)) {
        return false;
    }
    uint64_t began_ms = now_ms();
    ask_all(run, run->models, drill_hang_ms(run->scenario, run->speed), results);
    outcome->took_ms = now_ms() - began_ms;
    for (size_t i = 0; i < N_DRILL_DIALECTS; i++) {
        plays[i] = (struct drill_play){.view = results[i].view,
                                       .has_ended = results[i].has_ended,
                                       .took_ms = results[i].took_ms,
                                       .expected = run->expected[i],
                                       .backup_id = run->backups[i]};
    }
    bool is_done = !is_interrupted(run) && count_attempts(run, mark, plays);
    if (is_done) {
        ask_healthy(run, plays);
        grade_all(run, plays, outcome);
    }
    deinit_all(results);
    return is_done;
}

// ---- the sequence ---------------------------------------------------------------------------------------------------

static void note_worse(struct drill_outcome *outcome, size_t dialect, const char *why)
{
    if (outcome->grades[dialect] != DRILL_FAIL) {
        outcome->grades[dialect] = DRILL_FAIL;
        buf_clear(&outcome->why[dialect]);
        buf_append(&outcome->why[dialect], slice_from_cstr(why));
    }
}

// One request of the sequence in each dialect; all must be answered. Which of them their primary answers is noted.
static void ask_in_turn(const struct run *run, struct drill_outcome *outcome, bool is_back[N_DRILL_DIALECTS])
{
    struct drill_result results[N_DRILL_DIALECTS];
    ask_all(run, run->models, drill_hang_ms(run->scenario, run->speed), results);
    for (size_t i = 0; i < N_DRILL_DIALECTS; i++) {
        const struct drill_view *view = &results[i].view;
        if (!results[i].has_ended) {
            note_worse(outcome, i, "a request hung");
        } else if (!drill_view_is_answer(view) || !slice_eq(buf_slice(&view->text), run->expected[i])) {
            note_worse(outcome, i, "a request was not answered");
        }
        is_back[i] = is_from(view, run->models[i]);
    }
    deinit_all(results);
}

static bool are_all(const bool flags[N_DRILL_DIALECTS])
{
    return flags[0] && flags[1] && flags[2] && flags[3];
}

// Requests at their pace: while the provider is down, then until it is used again.
static bool ask_through_outage(const struct run *run, struct drill_outcome *outcome,
                               bool has_returned[N_DRILL_DIALECTS])
{
    uint64_t began_ms = now_ms();
    uint64_t end_ms = began_ms + DRILL_OUTAGE_MS / run->speed;
    bool is_down = true;
    for (unsigned n = 0; !is_interrupted(run); n++) {
        bool is_back[N_DRILL_DIALECTS];
        if (is_down && now_ms() >= end_ms) {
            is_down = false;
            end_ms = now_ms();
            if (!plan_all(run, run->models, NULL)) {
                return false;
            }
        }
        ask_in_turn(run, outcome, is_back);
        for (size_t i = 0; i < N_DRILL_DIALECTS && !is_down; i++) {
            has_returned[i] |= is_back[i];
        }
        bool is_late = !is_down && now_ms() - end_ms > DRILL_RETURN_MS / run->speed;
        if (is_late || (n + 1 >= DRILL_REQUESTS && are_all(has_returned))) {
            return true;
        }
        drill_site_wait(run->site, DRILL_INTERVAL_MS / run->speed);
    }
    return false;
}

static bool play_sequence(struct run *run, struct drill_outcome *outcome)
{
    const struct admin_peer *simulator = drill_site_simulator(run->site);
    bool has_returned[N_DRILL_DIALECTS] = {false};
    uint64_t began_ms = now_ms();
    uint64_t mark;
    if (!drill_remote_mark(simulator, &mark, run->problem) || !plan_faults(run) ||
        !ask_through_outage(run, outcome, has_returned)) {
        return false;
    }
    outcome->took_ms = now_ms() - began_ms;
    for (size_t i = 0; i < N_DRILL_DIALECTS; i++) {
        struct drill_attempts attempts;
        if (!drill_remote_attempts(simulator, run->models[i], mark, &attempts, run->problem)) {
            return false;
        }
        if (!has_returned[i]) {
            note_worse(outcome, i, "the provider that is healthy again is not used");
        }
        buf_printf(&outcome->why[i], "%s%u requests reached the primary, down and after",
                   outcome->why[i].len ? "; " : "", attempts.n);
    }
    return true;
}

// ---- a scenario -----------------------------------------------------------------------------------------------------

static void drop_plans(const struct run *run)
{
    struct buf ignored = BUF_EMPTY;
    for (size_t i = 0; i < N_DRILL_DIALECTS; i++) {
        (void)drill_remote_drop_plan(drill_site_simulator(run->site), run->models[i], &ignored);
        (void)drill_remote_drop_plan(drill_site_simulator(run->site), run->backups[i], &ignored);
    }
    buf_deinit(&ignored);
}

static bool play(struct run *run, struct drill_outcome *outcome)
{
    if (!plan_all(run, run->models, NULL) || !plan_all(run, run->backups, run->scenario->backup_fault) ||
        !learn_answers(run)) {
        return false;
    }
    // A breaker that the scenario before has opened must be closed.
    if (drill_site_is_shared(run->site) && !wait_for_return(run, RETURN_MS)) {
        buf_append(run->problem, SLICE("the gateway does not use its primary models although they are healthy"));
        return false;
    }
    return run->scenario->is_sequence ? play_sequence(run, outcome) : play_once(run, outcome);
}

bool drill_run_scenario(struct drill_site *site, const struct drill_scenario *scenario, uint32_t speed,
                        struct drill_outcome *outcome_r, struct buf *problem)
{
    struct run run = {.site = site, .scenario = scenario, .speed = speed, .problem = problem};
    *outcome_r = (struct drill_outcome){.took_ms = 0};
    arena_init(&run.arena, 4096);
    for (size_t i = 0; i < N_DRILL_DIALECTS; i++) {
        run.models[i] = drill_site_model(site, &run.arena, scenario, (enum drill_dialect)i);
        run.backups[i] = drill_config_backup(&run.arena, run.models[i]);
    }
    bool is_played = play(&run, outcome_r);
    drop_plans(&run);
    arena_deinit(&run.arena);
    return is_played && !is_interrupted(&run);
}

void drill_outcome_deinit(struct drill_outcome *outcome)
{
    for (size_t i = 0; i < N_DRILL_DIALECTS; i++) {
        buf_deinit(&outcome->why[i]);
    }
}

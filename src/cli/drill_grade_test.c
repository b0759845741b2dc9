// SPDX-License-Identifier: MIT
#include "cli/drill_grade.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct slice whole = SLICE_INIT("all of it");

enum ending { ANSWERED, HALF, CUT, ERROR_IN_STREAM, REFUSED, NOTHING, HUNG, GARBAGE };

// What was seen, in short.
struct row {
    const char *id;
    enum ending ending;
    enum drill_grade grade;
    const char *model; // that is named; NULL: the primary
    const char *error;
    unsigned n_primary;
    unsigned n_backup;
    uint32_t gap_ms; // between attempts
    uint32_t took_ms;
    bool is_dead; // afterwards
    bool has_no_usage;
};

static const struct row rows[] = {
    {"S01", ANSWERED, DRILL_PASS, .n_primary = 2, .gap_ms = 1900},
    {"S01", ANSWERED, DRILL_PARTIAL, .n_primary = 2, .gap_ms = 400},
    {"S01", ANSWERED, DRILL_PARTIAL, .model = "m-backup~x", .n_primary = 1, .n_backup = 1},
    {"S01", ANSWERED, DRILL_FAIL, .n_primary = 3, .gap_ms = 100},
    {"S01", REFUSED, DRILL_SAFE, .n_primary = 1},
    {"S02", ANSWERED, DRILL_PASS, .n_primary = 4, .gap_ms = 500},
    {"S02", ANSWERED, DRILL_FAIL, .n_primary = 5, .gap_ms = 500},
    {"S02", ANSWERED, DRILL_PASS, .n_primary = 6, .gap_ms = 1000},
    {"S02", ANSWERED, DRILL_FAIL, .n_primary = 7, .gap_ms = 2000},
    {"S03", ANSWERED, DRILL_PASS, .n_primary = 2},
    {"S03", ANSWERED, DRILL_PARTIAL, .model = "m-backup", .n_primary = 1, .n_backup = 1},
    {"S04", ANSWERED, DRILL_PASS, .n_primary = 6},
    {"S04", ANSWERED, DRILL_FAIL, .n_primary = 40},
    {"S04", NOTHING, DRILL_FAIL, .n_primary = 1},
    {"S04", REFUSED, DRILL_SAFE, .error = "", .n_primary = 1},
    {"S06", ANSWERED, DRILL_PASS, .n_primary = 1, .took_ms = 100000},
    {"S06", ANSWERED, DRILL_FAIL, .n_primary = 1, .took_ms = 100001},
    {"S06", ANSWERED, DRILL_PARTIAL, .n_primary = 2, .took_ms = 60000},
    {"S06", HUNG, DRILL_FAIL, .n_primary = 1},
    {"S07", ANSWERED, DRILL_PARTIAL, .n_primary = 1, .took_ms = 20000},
    {"S08", HALF, DRILL_FAIL, .n_primary = 1},
    {"S08", CUT, DRILL_FAIL, .n_primary = 1}, // no error event
    {"S08", ERROR_IN_STREAM, DRILL_SAFE, .n_primary = 1},
    {"S09", ERROR_IN_STREAM, DRILL_SAFE, .n_primary = 1, .took_ms = 44000},
    {"S09", ERROR_IN_STREAM, DRILL_FAIL, .n_primary = 1, .is_dead = true},
    {"S10", GARBAGE, DRILL_FAIL, .n_primary = 1},
    {"S10", ERROR_IN_STREAM, DRILL_SAFE, .n_primary = 1},
    {"S11", ANSWERED, DRILL_PARTIAL, .n_primary = 1, .has_no_usage = true},
    {"S12", ANSWERED, DRILL_PASS, .n_primary = 1},
    {"S12", ANSWERED, DRILL_FAIL, .n_primary = 2},
    {"S12", REFUSED, DRILL_SAFE, .n_primary = 1},
    {"S13", REFUSED, DRILL_PASS, .error = "no (content_policy_violation)", .n_primary = 1},
    {"S13", REFUSED, DRILL_FAIL, .error = "no", .n_primary = 1},
    {"S13", REFUSED, DRILL_FAIL, .error = "no (content_policy_violation)", .n_primary = 2},
    {"S13", REFUSED, DRILL_PARTIAL, .error = "no (content_policy_violation)", .n_primary = 1, .n_backup = 1},
    {"S13", ANSWERED, DRILL_PARTIAL, .model = "m-backup", .n_primary = 1, .n_backup = 1},
    {"S14", REFUSED, DRILL_FAIL, .error = "does not support assistant message prefill", .n_primary = 1},
    {"S14", ERROR_IN_STREAM, DRILL_SAFE, .n_primary = 1},
    {"S16", ANSWERED, DRILL_PASS, .model = "m-backup", .n_primary = 1, .n_backup = 1},
    {"S16", ANSWERED, DRILL_FAIL, .n_primary = 1, .n_backup = 1},
};

static const struct drill_scenario *find(const char *id)
{
    for (size_t i = 0; i < N_DRILL_SCENARIOS; i++) {
        if (strcmp(drill_scenarios[i].id, id) == 0) {
            return &drill_scenarios[i];
        }
    }
    fail_msg("no scenario %s", id);
    return NULL;
}

static void fill(struct drill_view *view, const struct row *row)
{
    bool has_text = row->ending == ANSWERED;
    drill_view_init(view, DRILL_CHAT);
    view->status = row->ending == REFUSED ? 400 : row->ending == NOTHING ? 0 : 200;
    view->has_end = row->ending == ANSWERED;
    view->is_whole = row->ending == ANSWERED || row->ending == HALF || row->ending == REFUSED;
    view->has_error = row->ending == ERROR_IN_STREAM || row->ending == REFUSED;
    view->has_garbage = row->ending == GARBAGE;
    view->usage = row->has_no_usage ? 0 : DRILL_TOKENS;
    buf_append(&view->text, has_text ? whole : SLICE("all"));
    buf_append(&view->model, slice_from_cstr(row->model ? row->model : "m"));
    buf_append(&view->error, slice_from_cstr(row->error));
}

static void fill_attempts(struct drill_attempts *attempts, unsigned n, uint32_t gap_ms)
{
    attempts->n = n;
    for (unsigned i = 0; i < n && i < DRILL_ATTEMPTS_MAX; i++) {
        attempts->at_ns[i] = 5000 + (uint64_t)i * gap_ms * 1000000;
    }
}

static void check_row(const struct row *row, uint32_t speed)
{
    struct drill_play play = {
        .has_ended = row->ending != HUNG,
        .took_ms = row->took_ms / speed,
        .is_alive = !row->is_dead,
        .expected = whole,
        .backup_id = SLICE("m-backup"),
    };
    struct buf why = BUF_EMPTY;
    fill(&play.view, row);
    fill_attempts(&play.primary, row->n_primary, row->gap_ms);
    fill_attempts(&play.backup, row->n_backup, 0);
    enum drill_grade grade = drill_grade_play(find(row->id), &play, speed, &why);
    if (grade != row->grade) {
        fail_msg("%s, row %zu: %s: %.*s", row->id, (size_t)(row - rows), drill_grade_text(grade),
                 SLICE_ARG(buf_slice(&why)));
    }
    buf_deinit(&why);
    drill_view_deinit(&play.view);
}

static void test_grades(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        check_row(&rows[i], 1);
    }
}

static void test_faults_are_written(void **state)
{
    static const struct {
        const char *id;
        enum drill_dialect dialect;
        const char *script;
    } plans[] = {
        {"S04", DRILL_CHAT, "tokens=60~size=7~pace=2~status=503"},
        {"S06", DRILL_CHAT, "tokens=60~size=7~pace=2~hang=before~stall=12000"},
        {"S07", DRILL_GEMINI, "tokens=60~size=7~pace=2~first=2000"},
        {"S11", DRILL_CHAT, "tokens=60~size=7~pace=2~nodone=1"},
        {"S11", DRILL_ANTHROPIC, "tokens=60~size=7~pace=2~cut=end"},
    };
    for (size_t i = 0; i < sizeof(plans) / sizeof(*plans); i++) {
        struct buf script = BUF_EMPTY;
        drill_write_fault(&script, find(plans[i].id), plans[i].dialect, 10);
        assert_true(slice_eq(buf_slice(&script), slice_from_cstr(plans[i].script)));
        buf_deinit(&script);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grades),
        cmocka_unit_test(test_faults_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
#include "cli/drill_command.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/drill_options.h"
#include "cli/drill_run.h"
#include "cli/drill_site.h"
#include "json/json_writer.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NOT_HELD = 3, N_GRADES = DRILL_FAIL + 1 };

struct drill {
    const struct drill_options *options;
    unsigned counts[N_GRADES];
};

// A scenario is worth what its worst dialect is.
static size_t find_worst(const struct drill_outcome *outcome)
{
    size_t worst = 0;
    for (size_t i = 1; i < N_DRILL_DIALECTS; i++) {
        worst = outcome->grades[i] > outcome->grades[worst] ? i : worst;
    }
    return worst;
}

static bool is_all_alike(const struct drill_outcome *outcome)
{
    for (size_t i = 1; i < N_DRILL_DIALECTS; i++) {
        if (outcome->grades[i] != outcome->grades[0]) {
            return false;
        }
    }
    return true;
}

// ---- telling --------------------------------------------------------------------------------------------------------

static void print_text(const struct drill_scenario *scenario, const struct drill_outcome *outcome)
{
    size_t worst = find_worst(outcome);
    printf("%s  %-37s %-8s %5.1f s  ", scenario->id, scenario->title, drill_grade_text(outcome->grades[worst]),
           (double)outcome->took_ms / 1000);
    if (!is_all_alike(outcome)) {
        printf("%s: ", drill_dialect_text((enum drill_dialect)worst));
    }
    printf("%.*s\n", SLICE_ARG(buf_slice(&outcome->why[worst])));
}

static void put_line(struct buf *line)
{
    printf("%.*s\n", SLICE_ARG(buf_slice(line)));
    buf_deinit(line);
}

static void print_json(const struct drill_scenario *scenario, const struct drill_outcome *outcome)
{
    struct buf line = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &line);
    json_begin_object(&w);
    json_member_string(&w, SLICE("id"), slice_from_cstr(scenario->id));
    json_member_string(&w, SLICE("title"), slice_from_cstr(scenario->title));
    json_member_string(&w, SLICE("grade"), slice_from_cstr(drill_grade_text(outcome->grades[find_worst(outcome)])));
    json_member_int(&w, SLICE("took_ms"), (int64_t)outcome->took_ms);
    json_key(&w, SLICE("dialects"));
    json_begin_object(&w);
    for (size_t i = 0; i < N_DRILL_DIALECTS; i++) {
        json_key(&w, slice_from_cstr(drill_dialect_text((enum drill_dialect)i)));
        json_begin_object(&w);
        json_member_string(&w, SLICE("grade"), slice_from_cstr(drill_grade_text(outcome->grades[i])));
        json_member_string(&w, SLICE("seen"), buf_slice(&outcome->why[i]));
        json_end_object(&w);
    }
    json_end_object(&w);
    json_end_object(&w);
    put_line(&line);
}

static void print_total(const struct drill *drill)
{
    if (!drill->options->is_json) {
        printf("\n%u pass, %u partial, %u safe, %u fail\n", drill->counts[DRILL_PASS], drill->counts[DRILL_PARTIAL],
               drill->counts[DRILL_SAFE], drill->counts[DRILL_FAIL]);
        return;
    }
    struct buf line = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &line);
    json_begin_object(&w);
    json_key(&w, SLICE("total"));
    json_begin_object(&w);
    for (size_t i = 0; i < N_GRADES; i++) {
        json_member_int(&w, slice_from_cstr(drill_grade_text((enum drill_grade)i)), drill->counts[i]);
    }
    json_end_object(&w);
    json_end_object(&w);
    put_line(&line);
}

// Each line of it behind the program's name.
static void print_problem(const struct buf *problem)
{
    for (struct slice rest = buf_slice(problem); rest.len > 0;) {
        struct slice line = slice_split(&rest, '\n');
        fprintf(stderr, "droid2api: %.*s\n", SLICE_ARG(line));
    }
}

// ---- the drill ------------------------------------------------------------------------------------------------------

static bool run_scenario(struct drill *drill, struct drill_site *site, const struct drill_scenario *scenario,
                         struct buf *problem)
{
    struct drill_outcome outcome;
    bool is_played = drill_run_scenario(site, scenario, drill->options->speed, &outcome, problem);
    if (is_played) {
        drill->counts[outcome.grades[find_worst(&outcome)]]++;
        (drill->options->is_json ? print_json : print_text)(scenario, &outcome);
        fflush(stdout);
    }
    drill_outcome_deinit(&outcome);
    return is_played;
}

static int run_chosen(struct drill *drill, struct drill_site *site, struct buf *problem)
{
    for (size_t i = 0; i < N_DRILL_SCENARIOS; i++) {
        if (drill->options->is_chosen[i] && !run_scenario(drill, site, &drill_scenarios[i], problem)) {
            return EXIT_NOT_HELD;
        }
    }
    print_total(drill);
    return drill->counts[DRILL_FAIL] ? EXIT_FAILED : EXIT_DONE;
}

static int hold(const struct drill_options *options)
{
    struct config_sources sources = {.environment = environ, .dotenv_path = ".env"};
    struct drill drill = {.options = options};
    struct buf problem = BUF_EMPTY;
    struct drill_site *site = drill_site_open(options, &sources, &problem);
    int status = site ? run_chosen(&drill, site, &problem) : EXIT_NOT_HELD;
    print_problem(&problem);
    buf_deinit(&problem);
    if (site) {
        drill_site_close(site);
    }
    return status;
}

// Secrets are in memory: no core file may show them, and no file that we make is anybody else's business.
static void guard_secrets(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    umask(077);
}

static void print_help(void)
{
    struct buf help = BUF_EMPTY;
    drill_options_help(&help);
    printf("%.*s", SLICE_ARG(buf_slice(&help)));
    buf_deinit(&help);
}

int drill_command_run(int argc, char **argv)
{
    struct drill_options options;
    struct buf problem = BUF_EMPTY;
    int status = EXIT_DONE;
    guard_secrets();
    if (!drill_options_read(&options, argc, argv, &problem)) {
        print_problem(&problem);
        fprintf(stderr, "Try: droid2api drill --help\n");
        status = EXIT_USAGE;
    } else if (options.wants_help) {
        print_help();
    } else {
        status = hold(&options);
    }
    buf_deinit(&problem);
    return status;
}

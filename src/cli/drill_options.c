// SPDX-License-Identifier: MIT
#include "cli/drill_options.h"

enum { SPEED_DEFAULT = 10, SPEED_MAX = 100 };

struct reading {
    struct drill_options *options;
    struct buf *problem;
};

static bool read_url(struct reading *reading, struct slice value)
{
    reading->options->url = value;
    return true;
}

static bool read_simulator(struct reading *reading, struct slice value)
{
    reading->options->simulator = value;
    return true;
}

static bool read_access_key(struct reading *reading, struct slice value)
{
    reading->options->access_key = value;
    return true;
}

static bool read_speed(struct reading *reading, struct slice value)
{
    uint64_t speed;
    if (!slice_to_u64(value, &speed) || speed < 1 || speed > SPEED_MAX) {
        buf_printf(reading->problem, "--speed is \"%.*s\"; it may be a whole number from 1 to %d", SLICE_ARG(value),
                   SPEED_MAX);
        return false;
    }
    reading->options->speed = (uint32_t)speed;
    return true;
}

static bool choose(struct reading *reading, struct slice id)
{
    for (size_t i = 0; i < N_DRILL_SCENARIOS; i++) {
        if (slice_eq_nocase(slice_from_cstr(drill_scenarios[i].id), id)) {
            reading->options->is_chosen[i] = true;
            return true;
        }
    }
    buf_printf(reading->problem, "there is no scenario \"%.*s\"; they are S01 to S16", SLICE_ARG(id));
    return false;
}

static bool read_only(struct reading *reading, struct slice value)
{
    for (struct slice rest = value; rest.ptr;) {
        if (!choose(reading, slice_split(&rest, ','))) {
            return false;
        }
    }
    return true;
}

static const struct option_row {
    struct slice name;
    bool (*read)(struct reading *reading, struct slice value);
} rows[] = {
    {SLICE_INIT("--url"), read_url},
    {SLICE_INIT("--simulator"), read_simulator},
    {SLICE_INIT("--access-key"), read_access_key},
    {SLICE_INIT("--speed"), read_speed},
    {SLICE_INIT("--only"), read_only},
};

static const struct option_row *find_row(struct slice name)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (slice_eq(rows[i].name, name)) {
            return &rows[i];
        }
    }
    return NULL;
}

// "--name=value", or "--name" with the value behind it.
static bool read_valued(struct reading *reading, int argc, char **argv, int *at)
{
    struct slice value = slice_from_cstr(argv[*at]);
    struct slice name = slice_split(&value, '=');
    const struct option_row *row = find_row(name);
    if (!row) {
        buf_printf(reading->problem, "unknown option %s", argv[*at]);
        return false;
    }
    if (!value.ptr && *at + 1 < argc) {
        value = slice_from_cstr(argv[++*at]);
    }
    if (value.len == 0) {
        buf_printf(reading->problem, "%.*s wants a value", SLICE_ARG(name));
        return false;
    }
    return row->read(reading, value);
}

static bool has_choice(const struct drill_options *options)
{
    for (size_t i = 0; i < N_DRILL_SCENARIOS; i++) {
        if (options->is_chosen[i]) {
            return true;
        }
    }
    return false;
}

static bool complete(struct drill_options *options, struct buf *problem)
{
    if (options->url.ptr && !options->simulator.ptr) {
        buf_append(problem, SLICE("--url wants --simulator with the address of the simulator behind that gateway"));
        return false;
    }
    if (options->access_key.ptr && !options->url.ptr) {
        buf_append(problem, SLICE("--access-key has no meaning without --url"));
        return false;
    }
    if (options->speed == 0) {
        options->speed = options->url.ptr ? 1 : SPEED_DEFAULT;
    }
    if (!has_choice(options)) {
        memset(options->is_chosen, true, sizeof(options->is_chosen));
    }
    return true;
}

bool drill_options_read(struct drill_options *options, int argc, char **argv, struct buf *problem)
{
    struct reading reading = {options, problem};
    *options = (struct drill_options){.speed = 0};
    for (int at = 0; at < argc; at++) {
        struct slice argument = slice_from_cstr(argv[at]);
        if (slice_eq(argument, SLICE("--help"))) {
            options->wants_help = true;
        } else if (slice_eq(argument, SLICE("--json"))) {
            options->is_json = true;
        } else if (!read_valued(&reading, argc, argv, &at)) {
            return false;
        }
    }
    return options->wants_help || complete(options, problem);
}

void drill_options_help(struct buf *out)
{
    buf_printf(
        out,
        "Usage: droid2api drill [OPTION…]\n\n"
        "Plays sixteen failures of a provider, in four dialects, and says what became of the requests: pass,\n"
        "partial (might be done better), safe (a clear error) or fail. It starts a simulated provider and a\n"
        "gateway of its own, which has the timeouts, retries, hold-back and heartbeats of the settings here\n"
        "(environment, .env, config.json), and ends both. Nothing else is touched.\n\n"
        "  --only S08,S09     these scenarios\n"
        "  --speed N          all durations, those of the settings too, are divided by N (default: %d)\n"
        "  --json             one object for each scenario, one for the total\n"
        "  --simulator PATH   the simulator's program (default: beside this one)\n"
        "  --url URL          a gateway that runs with the simulator behind it (`./start.sh --demo`); nothing is\n"
        "                     started, its settings are as they are, and the default of --speed is 1\n"
        "  --simulator URL    with --url: where that simulator listens\n"
        "  --access-key K     with --url: its access key\n\n"
        "Exit status: 0 no scenario failed; 1 some did; 2 wrong arguments; 3 the drill could not be held.\n\n"
        "Scenarios:\n",
        SPEED_DEFAULT);
    for (size_t i = 0; i < N_DRILL_SCENARIOS; i++) {
        buf_printf(out, "  %s  %s\n", drill_scenarios[i].id, drill_scenarios[i].title);
    }
}

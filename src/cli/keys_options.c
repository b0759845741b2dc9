// SPDX-License-Identifier: MIT
#include "cli/keys_options.h"

#include <stdint.h>

enum { ANY_NUMBER = INT32_MAX };

struct verb_row {
    struct slice group; // "pool" in front of the word, or empty
    struct slice word;
    enum keys_verb verb;
    int least; // operands
    int most;
    const char *options; // names, each with a space behind it
    const char *usage;
    const char *help;
};

static const struct verb_row verbs[] = {
    {SLICE_INIT(""), SLICE_INIT("list"), KEYS_LIST, 0, 0, "status pool provider search sort ",
     "list [--status S] [--pool P] [--provider P] [--search TEXT] [--sort FIELD]", "shows keys, secrets masked"},
    {SLICE_INIT(""), SLICE_INIT("add"), KEYS_ADD, 1, 1, "pool notes provider ",
     "add KEY|- [--pool P] [--notes TEXT] [--provider P]", "adds one key; - reads it from standard input"},
    {SLICE_INIT(""), SLICE_INIT("import"), KEYS_IMPORT, 1, 1, "pool notes ", "import FILE|- [--pool P] [--notes TEXT]",
     "adds many, one per line; - reads standard input"},
    {SLICE_INIT(""), SLICE_INIT("test"), KEYS_TEST, 0, ANY_NUMBER, "all status pool ",
     "test ID… | --all [--status S] [--pool P]", "one small request with each; needs a running gateway"},
    {SLICE_INIT(""), SLICE_INIT("export"), KEYS_EXPORT, 0, 0, "status pool format output ",
     "export [--status S] [--pool P] [--format txt|json] [--output FILE]", "writes keys in the clear"},
    {SLICE_INIT(""), SLICE_INIT("enable"), KEYS_ENABLE, 1, ANY_NUMBER, "", "enable ID…", "ends a ban, too"},
    {SLICE_INIT(""), SLICE_INIT("disable"), KEYS_DISABLE, 1, ANY_NUMBER, "", "disable ID…", ""},
    {SLICE_INIT(""), SLICE_INIT("remove"), KEYS_REMOVE, 0, ANY_NUMBER, "status ",
     "remove ID… | --status disabled|banned", ""},
    {SLICE_INIT("pool"), SLICE_INIT("list"), KEYS_POOL_LIST, 0, 0, "", "pool list", "shows pools with their keys"},
    {SLICE_INIT("pool"), SLICE_INIT("add"), KEYS_POOL_ADD, 1, 1, "name priority description ",
     "pool add ID --priority N [--name TEXT] [--description TEXT]", "the least number serves first"},
    {SLICE_INIT("pool"), SLICE_INIT("change"), KEYS_POOL_CHANGE, 1, 1, "name priority description ",
     "pool change ID [--priority N] [--name TEXT] [--description TEXT]", ""},
    {SLICE_INIT("pool"), SLICE_INIT("remove"), KEYS_POOL_REMOVE, 1, 1, "", "pool remove ID", "its keys go to default"},
    {SLICE_INIT("pool"), SLICE_INIT("move"), KEYS_POOL_MOVE, 1, ANY_NUMBER, "pool ", "pool move ID… --pool P",
     "moves keys"},
};

struct option_row {
    const char *name;
    bool is_flag;
    size_t offset;
    const char *words; // that a value may be, each with a space behind it; NULL: any
};

#define FIELD(member) offsetof(struct keys_options, member)

static const struct option_row option_rows[] = {
    {"json", true, FIELD(is_json), NULL},
    {"help", true, FIELD(wants_help), NULL},
    {"all", true, FIELD(is_all), NULL},
    {"status", false, FIELD(status), "all active disabled banned "},
    {"pool", false, FIELD(pool), NULL},
    {"provider", false, FIELD(provider), NULL},
    {"search", false, FIELD(search), NULL},
    {"sort", false, FIELD(sort), NULL},
    {"notes", false, FIELD(notes), NULL},
    {"name", false, FIELD(name), NULL},
    {"description", false, FIELD(description), NULL},
    {"priority", false, FIELD(priority), NULL},
    {"format", false, FIELD(format), "txt json "},
    {"output", false, FIELD(output), NULL},
};

static bool has_word(const char *words, struct slice word)
{
    struct slice rest = slice_from_cstr(words);
    while (rest.len > 0) {
        if (slice_eq(slice_split(&rest, ' '), word)) {
            return true;
        }
    }
    return false;
}

static const struct verb_row *find_verb(struct slice group, struct slice word)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
        if (slice_eq(verbs[i].group, group) && slice_eq(verbs[i].word, word)) {
            return &verbs[i];
        }
    }
    return NULL;
}

static const struct option_row *find_option(struct slice name)
{
    for (size_t i = 0; i < sizeof(option_rows) / sizeof(*option_rows); i++) {
        if (slice_eq(slice_from_cstr(option_rows[i].name), name)) {
            return &option_rows[i];
        }
    }
    return NULL;
}

// ---- reading --------------------------------------------------------------------------------------------------------

// Arguments in their order, and what they say.
struct reading {
    struct keys_options *options;
    const struct verb_row *verb;
    struct slice group;
    char **argv;
    int argc;
    int at;
    bool is_plain; // behind "--" everything is an operand
    struct buf *problem;
};

static bool read_operand(struct reading *reading, const char *argument)
{
    struct slice word = slice_from_cstr(argument);
    if (reading->verb) {
        reading->options->operands[reading->options->n_operands++] = argument;
        return true;
    }
    if (reading->group.len == 0 && slice_eq(word, SLICE("pool"))) {
        reading->group = word;
        return true;
    }
    reading->verb = find_verb(reading->group, word);
    if (!reading->verb) {
        buf_printf(reading->problem, "there is no command \"keys %.*s%s%s\"", SLICE_ARG(reading->group),
                   reading->group.len ? " " : "", argument);
    }
    return reading->verb != NULL;
}

// Is it an option of this verb? Some belong to all.
static bool is_allowed(const struct verb_row *verb, struct slice name)
{
    return slice_eq(name, SLICE("json")) || slice_eq(name, SLICE("help")) || has_word(verb->options, name);
}

static bool read_value(struct reading *reading, const struct option_row *row, struct slice value)
{
    struct slice *field = (struct slice *)(void *)((char *)reading->options + row->offset);
    if (!value.ptr) {
        if (reading->at == reading->argc) {
            buf_printf(reading->problem, "--%s wants a value", row->name);
            return false;
        }
        value = slice_from_cstr(reading->argv[reading->at++]);
    }
    if (row->words && !has_word(row->words, value)) {
        buf_printf(reading->problem, "--%s is \"%.*s\"; it may be one of: %s", row->name, SLICE_ARG(value), row->words);
        reading->problem->len--; // the space behind the last word
        return false;
    }
    *field = value;
    return true;
}

static bool read_option(struct reading *reading, struct slice text)
{
    struct slice value = text;
    struct slice name = slice_split(&value, '=');
    const struct option_row *row = find_option(name);
    if (row && reading->verb && !is_allowed(reading->verb, name)) {
        buf_printf(reading->problem, "--%s has no meaning here; usage: droid2api keys %s", row->name,
                   reading->verb->usage);
        return false;
    }
    if (!row || (row->is_flag && value.ptr)) {
        buf_printf(reading->problem, "unknown option --%.*s", SLICE_ARG(text));
        return false;
    }
    if (row->is_flag) {
        *(bool *)(void *)((char *)reading->options + row->offset) = true;
        return true;
    }
    if (!reading->verb) {
        buf_printf(reading->problem, "--%s comes behind the command", row->name);
        return false;
    }
    return read_value(reading, row, value);
}

static bool read_argument(struct reading *reading)
{
    const char *argument = reading->argv[reading->at++];
    struct slice text = slice_from_cstr(argument);
    if (reading->is_plain || !slice_starts_with(text, SLICE("--"))) {
        return read_operand(reading, argument);
    }
    if (text.len == 2) {
        reading->is_plain = true;
        return true;
    }
    return read_option(reading, slice_after(text, 2));
}

// Things that only make sense together, or apart.
static const char *find_contradiction(const struct keys_options *options)
{
    bool has_ids = options->n_operands > 0;
    switch (options->verb) {
    case KEYS_TEST:
        if (has_ids == options->is_all) {
            return "wants ids of keys, or --all";
        }
        return has_ids && (options->status.ptr || options->pool.ptr) ? "--status and --pool go with --all" : NULL;
    case KEYS_REMOVE:
        if (has_ids == (options->status.ptr != NULL)) {
            return "wants ids of keys, or --status";
        }
        return options->status.ptr && !has_word("disabled banned ", options->status)
                   ? "--status may be disabled or banned"
                   : NULL;
    case KEYS_POOL_ADD: return options->priority.ptr ? NULL : "wants --priority";
    case KEYS_POOL_CHANGE:
        return options->priority.ptr || options->name.ptr || options->description.ptr
                   ? NULL
                   : "wants --priority, --name or --description";
    case KEYS_POOL_MOVE: return options->pool.ptr ? NULL : "wants --pool";
    case KEYS_LIST:
    case KEYS_ADD:
    case KEYS_IMPORT:
    case KEYS_EXPORT:
    case KEYS_ENABLE:
    case KEYS_DISABLE:
    case KEYS_POOL_LIST:
    case KEYS_POOL_REMOVE: break;
    }
    return NULL;
}

static bool check(struct reading *reading)
{
    const struct verb_row *verb = reading->verb;
    struct keys_options *options = reading->options;
    uint64_t priority;
    if (!verb) {
        buf_printf(reading->problem, "a command is missing");
        return false;
    }
    options->verb = verb->verb;
    const char *problem = NULL;
    if (options->n_operands < (size_t)verb->least) {
        problem = "something is missing";
    } else if (options->n_operands > (size_t)verb->most) {
        problem = "that is too much";
    } else if (options->priority.ptr && (!slice_to_u64(options->priority, &priority) || priority > INT32_MAX)) {
        problem = "--priority is a number from 0 to 2147483647";
    } else {
        problem = find_contradiction(options);
    }
    if (problem) {
        buf_printf(reading->problem, "keys %.*s%s%.*s: %s; usage: droid2api keys %s", SLICE_ARG(verb->group),
                   verb->group.len ? " " : "", SLICE_ARG(verb->word), problem, verb->usage);
    }
    return !problem;
}

bool keys_options_read(struct keys_options *options, int argc, char **argv, struct buf *problem)
{
    struct reading reading = {.options = options, .argv = argv, .argc = argc, .problem = problem};
    *options = (struct keys_options){.wants_help = argc == 0};
    options->operands = mem_zalloc(((size_t)argc + 1) * sizeof(*options->operands));
    while (reading.at < argc) {
        if (!read_argument(&reading)) {
            return false;
        }
    }
    return options->wants_help || check(&reading);
}

void keys_options_deinit(struct keys_options *options)
{
    mem_free(options->operands);
}

void keys_options_help(struct buf *out)
{
    buf_append(
        out, SLICE("Usage: droid2api keys COMMAND, where the gateway runs (or in its folder, when it does not):\n\n"));
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
        buf_printf(out, "  %s\n", verbs[i].usage);
        if (*verbs[i].help) {
            buf_printf(out, "        %s\n", verbs[i].help);
        }
    }
    buf_append(
        out,
        SLICE(
            "\n"
            "  --json  prints what the admin API answers instead of a table\n"
            "  --help  prints this\n\n"
            "ID is the id of a key as `list` shows it. A running gateway is asked through its admin API, with\n"
            "ADMIN_ACCESS_KEY from the environment or .env; without one, data/key_pool.json is worked on directly.\n"
            "Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 the gateway or its data cannot be reached.\n"));
}

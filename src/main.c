// SPDX-License-Identifier: MIT
// Arguments → configuration → process.
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/drill_command.h"
#include "cli/keys_command.h"
#include "config/config.h"
#include "process/solo.h"

enum { EXIT_OK = 0, EXIT_CONFIG = 1, EXIT_USAGE = 2 };

static void print_help(void)
{
    struct buf settings = BUF_EMPTY;
    config_describe_settings(&settings);
    printf("droid2api %s: an LLM API gateway\n\n"
           "Usage: droid2api [--help | --version | --check-config]\n"
           "       droid2api keys [--help | COMMAND …]\n"
           "       droid2api drill [--help | OPTION…]\n\n"
           "Without an option it runs the gateway until SIGTERM or SIGINT. SIGHUP reloads the configuration.\n\n"
           "  --check-config  reads .env, the environment and config.json, says what is wrong, and exits\n"
           "  --version       prints the version\n"
           "  keys            lists, adds, imports, tests, exports … the keys of the pool\n"
           "  drill           plays sixteen failures of a provider against these settings\n"
           "  --help          prints this\n\n"
           "Settings (environment, or .env in the working folder):\n\n%.*s",
           DROID2API_VERSION, SLICE_ARG(buf_slice(&settings)));
    buf_deinit(&settings);
}

static struct config *load(const struct config_sources *sources)
{
    struct buf errors = BUF_EMPTY;
    struct buf warnings = BUF_EMPTY;
    struct config *config = config_load(sources, &errors, &warnings);
    fprintf(stderr, "%.*s%.*s", SLICE_ARG(buf_slice(&warnings)), SLICE_ARG(buf_slice(&errors)));
    buf_deinit(&errors);
    buf_deinit(&warnings);
    return config;
}

static int check_config(void)
{
    struct config_sources sources = {.environment = environ, .dotenv_path = ".env"};
    struct config *config = load(&sources);
    if (!config) {
        return EXIT_CONFIG;
    }
    printf("The configuration is good: %zu models, %zu endpoints.\n", config->n_models, config->n_endpoints);
    config_unref(config);
    return EXIT_OK;
}

// Keys are in memory: no core file may show them. Connections need file descriptors: as many as we may have.
static void set_resource_limits(void)
{
    struct rlimit limit = {0, 0};
    setrlimit(RLIMIT_CORE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run(void)
{
    static const char dotenv[] = ".env";
    struct config_sources sources = {.environment = environ, .dotenv_path = dotenv, .create_file = true};
    umask(077);
    set_resource_limits();
    struct config *config = load(&sources);
    return config ? solo_run_take(config, &sources) : EXIT_CONFIG;
}

int main(int argc, char **argv)
{
    if (argc == 1) {
        return run();
    }
    if (strcmp(argv[1], "keys") == 0) {
        return keys_command_run(argc - 2, argv + 2);
    }
    if (strcmp(argv[1], "drill") == 0) {
        return drill_command_run(argc - 2, argv + 2);
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help();
        return EXIT_OK;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("droid2api %s\n", DROID2API_VERSION);
        return EXIT_OK;
    }
    if (argc == 2 && strcmp(argv[1], "--check-config") == 0) {
        return check_config();
    }
    fprintf(stderr, "droid2api: unknown option '%s'. Try: droid2api --help\n", argv[1]);
    return EXIT_USAGE;
}

// SPDX-License-Identifier: MIT
#include "config/config_fixture.h"

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENVIRONMENT_MAX = 64 };

int config_fixture_setup(void **state)
{
    struct config_fixture *f = mem_zalloc(sizeof(*f));
    snprintf(f->folder, sizeof(f->folder), "/tmp/config_test.XXXXXX");
    f->outside = getcwd(NULL, 0);
    *state = f;
    return f->outside && mkdtemp(f->folder) && chdir(f->folder) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int config_fixture_teardown(void **state)
{
    struct config_fixture *f = *state;
    config_unref(f->config);
    buf_deinit(&f->errors);
    buf_deinit(&f->warnings);
    int r = chdir(f->outside);
    nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(f->outside);
    mem_free(f);
    return r;
}

void config_fixture_write(const char *path, const char *text)
{
    char folder[128];
    const char *slash = strrchr(path, '/');
    if (!text) {
        remove(path);
        return;
    }
    if (slash) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
        mkdir(folder, 0700);
    }
    FILE *file = fopen(path, "wb");
    assert(file);
    size_t len = strlen(text);
    size_t written = fwrite(text, 1, len, file);
    assert(written == len);
    fclose(file);
}

struct config *config_fixture_load(struct config_fixture *f, const char *environment, bool create_file)
{
    char *variables[ENVIRONMENT_MAX] = {NULL};
    char *text = strdup(environment ? environment : "");
    char *rest = text;
    for (size_t n = 0; rest && *rest && n + 1 < ENVIRONMENT_MAX;) {
        variables[n++] = strsep(&rest, "\n");
    }
    struct config_sources sources = {.environment = variables, .dotenv_path = ".env", .create_file = create_file};
    config_unref(f->config);
    buf_clear(&f->errors);
    buf_clear(&f->warnings);
    f->config = config_load(&sources, &f->errors, &f->warnings);
    free(text);
    return f->config;
}

static const char *text_of(struct buf *buf)
{
    buf_reserve(buf, 1)[0] = '\0';
    return buf->ptr;
}

const char *config_fixture_errors(struct config_fixture *f)
{
    return text_of(&f->errors);
}

const char *config_fixture_warnings(struct config_fixture *f)
{
    return text_of(&f->warnings);
}

// SPDX-License-Identifier: MIT
#include "account/token_file.h"

#include <errno.h>

#include "base/fnv.h"
#include "base/hex.h"
#include "base/log.h"
#include "config/text_file.h"
#include "store/durable_file.h"

enum { TOKEN_FILE_MAX = 256 * 1024 };

// By which tokens in the file are known to descend from a refresh key, without telling it.
static struct slice source_name(struct slice seed, struct arena *arena)
{
    char hash[HEX_U64_LEN];
    hex_write_u64(hash, fnv_add(FNV_START, seed));
    return arena_printf(arena, "fnv1a:%.*s", HEX_U64_LEN, hash);
}

static bool is_auth_document(void *arg, struct slice text)
{
    struct arena arena;
    struct auth_document document;
    (void)arg;
    arena_init(&arena, 4096);
    bool is_one = auth_document_read(text, &arena, &document);
    arena_deinit(&arena);
    return is_one;
}

static bool read_own_file(const struct token_places *places, struct arena *arena, struct auth_document *document_r)
{
    enum durable_state state;
    struct slice text = SLICE_EMPTY;
    struct slice explained = SLICE_EMPTY;
    int r = durable_read(places->folder, TOKEN_FILE, TOKEN_FILE_MAX, is_auth_document, NULL, arena, &state, &text,
                         &explained);
    if (explained.len) {
        log_warn("account", "%.*s", SLICE_ARG(explained));
    }
    if (r < 0) {
        log_error("account", "%s/%s cannot be read: %s", places->folder, TOKEN_FILE, strerror(-r));
        return false;
    }
    bool is_there = state == DURABLE_READ || state == DURABLE_RECOVERED;
    return is_there && auth_document_read(text, arena, document_r);
}

static bool read_home_file(const struct token_places *places, struct arena *arena, struct auth_document *document_r)
{
    struct slice text;
    if (!places->home) {
        return false;
    }
    const char *path = arena_printf(arena, "%s/.factory/%s%c", places->home, TOKEN_FILE, '\0').ptr;
    int r = text_file_read(path, arena, TOKEN_FILE_MAX, &text);
    if (r == -ENOENT || r == -ENOTDIR) {
        return false;
    }
    if (r < 0) {
        log_warn("account", "%s cannot be read: %s", path, strerror(-r));
        return false;
    }
    if (!auth_document_read(text, arena, document_r)) {
        log_warn("account", "%s is no JSON object and is ignored", path);
        return false;
    }
    document_r->source = SLICE_EMPTY;
    return true;
}

unsigned token_file_find(const struct token_places *places, struct arena *arena, struct auth_document *tokens_r)
{
    struct auth_document own = {0};
    bool has_own = read_own_file(places, arena, &own);
    if (places->seed.len) {
        struct slice name = source_name(places->seed, arena);
        bool descends = slice_eq(own.source, name) || slice_eq(own.refresh_token, places->seed);
        *tokens_r = descends && own.refresh_token.len ? own : (struct auth_document){.refresh_token = places->seed};
        tokens_r->source = name;
        return 3;
    }
    *tokens_r = own;
    bool has_any =
        (has_own && (own.refresh_token.len || own.access_token.len)) ||
        (read_home_file(places, arena, tokens_r) && (tokens_r->refresh_token.len || tokens_r->access_token.len));
    return has_any ? 4 : 0;
}

int token_file_save(const char *folder, const struct auth_document *tokens)
{
    struct buf text = BUF_EMPTY;
    struct slice old = SLICE_EMPTY;
    struct arena arena;
    arena_init(&arena, 4096);
    const char *path = arena_printf(&arena, "%s/%s%c", folder, TOKEN_FILE, '\0').ptr;
    int r = text_file_read(path, &arena, TOKEN_FILE_MAX, &old);
    auth_document_write(r < 0 ? SLICE_EMPTY : old, tokens, &text);
    r = durable_write(folder, TOKEN_FILE, buf_slice(&text));
    buf_deinit(&text);
    arena_deinit(&arena);
    return r;
}

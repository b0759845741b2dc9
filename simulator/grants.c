// SPDX-License-Identifier: MIT
#include "simulator/grants.h"

#include "http/url.h"
#include "json/json_writer.h"

static const struct slice access_prefix = SLICE_INIT("at-");

struct family {
    uint64_t n_calls;
    uint64_t n_granted;
    uint64_t generation; // of the refresh token that is good
    size_t name_len;
    char name[];
};

struct token {
    int64_t ends_ms; // INT64_MAX: never
    char text[];
};

void grants_init(struct grants *grants)
{
    map_init(&grants->_families);
    map_init(&grants->_tokens);
}

static void forget_all(struct map *map)
{
    const struct map_entry *entry;
    for (size_t at = 0; (entry = map_next(map, &at));) {
        mem_free(entry->value);
    }
    map_deinit(map);
}

void grants_forget(struct grants *grants)
{
    forget_all(&grants->_families);
    forget_all(&grants->_tokens);
}

void grants_deinit(struct grants *grants)
{
    grants_forget(grants);
}

// ---- the form -------------------------------------------------------------------------------------------------------

// In a form, unlike elsewhere in a URL, '+' is a space.
static struct slice spaces_for_pluses(struct arena *arena, struct slice text)
{
    char *copy = arena_cstr(arena, text);
    for (size_t i = 0; i < text.len; i++) {
        copy[i] = copy[i] == '+' ? ' ' : copy[i];
    }
    return slice_of(copy, text.len);
}

bool grants_read_form(struct grant_form *form, struct arena *arena, struct slice body)
{
    struct slice plain = spaces_for_pluses(arena, body);
    return url_query_get(arena, plain, SLICE("grant_type"), &form->grant_type) &&
           url_query_get(arena, plain, SLICE("refresh_token"), &form->refresh_token) && form->refresh_token.len > 0 &&
           url_query_get(arena, plain, SLICE("client_id"), &form->client_id) && form->client_id.len > 0;
}

// ---- families -------------------------------------------------------------------------------------------------------

// "rt-one.3~rotate=1": name, generation, and directives with their '~'.
struct refresh_parts {
    struct slice family;
    uint64_t generation;
    struct slice directives;
};

static struct refresh_parts parts_of(struct slice token)
{
    struct slice rest = token;
    struct slice name = slice_split(&rest, '~');
    struct refresh_parts parts = {.family = name, .directives = slice_after(token, name.len)};
    size_t dot = name.len;
    while (dot > 0 && name.ptr[dot - 1] != '.') {
        dot--;
    }
    if (dot > 0 && slice_to_u64(slice_after(name, dot), &parts.generation)) {
        parts.family = slice_of(name.ptr, dot - 1);
    }
    return parts;
}

struct slice grants_family(struct slice refresh_token)
{
    return parts_of(refresh_token).family;
}

static struct family *open_family(struct grants *grants, struct slice name)
{
    struct family *family = map_find(&grants->_families, name);
    if (!family) {
        if (grants->_families.n_entries == GRANTS_MAX) {
            forget_all(&grants->_families);
        }
        family = mem_zalloc(sizeof(*family) + name.len + 1);
        family->name_len = name.len;
        memcpy(family->name, name.len ? name.ptr : "", name.len);
        map_set(&grants->_families, slice_of(family->name, name.len), family);
    }
    return family;
}

void grants_count(struct grants *grants, struct slice refresh_token)
{
    open_family(grants, grants_family(refresh_token))->n_calls++;
}

// ---- tokens ---------------------------------------------------------------------------------------------------------

static void remember(struct grants *grants, struct slice text, int64_t ends_ms)
{
    if (grants->_tokens.n_entries == GRANTS_MAX) {
        forget_all(&grants->_tokens);
    }
    struct token *token = mem_zalloc(sizeof(*token) + text.len);
    token->ends_ms = ends_ms;
    memcpy(token->text, text.ptr, text.len);
    mem_free(map_set(&grants->_tokens, slice_of(token->text, text.len), token));
}

bool grants_exchange(struct grants *grants, struct arena *arena, struct slice refresh_token,
                     const struct script *script, int64_t now_ms, struct grant *grant_r)
{
    struct refresh_parts parts = parts_of(refresh_token);
    struct family *family = open_family(grants, parts.family);
    if (parts.generation != family->generation) {
        return false;
    }
    family->n_granted++;
    grant_r->refresh_token = refresh_token;
    if (script->rotate) {
        family->generation++;
        grant_r->refresh_token = arena_printf(arena, "%.*s.%llu%.*s", SLICE_ARG(parts.family),
                                              (unsigned long long)family->generation, SLICE_ARG(parts.directives));
    }
    grant_r->access_token =
        arena_printf(arena, "%.*s%.*s-%llu%s%.*s", SLICE_ARG(access_prefix), SLICE_ARG(parts.family),
                     (unsigned long long)family->n_granted, script->grant.len ? "~" : "", SLICE_ARG(script->grant));
    remember(grants, grant_r->access_token,
             script->expires == SCRIPT_NONE ? INT64_MAX : now_ms + script->expires * 1000);
    return true;
}

bool grants_accept(const struct grants *grants, struct slice credential, int64_t now_ms)
{
    if (!slice_starts_with(credential, access_prefix)) {
        return true;
    }
    const struct token *token = map_find(&grants->_tokens, credential);
    return token && now_ms < token->ends_ms;
}

void grants_write(const struct grants *grants, struct buf *out)
{
    struct json_writer w;
    const struct map_entry *entry;
    json_writer_init(&w, out);
    json_begin_object(&w);
    for (size_t at = 0; (entry = map_next(&grants->_families, &at));) {
        const struct family *family = entry->value;
        json_key(&w, slice_of(family->name, family->name_len));
        json_begin_object(&w);
        json_member_int(&w, SLICE("calls"), (int64_t)family->n_calls);
        json_member_int(&w, SLICE("granted"), (int64_t)family->n_granted);
        json_end_object(&w);
    }
    json_end_object(&w);
}

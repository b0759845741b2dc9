// SPDX-License-Identifier: MIT
// One walk over endpoints and proxies serves both ways: each secret is replaced by a mask, or each mask by a secret.
#include "admin/config_secrets.h"

#include "http/url.h"
#include "json/json_splice.h"
#include "json/json_writer.h"

struct walk {
    const struct json_doc *doc;
    const struct json_doc *before; // NULL: secrets are hidden; else masks are replaced by its secrets
    struct arena *arena;
    struct json_splice splice;
    struct slice problem; // the first one
};

static void put_problem(struct walk *walk, struct slice where)
{
    if (walk->problem.len == 0) {
        walk->problem = arena_printf(walk->arena,
                                     "%.*s has the mask " CONFIG_SECRETS_MASK ", but there is no secret that it could "
                                     "stand for: send the secret itself.",
                                     SLICE_ARG(where));
    }
}

static struct slice quoted(struct arena *arena, struct slice text)
{
    struct buf out = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &out);
    json_write_string(&w, text);
    struct slice raw = arena_dup(arena, buf_slice(&out));
    buf_deinit(&out);
    return raw;
}

// ---- members --------------------------------------------------------------------------------------------------------

// "auth" as the whole name is the setting that says how to send a credential.
static bool names_secret(struct arena *arena, struct slice name)
{
    static const struct slice words[] = {SLICE_INIT("auth"),   SLICE_INIT("key"),       SLICE_INIT("token"),
                                         SLICE_INIT("secret"), SLICE_INIT("cookie"),    SLICE_INIT("password"),
                                         SLICE_INIT("passwd"), SLICE_INIT("credential")};
    char *lower = arena_text(arena, name.len);
    for (size_t i = 0; i < name.len; i++) {
        lower[i] = (char)(name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? name.ptr[i] + ('a' - 'A') : name.ptr[i]);
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (slice_find(slice_of(lower, name.len), words[i]) != SLICE_NOT_FOUND) {
            return !slice_eq(name, words[0]);
        }
    }
    return false;
}

static const struct json_node *find_nocase(const struct walk *walk, const struct json_node *object, struct slice name)
{
    const struct json_node *exact = json_get(walk->before, object, name);
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    while (!exact && json_next_member(walk->before, object, &key, &value)) {
        if (slice_eq_nocase(json_string(walk->before, key, walk->arena), name)) {
            return value;
        }
    }
    return exact;
}

static bool is_empty(const struct json_doc *doc, const struct json_node *value)
{
    return !json_is(value, JSON_STRING) || json_string_is(doc, value, SLICE_EMPTY);
}

static void visit_members(struct walk *walk, struct slice where, const struct json_node *object,
                          const struct json_node *old_object)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    while (json_next_member(walk->doc, object, &key, &value)) {
        struct slice name = json_string(walk->doc, key, walk->arena);
        if (is_empty(walk->doc, value) || !names_secret(walk->arena, name)) {
            continue;
        }
        if (!walk->before) {
            json_splice_replace(&walk->splice, value, SLICE("\"" CONFIG_SECRETS_MASK "\""));
            continue;
        }
        const struct json_node *old = find_nocase(walk, old_object, name);
        if (!json_string_is(walk->doc, value, SLICE(CONFIG_SECRETS_MASK))) {
            continue;
        }
        if (is_empty(walk->before, old)) {
            put_problem(walk, arena_printf(walk->arena, "%.*s[\"%.*s\"]", SLICE_ARG(where), SLICE_ARG(name)));
        } else {
            json_splice_replace(&walk->splice, value, json_raw(walk->before, old));
        }
    }
}

// ---- URLs -----------------------------------------------------------------------------------------------------------

// What nobody may see of it: the password, or the user where there is nothing else. Empty: there is no such thing.
static struct slice secret_of_url(struct slice text)
{
    struct url url;
    if (url_parse(&url, text) != 0) {
        return SLICE_EMPTY;
    }
    size_t colon = slice_find_char(url.userinfo, ':');
    return colon == SLICE_NOT_FOUND ? url.userinfo : slice_after(url.userinfo, colon + 1);
}

static struct slice with_secret(struct arena *arena, struct slice url, struct slice secret)
{
    struct slice gone = secret_of_url(url);
    if (gone.len == 0) {
        return url;
    }
    size_t before = (size_t)(gone.ptr - url.ptr);
    const struct slice parts[] = {slice_of(url.ptr, before), secret, slice_after(url, before + gone.len)};
    return arena_concat(arena, parts, 3);
}

static struct slice url_of(const struct walk *walk, const struct json_doc *doc, const struct json_node *element)
{
    return json_string(doc, json_get(doc, element, SLICE("url")), walk->arena);
}

static void visit_url(struct walk *walk, struct slice where, const struct json_node *value,
                      const struct json_node *old_element)
{
    struct slice url = json_string(walk->doc, value, walk->arena);
    struct slice secret = secret_of_url(url);
    struct slice put = SLICE(CONFIG_SECRETS_MASK);
    if (secret.len == 0) {
        return;
    }
    if (walk->before) {
        if (!slice_eq(secret, put)) {
            return;
        }
        put = old_element ? secret_of_url(url_of(walk, walk->before, old_element)) : SLICE_EMPTY;
        if (put.len == 0) {
            put_problem(walk, arena_printf(walk->arena, "%.*s.url", SLICE_ARG(where)));
            return;
        }
    }
    json_splice_replace(&walk->splice, value, quoted(walk->arena, with_secret(walk->arena, url, put)));
}

// ---- sections -------------------------------------------------------------------------------------------------------

static struct slice name_of(const struct walk *walk, const struct json_doc *doc, const struct json_node *element)
{
    return json_string(doc, json_get(doc, element, SLICE("name")), walk->arena);
}

// Is this what `element` was? Without names, URLs tell, which then have no other part that is hidden.
static bool is_same(const struct walk *walk, const struct json_node *element, const struct json_node *old)
{
    struct slice name = name_of(walk, walk->doc, element);
    struct slice old_name = name_of(walk, walk->before, old);
    if (name.len || old_name.len) {
        return slice_eq(name, old_name);
    }
    struct slice mask = SLICE(CONFIG_SECRETS_MASK);
    struct slice old_url = url_of(walk, walk->before, old);
    return old_url.len && slice_eq(url_of(walk, walk->doc, element), with_secret(walk->arena, old_url, mask));
}

static const struct json_node *find_before(const struct walk *walk, struct slice section,
                                           const struct json_node *element)
{
    if (!walk->before) {
        return NULL;
    }
    const struct json_node *list = json_get(walk->before, json_root(walk->before), section);
    const struct json_node *old = NULL;
    while (json_next_element(walk->before, list, &old)) {
        if (is_same(walk, element, old)) {
            return old;
        }
    }
    return NULL;
}

// Of several members of one name only the last one is read, but all of them are shown.
static void visit_element(struct walk *walk, struct slice where, const struct json_node *element,
                          const struct json_node *old)
{
    struct slice headers = arena_printf(walk->arena, "%.*s.headers", SLICE_ARG(where));
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    visit_members(walk, where, element, old);
    while (json_next_member(walk->doc, element, &key, &value)) {
        if (json_string_is(walk->doc, key, SLICE("headers"))) {
            visit_members(walk, headers, value, json_get(walk->before, old, SLICE("headers")));
        } else if (json_string_is(walk->doc, key, SLICE("url"))) {
            visit_url(walk, where, value, old);
        }
    }
}

static void visit_section(struct walk *walk, struct slice section)
{
    const struct json_node *list = json_get(walk->doc, json_root(walk->doc), section);
    const struct json_node *element = NULL;
    for (size_t i = 0; json_next_element(walk->doc, list, &element); i++) {
        struct slice where = arena_printf(walk->arena, "%.*s[%zu]", SLICE_ARG(section), i);
        visit_element(walk, where, element, find_before(walk, section, element));
    }
}

static struct slice result_of(struct walk *walk)
{
    json_splice_init(&walk->splice, walk->arena, walk->doc);
    visit_section(walk, SLICE("endpoint"));
    visit_section(walk, SLICE("proxies"));
    size_t n;
    size_t len;
    struct slice *pieces = json_splice_result(&walk->splice, &n, &len);
    return arena_concat(walk->arena, pieces, n);
}

struct slice config_secrets_hide(const struct json_doc *doc, struct arena *arena)
{
    struct walk walk = {.doc = doc, .arena = arena};
    return result_of(&walk);
}

bool config_secrets_restore(const struct json_doc *doc, const struct json_doc *before, struct arena *arena,
                            struct slice *text_r, struct slice *problem_r)
{
    struct walk walk = {.doc = doc, .before = before, .arena = arena};
    struct slice text = result_of(&walk);
    if (walk.problem.len) {
        *problem_r = walk.problem;
        return false;
    }
    *text_r = text;
    return true;
}

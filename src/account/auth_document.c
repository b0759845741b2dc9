// SPDX-License-Identifier: MIT
#include "account/auth_document.h"

#include "account/json_time.h"
#include "base/clock.h"
#include "json/json_splice.h"
#include "json/json_writer.h"

static bool parse(struct json_doc *doc, struct arena *arena, struct slice text)
{
    if (slice_starts_with(text, SLICE("\xef\xbb\xbf"))) {
        text = slice_after(text, 3);
    }
    return json_parse(doc, arena, text, NULL) == 0 && json_is(json_root(doc), JSON_OBJECT);
}

static struct slice token_of(const struct json_doc *doc, struct slice name, struct arena *arena)
{
    struct slice token = arena_dup(arena, json_string(doc, json_get(doc, json_root(doc), name), arena));
    return slice_is_visible(token) ? token : SLICE_EMPTY;
}

bool auth_document_read(struct slice text, struct arena *arena, struct auth_document *document_r)
{
    struct json_doc doc;
    if (!parse(&doc, arena, text)) {
        return false;
    }
    const struct json_node *root = json_root(&doc);
    struct slice access_token = token_of(&doc, SLICE("api_key"), arena);
    *document_r = (struct auth_document){
        .refresh_token = token_of(&doc, SLICE("refresh_token"), arena),
        .access_token = access_token.len ? access_token : token_of(&doc, SLICE("access_token"), arena),
        .source = token_of(&doc, SLICE("source"), arena),
        .expires_ms = json_time_ms(&doc, json_get(&doc, root, SLICE("expires_at"))),
        .refreshed_ms = json_time_ms(&doc, json_get(&doc, root, SLICE("last_refresh"))),
    };
    return true;
}

struct auth_document auth_document_dup(struct arena *arena, const struct auth_document *document)
{
    return (struct auth_document){
        .refresh_token = arena_dup(arena, document->refresh_token),
        .access_token = arena_dup(arena, document->access_token),
        .source = arena_dup(arena, document->source),
        .expires_ms = document->expires_ms,
        .refreshed_ms = document->refreshed_ms,
    };
}

// ---- writing --------------------------------------------------------------------------------------------------------

// What is being edited.
struct editing {
    struct json_doc doc;
    struct json_splice splice;
    struct arena arena;
};

static void set_text(struct editing *editing, struct slice name, struct slice text)
{
    struct buf quoted = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &quoted);
    json_write_string(&w, text);
    json_splice_set(&editing->splice, json_root(&editing->doc), name, arena_dup(&editing->arena, buf_slice(&quoted)));
    buf_deinit(&quoted);
}

static void set_time(struct editing *editing, struct slice name, int64_t wall_ms)
{
    const struct json_node *old = json_get(&editing->doc, json_root(&editing->doc), name);
    char text[CLOCK_ISO8601_SIZE];
    if (json_is(old, JSON_STRING)) {
        clock_format_iso8601(text, wall_ms);
        set_text(editing, name, slice_of(text, CLOCK_ISO8601_SIZE - 1));
        return;
    }
    json_splice_set(&editing->splice, json_root(&editing->doc), name,
                    arena_printf(&editing->arena, "%lld", (long long)wall_ms));
}

static void set_access_token(struct editing *editing, struct slice token)
{
    const struct json_node *root = json_root(&editing->doc);
    bool has_other = json_get(&editing->doc, root, SLICE("access_token")) != NULL;
    if (has_other) {
        set_text(editing, SLICE("access_token"), token);
    }
    if (!has_other || json_get(&editing->doc, root, SLICE("api_key"))) {
        set_text(editing, SLICE("api_key"), token);
    }
}

static void set_all(struct editing *editing, const struct auth_document *document)
{
    set_text(editing, SLICE("refresh_token"), document->refresh_token);
    set_access_token(editing, document->access_token);
    set_time(editing, SLICE("expires_at"), document->expires_ms);
    set_time(editing, SLICE("last_refresh"), document->refreshed_ms);
    if (document->source.len) {
        set_text(editing, SLICE("source"), document->source);
    } else {
        json_splice_remove(&editing->splice, json_root(&editing->doc), SLICE("source"));
    }
}

void auth_document_write(struct slice text, const struct auth_document *document, struct buf *out)
{
    struct editing editing;
    size_t n;
    size_t len;
    arena_init(&editing.arena, 4096);
    if (!parse(&editing.doc, &editing.arena, text)) {
        bool is_empty_object = parse(&editing.doc, &editing.arena, SLICE("{}"));
        (void)is_empty_object;
    }
    json_splice_init(&editing.splice, &editing.arena, &editing.doc);
    set_all(&editing, document);
    struct slice *pieces = json_splice_result(&editing.splice, &n, &len);
    buf_reserve(out, len);
    for (size_t i = 0; i < n; i++) {
        buf_append(out, pieces[i]);
    }
    arena_deinit(&editing.arena);
}

// SPDX-License-Identifier: MIT
#include "dialect/adjust.h"

#include "dialect/dialect_internal.h"

struct slice adjust_quote(struct json_splice *splice, struct slice text)
{
    return adjust_wrap(splice, "", text, "");
}

struct slice adjust_wrap(struct json_splice *splice, const char *before, struct slice text, const char *after)
{
    struct buf buf = BUF_EMPTY;
    struct json_writer w;
    buf_append(&buf, slice_from_cstr(before));
    json_writer_init(&w, &buf);
    json_write_string(&w, text);
    buf_append(&buf, slice_from_cstr(after));
    struct slice raw = arena_dup(splice->arena, buf_slice(&buf));
    buf_deinit(&buf);
    return raw;
}

void adjust_prefix_string(struct json_splice *splice, const struct json_node *string, struct slice text)
{
    bool is_empty = json_escaped(splice->doc, string).len == 0;
    struct slice quoted = adjust_quote(splice, text);
    struct slice parts[] = {slice_of(quoted.ptr + 1, quoted.len - 2), is_empty ? SLICE_EMPTY : SLICE("\\n\\n")};
    json_splice_prefix_string(splice, string, arena_concat(splice->arena, parts, 2));
}

struct slice adjust_effort(enum adjust_reasoning level)
{
    static const struct slice EFFORTS[N_ADJUST_LEVELS] = {
        [ADJUST_LOW] = SLICE_INIT("low"),
        [ADJUST_MEDIUM] = SLICE_INIT("medium"),
        [ADJUST_HIGH] = SLICE_INIT("high"),
        [ADJUST_XHIGH] = SLICE_INIT("xhigh"),
    };
    return EFFORTS[level];
}

static void adjust_model(struct json_splice *splice, struct slice model)
{
    const struct json_node *root = json_root(splice->doc);
    const struct json_node *own = json_get(splice->doc, root, SLICE("model"));
    if (adjust_is_unset(own) || own->type == JSON_STRING) {
        json_splice_set(splice, root, SLICE("model"), adjust_quote(splice, model));
    }
}

// The client's other options stay.
static void ask_usage(struct json_splice *splice)
{
    const struct json_node *root = json_root(splice->doc);
    const struct json_node *options = json_get(splice->doc, root, SLICE("stream_options"));
    if (json_is(options, JSON_OBJECT)) {
        json_splice_set(splice, options, SLICE("include_usage"), SLICE("true"));
    } else if (adjust_is_unset(options)) {
        json_splice_set(splice, root, SLICE("stream_options"), SLICE("{\"include_usage\":true}"));
    }
}

bool adjust_has_usage_asked(const struct json_doc *doc)
{
    const struct json_node *options = json_get(doc, json_root(doc), SLICE("stream_options"));
    return json_is(options, JSON_OBJECT) && json_is(json_get(doc, options, SLICE("include_usage")), JSON_TRUE);
}

void adjust_request(enum dialect dialect, const struct adjustments *adjustments, struct json_splice *splice)
{
    const struct spoke *spoke = dialect_spoke(dialect);
    if (adjustments->model.ptr && (!spoke->has_model_in_path || adjustments->has_model_member)) {
        adjust_model(splice, adjustments->model);
    }
    if (adjustments->system_prompt.len) {
        spoke->adjust_system(splice, adjustments->system_prompt);
    }
    if (adjustments->reasoning != ADJUST_AUTO) {
        spoke->adjust_reasoning(splice, adjustments);
    }
    if (adjustments->fast && spoke->adjust_fast) {
        spoke->adjust_fast(splice);
    }
    if (adjustments->asks_usage && dialect == DIALECT_CHAT) {
        ask_usage(splice);
    }
}

struct slice adjust_beta_flag(enum dialect dialect, const struct adjustments *adjustments)
{
    return adjustments->fast ? dialect_spoke(dialect)->fast_beta : SLICE_EMPTY;
}

// SPDX-License-Identifier: MIT
// What is translated at one go: requests, counts of tokens, errors.
#include "dialect/translate.h"

#include "dialect/dialect_internal.h"
#include "dialect/stop_scanner.h"

// ---- requests

static void apply_options(struct neutral_request *req, const struct translate_options *options)
{
    if (options->has_stream_in_path) {
        req->wants_stream = options->wants_stream;
    }
    req->streams_json_array = options->streams_json_array;
}

// How many stop sequences a request to the target has room for.
static size_t stops_taken_by(const struct target *target)
{
    if (target->profile.rejects_stops) {
        return 0;
    }
    switch (target->dialect) {
    case DIALECT_ANTHROPIC: return SIZE_MAX;
    case DIALECT_CHAT: return 4;
    case DIALECT_RESPONSES: return 0;
    case DIALECT_GEMINI: return 5;
    }
    return SIZE_MAX;
}

static void share_stops(struct neutral_request *req, const struct target *target, struct loss *loss)
{
    size_t n_taken = stops_taken_by(target);
    req->n_stops_sent = req->n_stops < n_taken ? req->n_stops : n_taken;
    if (req->n_stops - req->n_stops_sent > STOPS_SCANNED_MAX) {
        loss_refuse(loss, req->stops_at, "has more stop sequences than the gateway looks for");
    }
    for (size_t i = req->n_stops_sent; i < req->n_stops; i++) {
        if (neutral_escaped(loss->doc, req->stops[i]).len > STOP_LEN_MAX) {
            loss_refuse(loss, req->stops[i], "is too long for the gateway to look for");
        }
    }
}

bool translate_request(struct arena *arena, const struct json_doc *doc, const struct translate_options *options,
                       struct translated_request *result_r, struct buf *out)
{
    struct neutral_request *req = &result_r->req;
    struct loss *loss = &result_r->loss;
    loss_init(loss, arena, doc, options->mode);
    neutral_request_init(req, options->client, doc);
    result_r->target = (struct target){
        .dialect = options->upstream,
        .model = options->upstream_model,
        .profile = profile_of(options->upstream, options->upstream_model),
    };
    if (!dialect_spoke(options->client)->decode_request(req, arena, loss) || loss->is_refused) {
        return false;
    }
    apply_options(req, options);
    share_stops(req, &result_r->target, loss);
    if (loss->is_refused || !normalise(arena, req, &result_r->target, loss) || loss->is_refused) {
        return false;
    }
    struct encoding encoding = {
        .req = req,
        .target = &result_r->target,
        .wants_stream = req->wants_stream && !options->counts,
        .writes_model = options->writes_model,
        .counts = options->counts,
        .arena = arena,
        .loss = loss,
    };
    dialect_spoke(options->upstream)->encode_request(&encoding, out);
    return !loss->is_refused;
}

// ---- counts

bool translate_read_count(enum dialect upstream, const struct json_doc *doc, int64_t *n_tokens_r)
{
    struct slice member = dialect_spoke(upstream)->usage->count_member;
    int64_t n_tokens;
    if (!member.len || !json_int64(doc, json_get(doc, json_root(doc), member), &n_tokens) || n_tokens < 0) {
        return false;
    }
    *n_tokens_r = n_tokens;
    return true;
}

void translate_write_count(enum dialect client, int64_t n_tokens, struct buf *out)
{
    struct slice member = dialect_spoke(client)->usage->count_member;
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    if (client == DIALECT_RESPONSES) {
        json_member_string(&w, SLICE("object"), SLICE("response.input_tokens"));
    }
    json_member_int(&w, member.len ? member : SLICE("input_tokens"), n_tokens);
    json_end_object(&w);
}

// ---- errors

enum { ERROR_NODES_MAX = 64 * 1024, SECRET_LEN_MIN = 8 };

// The text that a value is, or has as its message.
static struct slice text_of(const struct json_doc *doc, const struct json_node *value, struct arena *arena)
{
    static const struct slice MEMBERS[] = {SLICE_INIT("message"), SLICE_INIT("msg"), SLICE_INIT("detail")};
    for (size_t i = 0; json_is(value, JSON_OBJECT) && i < sizeof(MEMBERS) / sizeof(*MEMBERS); i++) {
        const struct json_node *member = json_get(doc, value, MEMBERS[i]);
        if (json_is(member, JSON_STRING)) {
            return json_string(doc, member, arena);
        }
    }
    return json_string(doc, value, arena);
}

// Servers that speak a dialect but for their errors: {"error": "…"}, {"detail": …}, {"message": "…"}, {"errors": […]}.
static struct slice find_message(const struct json_doc *doc, struct arena *arena)
{
    static const struct slice MEMBERS[] = {SLICE_INIT("error"), SLICE_INIT("detail"), SLICE_INIT("message"),
                                           SLICE_INIT("errors")};
    struct slice message = SLICE_EMPTY;
    for (size_t i = 0; !message.len && i < sizeof(MEMBERS) / sizeof(*MEMBERS); i++) {
        const struct json_node *value = json_get(doc, json_root(doc), MEMBERS[i]);
        const struct json_node *first = NULL;
        if (json_is(value, JSON_ARRAY)) {
            value = json_next_element(doc, value, &first) ? first : NULL;
        }
        message = text_of(doc, value, arena);
    }
    return message.len ? message : text_of(doc, json_root(doc), arena);
}

// The object that tells of the error: the body, or the first element of an array. False: there is none.
static bool read_error_object(struct arena *arena, struct slice body, struct json_doc *doc_r)
{
    static const struct json_options options = {.max_nodes = ERROR_NODES_MAX};
    const struct json_node *first = NULL;
    struct json_doc doc;
    if (json_parse(&doc, arena, body, &options) != 0) {
        return false;
    }
    if (json_is(json_root(&doc), JSON_ARRAY)) {
        struct json_doc array = doc;
        if (!json_next_element(&array, json_root(&array), &first) ||
            json_parse(&doc, arena, json_raw(&array, first), &options) != 0) {
            return false;
        }
    }
    *doc_r = doc;
    return json_is(json_root(&doc), JSON_OBJECT) || json_is(json_root(&doc), JSON_STRING);
}

void translate_read_error(struct arena *arena, enum dialect upstream, unsigned status, struct slice body,
                          struct slice retry_after, struct neutral_error *error_r)
{
    struct json_doc doc;
    uint64_t seconds;
    *error_r = (struct neutral_error){.fault = fault_of_upstream_status(status), .retry_after_s = -1};
    if (slice_to_u64(slice_trim(retry_after), &seconds) && seconds <= INT32_MAX) {
        error_r->retry_after_s = (int64_t)seconds;
    }
    if (read_error_object(arena, body, &doc)) {
        error_r->message = find_message(&doc, arena);
        dialect_spoke(upstream)->read_error(&doc, status, arena, error_r);
    }
    if (!error_r->message.len) {
        error_r->message = arena_printf(arena, "the upstream answered with status %u", status);
    }
}

struct slice translate_hide_secret(struct arena *arena, struct slice message, struct slice secret)
{
    struct buf out = BUF_EMPTY;
    struct slice rest = message;
    size_t at = secret.len < SECRET_LEN_MIN ? SLICE_NOT_FOUND : slice_find(rest, secret);
    if (at == SLICE_NOT_FOUND) {
        return message;
    }
    for (; at != SLICE_NOT_FOUND; at = slice_find(rest, secret)) {
        buf_append(&out, slice_of(rest.ptr, at));
        buf_append(&out, SLICE("***"));
        rest = slice_after(rest, at + secret.len);
    }
    buf_append(&out, rest);
    struct slice hidden = arena_dup(arena, buf_slice(&out));
    buf_deinit(&out);
    return hidden;
}

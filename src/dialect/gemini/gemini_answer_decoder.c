// SPDX-License-Identifier: MIT
// Answers of Gemini, decoded. Every event of a stream is a whole response whose parts go on where those before ended,
// so that a body is a stream of one event.
#include "dialect/gemini/gemini.h"
#include "dialect/gemini/gemini_logprobs.h"
#include "dialect/gemini/gemini_media.h"
#include "dialect/gemini/gemini_partial_args.h"

// A call whose arguments come in pieces.
struct pending_call {
    uint32_t candidate;
    struct slice name;
    struct slice id;
    struct neutral_opaque opaque;
    struct gemini_partial_args *args;
    enum finish_reason finish; // of its candidate, told while it was under way
};

struct decoding {
    struct usage_seen usage;
    struct pending_call *pending; // arena; NULL: none
    bool has_usage;               // the figures have been set to unknown
    bool has_head;
    bool has_feedback;
    uint32_t n_candidates;
};

// One chunk under way.
struct chunk {
    struct decoding *d;
    struct answer *answer;
    const struct json_doc *doc;
    struct arena *arena; // of the answer
    uint32_t candidate;
    const struct json_node *logprobs; // of the candidate, until its text has come
    bool hides_calls;                 // they are malformed
};

static struct slice text_of(const struct chunk *chunk, const struct json_node *object, struct slice name)
{
    return json_string(chunk->doc, json_get(chunk->doc, object, name), chunk->arena);
}

// ---- texts

static void tell_logprobs(struct chunk *chunk, struct neutral_block *block)
{
    struct buf array = BUF_EMPTY;
    gemini_logprobs_read(chunk->doc, chunk->logprobs, chunk->arena, &array);
    if (array.len) {
        bool must_stay = answer_is_borrowing(chunk->answer);
        answer_logprobs(chunk->answer, block,
                        must_stay ? arena_dup(chunk->arena, buf_slice(&array)) : buf_slice(&array));
    }
    buf_deinit(&array);
    chunk->logprobs = NULL;
}

static struct neutral_opaque signature_of(const struct chunk *chunk, const struct json_node *signature,
                                          enum opaque_kind kind)
{
    struct slice data = json_string(chunk->doc, signature, chunk->arena);
    return (struct neutral_opaque){.kind = data.len ? kind : OPAQUE_NONE, .data = data};
}

// A signature is of all the text before it, and ends it. One that comes with no text at all still needs a place.
static void read_text(struct chunk *chunk, struct slice escaped, bool is_thought, const struct json_node *signature)
{
    struct neutral_opaque opaque =
        signature_of(chunk, signature, is_thought ? OPAQUE_GEMINI_THOUGHT : OPAQUE_GEMINI_TEXT);
    bool has_logprobs = chunk->logprobs && !is_thought;
    if (!escaped.len && opaque.kind == OPAQUE_NONE && !has_logprobs) {
        return;
    }
    struct neutral_block *block =
        answer_flow(chunk->answer, chunk->candidate, is_thought ? BLOCK_REASONING : BLOCK_TEXT, is_thought);
    answer_delta(chunk->answer, block, escaped);
    if (has_logprobs) {
        tell_logprobs(chunk, block);
    }
    if (opaque.kind != OPAQUE_NONE) {
        answer_opaque(chunk->answer, block, &opaque);
        answer_close(chunk->answer, block, false);
    }
}

// ---- calls

struct told_call {
    struct slice id;
    struct slice name;
    struct neutral_opaque opaque;
    struct slice raw_arguments;
    bool is_partial;
};

static void tell_call(struct answer *answer, struct arena *arena, uint32_t candidate, const struct told_call *call)
{
    struct buf escaped = BUF_EMPTY;
    struct neutral_block *block = answer_open(
        answer, candidate,
        &(struct neutral_block){.kind = BLOCK_CALL, .call_id = call->id, .name = call->name, .opaque = call->opaque});
    json_escape(&escaped, call->raw_arguments);
    answer_delta(answer, block, arena_dup(arena, buf_slice(&escaped)));
    answer_close(answer, block, call->is_partial);
    buf_deinit(&escaped);
}

static void tell_pending(struct decoding *d, struct answer *answer, struct arena *arena, bool is_partial)
{
    struct pending_call *pending = d->pending;
    if (pending) {
        d->pending = NULL;
        tell_call(answer, arena, pending->candidate,
                  &(struct told_call){.id = pending->id,
                                      .name = pending->name,
                                      .opaque = pending->opaque,
                                      .raw_arguments = gemini_partial_args_json(pending->args),
                                      .is_partial = is_partial});
    }
}

static void add_pieces(struct chunk *chunk, const struct json_node *pieces)
{
    const struct json_node *piece = NULL;
    while (json_is(pieces, JSON_ARRAY) && json_next_element(chunk->doc, pieces, &piece)) {
        gemini_partial_args_add(chunk->d->pending->args, chunk->doc, piece);
    }
}

static void begin_pending(struct chunk *chunk, struct slice id, struct slice name, const struct neutral_opaque *opaque)
{
    struct pending_call *pending = arena_zalloc(chunk->arena, sizeof(*pending));
    pending->candidate = chunk->candidate;
    pending->id = arena_dup(chunk->arena, id);
    pending->name = arena_dup(chunk->arena, name);
    pending->opaque = (struct neutral_opaque){.kind = opaque->kind, .data = arena_dup(chunk->arena, opaque->data)};
    pending->args = gemini_partial_args_new(chunk->arena);
    chunk->d->pending = pending;
}

// A call has its name in its first part. Further parts bring pieces of its arguments, and the one that does not promise
// more is the last.
static void read_call(struct chunk *chunk, const struct json_node *call, const struct json_node *signature)
{
    const struct json_doc *doc = chunk->doc;
    const struct json_node *pieces = json_get(doc, call, SLICE("partialArgs"));
    const struct json_node *args = json_get(doc, call, SLICE("args"));
    bool goes_on = json_is(json_get(doc, call, SLICE("willContinue")), JSON_TRUE);
    bool is_whole = !goes_on && !json_is(pieces, JSON_ARRAY);
    struct slice name = text_of(chunk, call, SLICE("name"));
    struct slice id = text_of(chunk, call, SLICE("id"));
    struct neutral_opaque opaque = signature_of(chunk, signature, OPAQUE_GEMINI_CALL);
    answer_note(chunk->answer);
    if (name.len) {
        tell_pending(chunk->d, chunk->answer, chunk->arena, false);
    }
    if (name.len && is_whole) {
        bool has_args = args && args->type != JSON_NULL;
        tell_call(chunk->answer, chunk->arena, chunk->candidate,
                  &(struct told_call){.id = id,
                                      .name = name,
                                      .opaque = opaque,
                                      .raw_arguments = has_args ? json_raw(doc, args) : SLICE("{}")});
        return;
    }
    if (name.len) {
        begin_pending(chunk, id, name, &opaque);
    }
    if (chunk->d->pending) {
        add_pieces(chunk, pieces);
    }
    if (!goes_on) {
        tell_pending(chunk->d, chunk->answer, chunk->arena, false);
    }
}

// ---- other parts

static void read_media(struct chunk *chunk, const struct json_node *value, bool is_inline)
{
    struct neutral_block block = {.kind = BLOCK_MEDIA};
    if (is_inline ? gemini_read_inline_data(chunk->doc, value, chunk->arena, &block.media)
                  : gemini_read_file_data(chunk->doc, value, chunk->arena, &block.media)) {
        answer_open(chunk->answer, chunk->candidate, &block);
    }
}

struct part {
    const struct json_node *text;
    const struct json_node *call;
    const struct json_node *inline_data;
    const struct json_node *file_data;
    const struct json_node *signature;
    bool is_native;
    bool is_thought;
};

// With its signature in it.
static void read_native(struct chunk *chunk, const struct json_node *part)
{
    answer_open(chunk->answer, chunk->candidate,
                &(struct neutral_block){.kind = BLOCK_NATIVE, .raw = json_raw(chunk->doc, part)});
}

static struct part take_apart(const struct json_doc *doc, const struct json_node *at)
{
    struct part part = {0};
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    while (json_next_member(doc, at, &key, &value)) {
        struct slice name = json_escaped(doc, key);
        if (slice_eq(name, SLICE("text")) && value->type == JSON_STRING) {
            part.text = value;
        } else if (slice_eq(name, SLICE("thought"))) {
            part.is_thought = value->type == JSON_TRUE;
        } else if (slice_eq(name, SLICE("thoughtSignature"))) {
            part.signature = value;
        } else if (slice_eq(name, SLICE("functionCall")) && value->type == JSON_OBJECT) {
            part.call = value;
        } else if (slice_eq(name, SLICE("inlineData"))) {
            part.inline_data = value;
        } else if (slice_eq(name, SLICE("fileData"))) {
            part.file_data = value;
        } else {
            part.is_native = part.is_native || value->type == JSON_OBJECT;
        }
    }
    return part;
}

static void read_part(struct chunk *chunk, const struct json_node *at)
{
    struct part part = take_apart(chunk->doc, at);
    if (part.call) {
        if (!chunk->hides_calls) {
            read_call(chunk, part.call, part.signature);
        }
    } else if (part.inline_data || part.file_data) {
        if (!part.is_thought) {
            read_media(chunk, part.inline_data ? part.inline_data : part.file_data, part.inline_data != NULL);
        }
    } else if (part.is_native && !part.text) {
        read_native(chunk, at);
    } else {
        read_text(chunk, part.text ? json_escaped(chunk->doc, part.text) : SLICE_EMPTY, part.is_thought,
                  part.signature);
    }
}

// ---- the end of a candidate

struct finish_row {
    struct slice word;
    enum finish_reason reason;
};

static const struct finish_row FINISHES[] = {
    {SLICE_INIT("STOP"), FINISH_STOP},
    {SLICE_INIT("MAX_TOKENS"), FINISH_LENGTH},
    {SLICE_INIT("SAFETY"), FINISH_CONTENT_FILTER},
    {SLICE_INIT("RECITATION"), FINISH_CONTENT_FILTER},
    {SLICE_INIT("LANGUAGE"), FINISH_CONTENT_FILTER},
    {SLICE_INIT("BLOCKLIST"), FINISH_CONTENT_FILTER},
    {SLICE_INIT("PROHIBITED_CONTENT"), FINISH_CONTENT_FILTER},
    {SLICE_INIT("SPII"), FINISH_CONTENT_FILTER},
    {SLICE_INIT("IMAGE_SAFETY"), FINISH_CONTENT_FILTER},
    {SLICE_INIT("IMAGE_PROHIBITED_CONTENT"), FINISH_CONTENT_FILTER},
    {SLICE_INIT("IMAGE_RECITATION"), FINISH_CONTENT_FILTER},
    {SLICE_INIT("MALFORMED_FUNCTION_CALL"), FINISH_TOOL_ERROR},
    {SLICE_INIT("UNEXPECTED_TOOL_CALL"), FINISH_TOOL_ERROR},
    {SLICE_INIT("TOO_MANY_TOOL_CALLS"), FINISH_TOOL_ERROR},
    {SLICE_INIT("CONTINUATION"), FINISH_PAUSE},
};

static enum finish_reason reason_of(struct slice word)
{
    for (size_t i = 0; i < sizeof(FINISHES) / sizeof(*FINISHES); i++) {
        if (slice_eq(word, FINISHES[i].word)) {
            return FINISHES[i].reason;
        }
    }
    return word.len ? FINISH_OTHER : FINISH_UNSET;
}

static void tell_finish(struct chunk *chunk, const struct json_node *candidate, struct slice word,
                        enum finish_reason reason)
{
    const struct json_node *message = json_get(chunk->doc, candidate, SLICE("finishMessage"));
    struct pending_call *pending = chunk->d->pending;
    struct finish finish = {.reason = reason, .native = word};
    if (json_is(message, JSON_STRING)) {
        finish.detail = json_escaped(chunk->doc, message);
    }
    if (pending && pending->candidate == chunk->candidate) {
        pending->finish = reason;
    }
    // Some say STOP with every chunk, so that it counts only where nothing else is said.
    if (reason == FINISH_STOP) {
        answer_may_end(chunk->answer, chunk->candidate);
    } else {
        answer_finish(chunk->answer, chunk->candidate, &finish);
    }
}

// NULL: there are none.
static const struct json_node *find_logprobs(const struct json_doc *doc, const struct json_node *candidate)
{
    const struct json_node *result = json_get(doc, candidate, SLICE("logprobsResult"));
    const struct json_node *chosen = json_get(doc, result, SLICE("chosenCandidates"));
    const struct json_node *first = NULL;
    return json_is(chosen, JSON_ARRAY) && json_next_element(doc, chosen, &first) ? result : NULL;
}

static void read_candidate(struct chunk *chunk, const struct json_node *candidate)
{
    const struct json_node *content = json_get(chunk->doc, candidate, SLICE("content"));
    const struct json_node *parts = json_get(chunk->doc, content, SLICE("parts"));
    const struct json_node *part = NULL;
    struct slice word = text_of(chunk, candidate, SLICE("finishReason"));
    enum finish_reason reason = reason_of(word);
    int64_t index;
    bool has_index = json_int64(chunk->doc, json_get(chunk->doc, candidate, SLICE("index")), &index);
    chunk->candidate = has_index && index >= 0 && index < CANDIDATES_MAX ? (uint32_t)index : 0;
    chunk->logprobs = find_logprobs(chunk->doc, candidate);
    chunk->hides_calls = reason == FINISH_TOOL_ERROR;
    if (chunk->d->n_candidates <= chunk->candidate) {
        chunk->d->n_candidates = chunk->candidate + 1;
    }
    while (json_is(parts, JSON_ARRAY) && json_next_element(chunk->doc, parts, &part)) {
        read_part(chunk, part);
    }
    if (reason != FINISH_UNSET) {
        tell_finish(chunk, candidate, word, reason);
    }
}

// ---- chunks

static struct slice tier_of(struct slice word)
{
    return slice_eq_nocase(word, SLICE("standard")) ? SLICE("default") : word;
}

static void read_head(struct chunk *chunk, const struct json_node *root, const struct json_node *usage)
{
    struct answer_head head = {
        .id = text_of(chunk, root, SLICE("responseId")),
        .model = text_of(chunk, root, SLICE("modelVersion")),
        .service_tier = tier_of(text_of(chunk, usage, SLICE("serviceTier"))),
    };
    chunk->d->has_head = head.id.len && head.model.len;
    answer_start(chunk->answer, &head);
}

static void read_usage(struct chunk *chunk, const struct json_node *usage)
{
    struct decoding *d = chunk->d;
    for (int i = 0; !d->has_usage && i < N_FIGURES; i++) {
        d->usage.figures[i] = -1;
    }
    d->has_usage = true;
    usage_read_rows(&gemini_usage, chunk->doc, usage, &d->usage);
    struct usage sum = usage_of_seen(&gemini_usage, &d->usage);
    answer_usage(chunk->answer, &sum);
}

// A prompt that was blocked has no candidates.
static void read_feedback(struct chunk *chunk, const struct json_node *feedback)
{
    struct slice reason = text_of(chunk, feedback, SLICE("blockReason"));
    const struct json_node *message = json_get(chunk->doc, feedback, SLICE("blockReasonMessage"));
    bool has_message = json_is(message, JSON_STRING);
    chunk->d->has_feedback = true;
    if (!reason.len && !has_message) {
        return;
    }
    struct slice parts[] = {reason, reason.len && has_message ? SLICE(": ") : SLICE(""),
                            has_message ? json_escaped(chunk->doc, message) : SLICE("")};
    answer_finish(chunk->answer, 0,
                  &(struct finish){.reason = FINISH_CONTENT_FILTER,
                                   .native = reason,
                                   .detail = arena_concat(chunk->arena, parts, 3)});
}

static void tell_error(struct chunk *chunk)
{
    struct neutral_error error = {.fault = FAULT_UPSTREAM_SERVER, .retry_after_s = -1};
    gemini_read_error(chunk->doc, 0, chunk->arena, &error);
    if (!error.message.len) {
        struct slice text = text_of(chunk, json_root(chunk->doc), SLICE("error"));
        error.message = text.len ? text : SLICE("the upstream reported an error");
    }
    answer_error(chunk->answer, &error);
}

static void read_chunk(struct decoding *d, struct answer *answer, const struct json_doc *doc)
{
    struct chunk chunk = {.d = d, .answer = answer, .doc = doc, .arena = answer_context(answer)->arena};
    const struct json_node *root = json_root(doc);
    const struct json_node *error = json_get(doc, root, SLICE("error"));
    const struct json_node *candidates = json_get(doc, root, SLICE("candidates"));
    const struct json_node *feedback = json_get(doc, root, SLICE("promptFeedback"));
    const struct json_node *usage = json_get(doc, root, SLICE("usageMetadata"));
    const struct json_node *candidate = NULL;
    if (error && error->type != JSON_NULL) {
        tell_error(&chunk);
        return;
    }
    if (!d->has_head) {
        read_head(&chunk, root, usage);
    }
    if (usage) {
        read_usage(&chunk, usage);
    }
    while (json_is(candidates, JSON_ARRAY) && json_next_element(doc, candidates, &candidate)) {
        read_candidate(&chunk, candidate);
    }
    if (json_is(feedback, JSON_OBJECT) && d->n_candidates == 0) {
        read_feedback(&chunk, feedback);
    }
}

static void read_event(void *state, struct answer *answer, const struct json_doc *doc, struct slice name)
{
    (void)name; // there are none
    read_chunk(state, answer, doc);
}

// A clean end is an end, because the dialect has no other; some answers say no reason for it.
static void read_end(void *state, struct answer *answer)
{
    struct decoding *d = state;
    if (d->pending && d->pending->finish != FINISH_TOOL_ERROR) {
        tell_pending(d, answer, answer_context(answer)->arena, d->pending->finish != FINISH_STOP);
    }
    for (uint32_t i = 0; i < d->n_candidates; i++) {
        if (!answer_has_finish(answer, i)) {
            answer_finish(answer, i, &(struct finish){.reason = FINISH_STOP, .native = SLICE("STOP")});
        }
    }
    if (d->n_candidates == 0 && d->has_feedback) {
        answer_finish(answer, 0, &(struct finish){.reason = FINISH_CONTENT_FILTER});
    }
    answer_end(answer, true);
}

static void read_body(struct answer *answer, const struct json_doc *doc)
{
    struct decoding d = {0};
    read_chunk(&d, answer, doc);
    read_end(&d, answer);
}

const struct answer_decoder gemini_decoder = {
    .state_size = sizeof(struct decoding),
    .read_event = read_event,
    .read_end = read_end,
    .read_body = read_body,
};

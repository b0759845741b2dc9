// SPDX-License-Identifier: MIT
// Answers of Chat Completions, decoded: OpenAI's own and those of the many that speak like it. A chunk's delta and the
// message of a whole answer have the same members, so one reader serves both.
#include "dialect/chat/chat_internal.h"

struct state {
    struct chat_candidate *candidates;
    struct usage_seen usage;
    bool has_begun; // the rest is not zero
    bool has_head;
};

static struct chat_candidate *candidate_at(struct state *state, const struct chat_reading *r, uint32_t index)
{
    struct chat_candidate **at = &state->candidates;
    while (*at && (*at)->index != index) {
        at = &(*at)->next;
    }
    if (!*at) {
        *at = arena_zalloc(r->arena, sizeof(**at));
        (*at)->index = index;
        (*at)->detail = -1;
    }
    return *at;
}

// ---- members

// The members of one object that matter, found in one walk over it, since this is done for every event of every stream.
// Of several with one name the last counts.
static void find_members(const struct json_doc *doc, const struct json_node *object, const struct slice *names,
                         size_t n_names, const struct json_node **nodes_r)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    while (json_next_member(doc, object, &key, &value)) {
        struct slice name = json_escaped(doc, key);
        for (size_t i = 0; i < n_names; i++) {
            if (slice_eq(name, names[i])) {
                nodes_r[i] = value;
                break;
            }
        }
    }
}

enum { ROOT_CHOICES, ROOT_USAGE, ROOT_ERROR, N_ROOT };
static const struct slice ROOT_NAMES[N_ROOT] = {SLICE_INIT("choices"), SLICE_INIT("usage"), SLICE_INIT("error")};

enum {
    CHOICE_DELTA,
    CHOICE_MESSAGE,
    CHOICE_INDEX,
    CHOICE_REASON,
    CHOICE_LOGPROBS,
    CHOICE_USAGE,
    CHOICE_ERROR,
    N_CHOICE
};
static const struct slice CHOICE_NAMES[N_CHOICE] = {
    [CHOICE_DELTA] = SLICE_INIT("delta"),       [CHOICE_MESSAGE] = SLICE_INIT("message"),
    [CHOICE_INDEX] = SLICE_INIT("index"),       [CHOICE_REASON] = SLICE_INIT("finish_reason"),
    [CHOICE_LOGPROBS] = SLICE_INIT("logprobs"), [CHOICE_USAGE] = SLICE_INIT("usage"), // Moonshot puts it here
    [CHOICE_ERROR] = SLICE_INIT("error"),
};

enum {
    DELTA_CONTENT,
    DELTA_CALLS,
    DELTA_REASONING_CONTENT,
    DELTA_REASONING,
    DELTA_DETAILS,
    DELTA_REFUSAL,
    DELTA_FUNCTION_CALL,
    DELTA_ANNOTATIONS,
    DELTA_EXTRA,
    N_DELTA,
};
static const struct slice DELTA_NAMES[N_DELTA] = {
    [DELTA_CONTENT] = SLICE_INIT("content"),
    [DELTA_CALLS] = SLICE_INIT("tool_calls"),
    [DELTA_REASONING_CONTENT] = SLICE_INIT("reasoning_content"),
    [DELTA_REASONING] = SLICE_INIT("reasoning"),
    [DELTA_DETAILS] = SLICE_INIT("reasoning_details"),
    [DELTA_REFUSAL] = SLICE_INIT("refusal"),
    [DELTA_FUNCTION_CALL] = SLICE_INIT("function_call"),
    [DELTA_ANNOTATIONS] = SLICE_INIT("annotations"),
    [DELTA_EXTRA] = SLICE_INIT("extra_content"),
};

// ---- reasoning

static void end_reasoning(const struct chat_reading *r, struct chat_candidate *candidate)
{
    if (candidate->reasoning) {
        answer_close(r->answer, candidate->reasoning, false);
        candidate->reasoning = NULL;
        candidate->detail = -1;
    }
}

static void begin_reasoning(const struct chat_reading *r, struct chat_candidate *candidate,
                            const struct chat_detail *detail)
{
    // What is not signed is marked all the same, so that it can go back to where it came from.
    struct neutral_block block = {
        .kind = BLOCK_REASONING, .is_summary = detail->is_summary, .opaque = {.kind = OPAQUE_VENDOR_TEXT}};
    end_reasoning(r, candidate);
    chat_open_calls(r, candidate);
    candidate->reasoning = answer_open(r->answer, candidate->index, &block);
    candidate->detail = detail->index;
}

static void read_reasoning_text(const struct chat_reading *r, struct chat_candidate *candidate, struct slice text)
{
    if (text.len) {
        if (!candidate->reasoning) {
            begin_reasoning(r, candidate, &(struct chat_detail){.index = -1});
        }
        answer_delta(r->answer, candidate->reasoning, text);
    }
}

// Pieces with the same index are one entry, and its signature comes with the last of them.
static void read_detail(const struct chat_reading *r, struct chat_candidate *candidate, const struct json_node *node)
{
    struct chat_detail detail = chat_read_detail(r->doc, node, false, r->arena);
    bool is_another = detail.index >= 0 && candidate->detail >= 0 && detail.index != candidate->detail;
    if (!detail.text.len && !detail.is_signed) {
        return;
    }
    if (!candidate->reasoning || is_another) {
        begin_reasoning(r, candidate, &detail);
    }
    candidate->detail = detail.index;
    answer_delta(r->answer, candidate->reasoning, detail.text);
    if (detail.is_signed) {
        answer_opaque(r->answer, candidate->reasoning, &detail.opaque);
    }
}

static bool read_details(const struct chat_reading *r, struct chat_candidate *candidate,
                         const struct json_node *details)
{
    const struct json_node *each = NULL;
    bool has_text = false;
    while (json_next_element(r->doc, details, &each)) {
        has_text = has_text || json_escaped(r->doc, json_get(r->doc, each, SLICE("text"))).len ||
                   json_escaped(r->doc, json_get(r->doc, each, SLICE("summary"))).len;
        read_detail(r, candidate, each);
    }
    return has_text;
}

// The same text stands in up to three members.
static void read_reasoning(const struct chat_reading *r, struct chat_candidate *candidate,
                           const struct json_node *const *delta)
{
    struct slice text = json_escaped(r->doc, delta[DELTA_REASONING_CONTENT]);
    if (!text.len) {
        text = json_escaped(r->doc, delta[DELTA_REASONING]);
    }
    if (!read_details(r, candidate, delta[DELTA_DETAILS])) {
        read_reasoning_text(r, candidate, text);
    }
}

// ---- text

static void read_text(const struct chat_reading *r, struct chat_candidate *candidate, enum block_kind kind,
                      struct slice text)
{
    if (text.len) {
        end_reasoning(r, candidate);
        chat_open_calls(r, candidate);
        struct neutral_block *block = answer_flow(r->answer, candidate->index, kind, false);
        candidate->text = kind == BLOCK_TEXT ? block : candidate->text;
        answer_delta(r->answer, block, text);
    }
}

static void read_refusal(const struct chat_reading *r, struct chat_candidate *candidate,
                         const struct json_node *refusal)
{
    struct slice text = json_escaped(r->doc, refusal);
    candidate->has_refused = candidate->has_refused || text.len > 0;
    read_text(r, candidate, BLOCK_REFUSAL, text);
}

// A part of a content that is an array, as Mistral's reasoning models write it.
static void read_content_part(const struct chat_reading *r, struct chat_candidate *candidate,
                              const struct json_node *part)
{
    const struct json_node *thinking = json_get(r->doc, part, SLICE("thinking"));
    const struct json_node *each = NULL;
    read_reasoning_text(r, candidate, json_escaped(r->doc, thinking));
    while (json_next_element(r->doc, thinking, &each)) {
        read_reasoning_text(r, candidate, json_escaped(r->doc, json_get(r->doc, each, SLICE("text"))));
    }
    read_text(r, candidate, BLOCK_TEXT, json_escaped(r->doc, json_get(r->doc, part, SLICE("text"))));
    read_refusal(r, candidate, json_get(r->doc, part, SLICE("refusal")));
}

static void read_content(const struct chat_reading *r, struct chat_candidate *candidate,
                         const struct json_node *content)
{
    const struct json_node *each = NULL;
    read_text(r, candidate, BLOCK_TEXT, json_escaped(r->doc, content));
    while (json_next_element(r->doc, content, &each)) {
        read_content_part(r, candidate, each);
    }
}

// In the form of Responses, where its type is in it.
static struct slice flat_citation(const struct chat_reading *r, const struct json_node *citation)
{
    struct slice raw = json_raw(r->doc, citation);
    const struct slice pieces[] = {SLICE("{\"type\":\"url_citation\","), slice_after(raw, 1)};
    return usage_is_filled(r->doc, citation) ? arena_concat(r->arena, pieces, 2) : SLICE_EMPTY;
}

static void read_annotations(const struct chat_reading *r, struct chat_candidate *candidate,
                             const struct json_node *annotations)
{
    const struct json_node *each = NULL;
    while (json_next_element(r->doc, annotations, &each)) {
        const struct json_node *citation = json_get(r->doc, each, SLICE("url_citation"));
        struct slice flat = json_is(citation, JSON_OBJECT) ? flat_citation(r, citation) : SLICE_EMPTY;
        if (flat.len) {
            struct neutral_block *text = answer_flow(r->answer, candidate->index, BLOCK_TEXT, false);
            answer_citation(r->answer, text, flat);
        }
    }
}

// Google's endpoint signs the message where it is not a call that is signed.
static void read_signature(const struct chat_reading *r, struct chat_candidate *candidate,
                           const struct json_node *owner)
{
    struct slice signature = chat_thought_signature(r->doc, owner, r->arena);
    if (signature.len && !chat_sign_first_call(r, candidate, signature)) {
        struct neutral_opaque opaque = {.kind = OPAQUE_GEMINI_TEXT, .data = signature};
        answer_opaque(r->answer, answer_flow(r->answer, candidate->index, BLOCK_TEXT, false), &opaque);
    }
}

// ---- a delta or message

static void read_delta(const struct chat_reading *r, struct chat_candidate *candidate, const struct json_node *object)
{
    const struct json_node *delta[N_DELTA] = {NULL};
    find_members(r->doc, object, DELTA_NAMES, N_DELTA, delta);
    read_reasoning(r, candidate, delta);
    read_content(r, candidate, delta[DELTA_CONTENT]);
    read_refusal(r, candidate, delta[DELTA_REFUSAL]);
    read_annotations(r, candidate, delta[DELTA_ANNOTATIONS]);
    chat_read_calls(r, candidate, delta[DELTA_CALLS]);
    if (delta[DELTA_FUNCTION_CALL]) {
        chat_read_function_call(r, candidate, delta[DELTA_FUNCTION_CALL]);
    }
    if (delta[DELTA_EXTRA]) {
        read_signature(r, candidate, object);
    }
}

// ---- a choice

static enum finish_reason reason_of(struct slice word)
{
    static const struct {
        struct slice word;
        enum finish_reason reason;
    } REASONS[] = {
        {SLICE_INIT("stop"), FINISH_STOP},
        {SLICE_INIT("eos"), FINISH_STOP},
        {SLICE_INIT("end_turn"), FINISH_STOP},
        {SLICE_INIT("length"), FINISH_LENGTH},
        {SLICE_INIT("max_tokens"), FINISH_LENGTH},
        {SLICE_INIT("model_length"), FINISH_CONTEXT_WINDOW},
        {SLICE_INIT("tool_calls"), FINISH_TOOL_CALLS},
        {SLICE_INIT("function_call"), FINISH_TOOL_CALLS},
        {SLICE_INIT("content_filter"), FINISH_CONTENT_FILTER},
        {SLICE_INIT("refusal"), FINISH_REFUSAL},
    };
    for (size_t i = 0; i < sizeof(REASONS) / sizeof(*REASONS); i++) {
        if (slice_eq(word, REASONS[i].word)) {
            return REASONS[i].reason;
        }
    }
    return FINISH_OTHER;
}

static void read_error(const struct chat_reading *r, const struct json_doc *doc)
{
    struct neutral_error told = {.fault = FAULT_UPSTREAM_SERVER, .retry_after_s = -1};
    chat_read_error(doc, 0, r->arena, &told);
    told.message = told.message.len ? told.message : SLICE("the upstream reported an error");
    answer_error(r->answer, &told);
}

// A string or object that says something, in a chunk or in a choice.
static bool read_error_member(const struct chat_reading *r, const struct json_node *owner,
                              const struct json_node *error)
{
    struct json_doc doc;
    if (!usage_is_filled(r->doc, error)) {
        return false;
    }
    if (owner == json_root(r->doc)) {
        read_error(r, r->doc);
    } else if (json_parse(&doc, r->arena, json_raw(r->doc, owner), NULL) == 0) {
        read_error(r, &doc);
    }
    return true;
}

static void read_finish(const struct chat_reading *r, struct chat_candidate *candidate, const struct json_node *reason)
{
    struct slice word = json_string(r->doc, reason, r->arena);
    struct finish finish = {.reason = reason_of(word), .native = word};
    if (!word.len) {
        return;
    }
    if (slice_eq(word, SLICE("error"))) {
        answer_fail(r->answer, FAULT_UPSTREAM_SERVER, SLICE("the upstream ended its answer with an error"));
        return;
    }
    if (finish.reason == FINISH_STOP && candidate->has_refused) {
        finish.reason = FINISH_REFUSAL;
    }
    chat_open_calls(r, candidate);
    answer_close_all(r->answer, candidate->index, finish.reason > FINISH_TOOL_CALLS);
    candidate->reasoning = NULL;
    answer_finish(r->answer, candidate->index, &finish);
}

static void read_logprobs(const struct chat_reading *r, struct chat_candidate *candidate,
                          const struct json_node *logprobs)
{
    const struct json_node *content = json_get(r->doc, logprobs, SLICE("content"));
    const struct json_node *first = NULL;
    if (candidate->text && json_next_element(r->doc, content, &first)) {
        answer_logprobs(r->answer, candidate->text, json_raw(r->doc, content));
    }
}

static void read_usage(struct state *state, const struct chat_reading *r, const struct json_node *usage)
{
    if (json_is(usage, JSON_OBJECT)) {
        usage_read_rows(&chat_usage, r->doc, usage, &state->usage);
        struct usage figures = usage_of_seen(&chat_usage, &state->usage);
        answer_usage(r->answer, &figures);
    }
}

static void read_choice(struct state *state, const struct chat_reading *r, const struct json_node *object)
{
    const struct json_node *choice[N_CHOICE] = {NULL};
    int64_t index = 0;
    find_members(r->doc, object, CHOICE_NAMES, N_CHOICE, choice);
    (void)json_int64(r->doc, choice[CHOICE_INDEX], &index);
    if (index < 0 || index >= CANDIDATES_MAX || read_error_member(r, object, choice[CHOICE_ERROR])) {
        return;
    }
    struct chat_candidate *candidate = candidate_at(state, r, (uint32_t)index);
    read_delta(r, candidate,
               json_is(choice[CHOICE_DELTA], JSON_OBJECT) ? choice[CHOICE_DELTA] : choice[CHOICE_MESSAGE]);
    if (choice[CHOICE_LOGPROBS]) {
        read_logprobs(r, candidate, choice[CHOICE_LOGPROBS]);
    }
    read_finish(r, candidate, choice[CHOICE_REASON]);
    read_usage(state, r, choice[CHOICE_USAGE]);
}

// ---- a chunk, or a whole answer

static void read_head(struct state *state, const struct chat_reading *r, const struct json_node *root)
{
    struct answer_head head = {
        .id = json_string(r->doc, json_get(r->doc, root, SLICE("id")), r->arena),
        .model = json_string(r->doc, json_get(r->doc, root, SLICE("model")), r->arena),
        .service_tier = json_string(r->doc, json_get(r->doc, root, SLICE("service_tier")), r->arena),
    };
    (void)json_int64(r->doc, json_get(r->doc, root, SLICE("created")), &head.created_s);
    if (head.created_s < 0) {
        head.created_s = 0;
    }
    state->has_head = head.id.len > 0 || head.model.len > 0; // Azure's first chunk has neither
    answer_start(r->answer, &head);
}

static void begin(struct state *state)
{
    if (!state->has_begun) {
        state->has_begun = true;
        for (size_t i = 0; i < N_FIGURES; i++) {
            state->usage.figures[i] = -1;
        }
    }
}

static bool read_answer(struct state *state, const struct chat_reading *r)
{
    const struct json_node *root[N_ROOT] = {NULL};
    const struct json_node *choice = NULL;
    bool has_choice = false;
    begin(state);
    find_members(r->doc, json_root(r->doc), ROOT_NAMES, N_ROOT, root);
    if (!state->has_head) {
        read_head(state, r, json_root(r->doc));
    }
    read_usage(state, r, root[ROOT_USAGE]);
    if (read_error_member(r, json_root(r->doc), root[ROOT_ERROR])) {
        return true;
    }
    while (json_next_element(r->doc, root[ROOT_CHOICES], &choice)) {
        has_choice = true;
        read_choice(state, r, choice);
    }
    return has_choice;
}

static void read_event(void *state, struct answer *answer, const struct json_doc *doc, struct slice name)
{
    struct chat_reading r = {answer, doc, answer_context(answer)->arena};
    read_answer(state, &r);
    if (slice_eq(name, SLICE("error"))) {
        read_error(&r, doc);
    }
}

static void open_all_calls(struct state *state, const struct chat_reading *r)
{
    for (struct chat_candidate *each = state->candidates; each; each = each->next) {
        chat_open_calls(r, each);
    }
}

static void read_done(void *state, struct answer *answer)
{
    struct chat_reading r = {.answer = answer, .arena = answer_context(answer)->arena};
    open_all_calls(state, &r);
    answer_end(answer, true);
}

// Some never say "[DONE]": a reason is enough. After it this does nothing.
static void read_end(void *state, struct answer *answer)
{
    struct chat_reading r = {.answer = answer, .arena = answer_context(answer)->arena};
    open_all_calls(state, &r);
    answer_end(answer, answer_has_finish(answer, 0));
}

static void read_body(struct answer *answer, const struct json_doc *doc)
{
    struct state state = {0};
    struct chat_reading r = {answer, doc, answer_context(answer)->arena};
    if (!read_answer(&state, &r)) {
        answer_fail(r.answer, FAULT_UPSTREAM_PROTOCOL, SLICE("the upstream's answer has no choices"));
        return;
    }
    open_all_calls(&state, &r);
    answer_end(answer, true);
}

// Chunks are filled up so that their length does not tell that of the text.
static const struct shape_member NOISE[] = {{SLICE_INIT("\"obfuscation\":\""), HOLE_STRING}};

const struct answer_decoder chat_decoder = {
    .noise = NOISE,
    .n_noise = sizeof(NOISE) / sizeof(*NOISE),
    .state_size = sizeof(struct state),
    .read_event = read_event,
    .read_done = read_done,
    .read_end = read_end,
    .read_body = read_body,
};

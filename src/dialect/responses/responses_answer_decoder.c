// SPDX-License-Identifier: MIT
// Answers of Responses, decoded: the response and its events. What it puts out is read in responses_output_decoder.c.
#include "dialect/responses/responses_internal.h"

// ---- the response

static void read_head(const struct responses_reading *r, const struct json_node *response)
{
    struct answer_head head = {
        .id = responses_plain(r, response, "id"),
        .model = responses_plain(r, response, "model"),
        .service_tier = responses_plain(r, response, "service_tier"),
    };
    (void)json_int64(r->doc, responses_get(r, response, "created_at"), &head.created_s);
    answer_start(r->answer, &head);
}

static void read_usage(const struct responses_reading *r, const struct json_node *response)
{
    struct usage_seen seen = {0};
    for (size_t i = 0; i < N_FIGURES; i++) {
        seen.figures[i] = -1;
    }
    usage_read_rows(&responses_usage, r->doc, responses_get(r, response, "usage"), &seen);
    struct usage usage = usage_of_seen(&responses_usage, &seen);
    answer_usage(r->answer, &usage);
}

static void fail(const struct responses_reading *r, const struct json_node *error)
{
    struct neutral_error failure = {.fault = FAULT_UPSTREAM_SERVER, .retry_after_s = -1};
    if (json_is(error, JSON_OBJECT)) {
        responses_read_error_object(r->doc, error, responses_arena(r), &failure);
    } else {
        failure.message = json_string(r->doc, error, responses_arena(r));
    }
    if (!failure.message.len) {
        failure.message = SLICE("the upstream's response failed");
    }
    answer_error(r->answer, &failure);
}

static enum finish_reason completed_reason(const struct responses_decoding *decoder)
{
    if (decoder->has_call) {
        return FINISH_TOOL_CALLS;
    }
    return decoder->has_refusal && !decoder->has_text ? FINISH_REFUSAL : FINISH_STOP;
}

static enum finish_reason incomplete_reason(const struct responses_reading *r, struct slice reason)
{
    if (slice_eq(reason, SLICE("max_output_tokens"))) {
        return FINISH_LENGTH;
    }
    return slice_eq(reason, SLICE("content_filter")) ? FINISH_CONTENT_FILTER : FINISH_OTHER;
}

static void finish(const struct responses_reading *r, enum finish_reason reason, struct slice native)
{
    answer_finish(r->answer, 0, &(struct finish){.reason = reason, .native = native});
}

static void end_response(const struct responses_reading *r, const struct json_node *response, struct slice status)
{
    read_head(r, response);
    read_usage(r, response);
    responses_rest_of_output(r, response);
    if (slice_eq(status, SLICE("failed"))) {
        fail(r, responses_get(r, response, "error"));
    } else if (slice_eq(status, SLICE("incomplete"))) {
        struct slice reason = responses_plain(r, responses_get(r, response, "incomplete_details"), "reason");
        answer_close_all(r->answer, 0, true);
        finish(r, incomplete_reason(r, reason), reason.len ? reason : status);
    } else if (slice_eq(status, SLICE("cancelled"))) {
        answer_close_all(r->answer, 0, true);
        finish(r, FINISH_CANCELLED, status);
    } else {
        finish(r, completed_reason(r->decoder), status);
    }
    answer_end(r->answer, true);
}

static struct slice status_of(const struct responses_reading *r, const struct json_node *response, const char *usual)
{
    struct slice status = responses_plain(r, response, "status");
    bool is_an_end = slice_eq(status, SLICE("completed")) || slice_eq(status, SLICE("incomplete")) ||
                     slice_eq(status, SLICE("failed")) || slice_eq(status, SLICE("cancelled"));
    return is_an_end ? status : slice_from_cstr(usual);
}

static void on_end(const struct responses_reading *r, const char *usual)
{
    const struct json_node *response = responses_get(r, r->root, "response");
    end_response(r, response, status_of(r, response, usual));
}

static void on_error(const struct responses_reading *r)
{
    const struct json_node *error = responses_get(r, r->root, "error");
    fail(r, json_is(error, JSON_OBJECT) || json_is(error, JSON_STRING) ? error : r->root);
}

// ---- events

enum event {
    ON_TEXT_DELTA,
    ON_ARGUMENTS_DELTA,
    ON_SUMMARY_DELTA,
    ON_THOUGHT_DELTA,
    ON_INPUT_DELTA,
    ON_ITEM_ADDED,
    ON_ITEM_DONE,
    ON_PART_DONE,
    ON_TEXT_DONE,
    ON_ARGUMENTS_DONE,
    ON_INPUT_DONE,
    ON_SUMMARY_DONE,
    ON_THOUGHT_DONE,
    ON_ANNOTATION,
    ON_REFUSAL_DELTA,
    ON_REFUSAL_DONE,
    ON_CREATED,
    ON_QUEUED,
    ON_PROGRESS,
    ON_COMPLETED,
    ON_DONE,
    ON_INCOMPLETE,
    ON_FAILED,
    ON_CANCELLED,
    ON_ERROR,
    N_EVENTS
};

// The frequent ones first.
static const struct slice EVENTS[N_EVENTS] = {
    [ON_TEXT_DELTA] = SLICE_INIT("response.output_text.delta"),
    [ON_ARGUMENTS_DELTA] = SLICE_INIT("response.function_call_arguments.delta"),
    [ON_SUMMARY_DELTA] = SLICE_INIT("response.reasoning_summary_text.delta"),
    [ON_THOUGHT_DELTA] = SLICE_INIT("response.reasoning_text.delta"),
    [ON_INPUT_DELTA] = SLICE_INIT("response.custom_tool_call_input.delta"),
    [ON_ITEM_ADDED] = SLICE_INIT("response.output_item.added"),
    [ON_ITEM_DONE] = SLICE_INIT("response.output_item.done"),
    [ON_PART_DONE] = SLICE_INIT("response.content_part.done"),
    [ON_TEXT_DONE] = SLICE_INIT("response.output_text.done"),
    [ON_ARGUMENTS_DONE] = SLICE_INIT("response.function_call_arguments.done"),
    [ON_INPUT_DONE] = SLICE_INIT("response.custom_tool_call_input.done"),
    [ON_SUMMARY_DONE] = SLICE_INIT("response.reasoning_summary_text.done"),
    [ON_THOUGHT_DONE] = SLICE_INIT("response.reasoning_text.done"),
    [ON_ANNOTATION] = SLICE_INIT("response.output_text.annotation.added"),
    [ON_REFUSAL_DELTA] = SLICE_INIT("response.refusal.delta"),
    [ON_REFUSAL_DONE] = SLICE_INIT("response.refusal.done"),
    [ON_CREATED] = SLICE_INIT("response.created"),
    [ON_QUEUED] = SLICE_INIT("response.queued"),
    [ON_PROGRESS] = SLICE_INIT("response.in_progress"),
    [ON_COMPLETED] = SLICE_INIT("response.completed"),
    [ON_DONE] = SLICE_INIT("response.done"), // what early proxies called the one above
    [ON_INCOMPLETE] = SLICE_INIT("response.incomplete"),
    [ON_FAILED] = SLICE_INIT("response.failed"),
    [ON_CANCELLED] = SLICE_INIT("response.cancelled"),
    [ON_ERROR] = SLICE_INIT("error"),
};

static enum event event_of(const struct responses_reading *r, struct slice name)
{
    const struct json_node *type = responses_get(r, r->root, "type");
    struct slice kind = json_is(type, JSON_STRING) ? json_escaped(r->doc, type) : name;
    enum event event = 0;
    while (event < N_EVENTS && !slice_eq(EVENTS[event], kind)) {
        event++;
    }
    // Whatever a proxy calls it.
    return event == N_EVENTS && json_is(responses_get(r, r->root, "error"), JSON_OBJECT) ? ON_ERROR : event;
}

static void read_event(void *state, struct answer *answer, const struct json_doc *doc, struct slice name)
{
    struct responses_reading reading = {.decoder = state, .answer = answer, .doc = doc, .root = json_root(doc)};
    const struct responses_reading *r = &reading;
    if (!json_is(r->root, JSON_OBJECT) || answer_is_over(answer)) {
        return;
    }
    switch (event_of(r, name)) {
    case ON_TEXT_DELTA: responses_text_delta(r, BLOCK_TEXT); break;
    case ON_ARGUMENTS_DELTA: responses_arguments_delta(r, false); break;
    case ON_SUMMARY_DELTA: responses_reasoning_delta(r, true); break;
    case ON_THOUGHT_DELTA: responses_reasoning_delta(r, false); break;
    case ON_INPUT_DELTA: responses_arguments_delta(r, true); break;
    case ON_ITEM_ADDED: responses_item_added(r); break;
    case ON_ITEM_DONE: responses_item_done(r); break;
    case ON_PART_DONE: responses_part_done(r); break;
    case ON_TEXT_DONE: responses_text_done(r, BLOCK_TEXT); break;
    case ON_ARGUMENTS_DONE: responses_arguments_done(r, false); break;
    case ON_INPUT_DONE: responses_arguments_done(r, true); break;
    case ON_SUMMARY_DONE: responses_reasoning_done(r, true); break;
    case ON_THOUGHT_DONE: responses_reasoning_done(r, false); break;
    case ON_ANNOTATION: responses_annotation_added(r); break;
    case ON_REFUSAL_DELTA: responses_text_delta(r, BLOCK_REFUSAL); break;
    case ON_REFUSAL_DONE: responses_text_done(r, BLOCK_REFUSAL); break;
    case ON_CREATED:
    case ON_QUEUED:
    case ON_PROGRESS: read_head(r, responses_get(r, r->root, "response")); break;
    case ON_COMPLETED:
    case ON_DONE: on_end(r, "completed"); break;
    case ON_INCOMPLETE: on_end(r, "incomplete"); break;
    case ON_FAILED: on_end(r, "failed"); break;
    case ON_CANCELLED: on_end(r, "cancelled"); break;
    case ON_ERROR: on_error(r); break;
    case N_EVENTS: break;
    }
}

// Not of this dialect, but who writes it says that nothing was cut off.
static void read_done(void *state, struct answer *answer)
{
    const struct responses_decoding *decoder = state;
    if (decoder->n_items) {
        answer_end(answer, true);
    }
}

static void read_end(void *state, struct answer *answer)
{
    answer_end(answer, false);
}

// ---- bodies

static void read_body(struct answer *answer, const struct json_doc *doc)
{
    struct responses_decoding decoder = {0};
    struct responses_reading r = {.decoder = &decoder, .answer = answer, .doc = doc, .root = json_root(doc)};
    struct slice status = responses_plain(&r, r.root, "status");
    bool has_output = json_is(responses_get(&r, r.root, "output"), JSON_ARRAY);
    if (json_is(responses_get(&r, r.root, "error"), JSON_OBJECT) || slice_eq(status, SLICE("failed"))) {
        fail(&r, responses_get(&r, r.root, "error"));
    } else if (!has_output || slice_eq(status, SLICE("queued")) || slice_eq(status, SLICE("in_progress"))) {
        answer_error(answer, &(struct neutral_error){
                                 .fault = FAULT_UPSTREAM_PROTOCOL,
                                 .message = has_output ? SLICE("the upstream's response has not been completed")
                                                       : SLICE("the upstream's answer is no response"),
                                 .retry_after_s = -1,
                             });
    } else {
        end_response(&r, r.root, status.len ? status : SLICE("completed"));
    }
}

// Events are counted, and filled up so that their length does not tell that of the text.
static const struct shape_member NOISE[] = {
    {SLICE_INIT("\"sequence_number\":"), HOLE_NUMBER},
    {SLICE_INIT("\"obfuscation\":\""), HOLE_STRING},
};

const struct answer_decoder responses_decoder = {
    .state_size = sizeof(struct responses_decoding),
    .read_more_text = responses_more_text,
    .noise = NOISE,
    .n_noise = sizeof(NOISE) / sizeof(*NOISE),
    .read_event = read_event,
    .read_done = read_done,
    .read_end = read_end,
    .read_body = read_body,
};

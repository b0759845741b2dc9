// SPDX-License-Identifier: MIT
// Any answer, as one of Responses. A stream always has an event that ends it: clients that miss it ask again, for ever.
#include "dialect/responses/responses_internal.h"

struct encoder {
    struct responses_output output;
    const struct answer_head *head;
    struct slice id;
    const struct usage *usage; // borrowed: answer; NULL: not said
    enum finish_reason reason;
};

static const struct usage UNKNOWN = {-1, -1, -1, -1, -1};

// ---- the response

static struct slice response_id(const struct answer_context *context, struct slice upstream_id)
{
    if (context->upstream == DIALECT_RESPONSES && slice_starts_with(upstream_id, SLICE("resp_"))) {
        return upstream_id;
    }
    struct slice parts[] = {SLICE("resp_"), context->token};
    return arena_concat(context->arena, parts, 2);
}

static void begin(struct encoder *encoder, const struct answer_context *context, const struct answer_head *head)
{
    encoder->output.context = context;
    encoder->head = head;
    encoder->id = response_id(context, head ? head->id : SLICE_EMPTY);
}

struct ending {
    struct slice head; // of the event
    struct slice status;
    struct slice reason;
};

static struct ending ending_of(const struct encoder *encoder)
{
    static const struct slice INCOMPLETE = SLICE_INIT("incomplete");
    struct slice event = RESPONSES_EVENT("response.incomplete");
    switch (encoder->reason) {
    case FINISH_LENGTH:
    case FINISH_CONTEXT_WINDOW: return (struct ending){event, INCOMPLETE, SLICE("max_output_tokens")};
    case FINISH_CONTENT_FILTER: return (struct ending){event, INCOMPLETE, SLICE("content_filter")};
    case FINISH_REFUSAL:
        if (!encoder->output.has_refusal) {
            return (struct ending){event, INCOMPLETE, SLICE("content_filter")};
        }
        break;
    case FINISH_CANCELLED: return (struct ending){event, SLICE("cancelled"), SLICE_EMPTY};
    case FINISH_UNSET:
    case FINISH_OTHER:
    case FINISH_STOP:
    case FINISH_STOP_SEQUENCE:
    case FINISH_TOOL_CALLS:
    case FINISH_PAUSE:
    case FINISH_COMPACTION:
    case FINISH_TOOL_ERROR: break;
    }
    return (struct ending){RESPONSES_EVENT("response.completed"), SLICE("completed"), SLICE_EMPTY};
}

static struct responses_object object_of(const struct encoder *encoder, struct slice status)
{
    return (struct responses_object){
        .context = encoder->output.context,
        .id = encoder->id,
        .head = encoder->head,
        .status = status,
        .items = responses_output_closed_items(&encoder->output),
    };
}

// What happened has no word of its own here.
static void lose_reason(const struct answer_context *context, enum finish_reason reason)
{
    bool is_lost = reason == FINISH_PAUSE || reason == FINISH_COMPACTION || reason == FINISH_TOOL_ERROR;
    if (is_lost && context->loss) {
        loss_warn_path(context->loss, LOSS_CHANGED, SLICE("status"));
    }
}

// ---- events

static void write_response_event(struct encoder *encoder, struct slice head, const struct responses_object *object)
{
    struct buf *out = encoder->output.events;
    struct json_writer w;
    responses_output_event(&encoder->output, head);
    buf_append(out, SLICE(",\"response\":"));
    json_writer_init(&w, out);
    responses_write_object(&w, object);
    buf_append(out, SLICE("}\n\n"));
}

static void on_start(struct encoder *encoder, const struct answer_context *context, const struct answer_head *head)
{
    begin(encoder, context, head);
    struct responses_object object = object_of(encoder, SLICE("in_progress"));
    write_response_event(encoder, RESPONSES_EVENT("response.created"), &object);
    write_response_event(encoder, RESPONSES_EVENT("response.in_progress"), &object);
}

static void on_end(struct encoder *encoder)
{
    struct ending ending = ending_of(encoder);
    lose_reason(encoder->output.context, encoder->reason);
    encoder->output.is_incomplete = ending.reason.len;
    responses_output_end(&encoder->output);
    struct responses_object object = object_of(encoder, ending.status);
    object.incomplete_reason = ending.reason;
    object.usage = encoder->usage ? encoder->usage : &UNKNOWN;
    write_response_event(encoder, ending.head, &object);
}

static void on_error(struct encoder *encoder, const struct answer_context *context, const struct neutral_error *error)
{
    struct fault_report report = fault_report_of(error, DIALECT_RESPONSES, SLICE_EMPTY);
    struct buf *out = encoder->output.events;
    struct json_writer w;
    if (!encoder->id.len) {
        begin(encoder, context, NULL);
    }
    buf_append(out, SLICE("event: error\ndata: "));
    json_writer_init(&w, out);
    responses_write_error_payload(&w, &report, encoder->output.sequence_number++);
    buf_append(out, SLICE("\n\n"));
    struct responses_object object = object_of(encoder, SLICE("failed"));
    object.failure = &report;
    write_response_event(encoder, RESPONSES_EVENT("response.failed"), &object);
}

// What is between the brackets of an array.
static struct slice elements_of(struct slice array)
{
    return array.len > 2 ? slice_of(array.ptr + 1, array.len - 2) : SLICE_EMPTY;
}

static void write_event(void *state, const struct answer_context *context, const struct neutral_event *event,
                        struct buf *out)
{
    struct encoder *encoder = state;
    struct responses_output *output = &encoder->output;
    output->events = out;
    switch (event->kind) {
    case EVENT_START: on_start(encoder, context, event->head); break;
    case EVENT_OPEN: responses_output_open(output, event->block); break;
    case EVENT_DELTA: responses_output_delta(output, event->block, event->text); break;
    case EVENT_OPAQUE: responses_output_opaque(output, event->block, event->opaque); break;
    case EVENT_PART: responses_output_part(output, event->block); break;
    case EVENT_CITATION: responses_output_citation(output, event->block, event->raw); break;
    case EVENT_LOGPROBS: responses_output_logprobs(output, event->block, elements_of(event->raw)); break;
    case EVENT_CLOSE: responses_output_close(output, event->block, event->is_partial); break;
    case EVENT_USAGE: encoder->usage = event->usage; break;
    case EVENT_FINISH: encoder->reason = event->finish->reason; break;
    case EVENT_ERROR: on_error(encoder, context, event->error); break;
    case EVENT_END: on_end(encoder); break;
    }
}

static void deinit(void *state)
{
    struct encoder *encoder = state;
    responses_output_deinit(&encoder->output);
}

// ---- bodies

static void write_texts(struct responses_output *output, const struct neutral_content *content)
{
    if (content->block->kind != BLOCK_REASONING) {
        if (content->text.len) {
            responses_output_delta(output, content->block, content->text);
        }
        return;
    }
    for (size_t i = 0; i < content->n_parts; i++) {
        if (i > 0) {
            responses_output_part(output, content->block);
        }
        responses_output_delta(output, content->block, content->parts[i]);
    }
}

static void write_content(struct responses_output *output, const struct neutral_content *content)
{
    // All is known by now, so that what came late stands where it belongs.
    struct neutral_block block = *content->block;
    block.opaque = content->opaque;
    responses_output_open(output, &block);
    write_texts(output, content);
    for (size_t i = 0; i < content->n_citations; i++) {
        responses_output_citation(output, &block, content->citations[i]);
    }
    responses_output_logprobs(output, &block, content->logprobs);
    responses_output_close(output, &block, content->is_partial);
}

static void write_body(const struct answer_context *context, const struct neutral_response *response, struct buf *out)
{
    struct encoder encoder = {.usage = &response->usage};
    const struct neutral_candidate *candidate = &response->candidates[0];
    struct json_writer w;
    begin(&encoder, context, &response->head);
    encoder.reason = candidate->finish.reason;
    for (const struct neutral_content *content = candidate->content; content; content = content->next) {
        write_content(&encoder.output, content);
    }
    struct ending ending = ending_of(&encoder);
    lose_reason(context, encoder.reason);
    encoder.output.is_incomplete = ending.reason.len;
    responses_output_end(&encoder.output);
    struct responses_object object = object_of(&encoder, ending.status);
    object.incomplete_reason = ending.reason;
    object.usage = &response->usage;
    json_writer_init(&w, out);
    responses_write_object(&w, &object);
    responses_output_deinit(&encoder.output);
}

const struct answer_encoder responses_encoder = {
    .state_size = sizeof(struct encoder),
    .write_event = write_event,
    .deinit = deinit,
    .write_body = write_body,
};

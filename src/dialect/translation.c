// SPDX-License-Identifier: MIT
// An answer on its way down: decoder → answer → stages → encoder, or collector and a whole body.
//
// Happy path: translation_new(); translation_feed() per event and translation_finish(), or translation_answer();
// translation_deinit().
// Failure modes: what the upstream tells of, or what is no answer, comes as an error through the same stages. It is
// written only where something of the answer was, since else the caller can say it with a status.
// Ends when: END or ERROR has come out of the last stage.
#include "dialect/translate.h"

#include "dialect/dialect_internal.h"
#include "dialect/event_shape.h"
#include "dialect/sequencer.h"
#include "dialect/stop_scanner.h"

enum { SCRATCH_FIRST = 4 * 1024, EVENT_NODES_MAX = 1024 * 1024 };

struct translation {
    struct answer_context context;
    const struct answer_decoder *decoder; // borrowed: static
    const struct answer_encoder *encoder;
    void *decoder_state; // arena
    void *encoder_state;
    struct answer *answer;
    struct collector *collector;  // of clients that do not stream; else NULL
    struct sequencer *sequencer;  // NULL: the encoder takes blocks that overlap
    struct stop_scanner *scanner; // NULL: the upstream knows all stop sequences
    struct arena scratch;         // for one event
    struct event_shape shape;     // of the events that only bring text
    struct buf *out;              // borrowed: during a call
    size_t n_parsed;              // events
    size_t n_unreadable;          // events that were no JSON, and skipped
    struct neutral_error error;
    bool has_error;
    bool has_begun; // something has been written, or the caller has said something
    bool is_done;   // "[DONE]"
    bool is_over;   // END or ERROR has come out
    bool is_finished;
};

// ---- what comes out

static struct slice keep(struct translation *translation, struct slice text)
{
    return text.len ? arena_dup(translation->context.arena, text) : SLICE_EMPTY;
}

static void on_error(struct translation *translation, const struct neutral_error *error)
{
    translation->has_error = true;
    translation->error = (struct neutral_error){
        .fault = error->fault,
        .message = keep(translation,
                        translate_hide_secret(translation->context.arena, error->message, translation->context.secret)),
        .type = keep(translation, error->type),
        .code = keep(translation, error->code),
        .param = keep(translation, error->param),
        .retry_after_s = error->retry_after_s,
    };
}

static void take(void *arg, const struct neutral_event *event)
{
    struct translation *translation = arg;
    struct neutral_event kept;
    if (event->kind == EVENT_ERROR) {
        on_error(translation, event->error);
        kept = (struct neutral_event){.kind = EVENT_ERROR, .error = &translation->error};
        event = &kept;
    }
    if (translation->collector) {
        struct event_sink sink = collector_sink(translation->collector);
        sink.take(sink.arg, event);
    } else if (event->kind != EVENT_ERROR || translation->has_begun) {
        size_t len = translation->out->len;
        translation->encoder->write_event(translation->encoder_state, &translation->context, event, translation->out);
        translation->has_begun = translation->has_begun || translation->out->len > len;
    }
    translation->is_over = translation->is_over || event->kind == EVENT_ERROR || event->kind == EVENT_END;
}

// ---- life

// From the last to the first, since each gives to the one behind it.
static struct event_sink add_stages(struct translation *translation)
{
    const struct answer_context *context = &translation->context;
    struct event_sink sink = {take, translation};
    if (!translation->collector && !translation->encoder->takes_overlap) {
        translation->sequencer = sequencer_new(context->arena, sink);
        sink = sequencer_sink(translation->sequencer);
    }
    if (context->req->n_stops > context->req->n_stops_sent) {
        translation->scanner = stop_scanner_new(context->arena, context->req, sink);
        sink = stop_scanner_sink(translation->scanner);
    }
    return sink;
}

struct translation *translation_new(const struct answer_context *context)
{
    struct translation *translation = arena_zalloc(context->arena, sizeof(*translation));
    translation->context = *context;
    translation->decoder = dialect_spoke(context->upstream)->decoder;
    translation->encoder = dialect_spoke(context->client)->encoder;
    translation->decoder_state = arena_zalloc(context->arena, translation->decoder->state_size);
    translation->encoder_state = arena_zalloc(context->arena, translation->encoder->state_size);
    if (!context->req->wants_stream) {
        translation->collector = collector_new(context->arena, false);
    }
    translation->answer = answer_new(context, add_stages(translation));
    arena_init(&translation->scratch, SCRATCH_FIRST);
    return translation;
}

void translation_deinit(struct translation *translation)
{
    if (translation->encoder->deinit) {
        translation->encoder->deinit(translation->encoder_state);
    }
    if (translation->scanner) {
        stop_scanner_deinit(translation->scanner);
    }
    answer_deinit(translation->answer);
    arena_deinit(&translation->scratch);
}

void translation_commit(struct translation *translation)
{
    translation->has_begun = true;
}

// ---- streams

// Did the event just read give a piece of text to a block of words, and nothing else? Then the next one of its shape
// does the same.
static void learn_shape(struct translation *translation, uint64_t n_told_before, struct slice name, struct slice data)
{
    const struct answer_decoder *decoder = translation->decoder;
    struct slice text;
    const struct neutral_block *block = answer_last_delta(translation->answer, &text);
    bool is_one_delta = answer_n_told(translation->answer) == n_told_before + 1 && block &&
                        (block->kind == BLOCK_TEXT || block->kind == BLOCK_REASONING);
    bool is_in_data = is_one_delta && text.ptr >= data.ptr && text.ptr + text.len <= data.ptr + data.len;
    translation->shape.is_set = false;
    if (is_in_data) {
        event_shape_learn(&translation->shape, name, data, text, decoder->noise, decoder->n_noise);
    }
}

// An event like the one before, told by its shape alone.
static bool feed_more_text(struct translation *translation, struct slice name, struct slice data)
{
    struct slice text;
    // Where a text is empty decoders may look for it elsewhere.
    if (!event_shape_match(&translation->shape, name, data, &text) || !text.len) {
        return false;
    }
    if (translation->decoder->read_more_text) {
        translation->decoder->read_more_text(translation->decoder_state, translation->answer, text);
    } else {
        struct slice last;
        answer_delta(translation->answer, answer_last_delta(translation->answer, &last), text);
    }
    return true;
}

static void feed_json(struct translation *translation, struct slice name, struct slice data)
{
    uint64_t n_told = answer_n_told(translation->answer);
    if (feed_more_text(translation, name, data)) {
        return;
    }
    static const struct json_options options = {.max_nodes = EVENT_NODES_MAX};
    struct json_doc doc;
    arena_reset(&translation->scratch);
    if (json_parse(&doc, &translation->scratch, data, &options) == 0) {
        translation->n_parsed++;
        translation->decoder->read_event(translation->decoder_state, translation->answer, &doc, name);
        learn_shape(translation, n_told, name, data);
    } else if (slice_eq(name, SLICE("error"))) {
        answer_fail(translation->answer, FAULT_UPSTREAM_SERVER, SLICE("the upstream reported an error"));
    } else {
        translation->n_unreadable++;
    }
}

void translation_feed(struct translation *translation, struct slice name, struct slice data, struct buf *out)
{
    if (translation->is_done || translation->is_over || translation->is_finished) {
        return;
    }
    translation->out = out;
    if (event_is_done(data)) {
        translation->is_done = true;
        if (translation->decoder->read_done) {
            translation->decoder->read_done(translation->decoder_state, translation->answer);
        }
    } else {
        feed_json(translation, name, data);
    }
    translation->out = NULL;
}

static void end_stream(struct translation *translation)
{
    if (translation->n_parsed == 0 && translation->n_unreadable > 0) {
        answer_fail(translation->answer, FAULT_UPSTREAM_PROTOCOL, SLICE("the upstream's answer is not JSON"));
        return;
    }
    translation->decoder->read_end(translation->decoder_state, translation->answer);
    answer_end(translation->answer, false); // unless the decoder has done it
}

static void write_body(struct translation *translation)
{
    if (translation->collector && translation->is_over && !translation->has_error) {
        translation->encoder->write_body(&translation->context, collector_response(translation->collector),
                                         translation->out);
    }
}

void translation_finish(struct translation *translation, struct buf *out)
{
    if (translation->is_finished) {
        return;
    }
    translation->is_finished = true;
    translation->out = out;
    if (!translation->is_over) {
        end_stream(translation);
    }
    write_body(translation);
    translation->out = NULL;
}

// ---- whole bodies

// Gemini's stream in the form of an array. An element is a document of its own, because decoders begin at the root.
static void read_elements(struct translation *translation, const struct json_doc *array)
{
    const struct json_node *element = NULL;
    while (!translation->is_over && json_next_element(array, json_root(array), &element)) {
        feed_json(translation, SLICE_EMPTY, json_raw(array, element));
    }
    if (!translation->is_over) {
        end_stream(translation);
    }
}

static void read_whole(struct translation *translation, struct slice body)
{
    struct arena *arena = translation->context.arena;
    struct json_doc doc;
    if (json_parse(&doc, arena, body, NULL) != 0) {
        answer_fail(translation->answer, FAULT_UPSTREAM_PROTOCOL, SLICE("the upstream's answer is not JSON"));
        return;
    }
    if (json_is(json_root(&doc), JSON_ARRAY)) {
        read_elements(translation, &doc);
        return;
    }
    // What a stage holds back does not stay.
    if (!translation->scanner && translation->collector) {
        translation->collector = collector_new(arena, true);
    }
    answer_borrow(translation->answer);
    translation->decoder->read_body(translation->answer, &doc);
    answer_end(translation->answer, false); // unless the decoder has done it
}

void translation_answer(struct translation *translation, struct slice body, struct buf *out)
{
    if (translation->is_finished) {
        return;
    }
    translation->is_finished = true;
    translation->out = out;
    read_whole(translation, body);
    write_body(translation);
    translation->out = NULL;
}

void translation_fail(struct translation *translation, const struct neutral_error *error, struct buf *out)
{
    translation->is_finished = true;
    translation->out = out;
    answer_error(translation->answer, error);
    translation->out = NULL;
}

// ---- questions

bool translation_is_cut_short(const struct translation *translation)
{
    return translation->is_over && !answer_is_over(translation->answer);
}

bool translation_is_over(const struct translation *translation)
{
    return translation->is_over;
}

const struct neutral_error *translation_error(const struct translation *translation)
{
    return translation->has_error ? &translation->error : NULL;
}

bool translation_is_finished(const struct translation *translation)
{
    return translation->is_over || answer_is_finished(translation->answer);
}

bool translation_has_content(const struct translation *translation)
{
    return answer_has_content(translation->answer);
}

size_t translation_n_parsed(const struct translation *translation)
{
    return translation->n_parsed;
}

const struct usage *translation_usage(const struct translation *translation)
{
    return answer_usage_so_far(translation->answer);
}

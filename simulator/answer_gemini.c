// SPDX-License-Identifier: MIT
// Google Gemini: complete responses one after the other, whose parts add up; the last one has the finishReason.
#include "simulator/composer.h"

static void write_usage(struct composer *c)
{
    struct json_writer *w = &c->w;
    composer_tell_output(c, c->usage.output + c->usage.reasoning);
    json_key(w, SLICE("usageMetadata"));
    json_begin_object(w);
    json_member_int(w, SLICE("promptTokenCount"), (int64_t)c->usage.input);
    if (c->usage.cache_read) {
        json_member_int(w, SLICE("cachedContentTokenCount"), (int64_t)c->usage.cache_read);
    }
    json_member_int(w, SLICE("candidatesTokenCount"), (int64_t)c->usage.output);
    if (c->usage.reasoning) {
        json_member_int(w, SLICE("thoughtsTokenCount"), (int64_t)c->usage.reasoning);
    }
    json_member_int(w, SLICE("totalTokenCount"), (int64_t)(c->usage.input + c->usage.output + c->usage.reasoning));
    json_end_object(w);
}

// Everything up to the open array of parts.
static void begin_parts(struct composer *c)
{
    struct json_writer *w = &c->w;
    composer_begin(c);
    json_key(w, SLICE("candidates"));
    json_begin_array(w);
    json_begin_object(w);
    if (c->is_refusal) {
        return;
    }
    json_key(w, SLICE("content"));
    json_begin_object(w);
    json_key(w, SLICE("parts"));
    json_begin_array(w);
}

static void end_parts(struct composer *c, bool is_last)
{
    struct json_writer *w = &c->w;
    if (!c->is_refusal) {
        json_end_array(w);
        json_member_string(w, SLICE("role"), SLICE("model"));
        json_end_object(w);
    }
    if (is_last) {
        json_member_string(w, SLICE("finishReason"), c->is_refusal ? SLICE("SAFETY") : SLICE("STOP"));
    }
    json_member_int(w, SLICE("index"), 0);
    json_end_object(w);
    json_end_array(w);
    if (is_last && !c->script->no_usage) {
        write_usage(c);
    }
    json_member_string(w, SLICE("modelVersion"), c->ask->model);
    composer_member_id(c, SLICE("responseId"), SLICE(""));
    composer_end(c, SLICE_EMPTY);
}

// The last text is signed when there were thoughts.
static void write_text_part(struct composer *c, struct slice text, bool is_thought, bool is_signed)
{
    struct json_writer *w = &c->w;
    json_begin_object(w);
    json_member_string(w, SLICE("text"), text);
    if (is_thought) {
        json_member_bool(w, SLICE("thought"), true);
    }
    if (is_signed) {
        json_member_string(w, SLICE("thoughtSignature"), composer_seal(c, SLICE_EMPTY));
    }
    json_end_object(w);
}

static void write_call_part(struct composer *c, unsigned call)
{
    struct json_writer *w = &c->w;
    json_begin_object(w);
    json_key(w, SLICE("functionCall"));
    json_begin_object(w);
    composer_member_call_id(c, SLICE("id"), SLICE("call_"), call);
    json_member_string(w, SLICE("name"), c->calls[call].name);
    json_key(w, SLICE("args"));
    json_write_raw(w, c->calls[call].arguments);
    json_end_object(w);
    // The first call carries the signature of the thoughts before it.
    if (call == 0) {
        json_member_string(w, SLICE("thoughtSignature"), composer_seal(c, c->calls[call].name));
    }
    json_end_object(w);
}

static void add_text(struct composer *c, struct slice text, bool is_last)
{
    begin_parts(c);
    write_text_part(c, text, false, is_last && c->n_reasoning);
    end_parts(c, is_last);
}

static void add_text_delta(struct composer *c, uint64_t i, struct slice text)
{
    add_text(c, text, false);
}

static void add_texts(struct composer *c)
{
    uint64_t n = c->n_text ? c->n_text : 1;
    if (c->script->giant) {
        // One before the repeated piece, so that this never is the first element of an array; one behind it.
        n = 2;
        add_text(c, composer_text_delta(c, 0), false);
    }
    composer_text_deltas(c, 0, n - 1, add_text_delta);
    add_text(c, c->n_text ? composer_text_delta(c, n - 1) : SLICE(""), !c->script->no_done);
}

static void add_thoughts(struct composer *c)
{
    for (uint64_t i = 0; i < c->n_reasoning; i++) {
        begin_parts(c);
        write_text_part(c, composer_reasoning_delta(c, i), true, false);
        end_parts(c, false);
    }
}

void answer_gemini_stream(struct composer *c)
{
    add_thoughts(c);
    if (c->is_refusal) {
        begin_parts(c);
        end_parts(c, !c->script->no_done);
    } else if (!c->n_calls) {
        add_texts(c);
    }
    for (unsigned i = 0; i < c->n_calls; i++) {
        begin_parts(c);
        write_call_part(c, i);
        end_parts(c, i + 1 == c->n_calls && !c->script->no_done);
    }
}

void answer_gemini_body(struct composer *c)
{
    begin_parts(c);
    if (c->n_reasoning) {
        write_text_part(c, buf_slice(&c->reasoning), true, false);
    }
    if (!c->is_refusal && !c->n_calls) {
        write_text_part(c, buf_slice(&c->text), false, c->n_reasoning > 0);
    }
    for (unsigned i = 0; i < c->n_calls; i++) {
        write_call_part(c, i);
    }
    end_parts(c, true);
}

// SPDX-License-Identifier: MIT
// OpenAI Chat Completions: a role chunk, deltas, a finish chunk, the usage if asked for, [DONE].
#include "simulator/composer.h"

static void write_envelope(struct composer *c, struct slice object)
{
    struct json_writer *w = &c->w;
    composer_member_id(c, SLICE("id"), SLICE("chatcmpl-"));
    json_member_string(w, SLICE("object"), object);
    json_member_int(w, SLICE("created"), c->context->now_s);
    json_member_string(w, SLICE("model"), c->ask->model);
    json_member_string(w, SLICE("service_tier"), SLICE("default"));
    json_member_string(w, SLICE("system_fingerprint"), SLICE("fp_simulator"));
}

static void write_usage(struct composer *c)
{
    struct json_writer *w = &c->w;
    uint64_t output = c->usage.output + c->usage.reasoning;
    composer_tell_output(c, output);
    json_key(w, SLICE("usage"));
    json_begin_object(w);
    json_member_int(w, SLICE("prompt_tokens"), (int64_t)c->usage.input);
    json_member_int(w, SLICE("completion_tokens"), (int64_t)output);
    json_member_int(w, SLICE("total_tokens"), (int64_t)(c->usage.input + output));
    json_key(w, SLICE("prompt_tokens_details"));
    json_begin_object(w);
    json_member_int(w, SLICE("cached_tokens"), (int64_t)c->usage.cache_read);
    json_member_int(w, SLICE("cache_write_tokens"), (int64_t)c->usage.cache_write);
    json_member_int(w, SLICE("audio_tokens"), 0);
    json_end_object(w);
    json_key(w, SLICE("completion_tokens_details"));
    json_begin_object(w);
    json_member_int(w, SLICE("reasoning_tokens"), (int64_t)c->usage.reasoning);
    json_member_int(w, SLICE("audio_tokens"), 0);
    json_member_int(w, SLICE("accepted_prediction_tokens"), 0);
    json_member_int(w, SLICE("rejected_prediction_tokens"), 0);
    json_end_object(w);
    json_end_object(w);
}

static void begin_delta(struct composer *c)
{
    struct json_writer *w = &c->w;
    composer_begin(c);
    write_envelope(c, SLICE("chat.completion.chunk"));
    json_key(w, SLICE("choices"));
    json_begin_array(w);
    json_begin_object(w);
    json_member_int(w, SLICE("index"), 0);
    json_key(w, SLICE("delta"));
    json_begin_object(w);
}

static void end_delta(struct composer *c, struct slice finish_reason)
{
    struct json_writer *w = &c->w;
    json_end_object(w);
    json_key(w, SLICE("logprobs"));
    json_write_null(w);
    json_key(w, SLICE("finish_reason"));
    if (finish_reason.len > 0) {
        json_write_string(w, finish_reason);
    } else {
        json_write_null(w);
    }
    json_end_object(w);
    json_end_array(w);
    if (c->ask->wants_usage && !c->script->no_usage) {
        json_key(w, SLICE("usage"));
        json_write_null(w);
    }
    composer_end(c, SLICE_EMPTY);
}

static void add_role(struct composer *c)
{
    struct json_writer *w = &c->w;
    begin_delta(c);
    json_member_string(w, SLICE("role"), SLICE("assistant"));
    json_key(w, SLICE("content"));
    if (c->n_calls || c->is_refusal) {
        json_write_null(w);
    } else {
        json_write_string(w, SLICE(""));
    }
    json_key(w, SLICE("refusal"));
    if (c->is_refusal) {
        json_write_string(w, SLICE(""));
    } else {
        json_write_null(w);
    }
    end_delta(c, SLICE_EMPTY);
}

static void add_delta(struct composer *c, struct slice member, struct slice text)
{
    begin_delta(c);
    json_member_string(&c->w, member, text);
    end_delta(c, SLICE_EMPTY);
}

static void add_text_delta(struct composer *c, uint64_t i, struct slice text)
{
    add_delta(c, SLICE("content"), text);
}

// The first fragment of a call says what is called, the others only go on with the arguments.
static void add_call_delta(struct composer *c, unsigned call, bool is_first, struct slice fragment)
{
    struct json_writer *w = &c->w;
    begin_delta(c);
    json_key(w, SLICE("tool_calls"));
    json_begin_array(w);
    json_begin_object(w);
    json_member_int(w, SLICE("index"), call);
    if (is_first) {
        composer_member_call_id(c, SLICE("id"), SLICE("call_"), call);
        json_member_string(w, SLICE("type"), SLICE("function"));
    }
    json_key(w, SLICE("function"));
    json_begin_object(w);
    if (is_first) {
        json_member_string(w, SLICE("name"), c->calls[call].name);
    }
    json_member_string(w, SLICE("arguments"), fragment);
    json_end_object(w);
    json_end_object(w);
    json_end_array(w);
    end_delta(c, SLICE_EMPTY);
}

static void add_call(struct composer *c, unsigned call)
{
    struct slice fragment;
    add_call_delta(c, call, true, SLICE(""));
    for (size_t at = 0; composer_next_fragment(c->calls[call].arguments, &at, &fragment);) {
        add_call_delta(c, call, false, fragment);
    }
}

static void add_usage(struct composer *c)
{
    composer_begin(c);
    write_envelope(c, SLICE("chat.completion.chunk"));
    json_key(&c->w, SLICE("choices"));
    json_begin_array(&c->w);
    json_end_array(&c->w);
    write_usage(c);
    composer_end(c, SLICE_EMPTY);
}

static void add_refusal(struct composer *c)
{
    for (struct slice rest = composer_refusal; rest.len > 0;) {
        size_t len = slice_find_char(slice_after(rest, 1), ' ');
        len = len == SLICE_NOT_FOUND ? rest.len : len + 1;
        add_delta(c, SLICE("refusal"), slice_of(rest.ptr, len));
        rest = slice_after(rest, len);
    }
}

void answer_chat_stream(struct composer *c)
{
    add_role(c);
    for (uint64_t i = 0; i < c->n_reasoning; i++) {
        add_delta(c, SLICE("reasoning_content"), composer_reasoning_delta(c, i));
    }
    if (c->is_refusal) {
        add_refusal(c);
    } else if (!c->n_calls) {
        composer_text_deltas(c, 0, c->n_text, add_text_delta);
    }
    for (unsigned i = 0; i < c->n_calls; i++) {
        add_call(c, i);
    }
    begin_delta(c);
    end_delta(c, c->n_calls ? SLICE("tool_calls") : SLICE("stop"));
    if (c->ask->wants_usage && !c->script->no_usage) {
        add_usage(c);
    }
    if (!c->script->no_done) {
        composer_add_raw(c, SLICE("[DONE]"));
    }
}

static void write_calls(struct composer *c)
{
    struct json_writer *w = &c->w;
    json_key(w, SLICE("tool_calls"));
    json_begin_array(w);
    for (unsigned i = 0; i < c->n_calls; i++) {
        json_begin_object(w);
        composer_member_call_id(c, SLICE("id"), SLICE("call_"), i);
        json_member_string(w, SLICE("type"), SLICE("function"));
        json_key(w, SLICE("function"));
        json_begin_object(w);
        json_member_string(w, SLICE("name"), c->calls[i].name);
        json_member_string(w, SLICE("arguments"), c->calls[i].arguments);
        json_end_object(w);
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_message(struct composer *c)
{
    struct json_writer *w = &c->w;
    json_key(w, SLICE("message"));
    json_begin_object(w);
    json_member_string(w, SLICE("role"), SLICE("assistant"));
    json_key(w, SLICE("content"));
    if (c->n_calls || c->is_refusal) {
        json_write_null(w);
    } else {
        json_write_string(w, buf_slice(&c->text));
    }
    if (c->n_reasoning) {
        json_member_string(w, SLICE("reasoning_content"), buf_slice(&c->reasoning));
    }
    json_key(w, SLICE("refusal"));
    if (c->is_refusal) {
        json_write_string(w, composer_refusal);
    } else {
        json_write_null(w);
    }
    if (c->n_calls) {
        write_calls(c);
    }
    json_key(w, SLICE("annotations"));
    json_begin_array(w);
    json_end_array(w);
    json_end_object(w);
}

void answer_chat_body(struct composer *c)
{
    struct json_writer *w = &c->w;
    composer_begin(c);
    write_envelope(c, SLICE("chat.completion"));
    json_key(w, SLICE("choices"));
    json_begin_array(w);
    json_begin_object(w);
    json_member_int(w, SLICE("index"), 0);
    write_message(c);
    json_key(w, SLICE("logprobs"));
    json_write_null(w);
    json_member_string(w, SLICE("finish_reason"), c->n_calls ? SLICE("tool_calls") : SLICE("stop"));
    json_end_object(w);
    json_end_array(w);
    if (!c->script->no_usage) {
        write_usage(c);
    }
    composer_end(c, SLICE_EMPTY);
}

// SPDX-License-Identifier: MIT
// Anthropic Messages: message_start, blocks of deltas, message_delta, message_stop.
#include "simulator/composer.h"

static void begin(struct composer *c, struct slice type)
{
    composer_begin(c);
    json_member_string(&c->w, SLICE("type"), type);
}

static void write_usage(struct composer *c, uint64_t output, bool is_whole)
{
    if (c->script->no_usage) {
        return;
    }
    struct json_writer *w = &c->w;
    composer_tell_output(c, output);
    uint64_t cached = c->usage.cache_read + c->usage.cache_write;
    json_key(w, SLICE("usage"));
    json_begin_object(w);
    json_member_int(w, SLICE("input_tokens"), (int64_t)(c->usage.input - cached));
    json_member_int(w, SLICE("cache_creation_input_tokens"), (int64_t)c->usage.cache_write);
    json_member_int(w, SLICE("cache_read_input_tokens"), (int64_t)c->usage.cache_read);
    if (is_whole) {
        json_key(w, SLICE("cache_creation"));
        json_begin_object(w);
        json_member_int(w, SLICE("ephemeral_5m_input_tokens"), (int64_t)c->usage.cache_write);
        json_member_int(w, SLICE("ephemeral_1h_input_tokens"), 0);
        json_end_object(w);
    }
    json_member_int(w, SLICE("output_tokens"), (int64_t)output);
    if (is_whole) {
        json_member_string(w, SLICE("service_tier"), SLICE("standard"));
    }
    json_end_object(w);
}

static void write_stop(struct composer *c)
{
    struct json_writer *w = &c->w;
    struct slice reason = c->is_refusal ? SLICE("refusal") : (c->n_calls ? SLICE("tool_use") : SLICE("end_turn"));
    json_member_string(w, SLICE("stop_reason"), reason);
    json_key(w, SLICE("stop_sequence"));
    json_write_null(w);
    if (c->is_refusal) {
        json_key(w, SLICE("stop_details"));
        json_begin_object(w);
        json_member_string(w, SLICE("type"), SLICE("refusal"));
        json_key(w, SLICE("category"));
        json_write_null(w);
        json_member_string(w, SLICE("explanation"), composer_refusal);
        json_end_object(w);
    }
}

static void write_envelope(struct composer *c)
{
    struct json_writer *w = &c->w;
    composer_member_id(c, SLICE("id"), SLICE("msg_"));
    json_member_string(w, SLICE("type"), SLICE("message"));
    json_member_string(w, SLICE("role"), SLICE("assistant"));
    json_member_string(w, SLICE("model"), c->ask->model);
}

static void add_message_start(struct composer *c)
{
    struct json_writer *w = &c->w;
    begin(c, SLICE("message_start"));
    json_key(w, SLICE("message"));
    json_begin_object(w);
    write_envelope(c);
    json_key(w, SLICE("content"));
    json_begin_array(w);
    json_end_array(w);
    json_key(w, SLICE("stop_reason"));
    json_write_null(w);
    json_key(w, SLICE("stop_sequence"));
    json_write_null(w);
    write_usage(c, 1, true);
    json_end_object(w);
    composer_end(c, SLICE("message_start"));
}

static void begin_block(struct composer *c, int64_t index)
{
    begin(c, SLICE("content_block_start"));
    json_member_int(&c->w, SLICE("index"), index);
    json_key(&c->w, SLICE("content_block"));
    json_begin_object(&c->w);
}

static void end_block(struct composer *c)
{
    json_end_object(&c->w);
    composer_end(c, SLICE("content_block_start"));
}

static void add_delta(struct composer *c, int64_t index, struct slice type, struct slice member, struct slice text)
{
    begin(c, SLICE("content_block_delta"));
    json_member_int(&c->w, SLICE("index"), index);
    json_key(&c->w, SLICE("delta"));
    json_begin_object(&c->w);
    json_member_string(&c->w, SLICE("type"), type);
    json_member_string(&c->w, member, text);
    json_end_object(&c->w);
    composer_end(c, SLICE("content_block_delta"));
}

static void add_block_stop(struct composer *c, int64_t index)
{
    begin(c, SLICE("content_block_stop"));
    json_member_int(&c->w, SLICE("index"), index);
    composer_end(c, SLICE("content_block_stop"));
}

static void add_ping(struct composer *c)
{
    begin(c, SLICE("ping"));
    composer_end(c, SLICE("ping"));
}

static void write_text_start(struct composer *c, struct slice type)
{
    json_member_string(&c->w, SLICE("type"), type);
    json_member_string(&c->w, type, SLICE(""));
    if (slice_eq(type, SLICE("thinking"))) {
        json_member_string(&c->w, SLICE("signature"), SLICE(""));
    }
}

static void add_thinking(struct composer *c)
{
    begin_block(c, 0);
    write_text_start(c, SLICE("thinking"));
    end_block(c);
    add_ping(c);
    for (uint64_t i = 0; i < c->n_reasoning; i++) {
        add_delta(c, 0, SLICE("thinking_delta"), SLICE("thinking"), composer_reasoning_delta(c, i));
    }
    add_delta(c, 0, SLICE("signature_delta"), SLICE("signature"), composer_seal(c, buf_slice(&c->reasoning)));
    add_block_stop(c, 0);
}

static void add_text_delta(struct composer *c, uint64_t i, struct slice text)
{
    add_delta(c, c->n_reasoning ? 1 : 0, SLICE("text_delta"), SLICE("text"), text);
}

static void add_text(struct composer *c)
{
    int64_t index = c->n_reasoning ? 1 : 0;
    begin_block(c, index);
    write_text_start(c, SLICE("text"));
    end_block(c);
    if (index == 0) {
        add_ping(c);
    }
    composer_text_deltas(c, 0, c->n_text, add_text_delta);
    add_block_stop(c, index);
}

static void add_call(struct composer *c, unsigned call)
{
    int64_t index = call + (c->n_reasoning ? 1 : 0);
    begin_block(c, index);
    json_member_string(&c->w, SLICE("type"), SLICE("tool_use"));
    composer_member_call_id(c, SLICE("id"), SLICE("toolu_"), call);
    json_member_string(&c->w, SLICE("name"), c->calls[call].name);
    json_key(&c->w, SLICE("input"));
    json_write_raw(&c->w, SLICE("{}"));
    end_block(c);
    if (index == 0) {
        add_ping(c);
    }
    add_delta(c, index, SLICE("input_json_delta"), SLICE("partial_json"), SLICE(""));
    struct slice fragment;
    for (size_t at = 0; composer_next_fragment(c->calls[call].arguments, &at, &fragment);) {
        add_delta(c, index, SLICE("input_json_delta"), SLICE("partial_json"), fragment);
    }
    add_block_stop(c, index);
}

static void add_message_end(struct composer *c)
{
    begin(c, SLICE("message_delta"));
    json_key(&c->w, SLICE("delta"));
    json_begin_object(&c->w);
    write_stop(c);
    json_end_object(&c->w);
    write_usage(c, c->usage.output + c->usage.reasoning, false);
    composer_end(c, SLICE("message_delta"));
    if (!c->script->no_done) {
        begin(c, SLICE("message_stop"));
        composer_end(c, SLICE("message_stop"));
    }
}

void answer_anthropic_stream(struct composer *c)
{
    add_message_start(c);
    if (c->n_reasoning) {
        add_thinking(c);
    }
    if (!c->n_calls && !c->is_refusal) {
        add_text(c);
    }
    for (unsigned i = 0; i < c->n_calls; i++) {
        add_call(c, i);
    }
    add_message_end(c);
}

static void write_content(struct composer *c)
{
    struct json_writer *w = &c->w;
    if (c->n_reasoning) {
        json_begin_object(w);
        json_member_string(w, SLICE("type"), SLICE("thinking"));
        json_member_string(w, SLICE("thinking"), buf_slice(&c->reasoning));
        json_member_string(w, SLICE("signature"), composer_seal(c, buf_slice(&c->reasoning)));
        json_end_object(w);
    }
    if (!c->n_calls && !c->is_refusal) {
        json_begin_object(w);
        json_member_string(w, SLICE("type"), SLICE("text"));
        json_member_string(w, SLICE("text"), buf_slice(&c->text));
        json_end_object(w);
    }
    for (unsigned i = 0; i < c->n_calls; i++) {
        json_begin_object(w);
        json_member_string(w, SLICE("type"), SLICE("tool_use"));
        composer_member_call_id(c, SLICE("id"), SLICE("toolu_"), i);
        json_member_string(w, SLICE("name"), c->calls[i].name);
        json_key(w, SLICE("input"));
        json_write_raw(w, c->calls[i].arguments);
        json_end_object(w);
    }
}

void answer_anthropic_body(struct composer *c)
{
    composer_begin(c);
    write_envelope(c);
    json_key(&c->w, SLICE("content"));
    json_begin_array(&c->w);
    write_content(c);
    json_end_array(&c->w);
    write_stop(c);
    write_usage(c, c->usage.output + c->usage.reasoning, true);
    composer_end(c, SLICE_EMPTY);
}

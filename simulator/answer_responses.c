// SPDX-License-Identifier: MIT
// OpenAI Responses: created, in_progress, items with their parts and deltas, completed; every event is numbered.
#include "simulator/composer.h"

static void begin(struct composer *c, struct slice type)
{
    composer_begin(c);
    json_member_string(&c->w, SLICE("type"), type);
    json_member_int(&c->w, SLICE("sequence_number"), (int64_t)c->sequence++);
}

static void write_null(struct json_writer *w, struct slice name)
{
    json_key(w, name);
    json_write_null(w);
}

static void write_empty_array(struct json_writer *w, struct slice name)
{
    json_key(w, name);
    json_begin_array(w);
    json_end_array(w);
}

static void write_usage(struct composer *c)
{
    struct json_writer *w = &c->w;
    uint64_t output = c->usage.output + c->usage.reasoning;
    composer_tell_output(c, output);
    json_key(w, SLICE("usage"));
    json_begin_object(w);
    json_member_int(w, SLICE("input_tokens"), (int64_t)c->usage.input);
    json_key(w, SLICE("input_tokens_details"));
    json_begin_object(w);
    json_member_int(w, SLICE("cached_tokens"), (int64_t)c->usage.cache_read);
    json_member_int(w, SLICE("cache_write_tokens"), (int64_t)c->usage.cache_write);
    json_end_object(w);
    json_member_int(w, SLICE("output_tokens"), (int64_t)output);
    json_key(w, SLICE("output_tokens_details"));
    json_begin_object(w);
    json_member_int(w, SLICE("reasoning_tokens"), (int64_t)c->usage.reasoning);
    json_end_object(w);
    json_member_int(w, SLICE("total_tokens"), (int64_t)(c->usage.input + output));
    json_end_object(w);
}

// Items, as they are when announced and when done.

static void write_reasoning_item(struct composer *c, bool is_done)
{
    struct json_writer *w = &c->w;
    json_begin_object(w);
    composer_member_id(c, SLICE("id"), SLICE("rs_"));
    json_member_string(w, SLICE("type"), SLICE("reasoning"));
    json_key(w, SLICE("summary"));
    json_begin_array(w);
    if (is_done) {
        json_begin_object(w);
        json_member_string(w, SLICE("type"), SLICE("summary_text"));
        json_member_string(w, SLICE("text"), buf_slice(&c->reasoning));
        json_end_object(w);
    }
    json_end_array(w);
    json_member_string(w, SLICE("encrypted_content"), composer_seal(c, composer_id(c, SLICE("rs_"))));
    json_end_object(w);
}

// A part of a message: text or refusal.
static void write_part(struct composer *c, bool is_done)
{
    struct json_writer *w = &c->w;
    json_begin_object(w);
    if (c->is_refusal) {
        json_member_string(w, SLICE("type"), SLICE("refusal"));
        json_member_string(w, SLICE("refusal"), is_done ? composer_refusal : SLICE(""));
    } else {
        json_member_string(w, SLICE("type"), SLICE("output_text"));
        write_empty_array(w, SLICE("annotations"));
        write_empty_array(w, SLICE("logprobs"));
        json_member_string(w, SLICE("text"), is_done ? buf_slice(&c->text) : SLICE(""));
    }
    json_end_object(w);
}

static void write_status(struct composer *c, bool is_done)
{
    json_member_string(&c->w, SLICE("status"), is_done ? SLICE("completed") : SLICE("in_progress"));
}

static void write_message_item(struct composer *c, bool is_done)
{
    struct json_writer *w = &c->w;
    json_begin_object(w);
    composer_member_id(c, SLICE("id"), SLICE("msg_"));
    json_member_string(w, SLICE("type"), SLICE("message"));
    write_status(c, is_done);
    json_member_string(w, SLICE("role"), SLICE("assistant"));
    json_key(w, SLICE("content"));
    json_begin_array(w);
    if (is_done) {
        write_part(c, true);
    }
    json_end_array(w);
    json_end_object(w);
}

static void write_call_item(struct composer *c, unsigned call, bool is_done)
{
    struct json_writer *w = &c->w;
    json_begin_object(w);
    composer_member_call_id(c, SLICE("id"), SLICE("fc_"), call);
    json_member_string(w, SLICE("type"), SLICE("function_call"));
    write_status(c, is_done);
    composer_member_call_id(c, SLICE("call_id"), SLICE("call_"), call);
    json_member_string(w, SLICE("name"), c->calls[call].name);
    json_member_string(w, SLICE("arguments"), is_done ? c->calls[call].arguments : SLICE(""));
    json_end_object(w);
}

static void write_output(struct composer *c)
{
    if (c->n_reasoning) {
        write_reasoning_item(c, true);
    }
    if (!c->n_calls) {
        write_message_item(c, true);
    }
    for (unsigned i = 0; i < c->n_calls; i++) {
        write_call_item(c, i, true);
    }
}

// The members of the response object that echo what was asked for.
static void write_settings(struct json_writer *w)
{
    write_null(w, SLICE("error"));
    write_null(w, SLICE("incomplete_details"));
    write_null(w, SLICE("instructions"));
    write_null(w, SLICE("max_output_tokens"));
    write_null(w, SLICE("previous_response_id"));
    json_member_bool(w, SLICE("parallel_tool_calls"), true);
    json_key(w, SLICE("reasoning"));
    json_write_raw(w, SLICE("{\"effort\":null,\"summary\":null}"));
    json_member_string(w, SLICE("service_tier"), SLICE("default"));
    json_member_bool(w, SLICE("store"), false);
    json_member_int(w, SLICE("temperature"), 1);
    json_key(w, SLICE("text"));
    json_write_raw(w, SLICE("{\"format\":{\"type\":\"text\"},\"verbosity\":\"medium\"}"));
    json_member_string(w, SLICE("tool_choice"), SLICE("auto"));
    write_empty_array(w, SLICE("tools"));
    json_member_int(w, SLICE("top_logprobs"), 0);
    json_member_int(w, SLICE("top_p"), 1);
    json_member_string(w, SLICE("truncation"), SLICE("disabled"));
    write_null(w, SLICE("user"));
    json_key(w, SLICE("metadata"));
    json_write_raw(w, SLICE("{}"));
}

static void write_response(struct composer *c, bool is_done)
{
    struct json_writer *w = &c->w;
    composer_member_id(c, SLICE("id"), SLICE("resp_"));
    json_member_string(w, SLICE("object"), SLICE("response"));
    json_member_int(w, SLICE("created_at"), c->context->now_s);
    write_status(c, is_done);
    json_member_bool(w, SLICE("background"), false);
    json_member_string(w, SLICE("model"), c->ask->model);
    json_key(w, SLICE("output"));
    json_begin_array(w);
    if (is_done) {
        write_output(c);
    }
    json_end_array(w);
    write_settings(w);
    if (is_done && !c->script->no_usage) {
        write_usage(c);
    } else {
        write_null(w, SLICE("usage"));
    }
}

static void add_response(struct composer *c, struct slice type, bool is_done)
{
    begin(c, type);
    json_key(&c->w, SLICE("response"));
    json_begin_object(&c->w);
    write_response(c, is_done);
    json_end_object(&c->w);
    composer_end(c, type);
}

// Which item an event is about.
static void write_place(struct composer *c, int64_t index)
{
    json_member_int(&c->w, SLICE("output_index"), index);
}

static void add_reasoning_part(struct composer *c, struct slice type, struct slice text)
{
    struct json_writer *w = &c->w;
    begin(c, type);
    composer_member_id(c, SLICE("item_id"), SLICE("rs_"));
    write_place(c, 0);
    json_member_int(w, SLICE("summary_index"), 0);
    json_key(w, SLICE("part"));
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("summary_text"));
    json_member_string(w, SLICE("text"), text);
    json_end_object(w);
    composer_end(c, type);
}

static void add_reasoning_text(struct composer *c, struct slice type, struct slice member, struct slice text)
{
    begin(c, type);
    composer_member_id(c, SLICE("item_id"), SLICE("rs_"));
    write_place(c, 0);
    json_member_int(&c->w, SLICE("summary_index"), 0);
    json_member_string(&c->w, member, text);
    composer_end(c, type);
}

static void add_reasoning_item(struct composer *c, struct slice type, bool is_done)
{
    begin(c, type);
    write_place(c, 0);
    json_key(&c->w, SLICE("item"));
    write_reasoning_item(c, is_done);
    composer_end(c, type);
}

static void add_reasoning(struct composer *c)
{
    add_reasoning_item(c, SLICE("response.output_item.added"), false);
    add_reasoning_part(c, SLICE("response.reasoning_summary_part.added"), SLICE(""));
    for (uint64_t i = 0; i < c->n_reasoning; i++) {
        add_reasoning_text(c, SLICE("response.reasoning_summary_text.delta"), SLICE("delta"),
                           composer_reasoning_delta(c, i));
    }
    add_reasoning_text(c, SLICE("response.reasoning_summary_text.done"), SLICE("text"), buf_slice(&c->reasoning));
    add_reasoning_part(c, SLICE("response.reasoning_summary_part.done"), buf_slice(&c->reasoning));
    add_reasoning_item(c, SLICE("response.output_item.done"), true);
}

// Behind the thoughts.
static int64_t first_index(const struct composer *c)
{
    return c->n_reasoning ? 1 : 0;
}

static void add_message_item(struct composer *c, struct slice type, bool is_done)
{
    begin(c, type);
    write_place(c, first_index(c));
    json_key(&c->w, SLICE("item"));
    write_message_item(c, is_done);
    composer_end(c, type);
}

static void begin_content(struct composer *c, struct slice type)
{
    begin(c, type);
    composer_member_id(c, SLICE("item_id"), SLICE("msg_"));
    write_place(c, first_index(c));
    json_member_int(&c->w, SLICE("content_index"), 0);
}

static void add_part(struct composer *c, struct slice type, bool is_done)
{
    begin_content(c, type);
    json_key(&c->w, SLICE("part"));
    write_part(c, is_done);
    composer_end(c, type);
}

static void add_text(struct composer *c, struct slice type, struct slice member, struct slice text)
{
    begin_content(c, type);
    json_member_string(&c->w, member, text);
    if (!c->is_refusal) {
        write_empty_array(&c->w, SLICE("logprobs"));
    }
    composer_end(c, type);
}

static void add_text_delta(struct composer *c, uint64_t i, struct slice text)
{
    add_text(c, SLICE("response.output_text.delta"), SLICE("delta"), text);
}

static void add_message(struct composer *c)
{
    add_message_item(c, SLICE("response.output_item.added"), false);
    add_part(c, SLICE("response.content_part.added"), false);
    if (c->is_refusal) {
        add_text(c, SLICE("response.refusal.delta"), SLICE("delta"), composer_refusal);
        add_text(c, SLICE("response.refusal.done"), SLICE("refusal"), composer_refusal);
    } else {
        composer_text_deltas(c, 0, c->n_text, add_text_delta);
        add_text(c, SLICE("response.output_text.done"), SLICE("text"), buf_slice(&c->text));
    }
    add_part(c, SLICE("response.content_part.done"), true);
    add_message_item(c, SLICE("response.output_item.done"), true);
}

static void add_call_item(struct composer *c, unsigned call, struct slice type, bool is_done)
{
    begin(c, type);
    write_place(c, first_index(c) + call);
    json_key(&c->w, SLICE("item"));
    write_call_item(c, call, is_done);
    composer_end(c, type);
}

static void add_arguments(struct composer *c, unsigned call, struct slice type, struct slice member, struct slice text)
{
    begin(c, type);
    composer_member_call_id(c, SLICE("item_id"), SLICE("fc_"), call);
    write_place(c, first_index(c) + call);
    json_member_string(&c->w, member, text);
    composer_end(c, type);
}

static void add_call(struct composer *c, unsigned call)
{
    struct slice arguments = c->calls[call].arguments;
    add_call_item(c, call, SLICE("response.output_item.added"), false);
    struct slice fragment;
    for (size_t at = 0; composer_next_fragment(arguments, &at, &fragment);) {
        add_arguments(c, call, SLICE("response.function_call_arguments.delta"), SLICE("delta"), fragment);
    }
    add_arguments(c, call, SLICE("response.function_call_arguments.done"), SLICE("arguments"), arguments);
    add_call_item(c, call, SLICE("response.output_item.done"), true);
}

void answer_responses_stream(struct composer *c)
{
    add_response(c, SLICE("response.created"), false);
    add_response(c, SLICE("response.in_progress"), false);
    if (c->n_reasoning) {
        add_reasoning(c);
    }
    if (!c->n_calls) {
        add_message(c);
    }
    for (unsigned i = 0; i < c->n_calls; i++) {
        add_call(c, i);
    }
    if (!c->script->no_done) {
        add_response(c, SLICE("response.completed"), true);
    }
}

void answer_responses_body(struct composer *c)
{
    composer_begin(c);
    write_response(c, true);
    composer_end(c, SLICE_EMPTY);
}

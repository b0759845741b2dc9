// SPDX-License-Identifier: MIT
// What OpenAI's Responses API refuses, of a client that lets nothing be stored.
#include "simulator/critic_internal.h"
#include "simulator/seal.h"

static const char generate_names[] =
    "model input instructions max_output_tokens max_tool_calls temperature top_p top_logprobs text reasoning tools "
    "tool_choice parallel_tool_calls previous_response_id conversation store include stream stream_options background "
    "truncation context_management prompt metadata user safety_identifier prompt_cache_key prompt_cache_options "
    "prompt_cache_retention service_tier moderation client_metadata";
static const char count_names[] = "model input instructions tools tool_choice parallel_tool_calls reasoning text "
                                  "truncation previous_response_id conversation";

struct input {
    struct critic_calls calls;
    struct slice reasoning; // id of a reasoning item that still waits for what it led to
};

// The ids of items have prefixes that are checked, where there are ids.
static bool check_id(struct critic *critic, const struct json_node *item, const char *prefix)
{
    struct slice id = critic_text(critic, item, "id");
    return id.len == 0 || slice_starts_with(id, slice_from_cstr(prefix)) ||
           critic_blame(critic, "Invalid 'input.id': '%.*s'. Expected an ID that begins with '%s'.", SLICE_ARG(id),
                        prefix);
}

static bool check_part(struct critic *critic, const struct json_node *part, const char *types)
{
    struct slice type = critic_text(critic, part, "type");
    if (!critic_knows(types, type)) {
        return critic_blame(critic, "Invalid value: '%.*s'. Supported values are: %s.", SLICE_ARG(type), types);
    }
    if (slice_eq(type, SLICE("input_image"))) {
        struct slice url = critic_text(critic, part, "image_url");
        bool has_image = slice_starts_with(url, SLICE("data:image/")) || slice_starts_with(url, SLICE("http")) ||
                         critic_get(critic, part, "file_id");
        return (has_image || critic_blame(critic, "Invalid 'input.content.image_url': no image.")) &&
               critic_only(critic, part, "input.content", "type image_url file_id detail prompt_cache_breakpoint");
    }
    return critic_only(critic, part, "input.content",
                       "type text refusal annotations logprobs file_data file_id file_url filename detail input_audio "
                       "prompt_cache_breakpoint");
}

static bool check_parts(struct critic *critic, const struct json_node *content, const char *types)
{
    if (json_is(content, JSON_STRING)) {
        return true;
    }
    if (!json_is(content, JSON_ARRAY)) {
        return critic_blame(critic, "Invalid type for 'input.content': expected a string or an array.");
    }
    for (const struct json_node *part = NULL; critic_next(critic, content, &part);) {
        if (!check_part(critic, part, types)) {
            return false;
        }
    }
    return true;
}

static bool check_message(struct critic *critic, const struct json_node *item)
{
    struct slice role = critic_text(critic, item, "role");
    bool is_assistant = slice_eq(role, SLICE("assistant"));
    if (!critic_knows("user system developer assistant", role)) {
        return critic_blame(critic, "Invalid value: '%.*s' is no role.", SLICE_ARG(role));
    }
    return check_id(critic, item, "msg_") &&
           check_parts(critic, critic_get(critic, item, "content"),
                       is_assistant ? "output_text refusal" : "input_text input_image input_file input_audio") &&
           critic_only(critic, item, "input",
                       is_assistant ? "type id role content status phase" : "type id role content status");
}

static bool check_reasoning(struct critic *critic, const struct json_node *item, struct input *input)
{
    struct slice id = critic_text(critic, item, "id");
    struct slice encrypted = critic_text(critic, item, "encrypted_content");
    if (!json_is(critic_get(critic, item, "summary"), JSON_ARRAY)) {
        return critic_blame(critic, "Missing required parameter: 'input.summary'.");
    }
    if (encrypted.len == 0) {
        return critic_blame(critic, "Item with id '%.*s' not found. Items are not persisted when `store` is false.",
                            SLICE_ARG(id));
    }
    if (!seal_is_intact(encrypted, PROVIDER_RESPONSES, id)) {
        return critic_blame(critic, "The encrypted content for item %.*s could not be verified.", SLICE_ARG(id));
    }
    input->reasoning = id;
    return check_id(critic, item, "rs_") &&
           critic_only(critic, item, "input", "type id summary content encrypted_content status");
}

static bool check_call(struct critic *critic, const struct json_node *item, struct input *input, bool is_custom)
{
    struct slice id = critic_text(critic, item, "call_id");
    if (id.len == 0 || id.len > 64) {
        return critic_blame(critic, "Invalid 'input.call_id': expected a string with length from 1 to 64.");
    }
    if (!json_is(critic_get(critic, item, is_custom ? "input" : "arguments"), JSON_STRING) ||
        !critic_is_name(critic_text(critic, item, "name"), "_-", 128)) {
        return critic_blame(critic, "Invalid 'input': a call has a name and its arguments as a string.");
    }
    critic_add_call(&input->calls, id);
    return check_id(critic, item, is_custom ? "ctc_" : "fc_") &&
           critic_only(critic, item, "input",
                       is_custom ? "type id call_id name input status namespace"
                                 : "type id call_id name arguments status namespace caller");
}

static bool check_output(struct critic *critic, const struct json_node *item, struct input *input)
{
    struct slice id = critic_text(critic, item, "call_id");
    if (!critic_answer_call(&input->calls, id)) {
        return critic_blame(critic, "No tool call found for function call output with call_id %.*s.", SLICE_ARG(id));
    }
    return check_parts(critic, critic_get(critic, item, "output"), "input_text input_image input_file") &&
           critic_only(critic, item, "input", "type id call_id output status");
}

static bool check_item(struct critic *critic, const struct json_node *item, struct input *input)
{
    struct slice type = critic_text(critic, item, "type");
    bool is_message = type.len == 0 || slice_eq(type, SLICE("message"));
    bool is_led_to = !is_message || critic_is(critic, item, "role", "assistant");
    if (input->reasoning.len > 0 && (!is_led_to || slice_ends_with(type, SLICE("_output")))) {
        return critic_blame(critic, "Item '%.*s' of type 'reasoning' was provided without its required following item.",
                            SLICE_ARG(input->reasoning));
    }
    input->reasoning = SLICE_EMPTY;
    if (is_message) {
        return check_message(critic, item);
    }
    if (slice_eq(type, SLICE("reasoning"))) {
        return check_reasoning(critic, item, input);
    }
    if (slice_eq(type, SLICE("function_call")) || slice_eq(type, SLICE("custom_tool_call"))) {
        return check_call(critic, item, input, slice_eq(type, SLICE("custom_tool_call")));
    }
    if (slice_eq(type, SLICE("function_call_output")) || slice_eq(type, SLICE("custom_tool_call_output"))) {
        return check_output(critic, item, input);
    }
    return true; // of a kind that only OpenAI itself understands
}

static bool check_input(struct critic *critic)
{
    const struct json_node *list = critic_get(critic, json_root(&critic->doc), "input");
    struct input *input = arena_zalloc(critic->arena, sizeof(*input));
    if (json_is(list, JSON_STRING)) {
        return true;
    }
    if (critic_count(critic, list) == 0) {
        return critic_blame(critic, "Missing required parameter: 'input'.");
    }
    for (const struct json_node *item = NULL; critic_next(critic, list, &item);) {
        if (!check_item(critic, item, input)) {
            return false;
        }
    }
    struct slice open = critic_open_call(&input->calls);
    if (open.len > 0) {
        return critic_blame(critic, "No tool output found for function call %.*s.", SLICE_ARG(open));
    }
    return input->reasoning.len == 0 ||
           critic_blame(critic, "Item '%.*s' of type 'reasoning' was provided without its required following item.",
                        SLICE_ARG(input->reasoning));
}

static bool check_tool(struct critic *critic, const struct json_node *tool)
{
    const struct json_node *strict = critic_get(critic, tool, "strict");
    if (!critic_is(critic, tool, "type", "function")) {
        return critic_get(critic, tool, "type") || critic_blame(critic, "Missing required parameter: 'tools.type'.");
    }
    if (!critic_is_name(critic_text(critic, tool, "name"), "_-", 128)) {
        return critic_blame(critic, "Missing required parameter: 'tools.name'.");
    }
    if (!json_is(critic_get(critic, tool, "parameters"), JSON_OBJECT)) {
        return critic_blame(critic, "Missing required parameter: 'tools.parameters'.");
    }
    if (!json_is(strict, JSON_TRUE) && !json_is(strict, JSON_FALSE)) {
        return critic_blame(critic, "Missing required parameter: 'tools.strict'.");
    }
    return critic_only(critic, tool, "tools",
                       "type name description parameters strict defer_loading output_schema allowed_callers");
}

static bool check_settings(struct critic *critic)
{
    const struct json_node *root = json_root(&critic->doc);
    const struct json_node *text = critic_get(critic, root, "text");
    const struct json_node *format = critic_get(critic, text, "format");
    const struct json_node *choice = critic_get(critic, root, "tool_choice");
    const struct json_node *reasoning = critic_get(critic, root, "reasoning");
    if (critic_is(critic, format, "type", "json_schema") &&
        (critic_text(critic, format, "name").len == 0 || !json_is(critic_get(critic, format, "schema"), JSON_OBJECT))) {
        return critic_blame(critic, "Missing required parameter: 'text.format.name' or 'text.format.schema'.");
    }
    if (json_is(choice, JSON_OBJECT) &&
        !critic_only(critic, choice, "tool_choice", "type name mode tools server_label")) {
        return false;
    }
    return (!text || critic_only(critic, text, "text", "format verbosity")) &&
           (!format || critic_only(critic, format, "text.format", "type name schema description strict")) &&
           (!reasoning || critic_only(critic, reasoning, "reasoning", "effort summary context mode generate_summary"));
}

void critic_read_responses(struct critic *critic)
{
    const struct json_node *root = json_root(&critic->doc);
    bool is_count = critic->ask->action == ASK_COUNT_TOKENS;
    bool is_good = critic_only(critic, root, "", is_count ? count_names : generate_names) && check_settings(critic);
    for (const struct json_node *tool = NULL;
         is_good && critic_next(critic, critic_get(critic, root, "tools"), &tool);) {
        is_good = check_tool(critic, tool);
    }
    (void)(is_good && check_input(critic));
}

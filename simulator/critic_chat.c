// SPDX-License-Identifier: MIT
// What OpenAI's Chat Completions refuses.
#include "simulator/critic_internal.h"

static const char generate_names[] =
    "model messages max_completion_tokens max_tokens temperature top_p presence_penalty frequency_penalty logit_bias "
    "logprobs top_logprobs n seed stop stream stream_options tools tool_choice parallel_tool_calls functions "
    "function_call response_format reasoning_effort verbosity modalities audio prediction store metadata user "
    "safety_identifier prompt_cache_key prompt_cache_options prompt_cache_retention service_tier moderation "
    "web_search_options";

// Models that think take neither the old limit nor sampling.
static bool is_reasoning_model(struct critic *critic)
{
    static const struct slice prefixes[] = {SLICE_INIT("gpt-5"), SLICE_INIT("o1"), SLICE_INIT("o3"), SLICE_INIT("o4")};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        if (slice_starts_with(critic->ask->model, prefixes[i])) {
            return true;
        }
    }
    return false;
}

static bool check_image(struct critic *critic, const struct json_node *part)
{
    const struct json_node *image = critic_get(critic, part, "image_url");
    struct slice url = critic_text(critic, image, "url");
    if (!slice_starts_with(url, SLICE("data:image/")) && !slice_starts_with(url, SLICE("http"))) {
        return critic_blame(critic, "Invalid 'messages.content.image_url.url': no image.");
    }
    return critic_only(critic, image, "messages.content.image_url", "url detail");
}

static bool check_part(struct critic *critic, const struct json_node *part, const char *types)
{
    struct slice type = critic_text(critic, part, "type");
    if (!critic_knows(types, type)) {
        return critic_blame(critic, "Invalid value: '%.*s'. Supported values are: %s.", SLICE_ARG(type), types);
    }
    if (slice_eq(type, SLICE("image_url")) && !check_image(critic, part)) {
        return false;
    }
    if (slice_eq(type, SLICE("file")) &&
        !critic_only(critic, critic_get(critic, part, "file"), "messages.content.file", "file_data file_id filename")) {
        return false;
    }
    return critic_only(critic, part, "messages.content",
                       "type text refusal image_url input_audio file prompt_cache_breakpoint");
}

static bool check_content(struct critic *critic, const struct json_node *message, const char *types)
{
    const struct json_node *content = critic_get(critic, message, "content");
    if (json_is(content, JSON_STRING)) {
        return true;
    }
    if (critic_count(critic, content) == 0) {
        return critic_blame(critic, "Invalid value for 'content': expected a string or parts.");
    }
    for (const struct json_node *part = NULL; critic_next(critic, content, &part);) {
        if (!check_part(critic, part, types)) {
            return false;
        }
    }
    return true;
}

static bool check_call(struct critic *critic, const struct json_node *call, struct critic_calls *calls)
{
    const struct json_node *function = critic_get(critic, call, "function");
    struct slice id = critic_text(critic, call, "id");
    if (id.len == 0) {
        return critic_blame(critic, "Missing required parameter: 'messages.tool_calls.id'.");
    }
    critic_add_call(calls, id);
    if (critic_is(critic, call, "type", "custom")) {
        return critic_only(critic, critic_get(critic, call, "custom"), "messages.tool_calls.custom", "name input");
    }
    if (!critic_is(critic, call, "type", "function") ||
        !json_is(critic_get(critic, function, "arguments"), JSON_STRING) ||
        !critic_is_name(critic_text(critic, function, "name"), "_-", 64)) {
        return critic_blame(critic, "Invalid 'messages.tool_calls': a function with name and arguments is wanted.");
    }
    return critic_only(critic, call, "messages.tool_calls", "id type function") &&
           critic_only(critic, function, "messages.tool_calls.function", "name arguments");
}

static bool check_assistant(struct critic *critic, const struct json_node *message, struct critic_calls *calls)
{
    const struct json_node *list = critic_get(critic, message, "tool_calls");
    const struct json_node *content = critic_get(critic, message, "content");
    if (list && critic_count(critic, list) == 0) {
        return critic_blame(critic, "Invalid 'messages.tool_calls': empty array.");
    }
    for (const struct json_node *call = NULL; critic_next(critic, list, &call);) {
        if (!check_call(critic, call, calls)) {
            return false;
        }
    }
    bool may_lack = list || critic_get(critic, message, "refusal") || critic_get(critic, message, "audio");
    if ((!content || json_is(content, JSON_NULL)) && !may_lack) {
        return critic_blame(critic, "Invalid value for 'content': expected a string, got null.");
    }
    bool has_content = content && !json_is(content, JSON_NULL);
    // Clients send back what they got, so its own decorations are taken; other vendors' only by those.
    bool is_own = is_reasoning_model(critic) || slice_starts_with(critic->ask->model, SLICE("gpt-"));
    return (!has_content || check_content(critic, message, "text refusal")) &&
           critic_only(critic, message, "messages",
                       is_own ? "role content refusal name audio annotations function_call tool_calls"
                              : "role content refusal name audio annotations function_call tool_calls "
                                "reasoning_content");
}

static bool check_result(struct critic *critic, const struct json_node *message, struct critic_calls *calls)
{
    struct slice id = critic_text(critic, message, "tool_call_id");
    if (!critic_answer_call(calls, id)) {
        return critic_blame(critic,
                            "Invalid parameter: messages with role 'tool' must be a response to a preceding message "
                            "with 'tool_calls' (%.*s).",
                            SLICE_ARG(id));
    }
    return check_content(critic, message, "text") &&
           critic_only(critic, message, "messages", "role content tool_call_id");
}

static bool check_message(struct critic *critic, const struct json_node *message, struct critic_calls *calls)
{
    struct slice role = critic_text(critic, message, "role");
    if (slice_eq(role, SLICE("tool"))) {
        return check_result(critic, message, calls);
    }
    struct slice open = critic_open_call(calls);
    if (open.len > 0) {
        return critic_blame(critic,
                            "An assistant message with 'tool_calls' must be followed by tool messages responding to "
                            "each 'tool_call_id': %.*s",
                            SLICE_ARG(open));
    }
    calls->n = 0;
    if (slice_eq(role, SLICE("assistant"))) {
        return check_assistant(critic, message, calls);
    }
    if (slice_eq(role, SLICE("user"))) {
        return check_content(critic, message, "text image_url input_audio file") &&
               critic_only(critic, message, "messages", "role content name");
    }
    if (critic_knows("system developer", role)) {
        return check_content(critic, message, "text") && critic_only(critic, message, "messages", "role content name");
    }
    return critic_blame(critic, "Invalid value: '%.*s' is no role.", SLICE_ARG(role));
}

static bool check_messages(struct critic *critic)
{
    const struct json_node *messages = critic_get(critic, json_root(&critic->doc), "messages");
    struct critic_calls *calls = arena_zalloc(critic->arena, sizeof(*calls));
    if (critic_count(critic, messages) == 0) {
        return critic_blame(critic, "Invalid 'messages': empty array.");
    }
    for (const struct json_node *message = NULL; critic_next(critic, messages, &message);) {
        if (!check_message(critic, message, calls)) {
            return false;
        }
    }
    struct slice open = critic_open_call(calls);
    return open.len == 0 || critic_blame(critic, "No tool message for the call %.*s.", SLICE_ARG(open));
}

static bool check_tool(struct critic *critic, const struct json_node *tool)
{
    const struct json_node *function = critic_get(critic, tool, "function");
    if (critic_is(critic, tool, "type", "custom")) {
        return critic_only(critic, critic_get(critic, tool, "custom"), "tools.custom", "name description format");
    }
    if (!critic_is(critic, tool, "type", "function")) {
        return critic_blame(critic, "Invalid value for 'tools.type': expected 'function' or 'custom'.");
    }
    if (!critic_is_name(critic_text(critic, function, "name"), "_-", 64)) {
        return critic_blame(critic, "Invalid 'tools.function.name': string does not match pattern.");
    }
    return critic_only(critic, tool, "tools", "type function prompt_cache_breakpoint") &&
           critic_only(critic, function, "tools.function", "name description parameters strict");
}

static bool check_tools(struct critic *critic)
{
    const struct json_node *root = json_root(&critic->doc);
    const struct json_node *tools = critic_get(critic, root, "tools");
    if (tools && critic_count(critic, tools) == 0) {
        return critic_blame(critic, "Invalid 'tools': empty array. Expected an array with minimum length 1.");
    }
    if (!tools && (critic_get(critic, root, "tool_choice") || critic_get(critic, root, "parallel_tool_calls"))) {
        return critic_blame(critic, "'tool_choice' and 'parallel_tool_calls' are only allowed when 'tools' is.");
    }
    for (const struct json_node *tool = NULL; critic_next(critic, tools, &tool);) {
        if (!check_tool(critic, tool)) {
            return false;
        }
    }
    const struct json_node *choice = critic_get(critic, root, "tool_choice");
    return !json_is(choice, JSON_OBJECT) ||
           critic_only(critic, choice, "tool_choice", "type function custom allowed_tools");
}

static bool check_format(struct critic *critic)
{
    const struct json_node *format = critic_get(critic, json_root(&critic->doc), "response_format");
    const struct json_node *schema = critic_get(critic, format, "json_schema");
    if (!format || !critic_is(critic, format, "type", "json_schema")) {
        return true;
    }
    if (!critic_is_name(critic_text(critic, schema, "name"), "_-", 64)) {
        return critic_blame(critic, "Missing required parameter: 'response_format.json_schema.name'.");
    }
    return critic_only(critic, format, "response_format", "type json_schema") &&
           critic_only(critic, schema, "response_format.json_schema", "name description schema strict");
}

static bool check_settings(struct critic *critic)
{
    const struct json_node *root = json_root(&critic->doc);
    if (is_reasoning_model(critic) &&
        (critic_get(critic, root, "max_tokens") || critic_get(critic, root, "temperature") ||
         critic_get(critic, root, "top_p") || critic_get(critic, root, "stop"))) {
        return critic_blame(critic, "Unsupported parameter: max_tokens, temperature, top_p or stop with this model.");
    }
    if (critic_get(critic, root, "stream_options") && !critic->ask->is_stream) {
        return critic_blame(critic, "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
    }
    return critic_count(critic, critic_get(critic, root, "stop")) <= 4 ||
           critic_blame(critic, "Invalid 'stop': array too long. Expected an array with maximum length 4.");
}

void critic_read_chat(struct critic *critic)
{
    (void)(critic_only(critic, json_root(&critic->doc), "", generate_names) && check_settings(critic) &&
           check_tools(critic) && check_format(critic) && check_messages(critic));
}

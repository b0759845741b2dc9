// SPDX-License-Identifier: MIT
// What Anthropic's Messages API refuses.
#include "simulator/critic_internal.h"
#include "simulator/seal.h"

static const char generate_names[] =
    "model messages max_tokens system stop_sequences stream temperature top_p top_k tools tool_choice thinking "
    "output_config output_format metadata service_tier container inference_geo speed cache_control context_management "
    "mcp_servers thread fallbacks diagnostics";
static const char count_names[] =
    "model messages system tools tool_choice thinking output_config cache_control context_management mcp_servers";

static bool has_thinking(struct critic *critic)
{
    const struct json_node *thinking = critic_get(critic, json_root(&critic->doc), "thinking");
    return critic_is(critic, thinking, "type", "enabled") || critic_is(critic, thinking, "type", "adaptive");
}

static bool check_source(struct critic *critic, const struct json_node *block, const char *media_types)
{
    const struct json_node *source = critic_get(critic, block, "source");
    struct slice media_type = critic_text(critic, source, "media_type");
    struct slice data = critic_text(critic, source, "data");
    if (!critic_is(critic, source, "type", "base64")) {
        return critic_only(critic, source, "source", "type url file_id media_type data content");
    }
    if (!critic_knows(media_types, media_type)) {
        return critic_blame(critic, "source.media_type: '%.*s' is not one of %s", SLICE_ARG(media_type), media_types);
    }
    if (data.len % 4 != 0 || !critic_is_name(data, "+/=", SIZE_MAX)) {
        return critic_blame(critic, "source.data: not base64");
    }
    return critic_only(critic, source, "source", "type media_type data");
}

static bool check_text(struct critic *critic, const struct json_node *block)
{
    if (critic_is_blank(critic_text(critic, block, "text"))) {
        return critic_blame(critic, "messages: text content blocks must contain non-whitespace text");
    }
    return critic_only(critic, block, "text", "type text citations cache_control");
}

static bool check_block(struct critic *critic, const struct json_node *block, bool is_assistant);

static bool check_result(struct critic *critic, const struct json_node *block)
{
    const struct json_node *content = critic_get(critic, block, "content");
    for (const struct json_node *part = NULL; critic_next(critic, content, &part);) {
        bool may_nest = !critic_is(critic, part, "type", "tool_result");
        if (!may_nest || !check_block(critic, part, false)) {
            return critic_blame(critic, "tool_result.content: not allowed");
        }
    }
    return critic_only(critic, block, "tool_result", "type tool_use_id content is_error cache_control");
}

static bool check_call(struct critic *critic, const struct json_node *block)
{
    if (!critic_is_name(critic_text(critic, block, "id"), "_-", 256)) {
        return critic_blame(critic, "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'");
    }
    if (!json_is(critic_get(critic, block, "input"), JSON_OBJECT)) {
        return critic_blame(critic, "tool_use.input: Input should be a valid dictionary");
    }
    return critic_only(critic, block, "tool_use", "type id name input caller toolset_name cache_control");
}

static bool check_thoughts(struct critic *critic, const struct json_node *block)
{
    struct slice signature = critic_text(critic, block, "signature");
    if (!seal_is_intact(signature, PROVIDER_ANTHROPIC, critic_text(critic, block, "thinking"))) {
        return critic_blame(critic, "Invalid `signature` in `thinking` block");
    }
    return critic_only(critic, block, "thinking", "type thinking signature");
}

static bool check_block(struct critic *critic, const struct json_node *block, bool is_assistant)
{
    static const char user_types[] = "text image document search_result tool_result container_upload";
    struct slice type = critic_text(critic, block, "type");
    if (slice_eq(type, SLICE("text"))) {
        return check_text(critic, block);
    }
    if (is_assistant == critic_knows(user_types, type)) {
        return critic_blame(critic, "messages: block type '%.*s' is not for this role", SLICE_ARG(type));
    }
    if (slice_eq(type, SLICE("tool_use"))) {
        return check_call(critic, block);
    }
    if (slice_eq(type, SLICE("thinking"))) {
        return check_thoughts(critic, block);
    }
    if (slice_eq(type, SLICE("tool_result"))) {
        return check_result(critic, block);
    }
    if (slice_eq(type, SLICE("image"))) {
        return check_source(critic, block, "image/jpeg image/png image/gif image/webp") &&
               critic_only(critic, block, "image", "type source cache_control");
    }
    if (slice_eq(type, SLICE("document"))) {
        return check_source(critic, block, "application/pdf text/plain") &&
               critic_only(critic, block, "document", "type source title context citations cache_control");
    }
    return true; // of a kind that only Anthropic itself understands
}

// The results that the calls before want: all of them, and before anything else.
static bool check_answers(struct critic *critic, const struct json_node *content, struct critic_calls *calls)
{
    bool is_over = false;
    for (const struct json_node *block = NULL; critic_next(critic, content, &block);) {
        if (!critic_is(critic, block, "type", "tool_result")) {
            is_over = true;
            continue;
        }
        struct slice id = critic_text(critic, block, "tool_use_id");
        if (is_over) {
            return critic_blame(critic, "messages: tool_result blocks must come first in the message");
        }
        if (!critic_answer_call(calls, id)) {
            return critic_blame(critic, "messages: unexpected `tool_use_id` found in `tool_result` blocks: %.*s",
                                SLICE_ARG(id));
        }
    }
    struct slice open = critic_open_call(calls);
    if (open.len > 0) {
        return critic_blame(critic,
                            "messages: `tool_use` ids were found without `tool_result` blocks immediately after: %.*s",
                            SLICE_ARG(open));
    }
    return true;
}

static bool check_content(struct critic *critic, const struct json_node *message, struct critic_calls *calls)
{
    const struct json_node *content = critic_get(critic, message, "content");
    bool is_assistant = critic_is(critic, message, "role", "assistant");
    if (json_is(content, JSON_STRING)) {
        return !critic_is_blank(critic_text(critic, message, "content")) ||
               critic_blame(critic, "messages: text content blocks must be non-empty");
    }
    if (critic_count(critic, content) == 0) {
        return critic_blame(critic, "messages: all messages must have non-empty content");
    }
    for (const struct json_node *block = NULL; critic_next(critic, content, &block);) {
        if (!check_block(critic, block, is_assistant)) {
            return false;
        }
        if (critic_is(critic, block, "type", "tool_use")) {
            critic_add_call(calls, critic_text(critic, block, "id"));
        }
    }
    return true;
}

static bool check_message(struct critic *critic, const struct json_node *message, bool is_first,
                          struct critic_calls *calls)
{
    struct slice role = critic_text(critic, message, "role");
    if (!critic_knows("user assistant system", role)) {
        return critic_blame(critic, "messages.role: Input should be 'user' or 'assistant'");
    }
    if (is_first && !slice_eq(role, SLICE("user"))) {
        return critic_blame(critic, "messages: first message must use the \"user\" role");
    }
    if (!check_answers(critic, critic_get(critic, message, "content"), calls)) {
        return false;
    }
    calls->n = 0;
    return critic_only(critic, message, "messages", "role content") && check_content(critic, message, calls);
}

// A turn that goes on after a tool's result began with its thoughts.
static bool check_continued(struct critic *critic, const struct json_node *before, const struct json_node *last)
{
    const struct json_node *thinking = critic_get(critic, json_root(&critic->doc), "thinking");
    const struct json_node *first = NULL;
    const struct json_node *result = NULL;
    bool is_continued = critic_next(critic, critic_get(critic, last, "content"), &result) &&
                        critic_is(critic, result, "type", "tool_result") &&
                        critic_next(critic, critic_get(critic, before, "content"), &first);
    if (critic_is(critic, thinking, "type", "enabled") && is_continued &&
        !critic_knows("thinking redacted_thinking", critic_text(critic, first, "type"))) {
        return critic_blame(critic, "messages: Expected `thinking` or `redacted_thinking`, but found something else");
    }
    return true;
}

static bool check_end(struct critic *critic, const struct json_node *last)
{
    struct slice text = critic_text(critic, last, "content");
    for (const struct json_node *block = NULL; critic_next(critic, critic_get(critic, last, "content"), &block);) {
        text = critic_text(critic, block, "text");
    }
    if (!critic_is(critic, last, "role", "assistant")) {
        return true;
    }
    if (has_thinking(critic)) {
        return critic_blame(critic, "messages: the final message may not be of the assistant when thinking");
    }
    if (text.len > 0 && critic_is_blank(slice_after(text, text.len - 1))) {
        return critic_blame(critic, "messages: final assistant content cannot end with trailing whitespace");
    }
    return true;
}

static bool check_messages(struct critic *critic)
{
    const struct json_node *messages = critic_get(critic, json_root(&critic->doc), "messages");
    const struct json_node *before = NULL;
    const struct json_node *message = NULL;
    const struct json_node *last = NULL;
    struct critic_calls *calls = arena_zalloc(critic->arena, sizeof(*calls));
    while (critic_next(critic, messages, &message)) {
        if (!check_message(critic, message, !last, calls)) {
            return false;
        }
        before = last;
        last = message;
    }
    if (!last) {
        return critic_blame(critic, "messages: at least one message is required");
    }
    return check_answers(critic, NULL, calls) && check_continued(critic, before, last) && check_end(critic, last);
}

static bool check_tool(struct critic *critic, const struct json_node *tool, struct critic_calls *names)
{
    struct slice type = critic_text(critic, tool, "type");
    struct slice name = critic_text(critic, tool, "name");
    const struct json_node *schema = critic_get(critic, tool, "input_schema");
    if (type.len > 0 && !slice_eq(type, SLICE("custom"))) {
        return true; // one of Anthropic's own
    }
    if (!critic_is_name(name, "_-", 128)) {
        return critic_blame(critic, "tools.name: '%.*s' should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
                            SLICE_ARG(name));
    }
    if (critic_answer_call(names, name)) {
        return critic_blame(critic, "tools: Tool names must be unique: %.*s", SLICE_ARG(name));
    }
    critic_add_call(names, name);
    if (!critic_is(critic, schema, "type", "object") || critic_get(critic, schema, "anyOf") ||
        critic_get(critic, schema, "oneOf") || critic_get(critic, schema, "allOf")) {
        return critic_blame(critic, "tools.input_schema.type: Input should be 'object'");
    }
    return critic_only(critic, tool, "tools",
                       "name description input_schema type cache_control strict defer_loading eager_input_streaming "
                       "input_examples allowed_callers");
}

static bool check_tools(struct critic *critic)
{
    const struct json_node *root = json_root(&critic->doc);
    const struct json_node *choice = critic_get(critic, root, "tool_choice");
    struct critic_calls *names = arena_zalloc(critic->arena, sizeof(*names));
    for (const struct json_node *tool = NULL; critic_next(critic, critic_get(critic, root, "tools"), &tool);) {
        if (!check_tool(critic, tool, names)) {
            return false;
        }
    }
    if (!choice) {
        return true;
    }
    struct slice type = critic_text(critic, choice, "type");
    if (!critic_knows("auto any tool none", type)) {
        return critic_blame(critic, "tool_choice.type: Input should be auto, any, tool or none");
    }
    if (names->n == 0 && critic_knows("any tool", type)) {
        return critic_blame(critic, "tool_choice: may only be specified while providing tools");
    }
    if (slice_eq(type, SLICE("tool")) && !critic_answer_call(names, critic_text(critic, choice, "name"))) {
        return critic_blame(critic, "tool_choice: no such tool");
    }
    return critic_only(critic, choice, "tool_choice",
                       critic_knows("none", type) ? "type" : "type name disable_parallel_tool_use");
}

static bool check_thinking(struct critic *critic)
{
    const struct json_node *root = json_root(&critic->doc);
    const struct json_node *thinking = critic_get(critic, root, "thinking");
    int64_t budget = 0;
    int64_t max_tokens = INT64_MAX;
    double temperature = 1;
    if (!thinking || !has_thinking(critic)) {
        return true;
    }
    (void)json_int64(&critic->doc, critic_get(critic, root, "max_tokens"), &max_tokens);
    (void)json_double(&critic->doc, critic_get(critic, root, "temperature"), &temperature);
    bool has_budget = json_int64(&critic->doc, critic_get(critic, thinking, "budget_tokens"), &budget);
    bool is_enabled = critic_is(critic, thinking, "type", "enabled");
    if (is_enabled != has_budget || (is_enabled && (budget < 1024 || budget >= max_tokens))) {
        return critic_blame(critic, "thinking.budget_tokens: must be from 1024 and less than max_tokens");
    }
    if (temperature != 1 || critic_get(critic, root, "top_k")) {
        return critic_blame(critic, "`temperature` may only be set to 1 and `top_k` not at all when thinking");
    }
    if (is_enabled && critic_knows("any tool", critic_text(critic, critic_get(critic, root, "tool_choice"), "type"))) {
        return critic_blame(critic, "Thinking may not be enabled when tool_choice forces tool use.");
    }
    return critic_only(critic, thinking, "thinking", "type budget_tokens display");
}

// Every object of a schema for answers must be closed.
static bool check_output(struct critic *critic)
{
    const struct json_node *config = critic_get(critic, json_root(&critic->doc), "output_config");
    const struct json_node *format = critic_get(critic, config, "format");
    const struct json_node *schema = critic_get(critic, format, "schema");
    if (!config) {
        return true;
    }
    struct slice effort = critic_text(critic, config, "effort");
    if (effort.len > 0 && !critic_knows("low medium high xhigh max", effort)) {
        return critic_blame(critic, "output_config.effort: Input should be low, medium, high, xhigh or max");
    }
    if (format && (!critic_is(critic, format, "type", "json_schema") || !json_is(schema, JSON_OBJECT))) {
        return critic_blame(critic, "output_config.format: a json_schema with a schema is wanted");
    }
    const struct json_node *end = critic->doc.nodes + (schema ? schema->next : 0);
    for (const struct json_node *at = schema; at && at < end; at++) {
        if (critic_is(critic, at, "type", "object") &&
            !json_is(critic_get(critic, at, "additionalProperties"), JSON_FALSE)) {
            return critic_blame(critic, "output_config.format.schema: 'additionalProperties' must be false");
        }
    }
    return critic_only(critic, config, "output_config", "effort format task_budget");
}

static bool check_settings(struct critic *critic)
{
    const struct json_node *root = json_root(&critic->doc);
    const struct json_node *metadata = critic_get(critic, root, "metadata");
    const struct json_node *temperature = critic_get(critic, root, "temperature");
    int64_t max_tokens;
    double value;
    if (critic->ask->action == ASK_GENERATE &&
        !json_int64(&critic->doc, critic_get(critic, root, "max_tokens"), &max_tokens)) {
        return critic_blame(critic, "max_tokens: Field required");
    }
    if (temperature && (!json_double(&critic->doc, temperature, &value) || value < 0 || value > 1)) {
        return critic_blame(critic, "temperature: Input should be from 0 to 1");
    }
    for (const struct json_node *stop = NULL; critic_next(critic, critic_get(critic, root, "stop_sequences"), &stop);) {
        if (critic_is_blank(json_string(&critic->doc, stop, critic->arena))) {
            return critic_blame(critic, "stop_sequences: each stop sequence must contain non-whitespace");
        }
    }
    for (const struct json_node *block = NULL; critic_next(critic, critic_get(critic, root, "system"), &block);) {
        if (!critic_is(critic, block, "type", "text") || !check_text(critic, block)) {
            return critic_blame(critic, "system: text content blocks must be non-empty");
        }
    }
    return !metadata || critic_only(critic, metadata, "metadata", "user_id");
}

void critic_read_anthropic(struct critic *critic)
{
    bool is_count = critic->ask->action == ASK_COUNT_TOKENS;
    (void)(critic_only(critic, json_root(&critic->doc), "", is_count ? count_names : generate_names) &&
           check_settings(critic) && check_tools(critic) && check_thinking(critic) && check_output(critic) &&
           check_messages(critic));
}

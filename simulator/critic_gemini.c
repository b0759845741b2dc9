// SPDX-License-Identifier: MIT
// What Gemini's generateContent refuses.
#include "simulator/critic_internal.h"
#include "simulator/seal.h"

static const char request_names[] = "contents systemInstruction tools toolConfig generationConfig safetySettings "
                                    "cachedContent serviceTier store labels model stream";
static const char config_names[] =
    "temperature topP topK candidateCount maxOutputTokens stopSequences seed presencePenalty frequencyPenalty "
    "responseLogprobs logprobs responseMimeType responseSchema responseJsonSchema responseFormat responseModalities "
    "mediaResolution speechConfig thinkingConfig imageConfig";
// What its own kind of schema has; parametersJsonSchema takes any.
static const char schema_names[] =
    "type format title description nullable enum items minItems maxItems properties required minProperties "
    "maxProperties minLength maxLength pattern minimum maximum anyOf propertyOrdering default example";
static const char part_names[] = "text inlineData fileData functionCall functionResponse executableCode "
                                 "codeExecutionResult toolCall toolResponse thought thoughtSignature videoMetadata "
                                 "mediaResolution partMetadata";

struct conversation {
    struct slice calls[CRITIC_CALLS_MAX]; // names, of the content before
    size_t n_calls;
    bool is_model; // whose the content before was
    bool has_any;
};

static bool check_schema(struct critic *critic, const struct json_node *schema, int depth)
{
    const struct json_node *value = NULL;
    const struct json_node *properties = critic_get(critic, schema, "properties");
    if (!schema) {
        return true;
    }
    if (depth == 0 || !critic_only(critic, schema, "schema", schema_names)) {
        return critic_blame(critic, "schema: too deep");
    }
    while (json_is(properties, JSON_OBJECT) && json_next_member(&critic->doc, properties, NULL, &value)) {
        if (!check_schema(critic, value, depth - 1)) {
            return false;
        }
    }
    for (value = NULL; critic_next(critic, critic_get(critic, schema, "anyOf"), &value);) {
        if (!check_schema(critic, value, depth - 1)) {
            return false;
        }
    }
    return check_schema(critic, critic_get(critic, schema, "items"), depth - 1);
}

static bool check_function(struct critic *critic, const struct json_node *function)
{
    struct slice name = critic_text(critic, function, "name");
    bool has_digit_first = name.len > 0 && !critic_is_name(slice_of(name.ptr, 1), "_", 1);
    if (!critic_is_name(name, "_.:-", 128) || has_digit_first || strchr("0123456789", name.ptr[0])) {
        return critic_blame(critic, "Invalid function name '%.*s'. Must start with a letter or an underscore.",
                            SLICE_ARG(name));
    }
    if (critic_text(critic, function, "description").len == 0) {
        return critic_blame(critic, "tools.functionDeclarations.description: must be specified");
    }
    if (critic_get(critic, function, "parameters") && critic_get(critic, function, "parametersJsonSchema")) {
        return critic_blame(critic, "parameters and parametersJsonSchema may not both be set");
    }
    return critic_only(critic, function, "tools.functionDeclarations",
                       "name description parameters parametersJsonSchema response responseJsonSchema behavior") &&
           check_schema(critic, critic_get(critic, function, "parameters"), 32);
}

static bool check_tools(struct critic *critic, const struct json_node *request)
{
    size_t n_lists = 0;
    for (const struct json_node *tool = NULL; critic_next(critic, critic_get(critic, request, "tools"), &tool);) {
        const struct json_node *list = critic_get(critic, tool, "functionDeclarations");
        n_lists += list ? 1 : 0;
        if (list && critic_count(critic, list) == 0) {
            return critic_blame(critic, "tools.functionDeclarations: must not be empty");
        }
        for (const struct json_node *function = NULL; critic_next(critic, list, &function);) {
            if (!check_function(critic, function)) {
                return false;
            }
        }
    }
    const struct json_node *choice =
        critic_get(critic, critic_get(critic, request, "toolConfig"), "functionCallingConfig");
    struct slice mode = critic_text(critic, choice, "mode");
    if (choice && critic_get(critic, choice, "allowedFunctionNames") && !critic_knows("ANY VALIDATED", mode)) {
        return critic_blame(critic, "Function calling config: allowed_function_names needs mode ANY.");
    }
    return n_lists <= 1 || critic_blame(critic, "tools: all functions belong into one entry");
}

static bool check_config(struct critic *critic, const struct json_node *request)
{
    const struct json_node *config = critic_get(critic, request, "generationConfig");
    const struct json_node *thinking = critic_get(critic, config, "thinkingConfig");
    if (critic_get(critic, thinking, "thinkingBudget") && critic_get(critic, thinking, "thinkingLevel")) {
        return critic_blame(critic, "thinking_budget and thinking_level may not be set together.");
    }
    bool has_schema = critic_get(critic, config, "responseSchema") || critic_get(critic, config, "responseJsonSchema");
    if (has_schema && !critic_is(critic, config, "responseMimeType", "application/json")) {
        return critic_blame(critic, "Response schema needs response_mime_type application/json.");
    }
    return (!config || critic_only(critic, config, "generation_config", config_names)) &&
           (!thinking || critic_only(critic, thinking, "generation_config.thinking_config",
                                     "includeThoughts thinkingBudget thinkingLevel")) &&
           check_schema(critic, critic_get(critic, config, "responseSchema"), 32);
}

// Exactly one of the members that hold something.
static bool has_one_datum(struct critic *critic, const struct json_node *part)
{
    static const char *const names[] = {"text",
                                        "inlineData",
                                        "fileData",
                                        "functionCall",
                                        "executableCode",
                                        "functionResponse",
                                        "codeExecutionResult",
                                        "toolCall",
                                        "toolResponse"};
    size_t n = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        n += critic_get(critic, part, names[i]) ? 1 : 0;
    }
    return n == 1;
}

static bool check_signature(struct critic *critic, const struct json_node *part)
{
    struct slice signature = critic_text(critic, part, "thoughtSignature");
    struct slice bound = critic_text(critic, critic_get(critic, part, "functionCall"), "name");
    return signature.len == 0 || slice_eq(signature, SLICE("skip_thought_signature_validator")) ||
           seal_is_intact(signature, PROVIDER_GEMINI, bound) || critic_blame(critic, "Corrupted thought signature.");
}

static bool check_blob(struct critic *critic, const struct json_node *blob)
{
    struct slice data = critic_text(critic, blob, "data");
    if (critic_text(critic, blob, "mimeType").len == 0 || data.len == 0 || data.len % 4 != 0 ||
        !critic_is_name(data, "+/=", SIZE_MAX)) {
        return critic_blame(critic, "inline_data: Base64 decoding failed, or no mime type");
    }
    return critic_only(critic, blob, "inline_data", "mimeType data displayName");
}

static bool check_part(struct critic *critic, const struct json_node *part)
{
    const struct json_node *text = critic_get(critic, part, "text");
    const struct json_node *blob = critic_get(critic, part, "inlineData");
    const struct json_node *call = critic_get(critic, part, "functionCall");
    const struct json_node *answer = critic_get(critic, part, "functionResponse");
    if (!critic_only(critic, part, "contents.parts", part_names) || !check_signature(critic, part)) {
        return false;
    }
    if (!has_one_datum(critic, part)) {
        return critic_blame(critic, "contents.parts: must have one initialized field");
    }
    if (text && critic_text(critic, part, "text").len == 0 && !critic_get(critic, part, "thoughtSignature")) {
        return critic_blame(critic, "contents.parts: text must not be empty");
    }
    if (call &&
        (critic_text(critic, call, "name").len == 0 || !json_is(critic_get(critic, call, "args"), JSON_OBJECT))) {
        return critic_blame(critic, "function_call: a name and args are wanted");
    }
    if (answer && (critic_text(critic, answer, "name").len == 0 ||
                   !json_is(critic_get(critic, answer, "response"), JSON_OBJECT))) {
        return critic_blame(critic, "function_response.name: Name cannot be empty, and a response is wanted.");
    }
    return (!blob || check_blob(critic, blob)) &&
           (!call || critic_only(critic, call, "function_call", "id name args")) &&
           (!answer ||
            critic_only(critic, answer, "function_response", "id name response parts willContinue scheduling"));
}

// As many answers as calls, in their order.
static bool check_answers(struct critic *critic, const struct json_node *content, struct conversation *before)
{
    size_t n = 0;
    for (const struct json_node *part = NULL; critic_next(critic, critic_get(critic, content, "parts"), &part);) {
        const struct json_node *answer = critic_get(critic, part, "functionResponse");
        struct slice name = critic_text(critic, answer, "name");
        if (answer && n < before->n_calls && !slice_eq(name, before->calls[n])) {
            return critic_blame(critic, "function_response: '%.*s' answers no call in its place", SLICE_ARG(name));
        }
        n += answer ? 1 : 0;
    }
    return n == before->n_calls ||
           critic_blame(critic, "Please ensure that the number of function response parts is equal to the number of "
                                "function call parts of the function call turn.");
}

static bool check_parts(struct critic *critic, const struct json_node *content, bool needs_signature,
                        struct conversation *now)
{
    for (const struct json_node *part = NULL; critic_next(critic, critic_get(critic, content, "parts"), &part);) {
        const struct json_node *call = critic_get(critic, part, "functionCall");
        if (!check_part(critic, part)) {
            return false;
        }
        if (!call) {
            continue;
        }
        if (needs_signature && now->n_calls == 0 && critic_text(critic, part, "thoughtSignature").len == 0) {
            return critic_blame(critic, "Function call is missing a thought_signature in functionCall parts.");
        }
        if (now->n_calls < CRITIC_CALLS_MAX) {
            now->calls[now->n_calls++] = critic_text(critic, call, "name");
        }
    }
    return true;
}

static bool check_content(struct critic *critic, const struct json_node *content, bool is_current,
                          struct conversation *conversation)
{
    struct slice role = critic_text(critic, content, "role");
    bool is_model = slice_eq(role, SLICE("model"));
    bool needs_signature = is_current && slice_starts_with(critic->ask->model, SLICE("gemini-3"));
    if (role.len > 0 && !critic_knows("user model", role)) {
        return critic_blame(critic, "Please use a valid role: user, model.");
    }
    if (!conversation->has_any && is_model) {
        return critic_blame(critic, "Please ensure that the first content is of the user.");
    }
    if (conversation->has_any && is_model == conversation->is_model) {
        return critic_blame(critic, "Please ensure that contents alternate between user and model.");
    }
    if (critic_count(critic, critic_get(critic, content, "parts")) == 0) {
        return critic_blame(critic, "contents.parts must not be empty.");
    }
    if (!check_answers(critic, content, conversation)) {
        return false;
    }
    *conversation = (struct conversation){.is_model = is_model, .has_any = true};
    return critic_only(critic, content, "contents", "role parts") &&
           check_parts(critic, content, needs_signature, conversation);
}

// The last content in which the user says something of his own: signatures are wanted behind it only.
static const struct json_node *find_current_turn(struct critic *critic, const struct json_node *contents)
{
    const struct json_node *found = NULL;
    for (const struct json_node *content = NULL; critic_next(critic, contents, &content);) {
        bool has_answer = false;
        for (const struct json_node *part = NULL; critic_next(critic, critic_get(critic, content, "parts"), &part);) {
            has_answer = has_answer || critic_get(critic, part, "functionResponse");
        }
        if (!critic_is(critic, content, "role", "model") && !has_answer) {
            found = content;
        }
    }
    return found;
}

static bool check_request(struct critic *critic, const struct json_node *request)
{
    const struct json_node *contents = critic_get(critic, request, "contents");
    const struct json_node *system = critic_get(critic, request, "systemInstruction");
    const struct json_node *turn = find_current_turn(critic, contents);
    struct conversation *conversation = arena_zalloc(critic->arena, sizeof(*conversation));
    if (!critic_only(critic, request, "", request_names) || !check_config(critic, request) ||
        !check_tools(critic, request)) {
        return false;
    }
    for (const struct json_node *part = NULL; critic_next(critic, critic_get(critic, system, "parts"), &part);) {
        if (critic_text(critic, part, "text").len == 0 || !critic_only(critic, part, "systemInstruction", "text")) {
            return critic_blame(critic, "systemInstruction: only texts, and none empty");
        }
    }
    for (const struct json_node *content = NULL; critic_next(critic, contents, &content);) {
        if (!check_content(critic, content, content > turn, conversation)) {
            return false;
        }
    }
    return conversation->has_any || critic_blame(critic, "contents is not specified");
}

void critic_read_gemini(struct critic *critic)
{
    const struct json_node *root = json_root(&critic->doc);
    const struct json_node *inner = critic_get(critic, root, "generateContentRequest");
    if (critic->ask->action != ASK_COUNT_TOKENS) {
        (void)check_request(critic, root);
    } else if (!inner) {
        (void)(critic_only(critic, root, "", "contents") && check_request(critic, root));
    } else if (slice_starts_with(critic_text(critic, inner, "model"), SLICE("models/"))) {
        (void)(critic_only(critic, root, "", "generateContentRequest") && check_request(critic, inner));
    } else {
        (void)critic_blame(critic, "generateContentRequest.model: must begin with models/");
    }
}

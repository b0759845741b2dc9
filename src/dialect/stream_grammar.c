// SPDX-License-Identifier: MIT
#include "dialect/stream_grammar.h"

#include "base/arena.h"
#include "http/sse_parser.h"
#include "json/json_reader.h"

enum { LANES_MAX = 128 };

// Candidates of Chat and of Gemini.
struct lane {
    bool is_open;
    bool is_finished;
    int64_t n_calls;
};

struct grammar {
    enum dialect dialect;
    const char *complaint; // the first
    size_t n_events;
    bool is_over; // the terminator or an error has come
    struct arena arena;
    // of the event under way
    const struct json_doc *doc;
    const struct json_node *root;
    struct slice name;
    struct slice type;
    // Chat, Gemini
    struct lane lanes[LANES_MAX];
    size_t n_lanes;
    bool has_usage; // Chat
    // Anthropic: blocks; Responses: items
    int64_t n_opened;
    bool is_open;
    bool has_stop; // Anthropic: message_delta
    // Responses
    int64_t n_parts; // of the open item
    bool has_part;
};

static void complain(struct grammar *grammar, const char *complaint)
{
    if (!grammar->complaint) {
        grammar->complaint = complaint;
    }
}

static void require(struct grammar *grammar, bool holds, const char *complaint)
{
    if (!holds) {
        complain(grammar, complaint);
    }
}

static const struct json_node *member(const struct grammar *grammar, const struct json_node *object, struct slice name)
{
    return json_get(grammar->doc, object, name);
}

static int64_t number_of(const struct grammar *grammar, const struct json_node *object, struct slice name)
{
    int64_t value = -1;
    (void)json_int64(grammar->doc, member(grammar, object, name), &value);
    return value;
}

static bool is_type(const struct grammar *grammar, struct slice type)
{
    return slice_eq(grammar->type, type);
}

static bool is_error(const struct grammar *grammar)
{
    return json_is(member(grammar, grammar->root, SLICE("error")), JSON_OBJECT);
}

// ---- Anthropic

static void on_message_start(struct grammar *grammar)
{
    const struct json_node *message = member(grammar, grammar->root, SLICE("message"));
    const struct json_node *usage = member(grammar, message, SLICE("usage"));
    require(grammar, grammar->n_events == 0, "message_start is not the first event");
    require(grammar, json_is(member(grammar, message, SLICE("content")), JSON_ARRAY), "message_start without content");
    require(grammar, number_of(grammar, usage, SLICE("input_tokens")) >= 0, "message_start without input_tokens");
}

static void on_block(struct grammar *grammar)
{
    int64_t index = number_of(grammar, grammar->root, SLICE("index"));
    if (is_type(grammar, SLICE("content_block_start"))) {
        require(grammar, !grammar->is_open, "a block opens within another one");
        require(grammar, index == grammar->n_opened, "a block has the wrong index");
        grammar->n_opened++;
        grammar->is_open = true;
        return;
    }
    require(grammar, grammar->is_open && index == grammar->n_opened - 1, "not of the open block");
    if (is_type(grammar, SLICE("content_block_stop"))) {
        grammar->is_open = false;
    }
}

static void on_message_delta(struct grammar *grammar)
{
    const struct json_node *delta = member(grammar, grammar->root, SLICE("delta"));
    const struct json_node *usage = member(grammar, grammar->root, SLICE("usage"));
    require(grammar, !grammar->is_open, "message_delta within a block");
    require(grammar, !grammar->has_stop, "a second message_delta");
    require(grammar, json_is(member(grammar, delta, SLICE("stop_reason")), JSON_STRING), "no stop_reason");
    require(grammar, number_of(grammar, usage, SLICE("output_tokens")) >= 0, "message_delta without output_tokens");
    grammar->has_stop = true;
}

static void on_anthropic(struct grammar *grammar)
{
    require(grammar, slice_eq(grammar->name, grammar->type), "the event's name is not its type");
    if (is_type(grammar, SLICE("error"))) {
        require(grammar, is_error(grammar), "an error without one");
        grammar->is_over = true;
        return;
    }
    require(grammar, grammar->n_events > 0 || is_type(grammar, SLICE("message_start")), "no message_start");
    require(grammar, !grammar->has_stop || is_type(grammar, SLICE("message_stop")), "an event behind message_delta");
    if (is_type(grammar, SLICE("message_start"))) {
        on_message_start(grammar);
    } else if (slice_starts_with(grammar->type, SLICE("content_block_"))) {
        on_block(grammar);
    } else if (is_type(grammar, SLICE("message_delta"))) {
        on_message_delta(grammar);
    } else if (is_type(grammar, SLICE("message_stop"))) {
        require(grammar, grammar->has_stop, "message_stop without message_delta");
        grammar->is_over = true;
    } else {
        require(grammar, is_type(grammar, SLICE("ping")), "unknown type");
    }
}

// ---- Chat

static struct lane *lane_of(struct grammar *grammar, const struct json_node *candidate)
{
    int64_t index = number_of(grammar, candidate, SLICE("index"));
    if (index < 0 || index >= LANES_MAX) {
        complain(grammar, "a candidate without index");
        return &grammar->lanes[0];
    }
    grammar->n_lanes = (size_t)index + 1 > grammar->n_lanes ? (size_t)index + 1 : grammar->n_lanes;
    return &grammar->lanes[index];
}

static void on_tool_call(struct grammar *grammar, struct lane *lane, const struct json_node *call)
{
    const struct json_node *custom = member(grammar, call, SLICE("custom"));
    const struct json_node *function = custom ? custom : member(grammar, call, SLICE("function"));
    int64_t index = number_of(grammar, call, SLICE("index"));
    if (index == lane->n_calls) {
        lane->n_calls++;
        require(grammar, json_is(member(grammar, call, SLICE("id")), JSON_STRING), "a call without id");
        require(grammar, json_is(member(grammar, call, SLICE("type")), JSON_STRING), "a call without type");
        require(grammar, json_is(member(grammar, function, SLICE("name")), JSON_STRING), "a call without name");
    } else {
        require(grammar, index >= 0 && index < lane->n_calls, "calls are not numbered without a gap");
    }
    require(grammar, json_is(member(grammar, function, custom ? SLICE("input") : SLICE("arguments")), JSON_STRING),
            "a call without arguments");
}

static void on_choice(struct grammar *grammar, const struct json_node *choice)
{
    const struct json_node *delta = member(grammar, choice, SLICE("delta"));
    const struct json_node *calls = member(grammar, delta, SLICE("tool_calls"));
    const struct json_node *call = NULL;
    struct lane *lane = lane_of(grammar, choice);
    require(grammar, json_is(delta, JSON_OBJECT), "a choice without delta");
    require(grammar, !lane->is_finished, "a choice goes on after its finish_reason");
    require(grammar,
            lane->is_open || json_string_is(grammar->doc, member(grammar, delta, SLICE("role")), SLICE("assistant")),
            "a choice begins without a role");
    lane->is_open = true;
    while (json_is(calls, JSON_ARRAY) && json_next_element(grammar->doc, calls, &call)) {
        on_tool_call(grammar, lane, call);
    }
    lane->is_finished = json_is(member(grammar, choice, SLICE("finish_reason")), JSON_STRING);
}

static bool all_finished(const struct grammar *grammar)
{
    for (size_t i = 0; i < grammar->n_lanes; i++) {
        if (!grammar->lanes[i].is_finished) {
            return false;
        }
    }
    return grammar->n_lanes > 0;
}

static void on_chat(struct grammar *grammar)
{
    const struct json_node *choices = member(grammar, grammar->root, SLICE("choices"));
    const struct json_node *choice = NULL;
    require(grammar, grammar->name.len == 0, "an event with a name");
    if (is_error(grammar)) {
        grammar->is_over = true;
        return;
    }
    require(
        grammar,
        json_string_is(grammar->doc, member(grammar, grammar->root, SLICE("object")), SLICE("chat.completion.chunk")),
        "no chunk");
    require(grammar, json_is(member(grammar, grammar->root, SLICE("id")), JSON_STRING), "a chunk without id");
    require(grammar, json_is(member(grammar, grammar->root, SLICE("model")), JSON_STRING), "a chunk without model");
    require(grammar, number_of(grammar, grammar->root, SLICE("created")) >= 0, "a chunk without created");
    require(grammar, json_is(choices, JSON_ARRAY), "a chunk without choices");
    while (json_is(choices, JSON_ARRAY) && json_next_element(grammar->doc, choices, &choice)) {
        on_choice(grammar, choice);
    }
    if (json_is(member(grammar, grammar->root, SLICE("usage")), JSON_OBJECT)) {
        require(grammar, all_finished(grammar) && !grammar->has_usage, "usage comes before the end, or twice");
        grammar->has_usage = true;
    }
}

// ---- Responses

static void on_item(struct grammar *grammar)
{
    const struct json_node *item = member(grammar, grammar->root, SLICE("item"));
    int64_t index = number_of(grammar, grammar->root, SLICE("output_index"));
    require(grammar, json_is(member(grammar, item, SLICE("id")), JSON_STRING), "an item without id");
    if (is_type(grammar, SLICE("response.output_item.added"))) {
        require(grammar, !grammar->is_open, "an item is added within another one");
        require(grammar, index == grammar->n_opened, "an item has the wrong output_index");
        grammar->n_opened++;
        grammar->n_parts = 0;
    } else {
        require(grammar, grammar->is_open && index == grammar->n_opened - 1, "not the open item is done");
        require(grammar, !grammar->has_part, "an item is done within a part");
    }
    grammar->is_open = is_type(grammar, SLICE("response.output_item.added"));
}

static void on_part(struct grammar *grammar)
{
    bool is_summary = slice_starts_with(grammar->type, SLICE("response.reasoning_summary_part"));
    int64_t index = number_of(grammar, grammar->root, is_summary ? SLICE("summary_index") : SLICE("content_index"));
    require(grammar, grammar->is_open, "a part without an item");
    if (slice_ends_with(grammar->type, SLICE(".added"))) {
        require(grammar, !grammar->has_part, "a part is added within another one");
        require(grammar, index == grammar->n_parts, "a part has the wrong index");
        grammar->n_parts++;
    } else {
        require(grammar, grammar->has_part && index == grammar->n_parts - 1, "not the open part is done");
    }
    grammar->has_part = slice_ends_with(grammar->type, SLICE(".added"));
}

static void on_terminal(struct grammar *grammar)
{
    const struct json_node *response = member(grammar, grammar->root, SLICE("response"));
    const struct json_node *output = member(grammar, response, SLICE("output"));
    const struct json_node *item = NULL;
    int64_t n_items = 0;
    bool is_failed = is_type(grammar, SLICE("response.failed"));
    while (json_is(output, JSON_ARRAY) && json_next_element(grammar->doc, output, &item)) {
        n_items++;
    }
    require(grammar, !grammar->is_open || is_failed, "the end comes within an item");
    require(grammar, n_items == grammar->n_opened || is_failed, "the end has not all items");
    require(grammar, json_is(member(grammar, response, SLICE("usage")), JSON_OBJECT) || is_failed,
            "the end has no usage");
    grammar->is_over = true;
}

static bool has_suffix_of_part(const struct grammar *grammar)
{
    return slice_ends_with(grammar->type, SLICE("_part.added")) || slice_ends_with(grammar->type, SLICE("_part.done"));
}

static void on_responses(struct grammar *grammar)
{
    static const struct slice TERMINALS[] = {SLICE_INIT("response.completed"), SLICE_INIT("response.incomplete"),
                                             SLICE_INIT("response.failed")};
    require(grammar, slice_eq(grammar->name, grammar->type), "the event's name is not its type");
    require(grammar, number_of(grammar, grammar->root, SLICE("sequence_number")) == (int64_t)grammar->n_events,
            "sequence_number");
    require(grammar,
            grammar->n_events > 0 || is_type(grammar, SLICE("response.created")) || is_type(grammar, SLICE("error")),
            "no response.created");
    if (is_type(grammar, SLICE("response.output_item.added")) || is_type(grammar, SLICE("response.output_item.done"))) {
        on_item(grammar);
    } else if (has_suffix_of_part(grammar)) {
        on_part(grammar);
    } else if (slice_ends_with(grammar->type, SLICE(".delta"))) {
        require(grammar, grammar->is_open && json_is(member(grammar, grammar->root, SLICE("delta")), JSON_STRING),
                "a delta without an item, or without delta");
    }
    for (size_t i = 0; i < sizeof(TERMINALS) / sizeof(TERMINALS[0]); i++) {
        if (is_type(grammar, TERMINALS[i])) {
            on_terminal(grammar);
        }
    }
}

// ---- Gemini

static void on_candidate(struct grammar *grammar, const struct json_node *candidate)
{
    const struct json_node *parts = member(grammar, member(grammar, candidate, SLICE("content")), SLICE("parts"));
    const struct json_node *part = NULL;
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    struct lane *lane = lane_of(grammar, candidate);
    require(grammar,
            json_is(parts, JSON_ARRAY) && json_next_element(grammar->doc, parts, &part) && json_is(part, JSON_OBJECT) &&
                json_next_member(grammar->doc, part, &key, &value),
            "a candidate without parts");
    require(grammar, !lane->is_finished, "a candidate goes on after its finishReason");
    lane->is_finished = json_is(member(grammar, candidate, SLICE("finishReason")), JSON_STRING);
}

static void on_gemini(struct grammar *grammar)
{
    const struct json_node *candidates = member(grammar, grammar->root, SLICE("candidates"));
    const struct json_node *candidate = NULL;
    require(grammar, grammar->name.len == 0, "an event with a name");
    if (is_error(grammar)) {
        int64_t code = number_of(grammar, member(grammar, grammar->root, SLICE("error")), SLICE("code"));
        require(grammar, code >= 400 && code <= 599, "an error without code");
        grammar->is_over = true;
        return;
    }
    require(grammar,
            json_is(candidates, JSON_ARRAY) ||
                json_is(member(grammar, grammar->root, SLICE("promptFeedback")), JSON_OBJECT),
            "a chunk without candidates");
    while (json_is(candidates, JSON_ARRAY) && json_next_element(grammar->doc, candidates, &candidate)) {
        on_candidate(grammar, candidate);
    }
}

// ---- all

static void on_json(struct grammar *grammar, struct slice data)
{
    struct json_doc doc;
    if (json_parse(&doc, &grammar->arena, data, NULL) != 0 || !json_is(json_root(&doc), JSON_OBJECT)) {
        complain(grammar, "the data is no JSON object");
        return;
    }
    grammar->doc = &doc;
    grammar->root = json_root(&doc);
    grammar->type = json_string(&doc, json_get(&doc, grammar->root, SLICE("type")), &grammar->arena);
    switch (grammar->dialect) {
    case DIALECT_ANTHROPIC: on_anthropic(grammar); break;
    case DIALECT_CHAT: on_chat(grammar); break;
    case DIALECT_RESPONSES: on_responses(grammar); break;
    case DIALECT_GEMINI: on_gemini(grammar); break;
    }
    grammar->doc = NULL;
}

static void on_event(void *arg, const struct sse_event *event)
{
    struct grammar *grammar = arg;
    require(grammar, !grammar->is_over, "an event behind the end");
    grammar->name = event->name;
    if (grammar->dialect == DIALECT_CHAT && slice_eq(event->data, SLICE("[DONE]"))) {
        require(grammar, all_finished(grammar), "[DONE] before all choices have a finish_reason");
        grammar->is_over = true;
    } else {
        on_json(grammar, event->data);
    }
    grammar->n_events++;
}

// Gemini has no ending of its own.
static void on_end(struct grammar *grammar, struct slice bytes)
{
    bool is_gemini = grammar->dialect == DIALECT_GEMINI;
    require(grammar, slice_ends_with(bytes, is_gemini ? SLICE("\r\n\r\n") : SLICE("\n\n")), "the last event is open");
    if (is_gemini && !grammar->is_over) {
        require(grammar, all_finished(grammar), "a candidate without finishReason");
    } else {
        require(grammar, grammar->is_over, "the stream has no ending");
    }
}

const char *stream_grammar_complaint(enum dialect client, struct slice bytes)
{
    struct grammar grammar = {.dialect = client};
    struct sse_parser parser;
    arena_init(&grammar.arena, 4096);
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    if (sse_parser_feed(&parser, bytes, on_event, &grammar) != 0 ||
        sse_parser_finish(&parser, on_event, &grammar) != 0) {
        complain(&grammar, "an event is too large");
    }
    on_end(&grammar, bytes);
    sse_parser_deinit(&parser);
    arena_deinit(&grammar.arena);
    return grammar.complaint;
}

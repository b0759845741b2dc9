// SPDX-License-Identifier: MIT
// The hub, request side: what a client asked, in no dialect. A spoke decodes its own request into this and encodes any
// such request into its own.
//
// Two kinds of text. *Plain* text (names, ids) is decoded. *Escaped* text (whatever a person or a model wrote) holds
// the characters between the quotes of a JSON string as they came, and is written with json_write_escaped(): it is
// decoded only where a target needs another level of escapes. A slice whose ptr is NULL means that the client said
// nothing.
//
// Everything points into the client's body or lives in the arena of the exchange; nothing is freed singly. `at` is the
// place in the client's body that a thing came from, for errors and warnings (loss.h); NULL for what we added.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "dialect/dialect.h"
#include "dialect/opaque.h"
#include "json/json_reader.h"

enum tri { TRI_UNSET, TRI_FALSE, TRI_TRUE };

// ---- parts of a turn

enum part_kind {
    PART_TEXT,
    PART_IMAGE,
    PART_AUDIO,
    PART_VIDEO,
    PART_DOCUMENT,
    PART_CALL,      // assistant: calls a tool
    PART_RESULT,    // user: what a tool answered
    PART_REASONING, // assistant
    PART_REFUSAL,   // assistant
    PART_NATIVE,    // what only its own dialect knows: blocks of tools that the provider runs, and the like
};

enum cache_mark { CACHE_NONE, CACHE_SHORT, CACHE_LONG }; // five minutes, an hour

enum media_form {
    MEDIA_BASE64,  // data is base64
    MEDIA_URL,     // data is an http(s) URL, or another one that the client's dialect takes
    MEDIA_FILE_ID, // data is an id that one provider knows
    MEDIA_TEXT,    // data is text: a plain-text document
    MEDIA_PARTS,   // a document made of parts; data is what its texts say
};

struct neutral_part;

struct media {
    enum media_form form;
    struct slice data;      // escaped
    struct slice mime_type; // plain, lower case; ptr NULL: unknown
    struct slice detail;    // plain: low, high, auto, original
    struct slice name;      // escaped: file name or title
    struct slice context;   // escaped; documents of Anthropic
    bool wants_citations;
    struct neutral_part *parts; // MEDIA_PARTS: texts and images
};

enum tool_kind {
    TOOL_FUNCTION,
    TOOL_CUSTOM, // its input is free text, not JSON
    TOOL_SERVER, // the provider runs it
};

// The arguments of a call are text that a model wrote: they travel as they came, also if they are not JSON. Exactly one
// of the two is there (tool_arguments.h turns one into the other).
struct call {
    struct slice id;         // plain, as the client has it
    struct slice name;       // plain, as the client has it
    struct slice name_space; // plain; ptr NULL without one
    enum tool_kind kind;
    struct slice escaped_arguments; // JSON (of a custom tool: free) text, escaped once more
    struct slice raw_arguments;     // a JSON value as it stands
    struct neutral_opaque opaque;   // kind OPAQUE_NONE: none
};

struct result {
    struct slice call_id;    // plain
    struct slice name;       // plain; ptr NULL: the dialect does not say, normalise() fills it in
    struct slice name_space; // plain; normalise() fills it in
    enum tool_kind kind;
    struct neutral_part *parts;  // text, images, documents; NULL: empty
    const struct json_node *raw; // Gemini's response object where it is more than a text; NULL: parts say all
    bool is_error;
};

struct reasoning {
    struct neutral_part *parts; // of kind PART_TEXT; NULL: hidden
    bool is_summary;            // else the thoughts themselves
    struct neutral_opaque opaque;
};

struct neutral_part {
    struct neutral_part *next;
    const struct json_node *at;
    enum part_kind kind;
    enum cache_mark cache;
    union {
        struct {
            struct slice text;            // escaped; of PART_TEXT and PART_REFUSAL
            struct neutral_opaque opaque; // Gemini signs texts too
            struct slice phase;           // plain: Responses, "commentary" or "final_answer"
            bool begins_item;             // Responses: the first part of its message item
        };
        struct media media;
        struct call call;
        struct result result;
        struct reasoning reasoning;
        // PART_NATIVE: `at` is the whole block. What a person would have read of it, escaped; ptr NULL: nothing
        struct slice rendering;
    };
};

enum turn_role { TURN_SYSTEM, TURN_DEVELOPER, TURN_USER, TURN_ASSISTANT };

struct neutral_turn {
    struct neutral_turn *next;
    const struct json_node *at;
    enum turn_role role;
    struct neutral_part *parts;
    struct slice name; // escaped: OpenAI's name of the speaker
};

// ---- tools

struct neutral_tool {
    struct neutral_tool *next;
    const struct json_node *at;
    enum tool_kind kind;
    enum cache_mark cache;
    struct slice name;              // plain, as the client has it
    struct slice name_space;        // plain; ptr NULL without one
    struct slice description;       // escaped; ptr NULL: none
    const struct json_node *schema; // JSON Schema of the arguments; NULL: none
    bool is_openapi;                // `schema` is of Gemini's own kind ("OBJECT", nullable): see gemini_schema.h
    enum tri strict;
    const struct json_node *examples; // an array; NULL: none
    struct slice grammar_syntax;      // plain: lark, regex; ptr NULL: free text
    struct slice grammar;             // escaped
    bool is_deferred;
    // TOOL_SERVER: `at` is the whole definition, `name` its kind as the dialect calls it.

    struct slice target_name; // plain: as the upstream calls it; normalise() sets it
    size_t nth;               // its place; for the index
};

enum choice_mode { CHOICE_UNSET, CHOICE_AUTO, CHOICE_NONE, CHOICE_REQUIRED, CHOICE_SPECIFIC };

struct tool_choice {
    enum choice_mode mode;
    const struct json_node *at;
    // CHOICE_SPECIFIC: the one tool. With AUTO or REQUIRED: only these may be called; none: any.
    const struct neutral_tool **tools;
    size_t n_tools;
};

// ---- the request

enum format_kind { FORMAT_TEXT, FORMAT_JSON, FORMAT_SCHEMA };

struct answer_format {
    enum format_kind kind;
    const struct json_node *at;
    struct slice name;        // escaped; ptr NULL: none
    struct slice description; // escaped; ptr NULL: none
    const struct json_node *schema;
    bool is_openapi;
    enum tri strict;
};

// How much to think. Ordered: a comparison is one of strength.
enum effort {
    EFFORT_UNSET,
    EFFORT_NONE,
    EFFORT_MINIMAL,
    EFFORT_LOW,
    EFFORT_MEDIUM,
    EFFORT_HIGH,
    EFFORT_XHIGH,
    EFFORT_MAX,
};

enum thinking_state { THINKING_UNSET, THINKING_OFF, THINKING_ON, THINKING_AUTO }; // AUTO: the model decides how much
enum thinking_show { SHOW_UNSET, SHOW_NONE, SHOW_AUTO, SHOW_CONCISE, SHOW_DETAILED };

struct thinking {
    enum thinking_state state;
    enum effort effort; // what the client said; never derived
    int64_t budget;     // tokens; -1: not said
    enum thinking_show show;
    const struct json_node *at;
};

// Members that are numbers or of free form keep their node: the text of a number travels as it stands. NULL: not said
// (absent or null).
struct neutral_request {
    enum dialect origin;
    const struct json_doc *doc; // the client's body, borrowed; on the tape in full
    bool wants_stream;

    struct neutral_turn *instructions; // leading system and developer turns
    struct neutral_turn *turns;
    struct neutral_tool *tools;
    const struct neutral_tool **tools_by_name; // sorted; NULL until normalise() has settled the names
    size_t n_tools_by_name;
    struct tool_choice tool_choice;
    enum tri parallel_calls;
    const struct json_node *parallel_at;

    int64_t max_output; // tokens, reasoning included; -1: not said
    const struct json_node *max_output_at;
    const struct json_node *temperature;
    const struct json_node *top_p;
    const struct json_node *top_k;
    const struct json_node *seed;
    const struct json_node *presence_penalty;
    const struct json_node *frequency_penalty;
    const struct json_node *logit_bias;
    int64_t n_candidates; // -1: not said
    const struct json_node *n_candidates_at;
    const struct json_node **stops; // strings
    size_t n_stops;
    size_t n_stops_sent; // so many the target takes, the rest we look for ourselves; set by translate_request()
    const struct json_node *stops_at;
    enum tri logprobs;
    int64_t top_logprobs; // -1: not said
    const struct json_node *logprobs_at;
    struct answer_format format;
    struct slice verbosity; // plain: low, medium, high
    struct thinking thinking;
    bool wants_opaque; // the client asked for reasoning that only its issuer can read

    struct slice cache_key;           // escaped
    bool caches_automatically;        // Anthropic's cache_control of the whole request
    struct slice end_user;            // escaped: an id of the person behind the client
    const struct json_node *metadata; // an object of strings
    struct slice service_tier;        // plain, in OpenAI's words: auto, default, flex, priority, scale
    const struct json_node *service_tier_at;
    enum tri store;
    const struct json_node *store_at;

    bool includes_usage;     // Chat: stream_options.include_usage
    enum tri obfuscation;    // OpenAI: stream_options.include_obfuscation
    bool streams_json_array; // Gemini without alt=sse; set by the caller, not by the decoder
};

// ---- lists

// Appends to a list of parts: `last` points to the pointer that ends the list (at first to the head),
// and moves on.
static inline void neutral_append_part(struct neutral_part ***last, struct neutral_part *part)
{
    **last = part;
    *last = &part->next;
}

struct neutral_part *neutral_part_new(struct arena *arena, enum part_kind kind, const struct json_node *at);
struct neutral_part *neutral_text_new(struct arena *arena, struct slice escaped, const struct json_node *at);
struct neutral_turn *neutral_turn_new(struct arena *arena, enum turn_role role, const struct json_node *at);
struct neutral_tool *neutral_tool_new(struct arena *arena, enum tool_kind kind, const struct json_node *at);

void neutral_request_init(struct neutral_request *req, enum dialect origin, const struct json_doc *doc);

// The tool with that name (and namespace, where one is given); NULL when there is none.
const struct neutral_tool *neutral_find_tool(const struct neutral_request *req, struct slice name_space,
                                             struct slice name);

// Is the tool one of those that the choice names?
bool neutral_choice_names(const struct tool_choice *choice, const struct neutral_tool *tool);
// Makes finding tools quick: a history may have as many calls as there are tools. No tools may be added after it.
void neutral_index_tools(struct arena *arena, struct neutral_request *req);

// ---- what decoders have in common

// A member that is there and not null; NULL else.
const struct json_node *neutral_member(const struct json_doc *doc, const struct json_node *object, struct slice name);
// The characters of a string still escaped; ptr NULL when `node` is NULL or no string.
struct slice neutral_escaped(const struct json_doc *doc, const struct json_node *node);
enum tri neutral_tri(const struct json_node *node);
// "none" … "max"; EFFORT_UNSET for anything else.
enum effort neutral_effort(struct slice word);
const char *neutral_effort_word(enum effort effort); // not for EFFORT_UNSET

// The ladder between levels and tokens. Every level comes back from its own budget.
int64_t neutral_budget_of(enum effort effort); // not for EFFORT_UNSET
enum effort neutral_effort_of(int64_t budget);

// A data URL (RFC 2397) taken apart. False: `url` is none. `url` is escaped text without escapes that matter here
// ("\/" is understood). Percent-coded data is turned into base64.
bool neutral_read_data_url(struct arena *arena, struct slice url, struct media *media_r);
// A MIME type as it was given: in lower case, in the arena, by its usual name; ptr NULL for an empty one.
struct slice neutral_mime_type(struct arena *arena, struct slice given);
// By the first bytes of the base64 text: image/png, image/jpeg, image/gif, image/webp, application/pdf; else ptr NULL.
struct slice neutral_sniff(struct slice base64);

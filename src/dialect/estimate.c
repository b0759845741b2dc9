// SPDX-License-Identifier: MIT
#include "dialect/estimate.h"

#include "dialect/text_tally.h"

// Thousandths of a token, fitted to what tokenizers of OpenAI and Google make of prose, code and JSON in many
// languages.
enum {
    PER_WORD = 380,
    PER_LETTER = 147,
    PER_DIGIT = 250,
    PER_NUMBER = 1500,
    PER_SIGN_RUN = 600,
    PER_NEWLINE = 2000,
    PER_TWO_BYTE = 370,
    PER_THREE_BYTE = 420,
    PER_CJK = 720,
    PER_FOUR_BYTE = 2500,
};

// What a dialect's providers add, in tokens. Fitted to recorded requests; some models of each add something else.
struct rates {
    int per_request;
    int per_turn;   // and per result
    int per_call;   // with its result
    int with_tools; // once, where there are any
    int per_tool;
    int with_thinking; // where it has a budget
    int with_format;   // where the answer has a schema
    int text_percent;
    int schema_percent; // of what the text of a tool's schema would be
    int format_percent;
    bool writes_declarations; // of schemas, instead of JSON
    int per_image;
    // Reasoning that is handed back encrypted: so many characters that do not count, so many to a token. 0: not counted
    int opaque_free;
    int opaque_per_token;
};

static const struct rates RATES[] = {
    [DIALECT_ANTHROPIC] = {.per_request = 4,
                           .per_turn = 4,
                           .per_call = 45,
                           .with_tools = 480,
                           .per_tool = 40,
                           .with_thinking = 28,
                           .with_format = 150,
                           .text_percent = 104,
                           .schema_percent = 104,
                           .format_percent = 104,
                           .per_image = 1500},
    [DIALECT_CHAT] = {.per_request = 3,
                      .per_turn = 4,
                      .per_call = 4,
                      .with_tools = 16,
                      .per_tool = 5,
                      .text_percent = 104,
                      .schema_percent = 104,
                      .format_percent = 77,
                      .writes_declarations = true,
                      .per_image = 800},
    [DIALECT_RESPONSES] = {.per_request = 3,
                           .per_turn = 4,
                           .per_call = 4,
                           .with_tools = 16,
                           .per_tool = 5,
                           .text_percent = 104,
                           .schema_percent = 104,
                           .format_percent = 77,
                           .writes_declarations = true,
                           .per_image = 800,
                           .opaque_free = 700,
                           .opaque_per_token = 7},
    [DIALECT_GEMINI] = {.per_turn = 1,
                        .per_call = 8,
                        .per_tool = 3,
                        .text_percent = 104,
                        .schema_percent = 104,
                        .per_image = 1100,
                        .opaque_free = 250,
                        .opaque_per_token = 7},
};

// What these cost depends on what is in them, which nobody here looks at.
enum { PER_DOCUMENT = 2500, PER_AUDIO = 500, PER_VIDEO = 5000 };

static int64_t milli_tokens(const struct text_tally *tally)
{
    uint64_t sum = tally->n_words * PER_WORD + tally->n_letters * PER_LETTER + tally->n_digits * PER_DIGIT +
                   tally->n_numbers * PER_NUMBER + tally->n_sign_runs * PER_SIGN_RUN + tally->n_newlines * PER_NEWLINE +
                   tally->n_two_byte * PER_TWO_BYTE + tally->n_three_byte * PER_THREE_BYTE + tally->n_cjk * PER_CJK +
                   tally->n_four_byte * PER_FOUR_BYTE;
    return (int64_t)sum;
}

int64_t estimate_text(struct slice escaped)
{
    struct text_tally tally = {0};
    text_tally_add(&tally, escaped);
    return (milli_tokens(&tally) + 999) / 1000;
}

// What a request consists of.
struct sum {
    const struct json_doc *doc;
    const struct rates *rates;
    struct text_tally texts;
    struct text_tally schemas;
    int64_t n_turns;
    int64_t n_calls;
    int64_t n_tools;
    int64_t n_media_tokens;
    int64_t n_opaque_tokens;
};

static void add_raw(struct sum *sum, struct text_tally *tally, const struct json_node *node)
{
    if (node) {
        text_tally_add(tally, json_raw(sum->doc, node));
    }
}

static void add_media(struct sum *sum, const struct neutral_part *part)
{
    if (part->media.form == MEDIA_TEXT || part->media.form == MEDIA_PARTS) {
        text_tally_add(&sum->texts, part->media.data);
        return;
    }
    if (part->kind == PART_IMAGE) {
        sum->n_media_tokens += sum->rates->per_image;
    } else {
        sum->n_media_tokens += part->kind == PART_AUDIO   ? PER_AUDIO
                               : part->kind == PART_VIDEO ? PER_VIDEO
                                                          : PER_DOCUMENT;
    }
}

static void add_opaque(struct sum *sum, const struct neutral_opaque *opaque)
{
    int64_t n_chars = (int64_t)opaque->data.len - sum->rates->opaque_free;
    if (opaque->kind != OPAQUE_NONE && sum->rates->opaque_per_token && n_chars > 0) {
        sum->n_opaque_tokens += n_chars / sum->rates->opaque_per_token;
    }
}

static void add_call(struct sum *sum, const struct call *call)
{
    sum->n_calls++;
    text_tally_add(&sum->texts, call->name);
    text_tally_add(&sum->texts, call->raw_arguments);
    text_tally_add(&sum->texts, call->escaped_arguments);
    add_opaque(sum, &call->opaque);
}

// What lies within a result or a reasoning has no such parts within.
static void add_inner(struct sum *sum, const struct neutral_part *parts)
{
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (part->kind == PART_TEXT) {
            text_tally_add(&sum->texts, part->text);
        } else if (part->kind >= PART_IMAGE && part->kind <= PART_DOCUMENT) {
            add_media(sum, part);
        }
    }
}

// What can be read is a summary of what cannot: the provider takes the latter.
static void add_reasoning(struct sum *sum, const struct reasoning *reasoning)
{
    if (reasoning->opaque.kind == OPAQUE_NONE || !sum->rates->opaque_per_token) {
        add_inner(sum, reasoning->parts);
    } else {
        add_opaque(sum, &reasoning->opaque);
    }
}

static bool asks(const struct neutral_turn *turn)
{
    const struct neutral_part *part = turn->parts;
    while (part && part->kind != PART_TEXT) {
        part = part->next;
    }
    return turn->role == TURN_USER && part;
}

static void add_part(struct sum *sum, const struct neutral_part *part)
{
    switch (part->kind) {
    case PART_TEXT:
        add_opaque(sum, &part->opaque);
        text_tally_add(&sum->texts, part->text);
        break;
    case PART_REFUSAL: text_tally_add(&sum->texts, part->text); break;
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_VIDEO:
    case PART_DOCUMENT: add_media(sum, part); break;
    case PART_CALL: add_call(sum, &part->call); break;
    case PART_RESULT:
        sum->n_turns++;
        add_raw(sum, &sum->texts, part->result.raw);
        add_inner(sum, part->result.parts);
        break;
    case PART_REASONING: add_reasoning(sum, &part->reasoning); break;
    case PART_NATIVE: add_raw(sum, &sum->texts, part->at); break;
    }
}

static void add_turns(struct sum *sum, const struct neutral_turn *turns)
{
    for (const struct neutral_turn *turn = turns; turn; turn = turn->next) {
        sum->n_turns++;
        if (asks(turn)) {
            sum->n_opaque_tokens = 0; // reasoning about earlier questions is left out
        }
        for (const struct neutral_part *part = turn->parts; part; part = part->next) {
            add_part(sum, part);
        }
    }
}

// A word of JSON Schema that says nothing by itself once a schema is written as code.
static bool is_keyword(const struct json_doc *doc, const struct json_node *key, bool *hides_value_r)
{
    static const struct slice HIDING[] = {SLICE_INIT("required"), SLICE_INIT("additionalProperties"),
                                          SLICE_INIT("$schema"), SLICE_INIT("title")};
    static const struct slice PLAIN[] = {SLICE_INIT("type"),  SLICE_INIT("properties"), SLICE_INIT("description"),
                                         SLICE_INIT("items"), SLICE_INIT("enum"),       SLICE_INIT("anyOf")};
    for (size_t i = 0; i < sizeof(HIDING) / sizeof(HIDING[0]); i++) {
        if (json_string_is(doc, key, HIDING[i])) {
            *hides_value_r = true;
            return true;
        }
    }
    *hides_value_r = false;
    for (size_t i = 0; i < sizeof(PLAIN) / sizeof(PLAIN[0]); i++) {
        if (json_string_is(doc, key, PLAIN[i])) {
            return true;
        }
    }
    return false;
}

static bool is_key(const struct json_doc *doc, const struct json_node *string)
{
    struct slice rest = slice_after(doc->text, string->end);
    while (rest.len && (unsigned char)rest.ptr[0] <= ' ') {
        rest = slice_after(rest, 1);
    }
    return rest.len && rest.ptr[0] == ':';
}

// OpenAI writes schemas as declarations of TypeScript.
static void add_declarations(struct sum *sum, const struct json_node *schema)
{
    const struct json_node *end = sum->doc->nodes + schema->next;
    for (const struct json_node *node = schema + 1; node < end; node++) {
        bool hides_value;
        if (node->type != JSON_STRING) {
            continue;
        }
        if (!is_key(sum->doc, node)) {
            text_tally_add(&sum->schemas, json_escaped(sum->doc, node));
        } else if (!is_keyword(sum->doc, node, &hides_value)) {
            text_tally_add(&sum->schemas, json_escaped(sum->doc, node));
        } else if (hides_value) {
            node = sum->doc->nodes + node[1].next - 1;
        }
    }
}

static void add_tools(struct sum *sum, const struct neutral_tool *tools)
{
    for (const struct neutral_tool *tool = tools; tool; tool = tool->next) {
        sum->n_tools++;
        text_tally_add(&sum->texts, tool->name);
        text_tally_add(&sum->texts, tool->description);
        text_tally_add(&sum->texts, tool->grammar);
        if (tool->schema && sum->rates->writes_declarations) {
            add_declarations(sum, tool->schema);
        } else {
            add_raw(sum, &sum->schemas, tool->schema);
        }
    }
}

int64_t estimate_request(const struct neutral_request *req, enum dialect upstream)
{
    const struct rates *rates = &RATES[upstream];
    struct sum sum = {.doc = req->doc, .rates = rates};
    add_turns(&sum, req->instructions);
    add_turns(&sum, req->turns);
    add_tools(&sum, req->tools);
    struct text_tally format = {0};
    add_raw(&sum, &format, req->format.schema);
    int64_t texts = milli_tokens(&sum.texts) * rates->text_percent +
                    milli_tokens(&sum.schemas) * rates->schema_percent + milli_tokens(&format) * rates->format_percent;
    return rates->per_request + sum.n_turns * rates->per_turn + sum.n_calls * rates->per_call +
           (sum.n_tools ? rates->with_tools : 0) + sum.n_tools * rates->per_tool +
           (req->format.schema ? rates->with_format : 0) +
           (req->thinking.state == THINKING_ON ? rates->with_thinking : 0) + sum.n_media_tokens + sum.n_opaque_tokens +
           texts / 100000;
}

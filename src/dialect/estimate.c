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

// What a dialect's providers add, in tokens, and how they write tools: some as code, some as JSON.
struct rates {
    int per_request;
    int per_turn; // and per result, which is a turn of its own for some
    int per_call;
    int with_tools; // once, where there are any
    int per_tool;
    int schema_percent; // of what a schema's text alone would be
    int text_percent;
};

static const struct rates RATES[] = {
    [DIALECT_ANTHROPIC] = {4, 4, 30, 480, 40, 100, 105},
    [DIALECT_CHAT] = {3, 4, 8, 20, 12, 50, 100},
    [DIALECT_RESPONSES] = {3, 4, 8, 20, 12, 50, 100},
    [DIALECT_GEMINI] = {0, 1, 8, 0, 12, 50, 100},
};

// What media cost depends on what is in them, which nobody here looks at.
enum { PER_IMAGE = 1000, PER_DOCUMENT = 2500, PER_AUDIO = 500, PER_VIDEO = 5000 };

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
    struct text_tally texts;
    struct text_tally schemas;
    int64_t n_turns;
    int64_t n_calls;
    int64_t n_tools;
    int64_t n_media_tokens;
};

static void add_raw(struct sum *sum, struct text_tally *tally, const struct json_node *node)
{
    if (node) {
        text_tally_add(tally, json_raw(sum->doc, node));
    }
}

static void add_media(struct sum *sum, const struct neutral_part *part)
{
    if (part->media.form == MEDIA_TEXT) {
        text_tally_add(&sum->texts, part->media.data);
        return;
    }
    if (part->media.form == MEDIA_PARTS) {
        add_raw(sum, &sum->texts, part->at);
        return;
    }
    sum->n_media_tokens += part->kind == PART_IMAGE   ? PER_IMAGE
                           : part->kind == PART_AUDIO ? PER_AUDIO
                           : part->kind == PART_VIDEO ? PER_VIDEO
                                                      : PER_DOCUMENT;
}

static void add_call(struct sum *sum, const struct call *call)
{
    sum->n_calls++;
    text_tally_add(&sum->texts, call->name);
    text_tally_add(&sum->texts, call->raw_arguments);
    text_tally_add(&sum->texts, call->escaped_arguments);
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

static void add_part(struct sum *sum, const struct neutral_part *part)
{
    switch (part->kind) {
    case PART_TEXT:
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
    case PART_REASONING: add_inner(sum, part->reasoning.parts); break;
    case PART_NATIVE: add_raw(sum, &sum->texts, part->at); break;
    }
}

static void add_turns(struct sum *sum, const struct neutral_turn *turns)
{
    for (const struct neutral_turn *turn = turns; turn; turn = turn->next) {
        sum->n_turns++;
        for (const struct neutral_part *part = turn->parts; part; part = part->next) {
            add_part(sum, part);
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
        add_raw(sum, &sum->schemas, tool->schema);
    }
}

int64_t estimate_request(const struct neutral_request *req, enum dialect upstream)
{
    const struct rates *rates = &RATES[upstream];
    struct sum sum = {.doc = req->doc};
    add_turns(&sum, req->instructions);
    add_turns(&sum, req->turns);
    add_tools(&sum, req->tools);
    add_raw(&sum, &sum.schemas, req->format.schema);
    int64_t texts = milli_tokens(&sum.texts) * rates->text_percent + milli_tokens(&sum.schemas) * rates->schema_percent;
    return rates->per_request + sum.n_turns * rates->per_turn + sum.n_calls * rates->per_call +
           (sum.n_tools ? rates->with_tools : 0) + sum.n_tools * rates->per_tool + sum.n_media_tokens + texts / 100000;
}

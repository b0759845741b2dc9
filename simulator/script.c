// SPDX-License-Identifier: MIT
#include "simulator/script.h"

#include <stddef.h>

#include "http/url.h"

// A word that stands for a number.
struct word {
    struct slice text;
    int64_t value;
};

static const struct word kind_words[] = {
    {SLICE_INIT("text"), SCRIPT_KIND_TEXT},       {SLICE_INIT("reasoning"), SCRIPT_KIND_REASONING},
    {SLICE_INIT("tool"), SCRIPT_KIND_TOOL},       {SLICE_INIT("tools"), SCRIPT_KIND_TOOLS},
    {SLICE_INIT("refusal"), SCRIPT_KIND_REFUSAL}, {{NULL, 0}, 0},
};

static const struct word why_words[] = {
    {SLICE_INIT("quota"), SCRIPT_WHY_QUOTA},
    {SLICE_INIT("address"), SCRIPT_WHY_ADDRESS},
    {SLICE_INIT("context"), SCRIPT_WHY_CONTEXT},
    {SLICE_INIT("policy"), SCRIPT_WHY_POLICY},
    {{NULL, 0}, 0},
};

static const struct word form_words[] = {
    {SLICE_INIT("json"), SCRIPT_FORM_JSON},
    {SLICE_INIT("sse"), SCRIPT_FORM_SSE},
    {{NULL, 0}, 0},
};

static const struct word hang_words[] = {
    {SLICE_INIT("before"), SCRIPT_HANG_BEFORE},
    {SLICE_INIT("head"), 0},
    {{NULL, 0}, 0},
};

static const struct word cut_words[] = {
    {SLICE_INIT("end"), SCRIPT_CUT_END},
    {{NULL, 0}, 0},
};

#define MS_MAX INT64_C(3600000)
#define EVENTS_MAX INT64_C(1000000)
#define TEXT_MAX INT64_C(0x4000000)      // 64 MB
#define BYTES_MAX INT64_C(0x10000000000) // 1 TB
#define TOKENS_MAX INT64_C(1000000000000)
#define SECONDS_MAX INT64_C(1000000)

// How a value is read.
enum value_type {
    VALUE_NUMBER, // from min to max, or one of the words
    VALUE_WORD,   // one of the words
    VALUE_TEXT,   // percent-encoded
};

struct directive {
    struct slice name;
    enum value_type type;
    bool is_fault; // goes when the script heals
    size_t offset; // in struct script
    int64_t initial;
    int64_t min;
    int64_t max;
    const struct word *words;
    const char *complaint; // about a bad value
};

#define FIELD(member) offsetof(struct script, member)
#define FLAG(name, member, is_fault)                                                                                   \
    {                                                                                                                  \
        SLICE_INIT(name), VALUE_NUMBER, is_fault, FIELD(member), 0, 0, 1, NULL, "must be 0 or 1"                       \
    }

static const struct directive directives[] = {
    {SLICE_INIT("kind"), VALUE_WORD, false, FIELD(kind), SCRIPT_KIND_UNSET, 0, 0, kind_words,
     "must be text, reasoning, tool, tools or refusal"},
    {SLICE_INIT("tokens"), VALUE_NUMBER, false, FIELD(tokens), 20, 0, EVENTS_MAX, NULL,
     "must be a number from 0 to 1000000"},
    {SLICE_INIT("size"), VALUE_NUMBER, false, FIELD(size), 5, 1, 1048576, NULL, "must be a number from 1 to 1048576"},
    {SLICE_INIT("thoughts"), VALUE_NUMBER, false, FIELD(thoughts), SCRIPT_NONE, 0, EVENTS_MAX, NULL,
     "must be a number from 0 to 1000000"},
    {SLICE_INIT("tool"), VALUE_TEXT, false, FIELD(tool), 0, 0, 0, NULL, "must be percent-encoded text"},
    {SLICE_INIT("args"), VALUE_TEXT, false, FIELD(args), 0, 0, 0, NULL, "must be percent-encoded text"},
    {SLICE_INIT("answer"), VALUE_WORD, false, FIELD(form), SCRIPT_FORM_AS_ASKED, 0, 0, form_words,
     "must be json or sse"},
    {SLICE_INIT("pace"), VALUE_NUMBER, false, FIELD(pace_ms), 0, 0, MS_MAX, NULL,
     "must be milliseconds from 0 to 3600000"},
    {SLICE_INIT("first"), VALUE_NUMBER, true, FIELD(first_ms), 0, 0, MS_MAX, NULL,
     "must be milliseconds from 0 to 3600000"},
    {SLICE_INIT("head"), VALUE_NUMBER, true, FIELD(head_ms), 0, 0, MS_MAX, NULL,
     "must be milliseconds from 0 to 3600000"},
    {SLICE_INIT("status"), VALUE_NUMBER, true, FIELD(status), 0, 200, 599, NULL, "must be a status from 200 to 599"},
    {SLICE_INIT("body"), VALUE_TEXT, true, FIELD(body), 0, 0, 0, NULL, "must be percent-encoded text"},
    {SLICE_INIT("why"), VALUE_WORD, true, FIELD(why), SCRIPT_WHY_PLAIN, 0, 0, why_words,
     "must be quota, address, context or policy"},
    {SLICE_INIT("retry-after"), VALUE_NUMBER, true, FIELD(retry_after), SCRIPT_NONE, 0, SECONDS_MAX, NULL,
     "must be seconds from 0 to 1000000"},
    {SLICE_INIT("hang"), VALUE_NUMBER, true, FIELD(hang), SCRIPT_NONE, 0, EVENTS_MAX, hang_words,
     "must be before, head or a number of events"},
    {SLICE_INIT("stall"), VALUE_NUMBER, true, FIELD(stall_ms), 0, 1, MS_MAX, NULL,
     "must be milliseconds from 1 to 3600000"},
    {SLICE_INIT("cut"), VALUE_NUMBER, true, FIELD(cut), SCRIPT_NONE, 0, BYTES_MAX, cut_words,
     "must be end or a number of events or bytes"},
    {SLICE_INIT("reset"), VALUE_NUMBER, true, FIELD(reset), SCRIPT_NONE, 0, BYTES_MAX, NULL,
     "must be a number of events or bytes"},
    {SLICE_INIT("junk"), VALUE_NUMBER, true, FIELD(junk), 0, 1, EVENTS_MAX, NULL,
     "must be the number of an event, from 1"},
    {SLICE_INIT("badevent"), VALUE_NUMBER, true, FIELD(badevent), 0, 1, EVENTS_MAX, NULL,
     "must be the number of an event, from 1"},
    {SLICE_INIT("error"), VALUE_NUMBER, true, FIELD(error), SCRIPT_NONE, 0, EVENTS_MAX, NULL,
     "must be a number of events"},
    {SLICE_INIT("giant"), VALUE_NUMBER, false, FIELD(giant), 0, 1, BYTES_MAX, NULL,
     "must be a number of bytes, from 1"},
    {SLICE_INIT("split"), VALUE_NUMBER, false, FIELD(split), 0, 1, 1048576, NULL,
     "must be a number of bytes from 1 to 1048576"},
    {SLICE_INIT("fail"), VALUE_NUMBER, false, FIELD(fail), 0, 1, EVENTS_MAX, NULL,
     "must be a number of requests, from 1"},
    {SLICE_INIT("after"), VALUE_NUMBER, false, FIELD(after), 0, 1, EVENTS_MAX, NULL,
     "must be a number of requests, from 1"},
    {SLICE_INIT("quota"), VALUE_NUMBER, false, FIELD(quota), SCRIPT_NONE, 0, TOKENS_MAX, NULL,
     "must be a number of tokens"},
    {SLICE_INIT("only"), VALUE_TEXT, false, FIELD(only), 0, 0, 0, NULL, "must be percent-encoded text"},
    {SLICE_INIT("allowance"), VALUE_NUMBER, false, FIELD(allowance), 20000000, 0, TOKENS_MAX, NULL,
     "must be a number of tokens"},
    {SLICE_INIT("used"), VALUE_NUMBER, false, FIELD(used), 0, 0, TOKENS_MAX, NULL, "must be a number of tokens"},
    {SLICE_INIT("premium"), VALUE_NUMBER, false, FIELD(premium), 0, 0, TOKENS_MAX, NULL, "must be a number of tokens"},
    {SLICE_INIT("balance"), VALUE_NUMBER, false, FIELD(balance), 0, 400, 599, NULL, "must be a status from 400 to 599"},
    {SLICE_INIT("expires"), VALUE_NUMBER, false, FIELD(expires), SCRIPT_NONE, 0, SECONDS_MAX, NULL,
     "must be seconds from 0 to 1000000"},
    {SLICE_INIT("rotate"), VALUE_NUMBER, false, FIELD(rotate), 1, 0, 1, NULL, "must be 0 or 1"},
    {SLICE_INIT("grant"), VALUE_TEXT, false, FIELD(grant), 0, 0, 0, NULL, "must be percent-encoded text"},
    FLAG("garbage", is_garbage, true),
    FLAG("strict", is_strict, false),
    FLAG("noprefill", no_prefill, false),
    FLAG("echo", echo, false),
    FLAG("crlf", crlf, false),
    FLAG("nousage", no_usage, false),
    FLAG("nodone", no_done, true),
    FLAG("gzip", gzip, false),
    FLAG("stamp", stamp, false),
    FLAG("interim", interim, false),
    FLAG("close", close, false),
    FLAG("http10", http10, false),
};

enum { N_DIRECTIVES = sizeof(directives) / sizeof(*directives) };

static int64_t *number_of(struct script *script, const struct directive *directive)
{
    return (int64_t *)(void *)((char *)script + directive->offset);
}

static struct slice *text_of(struct script *script, const struct directive *directive)
{
    return (struct slice *)(void *)((char *)script + directive->offset);
}

static void set_initial(struct script *script, const struct directive *directive)
{
    if (directive->type == VALUE_TEXT) {
        *text_of(script, directive) = SLICE_EMPTY;
    } else {
        *number_of(script, directive) = directive->initial;
    }
}

void script_init(struct script *script)
{
    for (size_t i = 0; i < N_DIRECTIVES; i++) {
        set_initial(script, &directives[i]);
    }
}

void script_drop_texts(struct script *script)
{
    for (size_t i = 0; i < N_DIRECTIVES; i++) {
        if (directives[i].type == VALUE_TEXT) {
            *text_of(script, &directives[i]) = SLICE_EMPTY;
        }
    }
}

void script_heal(struct script *script)
{
    for (size_t i = 0; i < N_DIRECTIVES; i++) {
        if (directives[i].is_fault) {
            set_initial(script, &directives[i]);
        }
    }
}

static bool find_word(const struct word *words, struct slice value, int64_t *number_r)
{
    for (; words && words->text.ptr; words++) {
        if (slice_eq(words->text, value)) {
            *number_r = words->value;
            return true;
        }
    }
    return false;
}

static bool read_number(const struct directive *directive, struct slice value, int64_t *number_r)
{
    uint64_t number;
    if (!slice_to_u64(value, &number) || number > (uint64_t)directive->max || (int64_t)number < directive->min) {
        return false;
    }
    *number_r = (int64_t)number;
    return true;
}

static bool set_value(struct script *script, struct arena *arena, const struct directive *directive, struct slice value)
{
    int64_t *number = number_of(script, directive);
    switch (directive->type) {
    case VALUE_NUMBER: return find_word(directive->words, value, number) || read_number(directive, value, number);
    case VALUE_WORD: return find_word(directive->words, value, number);
    case VALUE_TEXT: break;
    }
    struct slice *text = text_of(script, directive);
    if (value.len == 0) {
        *text = SLICE("");
        return true;
    }
    return url_decode(arena, value, text);
}

static const struct directive *find_directive(struct slice name)
{
    for (size_t i = 0; i < N_DIRECTIVES; i++) {
        if (slice_eq(directives[i].name, name)) {
            return &directives[i];
        }
    }
    return NULL;
}

int script_apply(struct script *script, struct arena *arena, struct slice text, struct script_error *error_r)
{
    struct slice rest = text;
    slice_split(&rest, '~');
    while (rest.ptr) {
        struct slice whole = slice_split(&rest, '~');
        struct slice value = whole;
        const struct directive *directive = find_directive(slice_split(&value, '='));
        if (!directive) {
            *error_r = (struct script_error){whole, "no such directive"};
            return SCRIPT_BAD;
        }
        if (!value.ptr || !set_value(script, arena, directive, value)) {
            *error_r = (struct script_error){whole, directive->complaint};
            return SCRIPT_BAD;
        }
    }
    return 0;
}

int script_check(const struct script *script, struct script_error *error_r)
{
    bool has_fault_point = script->hang != SCRIPT_NONE || script->cut != SCRIPT_NONE || script->reset > 0;
    if (script->tokens * script->size > TEXT_MAX) {
        *error_r = (struct script_error){SLICE("tokens, size"), "together over 64 MB: use giant"};
    } else if (script->gzip && script->stamp) {
        *error_r = (struct script_error){SLICE("gzip, stamp"), "do not go together"};
    } else if (script->giant &&
               (script->gzip || script->stamp || script->junk || script->badevent || script_is_raw(script))) {
        *error_r = (struct script_error){SLICE("giant"),
                                         "goes with none of gzip, stamp, junk, badevent, split, close, http10"};
    } else if (script->giant && (has_fault_point || script->pace_ms || script->error != SCRIPT_NONE)) {
        *error_r = (struct script_error){SLICE("giant"), "goes with none of pace, hang, cut, reset, error"};
    } else {
        return 0;
    }
    return SCRIPT_BAD;
}

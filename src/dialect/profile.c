// SPDX-License-Identifier: MIT
// The table. A name is compared in lower case, without vendor and date, and with '-' for '.', '@', ':' and '_'; a '*'
// in a pattern stands for any characters. The first row that fits counts, so special names come before general ones and
// the newest models last.
#include "dialect/profile.h"

struct row {
    const char *pattern;
    struct profile profile;
};

enum { NAME_MAX_LEN = 96 };

// ---- Anthropic

#define ANTHROPIC_3(limit)                                                                                             \
    {                                                                                                                  \
        .max_output = (limit), .can_switch_thinking_off = true, .most_effort = EFFORT_NONE,                            \
        .thinking = THINKING_BY_BUDGET                                                                                 \
    }
#define ANTHROPIC_BUDGET(limit)                                                                                        \
    .max_output = (limit), .can_switch_thinking_off = true, .least_effort = EFFORT_LOW, .most_effort = EFFORT_MAX,     \
    .thinking = THINKING_BY_BUDGET, .budget_min = 1024, .budget_max = (limit)-1
#define ANTHROPIC_LEVEL(limit)                                                                                         \
    .max_output = (limit), .can_switch_thinking_off = true, .least_effort = EFFORT_LOW, .most_effort = EFFORT_MAX,     \
    .budget_min = 1024, .budget_max = (limit)-1, .has_schema_output = true, .rejects_prefill = true
#define ANTHROPIC_4_6(limit)                                                                                           \
    {                                                                                                                  \
        ANTHROPIC_LEVEL(limit), .thinking = THINKING_BY_EITHER, .missing_efforts = 1u << EFFORT_XHIGH,                 \
                                .rejects_both_sampling = true                                                          \
    }
#define ANTHROPIC_NEW(limit)                                                                                           \
    {                                                                                                                  \
        ANTHROPIC_LEVEL(limit), .thinking = THINKING_BY_LEVEL, .rejects_sampling = true, .has_system_turns = true      \
    }
// Servers of other vendors that speak it know its older features.
#define ANTHROPIC_COMPATIBLE                                                                                           \
    {                                                                                                                  \
        ANTHROPIC_BUDGET(32000)                                                                                        \
    }

static const struct row ANTHROPIC[] = {
    {"claude-1*", ANTHROPIC_3(4096)},
    {"claude-2*", ANTHROPIC_3(4096)},
    {"claude-instant*", ANTHROPIC_3(4096)},
    {"claude-3-5*", ANTHROPIC_3(8192)},
    {"claude-3-7*", {ANTHROPIC_BUDGET(64000)}},
    {"claude-3*", ANTHROPIC_3(4096)},
    {"claude-opus-4", {ANTHROPIC_BUDGET(32000)}},
    {"claude-opus-4-0*", {ANTHROPIC_BUDGET(32000)}},
    {"claude-opus-4-1*", {ANTHROPIC_BUDGET(32000), .rejects_both_sampling = true, .has_schema_output = true}},
    {"claude-4-opus*", {ANTHROPIC_BUDGET(32000)}},
    {"claude-sonnet-4", {ANTHROPIC_BUDGET(64000)}},
    {"claude-sonnet-4-0*", {ANTHROPIC_BUDGET(64000)}},
    {"claude-4-sonnet*", {ANTHROPIC_BUDGET(64000)}},
    {"claude-*-4-5*", {ANTHROPIC_BUDGET(64000), .rejects_both_sampling = true, .has_schema_output = true}},
    {"claude-4-5*", {ANTHROPIC_BUDGET(64000), .rejects_both_sampling = true, .has_schema_output = true}},
    {"claude-opus-4-6*", ANTHROPIC_4_6(128000)},
    {"claude-*-4-6*", ANTHROPIC_4_6(64000)},
    {"claude-4-6*", ANTHROPIC_4_6(64000)},
    {"claude-opus-*", ANTHROPIC_NEW(128000)},
    {"deepseek*", ANTHROPIC_COMPATIBLE},
    {"glm*", ANTHROPIC_COMPATIBLE},
    {"kimi*", ANTHROPIC_COMPATIBLE},
    {"moonshot*", ANTHROPIC_COMPATIBLE},
    {"minimax*", ANTHROPIC_COMPATIBLE},
    {"qwen*", ANTHROPIC_COMPATIBLE},
    {"mimo*", ANTHROPIC_COMPATIBLE},
    {"*", ANTHROPIC_NEW(64000)},
};

// ---- OpenAI, both dialects

#define OPENAI .has_developer_role = true
#define OPENAI_PLAIN                                                                                                   \
    {                                                                                                                  \
        OPENAI, .can_switch_thinking_off = true, .most_effort = EFFORT_NONE                                            \
    }
#define OPENAI_REASONING(least, most)                                                                                  \
    OPENAI, .rejects_sampling = true, .rejects_stops = true, .least_effort = (least), .most_effort = (most)
#define OPENAI_SWITCHED(most) OPENAI_REASONING(EFFORT_LOW, most), .can_switch_thinking_off = true
#define COMPATIBLE                                                                                                     \
    {                                                                                                                  \
        .is_compatible_server = true, .least_effort = EFFORT_LOW, .most_effort = EFFORT_HIGH                           \
    }

static const struct row OPENAI_ROWS[] = {
    {"gpt-3*", OPENAI_PLAIN},
    {"gpt-4*", OPENAI_PLAIN},
    {"chatgpt-*", OPENAI_PLAIN},
    {"gpt-oss*", COMPATIBLE},
    {"gpt-5-chat*", OPENAI_PLAIN},
    {"gpt-5-*-chat*", OPENAI_PLAIN},
    {"gpt-5-pro*", {OPENAI_REASONING(EFFORT_HIGH, EFFORT_HIGH)}},
    {"gpt-5-codex*", {OPENAI_REASONING(EFFORT_LOW, EFFORT_HIGH)}},
    {"gpt-5-1-codex-max*", {OPENAI_SWITCHED(EFFORT_XHIGH)}},
    {"gpt-5-1-codex*", {OPENAI_REASONING(EFFORT_LOW, EFFORT_HIGH)}},
    {"gpt-5-1*", {OPENAI_SWITCHED(EFFORT_HIGH)}},
    {"gpt-5-*-codex*", {OPENAI_REASONING(EFFORT_LOW, EFFORT_XHIGH)}},
    {"gpt-5-*-pro*", {OPENAI_REASONING(EFFORT_MEDIUM, EFFORT_XHIGH)}},
    {"gpt-5-2*", {OPENAI_SWITCHED(EFFORT_XHIGH)}},
    {"gpt-5-3*", {OPENAI_SWITCHED(EFFORT_XHIGH)}},
    {"gpt-5-4*", {OPENAI_SWITCHED(EFFORT_XHIGH)}},
    {"gpt-5-5*", {OPENAI_SWITCHED(EFFORT_XHIGH)}},
    {"gpt-5", {OPENAI_REASONING(EFFORT_MINIMAL, EFFORT_HIGH)}},
    {"gpt-5-mini*", {OPENAI_REASONING(EFFORT_MINIMAL, EFFORT_HIGH)}},
    {"gpt-5-nano*", {OPENAI_REASONING(EFFORT_MINIMAL, EFFORT_HIGH)}},
    {"gpt-*", {OPENAI_SWITCHED(EFFORT_MAX)}},
    // The first ones knew neither role of instructions nor levels.
    {"o1-mini*", {.rejects_sampling = true, .rejects_stops = true, .most_effort = EFFORT_NONE}},
    {"o1-preview*", {.rejects_sampling = true, .rejects_stops = true, .most_effort = EFFORT_NONE}},
    {"o1*", {OPENAI_REASONING(EFFORT_LOW, EFFORT_HIGH)}},
    {"o3-mini*", {OPENAI, .rejects_sampling = true, .least_effort = EFFORT_LOW, .most_effort = EFFORT_HIGH}},
    {"o3*", {OPENAI_REASONING(EFFORT_LOW, EFFORT_HIGH)}},
    {"o4*", {OPENAI_REASONING(EFFORT_LOW, EFFORT_HIGH)}},
    {"codex-*", {OPENAI_REASONING(EFFORT_LOW, EFFORT_HIGH)}},
    {"claude*", COMPATIBLE},
    {"codestral*", COMPATIBLE},
    {"command*", COMPATIBLE},
    {"deepseek*", COMPATIBLE},
    {"devstral*", COMPATIBLE},
    {"doubao*", COMPATIBLE},
    {"ernie*", COMPATIBLE},
    {"gemini*", COMPATIBLE},
    {"gemma*", COMPATIBLE},
    {"glm*", COMPATIBLE},
    {"grok*", COMPATIBLE},
    {"hunyuan*", COMPATIBLE},
    {"kimi*", COMPATIBLE},
    {"llama*", COMPATIBLE},
    {"magistral*", COMPATIBLE},
    {"meta-llama*", COMPATIBLE},
    {"mimo*", COMPATIBLE},
    {"minimax*", COMPATIBLE},
    {"ministral*", COMPATIBLE},
    {"mistral*", COMPATIBLE},
    {"mixtral*", COMPATIBLE},
    {"moonshot*", COMPATIBLE},
    {"nemotron*", COMPATIBLE},
    {"phi-*", COMPATIBLE},
    {"pixtral*", COMPATIBLE},
    {"qvq*", COMPATIBLE},
    {"qwen*", COMPATIBLE},
    {"qwq*", COMPATIBLE},
    {"sonar*", COMPATIBLE},
    {"step-*", COMPATIBLE},
    {"yi-*", COMPATIBLE},
    {"*", {OPENAI, .can_switch_thinking_off = true, .least_effort = EFFORT_LOW, .most_effort = EFFORT_MAX}},
};

// ---- Gemini

#define GEMINI_OLD                                                                                                     \
    {                                                                                                                  \
        .can_switch_thinking_off = true, .most_effort = EFFORT_NONE, .thinking = THINKING_BY_BUDGET                    \
    }
#define GEMINI_2_5(min, max)                                                                                           \
    .least_effort = EFFORT_MINIMAL, .most_effort = EFFORT_MAX, .thinking = THINKING_BY_BUDGET, .budget_min = (min),    \
    .budget_max = (max), .takes_urls = true
#define GEMINI_3(least)                                                                                                \
    .least_effort = (least), .most_effort = EFFORT_HIGH, .thinking = THINKING_BY_LEVEL, .takes_media_results = true,   \
    .mixes_schema_and_tools = true, .takes_urls = true, .needs_signatures = true

static const struct row GEMINI[] = {
    {"gemini-1*", GEMINI_OLD},
    {"gemini-2-0*", GEMINI_OLD},
    {"gemini-exp*", GEMINI_OLD},
    {"gemma*", GEMINI_OLD},
    {"learnlm*", GEMINI_OLD},
    {"gemini-2-5-flash-image*", GEMINI_OLD},
    {"gemini-2-5-flash-lite*", {GEMINI_2_5(512, 24576), .can_switch_thinking_off = true}},
    {"gemini-2-5-flash*", {GEMINI_2_5(1, 24576), .can_switch_thinking_off = true}},
    {"gemini-2*", {GEMINI_2_5(128, 32768)}},
    {"gemini-3-pro*", {GEMINI_3(EFFORT_LOW), .missing_efforts = 1u << EFFORT_MEDIUM}},
    {"gemini-3*-pro*", {GEMINI_3(EFFORT_LOW)}},
    {"gemini-pro*", {GEMINI_3(EFFORT_LOW)}},
    {"*", {GEMINI_3(EFFORT_MINIMAL)}},
};

// ---- names

static bool is_digits(struct slice s, size_t from, size_t n)
{
    if (from + n > s.len) {
        return false;
    }
    for (size_t i = from; i < from + n; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
    }
    return true;
}

// "-20250514" or "-2024-08-06", with what may follow it ("-v1-0").
static size_t date_start(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        bool is_year =
            name.ptr[i] == '-' && is_digits(name, i + 1, 2) && name.ptr[i + 1] == '2' && name.ptr[i + 2] == '0';
        if (is_year && (is_digits(name, i + 1, 8) ||
                        (is_digits(name, i + 1, 4) && name.len >= i + 11 && name.ptr[i + 5] == '-' &&
                         is_digits(name, i + 6, 2) && name.ptr[i + 8] == '-' && is_digits(name, i + 9, 2)))) {
            return i;
        }
    }
    return name.len;
}

static struct slice without_vendor(struct slice name)
{
    for (size_t i = name.len; i > 0; i--) {
        if (name.ptr[i - 1] == '/') {
            return slice_after(name, i);
        }
    }
    return name;
}

// Bedrock's names: "us.anthropic.claude-…", "openai.gpt-…". Their dots have become dashes.
static struct slice without_region(struct slice name)
{
    static const struct slice VENDORS[] = {SLICE_INIT("anthropic-"), SLICE_INIT("openai-"), SLICE_INIT("google-")};
    for (size_t i = 0; i < sizeof(VENDORS) / sizeof(VENDORS[0]); i++) {
        size_t at = slice_find(name, VENDORS[i]);
        if (at == 0 || (at != SLICE_NOT_FOUND && at <= sizeof("global-") - 1)) {
            return slice_after(name, at + VENDORS[i].len);
        }
    }
    return name;
}

static char plain_char(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c | 0x20);
    }
    return (char)(c == '.' || c == '@' || c == ':' || c == '_' ? '-' : c);
}

static struct slice plain_name(char out[NAME_MAX_LEN], struct slice model)
{
    model = without_vendor(model);
    size_t len = model.len < NAME_MAX_LEN ? model.len : NAME_MAX_LEN;
    for (size_t i = 0; i < len; i++) {
        out[i] = plain_char(model.ptr[i]);
    }
    struct slice name = without_region(slice_of(out, len));
    name.len = date_start(name);
    return name;
}

// Each star is tried at its nearest place; only the last one ever moves on.
static bool is_match(const char *pattern, struct slice name)
{
    const char *star = NULL;
    size_t star_at = 0;
    size_t i = 0;
    while (i < name.len) {
        if (*pattern == '*') {
            star = pattern++;
            star_at = i;
        } else if (*pattern == name.ptr[i]) {
            pattern++;
            i++;
        } else if (star) {
            pattern = star + 1;
            i = ++star_at;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

static const struct row *rows_of(enum dialect dialect)
{
    switch (dialect) {
    case DIALECT_ANTHROPIC: return ANTHROPIC;
    case DIALECT_CHAT:
    case DIALECT_RESPONSES: return OPENAI_ROWS;
    case DIALECT_GEMINI: return GEMINI;
    }
    return OPENAI_ROWS;
}

struct profile profile_of(enum dialect dialect, struct slice model)
{
    char space[NAME_MAX_LEN];
    struct slice name = plain_name(space, model);
    const struct row *row = rows_of(dialect);
    while (!is_match(row->pattern, name)) {
        row++; // the last one fits everything
    }
    return row->profile;
}

enum effort profile_effort(const struct profile *profile, enum effort wanted)
{
    if (wanted == EFFORT_NONE) {
        return profile->can_switch_thinking_off ? EFFORT_NONE : profile->least_effort;
    }
    enum effort effort = wanted < profile->least_effort ? profile->least_effort : wanted;
    effort = effort > profile->most_effort ? profile->most_effort : effort;
    return profile->missing_efforts >> effort & 1 ? EFFORT_HIGH : effort;
}

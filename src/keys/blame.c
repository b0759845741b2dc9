// SPDX-License-Identifier: MIT
// A table of rules, from the particular to the general: the first whose status and theme fit decides.
#include "keys/blame.h"

#include <stddef.h>

#include "keys/blame_rules.h"
#include "keys/error_theme.h"

#define N_OF(array) (sizeof(array) / sizeof(*(array)))

struct rule {
    unsigned first; // status
    unsigned last;
    enum error_theme theme;
    enum blame blame;
};

static const struct rule RULES[] = {
    {200, 299, ERROR_ANYTHING, BLAME_NOBODY},
    {402, 402, ERROR_ANYTHING, BLAME_KEY_CREDIT},
    // It, or the way to it, was too slow for what was sent; the request itself is fine.
    {408, 408, ERROR_ANYTHING, BLAME_ENDPOINT},
    // A proxy on the way wants to be paid or told who we are; a law where we are forbids it.
    {407, 407, ERROR_ANYTHING, BLAME_ADDRESS},
    {451, 451, ERROR_ANYTHING, BLAME_ADDRESS},

    {401, 401, ERROR_PAGE, BLAME_ADDRESS},
    {403, 403, ERROR_PAGE, BLAME_ADDRESS},
    {429, 429, ERROR_PAGE, BLAME_ADDRESS},
    {400, 499, ERROR_ADDRESS, BLAME_ADDRESS},
    {403, 403, ERROR_CONTENT, BLAME_CLIENT},
    {429, 429, ERROR_RATE, BLAME_KEY_MODEL},
    {429, 429, ERROR_WINDOW, BLAME_KEY_MODEL},
    {400, 499, ERROR_CREDIT, BLAME_KEY_CREDIT},
    // One model that a key may not use says nothing about the others.
    {403, 403, ERROR_NO_MODEL, BLAME_KEY_MODEL},
    {400, 499, ERROR_REFUSED, BLAME_KEY_REFUSED},

    {401, 401, ERROR_ANYTHING, BLAME_KEY_REFUSED},
    // Forbidden, and no word of a key.
    {403, 403, ERROR_ANYTHING, BLAME_ADDRESS},
    // It names no key, most often: one alone is the key's all the same. See blame_may_be_shared().
    {429, 429, ERROR_ANYTHING, BLAME_KEY_MODEL},
    // 400, 404, 405, 409, 413, 415, 422, …: what was asked, not who asked.
    {400, 499, ERROR_ANYTHING, BLAME_CLIENT},
    {500, 500, ERROR_ANYTHING, BLAME_PROVIDER},
    // 3xx: no API answers so; a wrong address, or a portal in between. And what is no status at all.
    {0, 999, ERROR_ANYTHING, BLAME_ENDPOINT},
};

static enum blame blame_built_in(unsigned status, const struct error_reading *reading)
{
    for (size_t i = 0; i < N_OF(RULES); i++) {
        const struct rule *rule = &RULES[i];
        if (status >= rule->first && status <= rule->last && error_is_about(reading, rule->theme)) {
            return rule->blame;
        }
    }
    return BLAME_ENDPOINT;
}

// An operator who looks for a phrase means it anywhere.
static const struct blame_rule *find_rule(const struct blame_rules *rules, unsigned status, struct slice low_text)
{
    for (size_t i = 0; rules && i < rules->n; i++) {
        const struct blame_rule *rule = &rules->rules[i];
        bool says = rule->contains.len == 0 || slice_find(low_text, rule->contains) != SLICE_NOT_FOUND;
        if (status >= rule->first && status <= rule->last && says) {
            return rule;
        }
    }
    return NULL;
}

static bool is_lasting(unsigned status, const struct error_reading *reading)
{
    return status == 429 && (error_is_about(reading, ERROR_WINDOW) || error_is_of_day(reading));
}

static struct verdict judge_answer(const struct attempt_evidence *evidence, const struct blame_rules *rules)
{
    char low[ERROR_TEXT_MAX];
    struct error_reading reading = error_read(evidence->status, evidence->text, evidence->request, low);
    const struct blame_rule *rule = find_rule(rules, evidence->status, reading.text);
    struct verdict verdict = {
        .blame = rule ? rule->blame : blame_built_in(evidence->status, &reading),
        .cooldown_ms = rule ? rule->cooldown_ms : -1,
    };
    verdict.is_lasting = verdict.blame == BLAME_KEY_MODEL && is_lasting(evidence->status, &reading);
    verdict.is_context_length = verdict.blame == BLAME_CLIENT && error_is_about(&reading, ERROR_LENGTH);
    return verdict;
}

static enum blame blame_of_event(enum attempt_event event)
{
    switch (event) {
    case ATTEMPT_ANSWERED:
    case ATTEMPT_COMPLETE:
    case ATTEMPT_ABANDONED: return BLAME_NOBODY;
    case ATTEMPT_NOT_REACHED: return BLAME_NETWORK;
    case ATTEMPT_NO_ANSWER:
    case ATTEMPT_BROKE: return BLAME_ENDPOINT;
    }
    return BLAME_NOBODY;
}

struct verdict blame_judge(const struct attempt_evidence *evidence, const struct blame_rules *rules)
{
    if (evidence->event == ATTEMPT_ANSWERED) {
        return judge_answer(evidence, rules);
    }
    return (struct verdict){
        .blame = blame_of_event(evidence->event),
        .cooldown_ms = -1,
        .spends_route = evidence->event == ATTEMPT_NO_ANSWER && evidence->was_silent,
    };
}

const char *blame_name(enum blame blame)
{
    static const char *const NAMES[N_BLAMES] = {
        [BLAME_NOBODY] = "nobody",           [BLAME_CLIENT] = "client",       [BLAME_KEY_CREDIT] = "key_credit",
        [BLAME_KEY_REFUSED] = "key_refused", [BLAME_KEY_MODEL] = "key_model", [BLAME_ADDRESS] = "address",
        [BLAME_PROVIDER] = "provider",       [BLAME_ENDPOINT] = "endpoint",   [BLAME_NETWORK] = "network",
    };
    return NAMES[blame];
}

bool blame_wants_another_key(enum blame blame)
{
    return blame == BLAME_KEY_CREDIT || blame == BLAME_KEY_REFUSED || blame == BLAME_KEY_MODEL;
}

bool blame_may_be_shared(enum blame blame)
{
    return blame == BLAME_KEY_REFUSED || blame == BLAME_KEY_MODEL;
}

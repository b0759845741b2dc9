// SPDX-License-Identifier: MIT
// Themes are sets of phrases, as providers write them.
#include "keys/error_theme.h"

#define N_OF(array) (sizeof(array) / sizeof(*(array)))

enum { REQUEST_READ_MAX = 8 * 1024 * 1024 }; // of a longer one nobody knows what is in it

// All in lower case. Some are there with and without their first words: where a phrase has to begin what is said.
static const struct slice ADDRESS_PHRASES[] = {
    SLICE_INIT("unsupported_country"),
    SLICE_INIT("country, region"),
    SLICE_INIT("unsupported countr"),
    SLICE_INIT("unsupported region"),
    SLICE_INIT("user location is not supported"),
    SLICE_INIT("not available in your country"),
    SLICE_INIT("not available in your region"),
    SLICE_INIT("not supported in your country"),
    SLICE_INIT("not supported in your region"),
    SLICE_INIT("your country is not supported"),
    SLICE_INIT("your region is not supported"),
    SLICE_INIT("ip address"),
    SLICE_INIT("ip_address"),
    SLICE_INIT("ip_not_"),
    SLICE_INIT("ip not "),
    SLICE_INIT("your ip "),
    SLICE_INIT("your ip:"),
    SLICE_INIT("this ip "),
    SLICE_INIT("client ip"),
    SLICE_INIT("cloudflare"),
    SLICE_INIT("waf block"),
    SLICE_INIT("unusual traffic"),
    SLICE_INIT("unusual activity from your"),
    SLICE_INIT("automated queries"),
    SLICE_INIT("captcha"),
};

static const struct slice CONTENT_PHRASES[] = {
    SLICE_INIT("flagged"),
    SLICE_INIT("moderation"),
    SLICE_INIT("content policy"),
    SLICE_INIT("content_policy"),
    SLICE_INIT("content_filter"),
    SLICE_INIT("safety system"),
    SLICE_INIT("or it may not exist"), // Google, of a file or a cache: another project's, or long gone
    SLICE_INIT("cachedcontent not found"),
};

static const struct slice WINDOW_PHRASES[] = {
    SLICE_INIT("limit will reset"),
    SLICE_INIT("limit resets"),
    SLICE_INIT("limit reset at"),
    SLICE_INIT("resets at"),
    SLICE_INIT("resets_at"),
    SLICE_INIT("resets_in_seconds"),
    SLICE_INIT("usage limit reached|"), // and a time
    SLICE_INIT("hour usage limit"),
    SLICE_INIT("小时的使用上限"), // "usage limit of … hours"
    SLICE_INIT("\"1308\""),       // the same as a code
};

static const struct slice RATE_PHRASES[] = {
    SLICE_INIT("resource_exhausted"),
    SLICE_INIT("resource has been exhausted"),
    SLICE_INIT("googleapis.com"),
    SLICE_INIT("ai.google.dev"),
};

// Of those that match RATE: a quota of a day.
static const struct slice DAY_PHRASES[] = {
    SLICE_INIT("perday"),
    SLICE_INIT("per_day"),
    SLICE_INIT("per day"),
    SLICE_INIT("limit: 0"),
};

// Of those that match RATE: each model has a quota of its own.
static const struct slice PER_MODEL_PHRASES[] = {
    SLICE_INIT("permodel"), SLICE_INIT("per_model"), SLICE_INIT("per_base_model"),
    SLICE_INIT("model: "),  SLICE_INIT("\"model\""),
};

// Of those that match RATE: money after all.
static const struct slice FUNDS_PHRASES[] = {
    SLICE_INIT("credits_balance"),
    SLICE_INIT("credits are depleted"),
    SLICE_INIT("spending cap"),
    SLICE_INIT("billing account"),
};

static const struct slice CREDIT_PHRASES[] = {
    SLICE_INIT("insufficient_quota"),
    SLICE_INIT("insufficient quota"),
    SLICE_INIT("you exceeded your current quota"),
    SLICE_INIT("your credit balance is too low"),
    SLICE_INIT("credit balance is too low"),
    SLICE_INIT("billing_hard_limit"),
    SLICE_INIT("billing hard limit"),
    SLICE_INIT("billing_not_active"),
    SLICE_INIT("your account is not active"),
    SLICE_INIT("billing_error"),
    SLICE_INIT("insufficient balance"),
    SLICE_INIT("insufficient_balance"),
    SLICE_INIT("insufficient credit"),
    SLICE_INIT("insufficient_credit"),
    SLICE_INIT("insufficient funds"),
    SLICE_INIT("not enough credit"),
    SLICE_INIT("out of credit"),
    SLICE_INIT("no credits"),
    SLICE_INIT("credits exhausted"),
    SLICE_INIT("credits have been exhausted"),
    SLICE_INIT("credits are depleted"),
    SLICE_INIT("this request requires more credits"),
    SLICE_INIT("payment required"),
    SLICE_INIT("payment_required"),
    SLICE_INIT("you have reached your specified api usage limits"),
    SLICE_INIT("specified api usage limit"),
    SLICE_INIT("usage limit"),
    SLICE_INIT("usage_limit"),
    SLICE_INIT("monthly limit"),
    SLICE_INIT("monthly quota"),
    SLICE_INIT("spending cap"),
    SLICE_INIT("spending limit"),
    SLICE_INIT("spend limit"),
    SLICE_INIT("quota exhausted"),
    SLICE_INIT("quota_exhausted"),
    SLICE_INIT("quota is exhausted"),
    SLICE_INIT("out of tokens"),
    SLICE_INIT("reload your tokens"),
    SLICE_INIT("no active subscription"),
    SLICE_INIT("subscription has expired"),
    SLICE_INIT("subscription expired"),
    SLICE_INIT("余额不足"), // "balance insufficient"
    SLICE_INIT("\\u4f59\\u989d\\u4e0d\\u8db3"),
    SLICE_INIT("额度不足"), // "quota insufficient"
    SLICE_INIT("额度已用尽"),
    SLICE_INIT("欠费"), // "in arrears"
};

static const struct slice NO_MODEL_PHRASES[] = {
    SLICE_INIT("access to model"),     SLICE_INIT("access to the model"),    SLICE_INIT("access to this model"),
    SLICE_INIT("use this model"),      SLICE_INIT("use the model"),          SLICE_INIT("model_not_found"),
    SLICE_INIT("model_not_available"), SLICE_INIT("model is not available"), SLICE_INIT("must be verified"),
};

static const struct slice REFUSED_PHRASES[] = {
    SLICE_INIT("api key"),
    SLICE_INIT("api_key"),
    SLICE_INIT("apikey"),
    SLICE_INIT("invalid api key"),
    SLICE_INIT("invalid_api_key"),
    SLICE_INIT("incorrect api key"),
    SLICE_INIT("invalid x-api-key"),
    SLICE_INIT("your api key"),
    SLICE_INIT("the api key"),
    SLICE_INIT("the provided api key"),
    SLICE_INIT("access token"),
    SLICE_INIT("access_token"),
    SLICE_INIT("oauth token"),
    SLICE_INIT("oauth authentication"),
    SLICE_INIT("oauth access token"),
    SLICE_INIT("invalid token"),
    SLICE_INIT("invalid_token"),
    SLICE_INIT("token has expired"),
    SLICE_INIT("token expired"),
    SLICE_INIT("credential"),
    SLICE_INIT("authentication_error"),
    SLICE_INIT("unauthenticated"),
    SLICE_INIT("unauthorized"),
    SLICE_INIT("permission_error"),
    SLICE_INIT("permission_denied"),
    SLICE_INIT("this organization has been disabled"),
    SLICE_INIT("organization has been"),
    SLICE_INIT("organization is disabled"),
    SLICE_INIT("account_deactivated"),
    SLICE_INIT("deactivated account"),
    SLICE_INIT("your account has been"),
    SLICE_INIT("account has been"),
    SLICE_INIT("account is disabled"),
    SLICE_INIT("account is suspended"),
    SLICE_INIT("your access was terminated"),
    SLICE_INIT("access was terminated"),
    SLICE_INIT("consumer_suspended"),
    SLICE_INIT("has been suspended"),
};

// That the input is too long for the model. Not what is about the output alone, or about bytes.
static const struct slice LENGTH_PHRASES[] = {
    SLICE_INIT("context_length_exceeded"),
    SLICE_INIT("context_window_exceeded"),
    SLICE_INIT("exceed_context_size_error"),
    SLICE_INIT("maximum context length"),
    SLICE_INIT("available context size"),
    SLICE_INIT("exceeds the context window"),
    SLICE_INIT("exceed context limit"),
    SLICE_INIT("exceeds context limit"),
    SLICE_INIT("exceeds the context limit"),
    SLICE_INIT("prompt is too long"),
    SLICE_INIT("input is too long for requested model"),
    SLICE_INIT("exceeds the maximum number of tokens allowed"),
    SLICE_INIT("because the input token count is"),
    SLICE_INIT("maximum prompt length is"),
    SLICE_INIT("longer than the maximum model length"),
    SLICE_INIT("number of tokens in the prompt cannot exceed"),
    SLICE_INIT("tokens + `max_new_tokens` must be <="),
    SLICE_INIT("prompt exceeds max length"),
    SLICE_INIT("\"1261\""), // the same as a code
};

// ---- reading a text

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct slice trim_end(struct slice s)
{
    while (s.len && is_space(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

// Does a value that the provider wrote begin behind `before`?
static bool is_opening(struct slice before)
{
    static const struct slice SPEAKERS[] = {
        SLICE_INIT("\"message\""), SLICE_INIT("\"error\""),  SLICE_INIT("\"code\""),
        SLICE_INIT("\"type\""),    SLICE_INIT("\"detail\""), SLICE_INIT("\"title\""),
        SLICE_INIT("\"reason\""),  SLICE_INIT("\"status\""), SLICE_INIT("\"msg\""),
    };
    before = trim_end(before);
    if (before.len == 0) {
        return true;
    }
    if (before.ptr[before.len - 1] != '"') {
        return false;
    }
    before = trim_end(slice_of(before.ptr, before.len - 1));
    if (before.len == 0 || before.ptr[before.len - 1] != ':') {
        return before.len == 0;
    }
    before = trim_end(slice_of(before.ptr, before.len - 1));
    for (size_t i = 0; i < N_OF(SPEAKERS); i++) {
        if (slice_ends_with(before, SPEAKERS[i])) {
            return true;
        }
    }
    return false;
}

static bool has_nocase(struct slice text, struct slice phrase)
{
    for (size_t at = 0; at + phrase.len <= text.len; at++) {
        if (slice_eq_nocase(slice_of(text.ptr + at, phrase.len), phrase)) {
            return true;
        }
    }
    return false;
}

// An escape of what needs none: nobody writes so but to hide it. (Encoders escape "<", ">", "&" and what is not ASCII.)
static bool hides_letters(struct slice text)
{
    static const struct slice ESCAPE = SLICE_INIT("\\u00");
    for (size_t at; (at = slice_find(text, ESCAPE)) != SLICE_NOT_FOUND;) {
        text = slice_after(text, at + ESCAPE.len);
        if (text.len && ((*text.ptr >= '4' && *text.ptr <= '7') || slice_starts_with(text, SLICE("20")))) {
            return true;
        }
    }
    return false;
}

// Could the provider have these words from the client? Then they prove nothing: else whoever writes a request could
// have it quoted, and keys banned for it.
static bool may_be_quoted(const struct error_reading *reading, struct slice phrase)
{
    struct slice request = reading->request;
    return request.len > REQUEST_READ_MAX || hides_letters(request) || has_nocase(request, phrase);
}

static unsigned hash_pair(const char *at)
{
    return ((unsigned char)at[0] * 61U + (unsigned char)at[1]) % 4096;
}

static void note_pairs(struct error_reading *reading)
{
    for (size_t i = 0; i + 1 < reading->text.len; i++) {
        unsigned hash = hash_pair(reading->text.ptr + i);
        reading->_pairs[hash / 64] |= UINT64_C(1) << hash % 64;
    }
}

static bool has_pair(const struct error_reading *reading, const char *at)
{
    unsigned hash = hash_pair(at);
    return reading->_pairs[hash / 64] >> hash % 64 & 1;
}

// Of two hundred phrases nearly none is in a text; these few letters tell at a glance. Phrases have four at least.
static bool may_say(const struct error_reading *reading, struct slice phrase)
{
    return has_pair(reading, phrase.ptr) && has_pair(reading, phrase.ptr + phrase.len - 2) &&
           has_pair(reading, phrase.ptr + phrase.len / 2);
}

static bool says(const struct error_reading *reading, struct slice phrase)
{
    if (!may_say(reading, phrase)) {
        return false;
    }
    size_t from = 0;
    for (;;) {
        size_t at = slice_find(slice_after(reading->text, from), phrase);
        if (at == SLICE_NOT_FOUND) {
            return false;
        }
        if (!reading->is_quoting) {
            return true;
        }
        if (is_opening(slice_of(reading->text.ptr, from + at))) {
            return !may_be_quoted(reading, phrase);
        }
        from += at + 1;
    }
}

static bool says_any(const struct error_reading *reading, const struct slice *phrases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (says(reading, phrases[i])) {
            return true;
        }
    }
    return false;
}
#define SAYS(reading, phrases) says_any(reading, phrases, N_OF(phrases))

static bool is_page(struct slice text)
{
    text = slice_starts_with(text, SLICE("\xEF\xBB\xBF")) ? slice_after(text, 3) : text;
    while (text.len && is_space(*text.ptr)) {
        text = slice_after(text, 1);
    }
    return text.len && *text.ptr == '<';
}

// Anywhere in the text: numbers and paths come first in many of them. A request that is quoted can at most have itself
// tried with another model.
static bool is_too_long(const struct error_reading *reading)
{
    struct error_reading all = *reading;
    all.is_quoting = false;
    return SAYS(&all, LENGTH_PHRASES);
}

// A quota of each model, or of a minute. One of the whole project for a day is as good as no credit.
static bool is_rate(const struct error_reading *reading)
{
    return SAYS(reading, RATE_PHRASES) && !SAYS(reading, FUNDS_PHRASES) &&
           (SAYS(reading, PER_MODEL_PHRASES) || !SAYS(reading, DAY_PHRASES));
}

static bool is_credit(const struct error_reading *reading)
{
    return SAYS(reading, CREDIT_PHRASES) || (SAYS(reading, RATE_PHRASES) && !is_rate(reading));
}

bool error_is_about(const struct error_reading *reading, enum error_theme theme)
{
    switch (theme) {
    case ERROR_ANYTHING: return true;
    case ERROR_PAGE: return is_page(reading->text);
    case ERROR_ADDRESS: return SAYS(reading, ADDRESS_PHRASES);
    case ERROR_CONTENT: return SAYS(reading, CONTENT_PHRASES);
    case ERROR_WINDOW: return SAYS(reading, WINDOW_PHRASES);
    case ERROR_RATE: return is_rate(reading);
    case ERROR_CREDIT: return is_credit(reading);
    case ERROR_NO_MODEL: return SAYS(reading, NO_MODEL_PHRASES);
    case ERROR_REFUSED: return SAYS(reading, REFUSED_PHRASES);
    case ERROR_LENGTH: return is_too_long(reading);
    }
    return false;
}

static bool is_about_access(unsigned status)
{
    return status == 401 || status == 402 || status == 403 || status == 429;
}

bool error_is_of_day(const struct error_reading *reading)
{
    return is_rate(reading) && SAYS(reading, DAY_PHRASES);
}

struct error_reading error_read(unsigned status, struct slice text, struct slice request, char low[ERROR_TEXT_MAX])
{
    size_t len = text.len < ERROR_TEXT_MAX ? text.len : ERROR_TEXT_MAX;
    for (size_t i = 0; i < len; i++) {
        char c = text.ptr[i];
        low[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    struct error_reading reading = {
        .text = slice_of(low, len), .is_quoting = !is_about_access(status), .request = request};
    note_pairs(&reading);
    return reading;
}

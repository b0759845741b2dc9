// SPDX-License-Identifier: MIT
// What a request asks the simulator to do: directives in the model name or in the credential, as in
// "sim~tokens=50~pace=20" or "key-one~status=402". Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

enum script_kind {
    SCRIPT_KIND_UNSET, // text, unless tool_choice forces a call
    SCRIPT_KIND_TEXT,
    SCRIPT_KIND_REASONING,
    SCRIPT_KIND_TOOL,
    SCRIPT_KIND_TOOLS, // two parallel calls
    SCRIPT_KIND_REFUSAL,
};

enum { SCRIPT_NONE = -1, SCRIPT_HANG_BEFORE = -2, SCRIPT_CUT_END = -3 };

// What an error says it is about, beside its status.
enum script_why {
    SCRIPT_WHY_PLAIN,
    SCRIPT_WHY_QUOTA,   // the credit of the account is gone
    SCRIPT_WHY_ADDRESS, // the network address is not welcome; the key is not spoken of
    SCRIPT_WHY_CONTEXT, // the conversation is longer than what the model can read
    SCRIPT_WHY_POLICY,  // what is asked for is against the provider's rules
};

enum script_form { SCRIPT_FORM_AS_ASKED, SCRIPT_FORM_JSON, SCRIPT_FORM_SSE };

// Every figure is an int64_t so that one table of offsets describes them all; flags are 0 or 1.
struct script {
    int64_t kind;        // enum script_kind
    int64_t tokens;      // text deltas, and output tokens
    int64_t size;        // characters of a token
    int64_t thoughts;    // reasoning deltas before the answer; SCRIPT_NONE: 10 for kind=reasoning, else 0
    struct slice tool;   // the one to call, decoded; ptr NULL: the first that is offered
    struct slice args;   // for it, decoded JSON; ptr NULL: a city
    int64_t form;        // enum script_form
    int64_t pace_ms;     // between two events; 0: all at once
    int64_t first_ms;    // between the head and the first event
    int64_t head_ms;     // before the head
    int64_t status;      // of an error answer; 0: none
    struct slice body;   // of the error answer, decoded; ptr NULL: the dialect's own
    int64_t why;         // enum script_why
    int64_t retry_after; // seconds; SCRIPT_NONE: no such header
    int64_t hang;        // silence after so many events; SCRIPT_NONE, SCRIPT_HANG_BEFORE: not even a head
    int64_t stall_ms;    // how long `hang` lasts, then comes FIN; 0: for ever
    int64_t cut;   // FIN after so many events (bytes of a JSON answer); SCRIPT_NONE, SCRIPT_CUT_END: after all events
    int64_t reset; // the same with RST; 0: before the head
    int64_t junk;  // this event, counted from 1, is one more, and no JSON; 0: none
    int64_t badevent;   // this event, counted from 1, is broken; 0: none
    int64_t error;      // an error event after so many events; SCRIPT_NONE
    int64_t giant;      // bytes of text; 0: no giant answer
    int64_t split;      // bytes per write; 0: as it comes
    int64_t fail;       // how many requests get the fault part; 0: all
    int64_t after;      // how many requests are good before that
    int64_t quota;      // tokens that are good before that; SCRIPT_NONE: any number
    struct slice only;  // the one model whose requests get the fault part; ptr NULL: all
    int64_t allowance;  // of the account's standard tokens
    int64_t used;       // of them, before the simulator began
    int64_t premium;    // allowance of premium tokens
    int64_t balance;    // status of balance queries; 0: they are answered
    int64_t expires;    // seconds that an access token is good; SCRIPT_NONE: for ever
    int64_t rotate;     // a refresh token serves once
    struct slice grant; // directives of the access token, decoded
    int64_t is_garbage;
    int64_t is_strict;  // refuse what a real provider would
    int64_t no_prefill; // refuse to go on with what the assistant has begun
    int64_t echo;       // the text says what has arrived
    int64_t crlf;
    int64_t no_usage;
    int64_t no_done;
    int64_t gzip;
    int64_t stamp;
    int64_t interim;
    int64_t close;
    int64_t http10;
};

// Why a directive is refused. Slices point into the text or are static.
struct script_error {
    struct slice directive;
    const char *reason;
};

enum { SCRIPT_BAD = 1 };

void script_init(struct script *script); // a healthy default answer

// Applies the directives of `text`, which is everything from a model name or credential; what comes before the first
// '~' is only a name. Later directives win. 0 or SCRIPT_BAD.
MUST_USE int script_apply(struct script *script, struct arena *arena, struct slice text, struct script_error *error_r);

// Do the directives make sense together? 0 or SCRIPT_BAD.
MUST_USE int script_check(const struct script *script, struct script_error *error_r);

// The texts live only as long as the request: they are void from here on.
void script_drop_texts(struct script *script);

// Takes the fault part out: status, body, why, retry-after, hang, stall, cut, reset, garbage, junk, badevent, error,
// nodone, head and first.
void script_heal(struct script *script);

// Bytes must be composed by hand: what the HTTP library would rightly never send.
static inline bool script_is_raw(const struct script *script)
{
    return script->split || script->close || script->http10;
}

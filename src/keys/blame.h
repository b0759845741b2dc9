// SPDX-License-Identifier: MIT
// Whose fault a failed attempt was. The one place that decides it; pure. What follows from it is in consequences.h.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct blame_rules;

enum attempt_event {
    ATTEMPT_ANSWERED, // a head with `status` has come; of an error the body, too. Or a stream that began with an error:
                      // its event as the text, and the status that it stands for (blame_event.h)
    ATTEMPT_COMPLETE, // a good answer, to its end
    ATTEMPT_NOT_REACHED, // no connection, or none in time
    ATTEMPT_NO_ANSWER,   // connected, but no head or no first content in time, or it broke before
    ATTEMPT_BROKE,       // it failed after content had been passed on
    ATTEMPT_ABANDONED,   // the client has left
};

// What there is to judge by.
struct attempt_evidence {
    enum attempt_event event;
    unsigned status;        // of ATTEMPT_ANSWERED
    struct slice text;      // of an error: what its body says, JSON or not; may be cut. The first 4 KB are read
    int64_t retry_after_ms; // that the upstream asked for; -1: nothing
    bool was_silent;        // of ATTEMPT_NO_ANSWER: the time for the head or the first content ran out
    struct slice request;   // what the client has sent: what the provider may have from there proves nothing
};

enum blame {
    BLAME_NOBODY,      // a success, or nothing can be said
    BLAME_CLIENT,      // another key would not help: 400, 404, 409, 413, 422, …
    BLAME_KEY_CREDIT,  // its credit or quota is gone: 402, or a 4xx that says so
    BLAME_KEY_REFUSED, // 401, 403 that names the key
    BLAME_KEY_MODEL,   // 429, 403 that names the model: this key, this model, for now
    BLAME_ADDRESS,     // 401, 403, 429 that name the network address; 403 that names no key at all
    BLAME_PROVIDER,    // 500: something in it failed on this request
    BLAME_ENDPOINT,    // 502, 503, 504, 529, 408, silence, nonsense, a redirect: it is down, overloaded, or not the API
    BLAME_NETWORK,     // it was not reached
};
enum { N_BLAMES = BLAME_NETWORK + 1 };

struct verdict {
    enum blame blame;
    int64_t cooldown_ms;    // a rule of the operator wants this wait, whatever the upstream asks for; -1: as usual
    bool is_lasting;        // of BLAME_KEY_MODEL: a quota that comes back with a new day or a new window of hours.
                            // Trying again each minute is of no use
    bool is_context_length; // of BLAME_CLIENT: the input is too long; a model with a larger window may take it
    bool spends_route;      // it stayed silent: not this endpoint again for this request
};

// `rules` (may be NULL) come before what is built in, for ATTEMPT_ANSWERED.
struct verdict blame_judge(const struct attempt_evidence *evidence, const struct blame_rules *rules);
const char *blame_name(enum blame blame); // for logs, metrics and the trail: "key_credit", …

// May another key do better at once? Not so where the address, the endpoint or the provider is at fault: then it takes
// another way there, another endpoint, or time.
bool blame_wants_another_key(enum blame blame);

// One such failure looks like the key's; may many at once be the fault of the address or the provider instead? A 401,
// 403 or 429 says so little that it may, most of all a 429 that names no key. Credit is never shared: a provider that
// speaks of money has looked at the account, and keys of one owner run out together.
bool blame_may_be_shared(enum blame blame);

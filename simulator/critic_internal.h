// SPDX-License-Identifier: MIT
// The means of the four critics. A check returns false once something is wrong; the first blame is the one that counts.
#pragma once

#include "simulator/critic.h"
#include "json/json_reader.h"

struct critic {
    const struct ask *ask;
    struct arena *arena;
    struct json_doc doc;
    struct slice fault; // in the arena; empty: nothing yet
};

bool critic_blame(struct critic *critic, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Has the object no members but these (separated by spaces)?
bool critic_only(struct critic *critic, const struct json_node *object, const char *where, const char *names);

// A member; of Gemini in either spelling. NULL: it has none.
const struct json_node *critic_get(struct critic *critic, const struct json_node *object, const char *name);
struct slice critic_text(struct critic *critic, const struct json_node *object, const char *name); // decoded, or empty
bool critic_is(struct critic *critic, const struct json_node *object, const char *name, const char *value);

// Walks over an array; anything else has no elements.
bool critic_next(struct critic *critic, const struct json_node *array, const struct json_node **value);
size_t critic_count(struct critic *critic, const struct json_node *array);

bool critic_knows(const char *words, struct slice word);                    // separated by spaces
bool critic_is_blank(struct slice text);                                    // nothing, or only white space
bool critic_is_name(struct slice text, const char *others, size_t len_max); // letters, digits and `others`

// Names of calls and the like, in order.
enum { CRITIC_CALLS_MAX = 64 };
struct critic_calls {
    struct slice ids[CRITIC_CALLS_MAX];
    bool is_answered[CRITIC_CALLS_MAX];
    size_t n;
};
void critic_add_call(struct critic_calls *calls, struct slice id);
bool critic_answer_call(struct critic_calls *calls, struct slice id); // false: unknown, or answered before
struct slice critic_open_call(const struct critic_calls *calls);      // the first without an answer, or empty

void critic_read_anthropic(struct critic *critic);
void critic_read_chat(struct critic *critic);
void critic_read_responses(struct critic *critic);
void critic_read_gemini(struct critic *critic);

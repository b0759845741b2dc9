// SPDX-License-Identifier: MIT
// What the files of this folder share.
#pragma once

#include "dialect/chat/chat.h"

// ---- requests on their way in

struct chat_decoding {
    struct neutral_request *req;
    const struct json_doc *doc;
    struct arena *arena;
    struct loss *loss;
    enum cache_mark cache_mark;    // what a breakpoint of this request means
    struct slice last_function_id; // of the newest call in the older form, which has no ids; ptr NULL: none
    uint32_t n_function_calls;
};

// A member that is there and not null, checked for its type (JSON_TRUE stands for both booleans); NULL else. One of
// another type is the client's mistake.
const struct json_node *chat_member(const struct chat_decoding *d, const struct json_node *object, struct slice name,
                                    enum json_type type);
// A string that is not empty, decoded; ptr NULL else: many fill in all members, with "" for nothing.
struct slice chat_text_member(const struct chat_decoding *d, const struct json_node *object, struct slice name);
// The same, still escaped.
struct slice chat_escaped_member(const struct chat_decoding *d, const struct json_node *object, struct slice name);

enum chat_role {
    CHAT_ROLE_SYSTEM,
    CHAT_ROLE_DEVELOPER,
    CHAT_ROLE_USER,
    CHAT_ROLE_ASSISTANT,
    CHAT_ROLE_TOOL,
    CHAT_ROLE_FUNCTION,
    N_CHAT_ROLES
};

// Appends the parts of a message's content that this role may have.
void chat_decode_content(struct chat_decoding *d, const struct json_node *message, enum chat_role role,
                         struct neutral_part ***last);
struct neutral_part *chat_decode_refusal(struct chat_decoding *d, const struct json_node *at); // NULL: there is none
struct neutral_part *chat_decode_assistant(struct chat_decoding *d, const struct json_node *message);
void chat_decode_messages(struct chat_decoding *d, const struct json_node *root);
void chat_decode_tools(struct chat_decoding *d, const struct json_node *root);

// ---- reasoning_details, as OpenRouter and those that follow it write them

struct chat_detail {
    struct slice text; // escaped
    bool is_summary;
    bool is_signed;               // there is more than the text
    int64_t index;                // -1: not said
    struct neutral_opaque opaque; // OPAQUE_VENDOR_TEXT, or what was in our own wrapper
};

// `unwraps`: a client may send what we wrapped.
struct chat_detail chat_read_detail(const struct json_doc *doc, const struct json_node *node, bool unwraps,
                                    struct arena *arena);
// The entry again, for the vendor: what chat_read_detail() kept of it, and its text (empty: none). False: nothing was
// written, because `opaque` holds no entry.
bool chat_write_detail(struct json_writer *w, const struct neutral_opaque *opaque, struct slice text,
                       struct arena *arena);
// Google's own compatible endpoint signs calls and messages with extra_content.google.thought_signature: plain, empty
// when there is none.
struct slice chat_thought_signature(const struct json_doc *doc, const struct json_node *owner, struct arena *arena);

// ---- requests on their way out

// A server that only speaks like OpenAI's.
static inline bool chat_is_compatible(const struct encoding *encoding)
{
    return encoding->target->profile.is_compatible_server;
}

void chat_encode_messages(const struct encoding *encoding, struct json_writer *w);
void chat_encode_tools(const struct encoding *encoding, struct json_writer *w);
// A document's base64 as a data URL in quotes, and so on: the value of a member.
void chat_write_data_url(struct json_writer *w, const struct media *media);
// "strict": true only where the schema allows it.
void chat_write_strict(const struct encoding *encoding, struct json_writer *w, enum tri strict,
                       const struct json_node *schema, const struct json_node *at);

struct chat_messages {
    const struct encoding *encoding;
    struct json_writer *w;
};

void chat_begin_message(struct chat_messages *m, struct slice role);
void chat_end_message(struct chat_messages *m, struct slice name);
// `is_in_loop`: no person has spoken since.
void chat_write_assistant(struct chat_messages *m, const struct neutral_turn *turn, bool is_in_loop);

// What a part says where only texts may stand; ptr NULL: it is no text.
struct slice chat_text_of(const struct chat_messages *m, const struct neutral_part *part);
struct slice chat_first_text(const struct chat_messages *m, const struct neutral_part *parts);
size_t chat_count_texts(const struct chat_messages *m, const struct neutral_part *parts);
// As a string or an array; `prefix` (escaped) goes before the first, `separator` between them where they are joined.
void chat_write_texts(struct chat_messages *m, const struct neutral_part *parts, struct slice prefix,
                      struct slice separator);
void chat_write_text_part(struct chat_messages *m, struct slice type, struct slice text);
bool chat_is_medium(const struct chat_messages *m, const struct neutral_part *part);
// What cannot be sent is refused or, in lenient mode, told.
bool chat_takes_medium(const struct chat_messages *m, const struct neutral_part *part);
// What of a part is no text: the part itself, or the pictures in a document one after the other; NULL: nothing (more).
const struct neutral_part *chat_first_medium(const struct chat_messages *m, const struct neutral_part *part);
const struct neutral_part *chat_next_medium(const struct neutral_part *part, const struct neutral_part *medium);
void chat_write_medium(struct chat_messages *m, const struct neutral_part *part); // nothing if it is refused
void chat_warn_of_lost(struct chat_messages *m, const struct neutral_part *part);

// ---- answers on their way out

struct slice chat_finish_word(enum finish_reason reason, bool has_refusal);
void chat_write_usage(struct json_writer *w, const struct usage *usage);
// An annotation from a citation.
void chat_write_annotation(struct json_writer *w, struct slice raw, struct arena *arena);
// An element of reasoning_details that holds the wrapper, to be handed back by the client; with its braces.
void chat_write_wrapped_detail(struct json_writer *w, const struct neutral_opaque *opaque, uint32_t index,
                               struct buf *scratch);
// The member extra_content of a call or a message.
void chat_write_thought_signature(struct json_writer *w, struct slice signature);
// The same for a client: wrapped.
void chat_write_wrapped_signature(struct json_writer *w, const struct neutral_opaque *opaque, struct buf *scratch);
// What a model drew: in message.images, as several compatible servers have it.
bool chat_is_answered_image(const struct media *media);
void chat_write_answered_image(struct json_writer *w, const struct media *media);
void chat_write_body(const struct answer_context *context, const struct neutral_response *response, struct buf *out);
// Is this worth giving to the client? A mere marker says nothing to it.
bool chat_is_telling(const struct neutral_opaque *opaque);

// ---- answers on their way in

struct chat_call;

// What is known of one candidate while its answer comes.
struct chat_candidate {
    struct chat_candidate *next;
    uint32_t index;
    struct neutral_block *reasoning; // open, or NULL
    struct neutral_block *text;      // the latest, or NULL
    int64_t detail;                  // its number among the reasoning_details; -1: it has none
    struct chat_call *calls;         // the newest first
    bool has_refused;
};

struct chat_reading {
    struct answer *answer;
    const struct json_doc *doc;
    struct arena *arena; // as long as the answer
};

// The value of tool_calls, in pieces or whole.
void chat_read_calls(const struct chat_reading *r, struct chat_candidate *candidate, const struct json_node *calls);
// The older function_call.
void chat_read_function_call(const struct chat_reading *r, struct chat_candidate *candidate,
                             const struct json_node *call);
// A signature that stands on the message belongs to its first call. False: there is no call.
bool chat_sign_first_call(const struct chat_reading *r, struct chat_candidate *candidate, struct slice signature);
// Calls whose arguments have not come yet are passed on as they are, since nothing more of them will.
void chat_open_calls(const struct chat_reading *r, struct chat_candidate *candidate);

// SPDX-License-Identifier: MIT
// Messages of a Chat Completions request: each becomes a turn. Leading system and developer messages are the
// instructions; a message of role tool is a user's turn that holds one result.
#include "dialect/chat/chat_internal.h"

static const struct slice ROLE_WORDS[N_CHAT_ROLES] = {
    SLICE_INIT("system"),    SLICE_INIT("developer"), SLICE_INIT("user"),
    SLICE_INIT("assistant"), SLICE_INIT("tool"),      SLICE_INIT("function"),
};

static struct neutral_part *decode_result(struct chat_decoding *d, const struct json_node *message, enum chat_role role)
{
    struct neutral_part *part = neutral_part_new(d->arena, PART_RESULT, message);
    struct neutral_part **last = &part->result.parts;
    chat_decode_content(d, message, role, &last);
    part->result.name = chat_text_member(d, message, SLICE("name"));
    part->result.call_id =
        role == CHAT_ROLE_TOOL ? chat_text_member(d, message, SLICE("tool_call_id")) : d->last_function_id;
    if (!part->result.call_id.len) {
        loss_reject_input(d->loss, message, role == CHAT_ROLE_TOOL ? "must have a tool_call_id" : "must follow a call");
    }
    return part;
}

static enum chat_role role_of(struct chat_decoding *d, const struct json_node *message)
{
    struct slice word = json_is(message, JSON_OBJECT) ? chat_text_member(d, message, SLICE("role")) : SLICE_EMPTY;
    int role = 0;
    while (role < N_CHAT_ROLES && !slice_eq(word, ROLE_WORDS[role])) {
        role++;
    }
    if (role == N_CHAT_ROLES) {
        loss_reject_input(d->loss, message,
                          "must be a message of the role system, developer, user, assistant, tool or function");
    }
    return (enum chat_role)role;
}

static struct neutral_turn *decode_message(struct chat_decoding *d, const struct json_node *message,
                                           enum chat_role role)
{
    static const enum turn_role TURNS[N_CHAT_ROLES] = {
        [CHAT_ROLE_SYSTEM] = TURN_SYSTEM, [CHAT_ROLE_DEVELOPER] = TURN_DEVELOPER,
        [CHAT_ROLE_USER] = TURN_USER,     [CHAT_ROLE_ASSISTANT] = TURN_ASSISTANT,
        [CHAT_ROLE_TOOL] = TURN_USER,     [CHAT_ROLE_FUNCTION] = TURN_USER,
    };
    struct neutral_turn *turn = neutral_turn_new(d->arena, TURNS[role], message);
    struct neutral_part **last = &turn->parts;
    if (role == CHAT_ROLE_ASSISTANT) {
        turn->parts = chat_decode_assistant(d, message);
    } else if (role == CHAT_ROLE_TOOL || role == CHAT_ROLE_FUNCTION) {
        turn->parts = decode_result(d, message, role);
    } else {
        chat_decode_content(d, message, role, &last);
    }
    if (role <= CHAT_ROLE_ASSISTANT) {
        turn->name = chat_escaped_member(d, message, SLICE("name"));
    }
    return turn;
}

void chat_decode_messages(struct chat_decoding *d, const struct json_node *root)
{
    const struct json_node *messages = chat_member(d, root, SLICE("messages"), JSON_ARRAY);
    const struct json_node *each = NULL;
    struct neutral_turn **instruction = &d->req->instructions;
    struct neutral_turn **last = &d->req->turns;
    while (json_next_element(d->doc, messages, &each) && !d->loss->is_refused) {
        enum chat_role role = role_of(d, each);
        if (role == N_CHAT_ROLES) {
            return;
        }
        bool is_leading = role <= CHAT_ROLE_DEVELOPER && !d->req->turns;
        struct neutral_turn ***end = is_leading ? &instruction : &last;
        **end = decode_message(d, each, role);
        *end = &(**end)->next;
    }
    if (!d->req->turns) {
        loss_reject_input(d->loss, messages, "must have a message besides the instructions");
    }
}

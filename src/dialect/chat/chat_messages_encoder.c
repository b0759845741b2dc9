// SPDX-License-Identifier: MIT
// Turns of any request as messages of Chat Completions. A user's turn may become several: a message of role tool for
// each result, one with what those messages cannot hold (images, documents), and the user's own.
#include "dialect/chat/chat_internal.h"

// ---- instructions

static void write_system(struct chat_messages *m, const struct neutral_turn *turn)
{
    bool is_developer = turn->role == TURN_DEVELOPER && m->encoding->target->profile.has_developer_role;
    chat_begin_message(m, is_developer ? SLICE("developer") : SLICE("system"));
    json_key(m->w, SLICE("content"));
    chat_write_texts(m, turn->parts, SLICE_EMPTY, SLICE("\\n\\n"));
    chat_end_message(m, turn->name);
}

// ---- users

static void write_media(struct chat_messages *m, const struct neutral_part *part)
{
    const struct neutral_part *medium = chat_first_medium(m, part);
    for (; medium; medium = chat_next_medium(part, medium)) {
        chat_write_medium(m, medium);
    }
}

static void write_part(struct chat_messages *m, const struct neutral_part *part)
{
    struct slice text = chat_text_of(m, part);
    chat_warn_of_lost(m, part);
    if (text.len) {
        chat_write_text_part(m, SLICE("text"), text);
    }
    write_media(m, part);
}

static void warn_of_all_lost(struct chat_messages *m, const struct neutral_part *parts)
{
    for (const struct neutral_part *part = parts; part; part = part->next) {
        chat_warn_of_lost(m, part);
    }
}

static bool is_string_enough(const struct chat_messages *m, const struct neutral_part *parts)
{
    return parts && !parts->next && chat_text_of(m, parts).len > 0 && !chat_first_medium(m, parts);
}

static bool takes_any_medium(const struct chat_messages *m, const struct neutral_part *part)
{
    const struct neutral_part *medium = chat_first_medium(m, part);
    while (medium && !chat_takes_medium(m, medium)) {
        medium = chat_next_medium(part, medium);
    }
    return medium;
}

static bool has_something_to_say(const struct chat_messages *m, const struct neutral_part *parts)
{
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (chat_text_of(m, part).len || takes_any_medium(m, part)) {
            return true;
        }
    }
    return false;
}

static void write_user(struct chat_messages *m, const struct neutral_turn *turn, const struct neutral_part *parts)
{
    if (!has_something_to_say(m, parts)) {
        warn_of_all_lost(m, parts);
        return;
    }
    chat_begin_message(m, SLICE("user"));
    json_key(m->w, SLICE("content"));
    if (is_string_enough(m, parts)) {
        chat_warn_of_lost(m, parts);
        json_write_escaped(m->w, chat_text_of(m, parts));
    } else {
        json_begin_array(m->w);
        for (const struct neutral_part *part = parts; part; part = part->next) {
            write_part(m, part);
        }
        json_end_array(m->w);
    }
    chat_end_message(m, turn->name);
}

// ---- results

static bool has_media(const struct chat_messages *m, const struct neutral_part *parts)
{
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (chat_first_medium(m, part)) {
            return true;
        }
    }
    return false;
}

static void write_result(struct chat_messages *m, const struct neutral_part *part)
{
    const struct result *result = &part->result;
    struct slice text = chat_first_text(m, result->parts);
    bool needs_prefix = result->is_error && !slice_starts_with_nocase(text, SLICE("error"));
    chat_begin_message(m, SLICE("tool"));
    json_member_string(m->w, SLICE("tool_call_id"), result->call_id);
    json_key(m->w, SLICE("content"));
    if (result->raw) {
        json_write_string(m->w, json_raw(m->encoding->req->doc, result->raw));
    } else if (!text.len && has_media(m, result->parts)) {
        json_write_escaped(m->w, needs_prefix ? SLICE("Error: see the following user message")
                                              : SLICE("see the following user message"));
    } else {
        chat_write_texts(m, result->parts, needs_prefix ? SLICE("Error: ") : SLICE_EMPTY, SLICE("\\n"));
    }
    chat_end_message(m, SLICE_EMPTY);
}

// What messages of role tool cannot hold follows all of them, because nothing may stand between.
static void write_hoisted(struct chat_messages *m, const struct neutral_turn *turn)
{
    bool has_begun = false;
    for (const struct neutral_part *part = turn->parts; part && part->kind == PART_RESULT; part = part->next) {
        for (const struct neutral_part *each = part->result.parts; each; each = each->next) {
            chat_warn_of_lost(m, each);
            if (!takes_any_medium(m, each)) {
                continue;
            }
            if (!has_begun) {
                chat_begin_message(m, SLICE("user"));
                json_key(m->w, SLICE("content"));
                json_begin_array(m->w);
                has_begun = true;
            }
            write_media(m, each);
        }
    }
    if (has_begun) {
        json_end_array(m->w);
        chat_end_message(m, SLICE_EMPTY);
    }
}

static void write_user_turn(struct chat_messages *m, const struct neutral_turn *turn)
{
    const struct neutral_part *part = turn->parts;
    for (; part && part->kind == PART_RESULT; part = part->next) {
        write_result(m, part);
    }
    write_hoisted(m, turn);
    if (part) {
        write_user(m, turn, part);
    }
}

// ---- all of them

static bool is_spoken(const struct neutral_turn *turn)
{
    for (const struct neutral_part *part = turn->parts; part; part = part->next) {
        if (part->kind != PART_RESULT) {
            return turn->role == TURN_USER;
        }
    }
    return false;
}

static const struct neutral_turn *last_spoken(const struct neutral_request *req)
{
    const struct neutral_turn *last = NULL;
    for (const struct neutral_turn *turn = req->turns; turn; turn = turn->next) {
        last = is_spoken(turn) ? turn : last;
    }
    return last;
}

// An answer that other dialects would go on with is history here.
static void warn_of_prefill(struct chat_messages *m, const struct neutral_turn *last)
{
    enum dialect origin = m->encoding->req->origin;
    bool continues = origin == DIALECT_ANTHROPIC || origin == DIALECT_GEMINI;
    if (continues && last && last->role == TURN_ASSISTANT) {
        loss_warn(m->encoding->loss, LOSS_CHANGED, last->at);
    }
}

// Without the word the provider refuses to answer in JSON; Gemini's clients need not say it.
static void write_json_hint(struct chat_messages *m)
{
    const struct neutral_request *req = m->encoding->req;
    if (req->format.kind == FORMAT_JSON && req->origin == DIALECT_GEMINI) {
        chat_begin_message(m, SLICE("system"));
        json_member_string(m->w, SLICE("content"), SLICE("Answer in JSON."));
        chat_end_message(m, SLICE_EMPTY);
        loss_warn(m->encoding->loss, LOSS_EMULATED, req->format.at);
    }
}

void chat_encode_messages(const struct encoding *encoding, struct json_writer *w)
{
    const struct neutral_request *req = encoding->req;
    struct chat_messages m = {encoding, w};
    const struct neutral_turn *loop_start = last_spoken(req); // reasoning behind it is of use
    const struct neutral_turn *last = NULL;
    bool is_in_loop = loop_start == NULL;
    json_key(w, SLICE("messages"));
    json_begin_array(w);
    for (const struct neutral_turn *turn = req->instructions; turn; turn = turn->next) {
        write_system(&m, turn);
    }
    write_json_hint(&m);
    size_t start = w->out->len;
    for (const struct neutral_turn *turn = req->turns; turn; turn = turn->next) {
        switch (turn->role) {
        case TURN_SYSTEM:
        case TURN_DEVELOPER: write_system(&m, turn); break;
        case TURN_USER: write_user_turn(&m, turn); break;
        case TURN_ASSISTANT: chat_write_assistant(&m, turn, is_in_loop); break;
        }
        is_in_loop = is_in_loop || turn == loop_start;
        last = turn;
    }
    if (w->out->len == start) {
        loss_refuse_always(encoding->loss, NULL,
                           "nothing of what the messages say can be sent to the upstream of this model");
    }
    json_end_array(w);
    warn_of_prefill(&m, last);
}

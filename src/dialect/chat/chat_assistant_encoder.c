// SPDX-License-Identifier: MIT
// Assistants' turns as messages of Chat Completions: text, calls, and reasoning for those who want it back.
#include "dialect/chat/chat_internal.h"
#include "dialect/tool_arguments.h"

// ---- content and calls

static void write_call_arguments(struct chat_messages *m, const struct call *call, bool is_wrapped)
{
    if (!is_wrapped) {
        arguments_write_string(m->w, call);
        return;
    }
    struct buf object = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &object);
    (void)arguments_write_object(&w, call, m->encoding->arena);
    json_write_string(m->w, buf_slice(&object));
    buf_deinit(&object);
}

static struct slice target_name_of(const struct chat_messages *m, const struct call *call)
{
    const struct encoding *encoding = m->encoding;
    return tool_history_name(encoding->arena, encoding->req, DIALECT_CHAT, call->name_space, call->name);
}

static bool is_google(const struct chat_messages *m)
{
    struct slice model = m->encoding->target->model;
    for (size_t i = 0; i < model.len; i++) {
        if (slice_starts_with_nocase(slice_after(model, i), SLICE("gemini"))) {
            return chat_is_compatible(m->encoding);
        }
    }
    return false;
}

static void write_call(struct chat_messages *m, const struct neutral_part *part)
{
    const struct call *call = &part->call;
    bool is_custom = call->kind == TOOL_CUSTOM && !chat_is_compatible(m->encoding);
    struct slice kind = is_custom ? SLICE("custom") : SLICE("function");
    json_begin_object(m->w);
    json_member_string(m->w, SLICE("id"), call->id);
    json_member_string(m->w, SLICE("type"), kind);
    json_key(m->w, kind);
    json_begin_object(m->w);
    json_member_string(m->w, SLICE("name"), target_name_of(m, call));
    json_key(m->w, is_custom ? SLICE("input") : SLICE("arguments"));
    write_call_arguments(m, call, call->kind == TOOL_CUSTOM && !is_custom);
    json_end_object(m->w);
    if (call->opaque.kind == OPAQUE_GEMINI_CALL && is_google(m)) {
        chat_write_thought_signature(m->w, call->opaque.data);
    }
    json_end_object(m->w);
}

static void write_calls(struct chat_messages *m, const struct neutral_part *parts)
{
    json_key(m->w, SLICE("tool_calls"));
    json_begin_array(m->w);
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (part->kind == PART_CALL) {
            write_call(m, part);
        }
    }
    json_end_array(m->w);
}

static bool has_kind(const struct neutral_part *parts, enum part_kind kind)
{
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (part->kind == kind) {
            return true;
        }
    }
    return false;
}

static void write_assistant_content(struct chat_messages *m, const struct neutral_part *parts)
{
    bool has_refusal = has_kind(parts, PART_REFUSAL) && !chat_is_compatible(m->encoding);
    json_key(m->w, SLICE("content"));
    if (chat_count_texts(m, parts) == 0 && has_kind(parts, PART_CALL)) {
        json_write_null(m->w);
        return;
    }
    if (!has_refusal) {
        chat_write_texts(m, parts, SLICE_EMPTY, SLICE("\\n\\n"));
        return;
    }
    json_begin_array(m->w);
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (chat_text_of(m, part).len) {
            chat_write_text_part(m, part->kind == PART_REFUSAL ? SLICE("refusal") : SLICE("text"),
                                 chat_text_of(m, part));
        }
    }
    json_end_array(m->w);
}

// ---- reasoning

// Text of a provider that signs nothing may go back to such a one; what is signed, to its issuer.
static bool is_replayable(const struct chat_messages *m, const struct neutral_part *part)
{
    return part->kind == PART_REASONING && part->reasoning.opaque.kind == OPAQUE_VENDOR_TEXT &&
           chat_is_compatible(m->encoding);
}

static void write_details(struct chat_messages *m, const struct neutral_part *parts)
{
    bool has_begun = false;
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (!is_replayable(m, part) || !part->reasoning.opaque.data.len) {
            continue;
        }
        if (!has_begun) {
            json_key(m->w, SLICE("reasoning_details"));
            json_begin_array(m->w);
            has_begun = true;
        }
        struct slice text = chat_first_text(m, part->reasoning.parts);
        if (!chat_write_detail(m->w, &part->reasoning.opaque, text, m->encoding->arena)) {
            loss_warn(m->encoding->loss, LOSS_DROPPED, part->at);
        }
    }
    if (has_begun) {
        json_end_array(m->w);
    }
}

// Some providers want it back while tools are being used, some refuse it at any other time.
static void write_reasoning_text(struct chat_messages *m, const struct neutral_part *parts)
{
    bool has_begun = false;
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (!is_replayable(m, part) || part->reasoning.opaque.data.len || !part->reasoning.parts) {
            continue;
        }
        if (!has_begun) {
            json_key(m->w, SLICE("reasoning_content"));
            json_write_raw(m->w, SLICE("\""));
            has_begun = true;
        }
        for (const struct neutral_part *each = part->reasoning.parts; each; each = each->next) {
            buf_append(m->w->out, each->text);
        }
    }
    if (has_begun) {
        buf_append_char(m->w->out, '"');
    }
}

// What its own provider gave to the client directly it cannot expect anyone else to read.
static bool is_missed(const struct chat_messages *m, const struct neutral_part *part)
{
    static const enum opaque_issuer ISSUERS[] = {
        [DIALECT_ANTHROPIC] = ISSUER_ANTHROPIC,
        [DIALECT_CHAT] = ISSUER_VENDOR,
        [DIALECT_RESPONSES] = ISSUER_OPENAI,
        [DIALECT_GEMINI] = ISSUER_GOOGLE,
    };
    enum opaque_kind kind = part->kind == PART_REASONING ? part->reasoning.opaque.kind : OPAQUE_NONE;
    return kind != OPAQUE_NONE && kind != OPAQUE_VENDOR_TEXT &&
           opaque_issuer(kind) != ISSUERS[m->encoding->req->origin];
}

static void warn_of_lost_parts(struct chat_messages *m, const struct neutral_part *parts)
{
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (is_missed(m, part) || chat_is_medium(m, part)) {
            loss_warn(m->encoding->loss, LOSS_DROPPED, part->at);
        }
        chat_warn_of_lost(m, part);
    }
}

void chat_write_assistant(struct chat_messages *m, const struct neutral_turn *turn, bool is_in_loop)
{
    if (!chat_count_texts(m, turn->parts) && !has_kind(turn->parts, PART_CALL)) {
        warn_of_lost_parts(m, turn->parts);
        return; // nothing of it can be said here
    }
    chat_begin_message(m, SLICE("assistant"));
    write_assistant_content(m, turn->parts);
    write_details(m, turn->parts);
    if (is_in_loop) {
        write_reasoning_text(m, turn->parts);
    }
    if (has_kind(turn->parts, PART_CALL)) {
        write_calls(m, turn->parts);
    }
    warn_of_lost_parts(m, turn->parts);
    chat_end_message(m, turn->name);
}

// SPDX-License-Identifier: MIT
#include "dialect/gemini/gemini_answer_parts.h"

#include "dialect/tool_arguments.h"

// ---- parts

struct slice gemini_signature_of(struct arena *arena, const struct neutral_opaque *opaque)
{
    struct buf wrapped = BUF_EMPTY;
    if (opaque->kind == OPAQUE_NONE) {
        return SLICE_EMPTY;
    }
    if (opaque_issuer(opaque->kind) == ISSUER_GOOGLE) {
        return arena_dup(arena, opaque->data);
    }
    opaque_wrap_base64(opaque, &wrapped);
    struct slice signature = arena_dup(arena, buf_slice(&wrapped));
    buf_deinit(&wrapped);
    return signature;
}

static void write_signature(struct json_writer *w, struct slice signature)
{
    if (signature.len) {
        json_member_string(w, SLICE("thoughtSignature"), signature);
    }
}

void gemini_write_text_part(struct json_writer *w, struct slice escaped, bool is_thought, struct slice signature)
{
    json_begin_object(w);
    json_key(w, SLICE("text"));
    json_write_escaped(w, escaped);
    if (is_thought) {
        json_member_bool(w, SLICE("thought"), true);
    }
    write_signature(w, signature);
    json_end_object(w);
}

static void write_call(struct json_writer *w, const struct neutral_block *call, struct slice raw,
                       struct slice signature)
{
    json_begin_object(w);
    json_key(w, SLICE("functionCall"));
    json_begin_object(w);
    json_member_string(w, SLICE("id"), call->call_id);
    json_member_string(w, SLICE("name"), call->name);
    json_key(w, SLICE("args"));
    json_write_raw_line(w, raw);
    json_end_object(w);
    write_signature(w, signature);
    json_end_object(w);
}

bool gemini_write_call_part(struct json_writer *w, const struct neutral_block *call, struct slice arguments,
                            struct slice signature)
{
    struct arena scratch;
    struct slice raw;
    arena_init(&scratch, 1024);
    bool is_object = arguments_object_of(arguments, &scratch, &raw);
    if (is_object) {
        write_call(w, call, raw, signature);
    }
    arena_deinit(&scratch);
    return is_object;
}

// ---- the end

static struct slice reason_word(enum finish_reason reason)
{
    switch (reason) {
    case FINISH_UNSET:
    case FINISH_STOP:
    case FINISH_STOP_SEQUENCE:
    case FINISH_TOOL_CALLS:
    case FINISH_PAUSE:
    case FINISH_COMPACTION: break;
    case FINISH_LENGTH:
    case FINISH_CONTEXT_WINDOW: return SLICE("MAX_TOKENS");
    case FINISH_TOOL_ERROR: return SLICE("MALFORMED_FUNCTION_CALL");
    case FINISH_REFUSAL:
    case FINISH_CONTENT_FILTER: return SLICE("SAFETY");
    case FINISH_CANCELLED:
    case FINISH_OTHER: return SLICE("OTHER");
    }
    return SLICE("STOP");
}

void gemini_write_finish(struct json_writer *w, const struct answer_context *context, const struct finish *finish,
                         bool lost_call)
{
    bool is_malformed = lost_call && finish->reason <= FINISH_TOOL_CALLS;
    bool is_native = context->upstream == DIALECT_GEMINI && finish->native.len > 0;
    bool is_paused = finish->reason == FINISH_PAUSE || finish->reason == FINISH_COMPACTION;
    if (is_paused && !is_native && context->loss) {
        loss_warn_path(context->loss, LOSS_CHANGED, SLICE("finish_reason"));
    }
    json_key(w, SLICE("finishReason"));
    if (is_malformed) {
        json_write_string(w, SLICE("MALFORMED_FUNCTION_CALL"));
        json_member_string(w, SLICE("finishMessage"), SLICE("the arguments of a function call are no JSON object"));
        return;
    }
    json_write_string(w, is_native ? finish->native : reason_word(finish->reason));
    if (finish->detail.len) {
        json_key(w, SLICE("finishMessage"));
        json_write_escaped(w, finish->detail);
    }
}

static void write_usage_members(struct json_writer *w, const struct usage *usage)
{
    int64_t reasoning = usage->reasoning > 0 ? usage->reasoning : 0;
    int64_t input = usage->input > 0 ? usage->input : 0;
    int64_t output = usage->output > 0 ? usage->output : 0;
    json_member_int(w, SLICE("promptTokenCount"), input);
    if (usage->cache_read > 0) {
        json_member_int(w, SLICE("cachedContentTokenCount"), usage->cache_read);
    }
    json_member_int(w, SLICE("candidatesTokenCount"), output > reasoning ? output - reasoning : 0);
    if (reasoning > 0) {
        json_member_int(w, SLICE("thoughtsTokenCount"), reasoning);
    }
    json_member_int(w, SLICE("totalTokenCount"), input + output);
}

void gemini_write_usage(struct json_writer *w, const struct usage *usage)
{
    json_key(w, SLICE("usageMetadata"));
    json_begin_object(w);
    if (usage->input >= 0 || usage->output >= 0) {
        write_usage_members(w, usage);
    }
    json_end_object(w);
}

void gemini_write_head(struct json_writer *w, const struct answer_context *context, const struct answer_head *head)
{
    bool is_native = context->upstream == DIALECT_GEMINI && head->id.len > 0;
    json_member_string(w, SLICE("modelVersion"), context->client_model);
    json_member_string(w, SLICE("responseId"), is_native ? head->id : context->token);
}

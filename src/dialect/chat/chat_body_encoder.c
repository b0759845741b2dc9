// SPDX-License-Identifier: MIT
// Any answer, as one body of Chat Completions; and what bodies and streams have in common.
#include "dialect/chat/chat_internal.h"

// ---- in common

struct slice chat_finish_word(enum finish_reason reason, bool has_refusal)
{
    switch (reason) {
    case FINISH_TOOL_CALLS: return SLICE("tool_calls");
    case FINISH_LENGTH:
    case FINISH_CONTEXT_WINDOW: return SLICE("length");
    case FINISH_CONTENT_FILTER: return SLICE("content_filter");
    case FINISH_REFUSAL: return has_refusal ? SLICE("stop") : SLICE("content_filter");
    case FINISH_UNSET:
    case FINISH_OTHER:
    case FINISH_STOP:
    case FINISH_STOP_SEQUENCE:
    case FINISH_PAUSE:
    case FINISH_COMPACTION:
    case FINISH_CANCELLED:
    case FINISH_TOOL_ERROR: break;
    }
    return SLICE("stop");
}

static int64_t known(int64_t figure)
{
    return figure < 0 ? 0 : figure;
}

// Clients read the details without looking whether they are there.
void chat_write_usage(struct json_writer *w, const struct usage *usage)
{
    json_begin_object(w);
    json_member_int(w, SLICE("prompt_tokens"), known(usage->input));
    json_member_int(w, SLICE("completion_tokens"), known(usage->output));
    json_member_int(w, SLICE("total_tokens"), known(usage->input) + known(usage->output));
    json_key(w, SLICE("prompt_tokens_details"));
    json_begin_object(w);
    json_member_int(w, SLICE("cached_tokens"), known(usage->cache_read));
    json_member_int(w, SLICE("cache_write_tokens"), known(usage->cache_write));
    json_member_int(w, SLICE("audio_tokens"), 0);
    json_end_object(w);
    json_key(w, SLICE("completion_tokens_details"));
    json_begin_object(w);
    json_member_int(w, SLICE("reasoning_tokens"), known(usage->reasoning));
    json_member_int(w, SLICE("audio_tokens"), 0);
    json_member_int(w, SLICE("accepted_prediction_tokens"), 0);
    json_member_int(w, SLICE("rejected_prediction_tokens"), 0);
    json_end_object(w);
    json_end_object(w);
}

void chat_write_annotation(struct json_writer *w, struct slice raw, struct arena *arena)
{
    static const struct slice NAMES[] = {SLICE_INIT("start_index"), SLICE_INIT("end_index"), SLICE_INIT("url"),
                                         SLICE_INIT("title")};
    struct json_doc doc;
    bool is_readable = json_parse(&doc, arena, raw, NULL) == 0;
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("url_citation"));
    json_key(w, SLICE("url_citation"));
    json_begin_object(w);
    for (size_t i = 0; is_readable && i < sizeof(NAMES) / sizeof(*NAMES); i++) {
        const struct json_node *node = json_get(&doc, json_root(&doc), NAMES[i]);
        if (node) {
            json_key(w, NAMES[i]);
            json_write_raw(w, json_raw(&doc, node));
        }
    }
    json_end_object(w);
    json_end_object(w);
}

bool chat_is_answered_image(const struct media *media)
{
    bool has_image = media->form == MEDIA_BASE64 && slice_starts_with(media->mime_type, SLICE("image/"));
    return has_image || (media->form == MEDIA_URL && media->data.len > 0);
}

void chat_write_answered_image(struct json_writer *w, const struct media *media)
{
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("image_url"));
    json_key(w, SLICE("image_url"));
    json_begin_object(w);
    json_key(w, SLICE("url"));
    if (media->form == MEDIA_BASE64) {
        chat_write_data_url(w, media);
    } else {
        json_write_escaped(w, media->data);
    }
    json_end_object(w);
    json_end_object(w);
}

// ---- a body

struct body {
    const struct answer_context *context;
    struct json_writer *w;
    struct buf scratch;
};

static const struct neutral_content *next_of(const struct neutral_content *content, enum block_kind kind)
{
    while (content && content->block->kind != kind) {
        content = content->next;
    }
    return content;
}

// All texts of a kind in one string.
static void write_texts(struct body *body, const struct neutral_content *content, enum block_kind kind)
{
    json_write_raw(body->w, SLICE("\""));
    for (content = next_of(content, kind); content; content = next_of(content->next, kind)) {
        buf_append(body->w->out, content->text);
    }
    buf_append_char(body->w->out, '"');
}

static void write_content(struct body *body, const struct neutral_content *content)
{
    bool has_text = next_of(content, BLOCK_TEXT);
    json_key(body->w, SLICE("content"));
    if (has_text || (!next_of(content, BLOCK_CALL) && !next_of(content, BLOCK_REFUSAL))) {
        write_texts(body, content, BLOCK_TEXT);
    } else {
        json_write_null(body->w);
    }
    json_key(body->w, SLICE("refusal"));
    if (next_of(content, BLOCK_REFUSAL)) {
        write_texts(body, content, BLOCK_REFUSAL);
    } else {
        json_write_null(body->w);
    }
}

static void write_reasoning_text(struct body *body, const struct neutral_content *content)
{
    bool has_begun = false;
    for (content = next_of(content, BLOCK_REASONING); content; content = next_of(content->next, BLOCK_REASONING)) {
        for (size_t i = 0; i < content->n_parts; i++) {
            if (!has_begun) {
                json_key(body->w, SLICE("reasoning_content"));
                json_write_raw(body->w, SLICE("\""));
            }
            buf_append(body->w->out, has_begun ? SLICE("\\n\\n") : SLICE_EMPTY);
            buf_append(body->w->out, content->parts[i]);
            has_begun = true;
        }
    }
    if (has_begun) {
        buf_append_char(body->w->out, '"');
    }
}

static void write_details(struct body *body, const struct neutral_content *content)
{
    uint32_t n = 0;
    for (; content; content = content->next) {
        if (content->block->kind == BLOCK_CALL || !chat_is_telling(&content->opaque)) {
            continue;
        }
        if (n == 0) {
            json_key(body->w, SLICE("reasoning_details"));
            json_begin_array(body->w);
        }
        chat_write_wrapped_detail(body->w, &content->opaque, n++, &body->scratch);
    }
    if (n) {
        json_end_array(body->w);
    }
}

static void write_call(struct body *body, const struct neutral_content *content)
{
    const struct neutral_block *block = content->block;
    bool is_custom = block->tool_kind == TOOL_CUSTOM;
    struct slice kind = is_custom ? SLICE("custom") : SLICE("function");
    json_begin_object(body->w);
    json_member_string(body->w, SLICE("id"), block->call_id);
    json_member_string(body->w, SLICE("type"), kind);
    json_key(body->w, kind);
    json_begin_object(body->w);
    json_member_string(body->w, SLICE("name"), block->name);
    json_key(body->w, is_custom ? SLICE("input") : SLICE("arguments"));
    json_write_escaped(body->w, content->text.len || is_custom ? content->text : SLICE("{}"));
    json_end_object(body->w);
    if (chat_is_telling(&content->opaque)) {
        chat_write_wrapped_signature(body->w, &content->opaque, &body->scratch);
    }
    json_end_object(body->w);
}

static void write_calls(struct body *body, const struct neutral_content *content)
{
    content = next_of(content, BLOCK_CALL);
    if (!content) {
        return;
    }
    json_key(body->w, SLICE("tool_calls"));
    json_begin_array(body->w);
    for (; content; content = next_of(content->next, BLOCK_CALL)) {
        write_call(body, content);
    }
    json_end_array(body->w);
}

static void write_annotations(struct body *body, const struct neutral_content *content)
{
    json_key(body->w, SLICE("annotations"));
    json_begin_array(body->w);
    for (; content; content = content->next) {
        for (size_t i = 0; i < content->n_citations; i++) {
            chat_write_annotation(body->w, content->citations[i], body->context->arena);
        }
    }
    json_end_array(body->w);
}

// What no client of this dialect can read is left out, and said so.
static void write_images(struct body *body, const struct neutral_content *content)
{
    bool has_begun = false;
    for (; content; content = content->next) {
        enum block_kind kind = content->block->kind;
        bool is_image = kind == BLOCK_MEDIA && chat_is_answered_image(&content->block->media);
        if ((kind == BLOCK_MEDIA || kind == BLOCK_NATIVE) && !is_image && body->context->loss) {
            loss_warn_path(body->context->loss, LOSS_DROPPED,
                           kind == BLOCK_MEDIA ? SLICE("message.images") : SLICE("message.content"));
        }
        if (is_image && !has_begun) {
            json_key(body->w, SLICE("images"));
            json_begin_array(body->w);
            has_begun = true;
        }
        if (is_image) {
            chat_write_answered_image(body->w, &content->block->media);
        }
    }
    if (has_begun) {
        json_end_array(body->w);
    }
}

static void write_logprobs(struct body *body, const struct neutral_content *content)
{
    bool has_begun = false;
    json_key(body->w, SLICE("logprobs"));
    for (; content; content = content->next) {
        if (!content->logprobs.len) {
            continue;
        }
        if (!has_begun) {
            json_begin_object(body->w);
            json_key(body->w, SLICE("content"));
            json_begin_array(body->w);
            has_begun = true;
        }
        json_write_raw(body->w, content->logprobs); // elements with their commas
    }
    if (!has_begun) {
        json_write_null(body->w);
        return;
    }
    json_end_array(body->w);
    json_key(body->w, SLICE("refusal"));
    json_write_null(body->w);
    json_end_object(body->w);
}

static void write_message(struct body *body, const struct neutral_content *content)
{
    json_begin_object(body->w);
    json_member_string(body->w, SLICE("role"), SLICE("assistant"));
    write_content(body, content);
    if (body->context->shows_reasoning) {
        write_reasoning_text(body, content);
        write_details(body, content);
    }
    write_calls(body, content);
    write_annotations(body, content);
    write_images(body, content);
    json_end_object(body->w);
}

// Reasons that clients of this dialect would go on from, if they could read them.
static void warn_of_reason(struct body *body, enum finish_reason reason)
{
    bool is_lost = reason == FINISH_PAUSE || reason == FINISH_COMPACTION || reason == FINISH_TOOL_ERROR;
    if (is_lost && body->context->loss) {
        loss_warn_path(body->context->loss, LOSS_CHANGED, SLICE("finish_reason"));
    }
}

static void write_choice(struct body *body, const struct neutral_candidate *candidate, size_t index)
{
    bool has_refusal = next_of(candidate->content, BLOCK_REFUSAL);
    json_begin_object(body->w);
    json_member_int(body->w, SLICE("index"), (int64_t)index);
    json_key(body->w, SLICE("message"));
    write_message(body, candidate->content);
    write_logprobs(body, candidate->content);
    warn_of_reason(body, candidate->finish.reason);
    json_member_string(body->w, SLICE("finish_reason"), chat_finish_word(candidate->finish.reason, has_refusal));
    json_end_object(body->w);
}

static void write_head(struct body *body, const struct answer_head *head)
{
    const struct answer_context *context = body->context;
    bool is_openai = context->upstream == DIALECT_CHAT || context->upstream == DIALECT_RESPONSES;
    json_key(body->w, SLICE("id"));
    json_write_raw(body->w, SLICE("\"chatcmpl-"));
    buf_append(body->w->out, context->token);
    buf_append_char(body->w->out, '"');
    json_member_string(body->w, SLICE("object"), SLICE("chat.completion"));
    json_member_int(body->w, SLICE("created"), head->created_s ? head->created_s : context->now_s);
    json_member_string(body->w, SLICE("model"), context->client_model);
    if (head->service_tier.len && is_openai) {
        json_member_string(body->w, SLICE("service_tier"), head->service_tier);
    }
}

void chat_write_body(const struct answer_context *context, const struct neutral_response *response, struct buf *out)
{
    struct json_writer w;
    struct body body = {context, &w, BUF_EMPTY};
    const struct usage *usage = &response->usage;
    json_writer_init(&w, out);
    json_begin_object(&w);
    write_head(&body, &response->head);
    json_key(&w, SLICE("choices"));
    json_begin_array(&w);
    for (size_t i = 0; i < response->n_candidates; i++) {
        write_choice(&body, &response->candidates[i], i);
    }
    json_end_array(&w);
    if (usage->input >= 0 || usage->output >= 0) {
        json_key(&w, SLICE("usage"));
        chat_write_usage(&w, usage);
    }
    json_end_object(&w);
    buf_deinit(&body.scratch);
}

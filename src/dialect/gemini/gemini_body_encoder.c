// SPDX-License-Identifier: MIT
// A whole answer, as one of Gemini.
#include "dialect/gemini/gemini_answer_parts.h"
#include "dialect/gemini/gemini_logprobs.h"
#include "dialect/gemini/gemini_media.h"

struct body {
    struct json_writer *w;
    const struct answer_context *context;
    struct slice signature; // waits for the next call or text
    size_t n_parts;
    bool lost_call;
};

static void write_text(struct body *b, struct slice escaped, bool is_thought, struct slice signature)
{
    gemini_write_text_part(b->w, escaped, is_thought, signature);
    b->n_parts++;
}

static struct slice take_signature(struct body *b)
{
    struct slice signature = b->signature;
    b->signature = SLICE_EMPTY;
    return signature;
}

// Two cannot be on one part.
static void set_signature(struct body *b, struct slice signature)
{
    if (b->signature.len && signature.len) {
        write_text(b, SLICE(""), false, take_signature(b));
    }
    b->signature = signature.len ? signature : b->signature;
}

// A client hands thoughts back as one text: what keeps its parts apart must be in it.
static struct slice thought_part(const struct body *b, const struct neutral_content *content, size_t i)
{
    const struct slice pieces[] = {SLICE("\\n\\n"), content->parts[i]};
    return i > 0 ? arena_concat(b->context->arena, pieces, 2) : content->parts[0];
}

static void write_reasoning(struct body *b, const struct neutral_content *content)
{
    bool is_own = content->opaque.kind == OPAQUE_GEMINI_THOUGHT;
    struct slice signature = gemini_signature_of(b->context->arena, &content->opaque);
    for (size_t i = 0; i < content->n_parts; i++) {
        bool is_last = i + 1 == content->n_parts;
        write_text(b, thought_part(b, content, i), true, is_own && is_last ? signature : SLICE_EMPTY);
    }
    if (!is_own) {
        set_signature(b, signature);
    } else if (content->n_parts == 0) {
        write_text(b, SLICE(""), true, signature);
    }
}

static void write_answer(struct body *b, const struct neutral_content *content)
{
    set_signature(b, gemini_signature_of(b->context->arena, &content->opaque));
    if (content->text.len || b->signature.len) {
        write_text(b, content->text, false, take_signature(b));
    }
}

static void write_call(struct body *b, const struct neutral_content *content)
{
    if (content->is_partial) {
        return;
    }
    set_signature(b, gemini_signature_of(b->context->arena, &content->opaque));
    if (gemini_write_call_part(b->w, content->block, content->text, b->signature)) {
        take_signature(b);
        b->n_parts++;
    } else {
        b->lost_call = true;
    }
}

static void write_media(struct body *b, const struct media *media)
{
    if (media->form == MEDIA_BASE64 || media->form == MEDIA_URL) {
        json_begin_object(b->w);
        gemini_write_media(b->w, media, gemini_media_kind(media));
        json_end_object(b->w);
        b->n_parts++;
    }
}

static void write_content(struct body *b, const struct neutral_content *content)
{
    switch (content->block->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL: write_answer(b, content); break;
    case BLOCK_REASONING: write_reasoning(b, content); break;
    case BLOCK_CALL: write_call(b, content); break;
    case BLOCK_MEDIA: write_media(b, &content->block->media); break;
    case BLOCK_NATIVE:
        if (b->context->upstream == DIALECT_GEMINI) {
            json_write_raw(b->w, content->block->raw);
            b->n_parts++;
        }
        break;
    }
}

// Google's own client drops a turn of the model that has no part.
static void write_parts(struct body *b, const struct neutral_candidate *candidate)
{
    json_key(b->w, SLICE("parts"));
    json_begin_array(b->w);
    for (const struct neutral_content *content = candidate->content; content; content = content->next) {
        write_content(b, content);
    }
    if (b->signature.len || b->n_parts == 0) {
        write_text(b, SLICE(""), false, take_signature(b));
    }
    json_end_array(b->w);
}

static void write_logprobs(struct body *b, const struct neutral_candidate *candidate)
{
    for (const struct neutral_content *content = candidate->content; content; content = content->next) {
        if (content->logprobs.len) {
            struct slice parts[] = {SLICE("["), content->logprobs, SLICE("]")};
            struct slice array = arena_concat(b->context->arena, parts, 3);
            json_key(b->w, SLICE("logprobsResult"));
            gemini_logprobs_write(b->w, array, b->context->arena);
            return;
        }
    }
}

static void write_candidate(struct json_writer *w, const struct answer_context *context,
                            const struct neutral_candidate *candidate, size_t index)
{
    struct body b = {.w = w, .context = context};
    json_begin_object(w);
    json_key(w, SLICE("content"));
    json_begin_object(w);
    write_parts(&b, candidate);
    json_member_string(w, SLICE("role"), SLICE("model"));
    json_end_object(w);
    gemini_write_finish(w, context, &candidate->finish, b.lost_call);
    json_member_int(w, SLICE("index"), (int64_t)index);
    write_logprobs(&b, candidate);
    json_end_object(w);
}

void gemini_write_body(const struct answer_context *context, const struct neutral_response *response, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, SLICE("candidates"));
    json_begin_array(&w);
    for (size_t i = 0; i < response->n_candidates; i++) {
        write_candidate(&w, context, &response->candidates[i], i);
    }
    json_end_array(&w);
    gemini_write_usage(&w, &response->usage);
    gemini_write_head(&w, context, &response->head);
    json_end_object(&w);
}

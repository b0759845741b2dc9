// SPDX-License-Identifier: MIT
#include "dialect/weeding.h"

#include "dialect/escaped_text.h"

struct weeding {
    struct arena *arena;
    const struct neutral_request *req;
    const struct target *target;
    struct loss *loss;
};

// Claude Code begins its instructions with a block whose value changes with each request: it would spoil the caches of
// other providers, and one of them refuses it.
#define BILLING_BLOCK "x-anthropic-billing-header:"

static bool is_empty_text(const struct weeding *weeding, const struct neutral_part *part)
{
    enum dialect target = weeding->target->dialect;
    if (target == DIALECT_GEMINI && part->kind == PART_TEXT && part->opaque.kind != OPAQUE_NONE &&
        opaque_issuer(part->opaque.kind) == ISSUER_GOOGLE) {
        return false; // Gemini signs empty texts too, and wants them back
    }
    return target == DIALECT_ANTHROPIC ? escaped_text_is_blank(part->text) : part->text.len == 0;
}

// A document of text with no text in it, nor pictures.
static bool is_empty_document(const struct neutral_part *part)
{
    bool is_text = part->media.form == MEDIA_TEXT || part->media.form == MEDIA_PARTS;
    for (const struct neutral_part *inner = is_text ? part->media.parts : NULL; inner; inner = inner->next) {
        if (inner->kind == PART_IMAGE) {
            return false;
        }
    }
    return is_text && part->media.data.len == 0;
}

// ---- reasoning

static bool is_readable(enum dialect target, const struct reasoning *reasoning)
{
    if (target == DIALECT_CHAT) {
        return true;
    }
    if (reasoning->opaque.kind == OPAQUE_NONE) {
        return false;
    }
    switch (opaque_issuer(reasoning->opaque.kind)) {
    case ISSUER_ANTHROPIC: return target == DIALECT_ANTHROPIC;
    case ISSUER_OPENAI: return target == DIALECT_RESPONSES;
    case ISSUER_GOOGLE: return target == DIALECT_GEMINI;
    case ISSUER_VENDOR: return false;
    }
    return false;
}

// Was it issued by whom the client usually talks to? It could not expect that anyone else reads it.
static bool is_of_origin(enum dialect origin, const struct reasoning *reasoning)
{
    static const enum opaque_issuer ISSUERS[] = {
        [DIALECT_ANTHROPIC] = ISSUER_ANTHROPIC,
        [DIALECT_CHAT] = ISSUER_VENDOR,
        [DIALECT_RESPONSES] = ISSUER_OPENAI,
        [DIALECT_GEMINI] = ISSUER_GOOGLE,
    };
    return reasoning->opaque.kind == OPAQUE_NONE || opaque_issuer(reasoning->opaque.kind) == ISSUERS[origin];
}

// Thoughts are sent as they were, so of them only empty texts go.
static void weed_thoughts(struct neutral_part **link)
{
    while (*link) {
        if ((*link)->kind == PART_TEXT && (*link)->text.len == 0) {
            *link = (*link)->next;
        } else {
            link = &(*link)->next;
        }
    }
}

static bool keeps_reasoning(const struct weeding *weeding, struct neutral_part *part)
{
    struct reasoning *reasoning = &part->reasoning;
    if (!is_readable(weeding->target->dialect, reasoning)) {
        if (!is_of_origin(weeding->req->origin, reasoning)) {
            loss_warn(weeding->loss, LOSS_DROPPED, part->at);
        }
        return false;
    }
    weed_thoughts(&reasoning->parts);
    return reasoning->parts || reasoning->opaque.kind != OPAQUE_NONE;
}

// ---- parts

static void weed_list(const struct weeding *weeding, struct neutral_part **parts);

static bool keeps_part(const struct weeding *weeding, struct neutral_part *part)
{
    switch (part->kind) {
    case PART_TEXT: return !is_empty_text(weeding, part);
    case PART_REFUSAL: return part->text.len > 0;
    case PART_REASONING: return keeps_reasoning(weeding, part);
    case PART_RESULT: weed_list(weeding, &part->result.parts); return true; // that has no results in it
    case PART_DOCUMENT: return !is_empty_document(part);
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_VIDEO:
    case PART_CALL:
    case PART_NATIVE: return true;
    }
    return true;
}

// Blocks that only another dialect knows. What a person would have read of them stays where nothing else does.
static void weed_natives(const struct weeding *weeding, struct neutral_part **link, bool has_content)
{
    while (*link) {
        struct neutral_part *part = *link;
        bool is_shown = !has_content && part->rendering.len > 0;
        if (part->kind != PART_NATIVE) {
            link = &part->next;
        } else if (is_shown) {
            loss_warn(weeding->loss, LOSS_CHANGED, part->at);
            *link = neutral_text_new(weeding->arena, part->rendering, part->at);
            (*link)->next = part->next;
            link = &(*link)->next;
        } else {
            loss_warn(weeding->loss, LOSS_DROPPED, part->at);
            *link = part->next;
        }
    }
}

static void weed_list(const struct weeding *weeding, struct neutral_part **parts)
{
    bool has_content = false;
    bool has_natives = false;
    for (struct neutral_part **link = parts; *link;) {
        if (!keeps_part(weeding, *link)) {
            *link = (*link)->next;
            continue;
        }
        has_natives |= (*link)->kind == PART_NATIVE;
        has_content |= (*link)->kind != PART_NATIVE && (*link)->kind != PART_REASONING;
        link = &(*link)->next;
    }
    if (has_natives && weeding->req->origin != weeding->target->dialect) {
        weed_natives(weeding, parts, has_content);
    }
}

static void weed_billing(struct neutral_part **link)
{
    while (*link) {
        if ((*link)->kind == PART_TEXT && slice_starts_with((*link)->text, SLICE(BILLING_BLOCK))) {
            *link = (*link)->next;
        } else {
            link = &(*link)->next;
        }
    }
}

static void drop_empty(struct neutral_turn **link)
{
    while (*link) {
        if ((*link)->parts) {
            link = &(*link)->next;
        } else {
            *link = (*link)->next;
        }
    }
}

void weed_parts(struct arena *arena, struct neutral_request *req, const struct target *target, struct loss *loss)
{
    struct weeding weeding = {arena, req, target, loss};
    for (struct neutral_turn *turn = req->instructions; turn; turn = turn->next) {
        if (target->dialect != DIALECT_ANTHROPIC) {
            weed_billing(&turn->parts);
        }
        weed_list(&weeding, &turn->parts);
    }
    drop_empty(&req->instructions);
    for (struct neutral_turn *turn = req->turns; turn; turn = turn->next) {
        weed_list(&weeding, &turn->parts);
    }
}

// ---- turns

bool weed_turns(struct neutral_request *req, struct loss *loss)
{
    const struct neutral_turn *before = NULL; // the last one that stays
    const struct neutral_turn *last = NULL;
    for (const struct neutral_turn *turn = req->turns; turn; turn = turn->next) {
        before = turn->parts ? turn : before;
        last = turn;
    }
    bool is_answered = last && !last->parts && last->role == TURN_USER && before && before->role == TURN_ASSISTANT;
    if (is_answered && loss_refuse(loss, last->at, "the upstream of this model takes no empty message")) {
        return false;
    }
    drop_empty(&req->turns);
    return true;
}

static bool merely_reasons(const struct neutral_turn *turn)
{
    for (const struct neutral_part *part = turn->parts; part; part = part->next) {
        if (part->kind != PART_REASONING) {
            return false;
        }
    }
    return turn->role == TURN_ASSISTANT;
}

void weed_mere_reasoning(struct neutral_request *req)
{
    for (struct neutral_turn **link = &req->turns; *link;) {
        if (merely_reasons(*link)) {
            *link = (*link)->next;
        } else {
            link = &(*link)->next;
        }
    }
}

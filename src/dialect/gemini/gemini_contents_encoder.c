// SPDX-License-Identifier: MIT
// The conversation of a request. Contents of one role that follow one another are one; each is opened with its first
// part, because one without parts is refused.
#include "dialect/gemini/gemini.h"
#include "dialect/gemini/gemini_media.h"
#include "dialect/gemini/gemini_names.h"
#include "dialect/gemini/gemini_request_encoder.h"
#include "dialect/tool_arguments.h"

enum content_role { ROLE_NONE, ROLE_USER, ROLE_MODEL };

struct conversation {
    const struct gemini_writing *g;
    struct json_writer *w;
    const struct neutral_request *req;
    enum content_role role;          // of the content that is open
    const struct neutral_turn *loop; // the first turn behind the user's last own one
    bool is_in_loop;                 // of calls and results, at the end of the conversation
    // Of the model's turn:
    struct neutral_opaque call_signature; // came apart from its call, and waits for it
    bool has_call;
};

// ---- parts

static void close_content(struct conversation *c)
{
    if (c->role != ROLE_NONE) {
        json_end_array(c->w);
        json_end_object(c->w);
        c->role = ROLE_NONE;
    }
}

static void open_content(struct conversation *c, enum content_role role)
{
    if (c->role == role) {
        return;
    }
    close_content(c);
    c->role = role;
    json_begin_object(c->w);
    json_member_string(c->w, SLICE("role"), role == ROLE_USER ? SLICE("user") : SLICE("model"));
    json_key(c->w, SLICE("parts"));
    json_begin_array(c->w);
}

static void begin_part(struct conversation *c, enum content_role role)
{
    open_content(c, role);
    json_begin_object(c->w);
}

static void write_text_member(struct conversation *c, struct slice escaped)
{
    json_key(c->w, SLICE("text"));
    json_write_escaped(c->w, escaped);
}

static void write_text(struct conversation *c, enum content_role role, struct slice escaped)
{
    begin_part(c, role);
    write_text_member(c, escaped);
    json_end_object(c->w);
}

static struct loss *loss_of(const struct conversation *c)
{
    return c->g->encoding->loss;
}

static bool is_native(const struct conversation *c)
{
    return c->req->origin == DIALECT_GEMINI;
}

// The value of a member of the part that the client sent, which a Gemini client gets back as it was.
static const struct json_node *own_member(const struct conversation *c, const struct neutral_part *part,
                                          struct slice kind, struct slice member)
{
    const struct json_node *value = is_native(c) ? gemini_member(c->req->doc, part->at, kind) : NULL;
    return gemini_member(c->req->doc, value, member);
}

// ---- media

// A document of text: its title, which there is no member for, goes before it.
static struct slice document_text(struct arena *arena, const struct media *media)
{
    struct slice parts[] = {media->name, media->name.len ? SLICE("\\n\\n") : SLICE(""), media->data};
    return arena_concat(arena, parts, 3);
}

static void write_text_document(struct conversation *c, enum content_role role, const struct media *media)
{
    struct slice text = document_text(c->g->encoding->arena, media);
    if (text.len) {
        write_text(c, role, text);
    }
}

static bool is_text_document(const struct media *media)
{
    return media->form == MEDIA_TEXT || media->form == MEDIA_PARTS;
}

// False: it cannot be sent, and has been refused or left out.
static bool takes_media(struct conversation *c, const struct neutral_part *part)
{
    if (part->media.form == MEDIA_FILE_ID && !is_native(c)) {
        loss_refuse_always(loss_of(c), part->at, "a file id of one provider means nothing to another");
        return false;
    }
    if (part->media.form == MEDIA_URL && !is_native(c) && !gemini_profile(c->g)->takes_urls) {
        loss_refuse(loss_of(c), part->at, "this model takes no URLs; send the data itself");
        return false;
    }
    return true;
}

static void write_resolution(struct conversation *c, const struct media *media)
{
    bool is_low = slice_eq(media->detail, SLICE("low"));
    if (gemini_profile(c->g)->takes_media_results && (is_low || slice_eq(media->detail, SLICE("high")))) {
        json_key(c->w, SLICE("mediaResolution"));
        json_begin_object(c->w);
        json_member_string(c->w, SLICE("level"),
                           is_low ? SLICE("MEDIA_RESOLUTION_LOW") : SLICE("MEDIA_RESOLUTION_HIGH"));
        json_end_object(c->w);
    }
}

static void write_binary(struct conversation *c, enum content_role role, const struct neutral_part *part)
{
    if (takes_media(c, part)) {
        begin_part(c, role);
        gemini_write_media(c->w, &part->media, part->kind);
        if (part->kind == PART_IMAGE) {
            write_resolution(c, &part->media);
        }
        json_end_object(c->w);
    }
}

static void warn_of_document(struct conversation *c, const struct neutral_part *part)
{
    if (part->media.wants_citations || part->media.context.len) {
        loss_warn(loss_of(c), LOSS_DROPPED, part->at);
    }
}

// The pictures of a document follow its text.
static void write_media(struct conversation *c, enum content_role role, const struct neutral_part *part)
{
    const struct media *media = &part->media;
    warn_of_document(c, part);
    if (!is_text_document(media)) {
        write_binary(c, role, part);
        return;
    }
    write_text_document(c, role, media);
    const struct neutral_part *inner = media->form == MEDIA_PARTS ? media->parts : NULL;
    for (; inner; inner = inner->next) {
        if (inner->kind == PART_IMAGE) {
            write_binary(c, role, inner);
        }
    }
}

static bool is_media(const struct neutral_part *part)
{
    switch (part->kind) {
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_VIDEO:
    case PART_DOCUMENT: return true;
    case PART_TEXT:
    case PART_CALL:
    case PART_RESULT:
    case PART_REASONING:
    case PART_REFUSAL:
    case PART_NATIVE: break;
    }
    return false;
}

static bool is_binary(const struct neutral_part *part)
{
    return is_media(part) && !is_text_document(&part->media);
}

// ---- results

// Google looks at names, but ids are kept where both sides know them.
static bool sends_id(const struct conversation *c, const struct neutral_part *part, struct slice kind)
{
    return is_native(c) ? own_member(c, part, kind, SLICE("id")) != NULL : gemini_profile(c->g)->needs_signatures;
}

static struct slice name_of(const struct conversation *c, struct slice name_space, struct slice name)
{
    return tool_history_name(c->g->encoding->arena, c->req, DIALECT_GEMINI, name_space, name);
}

static struct slice text_of(struct arena *arena, const struct neutral_part *part)
{
    if (is_media(part) && is_text_document(&part->media)) {
        return document_text(arena, &part->media);
    }
    if (part->kind == PART_NATIVE) {
        return part->rendering;
    }
    return part->kind == PART_TEXT || part->kind == PART_REFUSAL ? part->text : SLICE_EMPTY;
}

// All texts of a result, each on lines of its own.
static struct slice join_texts(struct arena *arena, const struct neutral_part *parts)
{
    struct slice joined = SLICE("");
    struct buf all = BUF_EMPTY;
    size_t n_texts = 0;
    for (const struct neutral_part *part = parts; part; part = part->next) {
        struct slice text = text_of(arena, part);
        if (text.len == 0) {
            continue;
        }
        if (n_texts++ == 0) {
            joined = text;
            continue;
        }
        if (n_texts == 2) {
            buf_append(&all, joined);
        }
        buf_append(&all, SLICE("\\n"));
        buf_append(&all, text);
    }
    if (n_texts > 1) {
        joined = arena_dup(arena, buf_slice(&all));
    }
    buf_deinit(&all);
    return joined;
}

static void write_response(struct conversation *c, const struct neutral_part *part)
{
    const struct result *result = &part->result;
    const struct json_node *own = own_member(c, part, SLICE("functionResponse"), SLICE("response"));
    json_key(c->w, SLICE("response"));
    if (own || result->raw) {
        json_write_raw(c->w, json_raw(c->req->doc, own ? own : result->raw));
        return;
    }
    json_begin_object(c->w);
    json_key(c->w, result->is_error ? SLICE("error") : SLICE("output"));
    json_write_escaped(c->w, join_texts(c->g->encoding->arena, result->parts));
    json_end_object(c->w);
}

// What of a part is no text: itself, or the first picture in it; NULL: nothing.
static const struct neutral_part *first_binary(const struct neutral_part *part)
{
    const struct neutral_part *inner = NULL;
    if (is_binary(part)) {
        return part;
    }
    if (part->kind == PART_DOCUMENT && part->media.form == MEDIA_PARTS) {
        inner = part->media.parts;
    }
    while (inner && inner->kind != PART_IMAGE) {
        inner = inner->next;
    }
    return inner;
}

// The next picture of the same document.
static const struct neutral_part *next_binary(const struct neutral_part *part, const struct neutral_part *binary)
{
    do {
        binary = binary == part ? NULL : binary->next;
    } while (binary && binary->kind != PART_IMAGE);
    return binary;
}

static bool has_binary(const struct neutral_part *parts)
{
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (first_binary(part)) {
            return true;
        }
    }
    return false;
}

// Within the response; only newer models look there.
static void write_result_media(struct conversation *c, const struct neutral_part *parts)
{
    json_key(c->w, SLICE("parts"));
    json_begin_array(c->w);
    for (const struct neutral_part *part = parts; part; part = part->next) {
        const struct neutral_part *binary = first_binary(part);
        for (; binary; binary = next_binary(part, binary)) {
            if (takes_media(c, binary)) {
                json_begin_object(c->w);
                gemini_write_media(c->w, &binary->media, binary->kind);
                json_end_object(c->w);
            }
        }
    }
    json_end_array(c->w);
}

static bool keeps_media_in_results(const struct conversation *c)
{
    return is_native(c) || gemini_profile(c->g)->takes_media_results;
}

static void write_result(struct conversation *c, const struct neutral_part *part)
{
    const struct result *result = &part->result;
    begin_part(c, ROLE_USER);
    json_key(c->w, SLICE("functionResponse"));
    json_begin_object(c->w);
    if (sends_id(c, part, SLICE("functionResponse"))) {
        json_member_string(c->w, SLICE("id"), result->call_id);
    }
    json_member_string(c->w, SLICE("name"), name_of(c, result->name_space, result->name));
    for (const struct neutral_part *each = result->parts; each; each = each->next) {
        if (each->kind == PART_DOCUMENT) {
            warn_of_document(c, each);
        }
    }
    write_response(c, part);
    if (keeps_media_in_results(c) && has_binary(result->parts)) {
        write_result_media(c, result->parts);
    }
    json_end_object(c->w);
    json_end_object(c->w);
}

// Beside the responses, and behind all of them, for models that do not look into them for media.
static void write_media_of_results(struct conversation *c, const struct neutral_turn *turn)
{
    for (const struct neutral_part *part = turn->parts; part; part = part->next) {
        const struct neutral_part *media = part->kind == PART_RESULT ? part->result.parts : NULL;
        for (; media; media = media->next) {
            const struct neutral_part *binary = first_binary(media);
            for (; binary; binary = next_binary(media, binary)) {
                write_media(c, ROLE_USER, binary);
            }
        }
    }
}

// ---- the user's turn

static void write_native(struct conversation *c, enum content_role role, const struct neutral_part *part)
{
    open_content(c, role);
    json_write_raw(c->w, json_raw(c->req->doc, part->at));
}

static void write_user_part(struct conversation *c, const struct neutral_part *part)
{
    if (is_media(part)) {
        write_media(c, ROLE_USER, part);
    } else if (part->kind == PART_TEXT) {
        write_text(c, ROLE_USER, part->text);
    } else if (part->kind == PART_NATIVE) {
        write_native(c, ROLE_USER, part);
    } else {
        loss_warn(loss_of(c), LOSS_DROPPED, part->at);
    }
}

static void write_user_turn(struct conversation *c, const struct neutral_turn *turn)
{
    for (const struct neutral_part *part = turn->parts; part; part = part->next) {
        if (part->kind == PART_RESULT) {
            write_result(c, part);
        }
    }
    if (!keeps_media_in_results(c)) {
        write_media_of_results(c, turn);
    }
    for (const struct neutral_part *part = turn->parts; part; part = part->next) {
        if (part->kind != PART_RESULT) {
            write_user_part(c, part);
        }
    }
}

// ---- the model's turn

static void write_signature(struct conversation *c, const struct neutral_opaque *opaque)
{
    if (opaque->kind != OPAQUE_NONE && opaque_issuer(opaque->kind) == ISSUER_GOOGLE) {
        json_member_string(c->w, SLICE("thoughtSignature"), opaque->data);
    }
}

static struct neutral_opaque take_signature(struct neutral_opaque *waiting)
{
    struct neutral_opaque taken = *waiting;
    *waiting = (struct neutral_opaque){.kind = OPAQUE_NONE};
    return taken;
}

static void write_signed_text(struct conversation *c, struct slice text, const struct neutral_opaque *own)
{
    begin_part(c, ROLE_MODEL);
    write_text_member(c, text);
    write_signature(c, own);
    json_end_object(c->w);
}

// The first of parallel calls is signed, and newer models refuse one that is not, as long as its answer is under way.
static struct neutral_opaque signature_of_call(struct conversation *c, const struct call *call)
{
    struct neutral_opaque opaque = call->opaque.kind != OPAQUE_NONE ? call->opaque : take_signature(&c->call_signature);
    bool is_google = opaque.kind != OPAQUE_NONE && opaque_issuer(opaque.kind) == ISSUER_GOOGLE;
    if (!is_google && !c->has_call && c->is_in_loop && gemini_profile(c->g)->needs_signatures) {
        opaque = (struct neutral_opaque){.kind = OPAQUE_GEMINI_CALL, .data = SLICE(GEMINI_SKIP_SIGNATURE)};
    }
    return opaque;
}

static void write_call(struct conversation *c, const struct neutral_part *part)
{
    const struct call *call = &part->call;
    struct neutral_opaque opaque = signature_of_call(c, call);
    begin_part(c, ROLE_MODEL);
    json_key(c->w, SLICE("functionCall"));
    json_begin_object(c->w);
    if (sends_id(c, part, SLICE("functionCall"))) {
        json_member_string(c->w, SLICE("id"), call->id);
    }
    json_member_string(c->w, SLICE("name"), name_of(c, call->name_space, call->name));
    json_key(c->w, SLICE("args"));
    if (!arguments_write_object(c->w, call, c->g->encoding->arena)) {
        loss_warn(loss_of(c), LOSS_CHANGED, part->at);
    }
    json_end_object(c->w);
    write_signature(c, &opaque);
    json_end_object(c->w);
    c->has_call = true;
}

static void write_thought(struct conversation *c, const struct neutral_part *part, const struct neutral_opaque *opaque)
{
    begin_part(c, ROLE_MODEL);
    write_text_member(c, join_texts(c->g->encoding->arena, part->reasoning.parts));
    json_member_bool(c->w, SLICE("thought"), true);
    if (opaque->kind == OPAQUE_GEMINI_THOUGHT) {
        write_signature(c, opaque);
    }
    json_end_object(c->w);
}

// The signature of a call may have come as a thought of its own that does not stand right before it.
static void write_reasoning(struct conversation *c, const struct neutral_part *part)
{
    const struct neutral_opaque *opaque = &part->reasoning.opaque;
    if (part->reasoning.parts || opaque->kind == OPAQUE_GEMINI_THOUGHT) {
        write_thought(c, part, opaque);
    }
    if (opaque->kind == OPAQUE_GEMINI_CALL) {
        c->call_signature = *opaque;
    }
}

static void write_model_part(struct conversation *c, const struct neutral_part *part)
{
    static const struct neutral_opaque NOTHING = {.kind = OPAQUE_NONE};
    switch (part->kind) {
    case PART_TEXT: write_signed_text(c, part->text, &part->opaque); break;
    case PART_REFUSAL: write_signed_text(c, part->text, &NOTHING); break;
    case PART_CALL: write_call(c, part); break;
    case PART_REASONING: write_reasoning(c, part); break;
    case PART_NATIVE: write_native(c, ROLE_MODEL, part); break;
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_VIDEO:
    case PART_DOCUMENT: write_media(c, ROLE_MODEL, part); break;
    case PART_RESULT: break; // the user's
    }
}

static void write_model_turn(struct conversation *c, const struct neutral_turn *turn)
{
    c->has_call = false;
    take_signature(&c->call_signature);
    for (const struct neutral_part *part = turn->parts; part; part = part->next) {
        write_model_part(c, part);
    }
}

// ---- all turns

static bool has_results(const struct neutral_turn *turn)
{
    for (const struct neutral_part *part = turn->parts; part; part = part->next) {
        if (part->kind == PART_RESULT) {
            return true;
        }
    }
    return false;
}

// The calls that are still under way began behind the last thing that the user said on his own.
static const struct neutral_turn *find_loop(const struct neutral_request *req)
{
    const struct neutral_turn *loop = req->turns;
    for (const struct neutral_turn *turn = req->turns; turn; turn = turn->next) {
        if (turn->role == TURN_USER && !has_results(turn)) {
            loop = turn;
        }
    }
    return loop;
}

static void write_turn(struct conversation *c, const struct neutral_turn *turn)
{
    c->is_in_loop = c->is_in_loop || turn == c->loop;
    switch (turn->role) {
    case TURN_SYSTEM: // there are none
    case TURN_DEVELOPER:
    case TURN_USER: write_user_turn(c, turn); break;
    case TURN_ASSISTANT: write_model_turn(c, turn); break;
    }
}

void gemini_write_contents(const struct gemini_writing *g)
{
    struct conversation c = {.g = g, .w = g->w, .req = g->encoding->req, .loop = find_loop(g->encoding->req)};
    json_key(g->w, SLICE("contents"));
    json_begin_array(g->w);
    size_t start = g->w->out->len;
    for (const struct neutral_turn *turn = c.req->turns; turn; turn = turn->next) {
        write_turn(&c, turn);
    }
    close_content(&c);
    if (g->w->out->len == start) {
        loss_refuse_always(loss_of(&c), NULL,
                           "nothing of what the messages say can be sent to the upstream of this model");
    }
    json_end_array(g->w);
}

// ---- instructions

void gemini_write_system(const struct gemini_writing *g)
{
    if (!g->encoding->req->instructions) {
        return;
    }
    json_key(g->w, SLICE("systemInstruction"));
    json_begin_object(g->w);
    json_key(g->w, SLICE("parts"));
    json_begin_array(g->w);
    for (const struct neutral_turn *turn = g->encoding->req->instructions; turn; turn = turn->next) {
        for (const struct neutral_part *part = turn->parts; part; part = part->next) {
            if (part->kind == PART_TEXT) {
                json_begin_object(g->w);
                json_key(g->w, SLICE("text"));
                json_write_escaped(g->w, part->text);
                json_end_object(g->w);
            }
        }
    }
    json_end_array(g->w);
    json_end_object(g->w);
}

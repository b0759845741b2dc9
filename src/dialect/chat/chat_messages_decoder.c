// SPDX-License-Identifier: MIT
// Messages of a Chat Completions request: each becomes a turn. Leading system and developer messages are the
// instructions; a message of role tool is a user's turn that holds one result.
#include "dialect/chat/chat_internal.h"

enum role { ROLE_SYSTEM, ROLE_DEVELOPER, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL, ROLE_FUNCTION, N_ROLES };

static const struct slice ROLE_WORDS[N_ROLES] = {
    SLICE_INIT("system"),    SLICE_INIT("developer"), SLICE_INIT("user"),
    SLICE_INIT("assistant"), SLICE_INIT("tool"),      SLICE_INIT("function"),
};

static void append_text(struct chat_decoding *d, struct slice text, const struct json_node *at,
                        struct neutral_part ***last)
{
    if (text.len) {
        neutral_append_part(last, neutral_text_new(d->arena, text, at));
    }
}

// ---- media

// Some clients send whatever they have as an image or a file: what it says it is decides.
static enum part_kind kind_of_media(const struct media *media, enum part_kind otherwise)
{
    static const struct {
        struct slice prefix;
        enum part_kind kind;
    } KINDS[] = {
        {SLICE_INIT("image/"), PART_IMAGE},   {SLICE_INIT("audio/"), PART_AUDIO},
        {SLICE_INIT("video/"), PART_VIDEO},   {SLICE_INIT("application/pdf"), PART_DOCUMENT},
        {SLICE_INIT("text/"), PART_DOCUMENT},
    };
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(*KINDS); i++) {
        if (slice_starts_with(media->mime_type, KINDS[i].prefix)) {
            return KINDS[i].kind;
        }
    }
    return otherwise;
}

static struct neutral_part *media_new(struct chat_decoding *d, const struct json_node *at, struct media *media,
                                      enum part_kind kind)
{
    if (media->form == MEDIA_BASE64 && !media->mime_type.len) {
        media->mime_type = neutral_sniff(media->data);
    }
    struct neutral_part *part = neutral_part_new(d->arena, kind_of_media(media, kind), at);
    part->media = *media;
    return part;
}

// An object with a url; in compatible clients also just the URL.
static struct neutral_part *decode_url(struct chat_decoding *d, const struct json_node *at, struct slice member,
                                       enum part_kind kind)
{
    const struct json_node *object = neutral_member(d->doc, at, member);
    const struct json_node *url = json_is(object, JSON_OBJECT) ? json_get(d->doc, object, SLICE("url")) : object;
    struct slice text = neutral_escaped(d->doc, url);
    struct media media = {.form = MEDIA_URL, .data = text};
    if (!text.len) {
        loss_reject_input(d->loss, at, "must have a url");
        return NULL;
    }
    if (slice_starts_with_nocase(text, SLICE("data:")) && !neutral_read_data_url(d->arena, text, &media)) {
        loss_reject_input(d->loss, url, "must be a URL; this data URL is malformed");
        return NULL;
    }
    if (json_is(object, JSON_OBJECT)) {
        media.detail = chat_text_member(d, object, SLICE("detail"));
    }
    return media_new(d, at, &media, kind);
}

static struct neutral_part *decode_image(struct chat_decoding *d, const struct json_node *at)
{
    return decode_url(d, at, SLICE("image_url"), PART_IMAGE);
}

static struct neutral_part *decode_video(struct chat_decoding *d, const struct json_node *at)
{
    return decode_url(d, at, SLICE("video_url"), PART_VIDEO);
}

static struct neutral_part *decode_audio(struct chat_decoding *d, const struct json_node *at)
{
    const struct json_node *audio = chat_member(d, at, SLICE("input_audio"), JSON_OBJECT);
    struct slice format = chat_text_member(d, audio, SLICE("format"));
    struct media media = {.form = MEDIA_BASE64, .data = chat_escaped_member(d, audio, SLICE("data"))};
    if (!media.data.len || !format.len) {
        loss_reject_input(d->loss, at, "must have input_audio with data and a format");
        return NULL;
    }
    if (slice_eq(format, SLICE("mp3"))) {
        media.mime_type = SLICE("audio/mpeg");
    } else {
        const struct slice pieces[] = {SLICE("audio/"), format};
        media.mime_type = arena_concat(d->arena, pieces, 2);
    }
    return media_new(d, at, &media, PART_AUDIO);
}

static struct neutral_part *decode_file(struct chat_decoding *d, const struct json_node *at)
{
    const struct json_node *file = chat_member(d, at, SLICE("file"), JSON_OBJECT);
    struct slice data = chat_escaped_member(d, file, SLICE("file_data"));
    struct slice id = chat_escaped_member(d, file, SLICE("file_id"));
    struct media media = {.form = MEDIA_FILE_ID, .data = id};
    if (!data.len && !id.len) {
        loss_reject_input(d->loss, at, "must have a file with file_data or file_id");
        return NULL;
    }
    if (data.len && !neutral_read_data_url(d->arena, data, &media)) {
        media = (struct media){.form = MEDIA_BASE64, .data = data}; // the bare data, as some send it
        if (slice_starts_with_nocase(data, SLICE("data:")) || !neutral_sniff(data).len) {
            loss_reject_input(d->loss, json_get(d->doc, file, SLICE("file_data")), "must be a data URL");
            return NULL;
        }
    }
    media.name = chat_escaped_member(d, file, SLICE("filename"));
    return media_new(d, at, &media, PART_DOCUMENT);
}

// ---- content

static struct neutral_part *decode_text(struct chat_decoding *d, const struct json_node *at)
{
    const struct json_node *text = chat_member(d, at, SLICE("text"), JSON_STRING);
    if (!text) {
        loss_reject_input(d->loss, at, "must have a text");
        return NULL;
    }
    return json_escaped(d->doc, text).len ? neutral_text_new(d->arena, json_escaped(d->doc, text), at) : NULL;
}

static struct neutral_part *decode_refusal(struct chat_decoding *d, const struct json_node *at)
{
    struct slice text = chat_escaped_member(d, at, SLICE("refusal"));
    struct neutral_part *part = neutral_part_new(d->arena, PART_REFUSAL, at);
    part->text = text;
    return text.len ? part : NULL;
}

enum {
    TAKE_SYSTEM = 1 << ROLE_SYSTEM | 1 << ROLE_DEVELOPER,
    TAKE_ASSISTANT = 1 << ROLE_ASSISTANT,
    TAKE_INPUT = 1 << ROLE_USER | 1 << ROLE_TOOL | 1 << ROLE_FUNCTION,
};

static const struct part_row {
    struct slice type;
    unsigned roles;
    struct neutral_part *(*decode)(struct chat_decoding *d, const struct json_node *at); // NULL: nothing to add
} PART_ROWS[] = {
    {SLICE_INIT("text"), TAKE_SYSTEM | TAKE_ASSISTANT | TAKE_INPUT, decode_text},
    {SLICE_INIT("image_url"), TAKE_INPUT, decode_image},
    {SLICE_INIT("input_audio"), TAKE_INPUT, decode_audio},
    {SLICE_INIT("file"), TAKE_INPUT, decode_file},
    {SLICE_INIT("video_url"), TAKE_INPUT, decode_video}, // of compatible servers
    {SLICE_INIT("refusal"), TAKE_ASSISTANT, decode_refusal},
};

static const struct part_row *row_of(const struct chat_decoding *d, const struct json_node *at, enum role role)
{
    const struct json_node *type = json_get(d->doc, at, SLICE("type"));
    for (size_t i = 0; i < sizeof(PART_ROWS) / sizeof(*PART_ROWS); i++) {
        if (json_string_is(d->doc, type, PART_ROWS[i].type) && (PART_ROWS[i].roles >> role & 1)) {
            return &PART_ROWS[i];
        }
    }
    return NULL;
}

static void decode_part(struct chat_decoding *d, const struct json_node *at, enum role role,
                        struct neutral_part ***last)
{
    const struct part_row *row = json_is(at, JSON_OBJECT) ? row_of(d, at, role) : NULL;
    if (!row && role == ROLE_ASSISTANT && json_is(at, JSON_OBJECT)) {
        loss_warn(d->loss, LOSS_DROPPED, at); // what a vendor answered in parts of its own kind
        return;
    }
    if (!row) {
        loss_reject_input(d->loss, at, "must be a part of a type that this role can have");
        return;
    }
    struct neutral_part *part = row->decode(d, at);
    if (part) {
        part->cache = neutral_member(d->doc, at, SLICE("prompt_cache_breakpoint")) ? d->cache_mark : CACHE_NONE;
        neutral_append_part(last, part);
    }
}

static void decode_content(struct chat_decoding *d, const struct json_node *message, enum role role,
                           struct neutral_part ***last)
{
    const struct json_node *content = neutral_member(d->doc, message, SLICE("content"));
    const struct json_node *each = NULL;
    if (!content) {
        if (role <= ROLE_USER) {
            loss_reject_input(d->loss, message, "must have content");
        }
    } else if (content->type == JSON_STRING) {
        append_text(d, json_escaped(d->doc, content), content, last);
    } else if (content->type != JSON_ARRAY) {
        loss_reject_input(d->loss, content, "must be a string or an array of parts");
    }
    while (json_is(content, JSON_ARRAY) && json_next_element(d->doc, content, &each)) {
        decode_part(d, each, role, last);
    }
}

// ---- calls

// Text that the model wrote; some clients send the object itself.
static void decode_arguments(struct chat_decoding *d, const struct json_node *object, struct slice name,
                             struct call *call)
{
    const struct json_node *arguments = neutral_member(d->doc, object, name);
    if (json_is(arguments, JSON_OBJECT)) {
        call->raw_arguments = json_raw(d->doc, arguments);
    } else if (arguments && arguments->type != JSON_STRING) {
        loss_reject_input(d->loss, arguments, "must be a string");
    } else {
        call->escaped_arguments = arguments ? json_escaped(d->doc, arguments) : SLICE("");
    }
}

static struct neutral_part *call_new(struct chat_decoding *d, const struct json_node *at,
                                     const struct json_node *object, enum tool_kind kind)
{
    struct slice name = chat_text_member(d, object, SLICE("name"));
    struct neutral_part *part = neutral_part_new(d->arena, PART_CALL, at);
    part->call.kind = kind;
    part->call.name = name;
    decode_arguments(d, object, kind == TOOL_CUSTOM ? SLICE("input") : SLICE("arguments"), &part->call);
    if (!name.len) {
        loss_reject_input(d->loss, at, "must name the tool that was called");
    }
    return part;
}

// A signature that is not in our wrapper is Google's own: nobody else writes this member.
static void decode_call_signature(struct chat_decoding *d, const struct json_node *owner, struct call *call)
{
    struct slice signature = chat_thought_signature(d->doc, owner, d->arena);
    if (signature.len && !opaque_unwrap(d->arena, signature, &call->opaque)) {
        call->opaque = (struct neutral_opaque){.kind = OPAQUE_GEMINI_CALL, .data = signature};
    }
}

static void decode_call(struct chat_decoding *d, const struct json_node *at, struct neutral_part ***last)
{
    const struct json_node *type = json_get(d->doc, at, SLICE("type"));
    bool is_custom = json_string_is(d->doc, type, SLICE("custom"));
    struct slice member = is_custom ? SLICE("custom") : SLICE("function");
    if (!json_is(at, JSON_OBJECT)) {
        loss_reject_input(d->loss, at, "must be an object");
        return;
    }
    const struct json_node *object = chat_member(d, at, member, JSON_OBJECT);
    struct neutral_part *part = call_new(d, at, object, is_custom ? TOOL_CUSTOM : TOOL_FUNCTION);
    part->call.id = chat_text_member(d, at, SLICE("id"));
    decode_call_signature(d, at, &part->call);
    neutral_append_part(last, part);
}

// The older form has no ids: the next message of role function answers it.
static void decode_function_call(struct chat_decoding *d, const struct json_node *message, struct neutral_part ***last)
{
    const struct json_node *call = chat_member(d, message, SLICE("function_call"), JSON_OBJECT);
    if (call && chat_text_member(d, call, SLICE("name")).len) {
        struct neutral_part *part = call_new(d, call, call, TOOL_FUNCTION);
        d->last_function_id = arena_printf(d->arena, "call_function_%u", ++d->n_function_calls);
        part->call.id = d->last_function_id;
        neutral_append_part(last, part);
    }
}

static void decode_calls(struct chat_decoding *d, const struct json_node *message, struct neutral_part ***last)
{
    const struct json_node *calls = chat_member(d, message, SLICE("tool_calls"), JSON_ARRAY);
    const struct json_node *each = NULL;
    struct neutral_part **first = *last;
    while (json_next_element(d->doc, calls, &each)) {
        decode_call(d, each, last);
    }
    decode_function_call(d, message, last);
    // Of several calls only the first is signed.
    if (*first && (*first)->call.opaque.kind == OPAQUE_NONE) {
        decode_call_signature(d, message, &(*first)->call);
    }
}

// ---- reasoning

// What an assistant's message tells of its reasoning.
struct thoughts {
    const struct json_node *details;
    const struct json_node *at;
    struct slice text;                 // of the whole, still to be used
    size_t n_bound;                    // details without a text that belong to one
    struct neutral_opaque text_opaque; // belongs to the answer's text
};

static bool is_bound_to_text(const struct neutral_opaque *opaque)
{
    switch (opaque->kind) {
    case OPAQUE_ANTHROPIC_SIGNATURE:
    case OPAQUE_OPENAI_ENCRYPTED:
    case OPAQUE_GEMINI_THOUGHT: return true;
    case OPAQUE_VENDOR_TEXT: return slice_find(opaque->data, SLICE("\"reasoning.encrypted\"")) == SLICE_NOT_FOUND;
    case OPAQUE_NONE:
    case OPAQUE_ANTHROPIC_REDACTED:
    case OPAQUE_GEMINI_CALL:
    case OPAQUE_GEMINI_TEXT: break;
    }
    return false;
}

static void append_reasoning(struct chat_decoding *d, const struct json_node *at, const struct chat_detail *detail,
                             struct neutral_part ***last)
{
    struct neutral_part *part = neutral_part_new(d->arena, PART_REASONING, at);
    part->reasoning.opaque = detail->opaque;
    part->reasoning.is_summary = detail->is_summary || detail->opaque.kind == OPAQUE_OPENAI_ENCRYPTED;
    if (detail->text.len) {
        part->reasoning.parts = neutral_text_new(d->arena, detail->text, at);
    }
    neutral_append_part(last, part);
}

// The text of the whole stands beside the details or is repeated in them. Where one detail alone can own it, it does;
// of several none could be told to be right.
static void survey_details(struct chat_decoding *d, struct thoughts *thoughts)
{
    const struct json_node *each = NULL;
    while (json_next_element(d->doc, thoughts->details, &each)) {
        struct chat_detail detail = chat_read_detail(d->doc, each, true, d->arena);
        if (detail.text.len) {
            thoughts->text = SLICE_EMPTY;
        } else if (is_bound_to_text(&detail.opaque)) {
            thoughts->n_bound++;
        }
    }
}

static void decode_detail(struct chat_decoding *d, const struct json_node *at, struct thoughts *thoughts,
                          struct neutral_part ***last)
{
    struct chat_detail detail = chat_read_detail(d->doc, at, true, d->arena);
    if (detail.opaque.kind == OPAQUE_GEMINI_TEXT || detail.opaque.kind == OPAQUE_GEMINI_CALL) {
        thoughts->text_opaque = detail.opaque;
        return;
    }
    if (!detail.text.len && thoughts->n_bound == 1 && is_bound_to_text(&detail.opaque)) {
        detail.text = thoughts->text;
        thoughts->text = SLICE_EMPTY;
    }
    if (detail.text.len || detail.is_signed) {
        append_reasoning(d, at, &detail, last);
    }
}

static void decode_reasoning(struct chat_decoding *d, const struct json_node *message, struct thoughts *thoughts,
                             struct neutral_part ***last)
{
    const struct chat_detail whole = {.opaque = {.kind = OPAQUE_VENDOR_TEXT}};
    const struct json_node *each = NULL;
    struct neutral_part **first = *last;
    thoughts->details = chat_member(d, message, SLICE("reasoning_details"), JSON_ARRAY);
    thoughts->at = neutral_member(d->doc, message, SLICE("reasoning_content"));
    if (!json_is(thoughts->at, JSON_STRING) || json_escaped(d->doc, thoughts->at).len == 0) {
        thoughts->at = neutral_member(d->doc, message, SLICE("reasoning"));
    }
    thoughts->text = neutral_escaped(d->doc, thoughts->at);
    survey_details(d, thoughts);
    while (json_next_element(d->doc, thoughts->details, &each)) {
        decode_detail(d, each, thoughts, last);
    }
    if (thoughts->text.len && !*first) {
        struct chat_detail detail = whole;
        detail.text = thoughts->text;
        append_reasoning(d, thoughts->at, &detail, last);
    }
}

// Gemini signs the text of an answer too, and also an empty one.
static void sign_text(struct chat_decoding *d, const struct json_node *message, const struct neutral_opaque *opaque,
                      struct neutral_part *first_of_content, struct neutral_part ***last)
{
    struct neutral_part *text = NULL;
    for (struct neutral_part *part = first_of_content; part; part = part->next) {
        text = part->kind == PART_TEXT ? part : text;
    }
    if (!text) {
        text = neutral_text_new(d->arena, SLICE(""), message);
        neutral_append_part(last, text);
    }
    text->opaque = *opaque;
}

// ---- messages

static struct neutral_part *decode_assistant(struct chat_decoding *d, const struct json_node *message)
{
    struct neutral_part *parts = NULL;
    struct neutral_part **last = &parts;
    struct thoughts thoughts = {0};
    decode_reasoning(d, message, &thoughts, &last);
    struct neutral_part **content = last;
    decode_content(d, message, ROLE_ASSISTANT, &last);
    struct neutral_part *refusal = decode_refusal(d, message);
    if (refusal) {
        refusal->at = json_get(d->doc, message, SLICE("refusal"));
        neutral_append_part(&last, refusal);
    }
    if (thoughts.text_opaque.kind == OPAQUE_GEMINI_TEXT) {
        sign_text(d, message, &thoughts.text_opaque, *content, &last);
    }
    decode_calls(d, message, &last);
    const struct json_node *audio = neutral_member(d->doc, message, SLICE("audio"));
    if (json_is(audio, JSON_OBJECT) && chat_text_member(d, audio, SLICE("id")).len) {
        (void)loss_refuse(d->loss, audio, "only the provider of an answer in audio can hear it again");
    }
    return parts;
}

static struct neutral_part *decode_result(struct chat_decoding *d, const struct json_node *message, enum role role)
{
    struct neutral_part *part = neutral_part_new(d->arena, PART_RESULT, message);
    struct neutral_part **last = &part->result.parts;
    decode_content(d, message, role, &last);
    part->result.name = chat_text_member(d, message, SLICE("name"));
    part->result.call_id =
        role == ROLE_TOOL ? chat_text_member(d, message, SLICE("tool_call_id")) : d->last_function_id;
    if (!part->result.call_id.len) {
        loss_reject_input(d->loss, message, role == ROLE_TOOL ? "must have a tool_call_id" : "must follow a call");
    }
    return part;
}

static enum role role_of(struct chat_decoding *d, const struct json_node *message)
{
    struct slice word = json_is(message, JSON_OBJECT) ? chat_text_member(d, message, SLICE("role")) : SLICE_EMPTY;
    int role = 0;
    while (role < N_ROLES && !slice_eq(word, ROLE_WORDS[role])) {
        role++;
    }
    if (role == N_ROLES) {
        loss_reject_input(d->loss, message,
                          "must be a message of the role system, developer, user, assistant, tool or function");
    }
    return (enum role)role;
}

static struct neutral_turn *decode_message(struct chat_decoding *d, const struct json_node *message, enum role role)
{
    static const enum turn_role TURNS[N_ROLES] = {
        [ROLE_SYSTEM] = TURN_SYSTEM,       [ROLE_DEVELOPER] = TURN_DEVELOPER, [ROLE_USER] = TURN_USER,
        [ROLE_ASSISTANT] = TURN_ASSISTANT, [ROLE_TOOL] = TURN_USER,           [ROLE_FUNCTION] = TURN_USER,
    };
    struct neutral_turn *turn = neutral_turn_new(d->arena, TURNS[role], message);
    struct neutral_part **last = &turn->parts;
    if (role == ROLE_ASSISTANT) {
        turn->parts = decode_assistant(d, message);
    } else if (role == ROLE_TOOL || role == ROLE_FUNCTION) {
        turn->parts = decode_result(d, message, role);
    } else {
        decode_content(d, message, role, &last);
    }
    if (role <= ROLE_ASSISTANT) {
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
        enum role role = role_of(d, each);
        if (role == N_ROLES) {
            return;
        }
        bool is_leading = role <= ROLE_DEVELOPER && !d->req->turns;
        struct neutral_turn ***end = is_leading ? &instruction : &last;
        **end = decode_message(d, each, role);
        *end = &(**end)->next;
    }
    if (!d->req->turns) {
        loss_reject_input(d->loss, messages, "must have a message besides the instructions");
    }
}

// SPDX-License-Identifier: MIT
// The conversation of a request.
//
// Clients keep a streamed answer as it came, in many small parts, also over several contents of the model. All that
// follows one another in the model's turn is therefore one turn, and texts of one kind in it are one text.
#include "dialect/gemini/gemini_media.h"
#include "dialect/gemini/gemini_names.h"
#include "dialect/gemini/gemini_request_decoder.h"

enum { TEXT_FIRST = 512 };

struct conversation {
    const struct gemini_reading *r;
    struct neutral_turn **last_turn;
    struct neutral_turn *turn; // the newest
    struct neutral_part **last_part;
    struct neutral_part *part; // the newest of the turn; NULL: none
    size_t text_cap;           // of its text, where we made it grow; 0: it is the client's
};

// ---- signatures

// The signature of a part; kind OPAQUE_NONE without one. `own` is what it is when Google made it.
static struct neutral_opaque read_signature(const struct gemini_reading *r, const struct json_node *part,
                                            enum opaque_kind own)
{
    const struct json_node *node = gemini_read_typed(r, part, SLICE("thoughtSignature"), JSON_STRING);
    struct slice text = json_string(r->doc, node, r->arena);
    struct neutral_opaque opaque = {.kind = OPAQUE_NONE};
    if (text.len && !opaque_unwrap(r->arena, text, &opaque)) {
        opaque = (struct neutral_opaque){.kind = own, .data = text};
    }
    return opaque;
}

static bool is_foreign(const struct neutral_opaque *opaque)
{
    return opaque->kind != OPAQUE_NONE && opaque_issuer(opaque->kind) != ISSUER_GOOGLE;
}

// ---- growing lists

static struct neutral_part *append_part(struct conversation *c, struct neutral_part *part)
{
    neutral_append_part(&c->last_part, part);
    c->part = part;
    c->text_cap = 0;
    return part;
}

static void begin_turn(struct conversation *c, enum turn_role role, const struct json_node *at)
{
    c->turn = neutral_turn_new(c->r->arena, role, at);
    *c->last_turn = c->turn;
    c->last_turn = &c->turn->next;
    c->last_part = &c->turn->parts;
    c->part = NULL;
}

static void grow_text(struct conversation *c, struct slice *text, struct slice more)
{
    struct arena *arena = c->r->arena;
    size_t len = text->len + more.len;
    char *bytes = (char *)text->ptr;
    if (len > c->text_cap) {
        size_t cap = len < TEXT_FIRST ? TEXT_FIRST : 2 * len;
        bytes = c->text_cap ? arena_grow(arena, bytes, c->text_cap, cap) : arena_alloc(arena, cap);
        if (!c->text_cap && text->len) {
            memcpy(bytes, text->ptr, text->len);
        }
        c->text_cap = cap;
    }
    if (more.len) {
        memcpy(bytes + text->len, more.ptr, more.len);
    }
    *text = slice_of(bytes, len);
}

// Does the newest part of the model's turn go on? A signature ends it.
static bool is_going_on(const struct conversation *c, enum part_kind kind)
{
    if (c->turn->role != TURN_ASSISTANT || !c->part || c->part->kind != kind) {
        return false;
    }
    return kind == PART_TEXT ? c->part->opaque.kind == OPAQUE_NONE
                             : c->part->reasoning.opaque.kind == OPAQUE_NONE && c->part->reasoning.parts;
}

// What another provider thought before this part: it belongs to the thoughts that stand there, or hides them.
static void take_foreign(struct conversation *c, const struct json_node *at, const struct neutral_opaque *opaque)
{
    if (c->turn->role != TURN_ASSISTANT) {
        return;
    }
    bool has_place = c->part && c->part->kind == PART_REASONING && c->part->reasoning.opaque.kind == OPAQUE_NONE;
    struct neutral_part *part = has_place ? c->part : append_part(c, neutral_part_new(c->r->arena, PART_REASONING, at));
    part->reasoning.is_summary = true;
    part->reasoning.opaque = *opaque;
}

// ---- kinds of parts. `at` is the part, `value` that of its member.

static void read_thought(struct conversation *c, const struct json_node *at, struct slice text)
{
    struct neutral_opaque opaque = read_signature(c->r, at, OPAQUE_GEMINI_THOUGHT);
    if (!text.len && opaque.kind == OPAQUE_NONE) {
        return;
    }
    if (is_going_on(c, PART_REASONING)) {
        grow_text(c, &c->part->reasoning.parts->text, text);
    } else {
        struct neutral_part *part = append_part(c, neutral_part_new(c->r->arena, PART_REASONING, at));
        part->reasoning.is_summary = true;
        part->reasoning.parts = text.len ? neutral_text_new(c->r->arena, text, at) : NULL;
    }
    c->part->reasoning.opaque = opaque;
}

static void append_text(struct conversation *c, const struct json_node *at, struct slice text,
                        const struct neutral_opaque *opaque)
{
    if (is_going_on(c, PART_TEXT) && opaque->kind == OPAQUE_NONE) {
        grow_text(c, &c->part->text, text);
    } else if (text.len || opaque->kind != OPAQUE_NONE) {
        append_part(c, neutral_text_new(c->r->arena, text, at))->opaque = *opaque;
    }
}

static void read_text(struct conversation *c, const struct json_node *at, const struct json_node *value)
{
    if (!gemini_expect(c->r, value, JSON_STRING)) {
        return;
    }
    bool is_thought = gemini_read_tri(c->r, at, SLICE("thought")) == TRI_TRUE;
    if (is_thought) {
        read_thought(c, at, json_escaped(c->r->doc, value));
        return;
    }
    struct neutral_opaque opaque = read_signature(c->r, at, OPAQUE_GEMINI_TEXT);
    if (is_foreign(&opaque)) {
        take_foreign(c, at, &opaque);
        opaque.kind = OPAQUE_NONE;
    }
    append_text(c, at, json_escaped(c->r->doc, value), &opaque);
}

static struct slice read_resolution(const struct gemini_reading *r, const struct json_node *at)
{
    const struct json_node *resolution = gemini_member(r->doc, at, SLICE("mediaResolution"));
    struct slice level = json_string(r->doc, gemini_member(r->doc, resolution, SLICE("level")), r->arena);
    if (slice_eq(level, SLICE("MEDIA_RESOLUTION_LOW"))) {
        return SLICE("low");
    }
    bool is_high = slice_starts_with(level, SLICE("MEDIA_RESOLUTION_")) && slice_ends_with(level, SLICE("HIGH"));
    return is_high ? SLICE("high") : SLICE_EMPTY;
}

// NULL: rejected.
static struct neutral_part *read_media(const struct gemini_reading *r, const struct json_node *at, bool is_inline,
                                       const struct json_node *value)
{
    struct media media;
    bool is_good = is_inline ? gemini_read_inline_data(r->doc, value, r->arena, &media)
                             : gemini_read_file_data(r->doc, value, r->arena, &media);
    if (!is_good) {
        loss_reject_input(r->loss, value, is_inline ? "needs a string 'data'" : "needs a string 'fileUri'");
        return NULL;
    }
    struct neutral_part *part = neutral_part_new(r->arena, gemini_media_kind(&media), at);
    part->media = media;
    part->media.detail = read_resolution(r, at);
    return part;
}

// A draft of a picture, among the thoughts, is left out.
static void append_media(struct conversation *c, const struct json_node *at, bool is_inline,
                         const struct json_node *value)
{
    if (gemini_read_tri(c->r, at, SLICE("thought")) == TRI_TRUE) {
        return;
    }
    struct neutral_part *part = read_media(c->r, at, is_inline, value);
    if (part) {
        append_part(c, part);
    }
}

static void read_inline_data(struct conversation *c, const struct json_node *at, const struct json_node *value)
{
    append_media(c, at, true, value);
}

static void read_file_data(struct conversation *c, const struct json_node *at, const struct json_node *value)
{
    append_media(c, at, false, value);
}

// ---- calls and their results

static struct slice read_name(const struct gemini_reading *r, const struct json_node *object)
{
    const struct json_node *name = gemini_read_typed(r, object, SLICE("name"), JSON_STRING);
    struct slice text = json_string(r->doc, name, r->arena);
    if (!text.len) {
        loss_reject_input(r->loss, name ? name : object, "needs the name of a function");
    }
    return text;
}

static void read_call(struct conversation *c, const struct json_node *at, const struct json_node *value)
{
    const struct gemini_reading *r = c->r;
    if (!gemini_expect(r, value, JSON_OBJECT)) {
        return;
    }
    if (c->turn->role != TURN_ASSISTANT) {
        loss_reject_input(r->loss, at, "only the model calls functions");
        return;
    }
    const struct json_node *args = gemini_read_typed(r, value, SLICE("args"), JSON_OBJECT);
    const struct json_node *id = gemini_read_typed(r, value, SLICE("id"), JSON_STRING);
    struct neutral_opaque opaque = read_signature(r, at, OPAQUE_GEMINI_CALL);
    if (is_foreign(&opaque)) {
        take_foreign(c, at, &opaque);
        opaque.kind = OPAQUE_NONE;
    }
    struct call *call = &append_part(c, neutral_part_new(r->arena, PART_CALL, at))->call;
    call->name = read_name(r, value);
    call->id = json_string(r->doc, id, r->arena);
    call->raw_arguments = args ? json_raw(r->doc, args) : SLICE("{}");
    call->opaque = opaque;
}

// The only member of an object; NULL when it has none, or more.
static const struct json_node *only_member(const struct json_doc *doc, const struct json_node *object,
                                           struct slice *name_r)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    if (!json_next_member(doc, object, &key, &value)) {
        return NULL;
    }
    const struct json_node *first = value;
    *name_r = json_escaped(doc, key);
    return json_next_member(doc, object, &key, &value) ? NULL : first;
}

// What Google's clients wrap around a text is taken off; more than a text stays as it is.
static void read_response(const struct gemini_reading *r, struct result *result, const struct json_node *response)
{
    struct slice name = SLICE_EMPTY;
    const struct json_node *only = only_member(r->doc, response, &name);
    bool is_text = only && (slice_eq(name, SLICE("output")) || slice_eq(name, SLICE("result")));
    result->is_error = only && slice_eq(name, SLICE("error"));
    if ((is_text || result->is_error) && only->type == JSON_STRING) {
        result->parts = neutral_text_new(r->arena, json_escaped(r->doc, only), only);
    } else if (name.ptr) {
        result->raw = response;
    }
}

// Pictures and files beside the response object.
static void read_result_media(const struct gemini_reading *r, struct result *result, const struct json_node *parts)
{
    struct neutral_part **last = result->parts ? &result->parts->next : &result->parts;
    const struct json_node *at = NULL;
    while (parts && json_next_element(r->doc, parts, &at)) {
        const struct json_node *data = gemini_member(r->doc, at, SLICE("inlineData"));
        const struct json_node *file = gemini_member(r->doc, at, SLICE("fileData"));
        struct neutral_part *part = data || file ? read_media(r, at, data != NULL, data ? data : file) : NULL;
        if (part) {
            neutral_append_part(&last, part);
        }
    }
}

static void read_result(struct conversation *c, const struct json_node *at, const struct json_node *value)
{
    const struct gemini_reading *r = c->r;
    if (!gemini_expect(r, value, JSON_OBJECT)) {
        return;
    }
    if (c->turn->role != TURN_USER) {
        loss_reject_input(r->loss, at, "the model does not answer functions");
        return;
    }
    const struct json_node *response = gemini_read_typed(r, value, SLICE("response"), JSON_OBJECT);
    const struct json_node *id = gemini_read_typed(r, value, SLICE("id"), JSON_STRING);
    struct result *result = &append_part(c, neutral_part_new(r->arena, PART_RESULT, at))->result;
    result->name = read_name(r, value);
    result->call_id = json_string(r->doc, id, r->arena);
    if (response) {
        read_response(r, result, response);
    }
    read_result_media(r, result, gemini_read_typed(r, value, SLICE("parts"), JSON_ARRAY));
}

// ---- what only Google knows

static struct slice render(const struct gemini_reading *r, const struct json_node *object, struct slice member,
                           struct slice before, struct slice after)
{
    const struct json_node *text = gemini_member(r->doc, object, member);
    if (!json_is(text, JSON_STRING)) {
        return SLICE_EMPTY;
    }
    return arena_concat(r->arena, (const struct slice[]){before, json_escaped(r->doc, text), after}, 3);
}

static struct neutral_part *append_native(struct conversation *c, const struct json_node *at)
{
    return append_part(c, neutral_part_new(c->r->arena, PART_NATIVE, at));
}

static void read_code(struct conversation *c, const struct json_node *at, const struct json_node *value)
{
    append_native(c, at)->rendering = render(c->r, value, SLICE("code"), SLICE("```python\\n"), SLICE("\\n```"));
}

static void read_code_result(struct conversation *c, const struct json_node *at, const struct json_node *value)
{
    append_native(c, at)->rendering = render(c->r, value, SLICE("output"), SLICE("```\\n"), SLICE("\\n```"));
}

static void read_unseen(struct conversation *c, const struct json_node *at, const struct json_node *value)
{
    (void)value;
    append_native(c, at);
}

// ---- parts and contents

struct part_row {
    struct slice member;
    void (*read)(struct conversation *c, const struct json_node *at, const struct json_node *value);
};

static const struct part_row PARTS[] = {
    {SLICE_INIT("text"), read_text},
    {SLICE_INIT("functionCall"), read_call},
    {SLICE_INIT("functionResponse"), read_result},
    {SLICE_INIT("inlineData"), read_inline_data},
    {SLICE_INIT("fileData"), read_file_data},
    {SLICE_INIT("executableCode"), read_code},
    {SLICE_INIT("codeExecutionResult"), read_code_result},
    {SLICE_INIT("toolCall"), read_unseen},
    {SLICE_INIT("toolResponse"), read_unseen},
};

static const struct part_row *find_row(struct slice name)
{
    for (size_t i = 0; i < sizeof(PARTS) / sizeof(*PARTS); i++) {
        if (gemini_name_is(name, PARTS[i].member)) {
            return &PARTS[i];
        }
    }
    return NULL;
}

// The member that is a part's content; NULL without one. Of two one would be lost: Google refuses them, too.
static const struct part_row *find_content(const struct gemini_reading *r, const struct json_node *part,
                                           const struct json_node **value_r)
{
    const struct part_row *found = NULL;
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    while (json_next_member(r->doc, part, &key, &value)) {
        const struct part_row *row = value->type == JSON_NULL ? NULL : find_row(json_escaped(r->doc, key));
        if (row && found && row != found) {
            loss_reject_input(r->loss, part, "must be one thing: a text, a file, a call or the like");
        }
        if (row) {
            found = row;
            *value_r = value;
        }
    }
    return found;
}

// A signature may also stand alone.
static void read_part(struct conversation *c, const struct json_node *part)
{
    const struct json_node *value = NULL;
    if (!gemini_expect(c->r, part, JSON_OBJECT)) {
        return;
    }
    const struct part_row *row = find_content(c->r, part, &value);
    if (row) {
        row->read(c, part, value);
        return;
    }
    struct neutral_opaque opaque = read_signature(c->r, part, OPAQUE_GEMINI_TEXT);
    if (is_foreign(&opaque)) {
        take_foreign(c, part, &opaque);
    } else {
        append_text(c, part, SLICE(""), &opaque);
    }
}

static enum turn_role read_role(const struct gemini_reading *r, const struct json_node *content)
{
    const struct json_node *role = gemini_read_typed(r, content, SLICE("role"), JSON_STRING);
    struct slice word = json_string(r->doc, role, r->arena);
    if (slice_eq(word, SLICE("model"))) {
        return TURN_ASSISTANT;
    }
    // "function" is how results came once.
    if (word.len && !slice_eq(word, SLICE("user")) && !slice_eq(word, SLICE("function"))) {
        loss_reject_input(r->loss, role, "must be user or model");
    }
    return TURN_USER;
}

static void read_content(struct conversation *c, const struct json_node *content)
{
    if (!gemini_expect(c->r, content, JSON_OBJECT)) {
        return;
    }
    enum turn_role role = read_role(c->r, content);
    const struct json_node *parts = gemini_read_typed(c->r, content, SLICE("parts"), JSON_ARRAY);
    const struct json_node *part = NULL;
    if (!c->turn || role != TURN_ASSISTANT || c->turn->role != TURN_ASSISTANT) {
        begin_turn(c, role, content);
    }
    while (parts && json_next_element(c->r->doc, parts, &part)) {
        read_part(c, part);
    }
}

void gemini_read_contents(const struct gemini_reading *r, const struct json_node *contents)
{
    struct conversation c = {.r = r, .last_turn = &r->req->turns};
    const struct json_node *content = NULL;
    while (contents && json_next_element(r->doc, contents, &content)) {
        read_content(&c, content);
    }
}

// ---- instructions

// A content of texts, or a text.
void gemini_read_system(const struct gemini_reading *r, const struct json_node *system)
{
    if (!system) {
        return;
    }
    struct neutral_turn *turn = neutral_turn_new(r->arena, TURN_SYSTEM, system);
    struct neutral_part **last = &turn->parts;
    const struct json_node *part = NULL;
    if (system->type == JSON_STRING) {
        neutral_append_part(&last, neutral_text_new(r->arena, json_escaped(r->doc, system), system));
    } else if (gemini_expect(r, system, JSON_OBJECT)) {
        const struct json_node *parts = gemini_read_typed(r, system, SLICE("parts"), JSON_ARRAY);
        while (parts && json_next_element(r->doc, parts, &part)) {
            const struct json_node *text = gemini_read_typed(r, part, SLICE("text"), JSON_STRING);
            if (text) {
                neutral_append_part(&last, neutral_text_new(r->arena, json_escaped(r->doc, text), part));
            }
        }
    }
    r->req->instructions = turn->parts ? turn : NULL;
}

// SPDX-License-Identifier: MIT
#include "simulator/composer.h"

#include <inttypes.h>
#include <stdio.h>

#include "simulator/prose.h"
#include "simulator/seal.h"

const struct slice composer_refusal = SLICE_INIT("I am sorry, but I cannot help with that.");

static const struct slice stamp_placeholder = SLICE_INIT("0000000000000000000");
static const struct slice sequence_key = SLICE_INIT("\"sequence_number\":");

struct answer *composer_new_body(unsigned status, const struct script *script)
{
    struct answer *answer = mem_zalloc(sizeof(*answer));
    answer->n_refs = 1;
    answer->status = status;
    answer->script = *script;
    script_drop_texts(&answer->script);
    buf_append(&answer->headers, SLICE("content-type: application/json\r\n"));
    return answer;
}

void composer_begin(struct composer *c)
{
    c->told_output = -1;
    buf_clear(&c->data);
    json_writer_init(&c->w, &c->data);
    json_begin_object(&c->w);
}

static void append_lines(struct buf *out, struct slice name, struct slice data, struct slice line_end)
{
    if (name.len > 0) {
        buf_append(out, SLICE("event: "));
        buf_append(out, name);
        buf_append(out, line_end);
    }
    buf_append(out, SLICE("data: "));
    buf_append(out, data);
    buf_append(out, line_end);
    buf_append(out, line_end);
}

static void append_framed(struct composer *c, struct slice name, struct slice data)
{
    struct buf *out = &c->answer->bytes;
    if (!c->answer->is_stream) {
        buf_append(out, data);
    } else if (c->ask->is_array) {
        buf_append(out, out->len == 0 ? SLICE("[") : SLICE(",\r\n"));
        buf_append(out, data);
    } else {
        // Gemini always ends its lines this way.
        bool has_crlf = c->script->crlf || c->ask->provider == PROVIDER_GEMINI;
        append_lines(out, name, data, has_crlf ? SLICE("\r\n") : SLICE("\n"));
    }
}

static void add_event(struct answer *answer, size_t end, size_t stamp_at, int64_t told_output)
{
    if (answer->n_events == answer->events_cap) {
        answer->events_cap = answer->events_cap ? answer->events_cap * 2 : 8;
        answer->events = mem_realloc(answer->events, answer->events_cap * sizeof(*answer->events));
    }
    answer->events[answer->n_events++] = (struct answer_event){end, stamp_at, told_output};
}

// The error event that the script wants in this place.
static void fail(struct composer *c)
{
    static const struct slice names[] = {
        [PROVIDER_ANTHROPIC] = SLICE_INIT("error"),
        [PROVIDER_CHAT] = SLICE_INIT(""),
        [PROVIDER_RESPONSES] = SLICE_INIT("error"),
        [PROVIDER_GEMINI] = SLICE_INIT(""),
    };
    struct buf data = c->data; // of the event that will not be written
    c->data = BUF_EMPTY;
    composer_begin(c);
    answer_write_overload(c);
    json_end_object(&c->w);
    append_framed(c, names[c->ask->provider], buf_slice(&c->data));
    add_event(c->answer, c->answer->bytes.len, 0, -1);
    buf_deinit(&c->data);
    c->data = data;
    c->is_over = true;
}

static void append_event(struct composer *c, struct slice name, struct slice data)
{
    struct answer *answer = c->answer;
    size_t start = answer->bytes.len;
    if (answer->is_stream && !c->is_over && (int64_t)answer->n_events == c->script->error) {
        fail(c);
    }
    if (c->is_over) {
        return;
    }
    if (answer->is_stream && (int64_t)answer->n_events + 1 == c->script->junk) {
        append_framed(c, SLICE_EMPTY, SLICE("{\"this is\": no JSON"));
        add_event(answer, answer->bytes.len, 0, -1);
        start = answer->bytes.len;
    }
    if ((int64_t)answer->n_events + 1 == c->script->badevent) {
        data.len /= 2; // an object or array cut in half is no JSON any more
    }
    append_framed(c, name, data);
    size_t stamp_at = 0;
    if (c->script->stamp) {
        size_t found = slice_find(slice_after(buf_slice(&answer->bytes), start), stamp_placeholder);
        stamp_at = found == SLICE_NOT_FOUND ? 0 : start + found;
    }
    add_event(answer, answer->bytes.len, stamp_at, c->told_output);
}

void composer_end(struct composer *c, struct slice name)
{
    json_end_object(&c->w);
    append_event(c, name, buf_slice(&c->data));
}

void composer_tell_output(struct composer *c, uint64_t tokens)
{
    c->told_output = (int64_t)tokens;
}

void composer_add_raw(struct composer *c, struct slice data)
{
    c->told_output = -1;
    append_event(c, SLICE_EMPTY, data);
}

// Where a character begins: at `at` or behind it.
static size_t character_start(struct slice text, size_t at)
{
    while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80) {
        at++;
    }
    return at < text.len ? at : text.len;
}

struct slice composer_text_delta(struct composer *c, uint64_t index)
{
    size_t size = (size_t)c->script->size;
    if (c->has_own_text) {
        struct slice text = buf_slice(&c->text);
        size_t from = character_start(text, (size_t)index * COMPOSER_OWN_PIECE);
        size_t to = character_start(text, (size_t)(index + 1) * COMPOSER_OWN_PIECE);
        return slice_of(text.ptr + from, to - from);
    }
    buf_clear(&c->token);
    if (c->script->stamp) {
        buf_append(&c->token, stamp_placeholder);
        buf_append_char(&c->token, ' ');
        size = size > c->token.len ? size - c->token.len : 0;
    }
    prose_append_token(&c->token, index, size);
    return buf_slice(&c->token);
}

struct slice composer_reasoning_delta(struct composer *c, uint64_t index)
{
    buf_clear(&c->token);
    prose_append_token(&c->token, index, 6);
    return buf_slice(&c->token);
}

// Takes the event that was just written out of the answer and makes it the giant's piece.
static void keep_as_piece(struct composer *c, size_t start)
{
    struct answer *answer = c->answer;
    struct answer_giant *giant = &answer->giant;
    buf_append(&giant->piece, slice_after(buf_slice(&answer->bytes), start));
    answer->bytes.len = start;
    answer->n_events--;
    size_t key_at = slice_find(buf_slice(&giant->piece), sequence_key);
    if (key_at == SLICE_NOT_FOUND) {
        return;
    }
    // The number differs from piece to piece, so it is taken out here and put in when sending.
    size_t from = key_at + sequence_key.len;
    size_t to = from;
    while (giant->piece.ptr[to] >= '0' && giant->piece.ptr[to] <= '9') {
        to++;
    }
    memmove(giant->piece.ptr + from, giant->piece.ptr + to, giant->piece.len - to);
    giant->piece.len -= to - from;
    giant->number_at = from;
    giant->number = c->sequence - 1;
    c->sequence += giant->n_pieces - 1;
}

static void write_giant(struct composer *c, composer_delta_fn write)
{
    struct answer *answer = c->answer;
    size_t start = answer->bytes.len;
    answer->giant.n_pieces = ((uint64_t)c->script->giant + COMPOSER_GIANT_PIECE - 1) / COMPOSER_GIANT_PIECE;
    answer->giant.at_byte = start;
    buf_clear(&c->token);
    prose_append(&c->token, COMPOSER_GIANT_PIECE);
    write(c, 0, buf_slice(&c->token));
    keep_as_piece(c, start);
}

void composer_text_deltas(struct composer *c, uint64_t from, uint64_t to, composer_delta_fn write)
{
    if (c->script->giant) {
        write_giant(c, write);
        return;
    }
    for (uint64_t i = from; i < to; i++) {
        write(c, i, composer_text_delta(c, i));
    }
}

bool composer_next_fragment(struct slice arguments, size_t *at, struct slice *fragment_r)
{
    struct slice rest = slice_after(arguments, *at);
    *fragment_r = slice_of(rest.ptr, character_start(rest, COMPOSER_FRAGMENT));
    *at += fragment_r->len;
    return fragment_r->len > 0;
}

struct slice composer_seal(struct composer *c, struct slice bound)
{
    buf_clear(&c->seal);
    seal_append(&c->seal, c->ask->provider, c->context->id, bound);
    return buf_slice(&c->seal);
}

struct slice composer_id(struct composer *c, struct slice prefix)
{
    buf_clear(&c->token);
    buf_printf(&c->token, "%.*ssim%016" PRIx64, SLICE_ARG(prefix), c->context->id);
    return buf_slice(&c->token);
}

void composer_member_id(struct composer *c, struct slice name, struct slice prefix)
{
    char id[64];
    int len = snprintf(id, sizeof(id), "%.*ssim%016" PRIx64, SLICE_ARG(prefix), c->context->id);
    json_member_string(&c->w, name, slice_of(id, (size_t)len));
}

void composer_member_call_id(struct composer *c, struct slice name, struct slice prefix, unsigned call)
{
    char id[64];
    int len = snprintf(id, sizeof(id), "%.*ssim%016" PRIx64 "c%u", SLICE_ARG(prefix), c->context->id, call);
    json_member_string(&c->w, name, slice_of(id, (size_t)len));
}

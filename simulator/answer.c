// SPDX-License-Identifier: MIT
#include "simulator/answer.h"

#include <assert.h>
#include <zlib.h>

#include "simulator/composer.h"
#include "simulator/prose.h"
#include "simulator/receipt.h"
#include "simulator/sample.h"

enum { REASONING_TOKENS = 10, CACHE_READ = 3, CACHE_WRITE = 2 };

// Stands in a giant body where its text goes; nothing else in an answer has this character.
static const struct slice giant_mark = SLICE_INIT("\x7f\x7f\x7f");

struct answer *answer_ref(struct answer *answer)
{
    answer->n_refs++;
    return answer;
}

void answer_unref(struct answer *answer)
{
    if (answer && --answer->n_refs == 0) {
        buf_deinit(&answer->headers);
        buf_deinit(&answer->bytes);
        buf_deinit(&answer->giant.piece);
        mem_free(answer->events);
        mem_free(answer);
    }
}

struct slice answer_event(const struct answer *answer, size_t index)
{
    size_t start = index == 0 ? 0 : answer->events[index - 1].end;
    return slice_of(answer->bytes.ptr + start, answer->events[index].end - start);
}

static enum script_kind kind_of(const struct ask *ask, const struct script *script)
{
    enum script_kind kind = (enum script_kind)script->kind;
    if (kind == SCRIPT_KIND_UNSET) {
        kind = ask->forces_call || script->tool.ptr ? SCRIPT_KIND_TOOL : SCRIPT_KIND_TEXT;
    }
    if (script->tool.ptr && !ask_offers(ask, script->tool)) {
        kind = SCRIPT_KIND_TEXT;
    }
    // Who has got the result of a call wants to hear about it; calling again would go on for ever.
    bool is_call = kind == SCRIPT_KIND_TOOL || kind == SCRIPT_KIND_TOOLS;
    return is_call && ask->has_result ? SCRIPT_KIND_TEXT : kind;
}

struct answer_usage answer_usage_of(const struct ask *ask, const struct script *script,
                                    const struct answer_context *context)
{
    uint64_t input = context->input_tokens ? context->input_tokens : (ask->body_len + 3) / 4;
    bool has_cache = input > CACHE_READ + CACHE_WRITE;
    enum script_kind kind = kind_of(ask, script);
    return (struct answer_usage){
        .input = input,
        .cache_read = has_cache ? CACHE_READ : 0,
        .cache_write = has_cache ? CACHE_WRITE : 0,
        .output = (uint64_t)script->tokens,
        .reasoning = script->thoughts != SCRIPT_NONE ? (uint64_t)script->thoughts
                     : kind == SCRIPT_KIND_REASONING ? REASONING_TOKENS
                                                     : 0,
    };
}

// A text that does not come out of a book: what has arrived, or an object of the form that was asked for.
static void write_own_text(struct composer *c)
{
    struct arena arena;
    struct json_doc doc = {0};
    struct json_writer w;
    arena_init(&arena, 4096);
    if (c->script->echo) {
        receipt_write(&c->text, &arena, c->context->body);
    } else {
        bool has_schema = c->ask->schema.len > 0 && json_parse(&doc, &arena, c->ask->schema, NULL) == 0;
        json_writer_init(&w, &c->text);
        sample_write(&w, &doc, has_schema ? json_root(&doc) : NULL);
    }
    arena_deinit(&arena);
    c->has_own_text = true;
    c->n_text = (c->text.len + COMPOSER_OWN_PIECE - 1) / COMPOSER_OWN_PIECE;
}

static void plan_calls(struct composer *c)
{
    static const struct slice arguments[] = {SLICE_INIT("{\"city\":\"Paris\"}"), SLICE_INIT("{\"city\":\"London\"}")};
    for (unsigned i = 0; i < c->n_calls; i++) {
        unsigned tool = i < c->ask->n_tools ? i : 0;
        c->calls[i].name = c->ask->n_tools > 0 ? c->ask->tools[tool] : SLICE("get_weather");
        c->calls[i].name = c->script->tool.ptr ? c->script->tool : c->calls[i].name;
        c->calls[i].arguments = c->script->args.ptr ? c->script->args : arguments[i];
    }
}

// What is to be said, in any dialect.
static void plan(struct composer *c)
{
    enum script_kind kind = kind_of(c->ask, c->script);
    c->is_refusal = kind == SCRIPT_KIND_REFUSAL;
    c->n_calls = kind == SCRIPT_KIND_TOOLS ? 2 : (kind == SCRIPT_KIND_TOOL ? 1 : 0);
    c->n_reasoning = c->usage.reasoning;
    c->n_text = c->n_calls || c->is_refusal ? 0 : (uint64_t)c->script->tokens;
    plan_calls(c);
    for (uint64_t i = 0; i < c->n_reasoning; i++) {
        buf_append(&c->reasoning, composer_reasoning_delta(c, i));
    }
    if (c->script->giant) {
        // A stream's closing events repeat only a few words of it.
        buf_append(&c->text, c->answer->is_stream ? SLICE("(see the deltas)") : giant_mark);
        return;
    }
    bool has_text = !c->n_calls && !c->is_refusal;
    if (has_text && (c->script->echo || c->ask->wants_json)) {
        write_own_text(c);
        return;
    }
    for (uint64_t i = 0; i < c->n_text; i++) {
        buf_append(&c->text, composer_text_delta(c, i));
    }
}

static void write_count(struct composer *c)
{
    composer_begin(c);
    if (c->ask->provider == PROVIDER_GEMINI) {
        json_member_int(&c->w, SLICE("totalTokens"), (int64_t)c->usage.input);
        json_key(&c->w, SLICE("promptTokensDetails"));
        json_begin_array(&c->w);
        json_begin_object(&c->w);
        json_member_string(&c->w, SLICE("modality"), SLICE("TEXT"));
        json_member_int(&c->w, SLICE("tokenCount"), (int64_t)c->usage.input);
        json_end_object(&c->w);
        json_end_array(&c->w);
    } else {
        if (c->ask->provider == PROVIDER_RESPONSES) {
            json_member_string(&c->w, SLICE("object"), SLICE("response.input_tokens"));
        }
        json_member_int(&c->w, SLICE("input_tokens"), (int64_t)c->usage.input);
    }
    composer_end(c, SLICE_EMPTY);
}

static void write_generated(struct composer *c)
{
    static void (*const streams[])(struct composer *) = {
        [PROVIDER_ANTHROPIC] = answer_anthropic_stream,
        [PROVIDER_CHAT] = answer_chat_stream,
        [PROVIDER_RESPONSES] = answer_responses_stream,
        [PROVIDER_GEMINI] = answer_gemini_stream,
    };
    static void (*const bodies[])(struct composer *) = {
        [PROVIDER_ANTHROPIC] = answer_anthropic_body,
        [PROVIDER_CHAT] = answer_chat_body,
        [PROVIDER_RESPONSES] = answer_responses_body,
        [PROVIDER_GEMINI] = answer_gemini_body,
    };
    plan(c);
    (c->answer->is_stream ? streams : bodies)[c->ask->provider](c);
}

// Takes the mark out of a giant body and notes where it was.
static void open_giant_body(struct answer *answer, uint64_t giant)
{
    size_t at = slice_find(buf_slice(&answer->bytes), giant_mark);
    if (at == SLICE_NOT_FOUND) {
        return; // an answer without text: a call, a refusal
    }
    memmove(answer->bytes.ptr + at, answer->bytes.ptr + at + giant_mark.len, answer->bytes.len - at - giant_mark.len);
    answer->bytes.len -= giant_mark.len;
    answer->giant.at_byte = at;
    answer->giant.n_pieces = (giant + COMPOSER_GIANT_PIECE - 1) / COMPOSER_GIANT_PIECE;
    answer->giant.last_piece = giant - (answer->giant.n_pieces - 1) * COMPOSER_GIANT_PIECE;
    prose_append(&answer->giant.piece, COMPOSER_GIANT_PIECE);
}

// Compresses event by event, each flushed, so that a stream stays one.
static void compress_events(struct answer *answer)
{
    struct buf plain = answer->bytes;
    answer->bytes = BUF_EMPTY;
    z_stream z = {0};
    int r = deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    assert(r == Z_OK);
    size_t start = 0;
    for (size_t i = 0; i < answer->n_events; i++) {
        size_t len = answer->events[i].end - start;
        size_t room = deflateBound(&z, len) + 64; // and an empty block for the flush
        z.next_in = (Bytef *)plain.ptr + start;
        z.avail_in = (uInt)len;
        z.next_out = (Bytef *)buf_reserve(&answer->bytes, room);
        z.avail_out = (uInt)room;
        r = deflate(&z, i + 1 == answer->n_events ? Z_FINISH : Z_SYNC_FLUSH);
        assert(r == Z_OK || r == Z_STREAM_END);
        answer->bytes.len += room - z.avail_out;
        start = answer->events[i].end;
        answer->events[i].end = answer->bytes.len;
    }
    deflateEnd(&z);
    buf_deinit(&plain);
    buf_append(&answer->headers, SLICE("content-encoding: gzip\r\n"));
}

static void write_headers(struct answer *answer, const struct ask *ask, const struct answer_context *context)
{
    bool is_sse = answer->is_stream && !ask->is_array;
    buf_append(&answer->headers, is_sse ? SLICE("content-type: text/event-stream; charset=utf-8\r\n"
                                                "cache-control: no-cache\r\n")
                                        : SLICE("content-type: application/json\r\n"));
    if (ask->provider == PROVIDER_ANTHROPIC) {
        buf_printf(&answer->headers, "request-id: req_sim%016llx\r\n", (unsigned long long)context->id);
    } else if (ask->provider != PROVIDER_GEMINI) {
        buf_printf(&answer->headers, "x-request-id: req_sim%016llx\r\n", (unsigned long long)context->id);
    }
}

struct answer *answer_compose(const struct ask *ask, const struct script *script, const struct answer_context *context)
{
    struct answer *answer = mem_zalloc(sizeof(*answer));
    struct composer c = {.ask = ask, .script = script, .context = context, .answer = answer};
    bool is_count = ask->action == ASK_COUNT_TOKENS;
    answer->n_refs = 1;
    answer->status = 200;
    answer->script = *script;
    script_drop_texts(&answer->script);
    bool wants_stream = script->form == SCRIPT_FORM_AS_ASKED ? ask->is_stream : script->form == SCRIPT_FORM_SSE;
    answer->is_stream = wants_stream && !is_count;
    c.usage = answer_usage_of(ask, script, context);
    c.answer->usage = c.usage;
    write_headers(answer, ask, context);
    (is_count ? write_count : write_generated)(&c);
    if (script->giant && !answer->is_stream) {
        open_giant_body(answer, (uint64_t)script->giant);
    }
    if (ask->is_array && answer->is_stream && !script->no_done && !c.is_over) {
        buf_append_char(&answer->bytes, ']');
        answer->events[answer->n_events - 1].end++;
    }
    if (script->gzip) {
        compress_events(answer);
    }
    buf_deinit(&c.data);
    buf_deinit(&c.token);
    buf_deinit(&c.text);
    buf_deinit(&c.reasoning);
    buf_deinit(&c.seal);
    return answer;
}

// SPDX-License-Identifier: MIT
#include "dialect/stop_scanner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/event_trace.h"

enum { STOPS_MAX = 70 };

// An answer, the stage, and what comes out of it.
struct fixture {
    struct arena arena;
    struct json_doc doc;
    struct neutral_request req;
    const struct json_node *stops[STOPS_MAX];
    struct answer_context context;
    struct event_trace trace;
    struct buf text; // of candidate 0, escaped
    struct slice stop_sequence;
    const char *passed; // where the latest delta lies
    struct stop_scanner *scanner;
    struct answer *answer;
};

static void take(void *arg, const struct neutral_event *event)
{
    struct fixture *f = arg;
    struct event_sink sink = event_trace_sink(&f->trace);
    if (event->kind == EVENT_DELTA && event->block->kind == BLOCK_TEXT && event->block->candidate == 0) {
        buf_append(&f->text, event->text);
        f->passed = event->text.ptr;
    }
    if (event->kind == EVENT_FINISH && event->candidate == 0) {
        f->stop_sequence = event->finish->stop_sequence;
    }
    sink.take(sink.arg, event);
}

// `stops` is a JSON array of strings.
static void begin(struct fixture *f, const char *stops, int64_t n_candidates)
{
    *f = (struct fixture){0};
    arena_init(&f->arena, 4096);
    assert_int_equal(json_parse(&f->doc, &f->arena, slice_from_cstr(stops), NULL), 0);
    neutral_request_init(&f->req, DIALECT_CHAT, &f->doc);
    const struct json_node *stop = NULL;
    while (json_next_element(&f->doc, json_root(&f->doc), &stop)) {
        f->stops[f->req.n_stops++] = stop;
    }
    f->req.stops = f->stops;
    f->req.n_candidates = n_candidates;
    f->context = (struct answer_context){
        .arena = &f->arena, .client = DIALECT_CHAT, .req = &f->req, .token = SLICE("0123456789ABCDEFGHIJKLMN")};
    event_trace_init(&f->trace);
    f->scanner = stop_scanner_new(&f->arena, &f->req, (struct event_sink){take, f});
    f->answer = answer_new(&f->context, stop_scanner_sink(f->scanner));
}

static void end(struct fixture *f)
{
    buf_deinit(&f->text);
    stop_scanner_deinit(f->scanner);
    answer_deinit(f->answer);
    event_trace_deinit(&f->trace);
    arena_deinit(&f->arena);
}

static void say(struct fixture *f, uint32_t candidate, struct slice text)
{
    answer_delta(f->answer, answer_flow(f->answer, candidate, BLOCK_TEXT, false), text);
}

static void finish(struct fixture *f, uint32_t candidate)
{
    answer_finish(f->answer, candidate, &(struct finish){.reason = FINISH_LENGTH});
}

static void assert_words(struct fixture *f, const char *words)
{
    assert_string_equal(event_trace_words(&f->trace), words);
}

// ---- what matters where

static void only_text_is_looked_at(void **state)
{
    struct fixture f;
    begin(&f, "[\"END\"]", 1);
    struct neutral_block *block = answer_open(f.answer, 0, &(struct neutral_block){.kind = BLOCK_REASONING});
    answer_delta(f.answer, block, SLICE("END"));
    answer_close(f.answer, block, false);
    block = answer_open(f.answer, 0, &(struct neutral_block){.kind = BLOCK_CALL, .name = SLICE("f")});
    answer_delta(f.answer, block, SLICE("END"));
    answer_close(f.answer, block, true);
    say(&f, 0, SLICE("EN"));
    finish(&f, 0);
    answer_end(f.answer, true);
    assert_words(&f, "S +0.0reasoning 0.0(END) -0.0 +0.1call:f 0.1(END) -0.1! +0.2text 0.2(EN) -0.2 F0:length E");
    end(&f);
}

static void texts_of_two_blocks_are_two_texts(void **state)
{
    struct fixture f;
    begin(&f, "[\"END\"]", 1);
    struct neutral_block *a = answer_open(f.answer, 0, &(struct neutral_block){.kind = BLOCK_TEXT});
    struct neutral_block *b = answer_open(f.answer, 0, &(struct neutral_block){.kind = BLOCK_TEXT});
    answer_delta(f.answer, a, SLICE("xE"));
    answer_delta(f.answer, b, SLICE("ND"));
    answer_delta(f.answer, b, SLICE("E"));
    answer_delta(f.answer, a, SLICE("ND"));
    finish(&f, 0);
    answer_end(f.answer, true);
    assert_words(&f, "S +0.0text +0.1text 0.0(x) 0.0(E) 0.1(ND) 0.1(E) 0.0(ND) -0.0 -0.1 F0:length E");
    end(&f);
}

static void a_hit_ends_everything(void **state)
{
    struct fixture f;
    begin(&f, "[\"no\",\"E\\u004eD\"]", 1);
    answer_usage(f.answer, &(struct usage){1, 2, -1, -1, -1});
    struct neutral_block *call = answer_open(f.answer, 0, &(struct neutral_block){.kind = BLOCK_CALL});
    say(&f, 0, SLICE("ab E"));
    assert_words(&f, "S +0.0call: +0.1text 0.1(ab )");
    say(&f, 0, SLICE("NDless"));
    assert_words(&f, "S +0.0call: +0.1text 0.1(ab ) -0.0! -0.1 F0:stop_sequence E");
    assert_true(slice_eq(f.stop_sequence, SLICE("E\\u004eD")));
    // Whatever comes after it is not heard.
    answer_delta(f.answer, call, SLICE("{}"));
    say(&f, 0, SLICE("more"));
    finish(&f, 0);
    answer_end(f.answer, true);
    assert_words(&f, "S +0.0call: +0.1text 0.1(ab ) -0.0! -0.1 F0:stop_sequence E");
    end(&f);
}

static void a_call_that_was_made_is_told_of(void **state)
{
    struct fixture f;
    begin(&f, "[\"END\"]", 1);
    struct neutral_block *call = answer_open(f.answer, 0, &(struct neutral_block){.kind = BLOCK_CALL});
    answer_delta(f.answer, call, SLICE("{}"));
    say(&f, 0, SLICE("END"));
    assert_words(&f, "S +0.0call: 0.0({}) +0.1text -0.0 -0.1 F0:tool_calls E");
    end(&f);
}

static void candidates_stop_on_their_own(void **state)
{
    struct fixture f;
    begin(&f, "[\"END\"]", 2);
    say(&f, 0, SLICE("a END b"));
    say(&f, 1, SLICE("c EN"));
    say(&f, 0, SLICE("d"));
    say(&f, 1, SLICE("e"));
    finish(&f, 0);
    finish(&f, 1);
    answer_end(f.answer, true);
    assert_words(&f, "S +0.0text 0.0(a ) -0.0 +1.0text 1.0(c ) 1.0(ENe) -1.0 F0:stop_sequence F1:length E");
    end(&f);

    begin(&f, "[\"END\"]", 2);
    say(&f, 1, SLICE("END"));
    say(&f, 0, SLICE("a"));
    assert_words(&f, "S +1.0text -1.0 +0.0text 0.0(a)");
    say(&f, 0, SLICE("END"));
    assert_words(&f, "S +1.0text -1.0 +0.0text 0.0(a) -0.0 F0:stop_sequence F1:stop_sequence E");
    end(&f);
}

static void an_error_is_still_one(void **state)
{
    struct fixture f;
    begin(&f, "[\"END\"]", 1);
    say(&f, 0, SLICE("aE"));
    answer_end(f.answer, false);
    assert_words(&f, "S +0.0text 0.0(a) X:upstream_truncated");
    end(&f);
}

static void sequences_that_the_upstream_knows_are_left_to_it(void **state)
{
    struct fixture f;
    begin(&f, "[\"A\",\"B\"]", 1);
    f.req.n_stops_sent = 1;
    struct stop_scanner *scanner = stop_scanner_new(&f.arena, &f.req, (struct event_sink){take, &f});
    struct answer *answer = answer_new(&f.context, stop_scanner_sink(scanner));
    answer_delta(answer, answer_flow(answer, 0, BLOCK_TEXT, false), SLICE("xAyB"));
    assert_words(&f, "S +0.0text 0.0(xAy) -0.0 F0:stop_sequence E");
    stop_scanner_deinit(scanner);
    answer_deinit(answer);
    end(&f);
}

static void what_cannot_be_looked_for_is_left_out(void **state)
{
    struct fixture f;
    struct buf stops = BUF_EMPTY;
    buf_printf(&stops, "[\"\",5,\"%0*d\"", STOP_LEN_MAX + 1, 0);
    for (int i = 0; i < STOPS_MAX - 4; i++) {
        buf_printf(&stops, ",\"<%d>\"", i);
    }
    buf_append(&stops, SLICE("]\0"));
    begin(&f, stops.ptr, 1);
    say(&f, 0, SLICE("000<65>"));
    say(&f, 0, SLICE("<63>"));
    assert_words(&f, "S +0.0text 0.0(000<65>) -0.0 F0:stop_sequence E");
    buf_deinit(&stops);
    end(&f);
}

static void a_text_that_cannot_matter_is_not_copied(void **state)
{
    static const struct slice text = SLICE_INIT("hello world");
    struct fixture f;
    begin(&f, "[\"END\",\"\\n\\n\"]", 1);
    say(&f, 0, text);
    assert_ptr_equal(f.passed, text.ptr);
    end(&f);
}

// ---- against a plain search

// Where a text is cut: at the beginning of the stop sequence that is complete first; of several the longest.
static size_t find_cut(struct slice text, const struct slice *stops, size_t n_stops)
{
    for (size_t to = 1; to <= text.len; to++) {
        size_t cut = SIZE_MAX;
        for (size_t i = 0; i < n_stops; i++) {
            size_t from = to - stops[i].len;
            if (stops[i].len <= to && slice_eq(slice_of(text.ptr + from, stops[i].len), stops[i]) && from < cut) {
                cut = from;
            }
        }
        if (cut != SIZE_MAX) {
            return cut;
        }
    }
    return SIZE_MAX;
}

// The escaped text in pieces of `piece` bytes, the first one of `first`.
static void assert_cut(const char *stops_json, struct slice escaped, size_t first, size_t piece)
{
    struct fixture f;
    struct slice stops[STOPS_MAX];
    begin(&f, stops_json, 1);
    for (size_t i = 0; i < f.req.n_stops; i++) {
        stops[i] = json_string(&f.doc, f.stops[i], &f.arena);
    }
    struct slice text = json_unescape(escaped, &f.arena);
    size_t cut = find_cut(text, stops, f.req.n_stops);
    for (struct slice rest = escaped; rest.len;) {
        size_t len = rest.len < first ? rest.len : first;
        // Just as long as the piece, so that reading past its end is seen.
        char *copy = mem_alloc(len);
        memcpy(copy, rest.ptr, len);
        say(&f, 0, slice_of(copy, len));
        mem_free(copy);
        rest = slice_after(rest, len);
        first = piece;
    }
    assert_int_equal(f.trace.is_over, cut != SIZE_MAX);
    finish(&f, 0);
    answer_end(f.answer, true);
    text.len = cut < text.len ? cut : text.len;
    assert_true(slice_eq(json_unescape(buf_slice(&f.text), &f.arena), text));
    end(&f);
}

static void a_split_makes_no_difference(void **state)
{
    static const struct {
        const char *stops;
        const char *text; // escaped
    } rows[] = {
        {"[\"END\"]", "some text END more"},
        {"[\"END\"]", "EENEND"},
        {"[\"END\"]", "E\\u004ED"},
        {"[\"aab\"]", "aaaab"},
        {"[\"abab\",\"b\"]", "xabab"},
        {"[\"abcd\",\"bc\"]", "abcd"},
        {"[\"cd\",\"abcd\"]", "abcd"},
        {"[\"\\n\\nHuman:\"]", "yes\\n\\nHuman: no"},
        {"[\"\\n\\nHuman:\"]", "yes\\n\\n\\nHuman: no"},
        {"[\"\\n\\nHuman:\"]", "yes\\n\\nHum"},
        {"[\"\\\"\"]", "say \\\"hi\\\""},
        {"[\"\\\\\"]", "a\\\\b"},
        {"[\"/\"]", "a\\/b"},
        {"[\"\\t\"]", "\\b\\f\\r\\n\\t"},
        {"[\"\xC3\xA9\"]", "caf\xC3\xA9 noir"},
        {"[\"\xC3\xA9\"]", "caf\\u00e9 noir"},
        {"[\"\\u00e9\"]", "caf\xC3\xA9 noir"},
        {"[\"\xC3\xA9\"]", "\xC3\xA8\xC3\xA9"},
        {"[\"\xF0\x9F\x98\x80\"]", "a\xF0\x9F\x98\x81\xF0\x9F\x98\x80z"},
        {"[\"\xF0\x9F\x98\x80\"]", "a\\ud83d\\ude01\\uD83D\\uDE00z"},
        {"[\"\\ud83d\\ude00!\"]", "a\xF0\x9F\x98\x80?\xF0\x9F\x98\x80!"},
        {"[\"x\"]", "a\\ud83d\\ud83dx"},
        {"[\"x\"]", "a\\ud83d\\nb\\udc00c"},
        {"[\"x\"]", "a\\ud83d"},
        {"[\"\\u0000\"]", "a\\u0000b"},
        {"[\"ab\",\"ab\"]", "aab"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct slice text = slice_from_cstr(rows[i].text);
        for (size_t at = 1; at <= text.len; at++) {
            assert_cut(rows[i].stops, text, at, text.len);
            assert_cut(rows[i].stops, text, text.len, at);
            assert_cut(rows[i].stops, text, at, at);
            assert_cut(rows[i].stops, text, at, 1);
        }
    }
}

static uint32_t roll(uint32_t *dice, uint32_t sides)
{
    *dice = *dice * 1664525 + 1013904223;
    return (*dice >> 8) % sides;
}

static void append_random(struct buf *out, uint32_t *dice, uint32_t n)
{
    static const char *const CHARACTERS[] = {
        "a", "b", "a", "b", "\\n", "\\u0061", "\xC3\xA9", "\\u00e9", "\\\"", "\xF0\x9F\x98\x80", "\\ud83d\\ude00"};
    for (; n > 0; n--) {
        buf_append(out, slice_from_cstr(CHARACTERS[roll(dice, sizeof(CHARACTERS) / sizeof(*CHARACTERS))]));
    }
}

static void texts_of_few_characters_are_cut_as_a_plain_search_does(void **state)
{
    uint32_t dice = 11;
    for (int round = 0; round < 3000; round++) {
        struct buf stops = BUF_EMPTY;
        struct buf text = BUF_EMPTY;
        buf_append(&stops, SLICE("[\""));
        append_random(&stops, &dice, 1 + roll(&dice, 5));
        for (uint32_t n = roll(&dice, 3); n > 0; n--) {
            buf_append(&stops, SLICE("\",\""));
            append_random(&stops, &dice, 1 + roll(&dice, 7));
        }
        buf_append(&stops, SLICE("\"]\0"));
        append_random(&text, &dice, 1 + roll(&dice, 40));
        assert_cut(stops.ptr, buf_slice(&text), 1 + roll(&dice, 12), 1 + roll(&dice, 9));
        buf_deinit(&stops);
        buf_deinit(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_text_is_looked_at),
        cmocka_unit_test(texts_of_two_blocks_are_two_texts),
        cmocka_unit_test(a_hit_ends_everything),
        cmocka_unit_test(a_call_that_was_made_is_told_of),
        cmocka_unit_test(candidates_stop_on_their_own),
        cmocka_unit_test(an_error_is_still_one),
        cmocka_unit_test(sequences_that_the_upstream_knows_are_left_to_it),
        cmocka_unit_test(what_cannot_be_looked_for_is_left_out),
        cmocka_unit_test(a_text_that_cannot_matter_is_not_copied),
        cmocka_unit_test(a_split_makes_no_difference),
        cmocka_unit_test(texts_of_few_characters_are_cut_as_a_plain_search_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

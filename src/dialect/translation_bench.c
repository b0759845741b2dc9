// SPDX-License-Identifier: MIT
// What translating one event of a stream costs. Prints one line per pair of dialects: "upstream → client   N ns/event",
// the median of many streams of text.
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "dialect/translate.h"

enum { N_DELTAS = 120, N_STREAMS = 2000 };

// A stream in one dialect: what comes before the text, each piece of it, and what comes after.
struct script {
    const char *const head[8];
    const char *const delta;
    const char *const tail[8];
    const char *const request;
};

static const struct script scripts[N_DIALECTS] = {
    [DIALECT_ANTHROPIC] =
        {.head =
             {"{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\","
              "\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":"
              "10,\"output_tokens\":1}}}",
              "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}"},
         .delta =
             "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"some text, "
             "\\\"quoted\\\"\\n\"}}",
         .tail =
             {"{\"type\":\"content_block_stop\",\"index\":0}",
              "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{"
              "\"output_tokens\":120}}",
              "{\"type\":\"message_stop\"}"},
         .request = "{\"model\":\"m\",\"max_tokens\":100,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":"
                    "\"Hello\"}]}"},
    [DIALECT_CHAT] =
        {.head = {"{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\","
                  "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":"
                  "null}]}"},
         .delta =
             "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\","
             "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"some text, \\\"quoted\\\"\\n\"},\"logprobs\":null,"
             "\"finish_reason\":null}]}",
         .tail = {"{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\","
                  "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}",
                  "[DONE]"},
         .request = "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}"},
    [DIALECT_RESPONSES] =
        {.head = {"{\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":"
                  "\"response\",\"created_at\":1700000000,\"status\":\"in_progress\",\"model\":\"m\",\"output\":[]}}",
                  "{\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":{\"id\":"
                  "\"msg_1\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}",
                  "{\"type\":\"response.content_part.added\",\"sequence_number\":2,\"item_id\":\"msg_1\",\"output_"
                  "index\":0,"
                  "\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[]}}"},
         .delta =
             "{\"type\":\"response.output_text.delta\",\"sequence_number\":3,\"item_id\":\"msg_1\",\"output_index\":0,"
             "\"content_index\":0,\"delta\":\"some text, \\\"quoted\\\"\\n\",\"logprobs\":[]}",
         .tail =
             {"{\"type\":\"response.completed\",\"sequence_number\":9,\"response\":{\"id\":\"resp_1\",\"object\":"
              "\"response\",\"created_at\":1700000000,\"status\":\"completed\",\"model\":\"m\",\"output\":[],\"usage\":"
              "{\"input_tokens\":10,\"output_tokens\":120,\"total_tokens\":130}}}"},
         .request = "{\"model\":\"m\",\"stream\":true,\"input\":\"Hello\"}"},
    [DIALECT_GEMINI] =
        {.head = {NULL},
         .delta =
             "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"some text, "
             "\\\"quoted\\\"\\n\"}]},"
             "\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":10,\"totalTokenCount\":10},\"modelVersion\":\"m\","
             "\"responseId\":\"r\"}",
         .tail = {"{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},\"finishReason\":"
                  "\"STOP\","
                  "\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":120,"
                  "\"totalTokenCount\":130},\"modelVersion\":\"m\",\"responseId\":\"r\"}"},
         .request = "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hello\"}]}]}"},
};

static void feed_all(struct translation *translation, const char *const *events, struct buf *out)
{
    for (; *events; events++) {
        buf_clear(out);
        translation_feed(translation, SLICE_EMPTY, slice_from_cstr(*events), out);
    }
}

// Nanoseconds for the deltas of one stream.
static uint64_t time_stream(const struct translated_request *request, enum dialect upstream, enum dialect client,
                            struct buf *out)
{
    const struct script *script = &scripts[upstream];
    struct slice delta = slice_from_cstr(script->delta);
    struct arena arena;
    arena_init(&arena, 4096);
    struct answer_context context = {
        .arena = &arena,
        .upstream = upstream,
        .client = client,
        .client_model = SLICE("m"),
        .req = &request->req,
        .token = SLICE("ABCDEFGHIJKLMNOPQRSTUVWX"),
        .now_s = 1700000000,
        .estimated_input = -1,
    };
    struct translation *translation = translation_new(&context);
    feed_all(translation, script->head, out);
    uint64_t from = clock_monotonic_ns();
    for (int i = 0; i < N_DELTAS; i++) {
        buf_clear(out);
        translation_feed(translation, SLICE_EMPTY, delta, out);
    }
    uint64_t took = clock_monotonic_ns() - from;
    feed_all(translation, script->tail, out);
    translation_finish(translation, out);
    if (!translation_is_over(translation) || translation_error(translation)) {
        fprintf(stderr, "a stream of %s did not end well\n", dialect_name(upstream));
        exit(1);
    }
    translation_deinit(translation);
    arena_deinit(&arena);
    return took;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static void measure(enum dialect upstream, enum dialect client)
{
    struct translate_options options = {.client = client,
                                        .upstream = upstream,
                                        .upstream_model = SLICE("m"),
                                        .wants_stream = true,
                                        .has_stream_in_path = true};
    struct translated_request request;
    struct json_doc doc;
    struct arena arena;
    struct buf out = BUF_EMPTY;
    static uint64_t times[N_STREAMS];
    arena_init(&arena, 4096);
    if (json_parse(&doc, &arena, slice_from_cstr(scripts[client].request), NULL) != 0 ||
        !translate_request(&arena, &doc, &options, &request, &out)) {
        fprintf(stderr, "a request of %s was refused\n", dialect_name(client));
        exit(1);
    }
    for (int i = 0; i < N_STREAMS; i++) {
        times[i] = time_stream(&request, upstream, client, &out);
    }
    qsort(times, N_STREAMS, sizeof(*times), compare);
    printf("%s → %s   %lu ns/event\n", dialect_name(upstream), dialect_name(client),
           (unsigned long)(times[N_STREAMS / 2] / N_DELTAS));
    buf_deinit(&out);
    arena_deinit(&arena);
}

int main(void)
{
    for (int upstream = 0; upstream < N_DIALECTS; upstream++) {
        for (int client = 0; client < N_DIALECTS; client++) {
            if (upstream != client) {
                measure((enum dialect)upstream, (enum dialect)client);
            }
        }
    }
    return 0;
}

// SPDX-License-Identifier: MIT
// How fast requests are parsed. Prints one line per kind of request and record depth: bytes, MB/s, ns per parse.
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "json/json_reader.h"
#include "json/json_writer.h"

struct dice {
    uint64_t state;
};

static unsigned roll(struct dice *dice, unsigned n)
{
    dice->state = dice->state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)((dice->state >> 33) % n);
}

#define PICK(dice, table) slice_from_cstr((table)[roll(dice, sizeof(table) / sizeof(*(table)))])

static const char *const words[] = {"the ",     "request ",   "of a ",      "stream",  ", ",     "and ",
                                    "returns ", "when the ",  "buffer ",    "is ",     "full. ", "so ",
                                    "nothing",  "waits for ", "connection", " error ", "value ", "therefore "};
static const char *const code[] = {
    "    if (x) {\n", "return \"done\";\n", "// see `a`\n", "printf(\"%d\\n\", n);\n", "\n", "        i++;\n", "}\n",
    "for (;;) {\n"};
static const char *const chinese[] = {"请求", "的时候，", "网关", "返回一个", "错误。", "然后", "数据流", "\n"};

// Prose in paragraphs, with code and Chinese here and there.
static void write_text(struct dice *dice, struct json_writer *w, size_t len)
{
    struct buf text = BUF_EMPTY;
    while (text.len < len) {
        unsigned kind = roll(dice, 10);
        unsigned n = 20 + roll(dice, 60);
        for (unsigned i = 0; i < n && text.len < len; i++) {
            buf_append(&text, kind == 0 ? PICK(dice, chinese) : kind < 3 ? PICK(dice, code) : PICK(dice, words));
        }
        buf_append(&text, SLICE("\n\n"));
    }
    json_write_string(w, buf_slice(&text));
    buf_deinit(&text);
}

static void write_message(struct dice *dice, struct json_writer *w, const char *role, size_t len)
{
    json_begin_object(w);
    json_member_string(w, SLICE("role"), slice_from_cstr(role));
    json_key(w, SLICE("content"));
    if (roll(dice, 2)) {
        write_text(dice, w, len);
    } else {
        json_begin_array(w);
        json_begin_object(w);
        json_member_string(w, SLICE("type"), SLICE("text"));
        json_key(w, SLICE("text"));
        write_text(dice, w, len);
        json_end_object(w);
        json_end_array(w);
    }
    json_end_object(w);
}

static void write_tool(struct dice *dice, struct json_writer *w, int number)
{
    static const char *const names[] = {"path", "pattern", "limit", "offset", "command", "description", "timeout"};
    char name[32];
    snprintf(name, sizeof(name), "tool_%d", number);
    json_begin_object(w);
    json_member_string(w, SLICE("name"), slice_from_cstr(name));
    json_key(w, SLICE("description"));
    write_text(dice, w, 200);
    json_key(w, SLICE("input_schema"));
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("object"));
    json_key(w, SLICE("properties"));
    json_begin_object(w);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        json_key(w, slice_from_cstr(names[i]));
        json_begin_object(w);
        json_member_string(w, SLICE("type"), i == 2 ? SLICE("integer") : SLICE("string"));
        json_member_string(w, SLICE("description"), SLICE("What to look for"));
        json_member_int(w, SLICE("minLength"), (int64_t)i);
        json_member_bool(w, SLICE("nullable"), i & 1);
        json_end_object(w);
    }
    json_end_object(w);
    json_key(w, SLICE("required"));
    json_begin_array(w);
    json_write_string(w, SLICE("path"));
    json_write_string(w, SLICE("pattern"));
    json_end_array(w);
    json_member_bool(w, SLICE("additionalProperties"), false);
    json_end_object(w);
    json_end_object(w);
}

static void write_request(struct buf *out, int n_messages, size_t message_len, int n_tools)
{
    struct dice dice = {1};
    struct json_writer w;
    buf_clear(out);
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, SLICE("model"), SLICE("model-one"));
    json_member_int(&w, SLICE("max_tokens"), 4096);
    json_member_bool(&w, SLICE("stream"), true);
    json_key(&w, SLICE("temperature"));
    json_write_double(&w, 0.7);
    json_key(&w, SLICE("messages"));
    json_begin_array(&w);
    for (int i = 0; i < n_messages; i++) {
        write_message(&dice, &w, i % 2 ? "assistant" : "user", message_len);
    }
    json_end_array(&w);
    json_key(&w, SLICE("tools"));
    json_begin_array(&w);
    for (int i = 0; i < n_tools; i++) {
        write_tool(&dice, &w, i);
    }
    json_end_array(&w);
    json_end_object(&w);
}

static uint64_t parse_once(struct slice text, uint32_t record_depth)
{
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 4096);
    uint64_t start = clock_monotonic_ns();
    int r = json_parse(&doc, &arena, text, &(struct json_options){.record_depth = record_depth});
    uint64_t time = clock_monotonic_ns() - start;
    if (r != 0) {
        printf("%s at %zu\n", doc.error, doc.error_offset);
        exit(1);
    }
    arena_deinit(&arena);
    return time;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void measure(const char *name, struct slice text, uint32_t record_depth)
{
    enum { N = 1001 };
    static uint64_t times[N];
    for (int i = 0; i < N; i++) {
        times[i] = parse_once(text, record_depth);
    }
    qsort(times, N, sizeof(*times), compare);
    double ns = (double)times[N / 2];
    printf("%-16s %8zu bytes  record depth %u  %8.0f MB/s  %9.0f ns (best %9.0f)\n", name, text.len, record_depth,
           (double)text.len * 1000 / ns, ns, (double)times[0]);
}

int main(void)
{
    struct buf text = BUF_EMPTY;
    static const struct {
        const char *name;
        int n_messages;
        size_t message_len;
        int n_tools;
    } requests[] = {{"chat", 100, 10000, 0}, {"tools", 8, 500, 45}, {"small", 3, 80, 0}};
    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        write_request(&text, requests[i].n_messages, requests[i].message_len, requests[i].n_tools);
        measure(requests[i].name, buf_slice(&text), 3);
        measure(requests[i].name, buf_slice(&text), 0);
    }
    buf_deinit(&text);
    return 0;
}

// SPDX-License-Identifier: MIT
// Lines of the access log and what becomes of them; and lines of nonsense, of which always JSON must come.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "process/access_members.h"
#include "json/json_reader.h"

static void write(struct buf *out, struct slice line)
{
    struct json_writer w;
    buf_clear(out);
    json_writer_init(&w, out);
    json_begin_object(&w);
    access_members_write(&w, line);
    json_end_object(&w);
}

static const struct {
    const char *line;
    const char *json;
} rows[] = {
    {"GET / 200 0.0ms", "{\"method\":\"GET\",\"path\":\"/\",\"status\":200,\"duration_ms\":0.0}"},
    {"POST /v1/messages 200 12.3ms model=m in=5 out=7 endpoint=e credential=pool key=key_1 attempts=1 ttft=3.4ms "
     "reasoning=1 cache_read=2 cache_write=3 bytes=99 client=::1 id=abc trace=00-ab-cd-01",
     "{\"method\":\"POST\",\"path\":\"/v1/"
     "messages\",\"status\":200,\"duration_ms\":12.3,\"model\":\"m\",\"input_tokens\":5,"
     "\"output_tokens\":7,\"endpoint\":\"e\",\"credential\":\"pool\",\"key\":\"key_1\",\"attempts\":1,\"ttft_ms\":3.4,"
     "\"thinking_tokens\":1,\"cache_read_tokens\":2,\"cache_creation_tokens\":3,\"bytes\":99,\"client\":\"::1\","
     "\"id\":\"abc\",\"trace\":\"00-ab-cd-01\"}"},
    {"GET / 499 1.5ms detail=\"the client left\" trail=\"1:e key=k 429\"",
     "{\"method\":\"GET\",\"path\":\"/\",\"status\":499,\"duration_ms\":1.5,\"detail\":\"the client left\","
     "\"trail\":\"1:e key=k 429\"}"},
    // Neither a second time, nor what is there already, nor what no member can be called.
    {"GET / 200 1.0ms in=5 in=6 time=x message=x status=1 A=1 =2 a b",
     "{\"method\":\"GET\",\"path\":\"/\",\"status\":200,\"duration_ms\":1.0,\"input_tokens\":5}"},
    {"GET / 200 1.0ms in=5 input_tokens=6",
     "{\"method\":\"GET\",\"path\":\"/\",\"status\":200,\"duration_ms\":1.0,\"input_tokens\":5}"},
    // What is between quotes is one value, whatever it says.
    {"GET / 200 1.0ms model=\"x in=5 status=1\" out=3",
     "{\"method\":\"GET\",\"path\":\"/\",\"status\":200,\"duration_ms\":1.0,\"model\":\"x in=5 status=1\","
     "\"output_tokens\":3}"},
    // Cut lines.
    {"GET / 200 1.0ms detail=\"the clie",
     "{\"method\":\"GET\",\"path\":\"/\",\"status\":200,\"duration_ms\":1.0,\"detail\":\"the clie\"}"},
    {"GET / 200 1.0ms in=", "{\"method\":\"GET\",\"path\":\"/\",\"status\":200,\"duration_ms\":1.0}"},
    {"GET / 200 1.0ms client=",
     "{\"method\":\"GET\",\"path\":\"/\",\"status\":200,\"duration_ms\":1.0,\"client\":\"\"}"},
    {"GET / 2x0 1.0ms ttft=1", "{\"method\":\"GET\",\"path\":\"/\",\"duration_ms\":1.0}"},
    // Other lines, of which nothing is known.
    {"", "{}"},
    {"a message in=5", "{}"},
    {"GET / 200 01.0ms", "{}"},
    {"GET / 200 .5ms", "{}"},
    {"GET / 200 1.ms", "{}"},
    {"GET / 200 1.2.3ms", "{}"},
    {"GET / 200 -1ms", "{}"},
    {"GET / 200 ms", "{}"},
};

static void lines_become_members(void **state)
{
    (void)state;
    struct buf out = BUF_EMPTY;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        write(&out, slice_from_cstr(rows[i].line));
        if (!slice_eq(buf_slice(&out), slice_from_cstr(rows[i].json))) {
            fail_msg("%s: %.*s", rows[i].line, SLICE_ARG(buf_slice(&out)));
        }
    }
    buf_deinit(&out);
}

static void any_line_becomes_json(void **state)
{
    static const char *const parts[] = {"GET",
                                        " ",
                                        " ",
                                        "/",
                                        "200",
                                        "1.5ms",
                                        "0ms",
                                        "in=",
                                        "=",
                                        "\"",
                                        "out=7",
                                        "a",
                                        "time=1",
                                        "ttft=1.5ms",
                                        "ttft=01ms",
                                        "\xff",
                                        "detail=\"x y\"",
                                        "99999999999999999999"};
    (void)state;
    struct buf out = BUF_EMPTY;
    struct buf line = BUF_EMPTY;
    srand(7);
    for (unsigned round = 0; round < 20000; round++) {
        struct arena arena;
        struct json_doc doc;
        buf_clear(&line);
        buf_append(&line, round % 2 ? SLICE("GET / 200 1.5ms ") : SLICE(""));
        for (int n = rand() % 12; n > 0; n--) {
            buf_append(&line, slice_from_cstr(parts[(size_t)rand() % (sizeof(parts) / sizeof(*parts))]));
        }
        write(&out, buf_slice(&line));
        arena_init(&arena, 1024);
        if (json_parse(&doc, &arena, buf_slice(&out), NULL) != 0) {
            fail_msg("%.*s: %.*s", SLICE_ARG(buf_slice(&line)), SLICE_ARG(buf_slice(&out)));
        }
        arena_deinit(&arena);
    }
    buf_deinit(&out);
    buf_deinit(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_members),
        cmocka_unit_test(any_line_becomes_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

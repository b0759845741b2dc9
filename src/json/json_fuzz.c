// SPDX-License-Identifier: MIT
// Any bytes: the reader says the same whatever it records and wherever the text stands; the tape is sound; strings
// survive decoding and encoding; edits give JSON with that member changed.
#include <assert.h>
#include <stdlib.h>

#include "json/json_reader.h"
#include "json/json_splice.h"
#include "json/json_writer.h"
#include "json/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { PADDING = 64 };

static void check_utf8(struct slice text)
{
    size_t at = 0;
    while (at < text.len) {
        size_t len = utf8_char_len(text.ptr + at, text.ptr + text.len);
        if (len == 0) {
            break;
        }
        at += len;
    }
    assert(utf8_valid_len(text) == at);
}

static int parse(struct json_doc *doc, struct arena *arena, struct slice text, uint32_t record_depth)
{
    int r = json_parse(doc, arena, text, &(struct json_options){.record_depth = record_depth});
    assert((r == 0) == (doc->error == NULL) && (r == 0) == (doc->nodes != NULL));
    assert(doc->error_offset <= text.len);
    return r;
}

// What is recorded changes nothing about the verdict.
static void check_record_depths(struct arena *arena, struct slice text, int verdict, size_t error_offset)
{
    for (uint32_t depth = 1; depth <= 4; depth++) {
        struct json_doc doc;
        assert(parse(&doc, arena, text, depth) == verdict);
        assert(doc.error_offset == error_offset);
    }
}

// White space around it neither, though it moves the text against the blocks in which it is read.
static void check_padding(struct arena *arena, struct slice text, int verdict, uint32_t n_nodes)
{
    char *padded = mem_alloc(text.len + PADDING);
    size_t before = text.len % PADDING;
    memset(padded, ' ', text.len + PADDING);
    if (text.len) {
        memcpy(padded + before, text.ptr, text.len);
    }
    struct json_doc doc;
    assert(parse(&doc, arena, slice_of(padded, text.len + PADDING), 0) == verdict);
    assert(doc.n_nodes == n_nodes);
    mem_free(padded);
}

static void check_string(struct arena *arena, const struct json_doc *doc, const struct json_node *node)
{
    struct slice decoded = json_string(doc, node, arena);
    assert(json_string_is(doc, node, decoded));
    assert(utf8_valid_len(decoded) == decoded.len);
    struct buf again = BUF_EMPTY;
    struct json_writer writer;
    struct json_doc copy;
    json_writer_init(&writer, &again);
    json_write_string(&writer, decoded);
    assert(json_parse(&copy, arena, buf_slice(&again), NULL) == 0);
    assert(json_string_is(&copy, json_root(&copy), decoded));
    buf_deinit(&again);
}

static void check_number(struct arena *arena, const struct json_doc *doc, const struct json_node *node)
{
    double number;
    int64_t whole;
    if (json_int64(doc, node, &whole)) {
        assert(json_double(doc, node, &number) && (double)whole == number);
    }
    if (json_double(doc, node, &number)) {
        struct buf again = BUF_EMPTY;
        struct json_writer writer;
        struct json_doc copy;
        double back;
        json_writer_init(&writer, &again);
        json_write_double(&writer, number);
        assert(json_parse(&copy, arena, buf_slice(&again), NULL) == 0);
        assert(json_double(&copy, json_root(&copy), &back) && memcmp(&back, &number, sizeof(back)) == 0);
        buf_deinit(&again);
    }
}

static uint32_t count_children(const struct json_doc *doc, const struct json_node *node)
{
    const struct json_node *key;
    const struct json_node *value = NULL;
    uint32_t n = 0;
    while (json_next_member(doc, node, &key, &value)) {
        assert(json_is(key, JSON_STRING) && key->end < value->start);
        assert(value->start > node->start && value->end < node->end);
        n += 2;
    }
    for (value = NULL; json_next_element(doc, node, &value); n++) {
        assert(value->start > node->start && value->end < node->end);
    }
    return n;
}

static void check_tape(struct arena *arena, const struct json_doc *doc)
{
    uint32_t n = 1;
    for (uint32_t i = 0; i < doc->n_nodes; i++) {
        const struct json_node *node = &doc->nodes[i];
        assert(node->start < node->end && node->end <= doc->text.len);
        assert(node->next > i && node->next <= doc->n_nodes);
        n += count_children(doc, node);
        if (node->type == JSON_STRING) {
            check_string(arena, doc, node);
        } else if (node->type == JSON_NUMBER) {
            check_number(arena, doc, node);
        }
    }
    assert(n == doc->n_nodes); // every node has exactly one parent
}

static struct slice result_of(struct json_splice *splice)
{
    size_t n;
    size_t len;
    struct slice *slices = json_splice_result(splice, &n, &len);
    struct slice text = arena_concat(splice->arena, slices, n);
    assert(text.len == len);
    return text;
}

static void check_edits_of_object(struct arena *arena, const struct json_doc *doc, const struct json_node *object)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    struct json_splice splice;
    struct json_doc after;
    uint32_t index = (uint32_t)(object - doc->nodes);
    struct slice name = json_next_member(doc, object, &key, &value) ? json_string(doc, key, arena) : SLICE("none");
    json_splice_init(&splice, arena, doc);
    json_splice_remove(&splice, object, name);
    assert(json_parse(&after, arena, result_of(&splice), NULL) == 0);
    assert(json_is(&after.nodes[index], JSON_OBJECT) && !json_get(&after, &after.nodes[index], name));
    json_splice_set(&splice, object, name, SLICE("[1]"));
    json_splice_set(&splice, object, SLICE("model"), SLICE("\"m\""));
    assert(json_parse(&after, arena, result_of(&splice), NULL) == 0);
    struct slice expected = slice_eq(name, SLICE("model")) ? SLICE("\"m\"") : SLICE("[1]");
    assert(slice_eq(json_raw(&after, json_get(&after, &after.nodes[index], name)), expected));
    assert(json_string_is(&after, json_get(&after, &after.nodes[index], SLICE("model")), SLICE("m")));
}

static void check_edits_of_array(struct arena *arena, const struct json_doc *doc, const struct json_node *array)
{
    struct json_splice splice;
    struct json_doc after;
    const struct json_node *first = NULL;
    uint32_t index = (uint32_t)(array - doc->nodes);
    json_splice_init(&splice, arena, doc);
    json_splice_prepend(&splice, array, SLICE("-7"));
    assert(json_parse(&after, arena, result_of(&splice), NULL) == 0);
    assert(json_next_element(&after, &after.nodes[index], &first) && slice_eq(json_raw(&after, first), SLICE("-7")));
    assert(after.n_nodes == doc->n_nodes + 1);
}

static void check_edits(struct arena *arena, const struct json_doc *doc)
{
    enum { ENOUGH = 8 };
    struct json_splice splice;
    json_splice_init(&splice, arena, doc);
    assert(slice_eq(result_of(&splice), doc->text));
    int n = 0;
    for (uint32_t i = 0; i < doc->n_nodes && n < ENOUGH; i++) {
        if (doc->nodes[i].type == JSON_OBJECT) {
            check_edits_of_object(arena, doc, &doc->nodes[i]);
            n++;
        } else if (doc->nodes[i].type == JSON_ARRAY) {
            check_edits_of_array(arena, doc, &doc->nodes[i]);
            n++;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena;
    struct json_doc doc;
    struct slice text = slice_of((const char *)data, len);
    arena_init(&arena, 4096);
    int verdict = parse(&doc, &arena, text, 0);
    check_utf8(text);
    check_record_depths(&arena, text, verdict, doc.error_offset);
    check_padding(&arena, text, verdict, doc.n_nodes);
    if (verdict == 0) {
        check_tape(&arena, &doc);
        check_edits(&arena, &doc);
    }
    arena_deinit(&arena);
    return 0;
}

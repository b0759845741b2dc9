// SPDX-License-Identifier: MIT
#include "simulator/receipt.h"

#include <inttypes.h>

#include "base/fnv.h"
#include "json/json_reader.h"
#include "json/json_writer.h"

enum section { TEXTS, MEDIA, RESULTS, CALLS, TOOLS, N_SECTIONS };

struct receipt {
    struct arena *arena;
    struct json_doc doc;
    struct buf sections[N_SECTIONS];
    struct json_writer writers[N_SECTIONS];
};

static const struct json_node *get(struct receipt *receipt, const struct json_node *object, const char *name)
{
    return json_get(&receipt->doc, object, slice_from_cstr(name));
}

static struct slice text_of(struct receipt *receipt, const struct json_node *node)
{
    return json_string(&receipt->doc, node, receipt->arena);
}

static bool has_type(struct receipt *receipt, const struct json_node *object, const char *type)
{
    return json_string_is(&receipt->doc, get(receipt, object, "type"), slice_from_cstr(type));
}

static void say(struct receipt *receipt, enum section section, struct slice text)
{
    json_write_string(&receipt->writers[section], text);
}

static void say_media(struct receipt *receipt, struct slice type, struct slice base64)
{
    uint64_t checksum = fnv_add(FNV_START, base64);
    size_t len = base64.len;
    while (len > 0 && base64.ptr[len - 1] == '=') {
        len--;
    }
    say(receipt, MEDIA, arena_printf(receipt->arena, "%.*s %zu %016" PRIx64, SLICE_ARG(type), len * 3 / 4, checksum));
}

// A string in which a picture or a document may be.
static void look_at_address(struct receipt *receipt, const struct json_node *node)
{
    struct slice address = text_of(receipt, node);
    if (slice_starts_with(address, SLICE("data:"))) {
        struct slice data = slice_after(address, 5);
        struct slice type = slice_split(&data, ',');
        say_media(receipt, slice_split(&type, ';'), data);
    } else if (address.len > 0) {
        say(receipt, MEDIA, address);
    }
}

static void look_at_object(struct receipt *receipt, const struct json_node *object)
{
    static const char *const types[] = {"media_type", "mimeType", "mime_type"};
    static const char *const addresses[] = {"image_url", "file_data", "file_url", "fileUri", "url"};
    const struct json_node *data = get(receipt, object, "data");
    for (size_t i = 0; i < sizeof(types) / sizeof(*types) && json_is(data, JSON_STRING); i++) {
        const struct json_node *type = get(receipt, object, types[i]);
        if (json_is(type, JSON_STRING)) {
            say_media(receipt, text_of(receipt, type), text_of(receipt, data));
        }
    }
    for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
        const struct json_node *address = get(receipt, object, addresses[i]);
        if (json_is(address, JSON_STRING)) {
            look_at_address(receipt, address);
        }
    }
}

static struct slice raw_or_text(struct receipt *receipt, const struct json_node *node)
{
    return json_is(node, JSON_STRING) ? text_of(receipt, node) : json_raw(&receipt->doc, node);
}

static void look_at_call(struct receipt *receipt, const struct json_node *object, const char *arguments_name)
{
    const struct json_node *arguments = get(receipt, object, arguments_name);
    const struct json_node *name = get(receipt, object, "name");
    if (json_is(name, JSON_STRING) && arguments) {
        struct slice text = raw_or_text(receipt, arguments);
        say(receipt, CALLS,
            arena_printf(receipt->arena, "%.*s %.*s", SLICE_ARG(text_of(receipt, name)), SLICE_ARG(text)));
    }
}

// What a tool answered: the value under this name, if the object is a result.
static const struct json_node *result_of(struct receipt *receipt, const struct json_node *object)
{
    if (json_string_is(&receipt->doc, get(receipt, object, "role"), SLICE("tool")) ||
        has_type(receipt, object, "tool_result")) {
        return get(receipt, object, "content");
    }
    const struct json_node *response = get(receipt, get(receipt, object, "functionResponse"), "response");
    return response ? response : get(receipt, object, "output");
}

// Every text inside of `node`.
static void say_texts(struct receipt *receipt, enum section section, const struct json_node *node)
{
    if (json_is(node, JSON_STRING)) {
        say(receipt, section, text_of(receipt, node));
        return;
    }
    const struct json_node *end = receipt->doc.nodes + (node ? node->next : 0);
    for (const struct json_node *at = node; at && at < end; at++) {
        const struct json_node *text = json_is(at, JSON_OBJECT) ? get(receipt, at, "text") : NULL;
        text = text || !json_is(at, JSON_OBJECT) ? text : get(receipt, at, "output");
        text = text || !json_is(at, JSON_OBJECT) ? text : get(receipt, at, "error");
        if (json_is(text, JSON_STRING)) {
            say(receipt, section, text_of(receipt, text));
        }
    }
}

static void look_at_text(struct receipt *receipt, const struct json_node *object)
{
    const struct json_node *text = get(receipt, object, "text");
    text = text ? text : get(receipt, object, "content");
    if (json_is(text, JSON_STRING)) {
        say(receipt, TEXTS, text_of(receipt, text));
    }
}

// Media are looked for everywhere; what is inside of a result is no text of a message.
static void look_at_messages(struct receipt *receipt, const struct json_node *node)
{
    const struct json_node *end = receipt->doc.nodes + (node ? node->next : 0);
    const struct json_node *result_end = NULL;
    for (const struct json_node *at = node; at && at < end; at++) {
        if (!json_is(at, JSON_OBJECT)) {
            continue;
        }
        look_at_object(receipt, at);
        look_at_call(receipt, at, "arguments");
        look_at_call(receipt, at, "input");
        look_at_call(receipt, at, "args");
        const struct json_node *result = at < result_end ? NULL : result_of(receipt, at);
        if (result) {
            say_texts(receipt, RESULTS, result);
            result_end = receipt->doc.nodes + result->next;
        } else if (at >= result_end) {
            look_at_text(receipt, at);
        }
    }
}

static void look_at_tools(struct receipt *receipt, const struct json_node *tools)
{
    const struct json_node *end = receipt->doc.nodes + (tools ? tools->next : 0);
    for (const struct json_node *at = tools; at && at < end; at++) {
        const struct json_node *name = json_is(at, JSON_OBJECT) ? get(receipt, at, "name") : NULL;
        if (json_is(name, JSON_STRING)) {
            say(receipt, TOOLS, text_of(receipt, name));
        }
    }
}

static void look_at_body(struct receipt *receipt)
{
    static const char *const instructions[] = {"system", "instructions", "systemInstruction"};
    static const char *const messages[] = {"messages", "input", "contents"};
    const struct json_node *root = json_root(&receipt->doc);
    for (size_t i = 0; i < sizeof(instructions) / sizeof(*instructions); i++) {
        say_texts(receipt, TEXTS, get(receipt, root, instructions[i]));
    }
    for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
        const struct json_node *node = get(receipt, root, messages[i]);
        if (json_is(node, JSON_STRING)) {
            say(receipt, TEXTS, text_of(receipt, node));
        } else {
            look_at_messages(receipt, node);
        }
    }
    look_at_tools(receipt, get(receipt, root, "tools"));
}

void receipt_write(struct buf *out, struct arena *arena, struct slice body)
{
    static const struct slice names[] = {SLICE_INIT("texts"), SLICE_INIT("media"), SLICE_INIT("results"),
                                         SLICE_INIT("calls"), SLICE_INIT("tools")};
    struct receipt receipt = {.arena = arena};
    if (json_parse(&receipt.doc, arena, body, NULL) != 0) {
        return;
    }
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    for (size_t i = 0; i < N_SECTIONS; i++) {
        json_writer_init(&receipt.writers[i], &receipt.sections[i]);
        json_begin_array(&receipt.writers[i]);
    }
    look_at_body(&receipt);
    for (size_t i = 0; i < N_SECTIONS; i++) {
        json_end_array(&receipt.writers[i]);
        json_key(&w, names[i]);
        json_write_raw(&w, buf_slice(&receipt.sections[i]));
        buf_deinit(&receipt.sections[i]);
    }
    json_end_object(&w);
}

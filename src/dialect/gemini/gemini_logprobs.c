// SPDX-License-Identifier: MIT
#include "dialect/gemini/gemini_logprobs.h"

// ---- from Gemini

static void write_bytes(struct json_writer *w, struct slice text)
{
    json_key(w, SLICE("bytes"));
    json_begin_array(w);
    for (size_t i = 0; i < text.len; i++) {
        json_write_int(w, (unsigned char)text.ptr[i]);
    }
    json_end_array(w);
}

static void write_token(struct json_writer *w, const struct json_doc *doc, const struct json_node *candidate,
                        struct arena *arena)
{
    const struct json_node *token = json_get(doc, candidate, SLICE("token"));
    const struct json_node *number = json_get(doc, candidate, SLICE("logProbability"));
    bool is_text = json_is(token, JSON_STRING);
    json_key(w, SLICE("token"));
    json_write_escaped(w, is_text ? json_escaped(doc, token) : SLICE(""));
    json_key(w, SLICE("logprob"));
    json_write_raw(w, json_is(number, JSON_NUMBER) ? json_raw(doc, number) : SLICE("0"));
    write_bytes(w, json_string(doc, token, arena));
}

static void write_alternatives(struct json_writer *w, const struct json_doc *doc, const struct json_node *top,
                               struct arena *arena)
{
    const struct json_node *list = json_get(doc, top, SLICE("candidates"));
    const struct json_node *candidate = NULL;
    json_key(w, SLICE("top_logprobs"));
    json_begin_array(w);
    while (json_is(list, JSON_ARRAY) && json_next_element(doc, list, &candidate)) {
        json_begin_object(w);
        write_token(w, doc, candidate, arena);
        json_end_object(w);
    }
    json_end_array(w);
}

void gemini_logprobs_read(const struct json_doc *doc, const struct json_node *result, struct arena *arena,
                          struct buf *out)
{
    const struct json_node *chosen = json_get(doc, result, SLICE("chosenCandidates"));
    const struct json_node *tops = json_get(doc, result, SLICE("topCandidates"));
    const struct json_node *candidate = NULL;
    const struct json_node *top = NULL;
    struct json_writer w;
    if (!json_is(chosen, JSON_ARRAY)) {
        return;
    }
    json_writer_init(&w, out);
    json_begin_array(&w);
    while (json_next_element(doc, chosen, &candidate)) {
        bool has_top = json_is(tops, JSON_ARRAY) && json_next_element(doc, tops, &top);
        json_begin_object(&w);
        write_token(&w, doc, candidate, arena);
        write_alternatives(&w, doc, has_top ? top : NULL, arena);
        json_end_object(&w);
    }
    json_end_array(&w);
}

// ---- to Gemini

static void write_candidate(struct json_writer *w, const struct json_doc *doc, const struct json_node *item)
{
    const struct json_node *token = json_get(doc, item, SLICE("token"));
    const struct json_node *number = json_get(doc, item, SLICE("logprob"));
    json_begin_object(w);
    json_key(w, SLICE("token"));
    json_write_escaped(w, json_is(token, JSON_STRING) ? json_escaped(doc, token) : SLICE(""));
    json_key(w, SLICE("logProbability"));
    json_write_raw(w, json_is(number, JSON_NUMBER) ? json_raw(doc, number) : SLICE("0"));
    json_end_object(w);
}

static void write_candidates(struct json_writer *w, const struct json_doc *doc, const struct json_node *array)
{
    const struct json_node *item = NULL;
    json_begin_array(w);
    while (json_is(array, JSON_ARRAY) && json_next_element(doc, array, &item)) {
        write_candidate(w, doc, item);
    }
    json_end_array(w);
}

static void write_tops(struct json_writer *w, const struct json_doc *doc, const struct json_node *array)
{
    const struct json_node *item = NULL;
    json_begin_array(w);
    while (json_next_element(doc, array, &item)) {
        json_begin_object(w);
        json_key(w, SLICE("candidates"));
        write_candidates(w, doc, json_get(doc, item, SLICE("top_logprobs")));
        json_end_object(w);
    }
    json_end_array(w);
}

bool gemini_logprobs_write(struct json_writer *w, struct slice array, struct arena *arena)
{
    struct json_doc doc;
    if (json_parse(&doc, arena, array, NULL) != 0 || !json_is(json_root(&doc), JSON_ARRAY)) {
        return false;
    }
    json_begin_object(w);
    json_key(w, SLICE("topCandidates"));
    write_tops(w, &doc, json_root(&doc));
    json_key(w, SLICE("chosenCandidates"));
    write_candidates(w, &doc, json_root(&doc));
    json_end_object(w);
    return true;
}

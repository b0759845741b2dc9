// SPDX-License-Identifier: MIT
#include "dialect/usage.h"

#include "dialect/dialect_internal.h"
#include "dialect/usage_scan.h"
#include "dialect/usage_tail.h"
#include "json/json_scan.h"

// More than anybody can use: what is over it is not a count.
static const int64_t FIGURE_MAX = INT64_C(1000) * 1000 * 1000 * 1000;

// Deep enough for everything that read_event() of a dialect looks at; what is deeper is only validated.
static const struct json_options EVENT_OPTIONS = {.record_depth = 6, .max_nodes = 512 * 1024};
enum { SCRATCH_BLOCK = 4 * 1024 };

struct usage_tap {
    const struct usage_grammar *grammar; // borrowed, static
    struct usage_seen seen;
    struct usage_scan scan;
    bool is_over;                         // nothing counts any more
    const struct answer_decoder *decoder; // borrowed, static
    struct event_shape *shape;            // owned; of the last event that only brought text. NULL: there was none
};

struct usage_tap *usage_tap_new(enum dialect dialect, size_t limit)
{
    struct usage_tap *tap = mem_zalloc(sizeof(*tap));
    tap->grammar = dialect_spoke(dialect)->usage;
    tap->decoder = dialect_spoke(dialect)->decoder;
    for (size_t i = 0; i < N_FIGURES; i++) {
        tap->seen.figures[i] = -1;
    }
    usage_scan_init(&tap->scan, tap->grammar, limit);
    return tap;
}

void usage_tap_free(struct usage_tap *tap)
{
    if (tap) {
        usage_scan_deinit(&tap->scan);
        mem_free(tap->shape);
        mem_free(tap);
    }
}

// ---- what a parsed event says

bool usage_is_filled(const struct json_doc *doc, const struct json_node *value)
{
    if (!value || value->type < JSON_STRING) {
        return false;
    }
    // Between the brackets or quotes; only white space may be there besides content.
    struct slice raw = json_raw(doc, value);
    struct slice inside = slice_of(raw.ptr + 1, raw.len - 2);
    return value->type == JSON_STRING ? inside.len > 0 : usage_skip_spaces(inside, 0) < inside.len;
}

bool usage_has_error_member(const struct usage_event *event)
{
    return usage_is_filled(event->doc, json_get(event->doc, event->root, SLICE("error")));
}

void usage_read_rows(const struct usage_grammar *grammar, const struct json_doc *doc, const struct json_node *object,
                     struct usage_seen *seen)
{
    const struct json_node *holder = object;
    struct slice outer = SLICE_EMPTY;
    for (size_t i = 0; i < grammar->n_rows; i++) {
        const struct usage_row *row = &grammar->rows[i];
        if (!slice_eq(outer, row->outer)) {
            outer = row->outer; // rows of one object stand together
            holder = outer.len ? json_get(doc, object, outer) : object;
        }
        int64_t value;
        if (json_int64(doc, json_get(doc, holder, row->name), &value) && value >= 0 && value <= FIGURE_MAX) {
            seen->figures[row->figure] = value;
        }
    }
}

void usage_finish_choice(const struct json_doc *doc, const struct json_node *choice, struct usage_seen *seen)
{
    int64_t index;
    bool has_index = json_int64(doc, json_get(doc, choice, SLICE("index")), &index);
    seen->finished |= UINT64_C(1) << (has_index ? (uint64_t)index % 64 : 0);
    unsigned n_choices = seen->n_choices < 64 ? seen->n_choices : 64;
    seen->is_complete = (unsigned)__builtin_popcountll(seen->finished) >= n_choices;
}

void usage_tap_expect(struct usage_tap *tap, unsigned n_choices)
{
    tap->seen.n_choices = n_choices;
}

static struct slice kind_of_event(const struct json_doc *doc, struct slice name, struct arena *scratch)
{
    const struct json_node *type = json_get(doc, json_root(doc), SLICE("type"));
    return json_is(type, JSON_STRING) ? json_string(doc, type, scratch) : name;
}

static enum usage_event_verdict read_event(struct usage_tap *tap, struct slice name, struct slice data)
{
    struct arena scratch;
    struct json_doc doc;
    arena_init(&scratch, SCRATCH_BLOCK);
    int r = json_parse(&doc, &scratch, data, &EVENT_OPTIONS);
    if (r == 0 && json_is(json_root(&doc), JSON_OBJECT)) {
        struct usage_event event = {&doc, json_root(&doc), kind_of_event(&doc, name, &scratch)};
        tap->grammar->read_event(&event, &tap->seen);
    } else if (slice_eq(name, SLICE("error"))) {
        tap->seen.has_error = true;
        r = 0; // whatever its words are
    }
    arena_deinit(&scratch);
    return r == JSON_E_SYNTAX ? USAGE_EVENT_BAD : USAGE_EVENT_READ;
}

// Up to the quote that ends a string, or all of it.
static struct slice inside_of_string(struct slice rest)
{
    const char *end = rest.ptr + rest.len;
    const char *at = rest.ptr;
    while ((at = json_skip_plain(at, end)) < end && *at == '\\' && end - at >= 2) {
        at += 2;
    }
    return slice_of(rest.ptr, (size_t)(at - rest.ptr));
}

// The inside of the first string that may be the model's text, where `data` is valid JSON. A name between bare quotes
// cannot be inside of a string.
static bool find_text(const struct usage_grammar *grammar, struct slice data, struct slice *text_r)
{
    for (size_t i = 0; i < grammar->n_texts; i++) {
        size_t at = slice_find(data, grammar->texts[i]);
        if (at != SLICE_NOT_FOUND) {
            *text_r = inside_of_string(slice_after(data, at + grammar->texts[i].len));
            return true;
        }
    }
    return false;
}

// An event that tells nothing new is only checked, and the next ones that look like it are known by that.
static enum usage_event_verdict check_event(struct usage_tap *tap, struct slice name, struct slice data)
{
    static const struct json_options options = {.record_depth = 1};
    struct arena scratch;
    struct json_doc doc;
    struct slice text;
    arena_init(&scratch, SCRATCH_BLOCK);
    int r = json_parse(&doc, &scratch, data, &options);
    arena_deinit(&scratch);
    if (r == 0 && find_text(tap->grammar, data, &text)) {
        tap->shape = tap->shape ? tap->shape : mem_zalloc(sizeof(*tap->shape));
        event_shape_learn(tap->shape, name, data, text, tap->decoder->noise, tap->decoder->n_noise);
    }
    return r == JSON_E_SYNTAX ? USAGE_EVENT_BAD : USAGE_EVENT_READ;
}

enum usage_event_verdict usage_tap_event(struct usage_tap *tap, struct slice name, struct slice data)
{
    struct slice text;
    if (tap->is_over) {
        return USAGE_EVENT_READ;
    }
    if (tap->shape && event_shape_match(tap->shape, name, data, &text)) {
        return USAGE_EVENT_TEXT;
    }
    if (event_is_done(data)) {
        tap->is_over = true;
        tap->seen.is_complete = tap->seen.is_complete || tap->grammar->ends_with_done;
        return USAGE_EVENT_READ;
    }
    bool means_json = data.len && (data.ptr[0] == '{' || data.ptr[0] == '[');
    if (tap->grammar->is_telling(name, data, &tap->seen)) {
        enum usage_event_verdict verdict = read_event(tap, name, data);
        return means_json ? verdict : USAGE_EVENT_READ;
    }
    return means_json ? check_event(tap, name, data) : USAGE_EVENT_READ;
}

bool usage_is_extra_event(struct slice data)
{
    struct arena scratch;
    struct json_doc doc;
    // Every chunk has a member `usage` then, which is null; this one has figures.
    if (slice_find(data, SLICE("\"prompt_tokens\"")) == SLICE_NOT_FOUND) {
        return false;
    }
    arena_init(&scratch, SCRATCH_BLOCK);
    bool is_extra = false;
    if (json_parse(&doc, &scratch, data, &EVENT_OPTIONS) == 0 && json_is(json_root(&doc), JSON_OBJECT)) {
        const struct json_node *choices = json_get(&doc, json_root(&doc), SLICE("choices"));
        is_extra = json_is(choices, JSON_ARRAY) && !usage_is_filled(&doc, choices);
    }
    arena_deinit(&scratch);
    return is_extra;
}

static void read_usage_object(struct usage_tap *tap, struct slice object)
{
    struct arena scratch;
    struct json_doc doc;
    arena_init(&scratch, SCRATCH_BLOCK);
    if (json_parse(&doc, &scratch, object, &EVENT_OPTIONS) == 0) {
        usage_read_rows(tap->grammar, &doc, json_root(&doc), &tap->seen);
    }
    arena_deinit(&scratch);
}

static void on_scanned(void *arg, enum usage_scan_member member, struct slice value)
{
    struct usage_tap *tap = arg;
    uint64_t count;
    if (member == USAGE_SCAN_USAGE) {
        read_usage_object(tap, value);
    } else if (slice_to_u64(value, &count) && count <= (uint64_t)FIGURE_MAX) {
        tap->seen.figures[FIGURE_INPUT] = (int64_t)count;
    }
}

void usage_tap_json(struct usage_tap *tap, struct slice bytes)
{
    struct usage_scan *scan = &tap->scan;
    usage_scan_feed(scan, bytes, on_scanned, tap);
    tap->seen.is_complete = scan->is_complete;
    tap->seen.has_content = scan->has_element;
    tap->seen.has_error = scan->has_error;
}

size_t usage_tap_element_end(const struct usage_tap *tap)
{
    return tap->scan.element_end;
}

// One answer of a parsed body, or the object around it.
static void read_members(struct usage_tap *tap, const struct json_doc *doc, const struct json_node *answer)
{
    const struct usage_grammar *grammar = tap->grammar;
    const struct json_node *count = grammar->count_member.len ? json_get(doc, answer, grammar->count_member) : NULL;
    int64_t tokens;
    usage_read_rows(grammar, doc, json_get(doc, answer, grammar->usage_member), &tap->seen);
    if (json_int64(doc, count, &tokens) && tokens >= 0 && tokens <= FIGURE_MAX) {
        tap->seen.figures[FIGURE_INPUT] = tokens;
    }
}

static void read_answer(struct usage_tap *tap, const struct json_doc *doc, const struct json_node *answer)
{
    if (!json_is(answer, JSON_OBJECT)) {
        return;
    }
    read_members(tap, doc, answer);
    if (tap->grammar->wrapper_member.len) {
        read_members(tap, doc, json_get(doc, answer, tap->grammar->wrapper_member));
    }
    tap->seen.has_content = true;
}

// Wherever the usage is.
static void read_whole(struct usage_tap *tap, struct slice bytes)
{
    static const struct json_options options = {.record_depth = 4, .max_nodes = 512 * 1024};
    struct arena scratch;
    struct json_doc doc;
    arena_init(&scratch, SCRATCH_BLOCK);
    if (json_parse(&doc, &scratch, bytes, &options) == 0 && json_root(&doc)->type >= JSON_ARRAY) {
        const struct json_node *answer = NULL;
        read_answer(tap, &doc, json_root(&doc));
        // Gemini without alt=sse: a list of answers.
        while (json_is(json_root(&doc), JSON_ARRAY) && json_next_element(&doc, json_root(&doc), &answer)) {
            read_answer(tap, &doc, answer);
        }
        tap->seen.is_complete = true;
    }
    arena_deinit(&scratch);
}

void usage_tap_answer(struct usage_tap *tap, struct slice bytes)
{
    if (!usage_tail_read(tap->grammar, bytes, tap->seen.figures)) {
        read_whole(tap, bytes);
        return;
    }
    tap->seen.has_content = true;
    tap->seen.is_complete = true;
}

// ---- the sum

// Adds what is stated; unknown only where both are.
static int64_t add(int64_t a, int64_t b)
{
    if (a < 0 || b < 0) {
        return a < 0 ? b : a;
    }
    return a + b;
}

struct usage usage_of_seen(const struct usage_grammar *grammar, const struct usage_seen *seen)
{
    const int64_t *f = seen->figures;
    struct usage usage = {
        .input = add(f[FIGURE_INPUT], f[FIGURE_TOOL_INPUT]),
        .output = f[FIGURE_OUTPUT],
        .reasoning = f[FIGURE_REASONING],
        .cache_read = f[FIGURE_CACHE_READ],
        .cache_write = f[FIGURE_CACHE_WRITE],
    };
    if (grammar->is_cache_beside_input) {
        usage.input = add(usage.input, add(usage.cache_read, usage.cache_write));
    }
    bool is_reasoning_left_out = grammar->is_total_telling && usage.input >= 0 && usage.output >= 0 &&
                                 f[FIGURE_TOTAL] - usage.input - usage.output == usage.reasoning;
    if (grammar->is_reasoning_beside_output || is_reasoning_left_out) {
        usage.output = add(usage.output, usage.reasoning);
    }
    return usage;
}

struct usage usage_tap_usage(const struct usage_tap *tap)
{
    return usage_of_seen(tap->grammar, &tap->seen);
}

bool usage_tap_is_complete(const struct usage_tap *tap)
{
    return tap->seen.is_complete;
}

bool usage_tap_has_content(const struct usage_tap *tap)
{
    return tap->seen.has_content;
}

bool usage_tap_has_error(const struct usage_tap *tap)
{
    return tap->seen.has_error;
}

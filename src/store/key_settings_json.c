// SPDX-License-Identifier: MIT
#include "store/key_settings_json.h"

#include <stddef.h>

#include "json/json_splice.h"

enum member_type { MEMBER_BOOL, MEMBER_U32, MEMBER_U64, MEMBER_RATIO, MEMBER_ALGORITHM, MEMBER_AFFINITY };

struct member {
    struct slice section; // the object it is in; empty: the outermost
    struct slice name;
    struct slice alias; // another spelling; empty: none
    enum member_type type;
    size_t field;
    uint64_t min;
    uint64_t max;
};

enum {
    DAY_MS = 24 * 3600 * 1000,
    HOUR_MS = 3600 * 1000,
    WEEK_MINUTES = 7 * 24 * 60,
    MONTH_HOURS = 31 * 24,
};
#define TOKENS_MAX 9007199254740991U // what every reader of JSON takes without loss

#define FIELD(name) offsetof(struct key_settings, name)
#define NO_ALIAS                                                                                                       \
    {                                                                                                                  \
        NULL, 0                                                                                                        \
    }
#define TOP NO_ALIAS
#define NAMED SLICE_INIT

// In the order in which they are written; the members of a section together.
static const struct member members[] = {
    {TOP, NAMED("algorithm"), NO_ALIAS, MEMBER_ALGORITHM, FIELD(algorithm), 0, 0},
    {NAMED("retry"), NAMED("enabled"), NO_ALIAS, MEMBER_BOOL, FIELD(retries), 0, 0},
    {NAMED("retry"), NAMED("maxRetries"), NAMED("max"), MEMBER_U32, FIELD(retry_max), 0, 100},
    {NAMED("retry"), NAMED("retryDelay"), NO_ALIAS, MEMBER_U32, FIELD(retry_delay_ms), 0, HOUR_MS},
    {NAMED("autoBan"), NAMED("enabled"), NO_ALIAS, MEMBER_BOOL, FIELD(bans), 0, 0},
    {NAMED("autoBan"), NAMED("errorThreshold"), NO_ALIAS, MEMBER_U32, FIELD(ban_threshold), 1, 100000},
    {NAMED("autoBan"), NAMED("ban402"), NAMED("ban_402"), MEMBER_BOOL, FIELD(bans_402), 0, 0},
    {NAMED("autoBan"), NAMED("ban401"), NAMED("ban_401"), MEMBER_BOOL, FIELD(bans_401), 0, 0},
    {NAMED("autoBan"), NAMED("probeMinutes"), NO_ALIAS, MEMBER_U32, FIELD(probe_minutes), 0, WEEK_MINUTES},
    {NAMED("performance"), NAMED("concurrentLimit"), NO_ALIAS, MEMBER_U32, FIELD(concurrent_limit), 1, 100000},
    {NAMED("performance"), NAMED("requestTimeout"), NO_ALIAS, MEMBER_U32, FIELD(request_timeout_ms), 0, DAY_MS},
    {NAMED("multiTier"), NAMED("enabled"), NO_ALIAS, MEMBER_BOOL, FIELD(has_tiers), 0, 0},
    {NAMED("multiTier"), NAMED("autoFallback"), NO_ALIAS, MEMBER_BOOL, FIELD(falls_back), 0, 0},
    {NAMED("multiTier"), NAMED("strictMode"), NO_ALIAS, MEMBER_BOOL, FIELD(is_strict), 0, 0},
    {NAMED("quotaLimits"), NAMED("per_key_daily_limit"), NO_ALIAS, MEMBER_U64, FIELD(daily_limit), 0, TOKENS_MAX},
    {NAMED("quotaLimits"), NAMED("per_key_monthly_limit"), NO_ALIAS, MEMBER_U64, FIELD(monthly_limit), 0, TOKENS_MAX},
    {NAMED("quotaLimits"), NAMED("warning_threshold"), NO_ALIAS, MEMBER_RATIO, FIELD(warning_ratio), 0, 1},
    {TOP, NAMED("timeWindowHours"), NO_ALIAS, MEMBER_U32, FIELD(window_hours), 1, MONTH_HOURS},
    {NAMED("affinity"), NAMED("mode"), NO_ALIAS, MEMBER_AFFINITY, FIELD(has_affinity), 0, 0},
    {TOP, NAMED("maxInflightPerKey"), NO_ALIAS, MEMBER_U32, FIELD(max_inflight), 0, 1000000},
};
enum { N_MEMBERS = sizeof(members) / sizeof(*members) };

// In the order of enum key_algorithm_id.
static const struct slice algorithms[] = {
    SLICE_INIT("round-robin"),    SLICE_INIT("random"),           SLICE_INIT("least-used"),
    SLICE_INIT("weighted-score"), SLICE_INIT("least-token-used"), SLICE_INIT("max-remaining"),
    SLICE_INIT("weighted-usage"), SLICE_INIT("quota-aware"),      SLICE_INIT("time-window"),
};
static const struct slice affinities[] = {SLICE_INIT("off"), SLICE_INIT("auto")};
_Static_assert(sizeof(algorithms) / sizeof(*algorithms) == KEY_ALGORITHM_COUNT, "each algorithm has a name");

static void *field_of(struct key_settings *settings, const struct member *member)
{
    return (char *)settings + member->field;
}

static const void *value_of(const struct key_settings *settings, const struct member *member)
{
    return (const char *)settings + member->field;
}

static size_t field_size(const struct member *member)
{
    switch (member->type) {
    case MEMBER_BOOL:
    case MEMBER_AFFINITY: return sizeof(bool);
    case MEMBER_U32:
    case MEMBER_ALGORITHM: return sizeof(uint32_t);
    case MEMBER_U64: return sizeof(uint64_t);
    case MEMBER_RATIO: return sizeof(double);
    }
    return 0;
}

// ---- reading

static bool read_choice(const struct json_doc *doc, const struct json_node *node, const struct slice *choices,
                        uint32_t n_choices, uint32_t *index_r)
{
    for (uint32_t i = 0; i < n_choices; i++) {
        if (json_string_is(doc, node, choices[i])) {
            *index_r = i;
            return true;
        }
    }
    return false;
}

static bool read_member(const struct json_doc *doc, const struct json_node *node, const struct member *member,
                        struct key_settings *settings)
{
    void *field = field_of(settings, member);
    uint32_t index;
    int64_t whole;
    double number;
    switch (member->type) {
    case MEMBER_BOOL:
        if (!json_is(node, JSON_TRUE) && !json_is(node, JSON_FALSE)) {
            return false;
        }
        *(bool *)field = json_is(node, JSON_TRUE);
        return true;
    case MEMBER_U32:
    case MEMBER_U64:
        if (!json_int64(doc, node, &whole) || whole < (int64_t)member->min || whole > (int64_t)member->max) {
            return false;
        }
        if (member->type == MEMBER_U32) {
            *(uint32_t *)field = (uint32_t)whole;
        } else {
            *(uint64_t *)field = (uint64_t)whole;
        }
        return true;
    case MEMBER_RATIO:
        if (!json_double(doc, node, &number) || number < 0 || number > 1) {
            return false;
        }
        *(double *)field = number;
        return true;
    case MEMBER_ALGORITHM: return read_choice(doc, node, algorithms, KEY_ALGORITHM_COUNT, field);
    case MEMBER_AFFINITY:
        if (!read_choice(doc, node, affinities, 2, &index)) {
            return false;
        }
        *(bool *)field = index;
        return true;
    }
    return false;
}

static void append_choices(struct buf *out, const struct slice *choices, size_t n_choices)
{
    for (size_t i = 0; i < n_choices; i++) {
        buf_append(out, i == 0 ? SLICE("one of ") : SLICE(", "));
        buf_append(out, choices[i]);
    }
}

static void append_expected(struct buf *out, const struct member *member)
{
    switch (member->type) {
    case MEMBER_BOOL: buf_append(out, SLICE("true or false")); break;
    case MEMBER_U32:
    case MEMBER_U64:
        buf_printf(out, "a whole number from %llu to %llu", (unsigned long long)member->min,
                   (unsigned long long)member->max);
        break;
    case MEMBER_RATIO: buf_append(out, SLICE("a number from 0 to 1")); break;
    case MEMBER_ALGORITHM: append_choices(out, algorithms, KEY_ALGORITHM_COUNT); break;
    case MEMBER_AFFINITY: append_choices(out, affinities, 2); break;
    }
}

// The beginning of what was given, in one line.
static void append_given(struct buf *out, struct slice raw)
{
    enum { SHOWN_MAX = 60 };
    size_t len = raw.len < SHOWN_MAX ? raw.len : SHOWN_MAX;
    while (len < raw.len && len > 0 && ((unsigned char)raw.ptr[len] & 0xC0) == 0x80) {
        len--; // not in the middle of a character
    }
    for (size_t i = 0; i < len; i++) {
        buf_append_char(out, raw.ptr[i] == '\n' || raw.ptr[i] == '\r' ? ' ' : raw.ptr[i]);
    }
    buf_append(out, len < raw.len ? SLICE("…") : SLICE_EMPTY);
}

static void append_problem(struct buf *out, const struct json_doc *doc, const struct json_node *node,
                           const struct member *member, struct slice name)
{
    if (member->section.len) {
        buf_append(out, member->section);
        buf_append(out, name.len ? SLICE(".") : SLICE_EMPTY);
    }
    buf_append(out, name);
    buf_append(out, SLICE(" is "));
    append_given(out, json_raw(doc, node));
    buf_append(out, SLICE("; it may be "));
    if (name.len) {
        append_expected(out, member);
    } else {
        buf_append(out, SLICE("an object"));
    }
}

static const struct json_node *get_value(const struct json_doc *doc, const struct json_node *object, struct slice name)
{
    const struct json_node *node = name.len ? json_get(doc, object, name) : NULL;
    return json_is(node, JSON_NULL) ? NULL : node;
}

// Reads what the object says of one member into *settings. False, with a problem, when that is wrong.
static bool merge_member(struct key_settings *settings, const struct json_doc *doc, const struct json_node *object,
                         const struct member *member, struct buf *problem)
{
    const struct json_node *section = object;
    if (member->section.len) {
        section = get_value(doc, object, member->section);
        if (section && !json_is(section, JSON_OBJECT)) {
            append_problem(problem, doc, section, member, SLICE_EMPTY);
            return false;
        }
    }
    struct slice name = member->name;
    const struct json_node *node = get_value(doc, section, name);
    if (!node) {
        name = member->alias;
        node = get_value(doc, section, name);
    }
    if (!node || read_member(doc, node, member, settings)) {
        return true;
    }
    append_problem(problem, doc, node, member, name);
    return false;
}

bool key_settings_merge(struct key_settings *settings, const struct json_doc *doc, const struct json_node *object,
                        struct buf *problem)
{
    struct key_settings merged = *settings;
    if (!json_is(object, JSON_OBJECT)) {
        buf_append(problem, SLICE("the settings are no object"));
        return false;
    }
    for (size_t i = 0; i < N_MEMBERS; i++) {
        if (!merge_member(&merged, doc, object, &members[i], problem)) {
            return false;
        }
    }
    *settings = merged;
    return true;
}

static bool is_in_section_before(size_t i)
{
    return i > 0 && members[i].section.len && slice_eq(members[i].section, members[i - 1].section);
}

void key_settings_merge_good(struct key_settings *settings, const struct json_doc *doc, const struct json_node *object,
                             struct buf *problems)
{
    if (!json_is(object, JSON_OBJECT)) {
        buf_append(problems, SLICE("the settings are no object\n"));
        return;
    }
    for (size_t i = 0; i < N_MEMBERS; i++) {
        size_t len = problems->len;
        bool is_good = merge_member(settings, doc, object, &members[i], problems);
        const struct json_node *section = get_value(doc, object, members[i].section);
        if (!is_good && section && !json_is(section, JSON_OBJECT) && is_in_section_before(i)) {
            problems->len = len; // said of the section already
        } else if (!is_good) {
            buf_append_char(problems, '\n');
        }
    }
}

// ---- writing

static void write_value(struct json_writer *w, const struct key_settings *settings, const struct member *member)
{
    const void *value = value_of(settings, member);
    switch (member->type) {
    case MEMBER_BOOL: json_write_bool(w, *(const bool *)value); break;
    case MEMBER_U32: json_write_int(w, *(const uint32_t *)value); break;
    case MEMBER_U64: json_write_int(w, (int64_t) * (const uint64_t *)value); break;
    case MEMBER_RATIO: json_write_double(w, *(const double *)value); break;
    case MEMBER_ALGORITHM: json_write_string(w, algorithms[*(const uint32_t *)value]); break;
    case MEMBER_AFFINITY: json_write_string(w, affinities[*(const bool *)value]); break;
    }
}

void key_settings_write(struct json_writer *w, const struct key_settings *settings)
{
    json_begin_object(w);
    for (size_t i = 0; i < N_MEMBERS; i++) {
        bool has_section = members[i].section.len > 0;
        if (has_section && !is_in_section_before(i)) {
            json_key(w, members[i].section);
            json_begin_object(w);
        }
        json_key(w, members[i].name);
        write_value(w, settings, &members[i]);
        if (has_section && (i + 1 == N_MEMBERS || !is_in_section_before(i + 1))) {
            json_end_object(w);
        }
    }
    json_end_object(w);
}

// ---- their schema

static void write_choices(struct json_writer *w, const struct slice *choices, size_t n_choices)
{
    json_key(w, SLICE("enum"));
    json_begin_array(w);
    for (size_t i = 0; i < n_choices; i++) {
        json_write_string(w, choices[i]);
    }
    json_write_null(w);
    json_end_array(w);
}

static void write_limits(struct json_writer *w, const struct member *member, const char *type)
{
    json_key(w, SLICE("type"));
    json_begin_array(w);
    json_write_string(w, slice_from_cstr(type));
    json_write_string(w, SLICE("null"));
    json_end_array(w);
    if (member->type != MEMBER_BOOL) {
        json_member_int(w, SLICE("minimum"), (int64_t)member->min);
        json_member_int(w, SLICE("maximum"), (int64_t)member->max);
    }
}

static void write_member_schema(struct json_writer *w, const struct member *member, struct slice name)
{
    json_key(w, name);
    json_begin_object(w);
    switch (member->type) {
    case MEMBER_BOOL: write_limits(w, member, "boolean"); break;
    case MEMBER_U32:
    case MEMBER_U64: write_limits(w, member, "integer"); break;
    case MEMBER_RATIO: write_limits(w, member, "number"); break;
    case MEMBER_ALGORITHM: write_choices(w, algorithms, KEY_ALGORITHM_COUNT); break;
    case MEMBER_AFFINITY: write_choices(w, affinities, 2); break;
    }
    json_end_object(w);
}

static void begin_object_schema(struct json_writer *w, bool is_section)
{
    json_begin_object(w);
    json_key(w, SLICE("type"));
    json_write_raw(w, is_section ? SLICE("[\"object\",\"null\"]") : SLICE("\"object\""));
    json_key(w, SLICE("properties"));
    json_begin_object(w);
}

static void end_object_schema(struct json_writer *w)
{
    json_end_object(w);
    json_end_object(w);
}

void key_settings_write_schema(struct json_writer *w)
{
    begin_object_schema(w, false);
    for (size_t i = 0; i < N_MEMBERS; i++) {
        bool has_section = members[i].section.len > 0;
        if (has_section && !is_in_section_before(i)) {
            json_key(w, members[i].section);
            begin_object_schema(w, true);
        }
        write_member_schema(w, &members[i], members[i].name);
        if (members[i].alias.len) {
            write_member_schema(w, &members[i], members[i].alias);
        }
        if (has_section && (i + 1 == N_MEMBERS || !is_in_section_before(i + 1))) {
            end_object_schema(w);
        }
    }
    end_object_schema(w);
}

// ---- editing

struct editing {
    struct json_doc doc;
    struct json_splice splice;
    struct arena *arena;
};

static void begin_editing(struct editing *e, struct slice config, struct arena *arena)
{
    e->arena = arena;
    if (json_parse(&e->doc, arena, config, NULL) != 0 || !json_is(json_root(&e->doc), JSON_OBJECT)) {
        int r = json_parse(&e->doc, arena, SLICE("{}"), NULL);
        (void)r; // it is one
    }
    json_splice_init(&e->splice, arena, &e->doc);
}

static struct slice end_editing(struct editing *e)
{
    size_t n;
    size_t len;
    struct slice *pieces = json_splice_result(&e->splice, &n, &len);
    return arena_concat(e->arena, pieces, n);
}

static bool is_different(const struct member *member, const struct key_settings *a, const struct key_settings *b)
{
    return memcmp(value_of(a, member), value_of(b, member), field_size(member)) != 0;
}

static struct slice print_value(struct arena *arena, const struct key_settings *settings, const struct member *member)
{
    struct buf text = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &text);
    write_value(&w, settings, member);
    struct slice copy = arena_dup(arena, buf_slice(&text));
    buf_deinit(&text);
    return copy;
}

// One after the last member of the section that begins with `first`.
static size_t section_end(size_t first)
{
    size_t end = first + 1;
    while (end < N_MEMBERS && is_in_section_before(end)) {
        end++;
    }
    return end;
}

static void edit_object(struct editing *e, const struct json_node *object, size_t first, size_t end,
                        const struct key_settings *before, const struct key_settings *after)
{
    for (size_t i = first; i < end; i++) {
        if (is_different(&members[i], before, after)) {
            json_splice_set(&e->splice, object, members[i].name, print_value(e->arena, after, &members[i]));
            if (members[i].alias.len) {
                json_splice_remove(&e->splice, object, members[i].alias);
            }
        }
    }
}

static struct slice print_section(struct editing *e, size_t first, size_t end, const struct key_settings *before,
                                  const struct key_settings *after)
{
    struct buf text = BUF_EMPTY;
    struct json_writer w;
    bool is_empty = true;
    json_writer_init(&w, &text);
    json_begin_object(&w);
    for (size_t i = first; i < end; i++) {
        if (is_different(&members[i], before, after)) {
            is_empty = false;
            json_key(&w, members[i].name);
            write_value(&w, after, &members[i]);
        }
    }
    json_end_object(&w);
    struct slice copy = is_empty ? SLICE_EMPTY : arena_dup(e->arena, buf_slice(&text));
    buf_deinit(&text);
    return copy;
}

struct slice key_settings_edit(struct slice config, const struct key_settings *before, const struct key_settings *after,
                               struct arena *arena)
{
    struct editing e;
    begin_editing(&e, config, arena);
    const struct json_node *root = json_root(&e.doc);
    for (size_t first = 0, end; first < N_MEMBERS; first = end) {
        end = section_end(first);
        struct slice name = members[first].section;
        const struct json_node *section = name.len ? json_get(&e.doc, root, name) : root;
        if (json_is(section, JSON_OBJECT)) {
            edit_object(&e, section, first, end, before, after);
            continue;
        }
        struct slice fresh = print_section(&e, first, end, before, after);
        if (fresh.len) {
            json_splice_set(&e.splice, root, name, fresh);
        }
    }
    return end_editing(&e);
}

static bool is_known_in(const struct json_doc *doc, const struct json_node *name, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        if (json_string_is(doc, name, members[i].name) ||
            (members[i].alias.len && json_string_is(doc, name, members[i].alias))) {
            return true;
        }
    }
    return false;
}

static bool has_unknown(const struct json_doc *doc, const struct json_node *section, size_t first, size_t end)
{
    const struct json_node *name;
    const struct json_node *value = NULL;
    while (json_next_member(doc, section, &name, &value)) {
        if (!is_known_in(doc, name, first, end)) {
            return true;
        }
    }
    return false;
}

struct slice key_settings_strip(struct slice config, struct arena *arena)
{
    struct editing e;
    begin_editing(&e, config, arena);
    const struct json_node *root = json_root(&e.doc);
    for (size_t first = 0, end; first < N_MEMBERS; first = end) {
        end = section_end(first);
        struct slice name = members[first].section;
        const struct json_node *section = name.len ? json_get(&e.doc, root, name) : root;
        if (name.len && !has_unknown(&e.doc, section, first, end)) {
            json_splice_remove(&e.splice, root, name);
            continue;
        }
        for (size_t i = first; i < end; i++) {
            json_splice_remove(&e.splice, section, members[i].name);
            if (members[i].alias.len) {
                json_splice_remove(&e.splice, section, members[i].alias);
            }
        }
    }
    return end_editing(&e);
}

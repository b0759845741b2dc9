// SPDX-License-Identifier: MIT
// Cells stand one behind the other; an index of numbers finds them by what is hashed of hour, model and key.
#include "usage/usage_cells.h"

#include <assert.h>
#include <string.h>

#include "usage/local_hour.h"
#include "usage/varint.h"

enum { CELLS_MIN = 16, TEXTS_BLOCK = 1024, N_COUNTS = sizeof(struct usage_counts) / sizeof(uint64_t) };
static_assert(sizeof(struct usage_counts) == N_COUNTS * sizeof(uint64_t), "nothing but counts");

struct usage_cells {
    unsigned dimensions;
    uint32_t n;
    uint32_t cap;
    size_t n_max;
    struct usage_cell *cells; // owned; cap
    uint64_t *hashes;         // owned; of the cells
    uint32_t *index;          // owned; 2 * cap places, a power of two: number of a cell + 1; 0: free
    struct arena texts;
    struct local_hour hour; // of the last request
    struct local_day day;
};

// Where something counts.
struct place {
    int64_t hour;
    struct slice model;
    struct slice key;
};

static const struct slice other = SLICE_INIT("other");

struct usage_cells *usage_cells_new(unsigned dimensions, size_t n_max)
{
    struct usage_cells *cells = mem_zalloc(sizeof(*cells));
    assert((dimensions & (USAGE_BY_HOUR | USAGE_BY_DAY)) != (USAGE_BY_HOUR | USAGE_BY_DAY));
    assert(n_max < UINT32_MAX / 4);
    cells->dimensions = dimensions;
    cells->n_max = n_max;
    arena_init(&cells->texts, TEXTS_BLOCK);
    return cells;
}

void usage_cells_free(struct usage_cells *cells)
{
    if (cells) {
        usage_cells_clear(cells);
        mem_free(cells);
    }
}

void usage_cells_clear(struct usage_cells *cells)
{
    for (uint32_t i = 0; i < cells->n; i++) {
        latency_deinit(&cells->cells[i].duration);
        latency_deinit(&cells->cells[i].first_token);
    }
    mem_free(cells->cells);
    mem_free(cells->hashes);
    mem_free(cells->index);
    arena_deinit(&cells->texts);
    cells->cells = NULL;
    cells->hashes = NULL;
    cells->index = NULL;
    cells->n = 0;
    cells->cap = 0;
}

size_t usage_cells_n(const struct usage_cells *cells)
{
    return cells->n;
}

const struct usage_cell *usage_cells_at(const struct usage_cells *cells, size_t i)
{
    assert(i < cells->n);
    return &cells->cells[i];
}

// ---- finding --------------------------------------------------------------------------------------------------------

// Operators choose these names, so nobody has an interest in two that meet.
static uint64_t hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 32;
}

// The last word may have bytes in it that the one before it had.
static uint64_t hash_text(uint64_t hash, struct slice text)
{
    uint64_t word = 0;
    hash = hash_word(hash, text.len);
    for (size_t i = 0; i + sizeof(word) < text.len; i += sizeof(word)) {
        memcpy(&word, text.ptr + i, sizeof(word));
        hash = hash_word(hash, word);
    }
    if (text.len >= sizeof(word)) {
        memcpy(&word, text.ptr + text.len - sizeof(word), sizeof(word));
    } else {
        for (size_t i = 0; i < text.len; i++) {
            word = word << 8 | (unsigned char)text.ptr[i];
        }
    }
    return hash_word(hash, word);
}

static uint64_t hash_place(const struct place *place)
{
    return hash_text(hash_text(hash_word(0, (uint64_t)place->hour), place->model), place->key);
}

static bool is_at(const struct usage_cell *cell, const struct place *place)
{
    return cell->hour == place->hour && slice_eq(cell->key, place->key) && slice_eq(cell->model, place->model);
}

// The place in the index of that cell, or the free one where it would be. There is an index.
static uint32_t *find_number(const struct usage_cells *cells, const struct place *place, uint64_t hash)
{
    uint32_t mask = cells->cap * 2 - 1;
    uint32_t at = (uint32_t)hash & mask;
    while (cells->index[at]) {
        uint32_t i = cells->index[at] - 1;
        if (cells->hashes[i] == hash && is_at(&cells->cells[i], place)) {
            break;
        }
        at = (at + 1) & mask;
    }
    return &cells->index[at];
}

static struct usage_cell *find(const struct usage_cells *cells, const struct place *place, uint64_t hash)
{
    uint32_t number = cells->cap ? *find_number(cells, place, hash) : 0;
    return number ? &cells->cells[number - 1] : NULL;
}

static void grow(struct usage_cells *cells)
{
    cells->cap = cells->cap ? cells->cap * 2 : CELLS_MIN;
    cells->cells = mem_realloc(cells->cells, cells->cap * sizeof(*cells->cells));
    cells->hashes = mem_realloc(cells->hashes, cells->cap * sizeof(*cells->hashes));
    mem_free(cells->index);
    cells->index = mem_zalloc((size_t)cells->cap * 2 * sizeof(*cells->index));
    uint32_t mask = cells->cap * 2 - 1;
    for (uint32_t i = 0; i < cells->n; i++) {
        uint32_t at = (uint32_t)cells->hashes[i] & mask;
        while (cells->index[at]) {
            at = (at + 1) & mask;
        }
        cells->index[at] = i + 1;
    }
}

static struct usage_cell *add(struct usage_cells *cells, const struct place *place, uint64_t hash)
{
    if (cells->n == cells->cap) {
        grow(cells);
    }
    struct usage_cell *cell = &cells->cells[cells->n];
    *cell = (struct usage_cell){
        .hour = place->hour,
        .model = arena_dup(&cells->texts, place->model),
        .key = arena_dup(&cells->texts, place->key),
    };
    cells->hashes[cells->n++] = hash;
    *find_number(cells, place, hash) = cells->n;
    return cell;
}

static struct usage_cell *find_or_add(struct usage_cells *cells, const struct place *place, size_t n_max)
{
    uint64_t hash = hash_place(place);
    struct usage_cell *cell = find(cells, place, hash);
    return cell || cells->n >= n_max ? cell : add(cells, place, hash);
}

// Where there are too many: for the others, all together.
static struct usage_cell *cell_of_others(struct usage_cells *cells, struct place place)
{
    struct usage_cell *cell = NULL;
    if (cells->dimensions & USAGE_BY_KEY) {
        place.key = other;
        cell = find_or_add(cells, &place, cells->n_max + USAGE_CELLS_OTHER);
    }
    if (!cell) {
        place.model = cells->dimensions & USAGE_BY_MODEL ? other : place.model;
        cell = find_or_add(cells, &place, SIZE_MAX);
    }
    return cell;
}

// In the dimensions of these cells. It stays where it is until the next one is added.
static struct usage_cell *cell_at(struct usage_cells *cells, struct place place)
{
    if (cells->dimensions & USAGE_BY_DAY) {
        place.hour = local_day_of(&cells->day, place.hour);
    } else if (!(cells->dimensions & USAGE_BY_HOUR)) {
        place.hour = 0;
    }
    place.model = cells->dimensions & USAGE_BY_MODEL ? request_text_cut(place.model, REQUEST_MODEL_MAX) : SLICE_EMPTY;
    place.key = cells->dimensions & USAGE_BY_KEY ? request_text_cut(place.key, REQUEST_KEY_MAX) : SLICE_EMPTY;
    struct usage_cell *cell = find_or_add(cells, &place, cells->n_max);
    return cell ? cell : cell_of_others(cells, place);
}

// ---- a request ------------------------------------------------------------------------------------------------------

// Attempts with one key.
struct tries {
    uint64_t n;
    uint64_t n_failed;
};

static uint64_t known(int64_t tokens)
{
    return tokens > 0 ? (uint64_t)tokens : 0;
}

static void count_request(struct usage_cell *cell, const struct request_facts *facts)
{
    struct usage_counts *counts = &cell->counts;
    counts->requests++;
    counts->success += facts->end == REQUEST_SUCCESS;
    counts->failed += facts->end == REQUEST_FAILED;
    counts->aborted += facts->end == REQUEST_ABORTED;
    counts->partial += facts->is_partial;
    counts->input += known(facts->usage.input);
    counts->output += known(facts->usage.output);
    counts->reasoning += known(facts->usage.reasoning);
    counts->cache_read += known(facts->usage.cache_read);
    counts->cache_write += known(facts->usage.cache_write);
    if (facts->end == REQUEST_SUCCESS) {
        latency_add(&cell->duration, facts->duration_ms);
    }
    if (facts->ttft_ms >= 0) {
        latency_add(&cell->first_token, (uint64_t)facts->ttft_ms);
    }
}

static void count_tries(struct usage_cell *cell, struct tries tries)
{
    cell->counts.attempts += tries.n;
    cell->counts.failed_attempts += tries.n_failed;
}

// Of an entry of a trail. One that nobody waited for any more has not failed.
static struct tries tries_of(const struct trail_entry *entry)
{
    const char *outcome = entry->outcome ? entry->outcome : "";
    if (strcmp(outcome, "ok") == 0 || strcmp(outcome, "cancelled") == 0) {
        return (struct tries){.n = 1};
    }
    bool is_attempt = strcmp(outcome, "skipped") != 0 && strcmp(outcome, "waited") != 0;
    return (struct tries){.n = is_attempt, .n_failed = is_attempt};
}

void usage_cells_count(struct usage_cells *cells, const struct request_facts *facts)
{
    const struct trail *trail = &facts->trail;
    uint32_t n_kept = request_trail_n(trail);
    int64_t wall_s = facts->time_ms / 1000 - (facts->time_ms % 1000 < 0);
    struct place place = {.hour = local_hour_of(&cells->hour, wall_s), .model = facts->counted_model};
    struct tries own = {0};
    uint64_t n_seen = 0;
    for (uint32_t i = 0; i < n_kept; i++) {
        const struct trail_entry *entry = request_trail_at(trail, i);
        struct tries tries = tries_of(entry);
        n_seen += tries.n;
        if (slice_eq(entry->key, facts->key)) {
            own.n += tries.n;
            own.n_failed += tries.n_failed;
        } else if (tries.n) {
            place.key = entry->key;
            count_tries(cell_at(cells, place), tries);
        }
    }
    if (n_seen < facts->n_attempts) { // only the last one of a trail may be a success, and the last ones are kept
        uint64_t n_unseen = facts->n_attempts - n_seen;
        place.key = SLICE_EMPTY;
        count_tries(cell_at(cells, place), (struct tries){.n = n_unseen, .n_failed = n_unseen});
    }
    place.key = facts->key;
    struct usage_cell *cell = cell_at(cells, place);
    count_request(cell, facts);
    count_tries(cell, own);
}

// ---- sums -----------------------------------------------------------------------------------------------------------

void usage_counts_add(struct usage_counts *into, const struct usage_counts *from)
{
    into->requests += from->requests;
    into->success += from->success;
    into->failed += from->failed;
    into->aborted += from->aborted;
    into->partial += from->partial;
    into->attempts += from->attempts;
    into->failed_attempts += from->failed_attempts;
    into->input += from->input;
    into->output += from->output;
    into->reasoning += from->reasoning;
    into->cache_read += from->cache_read;
    into->cache_write += from->cache_write;
}

void usage_cells_add(struct usage_cells *cells, const struct usage_cell *cell)
{
    struct place place = {.hour = cell->hour, .model = cell->model, .key = cell->key};
    struct usage_cell *into = cell_at(cells, place);
    usage_counts_add(&into->counts, &cell->counts);
    latency_merge(&into->duration, &cell->duration);
    latency_merge(&into->first_token, &cell->first_token);
}

void usage_cells_add_all(struct usage_cells *cells, const struct usage_cells *others)
{
    for (size_t i = 0; i < others->n; i++) {
        usage_cells_add(cells, &others->cells[i]);
    }
}

bool usage_filter_takes(const struct usage_filter *filter, struct slice model, struct slice key)
{
    struct slice asked_model = request_text_cut(filter->model, REQUEST_MODEL_MAX);
    struct slice asked_key = request_text_cut(filter->key, REQUEST_KEY_MAX);
    return (asked_model.len == 0 || slice_eq(asked_model, model.len ? model : other)) &&
           (asked_key.len == 0 || slice_eq(asked_key, key));
}

// ---- as bytes -------------------------------------------------------------------------------------------------------

// Of positive and negative numbers, small ones are short.
static uint64_t fold_sign(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static int64_t unfold_sign(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
}

static void put_number(struct buf *out, uint64_t value)
{
    char *end = varint_write(buf_reserve(out, VARINT_MAX_BYTES), value);
    out->len = (size_t)(end - out->ptr);
}

static void put_text(struct buf *out, struct slice text)
{
    put_number(out, text.len);
    buf_append(out, text);
}

// Its length is one more number before it.
static void put_histogram(struct buf *out, const struct latency_histogram *histogram)
{
    struct buf bytes = BUF_EMPTY;
    latency_encode(histogram, &bytes);
    put_text(out, buf_slice(&bytes));
    buf_deinit(&bytes);
}

void usage_cell_encode(const struct usage_cell *cell, struct buf *out)
{
    uint64_t counts[N_COUNTS];
    memcpy(counts, &cell->counts, sizeof(counts));
    put_number(out, fold_sign(cell->hour));
    put_text(out, request_text_cut(cell->model, REQUEST_MODEL_MAX));
    put_text(out, request_text_cut(cell->key, REQUEST_KEY_MAX));
    for (size_t i = 0; i < N_COUNTS; i++) {
        put_number(out, counts[i]);
    }
    put_histogram(out, &cell->duration);
    put_histogram(out, &cell->first_token);
}

static bool take_text(struct slice *bytes, size_t max, struct slice *text_r)
{
    uint64_t len;
    if (!varint_take(bytes, &len) || len > max || len > bytes->len) {
        return false;
    }
    *text_r = len ? slice_of(bytes->ptr, (size_t)len) : SLICE_EMPTY;
    *bytes = slice_after(*bytes, (size_t)len);
    return true;
}

static bool take_counts(struct slice *bytes, struct usage_counts *counts_r)
{
    uint64_t counts[N_COUNTS];
    for (size_t i = 0; i < N_COUNTS; i++) {
        if (!varint_take(bytes, &counts[i])) {
            return false;
        }
    }
    memcpy(counts_r, counts, sizeof(counts));
    return true;
}

bool usage_cell_decode(struct slice bytes, struct usage_cell *cell_r)
{
    struct usage_cell cell = {0};
    struct slice duration;
    struct slice first_token;
    uint64_t hour;
    if (!varint_take(&bytes, &hour) || !take_text(&bytes, REQUEST_MODEL_MAX, &cell.model) ||
        !take_text(&bytes, REQUEST_KEY_MAX, &cell.key) || !take_counts(&bytes, &cell.counts) ||
        !take_text(&bytes, LATENCY_ENCODED_MAX, &duration) || !take_text(&bytes, LATENCY_ENCODED_MAX, &first_token) ||
        bytes.len > 0) {
        return false;
    }
    cell.hour = unfold_sign(hour);
    if (!latency_decode_into(&cell.duration, duration) || !latency_decode_into(&cell.first_token, first_token)) {
        latency_deinit(&cell.duration);
        return false;
    }
    *cell_r = cell;
    return true;
}

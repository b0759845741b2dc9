// SPDX-License-Identifier: MIT
#include "dialect/call_id.h"

#include "base/fnv.h"

enum { ID_LEN_MAX = 64, MINTED_WORDS = 3, CHARS_PER_WORD = 8 };

struct taken {
    uint64_t n; // calls that the client gave this id
};

void call_ids_init(struct call_ids *ids, struct arena *arena)
{
    *ids = (struct call_ids){._arena = arena};
    map_init(&ids->_taken);
}

void call_ids_deinit(struct call_ids *ids)
{
    map_deinit(&ids->_taken);
}

static bool is_id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool call_id_is_valid(struct slice id)
{
    for (size_t i = 0; i < id.len && i <= ID_LEN_MAX; i++) {
        if (!is_id_char(id.ptr[i])) {
            return false;
        }
    }
    return id.len > 0 && id.len <= ID_LEN_MAX;
}

// With a finish that spreads each bit over all (splitmix64).
static uint64_t hash_of(struct slice text, uint64_t seed)
{
    uint64_t hash = fnv_add(FNV_START ^ (seed * UINT64_C(0x9E3779B97F4A7C15)), text);
    hash = (hash ^ hash >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94D049BB133111EB);
    return hash ^ hash >> 31;
}

// "call_" and 24 characters.
static struct slice mint(struct arena *arena, struct slice id, uint64_t place)
{
    static const char DIGITS[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static const struct slice PREFIX = SLICE_INIT("call_");
    char *out = arena_text(arena, PREFIX.len + MINTED_WORDS * CHARS_PER_WORD);
    memcpy(out, PREFIX.ptr, PREFIX.len);
    size_t len = PREFIX.len;
    for (uint64_t word = 0; word < MINTED_WORDS; word++) {
        uint64_t hash = hash_of(id, place * MINTED_WORDS + word + 1);
        for (int i = 0; i < CHARS_PER_WORD; i++, hash /= 62) {
            out[len++] = DIGITS[hash % 62];
        }
    }
    return slice_of(out, len);
}

// "call_0" → "call_0-2"; cut where it would be too long.
static struct slice number(struct arena *arena, struct slice id, uint64_t n)
{
    char digits[1 + 20] = "-";
    size_t n_digits = 1 + format_u64(digits + 1, n);
    if (id.len + n_digits > ID_LEN_MAX) {
        id.len = ID_LEN_MAX - n_digits;
    }
    return arena_concat(arena, (const struct slice[]){id, slice_of(digits, n_digits)}, 2);
}

struct slice call_ids_settle(struct call_ids *ids, struct slice id)
{
    uint64_t place = ids->_n_calls++;
    if (!call_id_is_valid(id)) {
        id = mint(ids->_arena, id, place);
    }
    struct taken *taken = map_find(&ids->_taken, id);
    struct slice unique = id;
    while (taken && map_find(&ids->_taken, unique)) {
        unique = number(ids->_arena, id, ++taken->n);
    }
    struct taken *own = arena_alloc(ids->_arena, sizeof(*own));
    own->n = 1;
    map_set(&ids->_taken, unique, own);
    return unique;
}

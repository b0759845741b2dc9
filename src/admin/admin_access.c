// SPDX-License-Identifier: MIT
#include "admin/admin_access.h"

#include "base/fnv.h"
#include "base/mem.h"
#include "base/random.h"
#include "config/cidr.h"

enum { WAYS = 8, SETS = ADMIN_ADDRESSES_MAX / WAYS };

struct failures {
    uint8_t address[16];
    uint64_t since_ms; // the first of them
    uint32_t n;        // 0: this place is free
};

struct admin_guard {
    uint64_t seed;
    struct failures sets[SETS][WAYS];
};

struct admin_guard *admin_guard_new(void)
{
    struct admin_guard *guard = mem_zalloc(sizeof(*guard));
    guard->seed = random_process_seed();
    return guard;
}

void admin_guard_free(struct admin_guard *guard)
{
    mem_free(guard);
}

// ---- failures by address --------------------------------------------------------------------------------------------

// What stands for a client: an IPv4 address, or half of an IPv6 one. Who is no address at all is zeros.
static void reduce(struct slice client, uint8_t out[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct cidr cidr;
    memset(out, 0, 16);
    if (cidr_parse(client, &cidr)) {
        memcpy(out, cidr.bytes, memcmp(cidr.bytes, mapped, sizeof(mapped)) == 0 ? 16 : 8);
    }
}

static bool is_over(const struct failures *failures, uint64_t now_ms)
{
    return failures->n == 0 || now_ms - failures->since_ms >= ADMIN_FAILURES_MS;
}

static struct failures *set_of(struct admin_guard *guard, const uint8_t address[16])
{
    uint64_t hash = fnv_add(FNV_START ^ guard->seed, slice_of((const char *)address, 16));
    return guard->sets[(hash ^ hash >> 32) % SETS];
}

static struct failures *find(struct admin_guard *guard, const uint8_t address[16], uint64_t now_ms)
{
    struct failures *set = set_of(guard, address);
    for (size_t i = 0; i < WAYS; i++) {
        if (!is_over(&set[i], now_ms) && memcmp(set[i].address, address, 16) == 0) {
            return &set[i];
        }
    }
    return NULL;
}

// A free place, or that of the oldest failures.
static struct failures *make_room(struct admin_guard *guard, const uint8_t address[16], uint64_t now_ms)
{
    struct failures *set = set_of(guard, address);
    struct failures *oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (is_over(&set[i], now_ms)) {
            return &set[i];
        }
        oldest = set[i].since_ms < oldest->since_ms ? &set[i] : oldest;
    }
    return oldest;
}

static void count_failure(struct admin_guard *guard, const uint8_t address[16], uint64_t now_ms)
{
    struct failures *failures = find(guard, address, now_ms);
    if (!failures) {
        failures = make_room(guard, address, now_ms);
        *failures = (struct failures){.since_ms = now_ms};
        memcpy(failures->address, address, 16);
    }
    failures->n++;
}

// ---- the key --------------------------------------------------------------------------------------------------------

static struct slice presented_key(const struct h1_field *field)
{
    if (field->id == HEADER_X_ADMIN_KEY) {
        return field->value;
    }
    if (field->id == HEADER_AUTHORIZATION && slice_starts_with_nocase(field->value, SLICE("bearer "))) {
        return slice_trim(slice_after(field->value, 7));
    }
    return SLICE_EMPTY;
}

// Looks at all that was sent, whatever it finds, so that the time tells nothing.
static bool has_key(const struct config *config, const struct h1_request *req)
{
    bool is_right = false;
    for (size_t i = 0; i < req->n_fields; i++) {
        struct slice key = presented_key(&req->fields[i]);
        is_right |= key.len && slice_eq_constant_time(key, config->admin_access_key);
    }
    return is_right;
}

enum admin_verdict admin_access_check(struct admin_guard *guard, const struct config *config,
                                      const struct h1_request *req, struct slice client, uint64_t now_ms,
                                      uint64_t *retry_after_ms_r)
{
    uint8_t address[16];
    if (config->admin_allow.n_items && !cidr_list_has(&config->admin_allow, client)) {
        return ADMIN_FORBIDDEN;
    }
    if (config->admin_access_key.len == 0) {
        return ADMIN_NOT_CONFIGURED;
    }
    reduce(client, address);
    const struct failures *failures = find(guard, address, now_ms);
    if (failures && failures->n >= ADMIN_FAILURES_MAX) {
        *retry_after_ms_r = failures->since_ms + ADMIN_FAILURES_MS - now_ms;
        return ADMIN_BLOCKED;
    }
    if (!has_key(config, req)) {
        count_failure(guard, address, now_ms);
        return ADMIN_UNAUTHORIZED;
    }
    return ADMIN_ALLOWED;
}

unsigned admin_access_n_failures(struct admin_guard *guard, struct slice client, uint64_t now_ms)
{
    uint8_t address[16];
    reduce(client, address);
    const struct failures *failures = find(guard, address, now_ms);
    return failures ? failures->n : 0;
}

// ---- addresses ------------------------------------------------------------------------------------------------------

// "192.0.2.7", "192.0.2.7:1234", "[2001:db8::1]:1234" and so on, without brackets and port. Empty: it is no address.
static struct slice bare_address(struct slice text)
{
    struct cidr cidr;
    size_t colon = slice_find_char(text, ':');
    if (text.len && text.ptr[0] == '[') {
        size_t end = slice_find_char(text, ']');
        text = end == SLICE_NOT_FOUND ? SLICE_EMPTY : slice_of(text.ptr + 1, end - 1);
    } else if (colon != SLICE_NOT_FOUND && slice_find_char(slice_after(text, colon + 1), ':') == SLICE_NOT_FOUND) {
        text = slice_of(text.ptr, colon);
    }
    bool is_address = slice_find_char(text, '/') == SLICE_NOT_FOUND && cidr_parse(text, &cidr);
    return is_address ? text : SLICE_EMPTY;
}

// Takes the last element of a list.
static struct slice take_last(struct slice *rest)
{
    size_t comma = slice_find_last(*rest, SLICE(","));
    struct slice last = comma == SLICE_NOT_FOUND ? *rest : slice_after(*rest, comma + 1);
    *rest = comma == SLICE_NOT_FOUND ? SLICE_EMPTY : slice_of(rest->ptr, comma);
    return slice_trim(last);
}

struct slice admin_client_address(const struct config *config, const struct h1_request *req, struct slice peer)
{
    struct slice client = peer;
    for (size_t i = req->n_fields; i-- > 0;) {
        struct slice rest = req->fields[i].id == HEADER_X_FORWARDED_FOR ? req->fields[i].value : SLICE_EMPTY;
        while (rest.len && cidr_list_has(&config->trusted_proxies, client)) {
            struct slice before = bare_address(take_last(&rest));
            if (before.len == 0) {
                return client; // whoever is behind this is not known
            }
            client = before;
        }
    }
    return client;
}

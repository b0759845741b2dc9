// SPDX-License-Identifier: MIT
// Each name has an entry with its last result, and while a look-up runs the list of those who wait for it. A look-up
// that nobody waits for any more runs on: getaddrinfo cannot be interrupted, and its answer is welcome later.
#include "net/resolver.h"

#include <netdb.h>

#include "base/list.h"
#include "base/map.h"

enum { RESOLVER_HOST_MAX = 255 };

struct resolver {
    struct loop *loop; // borrowed
    struct map entries;
    uint32_t ttl_ms;
};

struct entry {
    uv_getaddrinfo_t req;
    struct resolver *resolver; // borrowed
    struct list queries;       // waiting
    struct resolver_result result;
    uint64_t expires_ms;
    bool is_running;
    size_t host_len;
    char host[RESOLVER_HOST_MAX + 1];
};

struct resolver_query {
    struct list link;
    resolver_fn fn;
    void *arg;
};

struct resolver *resolver_new(struct loop *loop, uint32_t ttl_ms)
{
    struct resolver *resolver = mem_zalloc(sizeof(*resolver));
    resolver->loop = loop;
    resolver->ttl_ms = ttl_ms;
    map_init(&resolver->entries);
    return resolver;
}

void resolver_close(struct resolver *resolver)
{
    size_t at = 0;
    for (const struct map_entry *e; (e = map_next(&resolver->entries, &at));) {
        struct entry *entry = e->value;
        if (entry->is_running) {
            uv_cancel((uv_req_t *)&entry->req);
        }
    }
}

void resolver_free(struct resolver *resolver)
{
    size_t at = 0;
    for (const struct map_entry *e; (e = map_next(&resolver->entries, &at));) {
        mem_free(e->value);
    }
    map_deinit(&resolver->entries);
    mem_free(resolver);
}

bool resolver_find(struct resolver *resolver, struct slice host, struct resolver_result *result_r)
{
    struct address literal;
    if (address_from_literal(&literal, host, 0)) {
        *result_r = (struct resolver_result){.n_addresses = 1, .addresses = {literal}};
        return true;
    }
    const struct entry *entry = map_find(&resolver->entries, host);
    if (!entry || entry->is_running || entry->result.r != 0 || loop_now_ms(resolver->loop) >= entry->expires_ms) {
        return false;
    }
    *result_r = entry->result;
    return true;
}

// Takes the n-th address of a family from getaddrinfo's list.
static const struct addrinfo *nth_of_family(const struct addrinfo *list, int family, size_t n)
{
    for (; list; list = list->ai_next) {
        if (list->ai_family == family && n-- == 0) {
            return list;
        }
    }
    return NULL;
}

static void add_address(struct resolver_result *result, const struct addrinfo *info)
{
    if (info && result->n_addresses < RESOLVER_ADDRESSES_MAX) {
        memset(&result->addresses[result->n_addresses], 0, sizeof(struct address));
        memcpy(&result->addresses[result->n_addresses++], info->ai_addr, info->ai_addrlen);
    }
}

// The family that getaddrinfo put first (RFC 6724) starts; then they alternate.
static void take_addresses(struct resolver_result *result, const struct addrinfo *list)
{
    int first = list ? list->ai_family : AF_INET;
    int second = first == AF_INET ? AF_INET6 : AF_INET;
    for (size_t i = 0; i < RESOLVER_ADDRESSES_MAX; i++) {
        add_address(result, nth_of_family(list, first, i));
        add_address(result, nth_of_family(list, second, i));
    }
}

static void on_resolved(uv_getaddrinfo_t *req, int r, struct addrinfo *list)
{
    struct entry *entry = CONTAINER_OF(req, struct entry, req);
    entry->is_running = false;
    entry->expires_ms = loop_now_ms(entry->resolver->loop) + entry->resolver->ttl_ms;
    entry->result = (struct resolver_result){.r = r};
    if (r == 0) {
        take_addresses(&entry->result, list);
        entry->result.r = entry->result.n_addresses ? 0 : UV_EAI_NODATA;
    }
    uv_freeaddrinfo(list);
    struct list waiting;
    list_move_all(&entry->queries, &waiting);
    struct resolver_result result = entry->result;
    while (!list_is_empty(&waiting)) {
        struct resolver_query *query = CONTAINER_OF(waiting.next, struct resolver_query, link);
        list_remove(&query->link);
        resolver_fn fn = query->fn;
        void *arg = query->arg;
        mem_free(query);
        fn(arg, &result);
    }
}

static struct entry *entry_of(struct resolver *resolver, struct slice host)
{
    struct entry *entry = map_find(&resolver->entries, host);
    if (!entry) {
        entry = mem_zalloc(sizeof(*entry));
        entry->resolver = resolver;
        list_init(&entry->queries);
        entry->host_len = host.len;
        memcpy(entry->host, host.ptr, entry->host_len);
        map_set(&resolver->entries, slice_of(entry->host, entry->host_len), entry);
    }
    return entry;
}

static int look_up(struct entry *entry)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    uv_loop_t *uv = &entry->resolver->loop->uv;
    int r = uv_getaddrinfo(uv, &entry->req, on_resolved, entry->host, NULL, &hints);
    entry->is_running = r == 0;
    return r;
}

int resolver_start(struct resolver *resolver, struct slice host, resolver_fn fn, void *arg,
                   struct resolver_query **query_r)
{
    if (host.len == 0 || host.len > RESOLVER_HOST_MAX) {
        return UV_EINVAL;
    }
    struct entry *entry = entry_of(resolver, host);
    int r = entry->is_running ? 0 : look_up(entry);
    if (r != 0) {
        return r;
    }
    struct resolver_query *query = mem_alloc(sizeof(*query));
    query->fn = fn;
    query->arg = arg;
    list_append(&entry->queries, &query->link);
    *query_r = query;
    return 0;
}

void resolver_cancel(struct resolver_query *query)
{
    list_remove(&query->link);
    mem_free(query);
}

void resolver_forget(struct resolver *resolver, struct slice host)
{
    struct entry *entry = map_find(&resolver->entries, host);
    if (entry) {
        entry->expires_ms = 0;
    }
}

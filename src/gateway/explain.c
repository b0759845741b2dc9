// SPDX-License-Identifier: MIT
#include "gateway/explain.h"

#include "base/clock.h"
#include "gateway/failover.h"
#include "gateway/lease.h"
#include "keys/eligibility.h"
#include "keys/selector.h"

enum { TRAIL_BYTES_MAX = 4096, N_OBSTACLES = KEY_WAS_TRIED + 1 };

static bool has_field(const struct exchange *x, enum header_name name, struct slice *value_r)
{
    const struct h1_field *field = h1_find_field(x->ex->req.fields, x->ex->req.n_fields, name);
    *value_r = field ? field->value : SLICE_EMPTY;
    return field;
}

// As the admin API would: the key, and from where it is used.
static bool is_admin(struct exchange *x)
{
    const struct config *config = exchange_config(x);
    struct slice key;
    return config->admin_access_key.len && has_field(x, HEADER_X_ADMIN_KEY, &key) &&
           slice_eq_constant_time(key, config->admin_access_key) &&
           (!config->admin_allow.n_items || cidr_list_has(&config->admin_allow, server_peer_address(x->ex)));
}

// Looks at every key: only for who asks.
static void count_obstacles(struct exchange *x, uint32_t counts[N_OBSTACLES])
{
    struct gateway *gateway = x->gateway;
    uint32_t end = key_table_end(gateway->keys);
    int64_t now_ms = clock_wall_ms();
    int64_t until_ms;
    for (uint32_t i = 0; i < end; i++) {
        counts[key_obstacle_of(key_of(gateway->keys, i), key_selector_settings(gateway->selector), x->lease->model,
                               now_ms, &until_ms)]++;
    }
}

// Why other keys were passed over: how many of them for which reason.
static void append_passed_over(struct exchange *x, struct buf *out)
{
    uint32_t counts[N_OBSTACLES] = {0};
    const char *separator = "";
    count_obstacles(x, counts);
    out->len--; // the bracket that closes the array
    buf_printf(out, "%s{\"passed_over\":{", out->ptr[out->len - 1] == '[' ? "" : ",");
    for (unsigned obstacle = KEY_IS_DISABLED; obstacle < N_OBSTACLES; obstacle++) {
        if (counts[obstacle]) {
            buf_printf(out, "%s\"%s\":%u", separator, key_obstacle_name((enum key_obstacle)obstacle), counts[obstacle]);
            separator = ",";
        }
    }
    buf_append(out, SLICE("}}]"));
}

void explain_write_header(struct exchange *x, struct buf *headers)
{
    struct slice value;
    if (!has_field(x, HEADER_X_DROID2API_EXPLAIN, &value) || !slice_eq(value, SLICE("1")) || !is_admin(x)) {
        return;
    }
    failover_note_attempt(x, NULL);
    struct buf trail = BUF_EMPTY;
    trail_write_header_json(&x->trail, TRAIL_BYTES_MAX, &trail);
    if (x->lease && x->gateway->keys) {
        append_passed_over(x, &trail);
    }
    h1_write_field(headers, SLICE("x-droid2api-trail"), buf_slice(&trail));
    buf_deinit(&trail);
}

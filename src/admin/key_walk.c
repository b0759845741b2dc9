// SPDX-License-Identifier: MIT
#include "admin/key_walk.h"

#include "admin/key_filter.h"

enum { PIECE = 64 * 1024 };

struct slice *key_walk_choose(struct admin_exchange *x, const struct key_filter *filter, size_t *n_r)
{
    struct key_store *store = admin_store(x);
    size_t n_keys = key_store_n_keys(store);
    struct slice *ids = arena_alloc(admin_arena(x), (n_keys + 1) * sizeof(*ids));
    size_t n = 0;
    for (size_t i = 0; i < n_keys; i++) {
        const struct key_record *record = key_store_key(store, i);
        if (key_filter_takes(filter, x->admin, record)) {
            ids[n++] = arena_dup(admin_arena(x), record->id);
        }
    }
    *n_r = n;
    return ids;
}

static void fill(struct key_walk *walk, struct buf *piece)
{
    while (walk->at < walk->n_ids && piece->len < PIECE) {
        const struct key_record *record = key_store_find(admin_store(walk->x), walk->ids[walk->at++]);
        if (record) {
            walk->write(walk, record, piece);
            walk->n_written++;
        }
    }
}

static void go_on(struct admin_exchange *x)
{
    struct key_walk *walk = x->state;
    struct server_exchange *ex = x->ex;
    struct buf piece = BUF_EMPTY;
    bool is_last = false;
    for (int r = 0; r == 0 && !is_last;) {
        buf_clear(&piece);
        if (walk->at == 0) {
            buf_append(&piece, walk->head);
        }
        fill(walk, &piece);
        is_last = walk->at == walk->n_ids;
        if (is_last) {
            buf_append(&piece, walk->tail);
        }
        r = server_write(ex, buf_slice(&piece), is_last);
    }
    buf_deinit(&piece);
}

void key_walk_start(struct admin_exchange *x, struct key_walk *walk, struct slice headers)
{
    walk->x = x;
    x->state = walk;
    x->on_drain = go_on;
    server_start(x->ex, 200, headers, H1_NO_LENGTH);
    go_on(x);
}

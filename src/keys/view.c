// SPDX-License-Identifier: MIT
#include "keys/view.h"

#include <math.h>

void key_view_init(struct key_view *view, enum key_rule rule)
{
    *view = (struct key_view){.rule = rule};
    rank_tree_init(&view->_ranks);
    share_tree_init(&view->_shares);
    rank_tree_init(&view->_returns);
}

void key_view_deinit(struct key_view *view)
{
    rank_tree_deinit(&view->_ranks);
    share_tree_deinit(&view->_shares);
    rank_tree_deinit(&view->_returns);
}

void key_view_copy(struct key_view *view, const struct key_view *from)
{
    *view = *from;
    rank_tree_copy(&view->_ranks, &from->_ranks);
    share_tree_copy(&view->_shares, &from->_shares);
    rank_tree_copy(&view->_returns, &from->_returns);
}

void key_view_grow(struct key_view *view, uint32_t n)
{
    rank_tree_grow(&view->_returns, n);
    switch (view->rule) {
    case KEY_LEAST: rank_tree_grow(&view->_ranks, n); break;
    case KEY_SHARE: share_tree_grow(&view->_shares, n); break;
    }
}

bool key_view_is_ready(const struct key_view *view, uint32_t place)
{
    return view->rule == KEY_SHARE ? share_tree_weight(&view->_shares, place) > 0
                                   : !isinf(view->_ranks.ranks[place].score);
}

struct rank key_view_rank(const struct key_view *view, uint32_t place)
{
    return view->rule == KEY_SHARE ? (struct rank){share_tree_weight(&view->_shares, place), 0}
                                   : view->_ranks.ranks[place];
}

static void set_return(struct key_view *view, uint32_t place, double at)
{
    if (view->_returns.ranks[place].score != at) {
        rank_tree_set(&view->_returns, place, (struct rank){at, 0});
    }
}

void key_view_ready(struct key_view *view, uint32_t place, struct rank rank)
{
    view->n_ready -= key_view_is_ready(view, place);
    switch (view->rule) {
    case KEY_LEAST: rank_tree_set(&view->_ranks, place, rank); break;
    case KEY_SHARE: share_tree_set(&view->_shares, place, rank.score); break;
    }
    view->n_ready += key_view_is_ready(view, place);
    set_return(view, place, INFINITY);
}

void key_view_away(struct key_view *view, uint32_t place, int64_t until_ms)
{
    if (key_view_is_ready(view, place)) {
        view->n_ready--;
        switch (view->rule) {
        case KEY_LEAST: rank_tree_clear(&view->_ranks, place); break;
        case KEY_SHARE: share_tree_set(&view->_shares, place, 0); break;
        }
    }
    set_return(view, place, until_ms ? (double)until_ms : INFINITY);
}

void key_view_put(struct key_view *view, uint32_t place, const struct key_look *look)
{
    if (look->obstacle == KEY_ELIGIBLE) {
        key_view_ready(view, place, look->rank);
    } else {
        key_view_away(view, place, look->until_ms);
    }
}

void key_view_move(struct key_view *view, uint32_t from, uint32_t to)
{
    double at = view->_returns.ranks[from].score;
    if (key_view_is_ready(view, from)) {
        key_view_ready(view, to, key_view_rank(view, from));
    } else {
        key_view_away(view, to, isinf(at) ? 0 : (int64_t)at);
    }
    key_view_away(view, from, 0);
}

bool key_view_next(const struct key_view *view, double at, uint32_t *place_r)
{
    return view->rule == KEY_SHARE ? share_tree_draw(&view->_shares, at, place_r)
                                   : rank_tree_least(&view->_ranks, place_r);
}

bool key_view_returning(const struct key_view *view, uint32_t *place_r, int64_t *at_ms_r)
{
    if (!rank_tree_least(&view->_returns, place_r)) {
        return false;
    }
    *at_ms_r = (int64_t)view->_returns.ranks[*place_r].score;
    return true;
}

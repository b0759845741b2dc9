// SPDX-License-Identifier: MIT
#include "keys/draw.h"

enum {
    RETURNS_AT_ONCE = 32, // more that are due wait for the next picks, unless no other key is ready
    ASIDES_MAX = 4,       // of keys that cool for the model; more are worth a view of its own
};

// ---- one key

static bool was_tried(const struct key_wish *wish, uint32_t slot, uint32_t identity)
{
    for (size_t i = 0; i < wish->n_tried; i++) {
        if (wish->tried[i].slot == slot && wish->tried[i].identity == identity) {
            return true;
        }
    }
    return false;
}

static bool lease(struct key_draw *draw, uint32_t slot_index, uint32_t identity)
{
    struct key_choice *choice = draw->choice;
    struct key_info info;
    if (!key_lease_take(draw->roster->table, slot_index, identity, draw->arena, &choice->lease, &info)) {
        return false;
    }
    choice->id = info.id;
    choice->secret = info.secret;
    choice->proxy = info.proxy;
    return true;
}

// As above, but not when another process has taken the last room meanwhile.
static bool lease_if_room(struct key_draw *draw, uint32_t slot_index, uint32_t identity)
{
    if (!lease(draw, slot_index, identity)) {
        return false;
    }
    const struct key_slot *slot = key_of(draw->roster->table, slot_index);
    if (key_is_full(slot, &draw->roster->settings, atomic_load(&slot->inflight) - 1)) {
        key_lease_return(draw->roster->table, &draw->choice->lease);
        return false;
    }
    return true;
}

static void count_use(const struct key_draw *draw, struct key_slot *slot)
{
    atomic_fetch_add_explicit(&slot->usage_count, 1, memory_order_relaxed);
    atomic_store_explicit(&slot->last_used_ms, draw->wish->now_ms, memory_order_relaxed);
}

static void use(const struct key_draw *draw, uint32_t slot_index)
{
    struct key_slot *slot = key_of(draw->roster->table, slot_index);
    atomic_store_explicit(&slot->ticket, key_table_ticket(draw->roster->table), memory_order_release);
    count_use(draw, slot);
}

bool key_draw_any(struct key_draw *draw, uint32_t slot, uint32_t identity)
{
    if (!lease(draw, slot, identity)) {
        return false;
    }
    use(draw, slot);
    return true;
}

bool key_draw_eligible(struct key_draw *draw, uint32_t slot, uint32_t identity)
{
    struct key_scoring scoring = key_roster_scoring(draw->roster, draw->wish->now_ms);
    struct key_look look;
    key_look_at(key_of(draw->roster->table, slot), draw->roster->algorithm, &scoring, draw->wish->model, &look);
    if (look.identity != identity || look.obstacle != KEY_ELIGIBLE || was_tried(draw->wish, slot, identity) ||
        !lease_if_room(draw, slot, identity)) {
        return false;
    }
    use(draw, slot);
    return true;
}

// ---- the best key of a tier

static bool is_out(const struct key_draw *draw, uint32_t slot, uint32_t identity)
{
    return was_tried(draw->wish, slot, identity) || (draw->avoided.slot == slot && draw->avoided.identity == identity);
}

static void return_by(struct key_draw *draw, int64_t until_ms)
{
    if (until_ms && until_ms < draw->choice->until_ms) {
        draw->choice->until_ms = until_ms;
    }
}

static void put_aside(struct key_draw *draw, struct key_view *view, uint32_t place)
{
    if (draw->n_asides == draw->cap_asides) {
        draw->cap_asides = draw->cap_asides ? 2 * draw->cap_asides : 16;
        draw->asides = mem_realloc(draw->asides, draw->cap_asides * sizeof(*draw->asides));
    }
    draw->asides[draw->n_asides++] = (struct key_aside){place, key_view_rank(view, place)};
    key_view_away(view, place, 0);
}

static void put_back(struct key_draw *draw, struct key_view *view)
{
    while (draw->n_asides) {
        const struct key_aside *aside = &draw->asides[--draw->n_asides];
        key_view_ready(view, aside->place, aside->rank);
    }
}

// Looks at the keys whose time has come.
static void welcome(struct key_draw *draw, struct key_tier *tier, struct key_view *view)
{
    struct key_scoring scoring = key_roster_scoring(draw->roster, draw->wish->now_ms);
    struct key_look look;
    uint32_t place;
    int64_t at_ms;
    for (int n = 0; n < RETURNS_AT_ONCE || !view->n_ready; n++) {
        if (!key_view_returning(view, &place, &at_ms) || at_ms > scoring.now_ms) {
            return;
        }
        key_look_at(key_of(draw->roster->table, tier->slots[place]), draw->roster->algorithm, &scoring, view->model,
                    &look);
        key_view_put(view, place, &look);
    }
}

// Is the key no worse than remembered? Under KEY_SHARE a key whose weight has fallen to a half is taken every other
// time.
static bool holds(struct key_draw *draw, struct key_view *view, uint32_t place, struct rank now)
{
    struct rank before = key_view_rank(view, place);
    if (now.score == before.score && (now.ticket == before.ticket || view->rule == KEY_SHARE)) {
        return true;
    }
    key_view_ready(view, place, now);
    return view->rule == KEY_SHARE && dice_unit(draw->dice) * before.score < now.score;
}

// Processes that see the same key as the best are told apart by who changes its ticket; the other one looks again.
// Chance needs no such order.
static bool claim(struct key_draw *draw, enum key_rule rule, struct key_slot *slot, uint64_t seen_ticket)
{
    uint64_t ticket = key_table_ticket(draw->roster->table);
    if (rule == KEY_SHARE) {
        atomic_store_explicit(&slot->ticket, ticket, memory_order_release);
        return true;
    }
    return atomic_compare_exchange_strong(&slot->ticket, &seen_ticket, ticket);
}

static bool take(struct key_draw *draw, struct key_tier *tier, struct key_view *view, uint32_t place,
                 const struct key_look *look)
{
    struct key_roster *roster = draw->roster;
    uint32_t slot_index = tier->slots[place];
    struct key_slot *slot = key_of(roster->table, slot_index);
    if (!lease_if_room(draw, slot_index, look->identity)) {
        put_aside(draw, view, place); // it is changing under our hands; the next pick will see
        return_by(draw, draw->wish->now_ms + KEY_FULL_MS);
        return false;
    }
    if (!claim(draw, view->rule, slot, look->rank.ticket)) {
        key_lease_return(roster->table, &draw->choice->lease);
        return false;
    }
    count_use(draw, slot);
    tier->n_picks_since++;
    if (roster->algorithm->on_pick) {
        roster->algorithm->on_pick(slot, key_table_group_turn(roster->table, tier->group));
    }
    // We know how good it is now; that spares the next pick a look.
    struct key_scoring scoring = key_roster_scoring(roster, draw->wish->now_ms);
    key_view_ready(view, place,
                   (struct rank){roster->algorithm->score(slot, &scoring),
                                 atomic_load_explicit(&slot->ticket, memory_order_relaxed)});
    return true;
}

enum drawn { DRAWN, NONE_READY, MANY_COOL };

// Keys that only this wish must not have are put aside.
static enum drawn draw_in(struct key_draw *draw, struct key_tier *tier, struct key_view *view)
{
    const struct key_wish *wish = draw->wish;
    struct key_scoring scoring = key_roster_scoring(draw->roster, wish->now_ms);
    uint32_t n_cool = 0;
    uint32_t place;
    while (key_view_next(view, view->rule == KEY_SHARE ? dice_unit(draw->dice) : 0, &place)) {
        struct key_slot *slot = key_of(draw->roster->table, tier->slots[place]);
        struct key_look look;
        int64_t until_ms;
        key_look_at(slot, draw->roster->algorithm, &scoring, view->model, &look);
        if (look.obstacle != KEY_ELIGIBLE) {
            key_view_away(view, place, look.until_ms);
        } else if (!holds(draw, view, place, look.rank)) {
            continue;
        } else if (is_out(draw, tier->slots[place], look.identity)) {
            put_aside(draw, view, place);
            // It may rest for this model, which the view need not know.
            key_obstacle_of(slot, &draw->roster->settings, wish->model, wish->now_ms, &until_ms);
            return_by(draw, until_ms);
        } else if (view->model != wish->model && key_obstacle_of(slot, &draw->roster->settings, wish->model,
                                                                 wish->now_ms, &until_ms) != KEY_ELIGIBLE) {
            put_aside(draw, view, place);
            return_by(draw, until_ms);
            if (++n_cool > ASIDES_MAX) {
                return MANY_COOL;
            }
        } else if (take(draw, tier, view, place, &look)) {
            return DRAWN;
        }
    }
    return NONE_READY;
}

bool key_draw_from(struct key_draw *draw, struct key_tier *tier)
{
    const struct key_wish *wish = draw->wish;
    struct key_view *view = key_tier_view(tier, wish->model, wish->now_ms);
    welcome(draw, tier, view);
    enum drawn drawn = draw_in(draw, tier, view);
    put_back(draw, view);
    if (drawn == MANY_COOL) {
        view = key_tier_add_model(tier, wish->model, wish->now_ms);
        drawn = draw_in(draw, tier, view);
        put_back(draw, view);
    }
    uint32_t place;
    int64_t at_ms;
    if (drawn == NONE_READY && key_view_returning(view, &place, &at_ms)) {
        return_by(draw, at_ms);
    }
    return drawn == DRAWN;
}

// SPDX-License-Identifier: MIT
// A result belongs to the nearest call before it with its id: some providers begin to count anew with each answer.
// Where there are no ids (Gemini), the n-th result with a name answers the n-th call with that name in the turn before.
#include "dialect/pairing.h"

#include "base/map.h"
#include "dialect/call_id.h"
#include "json/json_writer.h"

struct pair {
    struct pair *next;      // all, in order of the calls
    struct pair *next_id;   // the next call of the same turn with the same id
    struct pair *next_name; // … with the same name
    struct neutral_turn *turn;
    struct neutral_part *call;
    struct neutral_part *result; // NULL: none yet
};

// Calls of one turn that go by the same id or name. A later turn begins anew.
struct queue {
    const struct neutral_turn *turn;
    struct pair *open; // the first that has no result yet; NULL: all have one
    struct pair *last;
};

struct pairing {
    struct arena *arena;
    struct neutral_request *req;
    struct loss *loss;
    struct map by_id;   // → queue
    struct map by_name; // → queue
    struct pair *pairs;
    struct pair **last;
};

// ---- calls

// The queue to which a call of `turn` is to be added.
static struct queue *open_queue(struct arena *arena, struct map *map, struct slice key, const struct neutral_turn *turn)
{
    struct queue *queue = map_find(map, key);
    if (!queue) {
        queue = arena_zalloc(arena, sizeof(*queue));
        map_set(map, key, queue);
    }
    if (queue->turn != turn) {
        *queue = (struct queue){.turn = turn};
    }
    return queue;
}

static void add_call(struct pairing *pairing, struct neutral_turn *turn, struct neutral_part *call)
{
    struct pair *pair = arena_zalloc(pairing->arena, sizeof(*pair));
    pair->turn = turn;
    pair->call = call;
    *pairing->last = pair;
    pairing->last = &pair->next;
    struct queue *ids = open_queue(pairing->arena, &pairing->by_id, call->call.id, turn);
    if (ids->last) {
        ids->last->next_id = pair;
    }
    ids->open = ids->open ? ids->open : pair;
    ids->last = pair;
    struct queue *names = open_queue(pairing->arena, &pairing->by_name, call->call.name, turn);
    if (names->last) {
        names->last->next_name = pair;
    }
    names->open = names->open ? names->open : pair;
    names->last = pair;
}

static void add_calls(struct pairing *pairing, struct neutral_turn *turn)
{
    for (struct neutral_part *part = turn->parts; part; part = part->next) {
        if (part->kind == PART_CALL && part->call.kind != TOOL_SERVER) {
            add_call(pairing, turn, part);
        }
    }
}

// ---- results

static struct pair *find_by_id(const struct pairing *pairing, struct slice id)
{
    struct queue *queue = map_find(&pairing->by_id, id);
    if (!queue) {
        return NULL;
    }
    while (queue->open && queue->open->result) {
        queue->open = queue->open->next_id;
    }
    return queue->open ? queue->open : queue->last;
}

static struct pair *find_by_name(const struct pairing *pairing, struct slice name)
{
    struct queue *queue = map_find(&pairing->by_name, name);
    if (!queue) {
        return NULL;
    }
    while (queue->open && queue->open->result) {
        queue->open = queue->open->next_name;
    }
    return queue->open ? queue->open : queue->last;
}

static struct pair *find_call(const struct pairing *pairing, const struct result *result)
{
    struct pair *pair = result->call_id.len ? find_by_id(pairing, result->call_id) : NULL;
    // A client may have given an id to a call of Gemini that had none.
    bool goes_by_name = result->call_id.len == 0 || pairing->req->origin == DIALECT_GEMINI;
    return !pair && goes_by_name && result->name.len ? find_by_name(pairing, result->name) : pair;
}

// What a result says, as parts of the user.
static struct neutral_part *parts_of_result(struct arena *arena, const struct json_doc *doc,
                                            const struct neutral_part *part)
{
    if (part->result.parts || !part->result.raw) {
        return part->result.parts;
    }
    struct buf text = BUF_EMPTY;
    json_escape(&text, json_raw(doc, part->result.raw));
    struct neutral_part *said = neutral_text_new(arena, arena_dup(arena, buf_slice(&text)), part->at);
    buf_deinit(&text);
    return said;
}

// Puts `parts` in the place of *link; returns the end of what was put there.
static struct neutral_part **replace_part(struct neutral_part **link, struct neutral_part *parts)
{
    struct neutral_part *behind = (*link)->next;
    *link = parts;
    while (*link) {
        link = &(*link)->next;
    }
    *link = behind;
    return link;
}

static void take_result(struct pairing *pairing, struct pair *pair, struct neutral_part *result)
{
    if (pair->result) {
        loss_warn(pairing->loss, LOSS_DROPPED, pair->result->at); // the last one counts
    }
    pair->result = result;
}

// Takes the results out of a turn. False: one of them answers nothing.
static bool take_results(struct pairing *pairing, struct neutral_turn *turn)
{
    for (struct neutral_part **link = &turn->parts; *link;) {
        struct neutral_part *part = *link;
        if (part->kind != PART_RESULT) {
            link = &part->next;
            continue;
        }
        struct pair *pair = find_call(pairing, &part->result);
        if (pair) {
            *link = part->next;
            take_result(pairing, pair, part);
            continue;
        }
        if (pairing->loss->mode != LOSS_LENIENT) {
            loss_reject_input(pairing->loss, part->at, "there is no tool call before it that this result answers");
            return false;
        }
        loss_warn(pairing->loss, LOSS_CHANGED, part->at);
        link = replace_part(link, parts_of_result(pairing->arena, pairing->req->doc, part));
    }
    return true;
}

static bool collect(struct pairing *pairing)
{
    for (struct neutral_turn *turn = pairing->req->turns; turn; turn = turn->next) {
        if (turn->role == TURN_ASSISTANT) {
            add_calls(pairing, turn);
        } else if (!take_results(pairing, turn)) {
            return false;
        }
    }
    return true;
}

// ---- places

// The turns that consisted of results. Others that are empty have gone before.
static void drop_emptied(struct neutral_turn **link)
{
    while (*link) {
        if ((*link)->parts) {
            link = &(*link)->next;
        } else {
            *link = (*link)->next;
        }
    }
}

// For a call that has been left behind: providers refuse a history with one.
static struct neutral_part *missing_result(struct pairing *pairing, const struct neutral_part *call)
{
    loss_warn(pairing->loss, LOSS_ADDED, call->at);
    struct neutral_part *result = neutral_part_new(pairing->arena, PART_RESULT, NULL);
    result->result.parts = neutral_text_new(pairing->arena, SLICE("tool result missing"), NULL);
    result->result.is_error = true;
    return result;
}

// The pairs of one turn: from `first` on, `end_r` is behind them. Does any of them have a result?
static bool has_result(struct pair *first, struct pair **end_r)
{
    bool has = false;
    struct pair *pair = first;
    for (; pair && pair->turn == first->turn; pair = pair->next) {
        has |= pair->result != NULL;
    }
    *end_r = pair;
    return has;
}

static void join(struct call_ids *ids, struct pair *pair)
{
    struct call *call = &pair->call->call;
    call->id = call_ids_settle(ids, call->id);
    if (pair->result) {
        struct result *result = &pair->result->result;
        result->call_id = call->id;
        result->name = call->name;
        result->name_space = call->name_space;
        result->kind = call->kind;
    }
}

// Puts results in front of what the user says next.
static void place(struct arena *arena, struct neutral_turn *turn, struct neutral_part *results,
                  struct neutral_part **last)
{
    struct neutral_turn *next = turn->next;
    if (!next || next->role != TURN_USER) {
        struct neutral_turn *user = neutral_turn_new(arena, TURN_USER, results->at);
        user->next = next;
        turn->next = next = user;
    }
    *last = next->parts;
    next->parts = results;
}

// All calls of one turn.
static void settle_turn(struct pairing *pairing, struct call_ids *ids, struct pair *first, struct pair **end_r)
{
    struct neutral_turn *turn = first->turn;
    bool is_open = !has_result(first, end_r) && !turn->next; // the request ends with its calls
    struct neutral_part *results = NULL;
    struct neutral_part **last = &results;
    for (struct pair *pair = first; pair != *end_r; pair = pair->next) {
        if (!pair->result && !is_open) {
            pair->result = missing_result(pairing, pair->call);
        }
        join(ids, pair);
        if (pair->result) {
            pair->result->next = NULL;
            neutral_append_part(&last, pair->result);
        }
    }
    if (results) {
        place(pairing->arena, turn, results, last);
    }
}

static void settle(struct pairing *pairing)
{
    struct call_ids ids;
    call_ids_init(&ids, pairing->arena);
    struct pair *end;
    for (struct pair *first = pairing->pairs; first; first = end) {
        settle_turn(pairing, &ids, first, &end);
    }
    call_ids_deinit(&ids);
}

bool pairing_settle(struct arena *arena, struct neutral_request *req, struct loss *loss)
{
    struct pairing pairing = {.arena = arena, .req = req, .loss = loss};
    pairing.last = &pairing.pairs;
    map_init(&pairing.by_id);
    map_init(&pairing.by_name);
    bool is_done = collect(&pairing);
    if (is_done) {
        drop_emptied(&req->turns);
        settle(&pairing);
    }
    map_deinit(&pairing.by_id);
    map_deinit(&pairing.by_name);
    return is_done;
}

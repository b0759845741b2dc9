// SPDX-License-Identifier: MIT
#include "dialect/normalise.h"

#include "dialect/escaped_text.h"
#include "dialect/pairing.h"
#include "dialect/weeding.h"

// What stands for something that the conversation lacks.
#define FIRST_WORDS "Hello."
#define LAST_WORDS "Continue."
#define MARK_START "<system-message>"
#define MARK_END "</system-message>"

static bool alternates_roles(enum dialect target)
{
    return target == DIALECT_ANTHROPIC || target == DIALECT_GEMINI;
}

// ---- system turns

static void mark_texts(struct arena *arena, struct neutral_turn *turn)
{
    for (struct neutral_part *part = turn->parts; part; part = part->next) {
        if (part->kind == PART_TEXT) {
            const struct slice marked[] = {SLICE(MARK_START), part->text, SLICE(MARK_END)};
            part->text = arena_concat(arena, marked, 3);
        }
    }
}

// Instructions in the middle stay where they are: in front they would change the order, and every cached prefix.
static void replace_system_turns(struct arena *arena, struct neutral_request *req, struct loss *loss)
{
    for (struct neutral_turn *turn = req->turns; turn; turn = turn->next) {
        if (turn->role == TURN_SYSTEM || turn->role == TURN_DEVELOPER) {
            loss_warn(loss, LOSS_CHANGED, turn->at);
            mark_texts(arena, turn);
            turn->role = TURN_USER;
        }
    }
}

// ---- merging

static bool acts(const struct neutral_turn *turn)
{
    const struct neutral_part *part = turn->parts;
    while (part && part->kind != PART_CALL && part->kind != PART_REASONING) {
        part = part->next;
    }
    return part;
}

static bool is_mergeable(const struct neutral_turn *turn, bool turn_acts, bool merges_roles)
{
    const struct neutral_turn *next = turn->next;
    if (!next || next->role != turn->role) {
        return false;
    }
    if (turn->role == TURN_ASSISTANT) {
        return merges_roles || turn_acts || acts(next);
    }
    return merges_roles && turn->role == TURN_USER;
}

static void merge_turns(struct neutral_request *req, bool merges_roles)
{
    for (struct neutral_turn *turn = req->turns; turn; turn = turn->next) {
        struct neutral_part **last = &turn->parts;
        bool turn_acts = acts(turn);
        while (is_mergeable(turn, turn_acts, merges_roles)) {
            turn_acts |= acts(turn->next);
            while (*last) {
                last = &(*last)->next;
            }
            *last = turn->next->parts;
            turn->next = turn->next->next;
        }
    }
}

// ---- both ends

static struct neutral_turn *said_by_user(struct arena *arena, struct slice text)
{
    struct neutral_turn *turn = neutral_turn_new(arena, TURN_USER, NULL);
    turn->parts = neutral_text_new(arena, text, NULL);
    return turn;
}

static void begin_with_user(struct arena *arena, struct neutral_request *req, struct loss *loss)
{
    if (req->turns->role != TURN_USER) {
        loss_warn(loss, LOSS_ADDED, req->turns->at);
        struct neutral_turn *first = said_by_user(arena, SLICE(FIRST_WORDS));
        first->next = req->turns;
        req->turns = first;
    }
}

static bool wants_thinking(const struct neutral_request *req, const struct profile *profile)
{
    const struct thinking *thinking = &req->thinking;
    return profile_thinks(profile) && (thinking->state == THINKING_ON || thinking->state == THINKING_AUTO ||
                                       thinking->effort > EFFORT_NONE || thinking->budget > 0);
}

static void trim_last_text(struct neutral_turn *turn)
{
    struct neutral_part *part = turn->parts;
    while (part->next) {
        part = part->next;
    }
    if (part->kind == PART_TEXT) {
        part->text = escaped_text_trim_end(part->text);
    }
}

// The request ends with the beginning of an answer. False: refused.
static bool end_for_anthropic(struct arena *arena, const struct neutral_request *req, const struct profile *profile,
                              struct neutral_turn *last, struct loss *loss)
{
    if (!profile->rejects_prefill && !wants_thinking(req, profile)) {
        trim_last_text(last);
        return true;
    }
    if (loss->mode == LOSS_LENIENT) {
        loss_warn(loss, LOSS_ADDED, last->at);
        last->next = said_by_user(arena, SLICE(LAST_WORDS));
        return true;
    }
    return !loss_refuse(loss, last->at, "the upstream of this model does not go on with an answer that was begun");
}

static bool calls(const struct neutral_turn *turn)
{
    const struct neutral_part *part = turn->parts;
    while (part && part->kind != PART_CALL) {
        part = part->next;
    }
    return part;
}

static bool settle_end(struct arena *arena, struct neutral_request *req, const struct target *target, struct loss *loss)
{
    struct neutral_turn *last = req->turns;
    while (last->next) {
        last = last->next;
    }
    if (last->role != TURN_ASSISTANT || calls(last)) {
        return true;
    }
    if (target->dialect == DIALECT_ANTHROPIC) {
        return end_for_anthropic(arena, req, &target->profile, last, loss);
    }
    if (target->dialect != DIALECT_GEMINI && alternates_roles(req->origin)) {
        loss_warn(loss, LOSS_CHANGED, last->at); // there it is history only
    }
    return true;
}

// ---- all of it

static bool has_turns(const struct neutral_request *req, struct loss *loss)
{
    if (!req->turns) {
        loss_reject_input(loss, NULL, "there is no message with any content");
    }
    return req->turns;
}

bool normalise(struct arena *arena, struct neutral_request *req, const struct target *target, struct loss *loss)
{
    bool merges_roles = alternates_roles(target->dialect);
    tool_names_settle(arena, req, target->dialect);
    weed_parts(arena, req, target, loss);
    if (!weed_turns(req, loss)) {
        return false;
    }
    if (merges_roles && !(target->dialect == DIALECT_ANTHROPIC && target->profile.has_system_turns)) {
        replace_system_turns(arena, req, loss);
    }
    merge_turns(req, false);
    weed_mere_reasoning(req);
    if (!has_turns(req, loss) || !pairing_settle(arena, req, loss)) {
        return false;
    }
    merge_turns(req, merges_roles);
    if (!has_turns(req, loss)) {
        return false;
    }
    if (merges_roles) {
        begin_with_user(arena, req, loss);
    }
    return settle_end(arena, req, target, loss) && !loss->is_refused;
}

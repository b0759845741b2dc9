// SPDX-License-Identifier: MIT
#include "dialect/answer.h"

#include "base/buf.h"
#include "dialect/answer_call.h"
#include "dialect/call_id.h"

// Of all calls of an answer: what comes in pieces must be kept by clients' dialects that want it whole, and by the
// sequencer.
enum { CALL_BYTES_MAX = 16 * 1024 * 1024 };

struct candidate {
    struct list open;           // owned: arena; blocks in the order of opening
    struct neutral_block *flow; // the latest block of answer_flow(); it may be closed
    uint32_t n_blocks;
    bool is_told;  // else it is only there because a later one is
    bool has_call; // complete, and for the client to execute
    struct finish finish;
    bool may_end; // an end was said that may not be the last
};

struct answer {
    struct answer_context context;
    struct event_sink sink;
    struct answer_head head;
    struct usage usage;
    struct candidate **candidates; // arena
    uint32_t n_candidates;
    uint32_t n_ids;      // minted
    size_t n_call_bytes; // of arguments that were told
    struct neutral_block *last_call;
    struct neutral_block nowhere; // never open
    uint64_t n_told;
    struct neutral_block *delta_block; // of the latest delta
    struct slice delta_text;
    uint64_t n_told_with_delta; // up to it
    bool borrows;
    bool is_started;
    bool is_over;
    bool has_content;
    bool has_new_usage;
};

struct answer *answer_new(const struct answer_context *context, struct event_sink sink)
{
    struct answer *answer = arena_zalloc(context->arena, sizeof(*answer));
    answer->context = *context;
    answer->sink = sink;
    answer->usage = USAGE_UNKNOWN;
    return answer;
}

static struct neutral_block *block_among_open(struct list *node)
{
    return CONTAINER_OF(node, struct neutral_block, _among_open);
}

void answer_deinit(struct answer *answer)
{
    for (uint32_t i = 0; i < answer->n_candidates; i++) {
        struct list *open = &answer->candidates[i]->open;
        for (struct list *node = open->next; node != open; node = node->next) {
            struct neutral_block *block = block_among_open(node);
            if (block->_held) {
                buf_deinit(block->_held);
            }
        }
    }
}

void answer_borrow(struct answer *answer)
{
    answer->borrows = true;
}

bool answer_is_borrowing(const struct answer *answer)
{
    return answer->borrows;
}

static struct slice keep(struct answer *answer, struct slice text)
{
    return text.len && !answer->borrows ? arena_dup(answer->context.arena, text) : text;
}

// JSON that is passed on as it stands, on one line: within JSON a line can only end between two tokens.
static struct slice on_one_line(struct answer *answer, struct slice raw)
{
    if (slice_find_char(raw, '\n') == SLICE_NOT_FOUND && slice_find_char(raw, '\r') == SLICE_NOT_FOUND) {
        return raw;
    }
    char *line = arena_text(answer->context.arena, raw.len);
    for (size_t i = 0; i < raw.len; i++) {
        line[i] = raw.ptr[i] == '\n' || raw.ptr[i] == '\r' ? ' ' : raw.ptr[i];
    }
    return slice_of(line, raw.len);
}

// ---- passing on

static void pass(struct answer *answer, const struct neutral_event *event)
{
    answer->n_told++;
    answer->sink.take(answer->sink.arg, event);
}

static void pass_of_block(struct answer *answer, enum event_kind kind, struct neutral_block *block)
{
    pass(answer, &(struct neutral_event){.kind = kind, .block = block});
}

static void pass_text(struct answer *answer, struct neutral_block *block, struct slice text)
{
    pass(answer, &(struct neutral_event){.kind = EVENT_DELTA, .block = block, .text = text});
}

// Late, so that an upstream which fails at once leaves nothing behind.
static void begin(struct answer *answer)
{
    if (!answer->is_started) {
        answer->is_started = true;
        answer->head.usage = &answer->usage;
        pass(answer, &(struct neutral_event){.kind = EVENT_START, .head = &answer->head});
    }
}

// ---- head and figures

static void fill(struct answer *answer, struct slice *member, struct slice text)
{
    if (!member->len && text.len) {
        *member = keep(answer, text);
        answer->n_told++;
    }
}

void answer_start(struct answer *answer, const struct answer_head *head)
{
    fill(answer, &answer->head.id, head->id);
    fill(answer, &answer->head.model, head->model);
    fill(answer, &answer->head.service_tier, head->service_tier);
    if (!answer->head.created_s) {
        answer->head.created_s = head->created_s;
    }
}

static void merge_figure(struct answer *answer, int64_t *figure, int64_t value)
{
    if (value >= 0 && value != *figure) {
        *figure = value;
        answer->has_new_usage = true;
    }
}

void answer_usage(struct answer *answer, const struct usage *usage)
{
    answer->n_told++;
    merge_figure(answer, &answer->usage.input, usage->input);
    merge_figure(answer, &answer->usage.output, usage->output);
    merge_figure(answer, &answer->usage.reasoning, usage->reasoning);
    merge_figure(answer, &answer->usage.cache_read, usage->cache_read);
    merge_figure(answer, &answer->usage.cache_write, usage->cache_write);
}

// ---- candidates

static bool has_one_candidate(enum dialect client)
{
    return client == DIALECT_ANTHROPIC || client == DIALECT_RESPONSES;
}

// The candidate with that number, and all before it; NULL when it is not passed on.
static struct candidate *candidate_at(struct answer *answer, uint32_t index)
{
    struct arena *arena = answer->context.arena;
    if (index >= (has_one_candidate(answer->context.client) ? 1 : CANDIDATES_MAX)) {
        return NULL;
    }
    if (index >= answer->n_candidates) {
        size_t size = sizeof(struct candidate *);
        size_t new_size = (index + 1) * size;
        answer->candidates = answer->candidates
                                 ? arena_grow(arena, answer->candidates, answer->n_candidates * size, new_size)
                                 : arena_alloc(arena, new_size);
        for (; answer->n_candidates <= index; answer->n_candidates++) {
            struct candidate *candidate = arena_zalloc(arena, sizeof(*candidate));
            list_init(&candidate->open);
            answer->candidates[answer->n_candidates] = candidate;
        }
    }
    answer->candidates[index]->is_told = true;
    return answer->candidates[index];
}

// ---- calls

static void prepare_call(struct answer *answer, struct neutral_block *block)
{
    if (answer_call_map(&answer->context, block)) {
        block->_held = arena_alloc(answer->context.arena, sizeof(*block->_held));
        *block->_held = BUF_EMPTY;
    }
    if (!call_id_is_valid(block->call_id) || !answer_call_is_new(answer->last_call, block->call_id)) {
        block->call_id = answer_call_mint_id(&answer->context, answer->n_ids++);
    }
    block->_last_call = answer->last_call;
    answer->last_call = block;
}

static void pass_held(struct answer *answer, struct neutral_block *block)
{
    struct arena *arena = answer->context.arena;
    struct slice input = answer_call_unwrap(arena, arena_dup(arena, buf_slice(block->_held)));
    buf_deinit(block->_held);
    if (input.len) {
        pass_text(answer, block, input);
    }
}

// ---- blocks

static void keep_texts(struct answer *answer, struct neutral_block *block)
{
    struct slice *texts[] = {
        &block->call_id,    &block->name,         &block->name_space,    &block->phase,
        &block->media.data, &block->media.detail, &block->media.context, &block->media.mime_type,
        &block->media.name, &block->raw,          &block->opaque.data,   &block->opaque.item_id,
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(struct slice *); i++) {
        *texts[i] = keep(answer, *texts[i]);
    }
}

static struct neutral_block *open_nowhere(struct answer *answer, uint32_t index, enum block_kind kind)
{
    answer->nowhere = (struct neutral_block){.candidate = index, .kind = kind};
    return &answer->nowhere;
}

static struct neutral_block *block_new(struct answer *answer, const struct neutral_block *template)
{
    struct neutral_block *block = arena_alloc(answer->context.arena, sizeof(*block));
    *block = *template;
    block->_is_open = true;
    block->_has_delta = false;
    block->_is_part_due = false;
    block->_arguments = (struct argument_scan){0};
    block->_held = NULL;
    block->target_index = 0;
    block->encoder = NULL;
    block->sequencer = NULL;
    keep_texts(answer, block);
    block->raw = on_one_line(answer, block->raw);
    return block;
}

struct neutral_block *answer_open(struct answer *answer, uint32_t index, const struct neutral_block *template)
{
    struct candidate *candidate = answer->is_over ? NULL : candidate_at(answer, index);
    if (!candidate) {
        return open_nowhere(answer, index, template->kind);
    }
    if (candidate->flow) {
        answer_close(answer, candidate->flow, false);
    }
    struct neutral_block *block = block_new(answer, template);
    bool is_whole = block->kind == BLOCK_MEDIA || block->kind == BLOCK_NATIVE;
    block->candidate = index;
    block->index = candidate->n_blocks++;
    list_append(&candidate->open, &block->_among_open);
    if (block->kind == BLOCK_CALL) {
        prepare_call(answer, block);
    }
    answer->has_content = answer->has_content || is_whole || block->kind == BLOCK_CALL;
    begin(answer);
    pass_of_block(answer, EVENT_OPEN, block);
    if (is_whole) {
        answer_close(answer, block, false);
    }
    return block;
}

struct neutral_block *answer_flow(struct answer *answer, uint32_t index, enum block_kind kind, bool is_summary)
{
    struct candidate *candidate = answer->is_over ? NULL : candidate_at(answer, index);
    if (!candidate) {
        return open_nowhere(answer, index, kind);
    }
    struct neutral_block *flow = candidate->flow;
    if (!flow || !flow->_is_open || flow->kind != kind || flow->is_summary != is_summary) {
        candidate->flow = answer_open(answer, index, &(struct neutral_block){.kind = kind, .is_summary = is_summary});
    }
    return candidate->flow;
}

static bool is_deaf(const struct answer *answer, const struct neutral_block *block)
{
    return answer->is_over || !block->_is_open;
}

// What is told of a whole body is there already.
static bool is_too_much(struct answer *answer, const struct neutral_block *block, struct slice more)
{
    if (block->kind != BLOCK_CALL || answer->borrows) {
        return false;
    }
    answer->n_call_bytes += more.len;
    return answer->n_call_bytes > CALL_BYTES_MAX;
}

void answer_delta(struct answer *answer, struct neutral_block *block, struct slice escaped)
{
    if (!escaped.len || is_deaf(answer, block)) {
        return;
    }
    answer->has_content = true;
    if (is_too_much(answer, block, escaped)) {
        answer_fail(answer, FAULT_UPSTREAM_PROTOCOL, SLICE("the arguments of the upstream's calls are too large"));
        return;
    }
    if (block->_held) {
        buf_append(block->_held, escaped);
        return;
    }
    if (block->kind == BLOCK_CALL && block->tool_kind != TOOL_CUSTOM) {
        argument_scan_feed(&block->_arguments, escaped);
    }
    if (block->_is_part_due) {
        block->_is_part_due = false;
        pass_of_block(answer, EVENT_PART, block);
    }
    block->_has_delta = true;
    pass_text(answer, block, escaped);
    answer->delta_block = block;
    answer->delta_text = escaped;
    answer->n_told_with_delta = answer->n_told;
}

void answer_part(struct answer *answer, struct neutral_block *block)
{
    if (block->kind == BLOCK_REASONING && !is_deaf(answer, block)) {
        block->_is_part_due = block->_has_delta;
        answer->n_told++;
    }
}

void answer_opaque(struct answer *answer, struct neutral_block *block, const struct neutral_opaque *opaque)
{
    if (opaque->kind != OPAQUE_NONE && !is_deaf(answer, block)) {
        answer->has_content = true;
        pass(answer, &(struct neutral_event){.kind = EVENT_OPAQUE, .block = block, .opaque = opaque});
    }
}

void answer_citation(struct answer *answer, struct neutral_block *block, struct slice raw)
{
    if (block->kind == BLOCK_TEXT && raw.len && !is_deaf(answer, block)) {
        pass(answer, &(struct neutral_event){.kind = EVENT_CITATION, .block = block, .raw = on_one_line(answer, raw)});
    }
}

void answer_logprobs(struct answer *answer, struct neutral_block *block, struct slice raw)
{
    if (block->kind == BLOCK_TEXT && raw.len && !is_deaf(answer, block)) {
        pass(answer, &(struct neutral_event){.kind = EVENT_LOGPROBS, .block = block, .raw = on_one_line(answer, raw)});
    }
}

void answer_close(struct answer *answer, struct neutral_block *block, bool is_partial)
{
    if (is_deaf(answer, block)) {
        return;
    }
    if (block->_held) {
        pass_held(answer, block);
    }
    if (block->kind == BLOCK_CALL && block->tool_kind != TOOL_SERVER && !is_partial) {
        answer->candidates[block->candidate]->has_call = true;
    }
    block->_is_open = false;
    list_remove(&block->_among_open);
    pass(answer, &(struct neutral_event){.kind = EVENT_CLOSE, .block = block, .is_partial = is_partial});
}

static void close_all(struct answer *answer, struct candidate *candidate, bool is_partial)
{
    while (!answer->is_over && !list_is_empty(&candidate->open)) {
        struct neutral_block *block = block_among_open(candidate->open.next);
        bool is_call = block->kind == BLOCK_CALL;
        answer_close(answer, block, is_partial && is_call && !block_is_complete(block));
    }
}

void answer_close_all(struct answer *answer, uint32_t index, bool is_partial)
{
    if (index < answer->n_candidates) {
        close_all(answer, answer->candidates[index], is_partial);
    }
}

void answer_note(struct answer *answer)
{
    answer->n_told++;
}

// ---- the end

void answer_finish(struct answer *answer, uint32_t index, const struct finish *finish)
{
    answer->n_told++;
    struct candidate *candidate = answer->is_over ? NULL : candidate_at(answer, index);
    if (!candidate || finish->reason <= candidate->finish.reason) {
        return;
    }
    candidate->finish = (struct finish){
        .reason = finish->reason,
        .native = keep(answer, finish->native),
        .stop_sequence = keep(answer, finish->stop_sequence),
        .detail = keep(answer, finish->detail),
        .category = keep(answer, finish->category),
    };
}

void answer_may_end(struct answer *answer, uint32_t index)
{
    struct candidate *candidate = answer->is_over ? NULL : candidate_at(answer, index);
    if (candidate) {
        candidate->may_end = true;
    }
}

void answer_error(struct answer *answer, const struct neutral_error *error)
{
    if (!answer->is_over) {
        answer->is_over = true;
        pass(answer, &(struct neutral_event){.kind = EVENT_ERROR, .error = error});
    }
}

void answer_fail(struct answer *answer, enum fault fault, struct slice message)
{
    answer_error(answer, &(struct neutral_error){.fault = fault, .message = message, .retry_after_s = -1});
}

// Agents go on exactly when they are told of a call, so a call that was made must be told of, and no other.
static enum finish_reason fitting_reason(const struct candidate *candidate)
{
    enum finish_reason reason = candidate->finish.reason;
    if (reason == FINISH_TOOL_CALLS || (reason < FINISH_TOOL_CALLS && candidate->has_call)) {
        return candidate->has_call ? FINISH_TOOL_CALLS : FINISH_STOP;
    }
    return reason == FINISH_UNSET ? FINISH_STOP : reason;
}

static bool is_cut_off(const struct answer *answer)
{
    for (uint32_t i = 0; i < answer->n_candidates; i++) {
        const struct candidate *candidate = answer->candidates[i];
        if (candidate->is_told && candidate->finish.reason == FINISH_UNSET) {
            return true;
        }
    }
    return answer->n_candidates == 0;
}

static void pass_end(struct answer *answer)
{
    begin(answer);
    for (uint32_t i = 0; i < answer->n_candidates; i++) {
        struct candidate *candidate = answer->candidates[i];
        close_all(answer, candidate, candidate->finish.reason > FINISH_TOOL_CALLS);
    }
    if (answer->has_new_usage) {
        pass(answer, &(struct neutral_event){.kind = EVENT_USAGE, .usage = &answer->usage});
    }
    for (uint32_t i = 0; i < answer->n_candidates; i++) {
        struct finish *finish = &answer->candidates[i]->finish;
        finish->reason = fitting_reason(answer->candidates[i]);
        pass(answer, &(struct neutral_event){.kind = EVENT_FINISH, .candidate = i, .finish = finish});
    }
    answer->is_over = true;
    pass(answer, &(struct neutral_event){.kind = EVENT_END});
}

void answer_break_off(struct answer *answer)
{
    answer_fail(answer, FAULT_UPSTREAM_TRUNCATED, SLICE("the upstream's answer ended early"));
}

void answer_end(struct answer *answer, bool is_terminated)
{
    if (answer->is_over) {
        return;
    }
    if (!is_terminated && is_cut_off(answer)) {
        answer_break_off(answer);
    } else if (answer->n_candidates == 0) {
        answer_fail(answer, FAULT_UPSTREAM_PROTOCOL, SLICE("the upstream's answer has nothing in it"));
    } else {
        pass_end(answer);
    }
}

// ---- questions

uint64_t answer_n_told(const struct answer *answer)
{
    return answer->n_told;
}

struct neutral_block *answer_last_delta(const struct answer *answer, struct slice *text_r)
{
    *text_r = answer->delta_text;
    return answer->n_told == answer->n_told_with_delta ? answer->delta_block : NULL;
}

bool answer_has_content(const struct answer *answer)
{
    return answer->has_content;
}

bool answer_is_over(const struct answer *answer)
{
    return answer->is_over;
}

bool answer_has_finish(const struct answer *answer, uint32_t index)
{
    return index < answer->n_candidates && answer->candidates[index]->finish.reason != FINISH_UNSET;
}

bool answer_is_finished(const struct answer *answer)
{
    bool is_finished = answer->n_candidates > 0;
    for (uint32_t i = 0; i < answer->n_candidates; i++) {
        is_finished = is_finished && (answer_has_finish(answer, i) || answer->candidates[i]->may_end);
    }
    return is_finished;
}

const struct usage *answer_usage_so_far(const struct answer *answer)
{
    return &answer->usage;
}

const struct answer_context *answer_context(const struct answer *answer)
{
    return &answer->context;
}

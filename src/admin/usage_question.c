// SPDX-License-Identifier: MIT
#include "admin/usage_question.h"

#include <assert.h>

#include "usage/local_hour.h"

enum { CELLS_MAX = 1000000 };

void usage_questions_read(struct query_reader *query, struct usage_questions *questions)
{
    questions->filter.model = query_text(query, SLICE("model"));
    questions->filter.key = query_text(query, SLICE("key"));
}

void usage_questions_add(struct usage_questions *questions, int64_t from_s, unsigned dimensions)
{
    assert(questions->n < USAGE_QUESTIONS_MAX);
    questions->each[questions->n++] = (struct usage_question){.from_s = from_s, .dimensions = dimensions};
}

// Cells of no model are of model "other": together with those that are called so already. Hours that were counted in
// another time zone are in those of this one.
static struct usage_cells *copy(const struct usage_question *question, const struct usage_cells *cells)
{
    struct usage_cells *copied = usage_cells_new(question->dimensions, CELLS_MAX);
    for (size_t i = 0; i < usage_cells_n(cells); i++) {
        struct usage_cell cell = *usage_cells_at(cells, i);
        cell.model = cell.model.len ? cell.model : SLICE("other");
        cell.hour = question->dimensions & USAGE_BY_HOUR ? local_hour_start(cell.hour) : cell.hour;
        usage_cells_add(copied, &cell);
    }
    return copied;
}

static void on_usage(void *arg, const struct usage_cells *cells, struct slice problem)
{
    struct usage_question *question = arg;
    struct usage_questions *all = question->all;
    question->ask = NULL;
    all->n_open--;
    if (problem.len && !all->problem.len) {
        all->problem = arena_dup(admin_arena(all->x), problem);
    }
    // The last one is used before this returns.
    if (all->n_open || question->dimensions & (USAGE_BY_MODEL | USAGE_BY_HOUR)) {
        question->copied = copy(question, cells);
    }
    question->cells = question->copied ? question->copied : cells;
    if (all->n_open == 0) {
        all->on_answered(all);
    }
}

static void leave(struct admin_exchange *x)
{
    struct usage_questions *questions = x->state;
    for (size_t i = 0; i < questions->n; i++) {
        struct usage_question *question = &questions->each[i];
        if (question->ask) {
            history_ask_forget(question->ask);
        }
        usage_cells_free(question->copied);
    }
}

void usage_questions_ask(struct admin_exchange *x, struct usage_questions *questions)
{
    questions->x = x;
    questions->n_open = questions->n;
    x->state = questions;
    x->on_end = leave;
    for (size_t i = 0; i < questions->n; i++) {
        struct usage_question *question = &questions->each[i];
        question->all = questions;
        question->ask = history_usage_of(x->admin->options.history, question->from_s, 0, question->dimensions,
                                         &questions->filter, on_usage, question);
    }
}

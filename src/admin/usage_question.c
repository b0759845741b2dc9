// SPDX-License-Identifier: MIT
#include "admin/usage_question.h"

#include <assert.h>

enum { CELLS_MAX = 1000000 };

void usage_questions_read(struct query_reader *query, struct usage_questions *questions)
{
    questions->model = query_text(query, SLICE("model"));
    questions->key = query_text(query, SLICE("key"));
}

void usage_questions_add(struct usage_questions *questions, int64_t from_s, unsigned dimensions)
{
    assert(questions->n < USAGE_QUESTIONS_MAX);
    questions->each[questions->n++] = (struct usage_question){.from_s = from_s, .dimensions = dimensions};
}

// As they come, cells are good for who asks for all of them, and does not ask for models.
static bool needs_choice(const struct usage_question *question)
{
    return question->all->model.len || question->all->key.len || question->dimensions & USAGE_BY_MODEL;
}

static bool is_chosen(const struct usage_questions *questions, const struct usage_cell *cell)
{
    return (!questions->model.len || slice_eq(questions->model, cell->model)) &&
           (!questions->key.len || slice_eq(questions->key, cell->key));
}

// What was chosen, in the dimensions that are wanted: those of the choice are not among them.
static struct usage_cells *choose(const struct usage_question *question, const struct usage_cells *cells)
{
    struct usage_cells *chosen = usage_cells_new(question->dimensions, CELLS_MAX);
    for (size_t i = 0; i < usage_cells_n(cells); i++) {
        struct usage_cell cell = *usage_cells_at(cells, i);
        cell.model = cell.model.len ? cell.model : SLICE("other");
        if (is_chosen(question->all, &cell)) {
            usage_cells_add(chosen, &cell);
        }
    }
    return chosen;
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
    if (all->n_open || needs_choice(question)) {
        question->copied = choose(question, cells);
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
    unsigned more = (questions->model.len ? USAGE_BY_MODEL : 0U) | (questions->key.len ? USAGE_BY_KEY : 0U);
    questions->x = x;
    questions->n_open = questions->n;
    x->state = questions;
    x->on_end = leave;
    for (size_t i = 0; i < questions->n; i++) {
        struct usage_question *question = &questions->each[i];
        question->all = questions;
        question->ask = history_usage(x->admin->options.history, question->from_s, 0, question->dimensions | more,
                                      on_usage, question);
    }
}

// SPDX-License-Identifier: MIT
// Sums of the history for one answer: several questions at once, each about a stretch of time, over one choice of
// models and keys.
//
// Happy path: usage_questions_ask() → each of them is answered → on_answered. Failure modes: the database cannot be
// asked: the sums are of what is in memory, and `problem` says so. Ends when: on_answered was called, or the client
// leaves.
#pragma once

#include "admin/query.h"
#include "store/history.h"

enum { USAGE_QUESTIONS_MAX = 7 };

struct usage_questions;

struct usage_question {
    int64_t from_s; // seconds since 1970; 0: from the beginning
    unsigned dimensions;
    const struct usage_cells *cells; // the answer, for as long as on_answered runs

    struct usage_questions *all;
    struct history_ask *ask;    // NULL: it was answered
    struct usage_cells *copied; // owned; NULL: there was no need
};

struct usage_questions {
    struct slice model; // empty: of all. What belongs to no configured model is of model "other".
    struct slice key;   // id; empty: of all
    size_t n;
    struct usage_question each[USAGE_QUESTIONS_MAX];
    void (*on_answered)(struct usage_questions *questions);

    struct admin_exchange *x;
    struct slice problem; // arena; what the answers lack; empty: nothing
    size_t n_open;
};

// The choice that every route takes: parameters `model` and `key`.
void usage_questions_read(struct query_reader *query, struct usage_questions *questions);
void usage_questions_add(struct usage_questions *questions, int64_t from_s, unsigned dimensions);
// `questions` is in the arena, with on_answered set. Takes state and on_end of the exchange.
void usage_questions_ask(struct admin_exchange *x, struct usage_questions *questions);

// SPDX-License-Identifier: MIT
// What waits to be written, in bounded space: sums completely, requests and audit entries up to a limit.
#pragma once

#include "base/list.h"
#include "store/history.h"

// A row's number: its time and a number that keeps apart what has the same time.
enum { HISTORY_SEQUENCE_BITS = 12 };
int64_t history_number(int64_t time_ms, unsigned sequence);
// The least number of that time; 0 or less: the end of all time.
int64_t history_number_before(int64_t before_ms);

struct history_request {
    struct list link;
    int64_t n;
    size_t len;
    char record[]; // request_record_encode()
};

enum { HISTORY_AUDIT_TEXTS = 5 };

struct history_audit_line {
    struct list link;
    int64_t n;
    struct slice texts[HISTORY_AUDIT_TEXTS]; // who, action, target, detail, outcome; behind this struct
};

struct history_batch {
    struct usage_cells *cells; // owned
    struct list plain;         // requests that went well, the oldest first
    struct list failed;        // those that did not, or not at once
    struct list audit;
    size_t n_plain;
    size_t n_failed;
    size_t n_audit;
};

void history_batch_init(struct history_batch *batch);
void history_batch_deinit(struct history_batch *batch);
bool history_batch_is_empty(const struct history_batch *batch);

// How many were dropped because there is no room: the oldest ones, and of those that failed as few as can be.
size_t history_batch_add_request(struct history_batch *batch, struct slice record, int64_t n, bool is_failed);
// The newest one that went well makes room for another one. False: there is none.
bool history_batch_drop_plain(struct history_batch *batch);
// How many were dropped: the new one, when there is no room. Texts that are too long are cut.
size_t history_batch_add_audit(struct history_batch *batch, const struct history_audit_entry *entry, unsigned sequence);

// Puts what could not be written back before what came meanwhile; `from` is empty then.
struct history_dropped {
    size_t n_requests;
    size_t n_audit;
};
struct history_dropped history_batch_put_back(struct history_batch *batch, struct history_batch *from);
// Moves everything to `to`, which is initialised by that.
void history_batch_take_all(struct history_batch *batch, struct history_batch *to);
void history_batch_take_cells(struct history_batch *batch, struct history_batch *to);

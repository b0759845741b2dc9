// SPDX-License-Identifier: MIT
// What is known of the balances of keys: in memory, in data/token_usage.json, and, for choosing, in the key table.
#pragma once

#include "account/balance_answer.h"
#include "keys/key_table.h"
#include "net/loop.h"
#include "store/key_store.h"

struct balance_book;

struct balance_book_options {
    struct loop *loop;
    struct key_store *store;
    struct key_table *table;
    const char *folder;
    void (*on_written)(void *arg); // after each try to write; not after balance_book_close()
    void *arg;
};
// Reads the document (blocks); a missing or bad one is an empty one. What it knows goes into the table.
struct balance_book *balance_book_open(const struct balance_book_options *options);
// Begins to write what is not yet written; that ends while the loop runs out. Then free.
void balance_book_close(struct balance_book *book);
void balance_book_free(struct balance_book *book);

const struct balance *balance_book_find(const struct balance_book *book, struct slice id); // NULL: nothing is known
// Notes a balance that was fetched just now, also in the table. `slot` is the key's.
void balance_book_put(struct balance_book *book, struct slice id, uint32_t slot, const struct balance *balance);
// Notes that it could not be fetched: what was known stays, with the reason why it is old.
void balance_book_put_failure(struct balance_book *book, struct slice id, struct slice reason);
// Of what is known of a key: was it noted after the book had this version?
bool balance_book_is_newer(const struct balance_book *book, struct slice id, uint64_t version);
size_t balance_book_cleanup(struct balance_book *book, int64_t before_ms); // see balance_cleanup()
void balance_book_forget_all(struct balance_book *book);

struct balance_summary balance_book_summary(const struct balance_book *book);
int64_t balance_book_last_full_sync_ms(const struct balance_book *book);
void balance_book_set_last_full_sync(struct balance_book *book, int64_t wall_ms);

// A number that grows with every change, and the one that the last write had, whether it succeeded or not.
uint64_t balance_book_version(const struct balance_book *book);
uint64_t balance_book_written_version(const struct balance_book *book);
// Writes off the loop if there is something to write and no write is under way; if not `at_once`, only when the last
// one is a minute ago.
void balance_book_save(struct balance_book *book, bool at_once);

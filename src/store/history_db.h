// SPDX-License-Identifier: MIT
// The connection to usage.db. It is opened when it is needed, and looked at before each use, because anybody may delete
// or replace the file. Blocking: for work items, one at a time.
//
// Results are SQLite's primary codes, or HISTORY_DB_REFUSED; all but SQLITE_OK, SQLITE_ROW and SQLITE_DONE have been
// put into words in `problem`.
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/slice.h"

#define HISTORY_FILE "usage.db"

enum {
    HISTORY_SCHEMA = 1,
    HISTORY_BUSY_MS = 200,      // so long another process is waited for
    HISTORY_PROBLEM_SIZE = 200, // with a NUL
    HISTORY_DB_REFUSED = 1000,  // the file is not ours: it is left alone
};

struct history_db {
    char *folder;    // owned
    char *path;      // owned
    sqlite3 *sqlite; // owned; NULL: closed
    dev_t device;    // of the open file
    ino_t inode;     // of the open file
    ino_t log_inode; // of its write-ahead log; 0: not seen
    int64_t n_marks; // requests that are in it, about
    char problem[HISTORY_PROBLEM_SIZE];
    struct buf notes; // lines for the log
};

void history_db_init(struct history_db *db, const char *folder); // not opened yet
void history_db_deinit(struct history_db *db);

// Is the file there, and ours, and what we have open? Else it is opened, and made where there is none. A damaged one is
// renamed and followed by a new one.
MUST_USE int history_db_open(struct history_db *db);
void history_db_close(struct history_db *db); // harmless when it is closed
// After a failure: undoes what was begun, and closes unless the file is only busy. True: it was damaged, was renamed,
// and it is worth to try once more.
bool history_db_recover(struct history_db *db, int r);

MUST_USE int history_db_exec(struct history_db *db, const char *sql);
// *statement_r is to be finalised; NULL on failure.
MUST_USE int history_db_prepare(struct history_db *db, const char *sql, sqlite3_stmt **statement_r);
MUST_USE int history_db_step(struct history_db *db, sqlite3_stmt *statement); // SQLITE_ROW, SQLITE_DONE or a failure
// Steps a statement that gives no rows, and makes it ready for the next time.
MUST_USE int history_db_run(struct history_db *db, sqlite3_stmt *statement);
// The one number that a query gives; 0 where it gives no row.
MUST_USE int history_db_number(struct history_db *db, const char *sql, int64_t *number_r);

// Never NULL, which to SQLite is something else than empty. Borrowed until the statement is reset.
void history_db_bind_text(sqlite3_stmt *statement, int at, struct slice text);
void history_db_bind_blob(sqlite3_stmt *statement, int at, struct slice bytes);
struct slice history_db_column(sqlite3_stmt *statement, int at); // text or blob; valid until the next step

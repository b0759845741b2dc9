// SPDX-License-Identifier: MIT
// For tests: a folder of its own, a loop, a table and a store in it.
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "keys/key_table.h"
#include "net/loop.h"
#include "store/key_store.h"

struct store_fixture {
    char folder[64]; // removed at the end, with what is in it
    struct arena arena;
    struct buf log; // all messages, a line each
    struct key_settings defaults;
    struct loop loop;
    struct key_table table;
    struct key_store *store; // NULL while closed
};

void store_fixture_init(struct store_fixture *f); // the store is not opened yet
void store_fixture_deinit(struct store_fixture *f);
void store_fixture_open(struct store_fixture *f); // with a loop and a table of its own; it must go well
void store_fixture_close(struct store_fixture *f);
void store_fixture_reopen(struct store_fixture *f); // as after a restart

void store_fixture_write(struct store_fixture *f, const char *name, struct slice text); // like an editor: in place
struct slice store_fixture_read(struct store_fixture *f, const char *name);             // empty when it is missing
bool store_fixture_has(struct store_fixture *f, const char *name);
// The name of the first file that begins so; NULL when there is none. In the arena.
const char *store_fixture_find(struct store_fixture *f, const char *beginning);
bool store_fixture_logged(const struct store_fixture *f, const char *text);

int store_fixture_commit(struct store_fixture *f); // runs the loop until it is called back
// Runs the loop until `is_true`; fails the test after `limit_ms`.
void store_fixture_run_until(struct store_fixture *f, bool (*is_true)(struct store_fixture *f), uint64_t limit_ms);
void store_fixture_run_for(struct store_fixture *f, uint64_t ms);

const struct key_record *store_fixture_add(struct store_fixture *f, const char *secret, const char *group);

// Runs `fn` in a process that may mount. The result of the process, or -1 when this machine does not allow it.
int store_fixture_with_mounts(int (*fn)(void *arg), void *arg);
int store_fixture_mount(const char *folder, const char *options); // a file system in memory; 0 or -1

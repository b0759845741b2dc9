// SPDX-License-Identifier: MIT
// Small documents that must survive a crash at any moment: written beside, flushed, renamed, the folder flushed, and
// the one before kept as NAME.bak. Blocking; off the loop, call from a work item. One writer at a time for a name.
#pragma once

#include "base/arena.h"
#include "base/slice.h"

// What tells one version of a file from another without reading it; zeros when it is missing.
struct durable_stamp {
    uint64_t inode;
    int64_t mtime_ns;
    int64_t size;
};
struct durable_stamp durable_stamp_of(const char *folder, const char *name);
bool durable_stamp_eq(struct durable_stamp a, struct durable_stamp b);

// 0, or a negative errno code: then the old document is still there, whole. (Only when the folder cannot be flushed is
// the new one in its place already, and may or may not be after a crash.)
MUST_USE int durable_write(const char *folder, const char *name, struct slice text);
// The same if the document is still the one of the stamp `known` when it is about to be replaced, else
// DURABLE_E_CHANGED: writing takes as long as the disk takes, and somebody may edit the document meanwhile. *stamp_r
// becomes that of the new document as soon as that is in place, whatever is returned.
enum { DURABLE_E_CHANGED = 16 };
MUST_USE int durable_write_over(const char *folder, const char *name, struct slice text, struct durable_stamp known,
                                struct durable_stamp *stamp_r);

enum durable_state {
    DURABLE_READ,      // the document itself
    DURABLE_MISSING,   // neither it nor a copy
    DURABLE_RECOVERED, // it was bad, or gone though there is a copy: the copy was read
    DURABLE_LOST,      // it was bad or gone, and there is no good copy
};

// Is this text a whole document? `arg` is the caller's.
typedef bool (*durable_check_fn)(void *arg, struct slice text);

// Reads the document, or its copy when the document does not pass `check`. A bad one is renamed to
// NAME.corrupt-<time>, so that nothing overwrites it. *explained_r (arena) says in one line what was wrong and where
// the bad file is now; empty when all is well. 0, or a negative errno code when the folder or file cannot be read.
MUST_USE int durable_read(const char *folder, const char *name, size_t max_len, durable_check_fn check, void *arg,
                          struct arena *arena, enum durable_state *state_r, struct slice *text_r,
                          struct slice *explained_r);

// Renames a file that cannot be used to NAME.corrupt-<time>. *new_name_r (arena) is what it is called now. 0 or a
// negative errno code.
MUST_USE int durable_set_aside(const char *folder, const char *name, struct arena *arena, struct slice *new_name_r);

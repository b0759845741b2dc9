// SPDX-License-Identifier: MIT
// What is done with the file off the loop: looking whether an operator has edited it, and writing. An edit is never
// written over: one that parses is handed to the loop, one that does not is left alone while it may still be in the
// making, and after that renamed.
#include <errno.h>

#include "base/clock.h"
#include "config/text_file.h"
#include "store/key_store_internal.h"

// Reads what has taken our file's place. 0 with a finding, or a negative errno code.
static int examine(struct file_work *item)
{
    struct slice text;
    struct slice problem;
    const char *path = arena_printf(&item->arena, "%s/" KEY_STORE_FILE, item->folder).ptr;
    int r = text_file_read(path, &item->arena, UINT32_MAX, &text);
    if (r == -ENOENT) {
        item->finding = FILE_IS_GONE;
        return 0;
    }
    if (r < 0) {
        return r;
    }
    if (pool_document_parse(&item->document, &item->arena, text, &problem) == 0) {
        item->finding = FILE_IS_EDITED;
        return 0;
    }
    item->finding = FILE_IS_BROKEN;
    item->explained = problem;
    return 0;
}

static int look(struct file_work *item)
{
    item->stamp = durable_stamp_of(item->folder, KEY_STORE_FILE);
    item->finding = FILE_IS_OURS;
    if (durable_stamp_eq(item->stamp, item->known)) {
        return 0;
    }
    if (item->stamp.inode == 0) {
        item->finding = FILE_IS_GONE;
        return 0;
    }
    return examine(item);
}

static bool is_young(struct durable_stamp stamp)
{
    int64_t age_ms = clock_wall_ms() - stamp.mtime_ns / 1000000;
    return age_ms >= 0 && age_ms < STORE_EDIT_GRACE_MS;
}

static int put_broken_aside(struct file_work *item)
{
    struct slice name;
    int r = durable_set_aside(item->folder, KEY_STORE_FILE, &item->arena, &name);
    if (r == 0) {
        item->explained =
            arena_printf(&item->arena, "%.*s; it was kept as %.*s", SLICE_ARG(item->explained), SLICE_ARG(name));
        item->finding = FILE_IS_OURS;
        item->stamp = (struct durable_stamp){0};
    }
    return r;
}

static int write_unless_edited(struct file_work *item)
{
    int r;
    do {
        r = look(item);
        if (r == 0 && item->finding == FILE_IS_BROKEN && (item->is_last || !is_young(item->stamp))) {
            r = put_broken_aside(item);
        }
        if (r < 0 || item->finding == FILE_IS_EDITED || item->finding == FILE_IS_BROKEN) {
            return r;
        }
        r = durable_write_over(item->folder, KEY_STORE_FILE, item->text, item->stamp, &item->known);
    } while (r == DURABLE_E_CHANGED); // while it was written
    return r;
}

void file_work_run(struct file_work *item)
{
    uint64_t start_ns = clock_monotonic_ns();
    item->explained = SLICE_EMPTY;
    item->r = item->is_write ? write_unless_edited(item) : look(item);
    item->duration_ns = clock_monotonic_ns() - start_ns;
}

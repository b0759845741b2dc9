// SPDX-License-Identifier: MIT
// Happy path: its turn → the file is still what is in force → the new text is made → the loader finds nothing wrong
// with it → a work item writes it → the configuration is read again → in force, audited, answered. Failure modes: the
// file was edited by hand (409: an edit that nobody has seen in force is not overwritten), the new text is no good
// (400), it cannot be written (500, 507): then nothing has changed, neither on disk nor in force. What is written and
// yet does not come into force, since something else was broken meanwhile, is told as such (409). Ends when: it is
// answered. A client that leaves before its turn takes its change along, one that leaves later does not.
#include "admin/config_change.h"

#include <assert.h>
#include <errno.h>

#include "admin/change.h"
#include "admin/reply.h"
#include "base/log.h"
#include "config/text_file.h"
#include "store/durable_file.h"

enum { LINES_MAX = 20 };

struct config_change {
    struct list link; // admin->config_changes; the first one is the one whose turn it is
    struct admin *admin;
    struct admin_exchange *x; // borrowed; NULL: its turn has come
    struct config_edit edit;
    struct arena arena; // of what the work item needs

    uv_work_t work;
    struct change *entry; // of the audit trail; NULL: its turn has not come
    const char *folder;
    struct slice text;
    struct slice warnings;
    struct durable_stamp known;
    int r;
};

// Why it goes no further; status 0: it does. The message is in the arena of the change.
struct refusal {
    unsigned status;
    struct slice message;
};
static const struct refusal no_refusal = {0};
static const struct refusal no_door = {
    503, SLICE_INIT("Nobody here can bring a configuration into force: no gateway runs, or it is ending.")};

static void begin_next(struct admin *admin);

static void free_change(struct config_change *change)
{
    list_remove(&change->link);
    arena_deinit(&change->arena);
    mem_free(change);
}

// It has waited long enough.
static struct admin_exchange *detach(struct config_change *change)
{
    struct admin_exchange *x = change->x;
    x->state = NULL;
    x->on_end = NULL;
    change->x = NULL;
    return x;
}

// Several lines as they are, without the last line end; at most LINES_MAX of them.
static struct slice some_lines(struct arena *arena, struct slice lines)
{
    struct slice rest = lines;
    for (size_t n = 0; n < LINES_MAX && rest.len; n++) {
        slice_split(&rest, '\n');
    }
    size_t len = lines.len - rest.len;
    if (rest.len) {
        return arena_printf(arena, "%.*s…", SLICE_ARG(slice_of(lines.ptr, len)));
    }
    return arena_dup(arena, slice_of(lines.ptr, len && lines.ptr[len - 1] == '\n' ? len - 1 : len));
}

// ---- before it is written -------------------------------------------------------------------------------------------

static bool check(struct config_change *change, struct slice text, struct slice *errors_r, struct slice *warnings_r)
{
    const struct admin_config_door *door = &change->admin->config_door;
    struct buf errors = BUF_EMPTY;
    struct buf warnings = BUF_EMPTY;
    bool is_good = door->check(door->arg, text, &errors, &warnings);
    *errors_r = some_lines(&change->arena, buf_slice(&errors));
    *warnings_r = arena_dup(&change->arena, buf_slice(&warnings));
    buf_deinit(&errors);
    buf_deinit(&warnings);
    return is_good;
}

static struct refusal refuse_edited(struct config_change *change, bool is_there, struct slice text)
{
    struct slice errors = SLICE_EMPTY;
    struct slice warnings;
    if (!is_there) {
        return (struct refusal){409, SLICE(CONFIG_FILE_NAME " is gone, and was not reloaded since. Reload (SIGHUP) or "
                                                            "restart first.")};
    }
    if (check(change, text, &errors, &warnings)) {
        return (struct refusal){409, SLICE(CONFIG_FILE_NAME " was edited by hand and is not in force yet. Reload "
                                                            "(SIGHUP) or restart first, and look again.")};
    }
    return (struct refusal){409, arena_printf(&change->arena,
                                              CONFIG_FILE_NAME " was edited by hand and cannot be used. Repair it "
                                                               "first:\n%.*s",
                                              SLICE_ARG(errors))};
}

// Is the file what is in force? Reading it blocks, as reloading does.
static struct refusal check_file(struct config_change *change)
{
    struct slice in_force = change->admin->config->file_text;
    struct slice path = arena_printf(&change->arena, "%s/" CONFIG_FILE_NAME, change->folder);
    struct slice text = SLICE_EMPTY;
    change->known = durable_stamp_of(change->folder, CONFIG_FILE_NAME);
    int r = text_file_read(arena_cstr(&change->arena, path), &change->arena, CONFIG_FILE_MAX_LEN, &text);
    if (r < 0 && r != -ENOENT) {
        return (struct refusal){500,
                                arena_printf(&change->arena, CONFIG_FILE_NAME " cannot be read: %s.", uv_strerror(r))};
    }
    bool is_same = r == 0 ? in_force.ptr && slice_eq(text, in_force) : !in_force.ptr;
    return is_same ? no_refusal : refuse_edited(change, r == 0, text);
}

static struct refusal prepare(struct config_change *change)
{
    struct slice text;
    struct slice message;
    if (!change->admin->config_door.reload) {
        return no_door;
    }
    struct refusal refusal = check_file(change);
    if (refusal.status) {
        return refusal;
    }
    if (!change->edit.make(change->x, change->admin->config->file_text, &text, &message)) {
        return (struct refusal){400, arena_dup(&change->arena, message)};
    }
    if (text.len > CONFIG_FILE_MAX_LEN) {
        return (struct refusal){413, SLICE("The configuration would be larger than " CONFIG_FILE_NAME " may be.")};
    }
    if (!check(change, text, &message, &change->warnings)) {
        return (struct refusal){400, message};
    }
    change->text = arena_dup(&change->arena, text);
    return no_refusal;
}

// ---- writing --------------------------------------------------------------------------------------------------------

static void on_work(uv_work_t *work)
{
    struct config_change *change = work->data;
    struct durable_stamp stamp;
    change->r = durable_write_over(change->folder, CONFIG_FILE_NAME, change->text, change->known, &stamp);
}

static struct refusal refuse_write(struct config_change *change)
{
    int r = change->r;
    if (r == DURABLE_E_CHANGED) {
        return (struct refusal){409, SLICE(CONFIG_FILE_NAME " was edited by hand at this very moment. Reload (SIGHUP) "
                                                            "first, and look again.")};
    }
    bool is_full = r == -ENOSPC || r == -EDQUOT;
    return (struct refusal){is_full ? 507 : 500,
                            arena_printf(&change->arena,
                                         "Nothing was changed: " CONFIG_FILE_NAME " could not be written (%s).",
                                         uv_strerror(r))};
}

static struct refusal reload(struct config_change *change)
{
    const struct admin_config_door *door = &change->admin->config_door;
    struct buf errors = BUF_EMPTY;
    struct refusal refusal = no_refusal;
    if (!door->reload) {
        refusal = (struct refusal){503, SLICE("Written, and in force after the next start: this one is ending.")};
    } else if (!door->reload(door->arg, &errors)) {
        struct slice lines = some_lines(&change->arena, buf_slice(&errors));
        refusal =
            (struct refusal){409, arena_printf(&change->arena, "Written, but not in force:\n%.*s", SLICE_ARG(lines))};
    }
    buf_deinit(&errors);
    return refusal;
}

static void on_written(uv_work_t *work, int status)
{
    (void)status; // it is never cancelled
    struct config_change *change = work->data;
    struct admin *admin = change->admin;
    void (*done)(struct admin_exchange *, struct slice) = change->edit.done;
    struct refusal refusal = change->r == 0 ? reload(change) : refuse_write(change);
    struct admin_exchange *x = change_end(change->entry, change->r == DURABLE_E_CHANGED ? -EBUSY : change->r);
    struct slice message = refusal.status ? refusal.message : change->warnings;
    if (change->r) {
        log_error("admin", "%.*s", SLICE_ARG(refusal.message));
    }
    if (x) {
        message = arena_dup(admin_arena(x), message);
    }
    free_change(change);
    if (x && refusal.status) {
        reply_fail(x, refusal.status, message);
    } else if (x) {
        done(x, message);
    }
    begin_next(admin);
}

// ---- turns ----------------------------------------------------------------------------------------------------------

static void refuse(struct config_change *change, const struct refusal *refusal)
{
    struct admin_exchange *x = detach(change);
    struct slice message = arena_dup(admin_arena(x), refusal->message);
    free_change(change);
    reply_fail(x, refusal->status, message);
}

static void begin(struct config_change *change)
{
    struct refusal refusal = prepare(change);
    if (refusal.status) {
        refuse(change, &refusal);
        return;
    }
    change->entry = change_begin(detach(change), change->edit.what);
    change->work.data = change;
    int r = uv_queue_work(&change->admin->options.loop->uv, &change->work, on_work, on_written);
    assert(r == 0);
    (void)r;
}

// Answering may bring the next request of that connection, and so the next change, at once.
static void begin_next(struct admin *admin)
{
    while (!list_is_empty(&admin->config_changes)) {
        struct config_change *first = CONTAINER_OF(admin->config_changes.next, struct config_change, link);
        if (first->entry) {
            return;
        }
        begin(first);
    }
}

static void on_end(struct admin_exchange *x)
{
    free_change(x->state);
}

static struct config_change *change_new(struct admin_exchange *x, const struct config_edit *edit)
{
    struct config_change *change = mem_zalloc(sizeof(*change));
    arena_init(&change->arena, 4096);
    change->admin = x->admin;
    change->x = x;
    change->edit = *edit;
    change->folder = arena_cstr(&change->arena, x->admin->config->data_dir);
    return change;
}

void config_change_start(struct admin_exchange *x, const struct config_edit *edit)
{
    if (!x->admin->config_door.reload) {
        reply_fail(x, no_door.status, no_door.message);
        return;
    }
    struct config_change *change = change_new(x, edit);
    x->state = change;
    x->on_end = on_end;
    list_append(&x->admin->config_changes, &change->link);
    if (x->admin->config_changes.next == &change->link) {
        begin_next(x->admin);
    }
}

// SPDX-License-Identifier: MIT
#include "store/history_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "store/durable_file.h"
#include "usage/latency_histogram.h"

// "d2us": so that the file of another program is not taken for ours.
#define APPLICATION_ID 1681028467
#define TEXT_OF(number) #number
#define SQL_NUMBER(number) TEXT_OF(number)
#define SET_APPLICATION_ID "PRAGMA application_id=" SQL_NUMBER(APPLICATION_ID) ";"

// `n` is the time in ms and a number that keeps apart what has the same time: so rows are in the order of time, and are
// appended. request_mark has what requests are looked for by, so that a search need not read the requests themselves.
static const char schema[] =
    "BEGIN IMMEDIATE;" SET_APPLICATION_ID "PRAGMA user_version=1;"
    "CREATE TABLE usage(hour INTEGER NOT NULL,model TEXT NOT NULL,key TEXT NOT NULL,"
    "requests INTEGER NOT NULL,success INTEGER NOT NULL,failed INTEGER NOT NULL,aborted INTEGER NOT NULL,"
    "partial INTEGER NOT NULL,attempts INTEGER NOT NULL,failed_attempts INTEGER NOT NULL,input INTEGER NOT NULL,"
    "output INTEGER NOT NULL,reasoning INTEGER NOT NULL,cache_read INTEGER NOT NULL,cache_write INTEGER NOT NULL,"
    "duration BLOB,first_token BLOB,PRIMARY KEY(hour,model,key))WITHOUT ROWID;"
    "CREATE TABLE request(n INTEGER PRIMARY KEY,record BLOB NOT NULL);"
    "CREATE TABLE request_mark(n INTEGER PRIMARY KEY,status INTEGER NOT NULL,hashes BLOB NOT NULL);"
    "CREATE TABLE audit(n INTEGER PRIMARY KEY,who TEXT NOT NULL,action TEXT NOT NULL,target TEXT NOT NULL,"
    "detail TEXT NOT NULL,outcome TEXT NOT NULL);"
    "COMMIT;";

// That everything is there as we know it; somebody may have changed it.
static const char schema_check[] =
    "SELECT hour,model,key,requests,success,failed,aborted,partial,attempts,failed_attempts,input,output,reasoning,"
    "cache_read,cache_write,duration,first_token FROM usage LIMIT 0;"
    "SELECT n,record FROM request LIMIT 0;"
    "SELECT n,status,hashes FROM request_mark LIMIT 0;"
    "SELECT n,who,action,target,detail,outcome FROM audit LIMIT 0;";

// A small cache: the gateway is small, and the system caches the file anyway.
static const char settings[] = "PRAGMA cache_size=-512;"
                               "PRAGMA trusted_schema=OFF;"
                               "PRAGMA synchronous=NORMAL;"
                               "PRAGMA journal_size_limit=4194304;"
                               "PRAGMA journal_mode=WAL;";

void history_db_init(struct history_db *db, const char *folder)
{
    struct buf path = BUF_EMPTY;
    *db = (struct history_db){.notes = BUF_EMPTY};
    buf_printf(&path, "%s/" HISTORY_FILE "%c", folder, '\0');
    db->path = path.ptr;
    db->folder = mem_alloc(strlen(folder) + 1);
    memcpy(db->folder, folder, strlen(folder) + 1);
}

void history_db_deinit(struct history_db *db)
{
    history_db_close(db);
    buf_deinit(&db->notes);
    mem_free(db->folder);
    mem_free(db->path);
}

// ---- failures -------------------------------------------------------------------------------------------------------

static int refuse(struct history_db *db, const char *why)
{
    snprintf(db->problem, sizeof(db->problem), HISTORY_FILE " %s", why);
    return HISTORY_DB_REFUSED;
}

static void explain(struct history_db *db, int r)
{
    int system = db->sqlite ? sqlite3_system_errno(db->sqlite) : 0;
    const char *text = system ? strerror(system) : sqlite3_errstr(r);
    switch (r) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        snprintf(db->problem, sizeof(db->problem), HISTORY_FILE " is locked by another process");
        return;
    case SQLITE_FULL:
        snprintf(db->problem, sizeof(db->problem), HISTORY_FILE " cannot be written: no space is left on the disk");
        return;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        snprintf(db->problem, sizeof(db->problem), HISTORY_FILE " may not be written (file or folder is read-only)");
        return;
    case SQLITE_CANTOPEN:
        snprintf(db->problem, sizeof(db->problem), HISTORY_FILE " cannot be opened: %s", text);
        return;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: snprintf(db->problem, sizeof(db->problem), HISTORY_FILE " is damaged"); return;
    default: snprintf(db->problem, sizeof(db->problem), HISTORY_FILE " cannot be used: %s", text); return;
    }
}

static int check(struct history_db *db, int r)
{
    if (r != SQLITE_OK && r != SQLITE_ROW && r != SQLITE_DONE) {
        explain(db, r);
    }
    return r;
}

// ---- statements -----------------------------------------------------------------------------------------------------

int history_db_exec(struct history_db *db, const char *sql)
{
    return check(db, sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

int history_db_prepare(struct history_db *db, const char *sql, sqlite3_stmt **statement_r)
{
    *statement_r = NULL;
    return check(db, sqlite3_prepare_v2(db->sqlite, sql, -1, statement_r, NULL));
}

int history_db_step(struct history_db *db, sqlite3_stmt *statement)
{
    return check(db, sqlite3_step(statement));
}

int history_db_run(struct history_db *db, sqlite3_stmt *statement)
{
    int r = history_db_step(db, statement);
    sqlite3_reset(statement);
    return r == SQLITE_DONE || r == SQLITE_ROW ? SQLITE_OK : r;
}

int history_db_number(struct history_db *db, const char *sql, int64_t *number_r)
{
    sqlite3_stmt *statement;
    int r = history_db_prepare(db, sql, &statement);
    if (r == SQLITE_OK) {
        r = history_db_step(db, statement);
        *number_r = r == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    }
    sqlite3_finalize(statement);
    return r == SQLITE_ROW || r == SQLITE_DONE ? SQLITE_OK : r;
}

void history_db_bind_text(sqlite3_stmt *statement, int at, struct slice text)
{
    sqlite3_bind_text64(statement, at, text.len ? text.ptr : "", text.len, SQLITE_STATIC, SQLITE_UTF8);
}

void history_db_bind_blob(sqlite3_stmt *statement, int at, struct slice bytes)
{
    sqlite3_bind_blob64(statement, at, bytes.len ? bytes.ptr : "", bytes.len, SQLITE_STATIC);
}

struct slice history_db_column(sqlite3_stmt *statement, int at)
{
    const char *bytes = sqlite3_column_blob(statement, at);
    return slice_of(bytes, bytes ? (size_t)sqlite3_column_bytes(statement, at) : 0);
}

// ---- merging of times -----------------------------------------------------------------------------------------------

// What cannot be read counts as nothing: a damaged value must not keep all that follows from being written.
static void merge_latency(sqlite3_context *context, int n, sqlite3_value **values)
{
    struct latency_histogram sum = {0};
    struct buf bytes = BUF_EMPTY;
    for (int i = 0; i < n; i++) {
        const char *blob = sqlite3_value_blob(values[i]);
        if (blob) {
            latency_decode_into(&sum, slice_of(blob, (size_t)sqlite3_value_bytes(values[i])));
        }
    }
    if (sum.n) {
        latency_encode(&sum, &bytes);
        sqlite3_result_blob64(context, bytes.ptr, bytes.len, SQLITE_TRANSIENT);
    }
    buf_deinit(&bytes);
    latency_deinit(&sum);
}

// ---- opening --------------------------------------------------------------------------------------------------------

static struct buf path_beside(const struct history_db *db, const char *ending)
{
    struct buf path = BUF_EMPTY;
    buf_printf(&path, "%s%s%c", db->path, ending, '\0');
    return path;
}

static ino_t inode_of(const struct history_db *db, const char *ending)
{
    struct stat found;
    struct buf path = path_beside(db, ending);
    bool is_there = stat(path.ptr, &found) == 0;
    buf_deinit(&path);
    return is_there ? found.st_ino : 0;
}

static void remove_beside(const struct history_db *db, const char *ending)
{
    struct buf path = path_beside(db, ending);
    unlink(path.ptr);
    buf_deinit(&path);
}

void history_db_close(struct history_db *db)
{
    if (db->sqlite) {
        sqlite3_close(db->sqlite);
        db->sqlite = NULL;
    }
}

// Closes when the file is not there any more, or another one is. The log beside it may be that of the old one still; it
// would ruin the new one.
static void let_go_of_the_old(struct history_db *db)
{
    struct stat found;
    bool is_there = stat(db->path, &found) == 0;
    bool is_same = is_there && found.st_ino == db->inode && found.st_dev == db->device;
    bool has_log = inode_of(db, "-wal") == db->log_inode;
    if (!db->sqlite || (is_same && has_log)) {
        return;
    }
    history_db_close(db); // what is in a log that was deleted comes into the file by that
    if (is_same) {
        return;
    }
    if (has_log) {
        remove_beside(db, "-wal");
        remove_beside(db, "-shm");
    }
    buf_printf(&db->notes, is_there ? HISTORY_FILE " was replaced; the new one is used\n"
                                    : HISTORY_FILE " is gone; a new one is begun\n");
}

// Its permissions are ours to choose only when we make it.
static int make_file(struct history_db *db)
{
    struct stat found;
    int fd = open(db->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    int error = fd < 0 ? errno : 0;
    bool is_regular = fd >= 0 && fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
    if (fd >= 0) {
        close(fd);
    }
    if (error == EISDIR || (!error && !is_regular)) {
        return refuse(db, "is no regular file");
    }
    // What may only be read can still be asked.
    if (error && (access(db->path, R_OK) != 0 || stat(db->path, &found) != 0 || !S_ISREG(found.st_mode))) {
        snprintf(db->problem, sizeof(db->problem), HISTORY_FILE " cannot be opened: %s", strerror(error));
        return SQLITE_CANTOPEN;
    }
    db->device = found.st_dev;
    db->inode = found.st_ino;
    return SQLITE_OK;
}

static int begin_schema(struct history_db *db)
{
    int64_t n_tables = 0;
    int r = history_db_number(db, "SELECT count(*) FROM sqlite_schema", &n_tables);
    if (r == SQLITE_OK && n_tables) {
        return refuse(db, "is a database of another program; it is left alone");
    }
    return r == SQLITE_OK ? history_db_exec(db, schema) : r;
}

static int check_schema(struct history_db *db)
{
    int64_t version = 0;
    int64_t application = 0;
    int r = history_db_number(db, "PRAGMA user_version", &version);
    if (r == SQLITE_OK) {
        r = history_db_number(db, "PRAGMA application_id", &application);
    }
    if (r == SQLITE_OK && version == 0 && application == 0) {
        r = begin_schema(db);
    } else if (r == SQLITE_OK && application != APPLICATION_ID) {
        r = refuse(db, "is a database of another program; it is left alone");
    } else if (r == SQLITE_OK && version > HISTORY_SCHEMA) {
        r = refuse(db, "was made by a newer version of this program; it is left alone");
    }
    return r;
}

static int check_tables(struct history_db *db)
{
    int r = history_db_exec(db, schema_check);
    if (r == SQLITE_ERROR) {
        return check(db, SQLITE_CORRUPT);
    }
    db->log_inode = inode_of(db, "-wal");
    return r == SQLITE_OK ? history_db_number(db, "SELECT count(*) FROM request_mark", &db->n_marks) : r;
}

static int open_once(struct history_db *db)
{
    int r = make_file(db);
    if (r != SQLITE_OK) {
        return r;
    }
    r = check(db, sqlite3_open_v2(db->path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
    if (r != SQLITE_OK) {
        return r;
    }
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_busy_timeout(db->sqlite, HISTORY_BUSY_MS);
    sqlite3_create_function(db->sqlite, "merge_latency", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
                            NULL, merge_latency, NULL, NULL);
    // What is refused is not touched: the schema comes before the settings, of which one changes the file.
    r = check_schema(db);
    if (r == SQLITE_OK) {
        r = history_db_exec(db, settings);
    }
    return r == SQLITE_OK ? check_tables(db) : r;
}

int history_db_open(struct history_db *db)
{
    let_go_of_the_old(db);
    if (db->sqlite) {
        return SQLITE_OK;
    }
    int r = open_once(db);
    if (r == SQLITE_BUSY) {
        history_db_close(db); // else it would be used unchecked once the lock is gone
    }
    return r;
}

// ---- damage ---------------------------------------------------------------------------------------------------------

// With its log, from which more of it can be saved.
static void set_beside_aside(struct history_db *db, const char *ending, struct slice aside)
{
    struct buf from = path_beside(db, ending);
    struct buf to = BUF_EMPTY;
    buf_printf(&to, "%s/%.*s%s%c", db->folder, SLICE_ARG(aside), ending, '\0');
    rename(from.ptr, to.ptr);
    buf_deinit(&from);
    buf_deinit(&to);
}

static bool set_aside(struct history_db *db)
{
    struct arena arena;
    struct slice aside;
    arena_init(&arena, 256);
    int r = durable_set_aside(db->folder, HISTORY_FILE, &arena, &aside);
    if (r == 0) {
        set_beside_aside(db, "-wal", aside);
        set_beside_aside(db, "-shm", aside);
        buf_printf(&db->notes, HISTORY_FILE " was damaged; it was kept as %.*s, and a new one is begun\n",
                   SLICE_ARG(aside));
    } else {
        snprintf(db->problem, sizeof(db->problem), HISTORY_FILE " is damaged and cannot be renamed: %s", strerror(-r));
    }
    arena_deinit(&arena);
    return r == 0;
}

bool history_db_recover(struct history_db *db, int r)
{
    bool is_damaged = r == SQLITE_CORRUPT || r == SQLITE_NOTADB;
    if (db->sqlite && !sqlite3_get_autocommit(db->sqlite)) {
        sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    }
    if (is_damaged && db->sqlite) {
        sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    if (r != SQLITE_BUSY || (db->sqlite && !sqlite3_get_autocommit(db->sqlite))) {
        history_db_close(db);
    }
    return is_damaged && set_aside(db);
}

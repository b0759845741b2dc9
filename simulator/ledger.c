// SPDX-License-Identifier: MIT
#include "simulator/ledger.h"

#include "json/json_writer.h"

struct account {
    uint64_t n_requests;
    uint64_t n_served;
    uint64_t n_tokens;
    size_t name_len;
    char name[];
};

void ledger_init(struct ledger *ledger)
{
    map_init(&ledger->_accounts);
}

void ledger_forget(struct ledger *ledger)
{
    const struct map_entry *entry;
    for (size_t at = 0; (entry = map_next(&ledger->_accounts, &at));) {
        mem_free(entry->value);
    }
    map_deinit(&ledger->_accounts);
}

void ledger_deinit(struct ledger *ledger)
{
    ledger_forget(ledger);
}

static struct account *open_account(struct ledger *ledger, struct slice credential)
{
    struct account *account = map_find(&ledger->_accounts, credential);
    if (!account) {
        if (ledger->_accounts.n_entries == LEDGER_ACCOUNTS_MAX) {
            ledger_forget(ledger);
        }
        account = mem_zalloc(sizeof(*account) + credential.len + 1);
        account->name_len = credential.len;
        memcpy(account->name, credential.len ? credential.ptr : "", credential.len);
        map_set(&ledger->_accounts, slice_of(account->name, account->name_len), account);
    }
    return account;
}

void ledger_refuse(struct ledger *ledger, struct slice credential)
{
    open_account(ledger, credential)->n_requests++;
}

void ledger_serve(struct ledger *ledger, struct slice credential, uint64_t tokens)
{
    struct account *account = open_account(ledger, credential);
    account->n_requests++;
    account->n_served++;
    account->n_tokens += tokens;
}

uint64_t ledger_tokens(const struct ledger *ledger, struct slice credential)
{
    const struct account *account = map_find(&ledger->_accounts, credential);
    return account ? account->n_tokens : 0;
}

void ledger_write(const struct ledger *ledger, struct buf *out)
{
    struct json_writer w;
    const struct map_entry *entry;
    json_writer_init(&w, out);
    json_begin_object(&w);
    for (size_t at = 0; (entry = map_next(&ledger->_accounts, &at));) {
        const struct account *account = entry->value;
        json_key(&w, slice_of(account->name, account->name_len));
        json_begin_object(&w);
        json_member_int(&w, SLICE("requests"), (int64_t)account->n_requests);
        json_member_int(&w, SLICE("served"), (int64_t)account->n_served);
        json_member_int(&w, SLICE("tokens"), (int64_t)account->n_tokens);
        json_end_object(&w);
    }
    json_end_object(&w);
}

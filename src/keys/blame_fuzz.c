// SPDX-License-Identifier: MIT
// Blame over any text. First two bytes: the status. A verdict always fits its status, and the line that is kept of the
// text is short, has no control characters, and does not have the secret, wherever that stands in the text. As an event
// of a stream it stands for the status of an error, or for none.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "keys/blame.h"
#include "keys/blame_event.h"
#include "keys/blame_rules.h"
#include "keys/key_reason.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct slice SECRET = SLICE_INIT("fk-one-two-three");

static void check_verdict(unsigned status, const struct verdict *verdict)
{
    enum blame blame = verdict->blame;
    bool is_of_key = blame == BLAME_KEY_CREDIT || blame == BLAME_KEY_REFUSED || blame == BLAME_KEY_MODEL;
    bool is_4xx = status >= 400 && status <= 499;
    assert(!is_of_key || is_4xx);
    assert(blame != BLAME_CLIENT || is_4xx);
    assert(blame != BLAME_ADDRESS || is_4xx);
    assert(blame != BLAME_NOBODY || (status >= 200 && status <= 299));
    assert(blame != BLAME_PROVIDER || status == 500);
    assert(blame != BLAME_KEY_MODEL || status == 429 || status == 403);
    assert(status != 402 || blame == BLAME_KEY_CREDIT);
    assert(blame != BLAME_NETWORK);
    assert(verdict->cooldown_ms == -1);
    assert(!verdict->is_lasting || status == 429);
    assert(!verdict->is_context_length || blame == BLAME_CLIENT);
    assert(!verdict->spends_route);
}

// A rule decides where it fits, and changes nothing where it does not.
static void check_rules(const struct attempt_evidence *evidence, const struct verdict *without)
{
    struct blame_rule rule = {400, 499, SLICE("quota"), BLAME_ENDPOINT, 1000};
    struct blame_rules rules = {&rule, 1};
    struct verdict verdict = blame_judge(evidence, &rules);
    bool fits = verdict.cooldown_ms == 1000;
    assert(verdict.blame == (fits ? BLAME_ENDPOINT : without->blame));
    assert(!fits || (evidence->status >= 400 && evidence->status <= 499));
    assert(fits || slice_find(evidence->text, rule.contains) == SLICE_NOT_FOUND || evidence->status / 100 != 4 ||
           evidence->text.len > 4096);
}

static void check_event(struct slice text)
{
    unsigned status = blame_status_of_event(text);
    assert(status == 0 || (status >= 400 && status <= 599));
}

static void check_reason(const struct attempt_evidence *evidence)
{
    char out[KEY_REASON_MAX];
    size_t len = key_reason(out, evidence, SECRET);
    assert(len < KEY_REASON_MAX);
    for (size_t i = 0; i < len; i++) {
        assert((unsigned char)out[i] >= ' ' && out[i] != 0x7F);
    }
    assert(slice_find(slice_of(out, len), SECRET) == SLICE_NOT_FOUND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2) {
        return 0;
    }
    unsigned status = (data[0] << 8 | data[1]) % 700;
    struct slice text = slice_of((const char *)data + 2, len - 2);
    struct attempt_evidence evidence = {ATTEMPT_ANSWERED, status, text, -1, false, {NULL, 0}};
    struct verdict verdict = blame_judge(&evidence, NULL);
    check_verdict(status, &verdict);
    check_rules(&evidence, &verdict);
    check_event(text);
    check_reason(&evidence);

    struct buf buf = BUF_EMPTY;
    size_t middle = text.len / 2;
    buf_append(&buf, slice_of(text.ptr, middle));
    buf_append(&buf, SECRET);
    buf_append(&buf, slice_after(text, middle));
    evidence.text = buf_slice(&buf);
    check_reason(&evidence);
    buf_deinit(&buf);
    return 0;
}

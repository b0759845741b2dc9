// SPDX-License-Identifier: MIT
#include "cli/drill_scenario.h"

enum { HANG_LEAST_MS = 10000 };

const struct drill_scenario drill_scenarios[N_DRILL_SCENARIOS] = {
    {.id = "S01",
     .title = "429 with Retry-After",
     .fault = "status=429~retry-after=2~fail=1",
     .hang_ms = 20000,
     .loop_ms = 1500,
     .loop_most = 2,
     .checks = DRILL_NO_LOOP | DRILL_SAME_AGAIN | DRILL_RETRY_AFTER},
    {.id = "S02",
     .title = "429 without Retry-After, persistent",
     .fault = "status=429",
     .hang_ms = 40000,
     .loop_ms = 3000,
     .loop_most = 4,
     .attempts_most = 6,
     .checks = DRILL_NO_LOOP},
    {.id = "S03", .title = "500 once", .fault = "status=500~fail=1", .hang_ms = 20000, .checks = DRILL_SAME_AGAIN},
    {.id = "S04", .title = "503 persistent", .fault = "status=503", .hang_ms = 40000, .attempts_most = 6},
    {.id = "S05", .title = "TCP reset before headers", .fault = "reset=0~fail=1", .hang_ms = 20000},
    {.id = "S06",
     .title = "no response at all",
     .fault = "hang=before",
     .timed = "stall",
     .timed_ms = 120000,
     .hang_ms = 130000,
     .most_ms = 100000,
     .checks = DRILL_IN_TIME | DRILL_ONE_SILENCE},
    {.id = "S07",
     .title = "slow first token",
     .timed = "first",
     .timed_ms = 20000,
     .hang_ms = 60000,
     .most_ms = 15000,
     .checks = DRILL_SOON},
    {.id = "S08", .title = "stream cut mid-answer", .fault = "cut=44", .hang_ms = 40000},
    {.id = "S09",
     .title = "stream stalls",
     .fault = "hang=24",
     .timed = "stall",
     .timed_ms = 30000,
     .hang_ms = 70000,
     .most_ms = 45000,
     .checks = DRILL_IN_TIME | DRILL_ALIVE},
    {.id = "S10",
     .title = "malformed event in the stream",
     .fault = "junk=10",
     .hang_ms = 30000,
     .checks = DRILL_ALIVE},
    {.id = "S11",
     .title = "stream ends without its sentinel",
     .fault = "nodone=1",
     .other_fault = "cut=end", // the others have no sentinel behind the event that ends the answer
     .hang_ms = 30000,
     .most_ms = 8000,
     .checks = DRILL_IN_TIME | DRILL_HAS_USAGE},
    {.id = "S12",
     .title = "context length exceeded",
     .fault = "status=400~why=context",
     .hang_ms = 20000,
     .checks = DRILL_ASKED_ONCE},
    {.id = "S13",
     .title = "content-filter rejection",
     .fault = "status=400~why=policy",
     .hang_ms = 20000,
     .checks = DRILL_ASKED_ONCE | DRILL_TELLS_REASON,
     .wants_error = true},
    {.id = "S14",
     .title = "cut, and the fallback rejects prefill",
     .fault = "cut=44",
     .backup_fault = "noprefill=1",
     .hang_ms = 40000,
     .checks = DRILL_HIDES_PREFILL},
    {.id = "S15",
     .title = "provider flaps: down, then healthy",
     .fault = "status=503",
     .hang_ms = 30000,
     .is_sequence = true},
    {.id = "S16",
     .title = "accounting of a failover",
     .fault = "status=503",
     .hang_ms = 40000,
     .attempts_most = 6,
     .checks = DRILL_NAMES_BACKUP | DRILL_HAS_USAGE},
};

const char *drill_dialect_text(enum drill_dialect dialect)
{
    static const char *const texts[] = {
        [DRILL_ANTHROPIC] = "anthropic",
        [DRILL_RESPONSES] = "responses",
        [DRILL_CHAT] = "chat",
        [DRILL_GEMINI] = "gemini",
    };
    return texts[dialect];
}

uint32_t drill_hang_ms(const struct drill_scenario *scenario, uint32_t speed)
{
    uint32_t hang_ms = scenario->hang_ms / speed;
    return hang_ms > HANG_LEAST_MS ? hang_ms : HANG_LEAST_MS;
}

void drill_write_plan(struct buf *out, const char *fault)
{
    buf_printf(out, "tokens=%d~size=7~pace=2%s%s", DRILL_TOKENS, fault ? "~" : "", fault ? fault : "");
}

void drill_write_fault(struct buf *out, const struct drill_scenario *scenario, enum drill_dialect dialect,
                       uint32_t speed)
{
    bool is_other = dialect != DRILL_CHAT && scenario->other_fault;
    drill_write_plan(out, is_other ? scenario->other_fault : scenario->fault);
    if (scenario->timed) {
        buf_printf(out, "~%s=%u", scenario->timed, scenario->timed_ms / speed);
    }
}

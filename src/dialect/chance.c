// SPDX-License-Identifier: MIT
#include "dialect/chance.h"

// xorshift64*
static uint32_t next(struct chance *chance)
{
    chance->state ^= chance->state >> 12;
    chance->state ^= chance->state << 25;
    chance->state ^= chance->state >> 27;
    return (uint32_t)((chance->state * 0x2545f4914f6cdd1dULL) >> 32);
}

uint32_t chance_below(struct chance *chance, uint32_t n)
{
    return next(chance) % n;
}

bool chance_of(struct chance *chance, uint32_t percent)
{
    return chance_below(chance, 100) < percent;
}

struct slice chance_atom(struct chance *chance)
{
    static const struct slice ATOMS[] = {
        SLICE_INIT("a"),        SLICE_INIT("Z"),
        SLICE_INIT("7"),        SLICE_INIT(" "),
        SLICE_INIT("the "),     SLICE_INIT("\\n"),
        SLICE_INIT("\\t"),      SLICE_INIT("\\\""),
        SLICE_INIT("\\\\"),     SLICE_INIT("/"),
        SLICE_INIT("\\/"),      SLICE_INIT("\\u0000"),
        SLICE_INIT("\\u001f"),  SLICE_INIT("\\u00e9"),
        SLICE_INIT("ü"),        SLICE_INIT("漢"),
        SLICE_INIT("🙂"),     SLICE_INIT("\\ud83d\\ude42"),
        SLICE_INIT("\\u2028"),  SLICE_INIT("\xe2\x80\xa9"),
        SLICE_INIT("\xc2\x85"), SLICE_INIT("{\\\"input\\\":"),
        SLICE_INIT("data: "),   SLICE_INIT("[DONE]"),
        SLICE_INIT("}"),        SLICE_INIT("]"),
        SLICE_INIT("%s"),       SLICE_INIT("\\b\\f\\r"),
    };
    return ATOMS[chance_below(chance, sizeof(ATOMS) / sizeof(ATOMS[0]))];
}

void chance_text(struct chance *chance, uint32_t n_atoms, struct buf *out)
{
    buf_append_char(out, (char)('a' + (char)chance_below(chance, 26)));
    for (uint32_t i = 0; i < n_atoms; i++) {
        buf_append(out, chance_atom(chance));
    }
    buf_append_char(out, (char)('a' + (char)chance_below(chance, 26)));
}

static void add_scalar(struct chance *chance, struct buf *out)
{
    static const struct slice SCALARS[] = {
        SLICE_INIT("null"), SLICE_INIT("true"), SLICE_INIT("false"),       SLICE_INIT("0"),
        SLICE_INIT("-17"),  SLICE_INIT("1.0"),  SLICE_INIT("1.5e-3"),      SLICE_INIT("12345678901234567890"),
        SLICE_INIT("\"\""), SLICE_INIT("[]"),   SLICE_INIT("[1,\r\n 2 ]"), SLICE_INIT("{}"),
    };
    if (chance_of(chance, 50)) {
        buf_append(out, SCALARS[chance_below(chance, sizeof(SCALARS) / sizeof(SCALARS[0]))]);
        return;
    }
    buf_append_char(out, '"');
    chance_text(chance, chance_below(chance, 6), out);
    buf_append_char(out, '"');
}

// Depth first without recursion: a member's value is another object as long as there is depth left.
void chance_object(struct chance *chance, uint32_t depth, struct buf *out)
{
    uint32_t n_open = 0;
    do {
        n_open++;
        buf_append_char(out, '{');
        for (uint32_t i = 0, n = chance_below(chance, 4); i < n; i++) {
            buf_printf(out, "\"k%u\": ", i);
            add_scalar(chance, out);
            buf_append_char(out, ',');
        }
        buf_append(out, SLICE("\"next\":"));
    } while (n_open < depth && chance_of(chance, 40));
    add_scalar(chance, out);
    for (; n_open > 0; n_open--) {
        buf_append_char(out, '}');
    }
}

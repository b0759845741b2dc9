// SPDX-License-Identifier: MIT
#include "dialect/neutral_trace.h"

static void trace_texts(struct buf *out, const struct neutral_part *parts)
{
    for (const struct neutral_part *part = parts; part; part = part->next) {
        buf_append(out, part != parts ? SLICE("+") : SLICE_EMPTY);
        buf_append(out, part->kind == PART_TEXT ? part->text : SLICE("media"));
    }
}

static void trace_part(struct buf *out, const struct neutral_request *req, const struct neutral_part *part)
{
    switch (part->kind) {
    case PART_TEXT: buf_append(out, part->text); break;
    case PART_REFUSAL: buf_printf(out, "refusal(%.*s)", SLICE_ARG(part->text)); break;
    case PART_IMAGE: buf_append(out, SLICE("image")); break;
    case PART_AUDIO: buf_append(out, SLICE("audio")); break;
    case PART_VIDEO: buf_append(out, SLICE("video")); break;
    case PART_DOCUMENT: buf_append(out, SLICE("document")); break;
    case PART_NATIVE: buf_append(out, SLICE("native")); break;
    case PART_CALL: buf_printf(out, "call(%.*s,%.*s)", SLICE_ARG(part->call.id), SLICE_ARG(part->call.name)); break;
    case PART_RESULT:
        buf_printf(out, "%s(%.*s,%.*s,", part->result.is_error ? "error" : "result", SLICE_ARG(part->result.call_id),
                   SLICE_ARG(part->result.name));
        trace_texts(out, part->result.parts);
        if (part->result.raw) {
            buf_append(out, json_raw(req->doc, part->result.raw));
        }
        buf_append(out, SLICE(")"));
        break;
    case PART_REASONING:
        buf_append(out, SLICE("thought("));
        trace_texts(out, part->reasoning.parts);
        buf_append(out, SLICE(")"));
        break;
    }
}

static void trace_turns(struct buf *out, const struct neutral_request *req, const struct neutral_turn *turns)
{
    static const char *const ROLES[] = {
        [TURN_SYSTEM] = "system",
        [TURN_DEVELOPER] = "developer",
        [TURN_USER] = "user",
        [TURN_ASSISTANT] = "assistant",
    };
    for (const struct neutral_turn *turn = turns; turn; turn = turn->next) {
        buf_printf(out, "%s%s[", out->len ? " " : "", ROLES[turn->role]);
        for (const struct neutral_part *part = turn->parts; part; part = part->next) {
            buf_append(out, part != turn->parts ? SLICE("|") : SLICE_EMPTY);
            trace_part(out, req, part);
        }
        buf_append(out, SLICE("]"));
    }
}

struct slice neutral_trace(struct arena *arena, const struct neutral_request *req)
{
    struct buf out = BUF_EMPTY;
    trace_turns(&out, req, req->instructions);
    trace_turns(&out, req, req->turns);
    struct slice trace = arena_dup(arena, buf_slice(&out));
    buf_deinit(&out);
    return trace;
}

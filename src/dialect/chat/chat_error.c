// SPDX-License-Identifier: MIT
// Faults as a Chat Completions client reads them.
#include "dialect/chat/chat.h"

void chat_write_error(struct json_writer *w, const struct fault_report *report)
{
    json_begin_object(w);
    json_key(w, SLICE("error"));
    fault_write_openai_error(w, report);
    json_end_object(w);
}

// No event name: the SDKs raise on a payload that has an `error`. No "[DONE]" behind it.
void chat_write_error_event(struct buf *out, const struct fault_report *report)
{
    struct json_writer w;
    buf_append(out, SLICE("data: "));
    json_writer_init(&w, out);
    chat_write_error(&w, report);
    buf_append(out, SLICE("\n\n"));
}

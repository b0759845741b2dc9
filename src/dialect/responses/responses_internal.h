// SPDX-License-Identifier: MIT
// What the files of this folder share.
#pragma once

#include "dialect/responses/responses.h"

// ---- requests, decoded

// One request on its way in. A decoder that returns false has refused; the loss says why.
struct responses_request {
    struct neutral_request *req;
    struct arena *arena;
    struct loss *loss;
    const struct json_doc *doc;
};

// The member `input`: instructions and turns, and the tools that stand among them.
bool responses_decode_input(const struct responses_request *in, const struct json_node *input);
// The parts of a message or of a tool's output, appended to *last_r; `content` is a string or an array.
bool responses_decode_parts(const struct responses_request *in, const struct json_node *content,
                            struct neutral_part **last_r);
// An array of tools. Later definitions of a tool that is there already replace it: input items may load what the
// member `tools` had deferred.
bool responses_decode_tools(const struct responses_request *in, const struct json_node *tools);
// After all tools are known.
bool responses_decode_choice(const struct responses_request *in, const struct json_node *choice);

// ---- requests, encoded

// Each writes a member with its name, or nothing.
void responses_write_input(const struct encoding *encoding, struct json_writer *w);
void responses_write_tools(const struct encoding *encoding, struct json_writer *w);
// Is this the request's one instruction that goes into the member `instructions`? NULL: there is none like that.
const struct neutral_turn *responses_lone_instruction(const struct neutral_request *req);
// Parts that are neither calls nor results, as input parts.
void responses_write_input_parts(const struct encoding *encoding, struct json_writer *w,
                                 const struct neutral_part *parts);

// ---- errors

// The error object of a body, an event or a failed response; fills what it finds.
void responses_read_error_object(const struct json_doc *doc, const struct json_node *object, struct arena *arena,
                                 struct neutral_error *error_r);
// The payload of an error event: nested as the provider sends it, and flat as its type definitions have it.
void responses_write_error_payload(struct json_writer *w, const struct fault_report *report, int64_t sequence_number);

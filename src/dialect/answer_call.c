// SPDX-License-Identifier: MIT
#include "dialect/answer_call.h"

#include "dialect/normalise.h"
#include "json/json_reader.h"

// How many of the latest calls a new id is compared with: more than an answer has, and an end to what a hostile one
// costs.
enum { CALLS_COMPARED = 128 };
enum { TOKEN_USED = 22 }; // characters: 131 bits

bool answer_call_map(const struct answer_context *context, struct neutral_block *block)
{
    const struct neutral_request *req = context->req;
    const struct neutral_tool *tool =
        req && block->tool_kind != TOOL_SERVER ? tool_of_target_name(req, block->name) : NULL;
    if (!tool || tool->kind == TOOL_SERVER) {
        return false;
    }
    bool is_wrapped = tool->kind == TOOL_CUSTOM && block->tool_kind == TOOL_FUNCTION;
    block->name = tool->name;
    block->name_space = tool->name_space;
    block->tool_kind = tool->kind;
    return is_wrapped;
}

struct slice answer_call_unwrap(struct arena *arena, struct slice escaped)
{
    struct json_doc doc;
    if (json_parse(&doc, arena, json_unescape(escaped, arena), NULL) != 0) {
        return escaped;
    }
    const struct json_node *input = json_get(&doc, json_root(&doc), SLICE("input"));
    return json_is(input, JSON_STRING) ? json_escaped(&doc, input) : escaped;
}

bool answer_call_is_new(const struct neutral_block *last_call, struct slice id)
{
    const struct neutral_block *call = last_call;
    for (int i = 0; call && i < CALLS_COMPARED; i++) {
        if (slice_eq(call->call_id, id)) {
            return false;
        }
        call = call->_last_call;
    }
    return true;
}

// The number stands behind the token at a fixed place, so that no two are the same.
struct slice answer_call_mint_id(const struct answer_context *context, uint32_t n)
{
    static const char DIGITS[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    struct slice token = context->token;
    char number[8];
    size_t at = sizeof(number);
    for (; n || at > sizeof(number) - 2; n /= 62) {
        number[--at] = DIGITS[n % 62];
    }
    struct slice parts[] = {
        context->client == DIALECT_ANTHROPIC ? SLICE("toolu_") : SLICE("call_"),
        slice_of(token.ptr, token.len < TOKEN_USED ? token.len : TOKEN_USED),
        slice_of(number + at, sizeof(number) - at),
    };
    return arena_concat(context->arena, parts, 3);
}

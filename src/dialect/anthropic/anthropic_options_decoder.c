// SPDX-License-Identifier: MIT
// How much to think and in which form to answer, read from an Anthropic request.
#include "dialect/anthropic/anthropic_internal.h"

static bool is_object(const struct anthropic_reader *r, const struct json_node *node)
{
    if (node && node->type != JSON_OBJECT) {
        loss_reject_input(r->loss, node, "must be an object");
    }
    return json_is(node, JSON_OBJECT);
}

static const struct {
    struct slice type;
    enum thinking_state state;
} STATES[] = {
    {SLICE_INIT("enabled"), THINKING_ON},
    {SLICE_INIT("adaptive"), THINKING_AUTO},
    {SLICE_INIT("between_tools"), THINKING_AUTO},
    {SLICE_INIT("disabled"), THINKING_OFF},
};

static void read_state(const struct anthropic_reader *r, const struct json_node *type, struct thinking *thinking)
{
    for (size_t i = 0; i < sizeof(STATES) / sizeof(*STATES); i++) {
        if (json_string_is(r->doc, type, STATES[i].type)) {
            thinking->state = STATES[i].state;
            return;
        }
    }
    loss_reject_input(r->loss, type ? type : thinking->at, "must say enabled, adaptive, between_tools or disabled");
}

static void read_budget(const struct anthropic_reader *r, const struct json_node *budget, struct thinking *thinking)
{
    int64_t value;
    if (!budget || thinking->state != THINKING_ON) {
        return;
    }
    if (!json_int64(r->doc, budget, &value) || value < 0) {
        loss_reject_input(r->loss, budget, "must be a whole number of tokens");
        return;
    }
    thinking->budget = value;
}

// Who has it think and says no more reads what was thought.
void anthropic_read_thinking(const struct anthropic_reader *r, const struct json_node *node)
{
    struct thinking *thinking = &r->req->thinking;
    if (!is_object(r, node)) {
        return;
    }
    thinking->at = node;
    read_state(r, json_get(r->doc, node, SLICE("type")), thinking);
    read_budget(r, neutral_member(r->doc, node, SLICE("budget_tokens")), thinking);
    if (json_string_is(r->doc, json_get(r->doc, node, SLICE("display")), SLICE("omitted"))) {
        thinking->show = SHOW_NONE;
    } else if (thinking->state != THINKING_OFF) {
        thinking->show = SHOW_AUTO;
    }
}

void anthropic_read_format(const struct anthropic_reader *r, const struct json_node *node)
{
    struct answer_format *format = &r->req->format;
    if (!is_object(r, node)) {
        return;
    }
    const struct json_node *schema = neutral_member(r->doc, node, SLICE("schema"));
    if (!json_string_is(r->doc, json_get(r->doc, node, SLICE("type")), SLICE("json_schema"))) {
        loss_reject_input(r->loss, node, "must be of type json_schema");
    } else if (!json_is(schema, JSON_OBJECT)) {
        loss_reject_input(r->loss, node, "needs a schema");
    }
    *format = (struct answer_format){.kind = FORMAT_SCHEMA, .at = node, .schema = schema};
}

static void read_effort(const struct anthropic_reader *r, const struct json_node *node)
{
    enum effort effort = neutral_effort(json_string(r->doc, node, r->arena));
    if (node && effort < EFFORT_LOW) {
        loss_reject_input(r->loss, node, "must be low, medium, high, xhigh or max");
    } else if (node) {
        r->req->thinking.effort = effort;
        r->req->thinking.at = r->req->thinking.at ? r->req->thinking.at : node;
    }
}

void anthropic_read_output_config(const struct anthropic_reader *r, const struct json_node *config)
{
    if (!is_object(r, config)) {
        return;
    }
    read_effort(r, neutral_member(r->doc, config, SLICE("effort")));
    anthropic_read_format(r, neutral_member(r->doc, config, SLICE("format")));
    loss_warn(r->loss, LOSS_DROPPED, neutral_member(r->doc, config, SLICE("task_budget")));
}

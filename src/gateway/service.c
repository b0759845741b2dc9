// SPDX-License-Identifier: MIT
// The routes that need no upstream: model lists, health, and what the root says.
#include "base/clock.h"
#include "gateway/gateway_internal.h"
#include "gateway/model_list.h"
#include "json/json_writer.h"

static const struct slice json_type = SLICE_INIT("application/json");

static void answer_buf(struct exchange *x, unsigned status, struct slice type, struct buf *body)
{
    exchange_respond(x, status, type, buf_slice(body));
    buf_deinit(body);
}

static void answer_models(struct exchange *x)
{
    struct buf body = BUF_EMPTY;
    model_list_write(exchange_config(x), x->route.dialect, x->gateway->started_wall_ms, &body);
    answer_buf(x, 200, json_type, &body);
}

static void answer_model(struct exchange *x)
{
    struct buf body = BUF_EMPTY;
    x->model_id = x->route.model;
    if (model_list_write_one(exchange_config(x), x->route.model, x->route.dialect, x->gateway->started_wall_ms,
                             &body)) {
        answer_buf(x, 200, json_type, &body);
    } else {
        exchange_fail(x, FAULT_MODEL_NOT_FOUND,
                      SLICE("There is no such model. GET /v1/models lists those that exist."));
    }
}

static bool wants_html(const struct exchange *x)
{
    const struct h1_field *accept = h1_find_field(x->ex->req.fields, x->ex->req.n_fields, HEADER_ACCEPT);
    return accept && slice_find(accept->value, SLICE("text/html")) != SLICE_NOT_FOUND;
}

// The address at which the browser found us, as long as it needs no escaping.
static struct slice address_shown(const struct exchange *x)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
    const struct h1_field *host = h1_find_field(x->ex->req.fields, x->ex->req.n_fields, HEADER_HOST);
    for (size_t i = 0; host && i < host->value.len; i++) {
        if (!strchr(plain, host->value.ptr[i])) {
            host = NULL;
        }
    }
    return host && host->value.len ? host->value : SLICE("localhost:3000");
}

static void answer_page(struct exchange *x)
{
    static const char page[] =
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>droid2api</title>\n<style>\n"
        "body{font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color:#1c2733;"
        "background:#fff}\ncode,pre{font:14px/1.5 ui-monospace,monospace;background:#f2f4f7;border-radius:4px}\n"
        "code{padding:.1em .3em}\npre{padding:1em;overflow:auto}\n"
        "@media(prefers-color-scheme:dark){body{color:#dfe6ee;background:#12171d}code,pre{background:#1e2630}"
        "a{color:#7db7ff}}\n</style>\n</head>\n<body>\n<h1>droid2api</h1>\n"
        "<p>The gateway is running. Point an OpenAI, Anthropic or Gemini client at this address.</p>\n"
        "<pre>curl http://%.*s/v1/models</pre>\n"
        "<ul>\n<li><a href=\"/v1/models\">/v1/models</a>: the models that are configured</li>\n"
        "<li><a href=\"/health\">/health</a> and <a href=\"/ready\">/ready</a>: for probes</li>\n"
        "<li><a href=\"/metrics\">/metrics</a>: for Prometheus</li>\n</ul>\n<p>Version %s</p>\n</body>\n</html>\n";
    struct buf body = BUF_EMPTY;
    buf_printf(&body, page, SLICE_ARG(address_shown(x)), DROID2API_VERSION);
    answer_buf(x, 200, SLICE("text/html; charset=utf-8"), &body);
}

static void answer_root(struct exchange *x)
{
    if (wants_html(x)) {
        answer_page(x);
        return;
    }
    struct buf body = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &body);
    json_begin_object(&w);
    json_member_string(&w, SLICE("name"), SLICE("droid2api"));
    json_member_string(&w, SLICE("version"), slice_from_cstr(DROID2API_VERSION));
    json_member_string(&w, SLICE("description"), SLICE("LLM API gateway for OpenAI, Anthropic and Gemini clients"));
    json_member_string(&w, SLICE("mode"), SLICE("solo"));
    json_member_int(&w, SLICE("uptime_s"), (int64_t)((clock_monotonic_ns() - x->gateway->started_ns) / 1000000000));
    json_key(&w, SLICE("endpoints"));
    json_write_raw(&w, route_list_json());
    json_end_object(&w);
    answer_buf(x, 200, json_type, &body);
}

// Why no request could be served now; NULL when one could.
static const char *unready_reason(const struct exchange *x)
{
    if (x->gateway->is_draining) {
        return "shutting down";
    }
    if (exchange_config(x)->n_models == 0) {
        return "no model is configured";
    }
    return NULL;
}

static void answer_ready(struct exchange *x)
{
    const char *reason = unready_reason(x);
    struct buf body = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &body);
    json_begin_object(&w);
    json_member_string(&w, SLICE("status"), reason ? SLICE("unavailable") : SLICE("ok"));
    if (reason) {
        json_member_string(&w, SLICE("reason"), slice_from_cstr(reason));
    }
    json_end_object(&w);
    answer_buf(x, reason ? 503 : 200, json_type, &body);
}

static void answer_health(struct exchange *x)
{
    exchange_respond(x, 200, json_type, SLICE("{\"status\":\"ok\"}"));
}

static void answer_nothing(struct exchange *x)
{
    exchange_respond(x, 204, json_type, SLICE_EMPTY);
}

void service_answer(struct exchange *x)
{
    static void (*const answers[N_ROUTE_KINDS])(struct exchange *) = {
        [ROUTE_MODELS] = answer_models,      [ROUTE_MODEL] = answer_model,    [ROUTE_GEMINI_MODELS] = answer_models,
        [ROUTE_GEMINI_MODEL] = answer_model, [ROUTE_ROOT] = answer_root,      [ROUTE_HEALTH] = answer_health,
        [ROUTE_READY] = answer_ready,        [ROUTE_METRICS] = scrape_answer, [ROUTE_FAVICON] = answer_nothing,
    };
    answers[x->route.kind](x);
}

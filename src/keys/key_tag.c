// SPDX-License-Identifier: MIT
// Numbers that stand for names, and what the beginning of a secret says.
#include "base/fnv.h"
#include "keys/key_table.h"

uint32_t key_model_tag(struct slice model)
{
    uint64_t hash = fnv_add(FNV_START, model);
    uint32_t tag = (uint32_t)(hash ^ hash >> 32);
    return tag ? tag : 1;
}

uint64_t key_proxy_tag(struct slice proxy)
{
    uint64_t tag = fnv_add(FNV_START, proxy);
    return tag ? tag : 1;
}

static const struct {
    struct slice prefix;
    enum key_provider provider;
} prefixes[] = {
    {SLICE_INIT("fk-"), KEY_FACTORY}, {SLICE_INIT("sk-ant-"), KEY_ANTHROPIC}, {SLICE_INIT("sk-"), KEY_OPENAI},
    {SLICE_INIT("AIza"), KEY_GOOGLE}, {SLICE_INIT("glm-"), KEY_GLM},
};

enum key_provider key_provider_of(struct slice secret)
{
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        if (slice_starts_with(secret, prefixes[i].prefix)) {
            return prefixes[i].provider;
        }
    }
    return KEY_FACTORY;
}

struct slice key_provider_name(enum key_provider provider)
{
    switch (provider) {
    case KEY_FACTORY: break;
    case KEY_ANTHROPIC: return SLICE("anthropic");
    case KEY_OPENAI: return SLICE("openai");
    case KEY_GOOGLE: return SLICE("google");
    case KEY_GLM: return SLICE("glm");
    }
    return SLICE("factory");
}

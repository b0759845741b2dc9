// SPDX-License-Identifier: MIT
// What the operator sets holds for translated requests too, and what a translation loses is told: in a header, or in a
// refusal that names the member.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { assertAbortsSoon, modelRequest, simulatorConfig, Stack, textOfEvents, uniqueKey } from './kit/kit.mjs';
import { clientNames, upstreamModels, upstreamNames } from './kit/matrix.mjs';
import { sdkClients } from './kit/sdk_clients.mjs';

const upstreamIds = {
  'm-claude': 'claude-opus-4-6', 'm-gpt': 'gpt-5.2', 'm-chat': 'gpt-4.1', 'm-gemini': 'gemini-3-pro-preview',
};

// The usual models, and each of them again with a level of reasoning and with `fast`.
function config(simulator) {
  const models = simulatorConfig(simulator.url).models
    .map((model) => ({ ...model, upstream_model: upstreamIds[model.id] }));
  return {
    system_prompt: 'House rules.',
    models: [
      ...models,
      ...models.map((model) => ({ ...model, id: `${model.id}-high`, reasoning: 'high' })),
      ...models.map((model) => ({ ...model, id: `${model.id}-fast`, fast: true })),
    ],
    model_redirects: { alias: 'm-claude', 'other-alias': 'm-gemini' },
  };
}

const stacks = {};
before(async () => {
  for (const mode of ['normal', 'strict', 'lenient']) {
    stacks[mode] = await Stack.start({ config, env: { TRANSLATION_MODE: mode } });
  }
});
after(async () => {
  for (const stack of Object.values(stacks)) {
    await stack.stop();
  }
});

const foreignPairs = clientNames.flatMap((client) =>
  upstreamNames.filter((upstream) => upstream !== client).map((upstream) => [client, upstream]));

function open(client, { directives = 'strict=1', mode = 'normal' } = {}) {
  const stack = stacks[mode];
  const key = uniqueKey(directives);
  const sdk = sdkClients[client].open(stack.url, key);
  return {
    key,
    say: (model, ask) => sdkClients[client].say(sdk, model, { content: 'Hello', ...ask }),
    body: async () => (await stack.simulator.bodiesOf(key))[0],
    seen: () => stack.simulator.requests({ key }),
  };
}

test('the system prompt goes first', async (t) => {
  for (const [client, upstream] of foreignPairs) {
    await t.test(`${client} → ${upstream}`, async () => {
      const c = open(client, { directives: 'strict=1~echo=1' });
      const { text } = await c.say(upstreamModels[upstream], { system: 'Be brief.' });
      const said = JSON.parse(text).texts.join('\n');
      assert.match(said, /^House rules\.\s+Be brief\.\s+Hello$/);
    });
  }
});

const levelOf = {
  chat: (body) => body.reasoning_effort,
  responses: (body) => body.reasoning?.effort,
  anthropic: (body) => body.output_config?.effort ?? (body.thinking?.budget_tokens > 8192 ? 'high' : undefined),
  gemini: (body) => body.generationConfig?.thinkingConfig?.thinkingLevel?.toLowerCase()
    ?? (body.generationConfig?.thinkingConfig?.thinkingBudget > 8192 ? 'high' : undefined),
};

test('the level of reasoning', async (t) => {
  for (const [client, upstream] of foreignPairs) {
    await t.test(`${client} → ${upstream}`, async () => {
      const c = open(client);
      await c.say(`${upstreamModels[upstream]}-high`, { maxTokens: 32000, stream: true });
      assert.equal(levelOf[upstream](await c.body()), 'high');
    });
  }
});

test('fast', async (t) => {
  const isFast = {
    chat: (body) => body.service_tier === 'priority',
    responses: (body) => body.service_tier === 'priority',
    anthropic: (body) => body.speed === 'fast',
    gemini: () => true, // has no such thing
  };
  for (const [client, upstream] of foreignPairs) {
    await t.test(`${client} → ${upstream}`, async () => {
      const c = open(client);
      await c.say(`${upstreamModels[upstream]}-fast`, {});
      assert.ok(isFast[upstream](await c.body()), JSON.stringify(await c.body()));
      if (upstream === 'anthropic') {
        const headers = Object.fromEntries((await c.seen())[0].headers.map(([name, value]) => [name.toLowerCase(), value]));
        assert.match(headers['anthropic-beta'] ?? '', /fast/);
      }
    });
  }
});

test('redirects', async (t) => {
  for (const [client, alias, upstream] of [['chat', 'alias', 'claude-opus-4-6'],
    ['anthropic', 'other-alias', 'gemini-3-pro-preview'], ['gemini', 'alias', 'claude-opus-4-6']]) {
    await t.test(`${client}: ${alias}`, async () => {
      const c = open(client);
      await c.say(alias, {});
      assert.equal((await c.seen())[0].model, upstream);
    });
  }
});

test('model lists show every model, whatever its provider speaks', async () => {
  const all = stacks.normal.config.models.map(({ id }) => id).sort();
  const list = async (client, models) => {
    const ids = [];
    for await (const model of await models(sdkClients[client].open(stacks.normal.url, uniqueKey()))) {
      ids.push(model.id ?? model.name.replace('models/', ''));
    }
    assert.deepEqual(ids.sort(), all, client);
  };
  await list('chat', (sdk) => sdk.models.list());
  await list('anthropic', (sdk) => sdk.models.list({ limit: 1000 }));
  await list('gemini', (sdk) => sdk.models.list());
});

// What has no place at the provider, by the member that the client knows.
const losses = [
  ['anthropic', 'chat', { top_k: 5 }, 'dropped:top_k'],
  ['anthropic', 'responses', { top_k: 5 }, 'dropped:top_k'],
  ['chat', 'anthropic', { seed: 7 }, 'dropped:seed'],
  ['chat', 'gemini', { logit_bias: { 5: 1 } }, 'dropped:logit_bias'],
  ['chat', 'anthropic', { frequency_penalty: 1 }, 'dropped:frequency_penalty'],
  ['responses', 'chat', { truncation: 'auto' }, 'dropped:truncation'],
  ['gemini', 'anthropic', { seed: 7 }, 'dropped:generationConfig.seed'],
  ['gemini', 'responses', { frequencyPenalty: 1 }, 'dropped:generationConfig.frequencyPenalty'],
];

test('a loss is told in a header; a strict gateway refuses it', async (t) => {
  for (const [client, upstream, extra, warning] of losses) {
    await t.test(`${client} → ${upstream}: ${warning}`, async () => {
      const { warnings } = await open(client).say(upstreamModels[upstream], { extra });
      assert.ok(warnings.includes(warning), `${warnings}`);
      const member = warning.split(/[:.]/).at(-1);
      const strict = open(client, { mode: 'strict' });
      await assert.rejects(strict.say(upstreamModels[upstream], { extra }), (error) => {
        assert.equal(error.status, 400, error.message);
        assert.ok(error.message.includes(member), error.message);
        return true;
      });
      assert.equal((await strict.seen()).length, 0, 'nothing of it went upstream');
    });
  }
});

const refusals = [
  ['chat', 'anthropic', { n: 2 }, 'n'],
  ['chat', 'responses', { n: 2 }, 'n'],
  ['gemini', 'anthropic', { candidateCount: 2 }, 'candidateCount'],
  ['responses', 'anthropic', { previous_response_id: 'resp_1' }, 'previous_response_id'],
  ['responses', 'chat', { background: true }, 'background'],
  ['gemini', 'chat', { cachedContent: 'cachedContents/1' }, 'cachedContent'],
];

test('what nothing can be made of is refused, by name', async (t) => {
  for (const [client, upstream, extra, member] of refusals) {
    await t.test(`${client} → ${upstream}: ${member}`, async () => {
      const c = open(client);
      await assert.rejects(c.say(upstreamModels[upstream], { extra }), (error) => {
        assert.equal(error.status, 400, error.message);
        assert.ok(error.message.includes(member), error.message);
        if (error instanceof OpenAI.APIError) {
          assert.equal(error.param, member);
        }
        return true;
      });
      assert.equal((await c.seen()).length, 0);
    });
  }
  await t.test('a lenient gateway does without it', async () => {
    const c = open('chat', { mode: 'lenient' });
    const { text, warnings } = await c.say('m-claude', { extra: { n: 2 } });
    assert.ok(text.length > 0);
    assert.ok(warnings.includes('dropped:n'), String(warnings));
  });
});

test('a request that is wrong in its own dialect is refused before it goes anywhere', async (t) => {
  const bodies = {
    chat: { messages: 'hello' }, responses: { input: 5 }, anthropic: { max_tokens: 5, messages: {} },
    gemini: { contents: 'x', tools: 1 },
  };
  for (const [client, upstream] of foreignPairs) {
    await t.test(`${client} → ${upstream}`, async () => {
      const key = uniqueKey();
      const model = upstreamModels[upstream];
      const body = JSON.stringify({ ...(client !== 'gemini' && { model }), ...bodies[client] });
      const response = await stacks.normal.gateway.call(modelRequest(client, { key, model, body }));
      assert.equal(response.status, 400, response.text);
      assert.ok((response.json.error.message ?? '').length > 10);
      assert.equal((await stacks.normal.simulator.requests({ key })).length, 0);
    });
  }
});

test('Gemini without alt=sse: one JSON array', async (t) => {
  for (const upstream of upstreamNames) {
    await t.test(upstream, async () => {
      const model = upstreamModels[upstream];
      const key = uniqueKey('strict=1~tokens=5~pace=2');
      const response = await stacks.normal.gateway.call(modelRequest('gemini', {
        key, model, path: `/v1beta/models/${model}:streamGenerateContent`,
      }));
      assert.equal(response.status, 200, response.text);
      assert.match(response.header('content-type'), /^application\/json/);
      assert.ok(Array.isArray(response.json));
      assert.equal(textOfEvents('gemini', response.json.map((chunk) => ({ data: JSON.stringify(chunk) }))),
        'A gateway stands between ');
      assert.equal(response.json.at(-1).candidates[0].finishReason, 'STOP');
    });
  }
});

test('abort before any answer closes the upstream', async (t) => {
  for (const [client, upstream] of [['chat', 'anthropic'], ['anthropic', 'responses'], ['responses', 'gemini'],
    ['gemini', 'chat']]) {
    await t.test(`${client} → ${upstream}`, (t) => assertAbortsSoon(t, stacks.normal.simulator, 'hang=before',
      async (key) => {
        const controller = new AbortController();
        const sdk = sdkClients[client].open(stacks.normal.url, key);
        sdkClients[client].say(sdk, upstreamModels[upstream], { content: 'Hello', signal: controller.signal })
          .catch(() => {});
        await stacks.normal.simulator.waitRequest(key);
        return () => controller.abort();
      }));
  }
});

test('the SDK\'s own retries meet a healed upstream', async (t) => {
  for (const upstream of upstreamNames) {
    await t.test(`chat → ${upstream}`, async () => {
      const sdk = sdkClients.chat.open(stacks.normal.url, uniqueKey('strict=1~status=503~retry-after=0~fail=1'),
        { maxRetries: 2 });
      const { text } = await sdkClients.chat.say(sdk, upstreamModels[upstream], { content: 'Hello' });
      assert.ok(text.length > 0);
    });
  }
});

test('the SDKs\' own helpers', async (t) => {
  for (const upstream of upstreamNames) {
    await t.test(`responses.stream() → ${upstream}`, async () => {
      const sdk = sdkClients.responses.open(stacks.normal.url, uniqueKey('strict=1~tokens=5~thoughts=3'));
      const final = await sdk.responses.stream({ model: upstreamModels[upstream], input: 'Hello' }).finalResponse();
      assert.equal(final.output_text, 'A gateway stands between ');
      assert.equal(final.status, 'completed');
    });
    // It keeps each chunk as a content of its own, and drops a turn in which one chunk has no parts.
    await t.test(`chats.sendMessageStream() → ${upstream}`, async () => {
      const strict = upstream === 'gemini' ? 0 : 1; // its contents do not alternate
      const sdk = sdkClients.gemini.open(stacks.normal.url, uniqueKey(`strict=${strict}~echo=1`));
      const chat = sdk.chats.create({ model: upstreamModels[upstream] });
      const send = async (message) => {
        let text = '';
        for await (const chunk of await chat.sendMessageStream({ message })) {
          text += chunk.text ?? '';
        }
        return text;
      };
      const first = await send('Hello 1.');
      const second = await send('Hello 2.');
      assert.equal(JSON.parse(second).texts.join(''), `House rules.Hello 1.${first}Hello 2.`);
    });
  }
});

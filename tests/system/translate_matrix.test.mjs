// SPDX-License-Identifier: MIT
// Every official SDK against models whose provider speaks each of the four dialects. The simulator is strict: it refuses
// what a real provider would, it says what has arrived, and it knows its own signatures again. The table of all pairs is
// printed at the end.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { simulatorConfig, Stack, uniqueKey, within } from './kit/kit.mjs';
import { clientNames, Matrix, upstreamModels, upstreamNames } from './kit/matrix.mjs';
import { sdkClients } from './kit/sdk_clients.mjs';

// Names by which the gateway knows what a model can do.
const upstreamIds = {
  'm-claude': 'claude-opus-4-6', 'm-gpt': 'gpt-5.2', 'm-chat': 'gpt-4.1', 'm-gemini': 'gemini-3-pro-preview',
};
// Chat Completions of OpenAI's own show no thoughts; others do.
const thinkingModels = { ...upstreamModels, chat: 'm-vendor' };

let stack;
const matrix = new Matrix();
before(async () => {
  stack = await Stack.start({
    config: (simulator) => {
      const { models } = simulatorConfig(simulator.url);
      return {
        models: [
          ...models.map((model) => ({ ...model, upstream_model: upstreamIds[model.id] })),
          { id: 'm-vendor', name: 'Vendor', type: 'common', reasoning: 'auto', upstream_model: 'deepseek-reasoner' },
        ],
      };
    },
    // What is told of an error is the matter here; retries have tests of their own.
    env: { UPSTREAM_IDLE_TIMEOUT_MS: '400', KEY_POOL_RETRY_ENABLED: 'false' },
  });
});
after(async () => {
  console.log(`\n${matrix.print()}\n`);
  await stack?.stop();
});

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
const city = {
  type: 'object', properties: { city: { type: 'string', description: 'Its name' } }, required: ['city'],
  additionalProperties: false,
};
const tools = [
  { name: 'get_weather', description: 'Weather of a city', schema: city },
  { name: 'get_time', description: 'Time in a city', schema: city },
];

// A client with a key of its own, and what its requests have become.
function open(client, upstream, directives, model = upstreamModels[upstream]) {
  const key = uniqueKey(['strict=1', directives].filter(Boolean).join('~'));
  const sdk = sdkClients[client].open(stack.url, key);
  return {
    key,
    sdk,
    say: (ask) => within(10_000, 'answer', sdkClients[client].say(sdk, model, ask)),
    goOn: sdkClients[client].goOn,
    events: (ask) => sdkClients[client].events(sdk, model, ask),
    seen: () => stack.simulator.requests({ key }),
    bodies: () => stack.simulator.bodiesOf(key),
  };
}

async function assertUsage(c, usage, { output, reasoning = 0 }) {
  const [{ body_length: length }] = await c.seen();
  assert.equal(usage.input, Math.ceil(length / 4), 'input tokens');
  assert.equal(usage.output, output + reasoning, 'output tokens');
  assert.equal(usage.cached, 3, 'cached tokens');
}

for (const stream of [false, true]) {
  const how = stream ? ', stream' : '';

  test(`text${how}`, (t) => matrix.run(t, `text${how}`, async (client, upstream) => {
    const c = open(client, upstream, 'tokens=7');
    const reply = await c.say({ system: 'Be brief.', content: 'What is the weather?', stream });
    assert.equal(reply.text, 'A gateway stands between those who ');
    assert.equal(reply.finish, 'stop');
    assert.deepEqual(reply.calls, []);
    await assertUsage(c, reply.usage, { output: 7 });
    assert.deepEqual(reply.warnings, []);
  }));

  test(`what arrives${how}`, (t) => matrix.run(t, `what arrives${how}`, async (client, upstream) => {
    const c = open(client, upstream, 'echo=1');
    const text = 'Zürich, 東京 & "quotes" \\ \u{1F600}\n\u2028';
    const reply = await c.say({ system: 'Be brief.', content: [{ text }, { image: png }], stream });
    const receipt = JSON.parse(reply.text);
    assert.deepEqual(receipt.texts, ['Be brief.', text]);
    assert.equal(receipt.media.length, 1);
    assert.match(receipt.media[0], new RegExp(`^image/png ${Buffer.from(png, 'base64').length} [0-9a-f]{16}$`));
    assert.ok(JSON.stringify((await c.bodies())[0]).includes(png));
  }));

  for (const [kind, n] of [['tool', 1], ['tools', 2]]) {
    const feature = `${n === 1 ? 'a tool' : 'two parallel tools'}${how}`;
    test(feature, (t) => matrix.run(t, feature, async (client, upstream) => {
      const c = open(client, upstream, `kind=${kind}~echo=1`);
      const first = await c.say({ content: 'Weather?', tools, stream });
      assert.equal(first.finish, 'calls');
      assert.deepEqual(first.calls.map(({ name, args }) => [name, args.city]),
        [['get_weather', 'Paris'], ['get_time', 'London']].slice(0, n));
      assert.equal(new Set(first.calls.map(({ id }) => id)).size, n);
      const results = first.calls.map(({ id, name }, i) => ({ id, name, text: `result ${i}` }));
      const second = await c.say({ history: c.goOn(first, results), tools, stream });
      const receipt = JSON.parse(second.text);
      assert.equal(second.finish, 'stop');
      assert.deepEqual(receipt.results, results.map(({ text }) => text));
      assert.deepEqual(receipt.calls.map((call) => call.split(' ')[0]), first.calls.map(({ name }) => name));
      assert.deepEqual(receipt.calls.map((call) => JSON.parse(call.slice(call.indexOf(' ')))),
        first.calls.map(({ args }) => args));
      assert.deepEqual(receipt.tools, tools.map(({ name }) => name));
      assert.deepEqual(receipt.texts, ['Weather?']);
    }));
  }

  test(`reasoning${how}`, (t) => matrix.run(t, `reasoning${how}`, async (client, upstream) => {
    const c = open(client, upstream, 'thoughts=10~tokens=5', thinkingModels[upstream]);
    const reply = await c.say({ content: 'Think.', think: true, stream });
    assert.equal(reply.text, 'A gateway stands between ');
    assert.equal(reply.thoughts, 'A gateway stands between those who ask and those who answer.');
    await assertUsage(c, reply.usage, { output: 5, reasoning: 10 });
  }));

  // The thoughts before a call go back with its result. What only the provider can read has to be what it was, or the
  // simulator says so; to a client that has no place for it, the request must do without.
  test(`reasoning and a tool${how}`, (t) => matrix.run(t, `reasoning and a tool${how}`, async (client, upstream) => {
    const c = open(client, upstream, 'kind=tool~thoughts=10~tokens=5', thinkingModels[upstream]);
    const first = await c.say({ content: 'Think.', think: true, tools, stream });
    assert.equal(first.finish, 'calls');
    assert.ok(first.thoughts.length > 0);
    const results = first.calls.map(({ id, name }) => ({ id, name, text: 'sunny' }));
    const second = await c.say({ history: c.goOn(first, results), think: true, tools, stream });
    assert.equal(second.text, 'A gateway stands between ');
    if (client !== 'chat' && upstream !== 'chat') {
      assert.match(JSON.stringify((await c.bodies())[1]), /sim[ARG][0-9a-f]{32}/);
    }
  }));

  test(`structured output${how}`, (t) => matrix.run(t, `structured output${how}`, async (client, upstream) => {
    const schema = {
      type: 'object', additionalProperties: false, required: ['city', 'size', 'isLarge', 'rivers'],
      properties: {
        city: { type: 'string' }, size: { type: 'integer' }, isLarge: { type: 'boolean' },
        rivers: { type: 'array', items: { type: 'string' } },
      },
    };
    const reply = await open(client, upstream, '').say({ content: 'Tell me.', schema, stream });
    assert.deepEqual(JSON.parse(reply.text), { city: 'Paris', size: 7, isLarge: true, rivers: ['Paris'] });
  }));

  test(`refusal${how}`, (t) => matrix.run(t, `refusal${how}`, async (client, upstream) => {
    const reply = await open(client, upstream, 'kind=refusal').say({ content: 'Do something bad.', stream });
    const words = { chat: ['stop', 'content_filter'], responses: ['stop', 'content_filter'], anthropic: ['refusal'] };
    assert.ok((words[client] ?? ['SAFETY', 'PROHIBITED_CONTENT', 'RECITATION', 'OTHER']).includes(reply.finish),
      reply.finish);
    assert.deepEqual(reply.calls, []);
  }));

  // Whatever was asked for, the provider answers in the other form.
  const form = stream ? 'json' : 'sse';
  test(`answered as ${form}${how}`, (t) => matrix.run(t, `answered as ${form}${how}`, async (client, upstream) => {
    const reply = await open(client, upstream, `answer=${form}~tokens=5~thoughts=3`).say({ content: 'Hello', stream });
    assert.equal(reply.text, 'A gateway stands between ');
    assert.equal(reply.finish, 'stop');
  }, { isTranslated: true }));
}

// Results with pictures, in the words of each client; Chat Completions has none.
const pictureResults = {
  responses: (reply) => [...reply.history, ...reply.native, {
    type: 'function_call_output', call_id: reply.calls[0].id,
    output: [
      { type: 'input_text', text: 'see' },
      { type: 'input_image', image_url: `data:image/png;base64,${png}`, detail: 'auto' },
    ],
  }],
  anthropic: (reply) => [...reply.history, { role: 'assistant', content: reply.native }, {
    role: 'user',
    content: [{
      type: 'tool_result', tool_use_id: reply.calls[0].id,
      content: [
        { type: 'text', text: 'see' },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } },
      ],
    }],
  }],
  gemini: (reply) => [...reply.history, reply.native, {
    role: 'user',
    parts: [{
      functionResponse: {
        id: reply.calls[0].id, name: reply.calls[0].name, response: { output: 'see' },
        parts: [{ inlineData: { mimeType: 'image/png', data: png } }],
      },
    }],
  }],
};

test('a picture in a result', (t) => matrix.run(t, 'a picture in a result', async (client, upstream) => {
  const c = open(client, upstream, 'kind=tool~echo=1');
  const first = await c.say({ content: 'Weather?', tools });
  const { text } = await c.say({ history: pictureResults[client](first), tools });
  const receipt = JSON.parse(text);
  assert.ok(receipt.results.includes('see'), text);
  assert.deepEqual(receipt.media.map((media) => media.split(' ').slice(0, 2)),
    [['image/png', String(Buffer.from(png, 'base64').length)]]);
}, { only: Object.keys(pictureResults) }));

// A tool that takes any text: where the provider knows none, it is a function with one member, and comes back as it was.
test('a free-form tool', (t) => matrix.run(t, 'a free-form tool', async (client, upstream) => {
  const input = '*** Begin Patch\n"ä" \\ \t\n';
  const args = encodeURIComponent(JSON.stringify({ input }));
  const c = open(client, upstream, `tool=apply_patch~args=${args}~echo=1`, thinkingModels[upstream]);
  const custom = [{ type: 'custom', name: 'apply_patch', description: 'Changes files.' }];
  for (const stream of [false, true]) {
    const first = await c.say({ content: 'Patch it.', stream, extra: { tools: custom } });
    const call = first.native.find(({ type }) => type === 'custom_tool_call');
    assert.deepEqual([call?.name, call?.input], ['apply_patch', input]);
    const output = { type: 'custom_tool_call_output', call_id: call.call_id, output: 'patched' };
    const second = await c.say({ history: [...first.history, ...first.native, output], stream, extra: { tools: custom } });
    assert.deepEqual(JSON.parse(second.text).results, ['patched']);
  }
}, { isTranslated: true, only: ['responses'] }));

test('a forced tool', (t) => matrix.run(t, 'a forced tool', async (client, upstream) => {
  const reply = await open(client, upstream, '').say({ content: 'Weather?', tools, choice: 'required' });
  assert.deepEqual(reply.calls.map(({ name }) => name), ['get_weather']);
  assert.equal(reply.finish, 'calls');
}));

test('limits and sampling', (t) => matrix.run(t, 'limits and sampling', async (client, upstream) => {
  const c = open(client, upstream, '');
  const reply = await c.say({ content: 'Hello', maxTokens: 1321, temperature: 0.5 });
  const [body] = await c.bodies();
  const config = body.generationConfig ?? {};
  const limit = body.max_completion_tokens ?? body.max_tokens ?? body.max_output_tokens ?? config.maxOutputTokens;
  const temperature = body.temperature ?? config.temperature;
  assert.equal(limit, 1321);
  // Only the model that takes no sampling goes without, and the client is told.
  if (temperature === undefined) {
    assert.equal(upstream, 'responses');
    assert.ok(reply.warnings.some((warning) => /^dropped:.*temperature$/.test(warning)), String(reply.warnings));
  } else {
    assert.equal(temperature, 0.5);
  }
}));

for (const status of [400, 401, 403, 404, 429, 500, 529]) {
  for (const stream of [false, true]) {
    const feature = `status ${status}${stream ? ', stream' : ''}`;
    test(feature, (t) => matrix.run(t, feature, async (client, upstream) => {
      const c = open(client, upstream, `status=${status}`);
      const [type, expected] = sdkClients[client].error[status];
      await assert.rejects(c.say({ content: 'Hello', stream }), (error) => {
        assert.ok(error instanceof type, `${error.constructor.name} ${error.status}: ${error.message}`);
        assert.equal(error.status, expected);
        assert.ok(error.message.length > 10);
        return true;
      });
      assert.equal((await c.seen()).length, 1, 'one request is one attempt');
      // Five failures in a row, and nobody would be asked any more.
      if (status >= 500) await open(client, upstream, '').say({ content: 'Hello' });
    }, { isTranslated: [401, 529].includes(status) }));
  }
}

test('count tokens', (t) => matrix.run(t, 'count tokens', async (client, upstream) => {
  const c = open(client, upstream, '');
  const ask = { system: 'Be brief.', content: 'What is the weather in Paris?', tools };
  const { n, warnings } = await sdkClients[client].count(c.sdk, upstreamModels[upstream], ask);
  const seen = await c.seen();
  if (upstream === 'chat') {
    assert.equal(seen.length, 0, 'nobody there counts');
    assert.ok(n > 5 && n < 1000, String(n));
    assert.ok(!warnings || warnings.includes('estimated:input_tokens'), String(warnings));
  } else {
    assert.equal(n, Math.ceil(seen[0].body_length / 4));
    assert.match(seen[0].target, /count_tokens|input_tokens|countTokens/);
  }
}, { only: clientNames.filter((name) => sdkClients[name].count) }));

// What goes wrong behind the head of the answer must end in the SDK's own error, and nothing may look like an end.
const faults = ['error=6', 'cut=6', 'reset=6', 'hang=6', 'badevent=6~cut=6'];
for (const fault of faults) {
  test(`in the middle: ${fault}`, (t) => matrix.run(t, fault, async (client, upstream) => {
    const c = open(client, upstream, `${fault}~tokens=20~pace=8`);
    let text = 0;
    let hasEnd = false;
    await assert.rejects(within(8000, 'end', (async () => {
      for await (const event of c.events({ content: 'Hello' })) {
        text++;
        hasEnd = hasEnd || sdkClients[client].isEnd(event);
      }
    })()), (error) => !/^no end within/.test(error.message));
    assert.ok(!hasEnd, 'an end was made up');
    assert.ok(text > 0, 'what had arrived before got lost');
  }));
}

// Of Chat a reason for the end is one, whether or not the last event follows; Gemini has no other end than that of the
// body.
test('no last event', (t) => matrix.run(t, 'no last event', async (client, upstream) => {
  const answer = open(client, upstream, 'nodone=1~tokens=5~pace=8').say({ content: 'Hello', stream: true });
  if (upstream === 'responses' || upstream === 'anthropic') {
    await assert.rejects(answer, (error) => !/^no answer within/.test(error.message));
  } else {
    const { text, finish } = await answer;
    assert.deepEqual([text, finish], ['A gateway stands between ', 'stop']);
  }
}, { isTranslated: true }));

test('abort closes the upstream', (t) => matrix.run(t, 'abort', async (client, upstream) => {
  const c = open(client, upstream, 'tokens=1000~pace=20');
  const controller = new AbortController();
  await assert.rejects(async () => {
    for await (const _ of c.events({ content: 'Hello', signal: controller.signal })) {
      controller.abort();
    }
    throw controller.signal.reason; // some SDKs end quietly
  });
  const request = await stack.simulator.waitRequest(c.key, ({ outcome }) => outcome !== 'open');
  assert.equal(request.outcome, 'aborted');
}));

test('every pair has been tried', () => {
  assert.equal(clientNames.length * upstreamNames.length, 16);
});

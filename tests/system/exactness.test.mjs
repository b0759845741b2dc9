// SPDX-License-Identifier: MIT
// Bytes in, bytes out: what the client sends arrives at the upstream as it was but for the splices that configuration
// asks for, and what the upstream answers arrives at the client as it was and when it was.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  dialectNames, dialects, modelRequest, parseResponse, requestBytes, Stack, startRecorder, uniqueKey, Wire,
} from './kit/kit.mjs';
import { random, randomBody } from './kit/random_json.mjs';
import { simulatorConfig } from './kit/stack.mjs';

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const rounds = Number(process.env.ROUNDS ?? 25);
let stack;
let recorder;
before(async () => {
  stack = await Stack.start({
    config: (simulator) => {
      const base = simulatorConfig(simulator.url);
      const renamed = ['claude', 'gpt', 'chat', 'gemini'].map((name, i) => ({
        ...base.models[i], id: `renamed-${name}`, upstream_model: `m-${name}`,
      }));
      return { models: [...base.models, ...renamed], model_redirects: redirects };
    },
  });
});
const redirects = {
  'alias-claude': 'm-claude', 'alias-gpt': 'm-gpt', 'alias-chat': 'm-chat', 'alias-gemini': 'm-gemini',
};
after(async () => {
  await stack?.stop();
  await recorder?.stop();
});

const suffix = { anthropic: 'claude', responses: 'gpt', chat: 'chat', gemini: 'gemini' };
const bodyDialects = ['anthropic', 'chat', 'responses'];

function assertSameBytes(actual, expected) {
  if (!actual.equals(expected)) {
    const at = actual.findIndex((byte, i) => byte !== expected[i]);
    const from = Math.max(0, (at < 0 ? Math.min(actual.length, expected.length) : at) - 40);
    const show = (bytes) => JSON.stringify(bytes.subarray(from, from + 100).toString('latin1'));
    assert.fail(`seed ${seed}: bytes differ near ${from}: ${show(actual)} instead of ${show(expected)}`);
  }
}

async function sentUpstream(name, bytes, options = {}) {
  const key = uniqueKey('tokens=2');
  const response = await stack.gateway.call(modelRequest(name, { key, body: bytes, ...options }));
  assert.equal(response.status, 200, `seed ${seed}: ${response.text}\n${bytes}`);
  return stack.simulator.bodyOf(key);
}

test('a request body arrives as it was', async (t) => {
  for (const name of bodyDialects) {
    await t.test(name, async () => {
      const rng = random(seed);
      for (let i = 0; i < rounds; i++) {
        const model = rng.pick([`"${dialects[name].model}"`, `"${dialects[name].model.replace('m-', 'm\\u002d')}"`]);
        const { bytes } = randomBody(rng, [['model', model]]);
        assertSameBytes(await sentUpstream(name, bytes), bytes);
      }
    });
  }
  await t.test('gemini', async () => {
    const rng = random(seed + 1);
    for (let i = 0; i < rounds; i++) {
      const { bytes } = randomBody(rng, []);
      assertSameBytes(await sentUpstream('gemini', bytes), bytes);
    }
  });
  await t.test('/v1/messages/count_tokens', async () => {
    const rng = random(seed + 2);
    const { bytes } = randomBody(rng, [['model', '"m-claude"']]);
    assertSameBytes(await sentUpstream('anthropic', bytes, { path: '/v1/messages/count_tokens' }), bytes);
  });
  await t.test('a megabyte of it', async () => {
    const rng = random(seed + 3);
    const parts = Array.from({ length: 2000 }, () => randomBody(rng, []).bytes.toString());
    const bytes = Buffer.from(`{"messages":[${parts.join(',')}],"model":"m-chat"}`);
    assert.ok(bytes.length > 300_000);
    assertSameBytes(await sentUpstream('chat', bytes), bytes);
  });
});

test('a new name for the model changes the name and nothing else', async (t) => {
  for (const [how, prefix] of [['model_redirects', 'alias-'], ['upstream_model', 'renamed-']]) {
    for (const name of bodyDialects) {
      await t.test(`${how}, ${name}`, async () => {
        const rng = random(seed + 4);
        for (let i = 0; i < rounds; i++) {
          const { bytes, spans } = randomBody(rng, [['model', `"${prefix}${suffix[name]}"`]]);
          const { start, length } = spans.model;
          const expected = Buffer.concat([
            bytes.subarray(0, start), Buffer.from(`"m-${suffix[name]}"`), bytes.subarray(start + length),
          ]);
          assertSameBytes(await sentUpstream(name, bytes), expected);
        }
      });
    }
    await t.test(`${how}, gemini: in the path`, async () => {
      const { bytes } = randomBody(random(seed + 5), []);
      const key = uniqueKey('tokens=2');
      const request = modelRequest('gemini', { key, body: bytes, model: `${prefix}gemini` });
      assert.equal((await stack.gateway.call(request)).status, 200);
      const [seen] = await stack.simulator.requests({ key });
      assert.equal(seen.target, '/v1beta/models/m-gemini:generateContent');
      assertSameBytes(await stack.simulator.bodyOf(key), bytes);
    });
  }
});

test('what configuration adds to a body leaves the rest as it was', async (t) => {
  const adding = await Stack.start({
    config: (simulator) => {
      const base = simulatorConfig(simulator.url);
      const levels = { 'm-claude': 'low', 'm-gpt': 'high', 'm-chat': 'medium', 'm-gemini': 'low' };
      return {
        system_prompt: 'A "prompt"\nof two lines: é',
        models: [
          ...base.models,
          ...base.models.map((model) => ({
            ...model, id: `level-${model.id}`, upstream_model: model.id, reasoning: levels[model.id],
          })),
          ...base.models.map((model) => ({
            ...model, id: `off-${model.id}`, upstream_model: model.id, reasoning: 'off',
          })),
          ...base.models.map((model) => ({ ...model, id: `fast-${model.id}`, upstream_model: model.id, fast: true })),
        ],
      };
    },
  });
  const prompt = adding.config.system_prompt;
  const marker = '"number" : 12345678901234567890.10 , "same":1, "same" : [ 1E0 ,\t"\\u0041\\/" ]';
  const send = async (name, given, model = dialects[name].model) => {
    const key = uniqueKey('tokens=2');
    const members = name === 'gemini' ? given : { model, ...given };
    const body = `{ ${marker},${JSON.stringify(members).slice(1)}`;
    const response = await adding.gateway.call(modelRequest(name, { key, body, model }));
    assert.equal(response.status, 200, response.text);
    const sent = (await adding.simulator.bodyOf(key)).toString();
    assert.ok(sent.includes(marker), `the client's own members were rewritten: ${sent}`);
    return { sent: JSON.parse(sent), headers: (await adding.simulator.requests({ key }))[0].headers };
  };
  const textOfMessage = (content) => (typeof content === 'string' ? content : content.map((p) => p.text).join(''));
  const user = { role: 'user', content: 'Hello' };
  try {
    await t.test('system_prompt goes before the client\'s own', async () => {
      const claude = (await send('anthropic', { max_tokens: 9, system: 'Mine', messages: [user] })).sent;
      const system = textOfMessage(claude.system);
      assert.ok(system.startsWith(prompt) && system.endsWith('Mine'), system);
      const blocks = (await send('anthropic', { system: [{ type: 'text', text: 'Mine' }], messages: [user] })).sent;
      assert.equal(blocks.system.length, 2);
      assert.equal(blocks.system[0].text, prompt);
      assert.equal(blocks.system[1].text, 'Mine');

      const chat = (await send('chat', { messages: [{ role: 'system', content: 'Mine' }, user] })).sent;
      assert.ok(textOfMessage(chat.messages[0].content).startsWith(prompt));
      assert.equal(chat.messages[0].role, 'system');
      assert.deepEqual(chat.messages.at(-1), user);
      assert.ok(JSON.stringify(chat.messages).includes('Mine'));

      const responses = (await send('responses', { instructions: 'Mine', input: 'Hello' })).sent;
      assert.ok(responses.instructions.startsWith(prompt) && responses.instructions.endsWith('Mine'));

      const contents = [{ role: 'user', parts: [{ text: 'Hello' }] }];
      const gemini = (await send('gemini', { systemInstruction: { parts: [{ text: 'Mine' }] }, contents })).sent;
      const texts = gemini.systemInstruction.parts.map((part) => part.text).join('');
      assert.ok(texts.startsWith(prompt) && texts.endsWith('Mine'), texts);
    });
    await t.test('system_prompt where the client has none', async () => {
      const claude = (await send('anthropic', { max_tokens: 9, messages: [user] })).sent;
      assert.equal(textOfMessage(claude.system), prompt);
      const chat = (await send('chat', { messages: [user] })).sent;
      assert.equal(textOfMessage(chat.messages[0].content), prompt);
      assert.equal(chat.messages.length, 2);
      const responses = (await send('responses', { input: 'Hello' })).sent;
      assert.equal(responses.instructions, prompt);
      const gemini = (await send('gemini', { contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] })).sent;
      assert.equal(gemini.systemInstruction.parts[0].text, prompt);
    });
    await t.test('a reasoning level', async () => {
      const claude = (await send('anthropic', { max_tokens: 100, messages: [user] }, 'level-m-claude')).sent;
      assert.equal(claude.model, 'm-claude');
      assert.deepEqual(claude.thinking, { type: 'enabled', budget_tokens: 4096 });
      assert.ok(claude.max_tokens > 4096, `max_tokens ${claude.max_tokens}`);
      const responses = (await send('responses', { input: 'Hello' }, 'level-m-gpt')).sent;
      assert.deepEqual(responses.reasoning, { effort: 'high', summary: 'auto' });
      const chat = (await send('chat', { messages: [user] }, 'level-m-chat')).sent;
      assert.equal(chat.reasoning_effort, 'medium');
      const gemini = (await send('gemini', { contents: [] }, 'level-m-gemini')).sent;
      assert.equal(gemini.generationConfig.thinkingConfig.thinkingBudget, 4096);
    });
    await t.test('reasoning off removes what the client asked for', async () => {
      const thinking = { type: 'enabled', budget_tokens: 2000 };
      const claude = (await send('anthropic', { max_tokens: 9, thinking, messages: [user] }, 'off-m-claude')).sent;
      assert.equal(claude.thinking, undefined);
      const responses = (await send('responses', { reasoning: { effort: 'high' }, input: 'x' }, 'off-m-gpt')).sent;
      assert.equal(responses.reasoning, undefined);
      const chat = (await send('chat', { reasoning_effort: 'high', messages: [user] }, 'off-m-chat')).sent;
      assert.equal(chat.reasoning_effort, undefined);
    });
    await t.test('fast asks for priority, but not over the client\'s own wish', async () => {
      assert.equal((await send('responses', { input: 'x' }, 'fast-m-gpt')).sent.service_tier, 'priority');
      const own = (await send('responses', { service_tier: 'flex', input: 'x' }, 'fast-m-gpt')).sent;
      assert.equal(own.service_tier, 'flex');
    });
  } finally {
    await adding.stop();
  }
});

test('an answer leaves as it came', async (t) => {
  recorder = await startRecorder(stack.simulator.port);
  const recorded = await Stack.start({ config: () => simulatorConfig(recorder.url) });
  // The endpoints of this stack go to the first stack's simulator, through the recorder.
  const exchange = async (name, directives, options) => {
    recorder.take();
    const response = await recorded.gateway.call(modelRequest(name, { key: uniqueKey(directives), ...options }));
    const [{ received }] = recorder.take();
    return { response, upstream: parseResponse(received) };
  };
  // A chat client that has not asked for usage does not get the event that tells of it, although it was asked for.
  const withoutUsage = (body) => Buffer.from(body.toString('latin1').replace(/data: \{[^\n]*"choices":\[\],"usage":\{[^\n]*\n\r?\n/, ''), 'latin1');
  const kinds = ['kind=text~tokens=30', 'kind=reasoning~tokens=9', 'kind=tool', 'kind=tools', 'kind=refusal'];
  const shapes = ['', 'split=1', 'split=7~pace=1~tokens=3', 'crlf=1', 'giant=1000000', 'pace=2', 'close=1', 'interim=1',
    'nousage=1'];
  try {
    for (const name of dialectNames) {
      await t.test(`${name}: streams`, async () => {
        for (const directives of [...kinds, ...shapes]) {
          const { response, upstream } = await exchange(name, directives, { stream: true });
          assert.equal(response.status, 200, directives);
          assertSameBytes(response.body, name === 'chat' ? withoutUsage(upstream.body) : upstream.body);
          assert.ok(response.body.length > 0 && response.isComplete, directives);
          assert.equal(response.header('content-type'), upstream.header('content-type'));
        }
      });
      await t.test(`${name}: whole answers`, async () => {
        for (const directives of [...kinds, 'split=1', 'close=1', 'interim=1', 'giant=3000000']) {
          const { response, upstream } = await exchange(name, directives);
          assert.equal(response.status, 200, directives);
          assertSameBytes(response.body, upstream.body);
          assert.ok(response.body.length > 0 && response.isComplete, directives);
          assert.equal(response.header('content-type'), upstream.header('content-type'));
        }
      });
      await t.test(`${name}: the client's mistakes, as the upstream words them`, async () => {
        for (const status of [400, 404, 413, 422]) {
          const { response, upstream } = await exchange(name, `status=${status}`);
          assert.equal(response.status, status);
          assertSameBytes(response.body, upstream.body);
        }
      });
    }
    await t.test('gemini: a JSON array without alt=sse', async () => {
      const path = '/v1beta/models/m-gemini:streamGenerateContent';
      const { response, upstream } = await exchange('gemini', 'tokens=5~pace=2', { path });
      assert.equal(response.status, 200);
      assertSameBytes(response.body, upstream.body);
      assert.ok(Array.isArray(response.json));
    });
  } finally {
    await recorded.stop();
  }
});

test('an event leaves when it comes', async (t) => {
  for (const name of dialectNames) {
    await t.test(`${name}: all that was sent is there while the upstream is silent`, async () => {
      for (const n of [1, 2, 7]) {
        const key = uniqueKey(`tokens=50~hang=${n}`);
        const wire = await Wire.connect(stack.port);
        wire.send(requestBytes(modelRequest(name, { key, stream: true, close: false })));
        const response = await wire.head();
        assert.equal(response.status, 200);
        let seen = 0;
        for await (const event of wire.events(response)) {
          if (event.data !== undefined && ++seen === n) {
            break;
          }
        }
        assert.equal(seen, n); // nothing follows, so nothing can have pushed them out
        wire.close();
      }
    });
    await t.test(`${name}: event k is here before event k+1 is sent`, async () => {
      const wire = await Wire.connect(stack.port);
      const key = uniqueKey('tokens=12~pace=80~stamp=1');
      wire.send(requestBytes(modelRequest(name, { key, stream: true })));
      const response = await wire.head();
      const stamped = [];
      for await (const { data, at } of wire.events(response)) {
        const text = data === undefined || data === '[DONE]' ? undefined : dialects[name].textOf(JSON.parse(data));
        const stamp = /\d{9,}/.exec(text ?? '');
        if (stamp) {
          stamped.push({ sent: BigInt(stamp[0]), at });
        }
      }
      assert.ok(stamped.length >= 12);
      assert.ok(stamped.every(({ sent, at }) => sent <= at), 'the clocks differ');
      const inTime = stamped.slice(1).filter(({ sent }, i) => stamped[i].at < sent).length;
      const delays = stamped.map(({ sent, at }) => Number(at - sent) / 1e6).sort((a, b) => a - b);
      t.diagnostic(`${name}: delay of an event, simulator to client, sanitized build: `
        + `${delays[delays.length >> 1].toFixed(2)} ms median, ${delays.at(-1).toFixed(2)} ms at most`);
      // Who holds an event back until the next one comes is never in time; a busy machine makes one late now and then.
      assert.ok(inTime >= (stamped.length - 1) / 3, `${inTime} of ${stamped.length - 1} in time`);
    });
  }
  await t.test('the first event comes soon after it was sent', async () => {
    const delays = [];
    for (let i = 0; i < 20; i++) {
      const wire = await Wire.connect(stack.port);
      const key = uniqueKey('tokens=3~pace=20~stamp=1');
      wire.send(requestBytes(modelRequest('chat', { key, stream: true, close: false })));
      for await (const { data, at } of wire.events(await wire.head())) {
        const stamp = /"(?:content)":"\D*(\d{9,})/.exec(data ?? '');
        if (stamp) {
          delays.push(Number(at - BigInt(stamp[1])) / 1e6);
          break;
        }
      }
      wire.close();
    }
    delays.sort((a, b) => a - b);
    assert.equal(delays.length, 20);
    t.diagnostic(`first event: ${delays[10].toFixed(2)} ms median, ${delays[18].toFixed(2)} ms p90`);
    assert.ok(delays[0] <= 5, `at best ${delays[0]} ms`);
  });
});

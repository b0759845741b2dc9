// SPDX-License-Identifier: MIT
// The official `@anthropic-ai/sdk` package as its users use it: default settings, an address and a key.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { assertAbortsSoon, Stack, uniqueKey } from './kit/kit.mjs';

let stack;
let guarded; // a gateway that asks for an access key
before(async () => {
  stack = await Stack.start();
  guarded = await Stack.start({ env: { API_ACCESS_KEY: 'gate-key', FACTORY_API_KEY: 'upstream-key' } });
});
after(async () => {
  await stack?.stop();
  await guarded?.stop();
});

const client = (directives, options = {}) =>
  new Anthropic({ apiKey: uniqueKey(directives), baseURL: stack.url, ...options });
const ask = {
  model: 'm-claude', max_tokens: 256, messages: [{ role: 'user', content: 'What is the weather in Paris?' }],
};
const input_schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const tools = [{ name: 'get_weather', description: 'Weather of a city', input_schema }];
const textOf = (message) => message.content.filter(({ type }) => type === 'text').map(({ text }) => text).join('');

test('messages', async (t) => {
  await t.test('create', async () => {
    const message = await client('tokens=7').messages.create(ask);
    assert.equal(message.type, 'message');
    assert.ok(textOf(message).length > 0);
    assert.equal(message.stop_reason, 'end_turn');
    assert.equal(message.usage.output_tokens, 7);
    assert.equal(message.usage.cache_read_input_tokens, 3);
    assert.equal(message.usage.cache_creation_input_tokens, 2);
  });
  await t.test('create with stream: true', async () => {
    const types = [];
    for await (const event of await client('tokens=5~pace=5').messages.create({ ...ask, stream: true })) {
      types.push(event.type);
    }
    assert.equal(types[0], 'message_start');
    assert.equal(types.at(-1), 'message_stop');
    assert.equal(types.filter((type) => type === 'content_block_delta').length, 5);
  });
  await t.test('stream helper', async () => {
    let seen = '';
    const stream = client('tokens=9~pace=2').messages.stream(ask).on('text', (delta) => (seen += delta));
    const message = await stream.finalMessage();
    assert.equal(seen, textOf(message));
    assert.equal(message.stop_reason, 'end_turn');
    assert.equal(message.usage.output_tokens, 9);
  });
  for (const [kind, n] of [['tool', 1], ['tools', 2]]) {
    const check = (message) => {
      const calls = message.content.filter(({ type }) => type === 'tool_use');
      assert.equal(message.stop_reason, 'tool_use');
      assert.equal(calls.length, n);
      assert.equal(new Set(calls.map(({ id }) => id)).size, n);
      for (const call of calls) {
        assert.equal(call.name, 'get_weather');
        assert.equal(typeof call.input.city, 'string');
      }
    };
    await t.test(`kind=${kind}, create`, async () => check(await client(`kind=${kind}`).messages.create({ ...ask, tools })));
    await t.test(`kind=${kind}, stream`, async () =>
      check(await client(`kind=${kind}`).messages.stream({ ...ask, tools }).finalMessage()));
  }
  const thinking = { type: 'enabled', budget_tokens: 1024 };
  await t.test('thinking', async () => {
    const message = await client('kind=reasoning').messages.create({ ...ask, max_tokens: 2048, thinking });
    const [block] = message.content;
    assert.equal(block.type, 'thinking');
    assert.ok(block.thinking.length > 0 && block.signature.length > 0);
    assert.ok(textOf(message).length > 0);
  });
  await t.test('thinking, stream', async () => {
    let seen = '';
    const stream = client('kind=reasoning~pace=1').messages.stream({ ...ask, max_tokens: 2048, thinking });
    stream.on('thinking', (delta) => (seen += delta));
    const message = await stream.finalMessage();
    assert.equal(message.content[0].type, 'thinking');
    assert.equal(message.content[0].thinking, seen);
    assert.ok(seen.length > 0 && message.content[0].signature.length > 0);
  });
  await t.test('beta messages', async () => {
    const message = await client().beta.messages.create({ ...ask, betas: ['a-beta-2026-01-01', 'another'] });
    assert.ok(textOf(message).length > 0);
  });
});

test('count tokens', async () => {
  const { input_tokens: n } = await client().messages.countTokens({ model: ask.model, messages: ask.messages });
  assert.ok(Number.isInteger(n) && n > 0);
});

test('models', async (t) => {
  await t.test('list', async () => {
    const ids = [];
    for await (const model of client().models.list({ limit: 1000 })) {
      assert.equal(model.type, 'model');
      assert.ok(model.display_name.length > 0);
      assert.ok(!Number.isNaN(Date.parse(model.created_at)));
      ids.push(model.id);
    }
    assert.ok(ids.includes('m-claude'));
    assert.equal(new Set(ids).size, ids.length);
  });
  await t.test('retrieve', async () => {
    const model = await client().models.retrieve('m-claude');
    assert.deepEqual([model.id, model.type, model.display_name], ['m-claude', 'model', 'Claude']);
  });
  await t.test('retrieve an unknown one', async () => {
    await assert.rejects(client().models.retrieve('unknown'), Anthropic.NotFoundError);
  });
});

test('error classes', async (t) => {
  const upstream = [
    [400, Anthropic.BadRequestError], [401, Anthropic.AuthenticationError], [403, Anthropic.PermissionDeniedError],
    [404, Anthropic.NotFoundError], [409, Anthropic.ConflictError], [422, Anthropic.UnprocessableEntityError],
    [429, Anthropic.RateLimitError], [500, Anthropic.InternalServerError], [529, Anthropic.InternalServerError],
  ];
  for (const [status, type] of upstream) {
    await t.test(`upstream ${status}`, async () => {
      await assert.rejects(client(`status=${status}`, { maxRetries: 0 }).messages.create(ask), (error) => {
        assert.ok(error instanceof type, `${error.constructor.name} ${error.status}`);
        assert.equal(error.status, status);
        assert.equal(error.error.type, 'error');
        return true;
      });
    });
  }
  await t.test('unknown model', async () => {
    await assert.rejects(client().messages.create({ ...ask, model: 'unknown' }), (error) => {
      assert.ok(error instanceof Anthropic.NotFoundError);
      assert.equal(error.error.error.type, 'not_found_error');
      return true;
    });
  });
  for (const [how, options] of [['apiKey', { apiKey: 'wrong' }], ['authToken', { authToken: 'wrong', apiKey: null }]]) {
    await t.test(`wrong access key as ${how}`, async () => {
      const wrong = new Anthropic({ ...options, baseURL: guarded.url });
      await assert.rejects(wrong.messages.create(ask), (error) => {
        assert.ok(error instanceof Anthropic.AuthenticationError);
        assert.equal(error.error.error.type, 'authentication_error');
        return true;
      });
    });
    await t.test(`right access key as ${how}`, async () => {
      const right = Object.fromEntries(Object.entries(options).map(([name, value]) => [name, value && 'gate-key']));
      const message = await new Anthropic({ ...right, baseURL: guarded.url }).messages.create(ask);
      assert.ok(textOf(message).length > 0);
    });
  }
  await t.test('its own retries meet a healed upstream', async () => {
    const message = await client('status=529~retry-after=0~fail=1').messages.create(ask);
    assert.ok(textOf(message).length > 0);
  });
  await t.test('a stream that is cut is an error, and not an end', async () => {
    await assert.rejects(client('tokens=20~cut=5').messages.stream(ask).finalMessage(), Anthropic.AnthropicError);
  });
});

test('abort closes the upstream', async (t) => {
  await t.test('stream', (t) => assertAbortsSoon(t, stack.simulator, 'tokens=1000~pace=20', async (key) => {
    const controller = new AbortController();
    const anthropic = new Anthropic({ apiKey: key, baseURL: stack.url });
    const stream = await anthropic.messages.create({ ...ask, stream: true }, { signal: controller.signal });
    const events = stream[Symbol.asyncIterator]();
    await events.next();
    await events.next();
    return () => controller.abort();
  }));
  await t.test('stream helper', (t) => assertAbortsSoon(t, stack.simulator, 'tokens=1000~pace=20', async (key) => {
    const stream = new Anthropic({ apiKey: key, baseURL: stack.url }).messages.stream(ask);
    stream.done().catch(() => {});
    await stream.emitted('text');
    return () => stream.abort();
  }));
  await t.test('before any answer', (t) => assertAbortsSoon(t, stack.simulator, 'hang=before', async (key) => {
    const controller = new AbortController();
    const anthropic = new Anthropic({ apiKey: key, baseURL: stack.url });
    anthropic.messages.create(ask, { signal: controller.signal }).catch(() => {});
    await stack.simulator.waitRequest(key);
    return () => controller.abort();
  }));
});

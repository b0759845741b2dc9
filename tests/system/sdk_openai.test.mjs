// SPDX-License-Identifier: MIT
// The official `openai` package as its users use it: default settings, an address and a key.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
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
  new OpenAI({ apiKey: uniqueKey(directives), baseURL: `${stack.url}/v1`, ...options });
const messages = [{ role: 'user', content: 'What is the weather in Paris?' }];
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const chatTools = [{ type: 'function', function: { name: 'get_weather', parameters } }];
const responseTools = [{ type: 'function', name: 'get_weather', parameters, strict: false }];

test('chat completions', async (t) => {
  const model = 'm-chat';
  await t.test('create', async () => {
    const completion = await client('tokens=7').chat.completions.create({ model, messages });
    assert.equal(completion.object, 'chat.completion');
    assert.ok(completion.choices[0].message.content.length > 0);
    assert.equal(completion.choices[0].finish_reason, 'stop');
    assert.equal(completion.usage.completion_tokens, 7);
    assert.match(completion._request_id, /^[0-9a-f-]{36}$/);
  });
  await t.test('stream', async () => {
    const stream = await client('tokens=9~pace=5').chat.completions.create({
      model, messages, stream: true, stream_options: { include_usage: true },
    });
    const parts = [];
    let usage;
    let reason;
    for await (const chunk of stream) {
      parts.push(chunk.choices[0]?.delta?.content ?? '');
      reason = chunk.choices[0]?.finish_reason ?? reason;
      usage = chunk.usage ?? usage;
    }
    assert.ok(parts.filter(Boolean).length >= 9);
    assert.equal(reason, 'stop');
    assert.equal(usage.completion_tokens, 9);
  });
  await t.test('stream helper', async () => {
    const stream = client('tokens=4~pace=2').chat.completions.stream({ model, messages });
    let seen = '';
    stream.on('content', (delta) => (seen += delta));
    const text = await stream.finalContent();
    assert.ok(text.length > 0);
    assert.equal(seen, text);
  });
  for (const [kind, n] of [['tool', 1], ['tools', 2]]) {
    const check = (message, reason) => {
      assert.equal(reason, 'tool_calls');
      assert.equal(message.tool_calls.length, n);
      assert.equal(new Set(message.tool_calls.map((call) => call.id)).size, n);
      for (const call of message.tool_calls) {
        assert.equal(call.function.name, 'get_weather');
        assert.equal(typeof JSON.parse(call.function.arguments).city, 'string');
      }
    };
    await t.test(`kind=${kind}, create`, async () => {
      const { choices } = await client(`kind=${kind}`).chat.completions.create({ model, messages, tools: chatTools });
      check(choices[0].message, choices[0].finish_reason);
    });
    await t.test(`kind=${kind}, stream`, async () => {
      const stream = client(`kind=${kind}`).chat.completions.stream({ model, messages, tools: chatTools });
      const { choices } = await stream.finalChatCompletion();
      check(choices[0].message, choices[0].finish_reason);
    });
  }
  await t.test('reasoning', async () => {
    const { usage, choices } = await client('kind=reasoning~tokens=5').chat.completions.create({ model, messages });
    assert.ok(choices[0].message.content.length > 0);
    assert.equal(usage.completion_tokens_details.reasoning_tokens, 10);
  });
});

test('responses', async (t) => {
  const model = 'm-gpt';
  const input = 'What is the weather in Paris?';
  await t.test('create', async () => {
    const response = await client('tokens=7').responses.create({ model, input });
    assert.equal(response.status, 'completed');
    assert.ok(response.output_text.length > 0);
    assert.equal(response.usage.output_tokens, 7);
  });
  await t.test('stream', async () => {
    const stream = await client('tokens=6~pace=5').responses.create({ model, input, stream: true });
    let text = '';
    let last;
    for await (const event of stream) {
      text += event.type === 'response.output_text.delta' ? event.delta : '';
      last = event;
    }
    assert.equal(last.type, 'response.completed');
    assert.equal(last.response.output_text ?? last.response.output[0].content[0].text, text);
  });
  await t.test('stream helper', async () => {
    const final = await client('tokens=3').responses.stream({ model, input }).finalResponse();
    assert.equal(final.status, 'completed');
    assert.ok(final.output_text.length > 0);
  });
  for (const [kind, n] of [['tool', 1], ['tools', 2]]) {
    const check = (response) => {
      const calls = response.output.filter(({ type }) => type === 'function_call');
      assert.equal(calls.length, n);
      assert.equal(new Set(calls.map((call) => call.call_id)).size, n);
      for (const call of calls) {
        assert.equal(call.name, 'get_weather');
        assert.equal(typeof JSON.parse(call.arguments).city, 'string');
      }
    };
    await t.test(`kind=${kind}, create`, async () => {
      check(await client(`kind=${kind}`).responses.create({ model, input, tools: responseTools }));
    });
    await t.test(`kind=${kind}, stream`, async () => {
      check(await client(`kind=${kind}`).responses.stream({ model, input, tools: responseTools }).finalResponse());
    });
  }
  await t.test('reasoning', async () => {
    const response = await client('kind=reasoning~tokens=5').responses.create({ model, input });
    assert.ok(response.output.some(({ type }) => type === 'reasoning'));
    assert.equal(response.usage.output_tokens_details.reasoning_tokens, 10);
  });
});

test('models', async (t) => {
  await t.test('list', async () => {
    const ids = [];
    for await (const model of client().models.list()) {
      assert.equal(model.object, 'model');
      ids.push(model.id);
    }
    assert.deepEqual(ids.sort(), ['m-chat', 'm-claude', 'm-gemini', 'm-gpt']);
  });
  await t.test('retrieve', async () => {
    assert.equal((await client().models.retrieve('m-chat')).id, 'm-chat');
  });
  await t.test('retrieve an unknown one', async () => {
    await assert.rejects(client().models.retrieve('unknown'), OpenAI.NotFoundError);
  });
});

test('error classes', async (t) => {
  const ask = (directives, model = 'm-chat', options = { maxRetries: 0 }) =>
    client(directives, options).chat.completions.create({ model, messages });
  const upstream = [
    [400, OpenAI.BadRequestError], [401, OpenAI.AuthenticationError], [403, OpenAI.PermissionDeniedError],
    [404, OpenAI.NotFoundError], [409, OpenAI.ConflictError], [422, OpenAI.UnprocessableEntityError],
    [429, OpenAI.RateLimitError], [500, OpenAI.InternalServerError], [503, OpenAI.InternalServerError],
  ];
  for (const [status, type] of upstream) {
    await t.test(`upstream ${status}`, async () => {
      await assert.rejects(ask(`status=${status}`), (error) => {
        assert.ok(error instanceof type, `${error.constructor.name} ${error.status}`);
        assert.equal(error.status, status);
        assert.ok(error.message.length > 3);
        return true;
      });
    });
  }
  await t.test('a stream that is refused', async () => {
    await assert.rejects(
      client('status=429', { maxRetries: 0 }).chat.completions.create({ model: 'm-chat', messages, stream: true }),
      OpenAI.RateLimitError);
  });
  await t.test('unknown model', async () => {
    await assert.rejects(ask('', 'unknown'), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.equal(error.code, 'model_not_found');
      assert.equal(error.type, 'invalid_request_error');
      return true;
    });
  });
  await t.test('wrong access key', async () => {
    const wrong = new OpenAI({ apiKey: 'not-the-key', baseURL: `${guarded.url}/v1` });
    await assert.rejects(wrong.chat.completions.create({ model: 'm-chat', messages }), (error) => {
      assert.ok(error instanceof OpenAI.AuthenticationError);
      assert.equal(error.code, 'invalid_api_key');
      return true;
    });
  });
  await t.test('right access key', async () => {
    const right = new OpenAI({ apiKey: 'gate-key', baseURL: `${guarded.url}/v1` });
    const { choices } = await right.chat.completions.create({ model: 'm-chat', messages });
    assert.ok(choices[0].message.content.length > 0);
  });
  await t.test('its own retries meet a healed upstream', async () => {
    const completion = await ask('status=503~retry-after=0~fail=1', 'm-chat', {});
    assert.ok(completion.choices[0].message.content.length > 0);
  });
  await t.test('a stream that is cut is an error, and not an end', async () => {
    const stream = await client('tokens=20~cut=5').chat.completions.create({ model: 'm-chat', messages, stream: true });
    await assert.rejects(async () => {
      for await (const _ of stream);
    });
    const events = await client('tokens=20~cut=5').responses.create({ model: 'm-gpt', input: 'Hello', stream: true });
    await assert.rejects(async () => {
      for await (const event of events) {
        assert.notEqual(event.type, 'response.completed');
        if (event.type === 'error' || event.type === 'response.failed') {
          throw new Error('as it should');
        }
      }
    });
  });
});

test('abort closes the upstream', async (t) => {
  for (const directives of ['tokens=1000~pace=20', 'tokens=1000~pace=1']) {
    await t.test(`chat stream, ${directives}`, (t) => assertAbortsSoon(t, stack.simulator, directives, async (key) => {
      const controller = new AbortController();
      const openai = new OpenAI({ apiKey: key, baseURL: `${stack.url}/v1` });
      const stream = await openai.chat.completions.create(
        { model: 'm-chat', messages, stream: true }, { signal: controller.signal });
      const events = stream[Symbol.asyncIterator]();
      await events.next();
      await events.next();
      return () => controller.abort();
    }));
  }
  await t.test('responses stream', (t) => assertAbortsSoon(t, stack.simulator, 'tokens=1000~pace=20', async (key) => {
    const openai = new OpenAI({ apiKey: key, baseURL: `${stack.url}/v1` });
    const stream = await openai.responses.create({ model: 'm-gpt', input: 'Hello', stream: true });
    const events = stream[Symbol.asyncIterator]();
    await events.next();
    return () => stream.controller.abort();
  }));
  await t.test('before any answer', (t) => assertAbortsSoon(t, stack.simulator, 'hang=before', async (key) => {
    const controller = new AbortController();
    const openai = new OpenAI({ apiKey: key, baseURL: `${stack.url}/v1` });
    const answer = openai.chat.completions.create({ model: 'm-chat', messages }, { signal: controller.signal });
    answer.catch(() => {});
    await stack.simulator.waitRequest(key);
    return () => controller.abort();
  }));
});

// SPDX-License-Identifier: MIT
// The official `@google/genai` package as its users use it: default settings, an address and a key.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ApiError, FunctionCallingConfigMode, GoogleGenAI } from '@google/genai';
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

const clientOf = (url, apiKey, options = {}) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url, ...options } });
const ask = { model: 'm-gemini', contents: 'What is the weather in Paris?' };
const declaration = {
  name: 'get_weather', description: 'Weather of a city',
  parametersJsonSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const toolConfig = { functionCallingConfig: { mode: FunctionCallingConfigMode.AUTO } };
const withTools = { ...ask, config: { tools: [{ functionDeclarations: [declaration] }], toolConfig } };

for (const apiVersion of ['v1beta', 'v1']) {
  const client = (directives) => clientOf(stack.url, uniqueKey(directives), { apiVersion });
  test(`models, ${apiVersion}`, async (t) => {
    await t.test('generateContent', async () => {
      const response = await client('tokens=7').models.generateContent(ask);
      assert.ok(response.text.length > 0);
      assert.equal(response.candidates[0].finishReason, 'STOP');
      assert.equal(response.usageMetadata.candidatesTokenCount, 7);
    });
    await t.test('generateContentStream', async () => {
      let text = '';
      let last;
      for await (const chunk of await client('tokens=6~pace=5').models.generateContentStream(ask)) {
        text += chunk.text ?? '';
        last = chunk;
      }
      assert.ok(text.length > 0);
      assert.equal(last.candidates[0].finishReason, 'STOP');
    });
    for (const [kind, n] of [['tool', 1], ['tools', 2]]) {
      const check = (calls) => {
        assert.equal(calls.length, n);
        for (const call of calls) {
          assert.equal(call.name, 'get_weather');
          assert.equal(typeof call.args.city, 'string');
        }
      };
      await t.test(`kind=${kind}`, async () => {
        check((await client(`kind=${kind}`).models.generateContent(withTools)).functionCalls);
      });
      await t.test(`kind=${kind}, stream`, async () => {
        const calls = [];
        for await (const chunk of await client(`kind=${kind}`).models.generateContentStream(withTools)) {
          calls.push(...(chunk.functionCalls ?? []));
        }
        check(calls);
      });
    }
    await t.test('thoughts', async () => {
      const config = { thinkingConfig: { includeThoughts: true } };
      const response = await client('kind=reasoning').models.generateContent({ ...ask, config });
      assert.ok(response.candidates[0].content.parts.some((part) => part.thought));
      assert.equal(response.usageMetadata.thoughtsTokenCount, 10);
    });
    await t.test('countTokens', async () => {
      const { totalTokens } = await client().models.countTokens(ask);
      assert.ok(Number.isInteger(totalTokens) && totalTokens > 0);
    });
    await t.test('list and get', async () => {
      const names = [];
      for await (const model of await client().models.list()) {
        names.push(model.name);
      }
      assert.ok(names.includes('models/m-gemini'), String(names));
      assert.equal((await client().models.get({ model: 'm-gemini' })).name, 'models/m-gemini');
    });
  });
}

test('errors', async (t) => {
  const fails = (promise, status) => assert.rejects(promise, (error) => {
    assert.ok(error instanceof ApiError, String(error));
    assert.equal(error.status, status);
    return true;
  });
  const client = (directives) => clientOf(stack.url, uniqueKey(directives), { retryOptions: { attempts: 1 } });
  for (const status of [400, 403, 404, 429, 500, 503]) {
    await t.test(`upstream ${status}`, () => fails(client(`status=${status}`).models.generateContent(ask), status));
  }
  await t.test('unknown model', () => fails(client().models.generateContent({ ...ask, model: 'unknown' }), 404));
  await t.test('unknown model, get', () => fails(client().models.get({ model: 'unknown' }), 404));
  await t.test('wrong access key', () => fails(clientOf(guarded.url, 'wrong').models.generateContent(ask), 401));
  await t.test('right access key', async () => {
    assert.ok((await clientOf(guarded.url, 'gate-key').models.generateContent(ask)).text.length > 0);
  });
  await t.test('a stream that is cut is an error, and not an end', async () => {
    await assert.rejects(async () => {
      for await (const _ of await client('tokens=20~cut=5').models.generateContentStream(ask));
    });
  });
});

test('abort closes the upstream', (t) => assertAbortsSoon(t, stack.simulator, 'tokens=1000~pace=20', async (key) => {
  const controller = new AbortController();
  const config = { abortSignal: controller.signal };
  const stream = await clientOf(stack.url, key).models.generateContentStream({ ...ask, config });
  await stream.next();
  await stream.next();
  return () => {
    controller.abort();
    stream.next().catch(() => {});
  };
}));

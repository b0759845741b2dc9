// SPDX-License-Identifier: MIT
// Model lists in the shape that the asking client knows, and names that need care in a path.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { modelRequest, simulatorConfig, Stack, uniqueKey } from './kit/kit.mjs';

const names = ['m-claude', 'm-gpt', 'm-chat', 'm-gemini', 'vendor/model:free', 'm-generate'];
let stack;
before(async () => {
  stack = await Stack.start({
    config: (simulator) => {
      const { models, endpoint } = simulatorConfig(simulator.url);
      return {
        models: [
          ...models,
          { id: 'vendor/model:free', name: 'Free', type: 'google', upstream_model: 'm-gemini' },
          { id: 'm-generate', name: 'Generate', type: 'google', endpoint: 'generate', upstream_model: 'm-inner' },
        ],
        endpoint: [
          ...endpoint,
          { name: 'generate', type: 'google', base_url: `${simulator.url}/api/llm/g/v1/generate` },
        ],
        model_redirects: { 'vendor/alias': 'm-gemini' },
      };
    },
  });
});
after(() => stack?.stop());

const get = (path, headers = {}) => stack.gateway.call({ path, headers });

test('OpenAI\'s shape', async () => {
  const { json } = await get('/v1/models');
  assert.equal(json.object, 'list');
  assert.deepEqual(json.data.map(({ id }) => id), names);
  for (const model of json.data) {
    assert.equal(model.object, 'model');
    assert.ok(Number.isInteger(model.created));
    assert.equal(typeof model.owned_by, 'string');
    assert.deepEqual((await get(`/v1/models/${encodeURIComponent(model.id)}`)).json, model);
  }
});

test('Anthropic\'s shape, for who sends anthropic-version', async () => {
  const headers = { 'anthropic-version': '2023-06-01' };
  const { json } = await get('/v1/models?limit=1000', headers);
  assert.deepEqual(json.data.map(({ id }) => id), names);
  assert.deepEqual([json.has_more, json.first_id, json.last_id], [false, names[0], names.at(-1)]);
  for (const model of json.data) {
    assert.equal(model.type, 'model');
    assert.equal(typeof model.display_name, 'string');
    assert.ok(!Number.isNaN(Date.parse(model.created_at)));
    assert.deepEqual((await get(`/v1/models/${encodeURIComponent(model.id)}`, headers)).json, model);
  }
});

test('Gemini\'s shape, under v1beta and for Google\'s clients', async () => {
  for (const [path, headers] of [['/v1beta/models', {}], ['/v1/models', { 'x-goog-api-key': 'any' }],
    ['/v1/models', { 'x-goog-api-client': 'google-genai-sdk/3' }]]) {
    const { json } = await get(path, headers);
    assert.deepEqual(json.models.map(({ name }) => name), names.map((id) => `models/${id}`));
    for (const model of json.models) {
      assert.equal(typeof model.displayName, 'string');
      assert.ok(model.supportedGenerationMethods.includes('generateContent'));
    }
    const one = (await get(`${path}/m-gemini`, headers)).json;
    assert.equal(one.name, 'models/m-gemini');
  }
});

test('an unknown model, in each shape', async () => {
  const openai = await get('/v1/models/unknown');
  assert.deepEqual([openai.status, openai.json.error.code], [404, 'model_not_found']);
  const anthropic = await get('/v1/models/unknown', { 'anthropic-version': '2023-06-01' });
  assert.deepEqual([anthropic.status, anthropic.json.error.type], [404, 'not_found_error']);
  const gemini = await get('/v1beta/models/unknown');
  assert.deepEqual([gemini.status, gemini.json.error.status], [404, 'NOT_FOUND']);
});

test('names with a slash or a colon in the path', async () => {
  for (const name of ['vendor/model:free', 'vendor%2Fmodel:free', 'vendor%2Fmodel%3Afree', 'vendor%2Falias', 'm%2Dgemini']) {
    const key = uniqueKey();
    const response = await stack.gateway.call(modelRequest('gemini', { key, model: name }));
    assert.equal(response.status, 200, name);
    const [seen] = await stack.simulator.requests({ key });
    assert.equal(seen.target, '/v1beta/models/m-gemini:generateContent');
  }
});

test('/v1/generate: Gemini with its model in the body', async (t) => {
  const contents = '[ {"role":"user", "parts":[{"text":"H\\u0065llo"}]} ]';
  await t.test('to an endpoint of the same kind: only the name changes', async () => {
    const key = uniqueKey();
    const response = await stack.gateway.call(modelRequest('gemini', {
      key, path: '/v1/generate', body: `{ "contents":${contents}, "model" : "m-generate" ,"n":1.0}`,
    }));
    assert.equal(response.status, 200, response.text);
    const [seen] = await stack.simulator.requests({ key });
    assert.equal(seen.target, '/api/llm/g/v1/generate');
    assert.equal((await stack.simulator.bodyOf(key)).toString(), `{ "contents":${contents}, "model" : "m-inner" ,"n":1.0}`);
  });
  await t.test('without a model, or with an unknown one', async () => {
    const ask = (body) => stack.gateway.call(modelRequest('gemini', { key: uniqueKey(), path: '/v1/generate', body }));
    assert.equal((await ask('{"contents":[]}')).status, 400);
    assert.equal((await ask('{"contents":[],"model":"unknown"}')).status, 404);
  });
});

test('a model answer says how many attempts it took', async () => {
  for (const [directives, attempts] of [['', '1'], ['status=400', '1'], ['status=429~fail=2~retry-after=0', '3']]) {
    const response = await stack.gateway.call(modelRequest('anthropic', { key: uniqueKey(directives) }));
    assert.equal(response.header('x-droid2api-attempts'), attempts);
  }
});

// SPDX-License-Identifier: MIT
// GET and PUT /admin/models: what is changed is in config.json, in force, and the rest stays as it was.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { admin, ask, askMany, waitFor, withPool } from './kit/kit.mjs';
import { inside, smallDisk } from './kit/mounts.mjs';

const put = (stack, body, options) => admin(stack.gateway, 'PUT', '/models', body, options);
const get = (stack) => admin(stack.gateway, 'GET', '/models');
const file = (stack) => stack.gateway.path('data', 'config.json');
const text = (stack) => readFileSync(file(stack), 'utf8');
const modelIds = async (stack) => (await stack.gateway.call({ path: '/v1/models' })).json.data.map(({ id }) => id);
const withModels = (run, options = {}) => withPool(['fk-one', 'fk-two'], options, run);

async function hangUp(stack) {
  const before = stack.gateway.said.split('reloaded:').length;
  stack.gateway.program.kill('SIGHUP');
  await waitFor('a reload', () => stack.gateway.said.split('reloaded:').length > before);
}

test('what is in force is shown in the form of the file', () =>
  withModels(async (stack) => {
    const { models, endpoint } = stack.config;
    assert.deepEqual(await get(stack), { models, endpoint, model_redirects: {}, proxies: [], system_prompt: '' });
  }));

test('without a file of its own, the built-in models and endpoints are shown, and may come back', () =>
  withModels(async (stack) => {
    const shown = await get(stack);
    assert.deepEqual(shown.endpoint.map(({ name }) => name), ['anthropic', 'openai', 'common', 'google']);
    assert.deepEqual(shown.models.map(({ id }) => id), await modelIds(stack));
    assert.deepEqual(await put(stack, shown), shown);
  }, { config: { models: null, endpoint: null } }));

test('of the built-in models those without an endpoint are not shown', () =>
  withModels(async (stack) => {
    const shown = await get(stack);
    assert.deepEqual(shown.models.map(({ type }) => type), ['anthropic', 'anthropic', 'anthropic']);
    assert.deepEqual(await put(stack, shown), shown);
  }, { config: { models: null, endpoint: [{ name: 'anthropic', base_url: 'http://127.0.0.1:9' }] } }));

test('a new model under traffic: no request fails, and it serves at once, and ever after', () =>
  withModels(async (stack) => {
    let isDone = false;
    const traffic = async () => {
      let n = 0;
      while (!isDone || n < 40) {
        await askMany(stack, 20, { model: n % 40 ? 'm-claude' : 'm-chat', dialect: n % 40 ? 'anthropic' : 'chat', stream: n % 3 === 0 });
        n += 20;
      }
    };
    let { models } = stack.config;
    const changes = async () => {
      for (let i = 0; i < 8; i++) {
        models = [...models, { id: `m-new-${i}`, type: 'common', upstream_model: `sim~tokens=${i + 1}` }];
        const answer = await put(stack, { models });
        assert.deepEqual(answer.models, models);
        const response = await ask(stack, { dialect: 'chat', model: `m-new-${i}` });
        assert.equal(response.status, 200, response.text);
        assert.equal(response.json.usage.completion_tokens, i + 1);
      }
    };
    await Promise.all([traffic(), changes().finally(() => (isDone = true))]);
    const written = text(stack);
    const ids = await modelIds(stack);
    assert.equal(ids.length, models.length);
    await hangUp(stack);
    assert.deepEqual(await modelIds(stack), ids);
    await stack.gateway.restart();
    assert.deepEqual(await modelIds(stack), ids);
    assert.equal((await ask(stack, { dialect: 'chat', model: 'm-new-7' })).status, 200);
    assert.equal(text(stack), written);
  }));

test('what is not given, and what nobody knows, stays as it was, byte for byte', () =>
  withModels(async (stack) => {
    const own = '{ "my_note" :  "caf\\u00e9",\n\t"user_agent": "mine/1",  "models": [ ],\n  "my_numbers": [1.0, 2e0 ] , "limits":{"max_connections":5000}\n}\n';
    writeFileSync(file(stack), own);
    await hangUp(stack);
    await put(stack, { models: [{ id: 'one', type: 'anthropic', 'x-mine': 1.50 }, { id: 'two', type: 'openai' }], system_prompt: 'Be brief.' });
    const models = '[\n    {"id":"one","type":"anthropic","x-mine":1.5},\n    {"id":"two","type":"openai"}\n  ]';
    assert.equal(text(stack), own.replace('[ ]', models).replace('5000}\n', '5000},"system_prompt":"Be brief."\n'));
    assert.equal(readFileSync(stack.gateway.path('data', 'config.json.bak'), 'utf8'), own);
    await put(stack, { system_prompt: null });
    assert.equal((await get(stack)).system_prompt, '');
  }));

test('two at once: none is lost', () =>
  withModels(async (stack) => {
    const changes = [
      { models: [...stack.config.models, { id: 'm-extra', type: 'common' }] },
      { model_redirects: { other: 'm-chat' } },
      { system_prompt: 'Be brief.' },
      { proxies: [{ name: 'p', url: 'http://127.0.0.1:9' }] },
    ];
    await Promise.all([...changes, ...changes, ...changes].map((change) => put(stack, change)));
    const shown = await get(stack);
    for (const [name, value] of changes.flatMap(Object.entries)) {
      assert.deepEqual(shown[name], value, name);
    }
    const entries = (await admin(stack.gateway, 'GET', '/audit?limit=100')).filter(({ action }) => action === 'models.change');
    assert.equal(entries.length, 12);
    assert.ok(entries.every(({ who, outcome }) => who === '127.0.0.1' && outcome === 'done'));
    assert.equal(entries.filter(({ detail }) => detail === 'changed proxies').length, 3);
  }));

test('passwords and credentials are masked, and a mask that comes back changes nothing', () =>
  withModels(async (stack) => {
    const secrets = {
      proxies: [
        { name: 'in', url: 'http://me:pa%2Fss-word@127.0.0.1:9' },
        { url: 'http://only-token@127.0.0.1:10' },
        { name: 'open', url: 'http://127.0.0.1:11' },
      ],
      endpoint: [...stack.config.endpoint, {
        name: 'mine', type: 'common', base_url: stack.simulator.url, proxy: 'in',
        headers: { 'X-Api-Key': 'key-one', 'x-my-token': 'to"ken', 'x-plain': 'seen', accept: null },
      }],
    };
    await put(stack, secrets);
    const shown = await get(stack);
    assert.deepEqual(shown.proxies.map(({ url }) => url), ['http://me:***@127.0.0.1:9', 'http://***@127.0.0.1:10', 'http://127.0.0.1:11']);
    assert.deepEqual(shown.endpoint.at(-1).headers, { 'X-Api-Key': '***', 'x-my-token': '***', 'x-plain': 'seen', accept: null });
    assert.equal(shown.endpoint.at(-1).auth, undefined);

    assert.deepEqual(await put(stack, shown), shown);
    const stored = JSON.parse(text(stack));
    assert.deepEqual(stored.proxies, secrets.proxies);
    assert.deepEqual(stored.endpoint, secrets.endpoint);

    // In another order, in another spelling, at another address.
    shown.proxies.reverse()[2].url = 'http://me:***@127.0.0.1:99';
    shown.endpoint.at(-1).headers = { 'x-api-key': '***' };
    await put(stack, { proxies: shown.proxies, endpoint: shown.endpoint });
    const moved = JSON.parse(text(stack));
    assert.deepEqual(moved.proxies.map(({ url }) => url), ['http://127.0.0.1:11', 'http://only-token@127.0.0.1:10', 'http://me:pa%2Fss-word@127.0.0.1:99']);
    assert.deepEqual(moved.endpoint.at(-1).headers, { 'x-api-key': 'key-one' });

    const before = text(stack);
    for (const [body, where] of [
      [{ proxies: [{ name: 'new', url: 'http://me:***@127.0.0.1:9' }], endpoint: stack.config.endpoint }, 'proxies[0].url'],
      [{ proxies: [{ name: 'open', url: 'http://me:***@127.0.0.1:9' }], endpoint: stack.config.endpoint }, 'proxies[0].url'],
      [{ endpoint: [{ name: 'mine', base_url: stack.simulator.url, headers: { 'x-key': '***' } }] }, 'endpoint[0].headers["x-key"]'],
      [{ endpoint: [{ name: 'other', base_url: stack.simulator.url, headers: { 'x-api-key': '***' } }] }, 'endpoint[0].headers["x-api-key"]'],
    ]) {
      const refused = await put(stack, body, { status: 400 });
      assert.ok(refused.json.message.startsWith(where), refused.json.message);
    }
    assert.equal(text(stack), before);
    for (const secret of ['pa%2Fss-word', 'pa/ss-word', 'only-token', 'key-one', 'to"ken']) {
      assert.ok(!stack.gateway.said.includes(secret), secret);
    }
  }));

test('a bad body is refused by what is wrong with it, and changes nothing', () =>
  withModels(async (stack) => {
    const before = text(stack);
    const rows = [
      [{}, /models, endpoint/],
      [{ other: 1 }, /models, endpoint/],
      ['{"models":[', /JSON/],
      [[], /object/],
      [{ models: 7 }, /models/],
      [{ models: [7] }, /models\[0\]/],
      [{ models: [{ id: 'a', type: 'none' }] }, /models\[0\]\.type is "none"/],
      [{ models: [{ type: 'common' }, { id: 'b' }] }, /models\[0\] has no id.*\n.*models\[1\] has no type/],
      [{ models: [{ id: 'a', type: 'common' }, { id: 'a', type: 'common' }] }, /each id may be there once/],
      [{ models: [{ id: 'a', type: 'common', endpoint: 'nowhere' }] }, /models\[0\]\.endpoint/],
      [{ models: [{ id: 'a', type: 'common', fallbacks: ['b'] }] }, /models\[0\]\.fallbacks/],
      [{ endpoint: [] }, /has no endpoint/],
      [{ endpoint: [{ name: 'e', base_url: 'ftp://host' }] }, /endpoint\[0\]\.base_url/],
      [{ endpoint: [{ name: 'e', base_url: 'http://me:secret-word@host' }] }, /endpoint\[0\]\.base_url/],
      [{ model_redirects: { a: 'nobody' } }, /model_redirects\.a/],
      [{ model_redirects: [] }, /model_redirects/],
      [{ proxies: [{ url: 'https://me:secret-word@host:1' }] }, /proxies\[0\]\.url/],
      [{ proxies: {} }, /proxies/],
      [{ system_prompt: 7 }, /system_prompt/],
      [{ system_prompt: 'good', models: [{ id: '' }] }, /models\[0\]/],
    ];
    for (const [body, message] of rows) {
      const refused = await put(stack, body, { status: 400 });
      assert.match(refused.json.message, message, JSON.stringify(body));
      assert.ok(!/config\.json:\d|secret-word/.test(refused.json.message), refused.json.message);
      assert.equal(text(stack), before);
    }
    assert.deepEqual((await get(stack)).models, stack.config.models);
    assert.equal((await ask(stack)).status, 200);
    assert.ok(!existsSync(stack.gateway.path('data', 'config.json.bak')));
  }));

test('members that nothing reads are told', () =>
  withModels(async (stack) => {
    const response = await put(stack, { models: [{ id: 'a', type: 'common', reasonin: 'low' }] }, { status: 200 });
    assert.match(response.json.message, /^models\[0\]\.reasonin is unknown and ignored$/);
  }));

test('an edit by hand that is not in force is not overwritten', () =>
  withModels(async (stack) => {
    const refused = async (reason) => {
      const before = existsSync(file(stack)) && text(stack);
      const { json } = await put(stack, { system_prompt: 'Be brief.' }, { status: 409 });
      assert.match(json.message, reason);
      assert.equal(existsSync(file(stack)) && text(stack), before);
      assert.deepEqual((await get(stack)).models, stack.config.models);
    };
    const good = text(stack);
    writeFileSync(file(stack), good.replace('"Claude"', '"Claude by hand"'));
    await refused(/edited by hand.*SIGHUP/);
    writeFileSync(file(stack), '{"models":[{"id":7}]}');
    await refused(/Repair it.*\nmodels\[0\]\.id/);
    writeFileSync(file(stack), '{');
    await refused(/config\.json:1:2: not JSON/);
    rmSync(file(stack));
    await refused(/gone/);
    writeFileSync(file(stack), good.replace('"Claude"', '"Claude by hand"'));
    await hangUp(stack);
    await put(stack, { system_prompt: 'Be brief.' });
    assert.match(text(stack), /Claude by hand[^]*Be brief\./);
  }));

test('a full disk: nothing changes', () =>
  withModels(async (stack) => {
    const before = readFileSync(inside(stack.gateway, 'data/config.json'), 'utf8');
    assert.throws(() => writeFileSync(inside(stack.gateway, 'data/filler'), Buffer.alloc(400_000)), /ENOSPC/);
    const { json } = await put(stack, { models: [{ id: 'new', type: 'common' }] }, { status: 507 });
    assert.match(json.message, /Nothing was changed/);
    assert.ok((await modelIds(stack)).includes('m-claude'));
    assert.equal(readFileSync(inside(stack.gateway, 'data/config.json'), 'utf8'), before);
    rmSync(inside(stack.gateway, 'data/filler'));
    await put(stack, { models: [{ id: 'new', type: 'common' }] });
    assert.deepEqual(await modelIds(stack), ['new']);
  }, { wrap: smallDisk('200k') }));

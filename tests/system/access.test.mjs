// SPDX-License-Identifier: MIT
// Who may call, whose credential goes upstream, and what never leaves: access keys, credential levels, secrets.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dialectNames, dialects, modelRequest, Stack, uniqueKey } from './kit/kit.mjs';

async function withStack(options, run) {
  const stack = await Stack.start(options);
  try {
    await run(stack);
  } finally {
    await stack.stop();
  }
}

// What arrived upstream for the one request whose body carries `mark`.
async function arrived(stack, request) {
  const before = (await stack.simulator.stats()).requests;
  const response = await stack.gateway.call(request);
  const requests = await stack.simulator.requests();
  return { response, seen: (await stack.simulator.stats()).requests - before > 0 ? requests[0] : undefined };
}

const valueOf = (seen, name) => seen.headers.filter(([n]) => n.toLowerCase() === name).map(([, value]) => value);

test('API_ACCESS_KEY', async (t) => {
  const env = { API_ACCESS_KEY: 'gate-one, gate-two', FACTORY_API_KEY: 'level-one' };
  await withStack({ env }, async (stack) => {
    const ask = (name, headers, path) =>
      stack.gateway.call({ ...modelRequest(name, { headers }), ...(path && { path }) });
    const forms = {
      'authorization: Bearer': (key) => ({ authorization: `Bearer ${key}` }),
      'authorization: bearer, other case': (key) => ({ authorization: `bearer ${key}` }),
      'x-api-key': (key) => ({ 'x-api-key': key }),
    };
    for (const name of dialectNames) {
      for (const [form, headers] of Object.entries(forms)) {
        await t.test(`${name}, ${form}`, async () => {
          for (const key of ['gate-one', 'gate-two']) {
            assert.equal((await ask(name, headers(key))).status, 200, key);
          }
          for (const key of ['gate-on', 'gate-onee', 'gate-one, gate-two', 'GATE-ONE', 'level-one']) {
            const response = await ask(name, headers(key));
            assert.equal(response.status, 401, key);
            const error = dialects[name].errorOf(response.json);
            assert.ok(error.message.length > 0 && !error.message.includes('gate-'));
          }
        });
      }
      await t.test(`${name}, none`, async () => {
        const response = await ask(name, {});
        assert.equal(response.status, 401);
        const { type, code } = dialects[name].errorOf(response.json);
        const expected = {
          anthropic: ['authentication_error', undefined],
          gemini: ['UNAUTHENTICATED', 401],
        }[name] ?? ['invalid_request_error', 'invalid_api_key'];
        assert.deepEqual([type, code], expected);
      });
    }
    await t.test('gemini: x-goog-api-key and ?key=', async () => {
      const path = '/v1beta/models/m-gemini:generateContent';
      assert.equal((await ask('gemini', { 'x-goog-api-key': 'gate-two' })).status, 200);
      assert.equal((await ask('gemini', { 'x-goog-api-key': 'wrong' })).status, 401);
      assert.equal((await ask('gemini', {}, `${path}?key=gate-one`)).status, 200);
      assert.equal((await ask('gemini', {}, `${path}?alt=json&key=gate%2Done`)).status, 200);
      assert.equal((await ask('gemini', {}, `${path}?key=wrong`)).status, 401);
    });
    await t.test('the access key itself goes nowhere', async () => {
      for (const request of [
        modelRequest('anthropic', { headers: { 'x-api-key': 'gate-one' } }),
        modelRequest('gemini', { headers: { authorization: 'Bearer gate-one' } }),
        { ...modelRequest('gemini'), path: '/v1beta/models/m-gemini:generateContent?key=gate-one' },
      ]) {
        const { response, seen } = await arrived(stack, request);
        assert.equal(response.status, 200);
        assert.equal(seen.key, 'level-one');
        assert.ok(!JSON.stringify(seen).includes('gate-one'), JSON.stringify(seen));
      }
    });
    await t.test('model lists are public', async () => {
      for (const path of ['/v1/models', '/v1/models/m-chat', '/v1beta/models']) {
        assert.equal((await stack.gateway.call({ path })).status, 200, path);
      }
    });
    await t.test('service routes ask for nothing', async () => {
      for (const path of ['/', '/health', '/ready', '/metrics']) {
        assert.equal((await stack.gateway.call({ path })).status, 200, path);
      }
    });
    await t.test('a preflight carries no key', async () => {
      const headers = { origin: 'https://app.example', 'access-control-request-method': 'POST' };
      const response = await stack.gateway.call({ method: 'OPTIONS', path: '/v1/messages', headers });
      assert.ok([200, 204].includes(response.status));
    });
  });
});

test('public_models: false puts the lists behind the key', () =>
  withStack({ config: { public_models: false }, env: { API_ACCESS_KEY: 'gate-one' } }, async (stack) => {
    for (const path of ['/v1/models', '/v1/models/m-chat', '/v1beta/models']) {
      assert.equal((await stack.gateway.call({ path })).status, 401, path);
      assert.equal((await stack.gateway.call({ path, headers: { 'x-api-key': 'gate-one' } })).status, 200, path);
    }
  }));

test('an access key from a file', async () => {
  const stack = await Stack.start();
  const path = join(stack.gateway.directory, 'key-file');
  writeFileSync(path, 'from-a-file\n');
  try {
    await withStack({ env: { API_ACCESS_KEY_FILE: path } }, async (guarded) => {
      const ask = (key) => guarded.gateway.call(modelRequest('chat', { headers: { authorization: `Bearer ${key}`, 'x-api-key': 'own' } }));
      assert.equal((await ask('from-a-file')).status, 200);
      assert.equal((await ask('something-else')).status, 401);
    });
  } finally {
    await stack.stop();
  }
});

test('level 1: FACTORY_API_KEY goes upstream, and nothing of the client\'s', () =>
  withStack({ env: { FACTORY_API_KEY: 'level-one' } }, async (stack) => {
    for (const name of dialectNames) {
      const { response, seen } = await arrived(stack, modelRequest(name, {
        headers: {
          authorization: 'Bearer client-secret', 'x-api-key': 'client-secret', 'x-goog-api-key': 'client-secret',
          cookie: 'session=client-secret', 'proxy-authorization': 'Basic client-secret',
        },
      }));
      assert.equal(response.status, 200);
      assert.equal(seen.key, 'level-one');
      assert.ok(!JSON.stringify(seen).includes('client-secret'), JSON.stringify(seen.headers));
    }
  }));

test('level 5: the client\'s own credential', async (t) => {
  await withStack({}, async (stack) => {
    for (const name of dialectNames) {
      await t.test(`${name}: goes upstream`, async () => {
        const key = uniqueKey();
        const { response, seen } = await arrived(stack, modelRequest(name, { key, headers: { cookie: 'a=secret' } }));
        assert.equal(response.status, 200);
        assert.equal(seen.key, key);
        assert.deepEqual(valueOf(seen, 'cookie'), []);
      });
      await t.test(`${name}: none at all is 503, and says what to do`, async () => {
        const { response, seen } = await arrived(stack, modelRequest(name));
        assert.equal(response.status, 503);
        assert.equal(seen, undefined);
        const { message, code } = dialects[name].errorOf(response.json);
        for (const way of [/FACTORY_API_KEY/, /pool/i, /DROID_REFRESH_KEY/, /auth\.json/, /authorization/i]) {
          assert.match(message, way);
        }
        assert.ok(name === 'anthropic' || name === 'gemini' || code === 'no_credentials');
      });
    }
  });
  await t.test('but never the one that opened the gate', () =>
    withStack({ env: { API_ACCESS_KEY: 'gate-one' } }, async (stack) => {
      const only = await arrived(stack, modelRequest('anthropic', { headers: { authorization: 'Bearer gate-one' } }));
      assert.equal(only.response.status, 503);
      assert.equal(only.seen, undefined);
      for (const headers of [
        { authorization: 'Bearer gate-one', 'x-api-key': 'client-key' },
        { authorization: 'Bearer client-key', 'x-api-key': 'gate-one' },
      ]) {
        const { response, seen } = await arrived(stack, modelRequest('anthropic', { headers }));
        assert.equal(response.status, 200);
        assert.equal(seen.key, 'client-key');
        assert.ok(!JSON.stringify(seen).includes('gate-one'));
      }
    }));
});

test('headers of the dialect travel on, those of the connection do not', () =>
  withStack({ env: { FACTORY_API_KEY: 'level-one' } }, async (stack) => {
    const { seen } = await arrived(stack, modelRequest('anthropic', {
      headers: {
        'anthropic-version': '2026-10-21', 'anthropic-beta': 'one-2026-01-01,two-2026-01-01',
        'openai-organization': 'org', 'x-stainless-lang': 'js', traceparent: '00-11111111111111111111111111111111-2222222222222222-01',
        connection: 'close, x-private', 'x-private': 'hop', te: 'trailers', upgrade: 'h2c', 'keep-alive': 'timeout=5',
        'x-admin-key': 'secret', cookie: 'a=b',
      },
    }));
    const expected = {
      'anthropic-version': '2026-10-21', 'anthropic-beta': 'one-2026-01-01,two-2026-01-01', 'openai-organization': 'org',
      'x-stainless-lang': 'js',
      'content-type': 'application/json',
    };
    for (const [name, value] of Object.entries(expected)) {
      assert.deepEqual(valueOf(seen, name), [value], name);
    }
    assert.match(valueOf(seen, 'traceparent')[0], /^00-1{32}-[0-9a-f]{16}-01$/);
    for (const name of ['x-private', 'te', 'upgrade', 'keep-alive', 'x-admin-key', 'cookie']) {
      assert.deepEqual(valueOf(seen, name), [], name);
    }
    assert.equal(valueOf(seen, 'host').length, 1);
    assert.match(valueOf(seen, 'user-agent')[0], /^droid2api\//);
  }));

test('headers of an endpoint come from configuration', () =>
  withStack({
    env: { FACTORY_API_KEY: 'level-one' },
    config: (simulator) => ({
      user_agent: 'own-agent/1',
      endpoint: [{
        name: 'anthropic', type: 'anthropic', base_url: `${simulator.url}/api/llm/a/v1/messages`, auth: 'x-api-key',
        headers: { 'x-extra': 'yes', 'anthropic-version': null },
      }],
      models: [{ id: 'm-claude', type: 'anthropic' }],
    }),
  }, async (stack) => {
    const { seen, response } = await arrived(stack, modelRequest('anthropic'));
    assert.equal(response.status, 200);
    assert.deepEqual(valueOf(seen, 'x-extra'), ['yes']);
    assert.deepEqual(valueOf(seen, 'x-api-key'), ['level-one']);
    assert.deepEqual(valueOf(seen, 'authorization'), []);
    assert.deepEqual(valueOf(seen, 'user-agent'), ['own-agent/1']);
  }));

test('secrets are in no log, whatever its level and place', async (t) => {
  for (const NODE_ENV of ['development', 'production']) {
    for (const LOG_FORMAT of ['text', 'json']) {
      await t.test(`${NODE_ENV}, ${LOG_FORMAT}`, async () => {
        const secrets = ['access-marker-one', 'factory-marker-two', 'client-marker-three', 'cookie-marker-four', 'query-marker-five',
          'admin-marker-six'];
        const [access, factory, client, cookie, query, admin] = secrets;
        const stack = await Stack.start({
          env: { NODE_ENV, LOG_FORMAT, LOG_LEVEL: 'debug', API_ACCESS_KEY: access, FACTORY_API_KEY: factory, ADMIN_ACCESS_KEY: admin },
        });
        let said;
        try {
          const headers = { authorization: `Bearer ${access}`, 'x-api-key': client, cookie: `c=${cookie}` };
          for (const name of dialectNames) {
            await stack.gateway.call(modelRequest(name, { headers }));
            await stack.gateway.call(modelRequest(name, { headers: { authorization: `Bearer ${client}` } }));
            await stack.gateway.call(modelRequest(name, { headers, stream: true, model: 'unknown' }));
          }
          await stack.gateway.call({ ...modelRequest('gemini'), path: `/v1beta/models/m-gemini:generateContent?key=${query}` });
          await stack.gateway.call({ path: '/admin/stats', headers: { 'x-admin-key': admin } });
          await stack.gateway.program.stop();
          said = stack.gateway.said;
        } finally {
          await stack.stop();
        }
        assert.ok(said.includes('/v1/messages'), 'the log has nothing of the requests');
        for (const secret of secrets) {
          assert.ok(!said.includes(secret), `${secret} is in the log`);
        }
      });
    }
  }
});

// SPDX-License-Identifier: MIT
// OAuth and auth.json: credentials that are refreshed, one refresh for all who wait, and no refresh token ever lost.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { admin, adminKey, ask, askMany, countsOf, dialectNames, Stack, waitFor } from './kit/kit.mjs';

const HOUR = 3600_000;
const authFile = 'data/auth.json';

async function withTokens({ env, ...options }, run) {
  const stack = await Stack.start({
    ...options,
    env: (simulator) => ({
      ADMIN_ACCESS_KEY: adminKey, WORKOS_CLIENT_ID: 'client_one', OAUTH_TOKEN_URL: `${simulator.url}/user_management/authenticate`, ...env,
    }),
  });
  try {
    await run(stack);
  } finally {
    await stack.stop();
  }
}

const auth = (more) => ({ files: { [authFile]: { refresh_token: 'rt-file', api_key: 'old-token', expires_at: Date.now() + HOUR, ...more } } });

test('a refresh token is exchanged, and what comes of it is on disk before it is used', () =>
  withTokens({ env: { DROID_REFRESH_KEY: 'rt-one~expires=28800' } }, async (stack) => {
    await askMany(stack, 5);
    assert.deepEqual(await countsOf(stack), { 'at-rt-one-1': 5 });
    assert.deepEqual(await stack.simulator.tokens(), { 'rt-one': { calls: 1, granted: 1 } });
    const [call] = (await stack.simulator.requests()).filter(({ target }) => target === '/user_management/authenticate');
    const headers = Object.fromEntries(call.headers.map(([name, value]) => [name.toLowerCase(), value]));
    assert.match(headers['content-type'], /^application\/x-www-form-urlencoded/);
    assert.equal(headers.authorization, undefined);
    const file = stack.gateway.readJson(authFile);
    assert.equal(file.refresh_token, 'rt-one.1~expires=28800');
    assert.equal(file.api_key, 'at-rt-one-1');
    const left = file.expires_at - Date.now();
    assert.ok(left > 7.9 * HOUR && left <= 8 * HOUR, `good for ${left} ms`);
    assert.equal(statSync(stack.gateway.path(authFile)).mode & 0o777, 0o600);
    assert.ok(!/rt-one|at-rt/.test(stack.gateway.said), 'a token is in the log');
  }));

test('1,000 requests on an expired token cause one refresh', () =>
  withTokens({ release: true, ...auth({ refresh_token: 'rt-many~head=300', expires_at: Date.now() - HOUR }) }, async (stack) => {
    await Promise.all(Array.from({ length: 1000 }, async () => {
      const response = await ask(stack);
      assert.equal(response.status, 200, response.text);
    }));
    assert.deepEqual(await stack.simulator.tokens(), { 'rt-many': { calls: 1, granted: 1 } });
    const counts = await countsOf(stack);
    assert.equal(Object.values(counts).reduce((sum, n) => sum + n, 0), 1000);
    assert.ok(Object.keys(counts).every((key) => ['at-rt-many-1', 'old-token'].includes(key)), JSON.stringify(counts));
  }));

test('the old token serves while refreshing fails', async (t) => {
  const rows = {
    'status=500': 'rt-bad~status=500',
    'no such token': 'rt-bad.7',
    'no answer': 'rt-bad~hang=before',
    'nonsense': 'rt-bad~garbage=1',
    'an answer that is no JSON': 'rt-bad~status=200~body=hello',
  };
  for (const [what, refresh_token] of Object.entries(rows)) {
    await t.test(what, () =>
      withTokens(auth({ refresh_token, last_refresh: new Date(Date.now() - 7 * HOUR).toISOString() }), async (stack) => {
        await askMany(stack, 10);
        await waitFor('a refresh to be tried', async () => (await stack.simulator.requests()).some(({ target }) => target === '/user_management/authenticate'));
        await askMany(stack, 10);
        assert.deepEqual(await countsOf(stack), { 'old-token': 20 });
        assert.ok(Object.values(await stack.simulator.tokens()).every(({ calls }) => calls <= 2), 'the endpoint is hammered');
        assert.equal(stack.gateway.readJson(authFile).refresh_token, refresh_token);
        // The gateway waits for a refresh under way before it ends, since its answer must not be lost: here it breaks off.
        await stack.simulator.program.stop();
      }));
  }
});

test('a restart after a rotation uses the rotated token', async (t) => {
  const expire = (gateway) => gateway.write({ [authFile]: { ...gateway.readJson(authFile), expires_at: Date.now() - 1000, last_refresh: new Date(Date.now() - 9 * HOUR).toISOString() } });
  for (const [what, options] of Object.entries({
    DROID_REFRESH_KEY: { env: { DROID_REFRESH_KEY: 'rt-file' } }, // which is then not the good one any more
    'auth.json': auth({ expires_at: Date.now() - 1000 }),
  })) {
    await t.test(what, () =>
      withTokens(options, async (stack) => {
        const { gateway } = stack;
        assert.equal((await ask(stack)).status, 200);
        await gateway.restart();
        assert.equal((await ask(stack)).status, 200);
        assert.deepEqual(await stack.simulator.tokens(), { 'rt-file': { calls: 1, granted: 1 } }, 'a good token was refreshed');
        for (let i = 2; i < 5; i++) {
          await gateway.program.stop();
          expire(gateway);
          await gateway.restart();
          assert.equal((await ask(stack)).status, 200);
          assert.deepEqual(await stack.simulator.tokens(), { 'rt-file': { calls: i, granted: i } });
        }
      }));
  }
});

// What is lost between the endpoint's rotation and its answer nobody can have; from the file on it is ours.
test('kill -9 between rotation and use loses nothing', () =>
  withTokens(auth({ expires_at: Date.now() + 8 * HOUR, last_refresh: new Date().toISOString() }), async (stack) => {
    const { gateway } = stack;
    for (let i = 1; i <= 12; i++) {
      await gateway.program.crash();
      const before = gateway.readJson(authFile);
      gateway.write({ [authFile]: { ...before, expires_at: Date.now() - 1000, last_refresh: new Date(Date.now() - 9 * HOUR).toISOString() } });
      await gateway.launch();
      const request = ask(stack).catch(() => null);
      await waitFor('the new token on disk', () => gateway.readJson(authFile).refresh_token !== before.refresh_token, { everyMs: 1 });
      await gateway.restart({ crash: true });
      await request;
      assert.equal((await ask(stack)).status, 200);
      assert.deepEqual(await stack.simulator.tokens(), { 'rt-file': { calls: i, granted: i } });
    }
  }));

// The simulator never gave that token: 401, without a refresh.
const refused = (refresh_token) =>
  auth({ refresh_token, api_key: 'at-file-0', last_refresh: new Date().toISOString(), expires_at: Date.now() + 8 * HOUR });

test('a token that the upstream refuses is refreshed before its time, and the request goes on with the new one', async (t) => {
  for (const dialect of dialectNames) {
    await t.test(dialect, () =>
      withTokens(refused('rt-file~head=100'), async (stack) => {
        const responses = await Promise.all(Array.from({ length: 20 }, () => ask(stack, { dialect, stream: true })));
        assert.deepEqual(responses.map(({ status }) => status), Array(20).fill(200));
        assert.equal((await stack.simulator.tokens())['rt-file'].calls, 1);
        assert.equal((await ask(stack, { dialect })).header('x-droid2api-attempts'), '1');
      }));
  }
});

test('a token that is refused and cannot be refreshed costs one attempt more, and the refusal is told', () =>
  withTokens(refused('rt-file~status=500'), async (stack) => {
    const response = await ask(stack);
    assert.equal(response.status, 401, response.text);
    assert.equal(response.header('x-droid2api-attempts'), '2');
    assert.equal((await ask(stack)).header('x-droid2api-attempts'), '1', 'nothing newer is to be had within a minute');
  }));

test('levels 3 and 4, one after the other', async (t) => {
  await t.test('~/.factory/auth.json, and its other spelling', () =>
    withTokens({ files: { '.factory/auth.json': { access_token: 'from-home' } } }, async (stack) => {
      assert.equal((await ask(stack)).status, 200);
      assert.deepEqual(await countsOf(stack), { 'from-home': 1 });
    }));
  await t.test('data/auth.json goes before it', () =>
    withTokens({ files: { '.factory/auth.json': { access_token: 'from-home' }, [authFile]: { api_key: 'from-data' } } }, async (stack) => {
      assert.equal((await ask(stack)).status, 200);
      assert.deepEqual(await countsOf(stack), { 'from-data': 1 });
    }));
  await t.test('DROID_REFRESH_KEY goes before both', () =>
    withTokens({ env: { DROID_REFRESH_KEY: 'rt-env' }, ...auth() }, async (stack) => {
      assert.equal((await ask(stack)).status, 200);
      assert.deepEqual(await countsOf(stack), { 'at-rt-env-1': 1 });
    }));
  await t.test('the pool goes before all of them, while a key of it is usable', () =>
    withTokens({ env: { DROID_REFRESH_KEY: 'rt-env', KEY_POOL_AFFINITY: 'off' } }, async (stack) => {
      const { id } = await admin(stack.gateway, 'POST', '/keys', { key: 'of-the-pool' });
      assert.equal((await ask(stack)).status, 200);
      await admin(stack.gateway, 'DELETE', `/keys/${id}`);
      assert.equal((await ask(stack)).status, 200);
      assert.deepEqual(await countsOf(stack), { 'of-the-pool': 1, 'at-rt-env-1': 1 });
    }));
  await t.test('the client\'s own comes last', () =>
    withTokens(auth({ refresh_token: undefined, api_key: 'from-data' }), async (stack) => {
      assert.equal((await ask(stack, { key: 'own-key' })).status, 200);
      assert.deepEqual(await countsOf(stack), { 'from-data': 1 });
    }));
});

test('other fields of auth.json survive a refresh', () =>
  withTokens(auth({ expires_at: Date.now() - 1000, user: { id: 7 }, note: 'kept' }), async (stack) => {
    assert.equal((await ask(stack)).status, 200);
    const file = stack.gateway.readJson(authFile);
    assert.deepEqual([file.user, file.note, file.refresh_token], [{ id: 7 }, 'kept', 'rt-file.1']);
  }));

test('a bad auth.json is told, and kept', () =>
  withTokens({ files: { [authFile]: '{"refresh_token": "rt-' } }, async (stack) => {
    assert.equal((await ask(stack, { key: 'own-key' })).status, 200);
    await waitFor('a word about it', () => /auth\.json/.test(stack.gateway.said));
  }));

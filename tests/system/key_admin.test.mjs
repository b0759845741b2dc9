// SPDX-License-Identifier: MIT
// The admin API of the key pool, from outside: who may call it, what it changes, and that what it acknowledged is on disk.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  admin, adminKey, ask, askMany, countsOf, documentKey, Gateway, keysOf, parseEvents, startPool, waitFor,
  withPool,
} from './kit/kit.mjs';

let stack;
before(async () => {
  stack = await startPool(null);
});
after(async () => {
  await stack?.stop();
});

const stored = (of = stack) => of.gateway.readJson('data/key_pool.json');
const storedKey = (id, of = stack) => stored(of).keys.find((key) => key.id === id);
let n_secrets = 0;
const newSecret = () => `fk-admin-${++n_secrets}`;
const addKey = (more = {}, of = stack) => admin(of.gateway, 'POST', '/keys', { key: newSecret(), ...more });

// ---- who may call ---------------------------------------------------------------------------------------------------

test('only the admin key opens it', async (t) => {
  await withPool(['fk-secret-of-the-pool'], {}, async (own) => {
    const rows = {
      none: [null, {}],
      wrong: ['wrong', {}],
      'a part of it': [adminKey.slice(0, -1), {}],
      longer: [`${adminKey}x`, {}],
      empty: ['', {}],
      'as a query': [null, {}, `?x-admin-key=${adminKey}`],
      basic: [null, { authorization: `Basic ${Buffer.from(`a:${adminKey}`).toString('base64')}` }],
    };
    for (const [what, [key, headers, query = '']] of Object.entries(rows)) {
      await t.test(what, async () => {
        const response = await admin(own.gateway, 'GET', `/keys${query}`, undefined, { key, headers, status: 401 });
        assert.equal(response.json.success, false);
        assert.equal(response.json.error, 'Unauthorized');
        assert.ok(!response.text.includes('fk-'));
      });
    }
    await t.test('as a bearer token it does', () =>
      admin(own.gateway, 'GET', '/keys', undefined, { key: null, headers: { authorization: `Bearer ${adminKey}` } }));
  });
});

test('ten failures a minute lock an address out', () =>
  withPool(null, {}, async (own) => {
    for (let i = 0; i < 10; i++) {
      await admin(own.gateway, 'GET', '/stats', undefined, { key: 'wrong', status: 401 });
    }
    const locked = await admin(own.gateway, 'GET', '/stats', undefined, { key: 'wrong', status: 429 });
    const wait = Number(locked.header('retry-after'));
    assert.ok(wait > 0 && wait <= 60, `retry-after ${wait}`);
    await admin(own.gateway, 'GET', '/stats', undefined, { status: 429 }); // else guessing would go on unseen
    assert.equal((await ask(own, { key: 'own' })).status, 200, 'traffic is another matter');
  }));

test('without an admin key it says how to have one', () =>
  withPool(null, { env: { ADMIN_ACCESS_KEY: '' } }, async (own) => {
    const response = await admin(own.gateway, 'GET', '/keys', undefined, { key: 'anything', status: 503 });
    assert.match(response.json.message, /ADMIN_ACCESS_KEY/);
  }));

test('ADMIN_ALLOW_IPS and TRUST_PROXY', async (t) => {
  await t.test('another network is refused', () =>
    withPool(null, { env: { ADMIN_ALLOW_IPS: '10.0.0.0/8,2001:db8::/32' } }, (own) =>
      admin(own.gateway, 'GET', '/stats', undefined, { status: 403 })));
  await t.test('the right one is let in', () =>
    withPool(null, { env: { ADMIN_ALLOW_IPS: '10.0.0.0/8,127.0.0.0/8' } }, (own) => admin(own.gateway, 'GET', '/stats')));
  await t.test('X-Forwarded-For is believed from a trusted proxy only', async () => {
    const headers = { 'x-forwarded-for': '10.1.2.3' };
    await withPool(null, { env: { ADMIN_ALLOW_IPS: '10.0.0.0/8' } }, (own) =>
      admin(own.gateway, 'GET', '/stats', undefined, { headers, status: 403 }));
    await withPool(null, { env: { ADMIN_ALLOW_IPS: '10.0.0.0/8', TRUST_PROXY: '127.0.0.1/32' } }, async (own) => {
      await admin(own.gateway, 'GET', '/stats', undefined, { headers });
      await admin(own.gateway, 'GET', '/stats', undefined, { headers: { 'x-forwarded-for': '10.1.2.3, 192.0.2.1' }, status: 403 });
    });
  });
});

test('a weak admin key starts loudly, or not at all', async (t) => {
  await t.test('a warning', () =>
    withPool(null, { env: { ADMIN_ACCESS_KEY: '123' } }, async (own) => {
      assert.equal((await admin(own.gateway, 'GET', '/stats', undefined, { key: '123' })).weak_admin_key, true);
      assert.match(own.gateway.said, /ADMIN_ACCESS_KEY/);
    }));
  await t.test('a refusal', async () => {
    const gateway = await Gateway.start({ env: { ADMIN_ACCESS_KEY: '123', ADMIN_REQUIRE_STRONG_KEY: 'true' }, waitReady: false });
    const { code } = await gateway.program.waitEnd();
    assert.equal(code, 1);
    assert.match(gateway.said, /ADMIN_ACCESS_KEY/);
    gateway.program.assertCleanEnd(1);
    await gateway.stop().catch(() => {}); // ended with 1 already
  });
  assert.equal((await admin(stack.gateway, 'GET', '/stats')).weak_admin_key, false);
});

test('secrets are neither shown nor logged', async () => {
  const { id } = await addKey({ key: 'fk-a-very-secret-secret' });
  for (const path of ['/keys', `/keys/${id}`, '/stats', '/pool-groups', '/cooldowns']) {
    const response = await admin(stack.gateway, 'GET', path, undefined, { status: 200 });
    assert.ok(!response.text.includes('very-secret'), path);
    assert.equal(response.header('cache-control'), 'no-store');
    assert.ok(!response.headers.some(([name]) => name.startsWith('access-control')), 'no CORS here');
  }
  assert.equal((await admin(stack.gateway, 'GET', `/keys/${id}?reveal=true`)).key, 'fk-a-very-secret-secret');
  await admin(stack.gateway, 'POST', '/keys', { key: 'fk-a-very-secret-secret' }, { status: 409 });
  await admin(stack.gateway, 'DELETE', `/keys/${id}`);
  assert.ok(!stack.gateway.said.includes('very-secret'));
});

// ---- what it changes ------------------------------------------------------------------------------------------------

test('every change is on disk when it is acknowledged', async () => {
  const { gateway } = stack;
  await admin(gateway, 'POST', '/pool-groups', { id: 'disk', name: 'Disk', priority: 9 });
  assert.ok(stored().poolGroups.some(({ id }) => id === 'disk'));
  const { id } = await addKey({ notes: 'one', poolGroup: 'disk' });
  assert.equal(storedKey(id).notes, 'one');
  await admin(gateway, 'PATCH', `/keys/${id}/notes`, { notes: 'zwei 第二 "x"' });
  assert.equal(storedKey(id).notes, 'zwei 第二 "x"');
  await admin(gateway, 'PATCH', `/keys/${id}/toggle`);
  assert.equal(storedKey(id).status, 'disabled');
  await admin(gateway, 'PATCH', `/keys/${id}/toggle`);
  assert.equal(storedKey(id).status, 'active');
  await admin(gateway, 'PATCH', `/keys/${id}/pool`, { poolGroup: 'default' });
  assert.equal(storedKey(id).poolGroup, 'default');
  await admin(gateway, 'PUT', `/keys/${id}`, { key: 'fk-changed', weight: 2.5, maxInflight: 7, poolGroup: 'disk' });
  assert.deepEqual([storedKey(id).key, storedKey(id).weight, storedKey(id).maxInflight], ['fk-changed', 2.5, 7]);
  await admin(gateway, 'PUT', '/config', { retry: { max: 5 }, autoBan: { ban_401: true } });
  assert.equal(stored().config.retry.maxRetries, 5);
  assert.equal(stored().config.autoBan.ban401, true);
  const { affected_keys: affected } = await admin(gateway, 'DELETE', '/pool-groups/disk');
  assert.equal(affected, 1);
  assert.equal(storedKey(id).poolGroup, 'default');
  assert.ok(!stored().poolGroups.some((group) => group.id === 'disk'));
  await admin(gateway, 'DELETE', `/keys/${id}`);
  assert.equal(storedKey(id), undefined);
  await admin(gateway, 'POST', '/config/reset');
  assert.equal((await admin(gateway, 'GET', '/config')).retry.maxRetries, 3);
});

test('what is refused changes nothing', async (t) => {
  const { id } = await addKey();
  const rows = [
    ['POST', '/keys', { key: '' }, 400], ['POST', '/keys', {}, 400], ['POST', '/keys', { key: 'x'.repeat(513) }, 400],
    ['POST', '/keys', { key: 'a\nb' }, 400], ['POST', '/keys', { key: 5 }, 400], ['POST', '/keys', '{"key":', 400],
    ['POST', '/keys', '[]', 400], ['POST', '/keys', { key: newSecret(), poolGroup: 'nowhere' }, 400],
    ['PATCH', `/keys/${id}/notes`, { notes: 'x'.repeat(1001) }, 400], ['PATCH', `/keys/${id}/toggle`, { status: 'gone' }, 400],
    ['PATCH', `/keys/${id}/pool`, { poolGroup: 'nowhere' }, 400], ['PUT', `/keys/${id}`, { weight: 0 }, 400],
    ['PUT', `/keys/${id}`, { weight: 'heavy' }, 400], ['GET', '/keys/key_0_nobody', undefined, 404],
    ['DELETE', '/keys/key_0_nobody', undefined, 404], ['PATCH', '/keys/key_0_nobody/toggle', undefined, 404],
    ['POST', '/pool-groups', { id: 'Upper', name: 'x', priority: 1 }, 400], ['POST', '/pool-groups', { id: 'default', name: 'x', priority: 1 }, 409],
    ['DELETE', '/pool-groups/default', undefined, 400], ['DELETE', '/pool-groups/nowhere', undefined, 404],
    ['PUT', '/config', { algorithm: 'best' }, 400], ['PUT', '/config', { retry: { max: -1 } }, 400],
    ['PUT', '/config', { autoBan: { errorThreshold: 'many' } }, 400], ['GET', '/nothing', undefined, 404], ['PUT', '/keys', {}, 405],
    ['GET', '/keys?status=odd', undefined, 400], ['GET', '/keys?page=0', undefined, 400], ['GET', '/keys?limit=1001', undefined, 400],
  ];
  const before = stored().keys.map(({ key, ...rest }) => [key, rest.notes, rest.status, rest.poolGroup, rest.weight]);
  for (const [method, path, body, status] of rows) {
    await t.test(`${method} ${path} ${JSON.stringify(body)?.slice(0, 40)}`, async () => {
      const response = await admin(stack.gateway, method, path, body, { status });
      assert.equal(response.json.success, false);
      assert.ok(response.json.error.length > 0 && response.json.message.length > 0);
    });
  }
  assert.deepEqual(stored().keys.map(({ key, ...rest }) => [key, rest.notes, rest.status, rest.poolGroup, rest.weight]), before);
  await admin(stack.gateway, 'DELETE', `/keys/${id}`);
});

test('many at once: one durable write, errors by line', () =>
  withPool(['fk-there'], {}, async (own) => {
    const lines = ['fk-batch-one', '', 'fk-there', 'fk-batch-two', 'a b', 'fk-batch-one', 'x'.repeat(600)];
    const result = await admin(own.gateway, 'POST', '/keys/batch', { keys: lines.join('\r\n'), notes: 'many' });
    assert.deepEqual([result.success, result.duplicate, result.invalid], [2, 2, 2]);
    assert.ok(result.errors.some((text) => /^Line 5: /.test(text)) && result.errors.some((text) => /^Line 7: /.test(text)));
    assert.deepEqual(stored(own).keys.map(({ key }) => key), ['fk-there', 'fk-batch-one', 'fk-batch-two']);
    const many = Array.from({ length: 5000 }, (_, i) => `fk-many-${i}`);
    assert.equal((await admin(own.gateway, 'POST', '/keys/batch', { keys: many }, { limitMs: 60_000 })).success, 5000);
    assert.equal(stored(own).keys.length, 5003);
    const { keys, pagination } = await admin(own.gateway, 'GET', '/keys?page=3&limit=1000');
    assert.equal(keys.length, 1000);
    assert.deepEqual(pagination, { page: 3, limit: 1000, total: 5003, total_pages: 6 });
    const text = await admin(own.gateway, 'GET', '/keys/export?status=active', undefined, { status: 200 });
    assert.match(text.header('content-type'), /^text\/plain/);
    assert.match(text.header('content-disposition'), /attachment; filename="?keys_active_\d{4}-?\d\d-?\d\d\.txt/);
    assert.equal(text.text.trimEnd().split('\n').length, 5003);
  }));

test('keys are found by status, pool, provider and text', () =>
  withPool([
    documentKey('fk-abc-1', { notes: 'from Ada' }), documentKey('fk-abc-2', { status: 'disabled' }),
    documentKey('sk-ant-1', { provider: 'anthropic', poolGroup: 'main' }), documentKey('fk-abc-3', { status: 'banned' }),
  ], { document: { poolGroups: [{ id: 'main', name: 'Main', priority: 1 }] } }, async (own) => {
    const find = async (query) => (await admin(own.gateway, 'GET', `/keys?${query}`)).pagination.total;
    assert.equal(await find(''), 4);
    assert.equal(await find('status=active'), 2);
    assert.equal(await find('status=banned'), 1);
    assert.equal(await find('poolGroup=main'), 1);
    assert.equal(await find('provider=anthropic'), 1);
    assert.equal(await find('q=ada'), 1);
    const groups = await admin(own.gateway, 'GET', '/pool-groups');
    const byId = Object.fromEntries(groups.map((group) => [group.id, group]));
    assert.deepEqual([byId.main.total, byId.main.active, byId.default.total, byId.default.banned], [1, 1, 3, 1]);
    assert.deepEqual(await admin(own.gateway, 'DELETE', '/keys/disabled'), { count: 1 });
    assert.deepEqual(await admin(own.gateway, 'DELETE', '/keys/banned'), { count: 1 });
    assert.equal(stored(own).keys.length, 2);
    const stats = await admin(own.gateway, 'GET', '/stats');
    assert.deepEqual([stats.total, stats.active, stats.disabled, stats.banned], [2, 2, 0, 0]);
  }));

test('a key that is added, changed, disabled or removed counts at once', () =>
  withPool(null, {}, async (own) => {
    const { id } = await admin(own.gateway, 'POST', '/keys', { key: 'first' });
    assert.equal((await ask(own)).status, 200);
    await admin(own.gateway, 'PUT', `/keys/${id}`, { key: 'second' });
    assert.equal((await ask(own)).status, 200);
    await admin(own.gateway, 'PATCH', `/keys/${id}/toggle`);
    assert.equal((await ask(own)).status, 503);
    await admin(own.gateway, 'PATCH', `/keys/${id}/toggle`);
    assert.equal((await ask(own)).status, 200);
    await admin(own.gateway, 'DELETE', `/keys/${id}`);
    assert.equal((await ask(own)).status, 503);
    assert.deepEqual(await countsOf(own), { first: 1, second: 2 });
  }));

test('enabling ends a ban with all that led to it', () =>
  withPool(['poor~status=402~fail=1', 'rich'], {}, async (own) => {
    await ask(own);
    const key = (await keysOf(own.gateway))['poor~status=402~fail=1'];
    assert.equal(key.status, 'banned');
    const enabled = await admin(own.gateway, 'PATCH', `/keys/${key.id}/toggle`);
    assert.equal(enabled.status, 'active');
    assert.equal(enabled.banned_at, null);
    await askMany(own, 4);
    assert.deepEqual(await countsOf(own), { 'poor~status=402~fail=1': 3, rich: 3 });
  }));

// ---- tests and balances ---------------------------------------------------------------------------------------------

test('a key is tested by a real request with it, and no other', () =>
  withPool(['good', 'bad~status=401', 'poor~status=402', documentKey('off', { status: 'disabled' })], {}, async (own) => {
    const keys = await keysOf(own.gateway);
    const run = (secret) => admin(own.gateway, 'POST', `/keys/${keys[secret].id}/test`);
    const good = await run('good');
    assert.equal(good.success, true);
    assert.equal(good.status, 200);
    assert.ok(good.latency_ms >= 0);
    const bad = await run('bad~status=401');
    assert.deepEqual([bad.success, bad.status], [false, 401]);
    assert.equal((await run('poor~status=402')).key_status, 'banned');
    assert.equal((await run('off')).success, true);
    assert.deepEqual(await countsOf(own), { good: 1, 'bad~status=401': 1, 'poor~status=402': 1, off: 1 });
    const after = await keysOf(own.gateway);
    assert.deepEqual([after.good.last_test_result, after['bad~status=401'].last_test_result, after.off.status], ['success', 'failed', 'disabled']);
    await askMany(own, 4); // what failed its test is not used
    assert.equal((await countsOf(own)).good, 5);
  }));

test('all are tested, with progress', () =>
  withPool([...Array.from({ length: 30 }, (_, i) => `good-${i}`), 'bad~status=401', 'poor~status=402'], {}, async (own) => {
    const response = await admin(own.gateway, 'POST', '/keys/test-all', {}, { headers: { accept: 'text/event-stream' }, status: 200, limitMs: 60_000 });
    assert.match(response.header('content-type'), /^text\/event-stream/);
    const events = parseEvents(response.text).map(({ data }) => JSON.parse(data));
    assert.equal(events.length, 33);
    const summary = events.at(-1).data ?? events.at(-1);
    assert.deepEqual([summary.total, summary.tested, summary.success, summary.failed, summary.banned], [32, 32, 30, 2, 1]);
    const counts = await countsOf(own);
    assert.deepEqual(Object.values(counts), Array(32).fill(1));
    const whole = await admin(own.gateway, 'POST', '/keys/test-all', { status: 'active' }, { limitMs: 60_000 });
    assert.equal(whole.success, 30);
  }));

test('balances are fetched, kept, and counted on', () =>
  withPool(['one~allowance=1000000~used=400000', 'two~allowance=2000000', 'three~balance=401'], {}, async (own) => {
    const sync = await admin(own.gateway, 'POST', '/token/sync', {});
    assert.deepEqual([sync.total, sync.success, sync.failed], [3, 2, 1]);
    const keys = await keysOf(own.gateway);
    assert.deepEqual(sync.failed_keys, [keys['three~balance=401'].id]);
    const usage = await admin(own.gateway, 'GET', `/token/usage/${keys['one~allowance=1000000~used=400000'].id}`);
    assert.equal(usage.success, true);
    assert.equal(usage.standard.totalAllowance, 1_000_000);
    assert.equal(usage.standard.remaining, 600_000);
    const summary = await admin(own.gateway, 'GET', '/token/summary');
    assert.deepEqual([summary.total_limit, summary.total_used, summary.total_remaining, summary.successful_keys], [3_000_000, 400_000, 2_600_000, 2]);
    await waitFor('token_usage.json', () => JSON.stringify(own.gateway.readJson('data/token_usage.json')).includes('1000000'));
    await own.gateway.restart();
    assert.equal((await admin(own.gateway, 'GET', '/token/summary')).total_limit, 3_000_000);
  }));

test('a document of 10,000 keys starts at once', () =>
  withPool(Array.from({ length: 10_000 }, (_, i) => documentKey(`fk-${i}`, { id: `key_1767323045678_${String(i).padStart(9, '0')}` })), {}, async (own) => {
    assert.equal((await admin(own.gateway, 'GET', '/stats')).total, 10_000);
    await askMany(own, 50);
    assert.equal(Object.keys(await countsOf(own)).length, 50);
  }));

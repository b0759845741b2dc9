// SPDX-License-Identifier: MIT
// The key pool under traffic: its document, tiers, algorithms, and what failures do to keys and to requests.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  admin, ask, askMany, countsOf, dialectNames, dialects, documentKey, hasEnd, keysOf, poolDocument, textOfEvents,
  waitFor, withPool,
} from './kit/kit.mjs';

const tiers = [
  { id: 'freebies', name: 'Free keys', priority: 1, description: 'first' },
  { id: 'main', name: 'Main keys', priority: 2 },
  { id: 'premium', name: 'Premium keys', priority: 3 },
];
const multiTier = { enabled: true, autoFallback: true, strictMode: false };

// ---- the document ---------------------------------------------------------------------------------------------------

// Written by hand in the shape of the guide, with members that nobody here knows.
const handwritten = {
  keys: [
    documentKey('fk-free-one', { poolGroup: 'freebies', notes: 'first 第一', custom: { deep: [1, 2.50, null] } }),
    documentKey('fk-free-two', { poolGroup: 'freebies', status: 'disabled', usage_count: 7, total_requests: 7, success_requests: 6, error_count: 1 }),
    documentKey('fk-main-one', { poolGroup: 'main' }),
    documentKey('fk-premium-one', { poolGroup: 'premium' }),
    { id: 'key_1', key: 'fk-of-nobody', status: 'active', poolGroup: 'no-such-pool' },
    documentKey('fk-banned-one', { poolGroup: 'main', status: 'banned', banned_at: '2026-01-03T00:00:00.000Z', banned_reason: 'Payment Required - No Credits' }),
  ],
  poolGroups: tiers.map((tier) => ({ ...tier, colour: 'blue' })),
  config: { algorithm: 'round-robin', multiTier, extra: { untouched: 1e3 } },
  stats: { last_rotation_index: 3, somebody: 'else' },
  version: 'of another program',
};

test('a document of the guide loads, serves by tier, and is written back with nothing lost', () =>
  withPool(null, { files: { 'data/key_pool.json': handwritten } }, async (stack) => {
    const { gateway } = stack;
    await askMany(stack, 10, { width: 1 });
    assert.deepEqual(await countsOf(stack), { 'fk-free-one': 10 });
    await gateway.program.stop();
    const written = gateway.readJson('data/key_pool.json');

    // Everything that was there is there; of what counts, only the one key that served has changed.
    const changing = ['last_used_at', 'usage_count', 'total_requests', 'success_requests', 'error_count', 'success_rate', 'weight_score', 'tokens'];
    const unchanged = (key) => Object.fromEntries(Object.entries(key).filter(([name]) => !changing.includes(name)));
    assert.equal(written.keys.length, handwritten.keys.length);
    for (const [i, before] of handwritten.keys.entries()) {
      const after = written.keys[i];
      for (const [name, value] of Object.entries(unchanged(before))) {
        assert.deepEqual(after[name], value, `${before.key}: ${name}`);
      }
    }
    assert.equal(written.keys[0].usage_count, 10);
    assert.equal(written.keys[0].success_requests, 10);
    assert.equal(written.keys[1].usage_count, 7);
    assert.equal(written.keys[1].success_requests, 6);
    assert.deepEqual(written.poolGroups, handwritten.poolGroups);
    assert.equal(written.version, handwritten.version);
    assert.equal(written.stats.somebody, 'else');
    assert.deepEqual(written.config.extra, handwritten.config.extra);
    assert.deepEqual(written.config.multiTier, multiTier);
    assert.equal(written.config.algorithm, 'round-robin');
  }));

// The names that the guide's project has, and ours beside them.
const guideNames = [
  'id', 'key', 'status', 'created_at', 'last_used_at', 'usage_count', 'error_count', 'total_requests', 'success_requests',
  'success_rate', 'weight_score', 'last_error', 'last_test_at', 'last_test_result', 'banned_at', 'banned_reason', 'notes',
  'poolGroup', 'provider',
];
const ownNames = ['weight', 'proxy', 'maxInflight', 'cooldown_until', 'cooldowns', 'tokens', 'quota', 'window', 'errors_in_row', 'last_error_at'];

test('a document that this program makes has the names of the guide, and ours', () =>
  withPool(null, {}, async (stack) => {
    const { gateway } = stack;
    await admin(gateway, 'POST', '/pool-groups', { id: 'main', name: 'Main keys', priority: 2 });
    const { id } = await admin(gateway, 'POST', '/keys', { key: 'fk-new-one', notes: 'by the API', poolGroup: 'main' });
    assert.match(id, /^key_\d{13}_[a-z0-9]{9}$/);
    await admin(gateway, 'PUT', '/config', { algorithm: 'least-used' });
    await askMany(stack, 3);
    await gateway.program.stop();
    const written = gateway.readJson('data/key_pool.json');
    assert.deepEqual(Object.keys(written).sort(), ['config', 'keys', 'poolGroups', 'stats']);
    const [key] = written.keys;
    const missing = guideNames.filter((name) => !(name in key));
    const strange = Object.keys(key).filter((name) => !guideNames.includes(name) && !ownNames.includes(name));
    assert.deepEqual({ missing, strange }, { missing: [], strange: [] });
    assert.equal(key.key, 'fk-new-one');
    assert.equal(key.status, 'active');
    assert.equal(key.usage_count, 3);
    assert.equal(key.poolGroup, 'main');
    assert.match(key.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(written.poolGroups.map(({ id, name, priority }) => ({ id, name, priority })), [{ id: 'main', name: 'Main keys', priority: 2 }]);
    assert.equal(written.config.algorithm, 'least-used');
  }));

test('edited by hand while running: picked up, unless it does not parse', () =>
  withPool(['fk-one'], {}, async (stack) => {
    const { gateway } = stack;
    await askMany(stack, 2);
    gateway.write({ 'data/key_pool.json': poolDocument(['fk-two']) });
    await waitFor('the edit to be picked up', async () => {
      await stack.simulator.forget();
      await askMany(stack, 2);
      return (await countsOf(stack))['fk-two'] === 2;
    }, { everyMs: 100 });
    gateway.write({ 'data/key_pool.json': '{"keys":[' });
    await waitFor('a word about it', () => /key_pool\.json/.test(gateway.said.split('fk-two').at(-1)), { limitMs: 5000 });
    await askMany(stack, 2);
  }));

// ---- tiers ----------------------------------------------------------------------------------------------------------

const tierKeys = (free = '') => [
  documentKey(`free${free}`, { poolGroup: 'freebies' }), documentKey('main-one', { poolGroup: 'main' }),
  documentKey('premium-one', { poolGroup: 'premium' }), documentKey('of-default'),
];

test('tiers fall back in the order of their priority, the keys without one come last', () =>
  withPool(tierKeys(), { document: { poolGroups: tiers, config: { multiTier } } }, async (stack) => {
    for (const secret of ['free', 'main-one', 'premium-one', 'of-default']) {
      await stack.simulator.forget();
      await askMany(stack, 4);
      assert.deepEqual(await countsOf(stack), { [secret]: 4 });
      const { id } = (await keysOf(stack.gateway))[secret];
      await admin(stack.gateway, 'PATCH', `/keys/${id}/toggle`, { status: 'disabled' });
    }
  }));

test('a tier is left within one request', () =>
  withPool(tierKeys('~status=402'), { document: { poolGroups: tiers, config: { multiTier } } }, async (stack) => {
    const response = await ask(stack);
    assert.equal(response.status, 200);
    assert.equal(response.header('x-droid2api-attempts'), '2');
    assert.deepEqual(await countsOf(stack), { 'free~status=402': 1, 'main-one': 1 });
  }));

for (const [what, settings] of Object.entries({
  'without fallback': { ...multiTier, autoFallback: false },
  strict: { ...multiTier, strictMode: true },
})) {
  test(`tiers ${what}: the first that has keys decides`, () =>
    withPool(tierKeys('~status=429~retry-after=30'), { document: { poolGroups: tiers, config: { multiTier: settings } } }, async (stack) => {
      for (let i = 0; i < 2; i++) {
        const response = await ask(stack);
        assert.equal(response.status, 429, response.text);
        assert.ok(Number(response.header('retry-after')) > 20);
      }
      assert.deepEqual(Object.keys(await countsOf(stack)), ['free~status=429~retry-after=30']);
    }));
}

// ---- algorithms -----------------------------------------------------------------------------------------------------

const four = ['key-one', 'key-two', 'key-three', 'key-four'];
const withAlgorithm = (algorithm, keys, run, config = {}) => withPool(keys, { document: { config: { algorithm, ...config } } }, run);

test('round-robin is exact, one after the other and at once', () =>
  withAlgorithm('round-robin', [...four, 'key-five'], async (stack) => {
    for (const width of [1, 20]) {
      await stack.simulator.forget();
      await askMany(stack, 100, { width });
      assert.deepEqual(Object.values(await countsOf(stack)), [20, 20, 20, 20, 20], `width ${width}`);
    }
  }));

test('round-robin follows weights', () =>
  withAlgorithm('round-robin', [documentKey('light'), documentKey('heavy', { weight: 3 })], async (stack) => {
    await askMany(stack, 80, { width: 1 });
    assert.deepEqual(await countsOf(stack), { light: 20, heavy: 60 });
  }));

test('random is uniform', () =>
  withAlgorithm('random', four, async (stack) => {
    await askMany(stack, 400);
    for (const [key, n] of Object.entries(await countsOf(stack))) {
      assert.ok(n > 50 && n < 150, `${key} got ${n} of 400`); // 5.7 standard deviations
    }
  }));

test('least-used catches up', () =>
  withAlgorithm('least-used', [documentKey('old', { usage_count: 10, total_requests: 10 }), 'new-one', 'new-two'], async (stack) => {
    await askMany(stack, 20, { width: 1 });
    assert.deepEqual(await countsOf(stack), { 'new-one': 10, 'new-two': 10 });
    await stack.simulator.forget();
    await askMany(stack, 9, { width: 1 });
    assert.deepEqual(await countsOf(stack), { old: 3, 'new-one': 3, 'new-two': 3 });
  }));

for (const algorithm of ['least-token-used', 'time-window']) {
  test(`${algorithm} goes where least was used`, () =>
    withAlgorithm(algorithm, ['dear~tokens=3000', 'cheap~tokens=10'], async (stack) => {
      await askMany(stack, 30, { width: 1 });
      assert.deepEqual(await countsOf(stack), { 'dear~tokens=3000': 1, 'cheap~tokens=10': 29 });
    }));
}

for (const algorithm of ['max-remaining', 'quota-aware']) {
  test(`${algorithm} goes where most is left`, () =>
    withAlgorithm(algorithm, ['poor~allowance=1000', 'rich~allowance=9000000', 'spent~allowance=500000~used=499000'], async (stack) => {
      const sync = await admin(stack.gateway, 'POST', '/token/sync', {});
      assert.equal(sync.success, 3);
      await askMany(stack, 20, { width: 1 });
      assert.deepEqual(await countsOf(stack), { 'rich~allowance=9000000': 20 });
    }));
}

test('quota-aware leaves keys that are over their daily limit', () =>
  withAlgorithm('quota-aware', ['key-one~tokens=300', 'key-two~tokens=300'], async (stack) => {
    await askMany(stack, 2, { width: 1 });
    assert.deepEqual(Object.values(await countsOf(stack)), [1, 1]);
    const response = await ask(stack);
    assert.ok([429, 503].includes(response.status), response.text);
    assert.deepEqual(Object.values(await countsOf(stack)), [1, 1]);
  }, { quotaLimits: { per_key_daily_limit: 200 } }));

test('every algorithm serves, and may be changed while it runs', () =>
  withPool(four, {}, async (stack) => {
    for (const algorithm of ['round-robin', 'random', 'least-used', 'weighted-score', 'least-token-used', 'max-remaining', 'weighted-usage', 'quota-aware', 'time-window']) {
      await admin(stack.gateway, 'PUT', '/config', { algorithm });
      await stack.simulator.forget();
      await askMany(stack, 40);
      const counts = await countsOf(stack);
      assert.equal(Object.values(counts).reduce((sum, n) => sum + n, 0), 40, algorithm);
      assert.equal((await admin(stack.gateway, 'GET', '/stats')).algorithm, algorithm);
    }
  }));

// ---- failures -------------------------------------------------------------------------------------------------------

test('402 bans, and the next key serves in the same request', async (t) => {
  for (const dialect of dialectNames) {
    for (const stream of [false, true]) {
      await t.test(`${dialect}${stream ? ', stream' : ''}`, () =>
        withPool(['poor~status=402', 'rich'], {}, async (stack) => {
          let attempts = 0;
          for (let i = 0; i < 3; i++) {
            const response = await ask(stack, { dialect, stream });
            assert.equal(response.status, 200, response.text);
            attempts += Number(response.header('x-droid2api-attempts'));
            if (stream) {
              assert.ok(hasEnd(dialect, response.events) && textOfEvents(dialect, response.events).length > 0);
            }
          }
          assert.equal(attempts, 4);
          assert.deepEqual(await countsOf(stack), { 'poor~status=402': 1, rich: 3 });
          const key = (await keysOf(stack.gateway))['poor~status=402'];
          assert.equal(key.status, 'banned');
          assert.ok(key.banned_reason.length > 0 && key.banned_at !== null);
          const [stored] = stack.gateway.readJson('data/key_pool.json').keys.filter(({ id }) => id === key.id);
          await waitFor('the ban in the document', () =>
            stack.gateway.readJson('data/key_pool.json').keys.find(({ id }) => id === stored.id).status === 'banned');
        }));
    }
  }
});

test('what says that the credit is gone bans, whatever its status', async (t) => {
  for (const [dialect, status] of [['chat', 429], ['responses', 429], ['anthropic', 400], ['chat', 403], ['gemini', 429]]) {
    await t.test(`${dialect} ${status}`, () =>
      withPool([`poor~status=${status}~why=quota`, 'rich'], {}, async (stack) => {
        for (let i = 0; i < 2; i++) {
          assert.equal((await ask(stack, { dialect })).status, 200);
        }
        assert.equal((await keysOf(stack.gateway))[`poor~status=${status}~why=quota`].status, 'banned');
      }));
  }
});

test('401 and 403 cool down, and ban when it goes on', async (t) => {
  for (const dialect of dialectNames) {
    for (const status of [401, 403]) {
      await t.test(`${dialect} ${status}`, () =>
        withPool([`bad~status=${status}`, 'good'], { document: { config: { autoBan: { enabled: true, errorThreshold: 2 } } } }, async (stack) => {
          const bad = `bad~status=${status}`;
          await askMany(stack, 6, { dialect, width: 1 });
          assert.equal((await countsOf(stack))[bad], 1, 'it was tried while it cools down');
          let key = (await keysOf(stack.gateway))[bad];
          assert.equal(key.status, 'active');
          const wait = Date.parse(key.cooldown_until) - Date.now();
          assert.ok(wait > 30_000 && wait <= 60_000, `${wait} ms`);
          await admin(stack.gateway, 'DELETE', `/keys/${key.id}/cooldown`);
          await askMany(stack, 4, { dialect, width: 1 });
          key = (await keysOf(stack.gateway))[bad];
          assert.equal(key.status, 'banned', 'two errors in a row');
          assert.equal((await countsOf(stack))[bad], 2);
        }));
    }
  }
});

test('429 cools this key down for this model', async (t) => {
  for (const dialect of dialectNames) {
    await t.test(dialect, () =>
      withPool(['busy~status=429~retry-after=40', 'free'], {}, async (stack) => {
        const busy = 'busy~status=429~retry-after=40';
        await askMany(stack, 6, { dialect, width: 1 });
        const counts = await countsOf(stack);
        assert.deepEqual(counts, { [busy]: 1, free: 6 });
        const [cooldown, ...others] = await admin(stack.gateway, 'GET', '/cooldowns');
        assert.equal(others.length, 0);
        const wait = Date.parse(cooldown.until) - Date.now();
        assert.ok(wait > 30_000 && wait <= 41_000, `${wait} ms`);
        assert.equal((await keysOf(stack.gateway))[busy].status, 'active');
        const other = dialectNames.find((name) => name !== dialect);
        await askMany(stack, 2, { dialect: other, width: 1 });
        assert.equal((await countsOf(stack))[busy], 2, 'other models are another matter');
      }));
  }
});

test('a cooldown of 429 ends by itself, and outlives a restart until then', () =>
  withPool(['busy~status=429~retry-after=3~fail=1'], {}, async (stack) => {
    const { gateway } = stack;
    assert.equal((await ask(stack)).status, 429);
    await gateway.restart();
    const again = await ask(stack);
    if (again.status === 429) {
      assert.ok(Number(again.header('retry-after')) <= 3);
    }
    assert.ok((await countsOf(stack))['busy~status=429~retry-after=3~fail=1'] <= 2);
    await waitFor('its return', async () => (await ask(stack)).status === 200, { everyMs: 50 });
  }));

test('429 everywhere is 429, with the time of the first return', async (t) => {
  for (const dialect of dialectNames) {
    await t.test(dialect, () =>
      withPool(['one~status=429~retry-after=70', 'two~status=429~retry-after=20', 'three~status=429~retry-after=50'], {}, async (stack) => {
        for (let i = 0; i < 2; i++) {
          const response = await ask(stack, { dialect });
          assert.equal(response.status, 429, response.text);
          const wait = Number(response.header('retry-after'));
          assert.ok(wait > 10 && wait <= 20, `retry-after ${wait}`);
          const { type, code } = dialects[dialect].errorOf(response.json);
          if (dialect === 'chat' || dialect === 'responses') {
            assert.equal(type, 'rate_limit_error');
            assert.equal(code, 'no_available_key');
          } else {
            assert.match(type, /rate_limit_error|RESOURCE_EXHAUSTED/);
          }
        }
        assert.deepEqual(Object.values(await countsOf(stack)), [1, 1, 1]);
      }));
  }
});

test('the last refusal is told when no key is left, and what became of the key', async (t) => {
  for (const status of [401, 402, 403]) {
    await t.test(String(status), () =>
      withPool([`one~status=${status}`, `two~status=${status}`], {}, async (stack) => {
        const response = await ask(stack, { dialect: 'chat' });
        assert.equal(response.status, status, response.text);
        assert.match(response.json.error.message, /key/i);
        assert.deepEqual(Object.values(await countsOf(stack)), [1, 1]);
      }));
  }
});

test('errors of others do nothing to a key', async (t) => {
  for (const status of [400, 404, 413, 422]) {
    await t.test(`${status} is the client's, and relayed at once`, () =>
      withPool([`one~status=${status}`, `two~status=${status}`], {}, async (stack) => {
        const response = await ask(stack);
        assert.equal(response.status, status);
        assert.equal(response.header('x-droid2api-attempts'), '1');
        for (const key of Object.values(await keysOf(stack.gateway))) {
          assert.equal(key.status, 'active');
          assert.equal(key.cooldown_until, null);
          assert.equal(key.error_count, 0);
        }
      }));
  }
  for (const directive of ['status=500', 'status=503', 'status=529', 'reset=0', 'garbage=1']) {
    await t.test(`${directive} is the provider's`, () =>
      withPool([`one~${directive}`], {}, async (stack) => {
        for (let i = 0; i < 3; i++) {
          assert.ok((await ask(stack)).status >= 500);
        }
        const [key] = Object.values(await keysOf(stack.gateway));
        assert.equal(key.status, 'active');
        assert.equal(key.cooldown_until, null);
        assert.deepEqual(await admin(stack.gateway, 'GET', '/cooldowns'), []);
      }));
  }
  for (const status of [403, 429]) {
    await t.test(`${status} that names the address is the address's`, () => {
      const keys = ['one', 'two', 'three', 'four'].map((name) => `${name}~status=${status}~why=address`);
      return withPool(keys, {}, async (stack) => {
        assert.ok([403, 429, 502, 503].includes((await ask(stack)).status));
        for (const key of Object.values(await keysOf(stack.gateway))) {
          assert.equal(key.status, 'active');
          assert.equal(key.cooldown_until, null);
        }
        assert.deepEqual(await admin(stack.gateway, 'GET', '/cooldowns'), []);
      });
    });
  }
});

test('a quota that ends in the middle costs nobody an answer', () =>
  withPool(['short~tokens=50~quota=400', 'long~tokens=50'], {}, async (stack) => {
    await askMany(stack, 40, { width: 4 });
    const keys = await keysOf(stack.gateway);
    assert.equal(keys['short~tokens=50~quota=400'].status, 'banned');
    assert.equal(keys['long~tokens=50'].status, 'active');
    const { served, tokens } = (await stack.simulator.keys())['long~tokens=50'];
    assert.equal(keys['long~tokens=50'].success_requests, served);
    const metered = keys['long~tokens=50'].tokens;
    assert.equal(metered.input + metered.output, tokens);
  }));

test('no key is used by two more requests than it may have in flight', () =>
  withPool([documentKey('one~pace=30~tokens=10', { maxInflight: 1 }), documentKey('two~pace=30~tokens=10', { maxInflight: 1 })], {}, async (stack) => {
    await Promise.all([ask(stack, { stream: true }), ask(stack, { stream: true })]);
    assert.deepEqual(Object.values(await countsOf(stack)), [1, 1]);
    const first = ask(stack, { stream: true });
    const second = ask(stack, { stream: true });
    await waitFor('both', async () => (await stack.simulator.stats()).open === 2);
    const third = await ask(stack);
    assert.ok([429, 503].includes(third.status), third.text);
    assert.deepEqual([(await first).status, (await second).status], [200, 200]);
  }));

// ---- other levels ---------------------------------------------------------------------------------------------------

test('a pool without a usable key is no level', async (t) => {
  for (const status of ['disabled', 'banned']) {
    await t.test(`${status}: the client's own serves`, () =>
      withPool([documentKey('of-the-pool', { status })], {}, async (stack) => {
        assert.equal((await ask(stack)).status, 503);
        assert.equal((await ask(stack, { key: 'own-key' })).status, 200);
        assert.deepEqual(await countsOf(stack), { 'own-key': 1 });
      }));
  }
  await t.test('cooling is usable, later', () =>
    withPool(['busy~status=429~retry-after=60'], {}, async (stack) => {
      assert.equal((await ask(stack, { key: 'own-key' })).status, 429);
      assert.equal((await ask(stack, { key: 'own-key' })).status, 429);
      assert.deepEqual(await countsOf(stack), { 'busy~status=429~retry-after=60': 1 });
    }));
  await t.test('FACTORY_API_KEY goes before it', () =>
    withPool(['of-the-pool'], { env: { FACTORY_API_KEY: 'level-one' } }, async (stack) => {
      await askMany(stack, 3);
      assert.deepEqual(await countsOf(stack), { 'level-one': 3 });
    }));
  await t.test('a client credential never leaves while the pool serves', () =>
    withPool(['of-the-pool'], {}, async (stack) => {
      assert.equal((await ask(stack, { key: 'own-key' })).status, 200);
      assert.ok(!JSON.stringify(await stack.simulator.requests()).includes('own-key'));
    }));
});

// ---- probes ---------------------------------------------------------------------------------------------------------

// The ban is an hour and more ago: it was written into the document while the gateway did not run.
test('a banned key is probed when its time has come, and is in use again when it works', () =>
  withPool([
    documentKey('well-again', { status: 'banned', banned_at: '2026-01-03T00:00:00.000Z', banned_reason: '402 no credits' }),
    documentKey('still-poor~status=402', { status: 'banned', banned_at: '2026-01-04T00:00:00.000Z', banned_reason: '402 no credits' }),
    documentKey('just-banned', { status: 'banned', banned_at: new Date().toISOString(), banned_reason: '402 no credits' }),
    documentKey('off', { status: 'disabled', banned_at: '2026-01-03T00:00:00.000Z' }),
  ], { config: { key_pool: { autoBan: { probeMinutes: 60 } } } }, async (stack) => {
    const { gateway } = stack;
    assert.equal((await ask(stack)).status, 503);
    await waitFor('both probes', () => /its probe succeeded/.test(gateway.said) && /its probe failed/.test(gateway.said), { limitMs: 60_000 });
    const after = await keysOf(gateway);
    assert.deepEqual(Object.values(after).map(({ status }) => status), ['active', 'banned', 'banned', 'disabled']);
    assert.equal(after['well-again'].last_test_result, 'success');
    assert.equal(after['well-again'].banned_at, null);
    assert.equal(after['still-poor~status=402'].banned_at, '2026-01-04T00:00:00.000Z');
    assert.ok(Date.now() - Date.parse(after['still-poor~status=402'].last_test_at) < 60_000); // from where it waits again
    assert.equal((await ask(stack)).status, 200);
    assert.deepEqual(await countsOf(stack), { 'well-again': 2, 'still-poor~status=402': 1 });
    assert.equal(gateway.said.match(/its probe/g).length, 2);
  }));

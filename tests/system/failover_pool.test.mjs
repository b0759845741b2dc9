// SPDX-License-Identifier: MIT
// Failures with a pool of keys: no client sees what another key, way, tier or model could have spared him, and no key
// pays for what others have done.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import {
  admin, ask, askMany, countsOf, dialectNames, dialects, documentKey, freePort, hasEnd, listen, now, pause, Simulator,
  startConnectProxy, textOfEvents, waitFor, withPool,
} from './kit/kit.mjs';
import { dropPlan, setPlan } from './kit/scenarios.mjs';

const models = Object.fromEntries(dialectNames.map((name) => [name, dialects[name].model]));
const noBalances = { balance_sync: { enabled: false } }; // nothing but the test's own requests
const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);
const msSince = (at) => Number(now() - at) / 1e6;

// Names that stay apart in nine letters.
const manyKeys = (n, directives = '') => Array.from({ length: n }, (_, i) => `k${String(i).padStart(3, '0')}x${directives}`);

// All keys as they stand, in the order of the document.
async function listKeys({ gateway }) {
  return (await admin(gateway, 'GET', '/keys?limit=1000&sort=id')).keys.sort((a, b) => (a.id < b.id ? -1 : 1));
}

// What a failure may do to a key. Being used is not among it.
const marks = ({ id, status, error_count, last_error, banned_at, cooldown_until, inflight, total_requests, success_requests }) =>
  ({ id, status, error_count, last_error, banned_at, cooldown_until, inflight, failed: total_requests - success_requests });

async function assertUntouched(stack, before) {
  await waitFor('no request under way', async () => (await listKeys(stack)).every(({ inflight }) => inflight === 0));
  assert.deepEqual((await listKeys(stack)).map(marks), before.map(marks));
  assert.deepEqual(await admin(stack.gateway, 'GET', '/cooldowns'), []);
}

async function trailOf(stack, response) {
  const id = response.header('x-request-id');
  return waitFor('the request to be remembered', () => admin(stack.gateway, 'GET', `/requests/${id}`));
}

function assertWhole(dialect, response, { stream = false } = {}) {
  assert.equal(response.status, 200, response.text);
  assert.ok(response.isComplete);
  if (stream) {
    assert.ok(hasEnd(dialect, response.events), response.text);
  }
}

// ---- (a) no credit left ---------------------------------------------------------------------------------------------

test('402 under load: half of 50 keys run dry, no client sees an error, bans are on disk within a second', async (t) => {
  const counted = manyKeys(12, '~after=1~status=402'); // the second request for a model is the first 402
  const metered = Array.from({ length: 13 }, (_, i) => `q${String(i).padStart(3, '0')}x~quota=150`);
  const good = Array.from({ length: 25 }, (_, i) => `good${String(i).padStart(2, '0')}x`);
  await withPool([...counted, ...metered, ...good], {}, async (stack) => {
    const { gateway, simulator } = stack;
    const bannedAt = {};
    let isOver = false;
    const watch = async () => {
      while (!isOver) {
        gateway.readJson('data/key_pool.json').keys.filter(({ status }) => status === 'banned')
          .forEach(({ key }) => (bannedAt[key] ??= now()));
        await pause(10); // the resolution of what is measured
      }
    };
    const watching = watch();
    try {
      await Promise.all(dialectNames.map((dialect, i) => {
        const stream = i % 2 === 0;
        return askMany(stack, 110, { dialect, stream, width: 6, check: (response) => assertWhole(dialect, response, { stream }) });
      }));
      await waitFor('all bans on disk', () => [...counted, ...metered].every((key) => bannedAt[key]));
    } finally {
      isOver = true;
      await watching;
    }
    assert.ok(good.every((key) => !bannedAt[key]));
    const delays = [];
    for (const key of counted) {
      const seen = new Set();
      const first402 = (await simulator.requests({ key })).sort((a, b) => a.id - b.id).find(({ model }) => seen.has(model) || !seen.add(model));
      delays.push((Number(bannedAt[key]) - first402.ended_ns) / 1e6);
    }
    delays.sort((a, b) => a - b);
    t.diagnostic(`from the first 402 of a key to its ban on disk: ${delays.map((ms) => ms.toFixed(0)).join(', ')} ms`);
    assert.ok(delays[delays.length >> 1] <= 1000, `${delays} ms`);
    const left = await listKeys(stack);
    assert.deepEqual([...new Set(left.map(({ status, error_count }) => `${status} ${error_count > 0}`))].sort(), ['active false', 'banned true']);
  });
});

// ---- (b) limits everywhere ------------------------------------------------------------------------------------------

for (const [n, asked] of [[1, 2], [2, 2], [5, 2], [1, 0], [2, 0], [5, 0]]) {
  const who = n === 1 ? 'the only key' : `all ${n} keys`;
  test(`429 of ${who} with${asked ? ` retry-after: ${asked}` : 'out retry-after'} is 429 with one, and passes by itself`, (t) =>
    withPool(manyKeys(n), {}, async (stack) => {
      await Promise.all(dialectNames.map(async (dialect) => {
        await setPlan(stack, models[dialect], `status=429${asked ? `~retry-after=${asked}` : ''}`);
        for (let i = 0; i < 3; i++) {
          const response = await ask(stack, { dialect, stream: i === 1 });
          assert.equal(response.status, 429, `${dialect}: ${response.text}`);
          assert.match(response.header('retry-after') ?? 'none', /^[12]$/, dialect);
        }
        await dropPlan(stack, models[dialect]);
      }));
      const arrived = sum(Object.values(await countsOf(stack)));
      assert.ok(!asked || arrived <= 4 * Math.max(3, n), `${arrived} requests reached the provider: they were told to stay away`);
      const since = now();
      await Promise.all(dialectNames.map((dialect) => waitFor(`${dialect} to be served`, async () => {
        const response = await ask(stack, { dialect });
        assert.ok([200, 429].includes(response.status), response.text);
        return response.status === 200;
      }, { everyMs: 50 })));
      t.diagnostic(`served again ${msSince(since).toFixed(0)} ms later`);
      assert.ok((await listKeys(stack)).every(({ status }) => status === 'active'));
    }));
}

// ---- (c) the address ------------------------------------------------------------------------------------------------

for (const status of [429, 403]) {
  test(`${status} that names the network address: none of 100 keys is touched`, () =>
    withPool(manyKeys(100), {}, async (stack) => {
      const before = await listKeys(stack);
      await setPlan(stack, models.anthropic, `status=${status}~why=address${status === 429 ? '~retry-after=1' : ''}`);
      await askMany(stack, 150, { width: 50, check: (response) => assert.ok([status, 429, 502, 503, 529].includes(response.status), response.text) });
      await assertUntouched(stack, before);
      await dropPlan(stack, models.anthropic);
      await waitFor('service', async () => (await ask(stack)).status === 200, { everyMs: 50 });
      await assertUntouched(stack, before);
    }));
}

for (const status of [429, 401]) {
  test(`${status} of all 100 keys at once is not their fault`, () =>
    withPool(manyKeys(100), { document: { config: { autoBan: { enabled: true, errorThreshold: 1 } } } }, async (stack) => {
      await setPlan(stack, models.anthropic, `status=${status}`);
      await askMany(stack, 150, { width: 50, check: (response) => assert.ok(response.status >= 400, response.text) });
      const after = await listKeys(stack);
      assert.ok(after.every((key) => key.status === 'active' && key.inflight === 0), JSON.stringify(after.filter((key) => key.status !== 'active')));
      assert.deepEqual(await admin(stack.gateway, 'GET', '/cooldowns'), []);
      // Those under way when the third failed were judged before or after it, never both.
      assert.ok(sum(after.map(({ error_count }) => error_count)) <= 2, 'more than two were blamed before it was clear');
      await dropPlan(stack, models.anthropic);
      await waitFor('service', async () => (await ask(stack)).status === 200, { everyMs: 50 });
      await askMany(stack, 100);
    }));
}

// ---- (d) an outage --------------------------------------------------------------------------------------------------

const outageMs = Number(process.env.OUTAGE_MS ?? 3000);

test(`the provider is down for ${outageMs / 1000} s: no key changes, and service is back at once`, (t) =>
  withPool(manyKeys(10), {}, async (stack) => {
    const { simulator } = stack;
    await askMany(stack, 20);
    const before = await listKeys(stack);
    await simulator.down();
    let isUp = false;
    let upAt;
    let servedAt;
    const statuses = new Set();
    const client = async (dialect) => {
      while (!servedAt) {
        const response = await ask(stack, { dialect });
        if (response.status === 200) {
          servedAt ??= now();
        }
        statuses.add(response.status);
        assert.ok(response.status === 200 ? isUp : [502, 503, 529].includes(response.status), `${response.status} ${response.text}`);
        await pause(20); // the pace of the clients, and the resolution of what is measured
      }
    };
    const bring = async () => {
      await pause(outageMs); // the outage itself: it is long, not waited out
      assert.equal(servedAt, undefined);
      isUp = true;
      await simulator.up();
      upAt = now();
    };
    await Promise.all([...Array.from({ length: 8 }, (_, i) => client(dialectNames[i % 4])), bring()]);
    const backMs = Number(servedAt - upAt) / 1e6;
    t.diagnostic(`served again ${backMs.toFixed(0)} ms after the provider was up; meanwhile ${[...statuses]}`);
    await Promise.all(dialectNames.map((dialect) => waitFor(dialect, async () => (await ask(stack, { dialect })).status === 200)));
    await assertUntouched(stack, before);
    assert.ok(backMs <= 3000, `${backMs} ms`); // a second, and what a loaded machine adds
    await Promise.all(dialectNames.map((dialect) => askMany(stack, 20, { dialect })));
  }));

test('an outage that a fallback elsewhere covers is seen by nobody', async () => {
  const other = await Simulator.start();
  try {
    await withPool(manyKeys(3), {
      config: {
        endpoint: [
          { name: 'main', type: 'anthropic', base_url: `http://127.0.0.1:${await freePort()}/api/llm/a/v1/messages` },
          { name: 'backup', type: 'anthropic', base_url: `${other.url}/api/llm/a/v1/messages` },
        ],
        models: [
          { id: 'm-claude', name: 'm-claude', type: 'anthropic', endpoint: 'main', fallbacks: ['backup'] },
          { id: 'backup', name: 'backup', type: 'anthropic', endpoint: 'backup' },
        ],
      },
    }, async (stack) => {
      const before = await listKeys(stack);
      await askMany(stack, 100, { stream: true, check: (response) => assertWhole('anthropic', response, { stream: true }) });
      await assertUntouched(stack, before);
    });
  } finally {
    await other.stop();
  }
});

// ---- (e) rubbish ----------------------------------------------------------------------------------------------------

// What a provider says about keys and credit, said by a client.
const lies = [
  'insufficient_quota', 'invalid api key', 'invalid_api_key', 'Your credit balance is too low to access the API', 'payment required',
  'You exceeded your current quota', 'rate limit reached', 'authentication_error', 'Too many requests from this IP address',
  'this organization has been disabled', 'API key not valid. Please pass a valid API key.', 'no credits', '余额不足',
  'insufficient_quota"},"type":"error', 'billing_hard_limit_reached', 'permission_denied',
];
const quoted = (lie) => JSON.stringify(lie).slice(1, -1);

function rubbish(i) {
  const dialect = dialectNames[i % 4];
  const lie = lies[(i >> 2) % lies.length];
  const good = dialects[dialect].body({ model: models[dialect], text: lie });
  const rows = [
    { body: '' },
    { body: `{"model": ${lie}` },
    { body: quoted(lie) },
    { body: JSON.stringify([good]) },
    { body: JSON.stringify({ ...good, [lie]: lie }) },
    { body: JSON.stringify({ [lie]: { type: lie }, ...good }) },
    { body: JSON.stringify({ ...good, messages: [{ role: lie, content: lie }], input: [{ role: lie, content: lie }], contents: [{ role: lie, parts: [{ text: lie }] }] }) },
    { body: JSON.stringify({ ...good, tools: [{ type: lie, name: lie, function: { name: lie } }] }) },
    { body: JSON.stringify({ ...good, messages: lie, input: 7, contents: lie }) },
    { body: JSON.stringify(dialects[dialect].body({ model: lie, text: lie })), model: 'no-such-model' },
    { body: JSON.stringify({ ...good, stream: lie }) },
  ];
  return { dialect, ...rows[i % rows.length] };
}

test('a client that sends rubbish 1,000 times does not harm a key', (t) =>
  withPool(manyKeys(5, '~strict=1'), { document: { config: { autoBan: { enabled: true, errorThreshold: 1, ban401: true } } } }, async (stack) => {
    const before = await listKeys(stack);
    const statuses = {};
    let i = 0;
    const one = async () => {
      while (i < 1000) {
        const response = await ask(stack, rubbish(i++));
        statuses[response.status] = (statuses[response.status] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: 8 }, one));
    t.diagnostic(`answers: ${JSON.stringify(statuses)}; ${sum(Object.values(await countsOf(stack)))} reached the provider`);
    assert.ok(sum(Object.values(await countsOf(stack))) >= 200, 'hardly any of it reached the provider');
    await assertUntouched(stack, before);
    assert.equal((await ask(stack)).status, 200);
  }));

// How providers quote what they refuse, with the client's words where his are.
const quotes = {
  anthropic: [
    (lie) => ({ type: 'error', error: { type: 'invalid_request_error', message: `${lie}: Extra inputs are not permitted` } }),
    (lie) => ({ type: 'error', error: { type: 'invalid_request_error', message: `messages.0.role: Input should be 'user' or 'assistant', got '${lie}'` } }),
  ],
  chat: [
    (lie) => ({ error: { message: `Invalid value: '${lie}'. Supported values are: 'system', 'user'.`, type: 'invalid_request_error', param: 'messages[0].role', code: 'invalid_value' } }),
    (lie) => ({ error: { message: `Unknown parameter: '${lie}'.`, type: 'invalid_request_error', param: lie, code: 'unknown_parameter' } }),
  ],
  responses: [
    (lie) => ({ error: { message: `Unknown parameter: '${lie}'.`, type: 'invalid_request_error', param: lie, code: 'unknown_parameter' } }),
    (lie) => ({ detail: [{ type: 'string_type', loc: ['body', lie], msg: 'Input should be a valid string', input: lie }] }),
  ],
  gemini: [
    (lie) => ({ error: { code: 400, message: `Invalid JSON payload received. Unknown name "${lie}": Cannot find field.`, status: 'INVALID_ARGUMENT',
      details: [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ description: `Invalid JSON payload received. Unknown name "${lie}": Cannot find field.` }] }] } }),
    (lie) => ({ error: { code: 400, message: `${lie} is not a valid role`, status: 'INVALID_ARGUMENT' } }),
  ],
};

test('a 400 that quotes the client says nothing about the key', async (t) => {
  for (const dialect of dialectNames) {
    await t.test(dialect, () =>
      withPool(['one', 'two'], { document: { config: { autoBan: { enabled: true, errorThreshold: 1, ban401: true } } } }, async (stack) => {
        const before = await listKeys(stack);
        for (const quote of quotes[dialect]) {
          for (const lie of lies) {
            await setPlan(stack, models[dialect], `status=400~body=${encodeURIComponent(JSON.stringify(quote(lie)))}`);
            const response = await ask(stack, { dialect, text: lie });
            const blamed = (await listKeys(stack)).filter((key, i) => JSON.stringify(marks(key)) !== JSON.stringify(marks(before[i])));
            assert.deepEqual({ lie, status: response.status, attempts: response.header('x-droid2api-attempts'), blamed: blamed.map(marks) },
              { lie, status: 400, attempts: '1', blamed: [] });
          }
        }
      }));
  }
});

// ---- (g) 500 --------------------------------------------------------------------------------------------------------

test('25 times 500 in a row: the breaker opens, no key is banned, and all works afterwards', (t) =>
  withPool(manyKeys(3), {}, async (stack) => {
    const { simulator } = stack;
    const before = await listKeys(stack);
    await setPlan(stack, models.anthropic, 'status=500~head=100');
    await Promise.all(Array.from({ length: 25 }, async () => assert.ok((await ask(stack)).status >= 500)));
    assert.ok(sum(Object.values(await countsOf(stack))) >= 25);
    // By now it is open: a request does not reach the provider before its rest is over.
    const { trail } = await trailOf(stack, await ask(stack));
    assert.ok(trail.some(({ outcome, reason }) => outcome === 'skipped' && reason === 'breaker'), JSON.stringify(trail));
    await simulator.forget();
    const since = now();
    await Promise.all(Array.from({ length: 25 }, () => ask(stack)));
    const probes = sum(Object.values(await countsOf(stack)));
    t.diagnostic(`open: ${probes} of 25 requests reached the provider in ${msSince(since).toFixed(0)} ms`);
    assert.ok(probes <= 2 + msSince(since) / 500, `${probes} attempts`);
    await assertUntouched(stack, before);
    await dropPlan(stack, models.anthropic);
    await waitFor('service', async () => (await ask(stack)).status === 200);
    await askMany(stack, 30);
    await assertUntouched(stack, before);
  }));

// ---- (h) the line ---------------------------------------------------------------------------------------------------

async function inflight({ gateway }) {
  return Number(/^droid2api_inflight_requests (\d+)$/m.exec((await gateway.call({ path: '/metrics' })).text)[1]);
}

// Requests that are sent one after the other, each when the one before is known to wait.
async function lineUp(stack, n) {
  const answers = [];
  for (let i = 0; i < n; i++) {
    let early;
    answers.push(ask(stack, { text: `waiter-${i}` }).then((response) => (early = response)));
    await waitFor(`waiter ${i} in the line`, async () => {
      const isLimited = (await admin(stack.gateway, 'GET', '/cooldowns')).length === 1; // the provider has said so
      const n = await inflight(stack);
      assert.ok(early === undefined, `waiter ${i} was answered at once: ${early?.status} ${early?.text}`);
      return isLimited && n === i + 1;
    }, { fatal: () => early !== undefined });
  }
  return answers;
}

test('who waits for a key is served in the order of coming', () =>
  withPool([documentKey('only~status=429~retry-after=3~fail=1', { maxInflight: 1 })], { env: { POOL_WAIT_MS: '20000' }, config: noBalances }, async (stack) => {
    const { simulator } = stack;
    const answers = await lineUp(stack, 8);
    assert.deepEqual(Object.values(await countsOf(stack)), [1]);
    for (const answer of answers) {
      assertWhole('anthropic', await answer);
    }
    const arrived = (await simulator.bodiesOf('only~status=429~retry-after=3~fail=1')).map(({ messages }) => messages[0].content);
    assert.deepEqual(arrived, ['waiter-0', ...answers.map((_, i) => `waiter-${i}`)]);
  }));

test('the line has an end: who finds it full is told to come again', () =>
  withPool(['only~status=429~retry-after=3~fail=1'], { env: { POOL_WAIT_MS: '20000' }, config: { limits: { pool_queue_max: 3 } } }, async (stack) => {
    const answers = await lineUp(stack, 3);
    const response = await ask(stack);
    assert.equal(response.status, 429, response.text);
    assert.match(response.header('retry-after') ?? 'none', /^[123]$/);
    for (const answer of answers) {
      assertWhole('anthropic', await answer);
    }
  }));

test('nobody waits longer than POOL_WAIT_MS', () =>
  withPool(['only~status=429~retry-after=60'], { env: { POOL_WAIT_MS: '500' } }, async (stack) => {
    for (let i = 0; i < 2; i++) {
      const since = now();
      const response = await ask(stack);
      assert.equal(response.status, 429, response.text);
      assert.ok(msSince(since) >= 450, 'it did not wait');
      const wait = Number(response.header('retry-after'));
      assert.ok(wait > 50 && wait <= 60, `retry-after ${wait}`);
      const { trail } = await trailOf(stack, response);
      assert.ok(trail.some(({ outcome }) => outcome === 'waited'), JSON.stringify(trail));
    }
    assert.deepEqual(Object.values(await countsOf(stack)), [1]);
  }));

test('the line waits for a key that is busy, too', () =>
  withPool([documentKey('only~head=300', { maxInflight: 1 })], { env: { POOL_WAIT_MS: '20000' } }, async (stack) => {
    await askMany(stack, 6, { width: 6, check: (response) => assertWhole('anthropic', response) });
  }));

// ---- (i) proxies ----------------------------------------------------------------------------------------------------

const account = { user: 'a', password: 'b' };

// Ways in which a proxy is dead; {port, stop}.
const deadProxies = {
  'refuses connections': async () => ({ port: await freePort(), stop: () => {} }),
  'hangs up': () => listen(net.createServer((socket) => socket.destroy())),
  'wants other credentials': () => startConnectProxy({ user: 'somebody', password: 'else' }),
};

async function withProxies(startDead, keys, options, run) {
  const [good, dead] = [await startConnectProxy(account), await startDead()];
  const proxies = Object.entries({ dead, good }).map(([name, { port }]) => ({ name, url: `http://a:b@127.0.0.1:${port}` }));
  try {
    await withPool(keys, { config: { proxies, ...options } }, (stack) => run(stack, { good, dead }));
  } finally {
    await good.stop();
    await dead.stop();
  }
}

for (const [what, startDead] of Object.entries(deadProxies)) {
  test(`one of two proxies ${what}: requests go the other way, no key is blamed`, () =>
    withProxies(startDead, manyKeys(4), {}, async (stack, { good }) => {
      const before = await listKeys(stack);
      for (const dialect of dialectNames) {
        await askMany(stack, 25, { dialect, width: 5, stream: true, check: (response) => assertWhole(dialect, response, { stream: true }) });
      }
      assert.ok(good.seen.connects.length > 0);
      assert.equal(sum(Object.values(await countsOf(stack))), 100);
      await assertUntouched(stack, before);
    }));

  test(`the proxy of one key ${what}: other keys serve, none is blamed`, () =>
    withProxies(startDead, [documentKey('behind-dead', { proxy: 'dead' }), documentKey('behind-good', { proxy: 'good' })], {}, async (stack) => {
      const before = await listKeys(stack);
      await askMany(stack, 40, { width: 4, check: (response) => assertWhole('anthropic', response) });
      assert.deepEqual(await countsOf(stack), { 'behind-good': 40 });
      await assertUntouched(stack, before);
    }));
}

test('a key whose own proxy is dead does not show itself elsewhere', () =>
  withProxies(deadProxies['refuses connections'], [documentKey('behind-dead', { proxy: 'dead' })], noBalances, async (stack, { good }) => {
    const before = await listKeys(stack);
    const response = await ask(stack);
    assert.ok([502, 503].includes(response.status), response.text);
    assert.deepEqual([good.seen.connects.length, await countsOf(stack)], [0, {}]);
    await assertUntouched(stack, before);
  }));

// ---- (j) tiers ------------------------------------------------------------------------------------------------------

test('a tier whose keys are all out of credit makes way for the next within one request', async (t) => {
  for (const dialect of dialectNames) {
    await t.test(dialect, () => {
      const first = manyKeys(8, '~status=402').map((secret) => documentKey(secret, { poolGroup: 'first' }));
      const second = ['second-a', 'second-b'].map((secret) => documentKey(secret, { poolGroup: 'second' }));
      const poolGroups = [{ id: 'first', name: 'first', priority: 1 }, { id: 'second', name: 'second', priority: 2 }];
      const multiTier = { enabled: true, autoFallback: true, strictMode: false };
      return withPool([...second, ...first], { document: { poolGroups, config: { multiTier } } }, async (stack) => {
        const response = await ask(stack, { dialect, stream: true });
        assertWhole(dialect, response, { stream: true });
        assert.equal(response.header('x-droid2api-attempts'), '9');
        const { trail, attempts, key } = await trailOf(stack, response);
        assert.equal(attempts, 9);
        assert.deepEqual(trail.map(({ outcome, status }) => `${outcome} ${status}`), [...Array(8).fill('http_4xx 402'), 'ok 200']);
        assert.ok(trail.slice(0, 8).every(({ reason }) => reason === 'key_credit'));
        assert.ok(second.some(({ id }) => id === key), key);
        assert.equal((await ask(stack, { dialect })).header('x-droid2api-attempts'), '1');
        assert.deepEqual((await listKeys(stack)).map(({ status }) => status).sort(), [...Array(2).fill('active'), ...Array(8).fill('banned')]);
      });
    });
  }
});

// ---- (k) fallbacks --------------------------------------------------------------------------------------------------

const modelIn = {
  anthropic: (json) => json.model, chat: (json) => json.model, responses: (json) => json.model, gemini: (json) => json.modelVersion,
};

test('a fallback of another dialect at another provider answers under its own name', async (t) => {
  const other = await Simulator.start();
  const paths = { anthropic: '/api/llm/a/v1/messages', responses: '/api/llm/o/v1/responses', chat: '/api/llm/o/v1/chat/completions', gemini: '' };
  const next = (dialect) => dialectNames[(dialectNames.indexOf(dialect) + 1) % 4];
  const config = (url) => ({
    endpoint: dialectNames.flatMap((name) => [
      { name: `main-${name}`, type: dialects[name].type, base_url: `${url}${paths[name]}` },
      { name: `other-${name}`, type: dialects[name].type, base_url: `${other.url}${paths[name]}` },
    ]),
    models: dialectNames.flatMap((name) => [
      { id: models[name], name, type: dialects[name].type, endpoint: `main-${name}`, fallbacks: [`other-${name}`, `other-${next(name)}`] },
      { id: `other-${name}`, name, type: dialects[name].type, endpoint: `other-${name}` },
    ]),
  });
  try {
    const simulator = await Simulator.start();
    try {
      await withPool(['one', 'two'], { config: config(simulator.url) }, async (stack) => {
        const main = { simulator };
        const elsewhere = { simulator: other };
        const before = await listKeys(stack);
        for (const dialect of dialectNames) {
          await t.test(`${dialect} ← ${next(dialect)}`, async () => {
            await setPlan(main, models[dialect], 'status=503');
            await setPlan(elsewhere, `other-${dialect}`, 'status=529');
            const response = await ask(stack, { dialect });
            assertWhole(dialect, response);
            assert.equal(modelIn[dialect](response.json), `other-${next(dialect)}`);
            assert.equal(response.header('x-droid2api-attempts'), '3');
            const request = await trailOf(stack, response);
            assert.deepEqual(request.trail.map(({ endpoint, model, outcome, status }) => [endpoint, model, outcome, status]), [
              [`main-${dialect}`, models[dialect], 'http_5xx', 503],
              [`other-${dialect}`, `other-${dialect}`, 'http_5xx', 529],
              [`other-${next(dialect)}`, `other-${next(dialect)}`, 'ok', 200],
            ]);
            assert.ok(request.trail.every(({ took_ms, began_ms }) => took_ms >= 0 && began_ms >= 0));
            assert.deepEqual([request.model, request.upstream_model, request.attempts, request.status], [models[dialect], `other-${next(dialect)}`, 3, 200]);
            const line = new RegExp(`trail="[^"]*main-${dialect}/[^"]*503[^"]*other-${next(dialect)}/[^"]*ok 200`);
            await waitFor('the line in the log', () => line.test(stack.gateway.said));
            const stream = await ask(stack, { dialect, stream: true });
            assertWhole(dialect, stream, { stream: true });
            assert.ok(textOfEvents(dialect, stream.events).length > 0);
            await dropPlan(elsewhere, `other-${dialect}`);
          });
        }
        await assertUntouched(stack, before);
      });
    } finally {
      await simulator.stop();
    }
  } finally {
    await other.stop();
  }
});

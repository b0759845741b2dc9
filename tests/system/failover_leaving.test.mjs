// SPDX-License-Identifier: MIT
// What a client does while others fail: he leaves, in whatever phase; or he is kept alive, and notices nothing.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import {
  admin, adminKey, ask, countsOf, dialectNames, dialects, endsWithError, listen, modelRequest, now, parseEvents,
  requestBytes, simulatorConfig, Stack, textOfEvents, waitFor, Wire, within, withPool,
} from './kit/kit.mjs';
import { dropPlan, setPlan } from './kit/scenarios.mjs';
import { sdkClients } from './kit/sdk_clients.mjs';

const noBalances = { balance_sync: { enabled: false } }; // nothing but the test's own requests
const models = Object.fromEntries(dialectNames.map((name) => [name, dialects[name].model]));
const limitMs = 100;

// ---- leaving --------------------------------------------------------------------------------------------------------

const marks = ({ id, status, error_count, last_error, cooldown_until, inflight, total_requests, success_requests }) =>
  ({ id, status, error_count, last_error, cooldown_until, inflight, failed: total_requests - success_requests });
const keysIn = async ({ gateway }) => (await admin(gateway, 'GET', '/keys?limit=100')).keys;

async function inflight({ gateway }) {
  return Number(/^droid2api_inflight_requests (\d+)$/m.exec((await gateway.call({ path: '/metrics' })).text)[1]);
}

// Whoever says that the connection is to be closed, and closes his side of it, may still wait for the answer.
async function begin(stack, dialect, options = {}) {
  const wire = await Wire.connect(stack.port);
  wire.send(requestBytes(modelRequest(dialect, { close: false, ...options })));
  return wire;
}

async function assertForgotten(stack, before) {
  await waitFor('nothing under way', async () => await inflight(stack) === 0 && (await keysIn(stack)).every((key) => key.inflight === 0));
  assert.deepEqual((await keysIn(stack)).map(marks), before.map(marks));
  assert.deepEqual(await admin(stack.gateway, 'GET', '/cooldowns'), []);
}

// The best of a few counts: what a busy machine adds is not the gateway's doing.
function assertSoon(t, delays) {
  t.diagnostic(`the upstream was closed after ${delays.map((ms) => ms.toFixed(1)).join(', ')} ms`);
  assert.ok(Math.min(...delays) <= limitMs, `closed after ${delays} ms`);
}

const newest = async (stack) => (await stack.simulator.requests({ limit: 1 }))[0];

// The provider has had it for so long that some of the answer is with the gateway.
const isUnderWay = ({ outcome, started_ns: at }) => outcome === 'open' && Number(now()) - at > 300e6;

// Phases in which the provider has the request. `isThere` says when the client may go.
const phases = {
  'the head is awaited': { plan: 'hang=before', isThere: (request) => request.outcome === 'open' },
  'the first event is awaited': { plan: 'hang=head', stream: true, isThere: (request) => request.outcome === 'open' },
  'half of a body is there': { plan: 'hang=200', isThere: isUnderWay },
  'the answer is held back': {
    plan: 'pace=20~tokens=400', stream: true, env: { STREAM_HOLD_BACK_MS: '-1' },
    isThere: (request, wire) => isUnderWay(request) && wire.received.length === 0,
  },
  'it streams': { plan: 'pace=20~tokens=400', stream: true, isThere: (_, wire) => wire.received.length > 2000 },
  'it is kept alive': {
    plan: 'hang=before', stream: true, env: { STREAM_KEEPALIVE_MS: '50' }, only: ['anthropic', 'chat', 'responses'],
    isThere: (_, wire) => wire.received.length > 0,
  },
};

for (const [phase, { plan, stream, env, isThere, only = dialectNames }] of Object.entries(phases)) {
  test(`the client leaves while ${phase}`, (t) =>
    withPool(['one', 'two'], { env, config: noBalances }, async (stack) => {
      const before = await keysIn(stack);
      const delays = [];
      for (const dialect of only) {
        await setPlan(stack, models[dialect], plan);
        const wire = await begin(stack, dialect, { stream });
        await waitFor(phase, async () => {
          const request = await newest(stack);
          return request?.model === models[dialect] && isThere(request, wire);
        });
        const at = now();
        wire.close();
        const { id } = await newest(stack);
        const request = await waitFor('its end', async () => {
          const [found] = (await stack.simulator.requests()).filter((one) => one.id === id && one.outcome !== 'open');
          return found;
        });
        assert.equal(request.outcome, 'aborted');
        delays.push((request.ended_ns - Number(at)) / 1e6);
        await dropPlan(stack, models[dialect]);
      }
      assertSoon(t, delays);
      await assertForgotten(stack, before);
      assert.equal((await ask(stack)).status, 200);
      const counts = Object.values(await countsOf(stack));
      assert.equal(counts.reduce((sum, n) => sum + n, 0), only.length + 1, 'something was tried again for nobody');
    }));
}

test('what was streamed until the client left is accounted, and flagged as a part', async (t) => {
  for (const [dialect, model] of [['anthropic', 'm-claude'], ['chat', 'm-claude']]) { // who tells usage at once
    await t.test(`${dialect} ← ${model}`, () =>
      withPool(['one'], { config: noBalances }, async (stack) => {
        await setPlan(stack, model, 'pace=10~tokens=400');
        const wire = await begin(stack, dialect, { model, stream: true });
        const response = await wire.head();
        await waitFor('some of it', () => wire.received.length > 2000);
        wire.close();
        const id = response.header('x-request-id');
        const request = await waitFor('the request to be remembered', () => admin(stack.gateway, 'GET', `/requests/${id}`));
        assert.ok(request.tokens.input > 0, JSON.stringify(request));
        const [key] = await keysIn(stack);
        assert.equal(key.tokens.input, request.tokens.input);
        assert.equal(key.tokens.output, request.tokens.output ?? 0);
        assert.equal(request.tokens.is_partial, true, JSON.stringify(request));
      }));
  }
});

// A server that takes connections and never says a word; `closedAt` are the times when they ended.
async function startMute() {
  const seen = { sockets: 0, closedAt: [] };
  const server = await listen(net.createServer((socket) => {
    seen.sockets++;
    socket.resume().on('close', () => seen.closedAt.push(now()));
  }));
  return { ...server, seen };
}

const waysToNowhere = {
  'a proxy connects': ({ port }) => ({ proxies: [{ name: 'mute', url: `http://a:b@127.0.0.1:${port}` }] }),
  'TLS is negotiated': ({ port }) => ({
    endpoint: [{ name: 'anthropic', type: 'anthropic', base_url: `https://127.0.0.1:${port}/v1/messages` }],
    models: [{ id: 'm-claude', name: 'm-claude', type: 'anthropic', reasoning: 'auto' }],
  }),
};

for (const [phase, configOf] of Object.entries(waysToNowhere)) {
  test(`the client leaves while ${phase}`, async (t) => {
    const mute = await startMute();
    try {
      await withPool(['one', 'two'], { config: { ...configOf(mute), ...noBalances } }, async (stack) => {
        const before = await keysIn(stack);
        const delays = [];
        for (let i = 0; i < 4; i++) {
          const wire = await begin(stack, 'anthropic');
          await waitFor(phase, () => mute.seen.sockets === i + 1);
          const at = now();
          wire.close();
          await waitFor('its end', () => mute.seen.closedAt.length === i + 1);
          delays.push(Number(mute.seen.closedAt[i] - at) / 1e6);
        }
        assertSoon(t, delays);
        await assertForgotten(stack, before);
      });
    } finally {
      await mute.stop();
    }
  });
}

// ---- leaving while nobody is asked ----------------------------------------------------------------------------------

const servedTexts = async (stack) =>
  Promise.all((await stack.simulator.requests()).reverse().filter(({ target }) => target.endsWith('/messages')).map(async ({ id }) =>
    JSON.parse((await stack.simulator.bodyWith(id)).toString()).messages[0].content));

test('the client leaves in a pause before the next try', () =>
  withPool(['one', 'two'], { env: { KEY_POOL_RETRY_DELAY_MS: '1500', KEY_POOL_RETRY_MAX: '1' }, config: noBalances }, async (stack) => {
    const before = await keysIn(stack);
    await setPlan(stack, models.anthropic, 'status=500~fail=1');
    const leaver = await begin(stack, 'anthropic', { text: 'leaver' });
    const isRefused = async (n) => {
      const requests = await stack.simulator.requests();
      return requests.length === n && requests.every(({ outcome }) => outcome === 'finished') &&
        (await keysIn(stack)).every((key) => key.inflight === 0);
    };
    await waitFor('the first failure', () => isRefused(1));
    assert.equal(await inflight(stack), 1, 'it does not pause');
    leaver.close();
    await assertForgotten(stack, before);
    // Each pauses for 750 ms at least: after two of them the leaver's try would have been made.
    for (let i = 0; i < 2; i++) {
      await setPlan(stack, models.anthropic, 'status=500~fail=1');
      const stayer = await ask(stack, { text: 'stayer' });
      assert.equal(stayer.status, 200, stayer.text);
    }
    assert.deepEqual(await servedTexts(stack), ['leaver', ...Array(4).fill('stayer')]);
    await assertForgotten(stack, before);
  }));

test('the client leaves the line for a key', () =>
  withPool(['one~status=429~retry-after=2~fail=1'], { env: { POOL_WAIT_MS: '20000' }, config: noBalances }, async (stack) => {
    const first = ask(stack, { text: 'first' });
    await waitFor('the limit', async () => (await admin(stack.gateway, 'GET', '/cooldowns')).length === 1);
    const base = await inflight(stack);
    const leaver = await begin(stack, 'anthropic', { text: 'leaver' });
    await waitFor('the leaver in the line', async () => await inflight(stack) === base + 1);
    const stayer = ask(stack, { text: 'stayer' });
    await waitFor('the stayer in the line', async () => await inflight(stack) === base + 2);
    leaver.close();
    await waitFor('the leaver to be gone', async () => await inflight(stack) === base + 1);
    assert.equal((await stayer).status, 200);
    await first;
    assert.ok(!(await servedTexts(stack)).includes('leaver'));
    const [key] = await keysIn(stack);
    assert.deepEqual([key.status, key.inflight, key.error_count], ['active', 0, 1]);
  }));

test('the client leaves while a token is fetched', async () => {
  const stack = await Stack.start({
    env: (simulator) => ({
      ADMIN_ACCESS_KEY: adminKey, WORKOS_CLIENT_ID: 'client_one', DROID_REFRESH_KEY: 'rt-slow~head=1500',
      OAUTH_TOKEN_URL: `${simulator.url}/user_management/authenticate`,
    }),
  });
  try {
    const isFetching = async () => (await stack.simulator.requests()).some(({ target, outcome }) =>
      target === '/user_management/authenticate' && outcome === 'open');
    const leaver = await begin(stack, 'anthropic', { text: 'leaver' });
    await waitFor('the leaver', async () => await inflight(stack) === 1);
    const stayer = ask(stack, { text: 'stayer' });
    await waitFor('the stayer', async () => await inflight(stack) === 2);
    assert.ok(await isFetching(), 'the token has come already');
    leaver.close();
    await waitFor('the leaver to be gone', async () => await inflight(stack) === 1);
    assert.equal((await stayer).status, 200);
    assert.deepEqual(await stack.simulator.tokens(), { 'rt-slow': { calls: 1, granted: 1 } }); // others need it
    assert.deepEqual(await servedTexts(stack), ['stayer']);
  } finally {
    await stack.stop();
  }
});

// ---- kept alive -----------------------------------------------------------------------------------------------------

const beat = { anthropic: /^event: ping\r?\ndata: .*"ping"/m, chat: /^:/m, responses: /^:/m };
const startOf = {
  anthropic: (json) => json.type === 'message_start' && json.message.id,
  chat: (json) => json.id,
  responses: (json) => json.type === 'response.created' && json.response.id,
  gemini: (json) => json.responseId,
};

// How the first attempts fail, after a heartbeat.
const deaths = {
  'says 503': 'status=503~head=400~fail=1',
  'says 500': 'status=500~head=400~fail=1',
  'breaks off before its head': 'head=400~reset=0~fail=1',
  'breaks off behind its head': 'head=400~cut=0~fail=1',
  'begins with an error': 'head=400~error=0~fail=1',
};

async function readStream(stack, dialect, model) {
  const wire = await begin(stack, dialect, { model, stream: true });
  const response = await wire.head();
  let text = '';
  for await (const { bytes } of wire.pieces(response)) {
    text += bytes;
  }
  wire.close();
  return { response, text, events: parseEvents(text).filter(({ data }) => data !== undefined) };
}

function assertOneStream(dialect, { response, text, events }, expected) {
  assert.equal(response.status, 200);
  assert.ok(response.isComplete, text);
  const all = events.filter(({ data }) => data !== '[DONE]').map(({ data }) => JSON.parse(data));
  const ids = new Set(all.map(startOf[dialect]).filter(Boolean));
  assert.equal(ids.size, 1, text);
  const isOfTheEnd = all.filter(dialects[dialect].isEnd);
  assert.equal(isOfTheEnd.length, 1, text);
  assert.equal(textOfEvents(dialect, events), expected);
  if (dialect === 'responses') {
    const numbers = all.map(({ sequence_number: n }) => n);
    assert.deepEqual(numbers, numbers.map((_, i) => i));
  }
  if (beat[dialect]) {
    const firstAt = text.search(beat[dialect]);
    const contentAt = text.indexOf('data: ', firstAt + (dialect === 'anthropic' ? text.slice(firstAt).indexOf('\n\n') : 0));
    assert.ok(firstAt >= 0 && firstAt < contentAt, `no heartbeat before the answer: ${text.slice(0, 500)}`);
  }
}

test('a heartbeat, then failover, and one stream to the client', async (t) => {
  await withPool(['one', 'two'], { env: { STREAM_KEEPALIVE_MS: '100' }, config: noBalances }, async (stack) => {
    for (const dialect of dialectNames) {
      const expected = textOfEvents(dialect, (await ask(stack, { dialect, stream: true })).events);
      for (const [what, plan] of Object.entries(deaths)) {
        await t.test(`${dialect}: the provider ${what}`, async () => {
          const before = (await keysIn(stack)).map(marks);
          await setPlan(stack, models[dialect], plan);
          assertOneStream(dialect, await readStream(stack, dialect), expected);
          await setPlan(stack, models[dialect], plan);
          const sdk = sdkClients[dialect].open(stack.url, 'any-key');
          const reply = await within(20_000, 'answer', sdkClients[dialect].say(sdk, models[dialect], { content: 'Hello', stream: true, maxTokens: 256 }));
          assert.equal(reply.text, expected);
          assert.equal(reply.finish, 'stop');
          assert.equal(reply.usage.output, 20);
          assert.deepEqual((await keysIn(stack)).map(marks), before);
          await dropPlan(stack, models[dialect]);
        });
      }
      await t.test(`${dialect}: nothing helps`, async () => {
        await setPlan(stack, models[dialect], 'status=503~head=400');
        const { response, text, events } = await readStream(stack, dialect);
        if (response.status === 200) {
          assert.ok(endsWithError(dialect, events), text);
        } else {
          assert.ok(dialect === 'gemini' && response.status === 503, text); // it has no heartbeat
        }
        await dropPlan(stack, models[dialect]);
        await waitFor('service', async () => (await ask(stack, { dialect })).status === 200, { everyMs: 50 });
      });
    }
  });
});

test('a heartbeat, then a key without credit, then another dialect', async (t) => {
  for (const dialect of dialectNames) {
    const foreign = dialectNames[(dialectNames.indexOf(dialect) + 1) % 4];
    await t.test(`${dialect} ← ${foreign}`, () => {
      const withFallback = (model) => (model.id === models[dialect] ? { ...model, fallbacks: [models[foreign]] } : model);
      const config = { ...noBalances, models: simulatorConfig('').models.map(withFallback) };
      return withPool(['poor~status=402~head=400', 'rich'], { env: { STREAM_KEEPALIVE_MS: '100' }, config }, async (stack) => {
        const first = await readStream(stack, dialect);
        assertOneStream(dialect, first, textOfEvents(dialect, first.events));
        assert.deepEqual((await keysIn(stack)).map(({ status }) => status).sort(), ['active', 'banned']);
        await setPlan(stack, models[dialect], 'status=503~head=400');
        const second = await readStream(stack, dialect);
        assertOneStream(dialect, second, textOfEvents(dialect, second.events));
        assert.match(second.text, new RegExp(`"${models[foreign]}"`));
      });
    });
  }
});

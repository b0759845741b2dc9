// SPDX-License-Identifier: MIT
// Everything at once and at random: faulty upstreams, rude clients, reloads. Nothing may leak, hang, or be mixed up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  dialectNames, dialects, hasEnd, modelRequest, pause, requestBytes, Stack, uniqueKey, waitFor, Wire,
} from '../kit/kit.mjs';
import { random } from '../kit/random_json.mjs';

const seconds = Number(process.env.CHAOS_SECONDS ?? 120);
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const n_clients = 24;

const upstreams = [
  '', 'tokens=30', 'tokens=20~pace=3', 'tokens=200~split=7', 'kind=tools', 'kind=reasoning', 'crlf=1', 'close=1', 'interim=1',
  'giant=300000', 'tokens=30~cut=5', 'tokens=30~reset=5~pace=2', 'reset=0', 'garbage=1', 'hang=before', 'hang=head',
  'tokens=30~hang=4', 'nodone=1', 'badevent=2', 'status=429~retry-after=1', 'status=400', 'status=500', 'head=30', 'first=40',
];
// 503: the endpoint has failed so often that it is left alone for a moment.
const allowed = new Set([200, 400, 429, 500, 502, 503, 504]);
const clients = { patient: 6, leaver: 2, 'half-closer': 1, slow: 1, bytewise: 1, mute: 1 };
const kinds = Object.entries(clients).flatMap(([name, weight]) => Array(weight).fill(name));

async function oneClient(stack, rng, counts) {
  const kind = rng.pick(kinds);
  const name = rng.pick(dialectNames);
  const stream = rng.chance(0.7);
  const directives = rng.pick(upstreams);
  const mark = `mark-${rng.below(2 ** 30)}`;
  const bytes = requestBytes(modelRequest(name, {
    key: uniqueKey(directives), stream, text: mark.repeat(1 + rng.below(200)), headers: { 'x-request-id': mark },
    // A client that may ask more on its connection and ends it has left; one that has asked its last still listens.
    close: kind === 'half-closer',
  }));
  const wire = await Wire.connect(stack.port);
  try {
    if (kind === 'mute') {
      wire.send(bytes.subarray(0, rng.below(bytes.length)));
      await pause(rng.below(30));
      return;
    }
    await (kind === 'bytewise' ? wire.sendPieces(bytes, 1 + rng.below(50)) : wire.sendNow(bytes));
    if (kind === 'half-closer') {
      wire.endSending();
    }
    if (kind === 'leaver') {
      await pause(rng.below(60));
      if (rng.chance(0.5)) {
        wire.socket.resetAndDestroy();
      }
      return;
    }
    if (kind === 'slow') {
      wire.socket.pause();
      await pause(rng.below(100));
      wire.socket.resume();
    }
    const response = await wire.response({ limitMs: 20_000 });
    assert.ok(allowed.has(response.status), `${response.status} for ${name} ${directives}`);
    assert.equal(response.header('x-request-id'), mark, 'somebody else\'s answer');
    if (stream && response.status === 200 && response.isComplete && !directives.includes('giant')) {
      assert.ok(hasEnd(name, response.events), `${name} ${directives}: complete, but without an end`);
    }
    if (response.status >= 400 && response.isComplete) {
      assert.ok(dialects[name].errorOf(response.json).message.length > 0);
    }
    counts[response.status] = (counts[response.status] ?? 0) + 1;
  } catch (error) {
    throw new Error(`${kind} client, ${name}, ${stream ? 'stream' : 'whole'}, upstream ${directives}`, { cause: error });
  } finally {
    wire.close();
  }
}

test(`${seconds} s of chaos, seed ${seed}`, { timeout: (seconds + 120) * 1000 }, async (t) => {
  const stack = await Stack.start({
    env: {
      UPSTREAM_HEADER_TIMEOUT_MS: '300', UPSTREAM_IDLE_TIMEOUT_MS: '300', UPSTREAM_CONNECT_TIMEOUT_MS: '300',
      KEY_POOL_RETRY_DELAY_MS: '10', LOG_LEVEL: 'warn',
    },
  });
  const counts = {};
  let failure;
  try {
    const end = Date.now() + seconds * 1000;
    const keepGoing = () => failure === undefined && Date.now() < end;
    const client = async (number) => {
      const rng = random(seed + number);
      while (keepGoing()) {
        await oneClient(stack, rng, counts).catch((error) => (failure ??= error));
      }
    };
    const reload = async () => {
      while (keepGoing()) {
        await pause(500);
        stack.gateway.program.kill('SIGHUP');
      }
    };
    await Promise.all([...Array.from({ length: n_clients }, (_, i) => client(i)), reload()]);
    if (failure) {
      throw failure;
    }
    t.diagnostic(`answers: ${JSON.stringify(counts)}`);
    assert.ok(counts[200] > 0);
    await waitFor('the end of all requests', async () => {
      const { text } = await stack.gateway.call({ path: '/metrics' });
      const inflight = /^droid2api_inflight_requests(?:\{.*\})? (\d+)$/m.exec(text);
      return Number(inflight[1]) <= 1;
    });
    await waitFor('the end of all upstream requests', async () => (await stack.simulator.stats()).open === 0);
  } finally {
    await stack.stop(); // and with it: no leak, no report of a sanitizer
  }
});

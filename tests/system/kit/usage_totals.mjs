// SPDX-License-Identifier: MIT
// Traffic of every kind, and the sums that all who count make of it: the admin API, the metrics, the database, and the
// provider by his own books.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { dialectNames, dialects, modelRequest } from './dialects.mjs';
import { admin, ask, startPool } from './pool.mjs';
import { random } from './random_json.mjs';
import { waitFor } from './wait.mjs';
import { requestBytes, Wire } from './wire.mjs';

// What the provider does, by the model that it is asked for.
const KINDS = {
  plain: { script: 'tokens=20' },
  thinking: { script: 'kind=reasoning~tokens=12' },
  tools: { script: 'kind=tools' },
  held: { script: 'tokens=20', hold_back: { events: 8, ms: 2000 } }, // what is cut early is tried again
  slow: { script: 'tokens=200~pace=20' },
};
// And by the key that it came with.
const KEYS = [
  ...Array.from({ length: 8 }, (_, i) => `good${i}`),
  'cuts~cut=6', 'fails~status=500', 'breaks~error=5', 'endless~nodone=1', 'silent~nousage=1', 'throttled~status=429~after=1~fail=2',
];
const KEPT = ['requests', 'success', 'failed', 'aborted', 'input', 'output', 'cache_read'];

export function startCounted({ n_keys, ...options } = {}) {
  const models = dialectNames.flatMap((name) =>
    Object.entries(KINDS).map(([kind, { script, ...more }]) =>
      ({ id: `${kind}-${name}`, type: dialects[name].type, upstream_model: `m~${script}`, ...more })));
  return startPool(n_keys ? KEYS.slice(0, n_keys) : KEYS, {
    config: { models, balance_sync: { enabled: false } },
    env: { KEY_POOL_AUTO_BAN_ENABLED: 'false' },
    ...options,
  });
}

// Asks for a slow stream and leaves when it has begun.
async function leave(stack, options) {
  const wire = await Wire.connect(stack.gateway.port, stack.gateway.host);
  try {
    wire.send(requestBytes({ ...modelRequest(options.dialect, options), close: false }));
    const response = await wire.head();
    for await (const event of wire.events(response)) {
      if (event.data !== undefined) {
        return;
      }
    }
  } finally {
    wire.close();
  }
}

async function askOne(stack, rng) {
  const dialect = rng.pick(dialectNames);
  const served = rng.pick(dialectNames);
  const stream = rng.below(3) > 0;
  const what = rng.below(40);
  if (what === 0) {
    await leave(stack, { dialect, model: `slow-${served}`, stream: true });
  } else if (what === 1) {
    await ask(stack, { dialect, model: 'nobody-knows-it', stream });
  } else if (what === 2) {
    await ask(stack, { dialect, model: `plain-${served}`, body: '{"model": ' });
  } else {
    const kind = rng.pick(['plain', 'plain', 'thinking', 'tools', 'held']);
    await ask(stack, { dialect, model: `${kind}-${served}`, stream });
  }
}

// Whatever becomes of each of them.
export async function askForAll(stack, n, { width = 8, seed = 1 } = {}) {
  const rng = random(seed);
  let left = n;
  const client = async () => {
    while (left-- > 0) {
      await askOne(stack, rng);
    }
  };
  await Promise.all(Array.from({ length: width }, client));
  await waitFor('the provider to have ended', async () => (await stack.simulator.stats()).open === 0);
  await waitFor('no request under way', async () => /^droid2api_inflight_requests 0$/m.test(await metricsOf(stack)));
}

// ---- who counts -----------------------------------------------------------------------------------------------------

async function metricsOf({ gateway }) {
  return (await gateway.call({ path: '/metrics' })).text;
}

function sumOf(text, name, wanted) {
  let sum = 0;
  for (const [, labels, value] of text.matchAll(new RegExp(`^droid2api_${name}\\{(.*)\\} (\\d+)$`, 'gm'))) {
    sum += wanted(Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, v]) => [key, v]))) ? Number(value) : 0;
  }
  return sum;
}

const MODEL_ROUTES = /(completions|responses|messages|[gG]enerateContent|generate)$/;

// The metrics of the process that runs now.
export async function countedByMetrics(stack) {
  const text = await metricsOf(stack);
  const tokens = (kind) => sumOf(text, 'tokens_total', (labels) => labels.kind === kind);
  return {
    requests: sumOf(text, 'requests_total', ({ route, model }) => model !== 'other' || MODEL_ROUTES.test(route)),
    input: tokens('input'),
    output: tokens('output'),
    cache_read: tokens('cache_read'),
  };
}

export function countedByApi(usage) {
  const { requests, success, failed, aborted, tokens } = usage;
  return { requests, success, failed, aborted, input: tokens.input, output: tokens.output, cache_read: tokens.cache_read };
}

export function countedByDatabase({ gateway }) {
  const sums = KEPT.map((name) => `coalesce(sum(${name}), 0) AS ${name}`).join(', ');
  const out = execFileSync('sqlite3', ['-readonly', '-json', gateway.path('data', 'usage.db'), `.timeout 2000`, `SELECT ${sums} FROM usage`]);
  return JSON.parse(out.toString())[0];
}

export async function countedByProvider({ simulator }) {
  const { input, output, cache_read } = (await simulator.stats()).told;
  return { input, output, cache_read };
}

const sumUp = (list) => list.map(countedByApi).reduce((sum, one) => Object.fromEntries(KEPT.map((name) => [name, (sum[name] ?? 0) + one[name]])), {});

// Everything that the API tells adds up to the same. `known`: requests by whoever sent them.
export async function assertAgreement(stack, known) {
  const { gateway } = stack;
  const total = countedByApi((await admin(gateway, 'GET', '/stats/summary')).total);
  assert.equal(total.requests, known);
  assert.equal(total.success + total.failed + total.aborted, known);
  const { input, output, cache_read } = total;
  assert.deepEqual({ input, output, cache_read }, await countedByProvider(stack));
  const full = await admin(gateway, 'GET', '/stats/full');
  const ranking = await admin(gateway, 'GET', '/stats/keys?limit=1000');
  const trend = await admin(gateway, 'GET', '/stats/trend?days=2');
  const heat = await admin(gateway, 'GET', '/stats/hourly?days=2');
  assert.deepEqual(sumUp(full.by_day), total);
  assert.deepEqual(sumUp(full.by_model), total);
  assert.deepEqual(sumUp([...ranking.by_key, ranking.without_key]), total);
  assert.deepEqual(sumUp(trend.by_day), total);
  assert.deepEqual(sumUp(heat.by_day.flatMap(({ by_hour }) => by_hour)), total);
  assert.deepEqual(await countedByMetrics(stack), { requests: known, input, output, cache_read });
  await waitFor('the database to have it all', () => JSON.stringify(countedByDatabase(stack)) === JSON.stringify(total), { everyMs: 100 });
  return total;
}

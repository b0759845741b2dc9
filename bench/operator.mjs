// SPDX-License-Identifier: MIT
// The operator's side: what the admin API takes with a hundred thousand keys, and what traffic feels of an operator who
// looks at everything at once. Its peer is the gateway itself while nobody looks.
import { mkdtempSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { target } from './report.mjs';
import { median } from './rounds.mjs';
import { LAYOUT, prepareGateway, startPrepared } from './servers.mjs';

const MODEL = 'sim~tokens=20';
const ADMIN_KEY = 'admin-key-for-the-benchmark';
const MANY = 100000;
const SOME = 10000;
const WATCHERS = 100;
const LISTING_EVERY_MS = 100;

async function startGateway(bench, name, keys) {
  const models = [{ id: MODEL, name: MODEL, type: bench.dialect.type, reasoning: 'auto' }];
  const prepared = await prepareGateway(bench.programs, mkdtempSync(join(bench.dir, name)), bench.simulator.port, models, keys);
  prepared.options.env.ADMIN_ACCESS_KEY = ADMIN_KEY;
  return startPrepared('gateway', prepared, LAYOUT.apart.gateway);
}

// One connection that is kept, so that only the answer is timed.
class Operator {
  constructor(server) {
    this.base = server.urls.whole;
    this.agent = new Agent({ keepAlive: true, maxSockets: 1 });
  }

  ask(method, path, body) {
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const headers = { 'x-admin-key': ADMIN_KEY, ...(body ? { 'content-type': 'application/json' } : {}) };
      const asked = request(this.base + path, { method, headers, agent: this.agent }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (piece) => (text += piece));
        answer.on('end', () => {
          if (answer.statusCode !== 200) reject(new Error(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 200)}`));
          else resolve({ ms: performance.now() - started, data: JSON.parse(text).data });
        });
      });
      asked.on('error', reject);
      asked.end(body);
    });
  }

  close() {
    this.agent.destroy();
  }
}

const PAGES = {
  'first page': 'limit=20',
  'last page': `limit=20&page=${MANY / 20}`,
  'sorted by tokens': 'limit=20&sort=tokens&order=desc',
  'found by text': 'limit=20&q=nothing-has-this',
  '1,000 keys': 'limit=1000',
};

export async function operatorKeys(bench) {
  const name = `${MANY.toLocaleString('en')} keys`;
  const server = await startGateway(bench, 'operator-keys-', 0);
  const operator = new Operator(server);
  const rows = [];
  try {
    await operator.ask('GET', '/admin/keys');
    const before = server.residentBytes();
    const keys = Array.from({ length: MANY }, (_, i) => `sk-bench-key-of-a-usual-length-${String(i).padStart(8, '0')}`);
    const imported = await operator.ask('POST', '/admin/keys/batch', JSON.stringify({ keys }));
    if (imported.data.success !== MANY) throw new Error(`${imported.data.success} keys imported`);
    rows.push({ scenario: name, figure: 'batch import, s', ours: imported.ms / 1000, targets: [target.atMost(2)] });
    for (const [figure, query] of Object.entries(PAGES)) {
      const times = [];
      for (let i = 0; i < bench.pick(51, 11); i++) times.push((await operator.ask('GET', `/admin/keys?${query}`)).ms);
      const targets = figure === '1,000 keys' ? undefined : [target.atMost(5)];
      rows.push({ scenario: name, figure: `GET /admin/keys, ${figure}, ms`, ours: median(times), targets });
    }
    const each = (server.residentBytes() - before) / MANY / 1024;
    rows.push({ scenario: name, figure: 'RSS each after import and pages, KB', ours: each, targets: [target.atMost(1)] });
  } finally {
    operator.close();
    await server.stop();
  }
  return rows;
}

// Reads whatever comes; gives how to leave.
function watch(server) {
  return new Promise((resolve, reject) => {
    const asked = request(`${server.urls.whole}/admin/logs/stream`, { headers: { 'x-admin-key': ADMIN_KEY }, agent: false }, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`/admin/logs/stream: ${answer.statusCode}`));
      answer.on('error', () => {});
      answer.resume();
      resolve(() => asked.destroy());
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function listUntil(operator, isOver) {
  while (!isOver()) {
    const { ms } = await operator.ask('GET', '/admin/keys?limit=50&sort=last_used_at&order=desc');
    await sleep(Math.max(0, LISTING_EVERY_MS - ms));
  }
}

async function underEyes(server, use) {
  const leave = await Promise.all(Array.from({ length: WATCHERS }, () => watch(server)));
  const operator = new Operator(server);
  let isOver = false;
  try {
    const [result] = await Promise.all([use().finally(() => (isOver = true)), listUntil(operator, () => isOver)]);
    return result;
  } finally {
    operator.close();
    for (const end of leave) end();
  }
}

export async function operatorTraffic(bench) {
  const server = await startGateway(bench, 'operator-traffic-', SOME);
  const dir = mkdtempSync(join(bench.dir, 'operator-'));
  const body = bench.writeBody(dir, 'body.json', bench.dialect, MODEL, false, 200);
  const url = server.urls.whole + bench.dialect.path(MODEL, false);
  const run = (n) => bench.measure('gateway', server, 'json', LAYOUT.apart.load, { url, body, connections: 8, requests: n });
  const requests = bench.pick(12000, 5000);
  const alone = [];
  const watched = [];
  try {
    await run(requests / 10);
    for (let round = 0; round < bench.pick(11, 3); round++) {
      alone.push(await run(requests));
      watched.push(await underEyes(server, () => run(requests)));
    }
  } finally {
    await server.stop();
  }
  const middle = (results, pick) => median(results.map(pick));
  const cpu = (middle(watched, (r) => r.cpu) / middle(alone, (r) => r.cpu) - 1) * 100;
  const p99 = (middle(watched, (r) => r.latency.p99) - middle(alone, (r) => r.latency.p99)) / 1000;
  const scenario = `${WATCHERS} log watchers, ${SOME.toLocaleString('en')} keys, a listing every ${LISTING_EVERY_MS} ms`;
  return [
    { scenario, figure: 'CPU above that of traffic alone, %', ours: cpu, targets: [target.atMost(5)] },
    { scenario, figure: 'p99 above that of traffic alone, ms', ours: p99, targets: [target.atMost(1)] },
  ];
}

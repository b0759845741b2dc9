// SPDX-License-Identifier: MIT
// The key pool: what a pick costs, what a key costs in memory and at the start, and what a pool adds to a request. Its
// peer is the gateway itself with one fixed key.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';

import { firstAnswer } from './load.mjs';
import { target } from './report.mjs';
import { median } from './rounds.mjs';
import { LAYOUT, prepareGateway, startPrepared } from './servers.mjs';

const KEYS = 10000;
const MODEL = 'sim~tokens=20';

export async function poolPicks(bench) {
  if (!existsSync(bench.programs.keys)) return [];
  const text = execFileSync(bench.programs.keys).toString();
  return [...text.matchAll(/^(\S+) (\d+)( cooling)?: (\d+) ns\/pick/gm)].map(([, name, n, cooling, ns]) => ({
    scenario: `pick of ${Number(n).toLocaleString('en')} keys`,
    figure: `${name}${cooling ? ', half of them cooling' : ''}, µs`,
    ours: Number(ns) / 1000,
    targets: cooling ? undefined : [target.atMost(Number(n) > 10000 ? 20 : 2)],
  }));
}

function prepare(bench, name, keys) {
  const models = [{ id: MODEL, name: MODEL, type: bench.dialect.type, reasoning: 'auto' }];
  return prepareGateway(bench.programs, mkdtempSync(join(bench.dir, name)), bench.simulator.port, models, keys);
}

export async function poolStart(bench) {
  const times = [];
  for (let i = 0; i < bench.pick(11, 3); i++) {
    const prepared = await prepare(bench, 'pool-start-', KEYS);
    times.push(await firstAnswer(bench.programs.load, `http://127.0.0.1:${prepared.ports[0]}/v1/models`, prepared));
  }
  const resident = {};
  for (const keys of [1, KEYS]) {
    const server = await startPrepared('gateway', await prepare(bench, 'pool-memory-', keys), LAYOUT.apart.gateway);
    resident[keys] = server.residentBytes();
    await server.stop();
  }
  const name = `${KEYS.toLocaleString('en')} keys`;
  const each = (resident[KEYS] - resident[1]) / KEYS / 1024;
  return [
    { scenario: name, figure: 'start: first answer, ms', ours: median(times), targets: [target.atMost(150)] },
    { scenario: name, figure: 'RSS each, KB', ours: each, targets: [target.atMost(1)] },
  ];
}

// Fixed key and pools in turn, on the same core.
export async function poolTraffic(bench) {
  const dir = mkdtempSync(join(bench.dir, 'pool-traffic-'));
  const body = bench.writeBody(dir, 'body.json', bench.dialect, MODEL, false, 200);
  const sides = { fixed: 0, one: 1, many: KEYS };
  const servers = {};
  for (const [side, keys] of Object.entries(sides)) {
    servers[side] = await startPrepared('gateway', await prepare(bench, `${side}-`, keys), LAYOUT.apart.gateway);
  }
  const cpu = { fixed: [], one: [], many: [] };
  const requests = bench.pick(12000, 5000);
  const run = (side, n) => {
    const url = servers[side].urls.whole + bench.dialect.path(MODEL, false);
    return bench.measure(side, servers[side], 'json', LAYOUT.apart.load, { url, body, connections: 8, requests: n });
  };
  try {
    for (const side of Object.keys(sides)) await run(side, requests / 10);
    for (let round = 0; round < bench.pick(15, 3); round++) {
      const order = round % 2 === 0 ? Object.keys(sides) : Object.keys(sides).reverse();
      for (const side of order) cpu[side].push((await run(side, requests)).cpu);
    }
  } finally {
    for (const server of Object.values(servers)) await server.stop();
  }
  const figure = (side) => (median(cpu[side]) / median(cpu.fixed) - 1) * 100;
  return [
    { scenario: 'small JSON, c=8, key of a pool', figure: 'one key: CPU above a fixed key, %', ours: figure('one'), targets: [target.atMost(3)] },
    { scenario: 'small JSON, c=8, key of a pool', figure: `${KEYS.toLocaleString('en')} keys: CPU above a fixed key, %`, ours: figure('many'), targets: [target.atMost(3)] },
  ];
}

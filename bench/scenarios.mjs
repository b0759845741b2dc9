// SPDX-License-Identifier: MIT
// What is measured, and the figure that each scenario has to reach.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';

import { firstAnswer } from './load.mjs';
import { failoverOnce } from './failover.mjs';
import { operatorKeys, operatorTraffic } from './operator.mjs';
import { poolPicks, poolStart, poolTraffic } from './pool.mjs';
import { target } from './report.mjs';
import { DIALECTS } from './requests.mjs';
import { median } from './rounds.mjs';
import { LAYOUT } from './servers.mjs';

const MB = 1e6;
const MEBI = 1048576;
const US_PER_MS = 1000;

function row(scenario, figure, results, pick, targets) {
  const value = (side) => (results[side] === undefined ? undefined : pick(results[side]));
  return { scenario, figure, ours: value('gateway'), nginx: value('nginx'), direct: value('direct'), targets };
}

// What a side adds to going direct.
function addedRow(scenario, figure, results, field, targets) {
  const { direct, ...proxies } = results;
  return row(scenario, figure, proxies, (r) => r[field] - direct[field], targets);
}

async function smallJson(bench, connections) {
  const layout = connections === 1 ? 'shared' : 'apart';
  const requests = bench.pick(12000, 5000);
  const rounds = bench.pick(15, 3);
  const results = await bench.closedLoop({ model: 'sim~tokens=20', connections, requests, layout, rounds });
  const name = `small JSON, c=${connections}`;
  const rows = [
    row(name, 'CPU, µs/request', results, (r) => r.cpu, [target.ratio(1), target.atMost(25)]),
    row(name, 'requests/s', results, (r) => r.perSecond),
    row(name, 'p50, µs', results, (r) => r.p50),
    row(name, 'p99, µs', results, (r) => r.p99),
  ];
  if (connections === 1) {
    rows.push(addedRow(name, 'added p50, µs', results, 'p50'));
    rows.push(addedRow(name, 'added p99, µs', results, 'p99', [target.atMost(60)]));
  }
  return rows;
}

async function eventsAtOnce(bench) {
  const requests = bench.pick(4000, 2000);
  const model = 'sim~tokens=120';
  const results = await bench.closedLoop({ model, isStream: true, connections: 8, requests, rounds: bench.pick(15, 3) });
  const name = 'SSE, 120 events at once, c=8';
  return [
    row(name, 'CPU, µs/stream', results, (r) => r.cpu, [target.ratio(0.6)]),
    row(name, 'streams/s', results, (r) => r.perSecond),
    row(name, 'p50, µs', results, (r) => r.p50),
    row(name, 'p99, µs', results, (r) => r.p99),
  ];
}

// Client dialects, and the type of the model that they get.
const TRANSLATED = [
  ['chat', 'anthropic'],
  ['messages', 'openai'],
  ['responses', 'anthropic'],
  ['chat', 'google'],
];

async function translatedJson(bench) {
  const rows = [];
  for (const [client, upstreamType] of TRANSLATED) {
    const options = { connections: 8, requests: bench.pick(12000, 5000), rounds: bench.pick(9, 3) };
    const results = await bench.closedLoop({ model: 'sim~tokens=20', dialect: DIALECTS[client], upstreamType, ...options });
    const name = `small JSON, ${client} → ${upstreamType}, c=8`;
    rows.push(row(name, 'CPU, µs/request', results, (r) => r.cpu, [target.ratio(1.3)]));
    rows.push(row(name, 'p99, µs', results, (r) => r.p99));
  }
  return rows;
}

async function translatedEvents(bench) {
  const rows = [];
  for (const [client, upstreamType] of TRANSLATED) {
    const dialect = DIALECTS[client];
    const options = { isStream: true, connections: 8, requests: bench.pick(4000, 2000), rounds: bench.pick(9, 3) };
    const results = await bench.closedLoop({ model: 'sim~tokens=120', dialect, upstreamType, ...options });
    const name = `SSE, 120 events, ${client} → ${upstreamType}, c=8`;
    rows.push(row(name, 'CPU, µs/stream', results, (r) => r.cpu, [target.ratio(1)]));
    rows.push(row(name, 'p99, µs', results, (r) => r.p99));
  }
  return rows;
}

async function translatedBody(bench) {
  const rows = [];
  for (const [client, upstreamType] of TRANSLATED) {
    const options = { bytes: MB, requests: bench.pick(250, 100), layout: 'shared', rounds: bench.pick(7, 3) };
    const results = await bench.closedLoop({ model: 'sim~tokens=20', dialect: DIALECTS[client], upstreamType, ...options });
    const name = `1 MB request, ${client} → ${upstreamType}, c=1`;
    rows.push(row(name, 'CPU, ms/request', results, (r) => r.cpu / US_PER_MS, [target.atMost(2)]));
  }
  return rows;
}

async function translatedEvent(bench) {
  if (!existsSync(bench.programs.translation)) return [];
  const text = execFileSync(bench.programs.translation).toString();
  return [...text.matchAll(/^(\S+) → (\S+)\s+(\d+) ns\/event/gm)].map(([, upstream, client, ns]) => ({
    scenario: 'translated event',
    figure: `${upstream} → ${client}, added µs`,
    ours: Number(ns) / 1000,
    targets: [target.atMost(5)],
  }));
}

async function firstToken(bench) {
  const requests = bench.pick(600, 300);
  const model = 'sim~tokens=4~pace=1';
  const rounds = bench.pick(7, 3);
  const results = await bench.closedLoop({ model, isStream: true, requests, layout: 'shared', rounds });
  const name = 'first token, c=1';
  return [
    row(name, 'p50, µs', results, (r) => r.first50),
    row(name, 'p99, µs', results, (r) => r.first99),
    addedRow(name, 'added p50, µs', results, 'first50'),
    addedRow(name, 'added p99, µs', results, 'first99', [target.atMost(100)]),
  ];
}

async function bigBody(bench) {
  const requests = bench.pick(250, 100);
  const model = 'sim~tokens=20';
  const results = await bench.closedLoop({ model, bytes: MB, requests, layout: 'shared', rounds: bench.pick(11, 3) });
  const name = '1 MB request, c=1';
  return [
    row(name, 'CPU, ms/request', results, (r) => r.cpu / US_PER_MS, [target.above(0.5)]),
    row(name, 'p50, ms', results, (r) => r.p50 / US_PER_MS, [target.above(0.5)]),
    row(name, 'p99, ms', results, (r) => r.p99 / US_PER_MS),
  ];
}

function streamRows(name, results, memoryTarget, eachTarget, delayTarget) {
  const { direct, ...proxies } = results;
  const delay = (figure, field) => row(name, figure, results, (r) => r[field] / US_PER_MS);
  return [
    row(name, 'CPU, µs/event', results, (r) => r.cpu, [target.ratio(1)]),
    row(name, 'CPU, % of a core', results, (r) => r.busy),
    row(name, 'RSS, MB', proxies, (r) => r.resident / MEBI, memoryTarget),
    row(name, 'RSS per stream, KB', proxies, (r) => r.residentEach / 1024, eachTarget),
    delay('delay p50, ms/event', 'delay50'),
    delay('delay p99, ms/event', 'delay99'),
    delay('delay max, ms/event', 'delayMax'),
    row(name, 'added delay p99, ms/event', proxies, (r) => (r.delay99 - direct.delay99) / US_PER_MS, delayTarget),
    row(name, 'errors', results, (r) => r.errors, [target.atMost(0)]),
  ];
}

async function thousandStreams(bench) {
  const options = { tokens: bench.pick(240, 120), pace: 50, connections: 1000, ramp: 2, rounds: bench.pick(3, 1) };
  return streamRows('1,000 paced streams', await bench.streams(options), [target.atMost(15)], undefined, undefined);
}

// Both sides of a stream need a descriptor.
async function tenThousandStreams(bench) {
  const connections = Math.min(10000, Math.floor((bench.descriptors - 64) / 2));
  const ramp = bench.pick(10, 6);
  const options = { tokens: bench.pick(60, 30), pace: 500, connections, ramp, rounds: bench.pick(3, 1) };
  const name = `${connections.toLocaleString('en')} paced streams`;
  return streamRows(name, await bench.streams(options), undefined, [target.atMost(20)], [target.atMost(5)]);
}

async function idle(bench) {
  const results = await bench.withServers('sim~tokens=20', 'apart', async (servers) =>
    Object.fromEntries(['nginx', 'gateway'].map((side) => [side, { resident: servers[side].residentBytes() }])),
  );
  return [row('idle', 'RSS, MB', results, (r) => r.resident / MEBI, [target.atMost(8)])];
}

async function idleConnections(bench) {
  const connections = Math.min(10000, bench.descriptors - 64);
  const results = await bench.withServers('sim~tokens=20', 'apart', async (servers) => {
    const found = {};
    for (const side of ['nginx', 'gateway']) {
      const before = servers[side].residentBytes();
      const url = `${servers[side].urls.whole}/v1/models`;
      const result = await bench.load('idle', LAYOUT.apart.load, { url, connections, ramp: 3 }, (name, held, child) => {
        found[side] = { each: (servers[side].residentBytes() - before) / connections };
        child.stdin.end();
      });
      found[side].lost = connections - result.requests + result.lost;
    }
    return found;
  });
  const name = `${connections.toLocaleString('en')} idle connections`;
  return [
    row(name, 'RSS each, KB', results, (r) => r.each / 1024, [target.atMost(2)]),
    row(name, 'refused or lost', results, (r) => r.lost, [target.atMost(0)]),
  ];
}

async function startUp(bench) {
  const results = {};
  for (let i = 0; i < bench.pick(11, 3); i++) {
    const [nginx, gateway] = await bench.prepare(mkdtempSync(join(bench.dir, 'start-')), ['sim~tokens=20']);
    for (const [side, prepared] of Object.entries({ nginx, gateway })) {
      const url = `http://127.0.0.1:${prepared.ports[0]}/v1/models`;
      (results[side] ??= []).push(await firstAnswer(bench.programs.load, url, prepared));
    }
  }
  return [row('start', 'first answer, ms', results, median, [target.atMost(50)])];
}

async function json(bench) {
  if (!existsSync(bench.programs.json)) return [];
  const text = execFileSync(bench.programs.json).toString();
  const lines = text.matchAll(/^(\S+)\s+(\d+) bytes\s+record depth (\d+)\s+(\d+) MB\/s/gm);
  return [...lines].map(([, kind, bytes, depth, speed]) => ({
    scenario: 'JSON reader',
    figure: `${kind}, ${Number(bytes).toLocaleString('en')} bytes, record depth ${depth}, MB/s`,
    ours: Number(speed),
    targets: kind === 'chat' ? [target.atLeast(1000)] : undefined,
  }));
}

export const SCENARIOS = {
  'json-1': (bench) => smallJson(bench, 1),
  'json-8': (bench) => smallJson(bench, 8),
  'json-64': (bench) => smallJson(bench, 64),
  sse: eventsAtOnce,
  'translated-json': translatedJson,
  'translated-sse': translatedEvents,
  'translated-body': translatedBody,
  'translated-event': translatedEvent,
  'first-token': firstToken,
  body: bigBody,
  'streams-1000': thousandStreams,
  'streams-10000': tenThousandStreams,
  idle,
  'idle-connections': idleConnections,
  start: startUp,
  'pool-pick': poolPicks,
  'pool-start': poolStart,
  'pool-traffic': poolTraffic,
  'failover-once': failoverOnce,
  'operator-keys': operatorKeys,
  'operator-traffic': operatorTraffic,
  'json-reader': json,
};

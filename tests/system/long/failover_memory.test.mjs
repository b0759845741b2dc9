// SPDX-License-Identifier: MIT
// A thousand streams at once are cut and failed over, again and again: what that has cost in memory is given back.
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import {
  ask, askMany, dialectNames, dialects, hasEnd, modelRequest, requestBytes, simulatorConfig, waitFor, waitStable, Wire, withPool,
} from '../kit/kit.mjs';
import { dropPlan, setPlan } from '../kit/scenarios.mjs';

const seconds = Number(process.env.FAILOVER_MEMORY_SECONDS ?? 150);
const n_streams = 1000;
const models = Object.fromEntries(dialectNames.map((name) => [name, dialects[name].model]));

// Each model has a fallback: two of its own dialect, two of another one.
function configOf(url) {
  const config = simulatorConfig(url);
  const backups = dialectNames.map((name, i) => {
    const like = config.models.find(({ id }) => id === models[i % 2 ? name : dialectNames[(i + 1) % 4]]);
    return { ...like, id: `backup-${name}`, name: `backup-${name}`, endpoint: `backup-${like.type}` };
  });
  config.models.forEach((model) => {
    model.fallbacks = [`backup-${dialectNames.find((name) => models[name] === model.id)}`];
  });
  config.endpoint.push(...config.endpoint.map((endpoint) => ({ ...endpoint, name: `backup-${endpoint.type}` })));
  config.models.push(...backups);
  return config;
}

// Its cache is of a fixed size that more requests than one round has fill, and is given back when nobody asks.
function hasOpenHistory({ gateway }) {
  const folder = `/proc/${gateway.program.pid}/fd`;
  return readdirSync(folder).some((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`).includes('usage.db');
    } catch {
      return false; // closed meanwhile
    }
  });
}

// One round: all streams have begun before the first of them is cut. How many were failed over.
async function playRound(stack, wires) {
  for (const dialect of dialectNames) {
    await setPlan(stack, models[dialect], 'head=1500~cut=30~tokens=60~size=50');
  }
  let n_failed_over = 0;
  await Promise.all(wires.map(async (wire, i) => {
    const dialect = dialectNames[i % 4];
    wire.send(requestBytes(modelRequest(dialect, { stream: true, close: false })));
    const response = await wire.response({ limitMs: 60_000 });
    assert.equal(response.status, 200, response.text);
    assert.ok(hasEnd(dialect, response.events), response.text);
    n_failed_over += Number(response.header('x-droid2api-attempts')) === 2;
  }));
  for (const dialect of dialectNames) {
    await dropPlan(stack, models[dialect]);
    await waitFor(`the return to ${models[dialect]}`, async () => {
      const response = await ask(stack, { dialect });
      return response.status === 200 && response.header('x-droid2api-attempts') === '1' && !response.text.includes('backup-');
    }, { everyMs: 50, limitMs: 30_000 });
  }
  return n_failed_over;
}

async function playRounds(stack, isOver) {
  const wires = await Promise.all(Array.from({ length: n_streams }, () => Wire.connect(stack.port)));
  let n_failed_over = 0;
  let n_rounds = 0;
  do {
    const n = await playRound(stack, wires);
    assert.ok(n >= n_streams * 0.9, `only ${n} streams were cut`);
    n_failed_over += n;
    n_rounds++;
  } while (!isOver());
  wires.forEach((wire) => wire.close());
  return { n_failed_over, n_rounds };
}

test(`${n_streams} streams, cut and failed over for ${seconds} s`, { timeout: (seconds + 300) * 1000 }, (t) =>
  withPool(['one', 'two', 'three'], {
    release: true,
    simulator: { args: ['--no-record'] },
    config: { balance_sync: { enabled: false } },
    env: { NODE_ENV: 'production', STREAM_HOLD_BACK_MS: '-1', LOG_LEVEL: 'warn' },
  }, async (stack) => {
    const { gateway } = stack;
    gateway.writeConfig({ ...stack.config, ...configOf(stack.simulator.url) });
    await gateway.restart();
    // Without the connections that are kept for the next request: how many these are is another matter.
    const settle = async () => {
      await stack.simulator.down();
      await waitFor('the rest of the history', () => !hasOpenHistory(stack), { everyMs: 200, limitMs: 90_000 });
      const rss = await waitStable('resident memory', () => gateway.rss, { quietMs: 2000 });
      await stack.simulator.up();
      return rss;
    };
    const megabytes = (bytes) => (bytes / 1e6).toFixed(2);
    // What is remembered of requests, with what was tried for each, has its full size before the first measurement.
    for (const dialect of dialectNames) {
      await setPlan(stack, models[dialect], 'cut=30~tokens=60~size=50');
      await askMany(stack, 400, { dialect, stream: true, width: 4 });
      await dropPlan(stack, models[dialect]);
    }
    const idle = await settle();
    await playRounds(stack, () => true);
    const early = await settle();
    const until = Date.now() + seconds * 1000;
    const { n_failed_over, n_rounds } = await playRounds(stack, () => Date.now() >= until);
    const late = await settle();
    t.diagnostic(`${n_failed_over} streams failed over in ${n_rounds} rounds; resident memory ${megabytes(idle)} MB before, `
      + `${megabytes(early)} MB after the first round, ${megabytes(late)} MB after the last`);
    assert.ok(late - early < 1_000_000, `each round costs: ${late - early} bytes more`);
    assert.ok(late - idle < 1_000_000, `not given back: ${late - idle} bytes`);
  }));

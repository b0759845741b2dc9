// SPDX-License-Identifier: MIT
// The same work for a long time: memory and open files stay where they were after the first fifth of it.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { call, dialectNames, modelRequest, pause, Stack, uniqueKey } from '../kit/kit.mjs';

const seconds = Number(process.env.SOAK_SECONDS ?? 300);
const n_clients = 16;
const work = ['tokens=20', 'tokens=50~pace=2', 'giant=200000', 'status=429', 'tokens=30~cut=5', 'kind=tools', 'close=1'];

test(`${seconds} s of soaking`, { timeout: (seconds + 120) * 1000 }, async (t) => {
  const stack = await Stack.start({ release: true, simulator: { args: ['--no-record'] }, env: { NODE_ENV: 'production', KEY_POOL_RETRY_DELAY_MS: '10' } });
  const openFiles = () => readdirSync(`/proc/${stack.gateway.program.pid}/fd`).length;
  try {
    const started = Date.now();
    let n_requests = 0;
    let failure;
    const elapsed = () => (Date.now() - started) / 1000;
    const client = async (number) => {
      for (let i = number; elapsed() < seconds && failure === undefined; i++) {
        const request = modelRequest(dialectNames[i % 4], { key: uniqueKey(work[i % work.length]), stream: i % 3 > 0 });
        await call(stack.port, request).catch((error) => (failure ??= error));
        n_requests++;
      }
    };
    const samples = [];
    const observe = async () => {
      while (elapsed() < seconds && failure === undefined) {
        await pause(1000);
        samples.push({ at: elapsed(), rss: stack.gateway.rss, files: openFiles() });
      }
    };
    await Promise.all([...Array.from({ length: n_clients }, (_, i) => client(i)), observe()]);
    if (failure) {
      throw failure;
    }
    const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
    const settled = samples.filter(({ at }) => at >= seconds * 0.2 && at < seconds * 0.4);
    const late = samples.filter(({ at }) => at >= seconds * 0.8);
    const [early, end] = [settled, late].map((part) => median(part.map(({ rss }) => rss)));
    t.diagnostic(`${n_requests} requests; resident memory ${(early / 1e6).toFixed(2)} MB, then ${(end / 1e6).toFixed(2)} MB`);
    assert.ok(n_requests > seconds);
    assert.ok(end - early < 500_000, `grew by ${end - early} bytes`);
    assert.ok(Math.max(...late.map(({ files }) => files)) <= Math.max(...settled.map(({ files }) => files)) + 20);
  } finally {
    await stack.stop();
  }
});

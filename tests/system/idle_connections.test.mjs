// SPDX-License-Identifier: MIT
// What a connection costs that only waits: the gateway's resident memory before and after ten thousand of them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import net from 'node:net';
import { test } from 'node:test';
import { requestBytes, Stack, waitFor, waitStable } from './kit/kit.mjs';

const n = 10_000;
const openFiles = Number(execFileSync('sh', ['-c', 'ulimit -n']).toString().replace('unlimited', '1e9'));

test(`${n} idle connections cost 2 KB each at most`, async (t) => {
  if (openFiles < n + 200) {
    t.skip(`only ${openFiles} open files are allowed here (ulimit -n)`);
    return;
  }
  const stack = await Stack.start({ release: true, config: { limits: { max_connections: n + 100 } } });
  const sockets = [];
  try {
    const request = requestBytes({ path: '/health', close: false });
    let answered = 0;
    const open = () => new Promise((resolve, reject) => {
      const socket = net.connect({ port: stack.port, host: '127.0.0.1' }, () => socket.write(request));
      socket.once('error', reject);
      socket.once('data', () => {
        answered++;
        resolve();
      });
      sockets.push(socket);
    });
    for (let i = 0; i < 100; i++) { // warm up: what the first connections bring into being is not the cost of each
      await open();
    }
    const before = await waitStable('resident memory', () => stack.gateway.rss);
    while (sockets.length < n) {
      await Promise.all(Array.from({ length: 100 }, open));
    }
    await waitFor('all answers', () => answered === sockets.length);
    const after = await waitStable('resident memory', () => stack.gateway.rss);
    const each = (after - before) / (n - 100);
    t.diagnostic(`${each.toFixed(0)} bytes for each of ${n} idle connections, ${(after / 1e6).toFixed(1)} MB in all`);
    assert.ok(each <= 2048, `${each} bytes`);
    // They still live.
    answered = 0;
    sockets[n >> 1].once('data', () => answered++);
    sockets[n >> 1].write(request);
    await waitFor('an answer on an old connection', () => answered === 1);
  } finally {
    sockets.forEach((socket) => socket.destroy());
    await stack.stop();
  }
});

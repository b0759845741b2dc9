// SPDX-License-Identifier: MIT
// How long the upstream of an abandoned request stays open.
import assert from 'node:assert/strict';
import { now } from './wait.mjs';
import { uniqueKey } from './dialects.mjs';

// `open(key)` starts a request with this credential, and gives a function that abandons it once it is under way.
// The best of a few counts: what a busy machine adds is not the gateway's doing.
export async function assertAbortsSoon(t, simulator, directives, open, limitMs = 100) {
  const delays = [];
  for (let i = 0; i < 4; i++) {
    const key = uniqueKey(directives);
    const abandon = await open(key);
    const at = now();
    await abandon();
    const request = await simulator.waitRequest(key, ({ outcome }) => outcome !== 'open');
    assert.equal(request.outcome, 'aborted');
    delays.push((request.ended_ns - Number(at)) / 1e6);
  }
  t.diagnostic(`the upstream was closed after ${delays.map((ms) => ms.toFixed(1)).join(', ')} ms`);
  assert.ok(Math.min(...delays) <= limitMs, `closed after ${delays} ms`);
}

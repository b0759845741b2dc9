// SPDX-License-Identifier: MIT
// Whoever counts comes to the same sums: the admin API, the metrics, the database, and the provider by his own books.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, now, waitFor } from './kit/kit.mjs';
import {
  askForAll, assertAgreement, countedByDatabase, countedByMetrics, countedByProvider, startCounted,
} from './kit/usage_totals.mjs';

test('1,500 requests of every kind: all sums are the same', async (t) => {
  const stack = await startCounted();
  try {
    await askForAll(stack, 1500);
    const total = await assertAgreement(stack, 1500);
    t.diagnostic(JSON.stringify(total));
    assert.ok(total.success > 0 && total.failed > 0 && total.aborted > 0);
  } finally {
    await stack.stop();
  }
});

test('kill -9 under traffic: all but the last second is there, and what follows adds to it', async (t) => {
  const stack = await startCounted({ n_keys: 8 });
  const { gateway } = stack;
  const ended = []; // when
  let n_begun = 0;
  let isOver = false;
  const client = async () => {
    while (!isOver) {
      n_begun++;
      try {
        await ask(stack, { dialect: 'chat', model: 'plain-chat' });
        ended.push(now());
      } catch {
        return; // it was killed
      }
    }
  };
  try {
    const clients = Array.from({ length: 4 }, client);
    await waitFor('300 answers that are more than a second old', () => ended.length > 300 && now() - ended[300] > 1_000_000_000n, { limitMs: 60_000 });
    const killedAt = now();
    await gateway.program.crash();
    isOver = true;
    await Promise.all(clients);
    const n_old = ended.filter((at) => killedAt - at > 1_000_000_000n).length;
    await gateway.restart();
    const kept = countedByDatabase(stack);
    t.diagnostic(`${n_begun} begun, ${ended.length} answered, ${n_old} of them more than a second before, ${kept.requests} kept`);
    assert.ok(kept.requests >= n_old && kept.requests <= n_begun);
    assert.equal(kept.success, kept.requests);
    assert.equal(kept.output, 20 * kept.requests); // whole requests, or none
    await stack.simulator.forget();
    await askForAll(stack, 200, { seed: 2 });
    const since = await countedByMetrics(stack);
    const told = await countedByProvider(stack);
    assert.deepEqual({ input: since.input, output: since.output, cache_read: since.cache_read }, told);
    assert.equal(since.requests, 200);
    await waitFor('the database to have it all', () => {
      const { requests, input, output } = countedByDatabase(stack);
      return requests === kept.requests + 200 && input === kept.input + told.input && output === kept.output + told.output;
    }, { everyMs: 100 });
  } finally {
    await stack.stop();
  }
});

// SPDX-License-Identifier: MIT
// A hundred thousand requests of every kind: whoever counts comes to the same sums.
import { test } from 'node:test';
import { askForAll, assertAgreement, startCounted } from '../kit/usage_totals.mjs';

const N = 100_000;

test(`${N} requests of every kind: all sums are the same`, { timeout: 1_200_000 }, async (t) => {
  const stack = await startCounted({ release: true });
  try {
    await askForAll(stack, N, { width: 16, seed: 3 });
    t.diagnostic(JSON.stringify(await assertAgreement(stack, N)));
  } finally {
    await stack.stop();
  }
});

// SPDX-License-Identifier: MIT
// Every answer that a provider was recorded to give, cut at bytes of all kinds, for the clients of all dialects: nobody
// may take a part of it for the whole. The long part cuts at every byte.
import { test } from 'node:test';
import { checkCuts } from './kit/cut_runs.mjs';

test('without retries, a cut is an error or a break, never an ending', (t) => checkCuts(t, { n: 6 }));

test('with retries, what has not left is replaced, and nothing comes twice', async (t) => {
  for (const retries of ['nothing held', 'held', 'all held']) {
    await t.test(retries, (t) => checkCuts(t, { retries, n: 2 }));
  }
});

// SPDX-License-Identifier: MIT
// Recorded answers cut at every byte; the short run takes some of them (cuts.test.mjs).
import { test } from 'node:test';
import { checkCuts } from '../kit/cut_runs.mjs';

for (const retries of [undefined, 'nothing held', 'held', 'all held']) {
  test(`every byte, ${retries ? `with retries, ${retries}` : 'without retries'}`, (t) => checkCuts(t, { retries, isEvery: true, release: true }));
}

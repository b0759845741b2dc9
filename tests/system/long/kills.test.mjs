// SPDX-License-Identifier: MIT
// The key pool under many crashes; the short run has some of them (key_durability.test.mjs).
import { test } from 'node:test';
import { runKills } from '../kit/kills.mjs';

test('kill -9, 200 times: what was acknowledged is there, counters lose a second at most', () => runKills({ n_kills: 200 }));

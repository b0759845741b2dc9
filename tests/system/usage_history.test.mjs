// SPDX-License-Identifier: MIT
// What was used and what operators did, as the admin API tells it: by the days of the operator's time zone, and again
// after a restart and a kill.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admin, ask, waitFor, withPool } from './kit/kit.mjs';

const zone = 'NPT-5:45'; // a quarter of an hour off
const localDate = () => new Date(Date.now() + (5 * 60 + 45) * 60_000).toISOString().slice(0, 10);

test('usage and audit trail survive a restart and a kill', () =>
  withPool(['fk-secret-of-the-pool-1'], { env: { TZ: zone } }, async (own) => {
    for (let i = 0; i < 3; i++) {
      assert.equal((await ask(own, {})).status, 200);
    }
    await admin(own.gateway, 'GET', '/stats', undefined, { key: 'wrong', status: 401 });
    const look = async () => {
      const date = localDate();
      const summary = await admin(own.gateway, 'GET', '/stats/summary');
      const trend = await admin(own.gateway, 'GET', '/stats/trend?days=2');
      const keys = await admin(own.gateway, 'GET', '/stats/keys');
      assert.equal(summary.total.requests, 3);
      assert.equal(summary.total.success, 3);
      assert.equal(summary.total.success_rate, 1);
      assert.ok(summary.total.tokens.total > 0);
      assert.ok(summary.total.duration_ms.p50 >= 0);
      if (localDate() === date) {
        assert.equal(summary.date, date);
        assert.equal(trend.by_day[1].date, date);
      }
      assert.equal(trend.total.requests, 3);
      assert.equal(keys.by_key.length, 1);
      assert.equal(keys.by_key[0].deleted, false);
      assert.ok(!JSON.stringify(keys).includes('secret-of'));
      const trail = await admin(own.gateway, 'GET', '/audit');
      assert.ok(trail.some((entry) => entry.action === 'access.denied'));
      return summary.total;
    };
    const before = await waitFor('the requests to be counted', () => look().catch(() => null));
    for (const crash of [false, true]) { // the first one writes what waits
      await own.gateway.restart({ crash });
      assert.deepEqual(await look(), before);
    }
  }));

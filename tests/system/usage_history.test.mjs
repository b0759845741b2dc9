// SPDX-License-Identifier: MIT
// What was used and what operators did, as the admin API tells it: by the days of the operator's time zone, again
// after a restart and a kill, and while the database is in trouble.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { admin, ask, waitFor, within, withPool } from './kit/kit.mjs';
import { inside, smallDisk } from './kit/mounts.mjs';
import { countedByDatabase } from './kit/usage_totals.mjs';

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
    const before = await waitFor('the requests to be counted', look);
    for (const crash of [false, true]) { // the first one writes what waits
      await own.gateway.restart({ crash });
      assert.deepEqual(await look(), before);
    }
  }));

// ---- a database in trouble ------------------------------------------------------------------------------------------

// What the API tells, with what it says is missing.
async function summaryOf({ gateway }) {
  const { json } = await admin(gateway, 'GET', '/stats/summary', undefined, { status: 200 });
  return { n: json.data.total.requests, incomplete: json.incomplete };
}

async function serve(own, n) {
  for (let i = 0; i < n; i++) {
    assert.equal((await ask(own, {})).status, 200);
  }
}

// While the file is being made it cannot be read, which counts as "not yet".
const recorded = (own, n) =>
  waitFor(`${n} requests in the database`, () => countedByDatabase(own).requests === n, { everyMs: 100, limitMs: 20_000 });

test('usage.db is deleted: service and recording go on', () =>
  withPool(['fk-one'], {}, async (own) => {
    await serve(own, 5);
    await recorded(own, 5);
    for (const name of ['usage.db', 'usage.db-wal', 'usage.db-shm']) {
      rmSync(own.gateway.path('data', name), { force: true });
    }
    await serve(own, 3);
    await recorded(own, 3); // what was deleted is gone
    assert.deepEqual(await summaryOf(own), { n: 3, incomplete: null });
  }));

test('usage.db is locked by another program: nothing is missing, the log says so, and recording resumes', () =>
  withPool(['fk-one'], {}, async (own) => {
    await serve(own, 4);
    await recorded(own, 4);
    const mark = own.gateway.path('locked');
    const holder = spawn('sqlite3', [own.gateway.path('data', 'usage.db')], { stdio: ['pipe', 'ignore', 'inherit'] });
    const ended = new Promise((resolve) => holder.once('exit', resolve));
    try {
      holder.stdin.write(`.bail on\n.timeout 5000\nBEGIN EXCLUSIVE;\n.shell touch '${mark}'\n`);
      await waitFor('the lock', () => existsSync(mark));
      await serve(own, 6);
      await waitFor('the log to say it', () => /usage\.db .*lock/.test(own.gateway.said));
      assert.deepEqual(await summaryOf(own), { n: 10, incomplete: null });
      assert.equal(countedByDatabase(own).requests, 4);
    } finally {
      holder.stdin.end('ROLLBACK;\n.quit\n');
      await within(10_000, 'end of sqlite3', ended);
    }
    await serve(own, 1);
    await recorded(own, 11);
    assert.deepEqual(await summaryOf(own), { n: 11, incomplete: null });
    await waitFor('the log to say it', () => /usage\.db is written again/.test(own.gateway.said));
  }));

test('the disk is full: traffic goes on, nothing is lost, and recording resumes', () =>
  withPool(['fk-one'], { wrap: smallDisk('400k') }, async (own) => {
    const filler = inside(own.gateway, 'data/filler');
    assert.throws(() => writeFileSync(filler, Buffer.alloc(500_000)), /ENOSPC/);
    await serve(own, 5);
    const told = await waitFor('the API to say it', async () => {
      const summary = await summaryOf(own);
      return summary.incomplete && summary;
    });
    assert.equal(told.n, 5);
    rmSync(filler);
    await serve(own, 2);
    await waitFor('all to be well', async () => {
      const { n, incomplete } = await summaryOf(own);
      return n === 7 && incomplete === null;
    }, { limitMs: 20_000 });
  }));

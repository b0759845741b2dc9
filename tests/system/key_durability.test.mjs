// SPDX-License-Identifier: MIT
// The key pool through crashes, full and read-only disks, broken documents and other programs.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { admin, adminKey, ask, askMany, countsOf, documentKey, Gateway, pause, poolDocument, simulatorConfig, startPool, waitFor, withPool } from './kit/kit.mjs';
import { inside, mounted, smallDisk } from './kit/mounts.mjs';
import { runKills } from './kit/kills.mjs';

test('kill -9 at random moments: what was acknowledged is there, counters lose a second at most', async () => {
  await runKills({ n_kills: 40 });
});

// ---- broken documents -----------------------------------------------------------------------------------------------

const corruptFiles = (gateway) => readdirSync(gateway.path('data')).filter((name) => name.startsWith('key_pool.json.corrupt-'));

const broken = {
  truncated: JSON.stringify(poolDocument(['fk-one', 'fk-two'])).slice(0, -40),
  garbage: '\x00\xff nonsense',
  empty: '',
  'not an object': '[1, 2, 3]',
  'keys that are no list': '{"keys": 5}',
};

test('a document that does not parse: the copy is loaded, the bad one kept', async (t) => {
  for (const [what, text] of Object.entries(broken)) {
    await t.test(what, () =>
      withPool(null, { files: { 'data/key_pool.json': text, 'data/key_pool.json.bak': poolDocument(['from-the-copy']) } }, async (stack) => {
        assert.equal((await ask(stack)).status, 200);
        assert.deepEqual(await countsOf(stack), { 'from-the-copy': 1 });
        const [name, ...others] = corruptFiles(stack.gateway);
        assert.equal(others.length, 0);
        assert.equal(readFileSync(stack.gateway.path('data', name), 'utf8'), text);
        await waitFor('a word about it', () => /corrupt-/.test(stack.gateway.said));
        await admin(stack.gateway, 'POST', '/keys', { key: 'fk-new' });
        assert.deepEqual(stack.gateway.readJson('data/key_pool.json').keys.map(({ key }) => key), ['from-the-copy', 'fk-new']);
      }));
  }
});

test('without a good copy nothing is overwritten either', async (t) => {
  for (const [what, text] of Object.entries(broken)) {
    await t.test(what, async () => {
      const gateway = await Gateway.start({
        config: simulatorConfig('http://127.0.0.1:1'), env: { ADMIN_ACCESS_KEY: adminKey }, files: { 'data/key_pool.json': text }, waitReady: false,
      });
      try {
        await waitFor('a word about it', () => /key_pool\.json/.test(gateway.said));
        if (gateway.program.exit === null) {
          gateway.program.kill('SIGTERM');
        }
        await gateway.program.waitEnd();
        const kept = ['key_pool.json', ...corruptFiles(gateway)].some((name) => {
          try {
            return readFileSync(gateway.path('data', name), 'utf8') === text;
          } catch {
            return false;
          }
        });
        assert.ok(kept, 'the bad document is gone');
      } finally {
        gateway.program.assertCleanEnd(gateway.program.exit?.code);
        rmSync(gateway.directory, { recursive: true, force: true });
      }
    });
  }
});

test('a document that is gone although there is a copy', () =>
  withPool(null, { files: { 'data/key_pool.json.bak': poolDocument(['from-the-copy']) } }, async (stack) => {
    assert.equal((await ask(stack)).status, 200);
    assert.deepEqual(await countsOf(stack), { 'from-the-copy': 1 });
  }));

test('a temporary file of a crash is in nobody\'s way', () =>
  withPool(['fk-one'], { files: { 'data/key_pool.json.tmp': '{"keys":[' } }, async (stack) => {
    await admin(stack.gateway, 'POST', '/keys', { key: 'fk-two' });
    assert.equal(stack.gateway.readJson('data/key_pool.json').keys.length, 2);
  }));

// ---- disks ----------------------------------------------------------------------------------------------------------

const small = smallDisk('200k');
const readOnly = mounted('mount --bind data data && mount -o remount,bind,ro data');

test('a full disk: changes are refused, traffic goes on, and nothing is lost', () =>
  withPool(['fk-one', 'fk-two'], { wrap: small }, async (stack) => {
    const { gateway } = stack;
    await admin(gateway, 'POST', '/keys', { key: 'fk-three' });
    const filler = inside(gateway, 'data/filler');
    assert.throws(() => writeFileSync(filler, Buffer.alloc(400_000)), /ENOSPC/);
    const before = readFileSync(inside(gateway, 'data/key_pool.json'), 'utf8');
    for (const [method, path, body] of [['POST', '/keys', { key: 'fk-four' }], ['PUT', '/config', { algorithm: 'random' }], ['POST', '/keys/batch', { keys: ['fk-five'] }]]) {
      const refused = await gateway.call({ method, path: `/admin${path}`, headers: { 'x-admin-key': adminKey, 'content-type': 'application/json' }, body: JSON.stringify(body) });
      assert.ok(refused.status >= 500, `${path}: ${refused.status} ${refused.text}`);
      assert.equal(refused.json.success, false);
      assert.match(refused.json.message, /space|ENOSPC|disk|written/i);
    }
    await askMany(stack, 20);
    assert.equal((await admin(gateway, 'GET', '/stats')).total, 3, 'a change that was refused is there');
    assert.equal((await admin(gateway, 'GET', '/config')).algorithm, 'round-robin');
    assert.deepEqual(JSON.parse(readFileSync(inside(gateway, 'data/key_pool.json'), 'utf8')).keys.map(({ key }) => key), JSON.parse(before).keys.map(({ key }) => key));
    rmSync(filler);
    await admin(gateway, 'POST', '/keys', { key: 'fk-six' });
    await waitFor('the counters', () => {
      const { keys } = JSON.parse(readFileSync(inside(gateway, 'data/key_pool.json'), 'utf8'));
      return keys.length === 4 && keys.reduce((sum, { usage_count: n }) => sum + n, 0) === 20;
    });
  }));

test('a read-only data folder: a clear error at the start', async () => {
  const gateway = await Gateway.start({
    config: simulatorConfig('http://127.0.0.1:1'), env: { ADMIN_ACCESS_KEY: adminKey }, waitReady: false,
    files: { 'data/key_pool.json': poolDocument(['fk-one']) },
    wrap: readOnly,
  });
  try {
    const { code } = await gateway.program.waitEnd();
    assert.equal(code, 1, gateway.said);
    assert.match(gateway.said, /data/);
    assert.match(gateway.said, /read-only/i);
    gateway.program.assertCleanEnd(1);
    assert.equal(gateway.readJson('data/key_pool.json').keys.length, 1);
  } finally {
    gateway.program.kill('SIGKILL');
    rmSync(gateway.directory, { recursive: true, force: true });
  }
});

// ---- others ---------------------------------------------------------------------------------------------------------

test('two programs on one data folder: the second says who is there, the first does not notice', () =>
  withPool(['fk-one'], {}, async (stack) => {
    const second = new Gateway(stack.gateway.directory, '127.0.0.1');
    await second.launch({ env: stack.gateway.options.env, waitReady: false });
    const { code } = await second.program.waitEnd();
    assert.equal(code, 1);
    assert.match(second.program.stderr, /data/);
    assert.ok(second.program.stderr.includes(String(stack.gateway.program.pid)), second.program.stderr);
    second.program.assertCleanEnd(1);
    await admin(stack.gateway, 'POST', '/keys', { key: 'fk-two' });
    await askMany(stack, 4);
    assert.deepEqual(await countsOf(stack), { 'fk-one': 2, 'fk-two': 2 });
  }));

test('the lock goes with the program, however it ends', () =>
  withPool(['fk-one'], {}, async (stack) => {
    for (let i = 0; i < 3; i++) {
      await stack.gateway.restart({ crash: true });
      assert.equal((await ask(stack)).status, 200);
    }
  }));

test('writing costs at most a part of the time, also with many keys', async () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => documentKey(`fk-${i}`, { id: `key_1767323045678_${String(i).padStart(9, '0')}` }));
  const stack = await startPool(keys, { release: true });
  try {
    const ticks = stack.gateway.cpuTicks;
    const started = Date.now();
    while (Date.now() - started < 4000) {
      await ask(stack);
      await pause(20); // a trickle: there is always a counter to be written
    }
    const share = ((stack.gateway.cpuTicks - ticks) * 10) / (Date.now() - started);
    assert.ok(share < 0.25, `${(share * 100).toFixed(0)} % of a processor`);
  } finally {
    await stack.stop();
  }
});

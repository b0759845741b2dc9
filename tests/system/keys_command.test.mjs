// SPDX-License-Identifier: MIT
// `droid2api keys …`: the same commands with a running gateway and without one.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { adminKey, ask, countsOf, documentKey, freePort, poolDocument, runKeys, Simulator, startPool, withPool } from './kit/kit.mjs';

// A folder with a pool in it, and nothing running on it.
async function withFolder(keys, run, document) {
  const directory = mkdtempSync(join(tmpdir(), 'droid2api-keys-'));
  try {
    mkdirSync(join(directory, 'data'), { mode: 0o700 });
    if (keys) {
      writeFileSync(join(directory, 'data/key_pool.json'), JSON.stringify(poolDocument(keys, document)));
    }
    await run(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const stored = (directory) => JSON.parse(readFileSync(join(directory, 'data/key_pool.json'), 'utf8'));

async function expectKeys(directory, args, options) {
  const result = await runKeys(directory, args, options);
  assert.equal(result.code, 0, `keys ${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return result.stdout;
}
const jsonOf = async (directory, args, options) => JSON.parse(await expectKeys(directory, [...args, '--json'], options));

// Everything that commands do, wherever they do it.
async function checkCommands(t, directory, options) {
  const run = (...args) => expectKeys(directory, args, options);
  await t.test('pool add, list, change', async () => {
    assert.match(await run('pool', 'add', 'main', '--priority', '2', '--name', 'Main keys'), /main added/);
    assert.match(await run('pool', 'change', 'main', '--priority=1'), /main changed/);
    const main = (await jsonOf(directory, ['pool', 'list'], options)).find(({ id }) => id === 'main');
    assert.deepEqual([main.name, main.priority], ['Main keys', 1]);
    assert.match(await run('pool', 'list'), /^ID +NAME +PRIORITY.*\n[^]*^main +Main keys +1 /m);
  });
  await t.test('add, as an argument and from standard input', async () => {
    assert.match(await run('add', 'fk-argument-one', '--pool', 'main', '--notes', '第一'), /^key_\S+ added: /);
    const added = JSON.parse(await expectKeys(directory, ['add', '-', '--json'], { ...options, input: 'fk-standard-input\r\n' }));
    assert.match(added.id, /^key_/);
    assert.ok(!JSON.stringify(added).includes('fk-standard-input'));
  });
  await t.test('import from standard input and from a file', async () => {
    const output = await expectKeys(directory, ['import', '-', '--pool', 'main'], { ...options, input: 'fk-import-one\nfk-import-two\nfk-argument-one\n' });
    assert.match(output, /^2 added, 1 were there already, 0 refused/);
    writeFileSync(join(directory, 'keys.txt'), 'fk-import-three\nfk with spaces\n');
    const partly = await runKeys(directory, ['import', 'keys.txt'], options);
    assert.equal(partly.code, 1);
    assert.match(partly.stdout, /^1 added/);
    assert.match(partly.stderr, /Line 2/);
  });
  await t.test('list, by status and pool, as a table and as JSON', async () => {
    const all = await jsonOf(directory, ['list'], options);
    assert.equal(all.length, 5);
    assert.equal((await jsonOf(directory, ['list', '--pool', 'main'], options)).length, 3);
    const table = await run('list', '--pool', 'main');
    assert.match(table, /^ID +KEY +POOL +STATUS/);
    assert.match(table, /3 keys\n$/);
    assert.ok(!table.includes('fk-argument-one'), 'a secret is in the table');
    assert.match(table, /第一/);
  });
  await t.test('disable, enable, move, remove', async () => {
    const ids = (await jsonOf(directory, ['list'], options)).map(({ id }) => id);
    await run('disable', ids[0], ids[1]);
    assert.equal((await jsonOf(directory, ['list', '--status', 'disabled'], options)).length, 2);
    await run('enable', ids[1]);
    assert.equal((await jsonOf(directory, ['list', '--status=disabled'], options)).length, 1);
    await run('pool', 'move', ids[2], ids[3], '--pool', 'default');
    assert.equal((await jsonOf(directory, ['list', '--pool', 'default'], options)).length, 4);
    await run('remove', ids[4]);
    assert.match(await run('remove', '--status', 'disabled'), /^1 removed/);
    assert.equal((await jsonOf(directory, ['list'], options)).length, 3);
  });
  await t.test('export, to standard output and to a file of our own', async () => {
    const lines = (await run('export')).trimEnd().split('\n');
    assert.equal(lines.length, 3);
    assert.ok(lines.every((line) => line.startsWith('fk-')));
    await run('export', '--status', 'active', '--output', 'out.txt');
    assert.equal(readFileSync(join(directory, 'out.txt'), 'utf8').trimEnd().split('\n').length, 3);
    assert.equal(statSync(join(directory, 'out.txt')).mode & 0o777, 0o600);
    const again = await runKeys(directory, ['export', '--output', 'out.txt'], options);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /out\.txt/);
    rmSync(join(directory, 'out.txt'));
  });
  await t.test('what is refused says why, with 1', async () => {
    for (const [args, pattern] of [
      [['add', 'fk-import-two'], /exists|already/i], [['remove', 'key_0_nobody'], /no such|not found|unknown/i],
      [['add', 'fk-x', '--pool', 'nowhere'], /nowhere|pool|group/i], [['pool', 'add', 'main', '--priority', '1'], /exists|already/i],
      [['import', 'no-such-file'], /no-such-file/],
    ]) {
      const { code, stderr, stdout } = await runKeys(directory, args, options);
      assert.equal(code, 1, args.join(' '));
      assert.equal(stdout, '');
      assert.match(stderr, /^droid2api: /);
      assert.match(stderr, pattern);
    }
  });
  await t.test('pool remove', async () => {
    assert.match(await run('pool', 'remove', 'main'), /main removed/);
    assert.equal((await jsonOf(directory, ['list', '--pool', 'default'], options)).length, 3);
  });
}

test('with a running gateway', async (t) => {
  await withPool(null, {}, async (stack) => {
    await checkCommands(t, stack.gateway.directory, { env: { ADMIN_ACCESS_KEY: adminKey } });
    await t.test('the gateway uses what was added', async () => {
      for (let i = 0; i < 3; i++) {
        assert.equal((await ask(stack)).status, 200);
      }
      assert.equal(Object.keys(await countsOf(stack)).length, 3);
    });
  });
});

test('without one', async (t) => {
  await withFolder(null, async (directory) => {
    await checkCommands(t, directory, {});
    await t.test('it is all in the document', () => {
      assert.deepEqual(stored(directory).keys.map(({ poolGroup }) => poolGroup), ['default', 'default', 'default']);
    });
  });
});

test('what a command did without a gateway, the gateway has', async () => {
  const stack = await startPool(null);
  try {
    const { gateway } = stack;
    await gateway.program.stop();
    await expectKeys(gateway.directory, ['add', 'fk-in-between'], {});
    await gateway.launch();
    assert.equal((await ask(stack)).status, 200);
    assert.deepEqual(await countsOf(stack), { 'fk-in-between': 1 });
  } finally {
    await stack.stop();
  }
});

test('a document of the guide loses nothing in the hands of a command', () =>
  withFolder([documentKey('fk-one', { custom: [1, { a: null }], usage_count: 5 })], async (directory) => {
    await expectKeys(directory, ['add', 'fk-two'], {});
    const { keys, config, version } = stored(directory);
    assert.deepEqual([keys[0].custom, keys[0].usage_count, keys[1].key], [[1, { a: null }], 5, 'fk-two']);
    assert.deepEqual([config.extra, version], [true, 'x']);
  }, { config: { extra: true }, version: 'x' }));

test('without one, nobody is asked for tokens or balances', () =>
  withFolder([documentKey('fk-one')], async (directory) => {
    const provider = await Simulator.start();
    try {
      writeFileSync(join(directory, 'data/config.json'), JSON.stringify({ balance_sync: { base_url: provider.url } }));
      writeFileSync(join(directory, 'data/auth.json'), JSON.stringify({ refresh_token: 'rt-file' }));
      const env = { OAUTH_TOKEN_URL: `${provider.url}/user_management/authenticate` };
      await expectKeys(directory, ['list'], { env });
      await expectKeys(directory, ['add', 'fk-two'], { env });
      assert.deepEqual(await provider.tokens(), {});
      assert.equal(JSON.parse(readFileSync(join(directory, 'data/auth.json'), 'utf8')).refresh_token, 'rt-file');
    } finally {
      await provider.stop();
    }
  }));

test('without one, the admin key of the gateway is not needed, wherever it is', () =>
  withFolder(['fk-one'], async (directory) => {
    writeFileSync(join(directory, 'admin-key'), `${adminKey}\n`);
    writeFileSync(join(directory, '.env'), 'ADMIN_ACCESS_KEY_FILE=admin-key\nADMIN_ALLOW_IPS=192.0.2.1\n');
    assert.match(await expectKeys(directory, ['list'], {}), /1 key\n$/);
  }));

test('output that cannot be written is no success', () =>
  withFolder(['fk-one'], async (directory) => {
    for (const args of [['export'], ['list'], ['list', '--json']]) {
      const { code, stderr } = await runKeys(directory, args, { stdout: '/dev/full' });
      assert.equal(code, 1, args.join(' '));
      assert.match(stderr, /^droid2api: cannot write/);
    }
    const { code } = await runKeys(directory, ['export', '--output', '/dev/full']);
    assert.equal(code, 1);
  }));

test('many commands at once wait for each other', () =>
  withFolder(null, async (directory) => {
    const results = await Promise.all(Array.from({ length: 8 }, (_, i) => runKeys(directory, ['add', `fk-at-once-${i}`])));
    results.forEach(({ code, stderr }) => assert.equal(code, 0, stderr));
    assert.equal(stored(directory).keys.length, 8);
  }));

test('tests go through the running gateway', async (t) => {
  const env = { ADMIN_ACCESS_KEY: adminKey };
  await withPool(['good', 'bad~status=401'], {}, async (stack) => {
    const { directory } = stack.gateway;
    const keys = (await jsonOf(directory, ['list'], { env })).map(({ id }) => id);
    await t.test('one', async () => {
      assert.match(await expectKeys(directory, ['test', keys[0]], { env }), /^key_\S+ good \(status 200, \d+ ms, active\)\n$/);
      const bad = await runKeys(directory, ['test', keys[1]], { env });
      assert.equal(bad.code, 1);
      assert.match(bad.stdout, /FAILED \(status 401/);
      const uses = (await jsonOf(directory, ['list'], { env })).map(({ usage_count }) => usage_count);
      assert.deepEqual(uses, [1, 1], 'each test is one use, failed or not');
    });
    await t.test('all', async () => {
      const { code, stdout } = await runKeys(directory, ['test', '--all'], { env });
      assert.equal(code, 1);
      assert.match(stdout, /\n2 tested: 1 good, 1 failed, of which 0 are banned now\n$/);
      assert.equal(stdout.trimEnd().split('\n').length, 3);
      assert.match(stdout, /^key_\S+ good \(status 200, /m);
      assert.match(stdout, /^key_\S+ FAILED \(status 401, /m);
    });
  });
  await t.test('none runs', () =>
    withFolder(['fk-one'], async (directory) => {
      const { code, stderr } = await runKeys(directory, ['test', '--all']);
      assert.equal(code, 3);
      assert.match(stderr, /running gateway/);
    }));
});

test('what cannot be reached says what to do, with 3', async (t) => {
  await t.test('no data folder', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'droid2api-keys-'));
    try {
      const { code, stderr } = await runKeys(directory, ['list']);
      assert.equal(code, 3);
      assert.match(stderr, /DATA_DIR/);
      assert.throws(() => statSync(join(directory, 'data')), /ENOENT/, 'it made the folder');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
  await withPool(['fk-one'], {}, async (stack) => {
    const { directory } = stack.gateway;
    await t.test('no admin key in the environment', async () => {
      const { code, stderr } = await runKeys(directory, ['list']);
      assert.equal(code, 3);
      assert.match(stderr, /ADMIN_ACCESS_KEY/);
    });
    await t.test('another admin key', async () => {
      const { code, stderr, stdout } = await runKeys(directory, ['list'], { env: { ADMIN_ACCESS_KEY: 'another-key-altogether' } });
      assert.equal(code, 3);
      assert.equal(stdout, '');
      assert.match(stderr, /ADMIN_ACCESS_KEY/);
      assert.ok(!stderr.includes('another-key-altogether'));
    });
    await t.test('from .env', async () => {
      stack.gateway.write({ '.env': `ADMIN_ACCESS_KEY=${adminKey}\n` });
      assert.match(await expectKeys(directory, ['list'], {}), /1 key\n$/);
    });
    await t.test('a gateway that does not answer any more', async () => {
      stack.gateway.program.kill('SIGSTOP');
      try {
        const lock = readFileSync(stack.gateway.path('data/.lock'), 'utf8');
        assert.match(lock, /^address /m);
        // Its socket still listens, so that it is a port where nobody does that is looked at here.
        stack.gateway.write({ 'data/.lock': lock.replace(/:\d+\s*$/m, `:${await freePort()}\n`) });
        const { code, stderr } = await runKeys(directory, ['list'], { env: { ADMIN_ACCESS_KEY: adminKey } });
        assert.equal(code, 3);
        assert.match(stderr, /does not answer/);
      } finally {
        stack.gateway.program.kill('SIGCONT');
      }
    });
  });
  await t.test('a configuration that does not load', () =>
    withFolder(['fk-one'], async (directory) => {
      const { code, stderr } = await runKeys(directory, ['list'], { env: { PORT: 'x' } });
      assert.equal(code, 3);
      assert.match(stderr, /PORT/);
    }));
});

test('usage', async (t) => {
  const directory = tmpdir();
  await t.test('help is 0', async () => {
    for (const args of [[], ['--help'], ['list', '--help'], ['pool', '--help']]) {
      const { code, stdout } = await runKeys(directory, args);
      assert.equal(code, 0);
      assert.match(stdout, /^Usage: droid2api keys/);
    }
  });
  await t.test('nonsense is 2', async () => {
    for (const args of [['lst'], ['pool'], ['list', '--nonsense'], ['list', 'x'], ['add'], ['test'], ['pool', 'add', 'main']]) {
      const { code, stderr, stdout } = await runKeys(directory, args);
      assert.equal(code, 2, args.join(' '));
      assert.equal(stdout, '');
      assert.match(stderr, /keys --help/);
    }
  });
});

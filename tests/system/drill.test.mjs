// SPDX-License-Identifier: MIT
// `droid2api drill`: with a gateway of its own and against one that runs, and that it leaves nothing behind.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Program, Stack, programs, waitFor } from './kit/kit.mjs';
import { call } from './kit/wire.mjs';

// What an operator might have; the drill divides durations.
const settings = {
  UPSTREAM_HEADER_TIMEOUT_MS: '20000', UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: '6000', UPSTREAM_IDLE_TIMEOUT_MS: '20000',
};
const safe = ['S08', 'S09', 'S14'];
const grades = (stdout) => Object.fromEntries([...stdout.matchAll(/^(S\d\d)  .{37} (pass|partial|safe|fail) /gm)].map(([, id, grade]) => [id, grade]));

// An operator's folder, and a folder for what the drill makes for itself.
async function withFolders(run, { config = {}, env = settings } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'droid2api-drill-test-'));
  const scratch = join(directory, 'scratch');
  mkdirSync(join(directory, 'data'), { mode: 0o700 });
  mkdirSync(scratch);
  writeFileSync(join(directory, 'data/config.json'), JSON.stringify(config));
  writeFileSync(join(directory, '.env'), Object.entries(env).map(([name, value]) => `${name}=${value}\n`).join(''));
  try {
    await run({ directory, scratch });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const start = ({ directory, scratch }, args) =>
  new Program(programs.gateway, ['drill', ...args], { cwd: directory, env: { TMPDIR: scratch } });

async function drill(folders, args, expectedCode = 0) {
  const program = start(folders, args);
  await program.waitEnd(180_000);
  program.assertCleanEnd(expectedCode);
  assert.deepEqual(readdirSync(folders.scratch), [], 'something of the drill is left');
  return program;
}

// The processes that work in a folder in `scratch`: those that the drill has started.
function processesIn(scratch) {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(scratch);
    } catch {
      return false;
    }
  });
}

test('arguments that make no sense', async () => {
  await withFolders(async (folders) => {
    for (const [args, complaint] of [
      [['--only', 'S17'], /no scenario "S17"/],
      [['--url', 'http://127.0.0.1:1'], /--url wants --simulator/],
      [['--speed', '0'], /--speed is "0"/],
      [['S01'], /unknown option S01/],
    ]) {
      const { stderr } = await drill(folders, args, 2);
      assert.match(stderr, complaint);
    }
    assert.match((await drill(folders, ['--help'])).stdout, /S16 {2}accounting/);
  });
});

test('what keeps it from being held', async () => {
  await withFolders(async (folders) => {
    assert.match((await drill(folders, ['--simulator', '/nowhere/simulator'], 3)).stderr, /no simulator at \/nowhere/);
    assert.match((await drill(folders, ['--simulator', '/bin/false'], 3)).stderr, /\/bin\/false does not start/);
    const { stderr } = await drill(folders, ['--url', 'http://127.0.0.1:1', '--simulator', 'http://127.0.0.1:1'], 3);
    assert.match(stderr, /simulator at 127.0.0.1:1 does not do as it is told/);
  });
  await withFolders(async (folders) => {
    assert.match((await drill(folders, [], 3)).stderr, /UPSTREAM_IDLE_TIMEOUT_MS/);
  }, { env: { UPSTREAM_IDLE_TIMEOUT_MS: 'soon' } });
});

test('all scenarios, by default and with whole answers held back', async (t) => {
  await t.test('by default', () => withFolders(async (folders) => {
    const { stdout } = await drill(folders, ['--speed', '10']);
    const seen = grades(stdout);
    assert.equal(Object.keys(seen).length, 16, stdout);
    for (const [id, grade] of Object.entries(seen)) {
      assert.equal(grade, safe.includes(id) ? 'safe' : 'pass', stdout);
    }
    assert.match(stdout, /\n13 pass, 0 partial, 3 safe, 0 fail\n$/);
  }));
  await t.test('held back', () => withFolders(async (folders) => {
    const { stdout } = await drill(folders, ['--speed', '20', '--only', 'S08,S09,S10,S14']);
    assert.deepEqual(grades(stdout), { S08: 'pass', S09: 'pass', S10: 'pass', S14: 'pass' }, stdout);
  }, { env: { ...settings, STREAM_HOLD_BACK_MS: '-1' } }));
});

// The default of ten minutes is longer than anybody waits for an answer.
test('settings that are not good enough', async () => {
  await withFolders(async (folders) => {
    const { stdout } = await drill(folders, ['--speed', '50', '--only', 'S04,S06', '--json'], 1);
    const [outage, silence, { total }] = stdout.trim().split('\n').map((line) => JSON.parse(line));
    assert.equal(outage.grade, 'pass');
    assert.equal(silence.grade, 'fail');
    assert.match(silence.dialects.chat.seen, /no end within|it took too long/);
    assert.deepEqual(total, { pass: 1, partial: 0, safe: 0, fail: 1 });
  }, { env: {} });
});

test('settings of a model', async () => {
  const config = {
    endpoint: [{ name: 'common', type: 'common', base_url: 'http://127.0.0.1:1' }],
    models: [{ id: 'mine', type: 'common', hold_back: -1 }],
  };
  await withFolders(async (folders) => {
    const { stdout } = await drill(folders, ['--speed', '20', '--only', 'S08', '--json']);
    const [{ dialects }] = stdout.trim().split('\n').map((line) => JSON.parse(line));
    assert.equal(dialects.chat.grade, 'pass');
    assert.equal(dialects.anthropic.grade, 'safe');
  }, { config });
});

test('a gateway that runs', async () => {
  const types = { claude: 'anthropic', gpt: 'openai', chat: 'common', gemini: 'google' };
  const models = Object.entries(types).flatMap(([name, type]) => [
    { id: `demo-${name}`, type, fallbacks: [`demo-${name}-backup`] }, { id: `demo-${name}-backup`, type },
  ]);
  const stack = await Stack.start({
    config: { models },
    env: { ...settings, API_ACCESS_KEY: 'an-access-key', UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: '500', KEY_POOL_RETRY_DELAY_MS: '20' },
  });
  const where = ['--url', stack.url, '--simulator', stack.simulator.url, '--speed', '5'];
  try {
    await withFolders(async (folders) => {
      const { stdout } = await drill(folders, [...where, '--access-key', 'an-access-key', '--only', 'S03,S04,S07,S13,S16']);
      assert.deepEqual(grades(stdout), { S03: 'pass', S04: 'pass', S07: 'pass', S13: 'pass', S16: 'pass' }, stdout);
      const { stderr } = await drill(folders, [...where, '--access-key', 'another-key', '--only', 'S03'], 3);
      assert.match(stderr, /status 401/);
      assert.doesNotMatch(stderr, /another-key/);
    });
    const plan = await call(stack.simulator.port, { method: 'DELETE', path: '/_sim/plans/demo-chat' });
    assert.equal(plan.status, 204);
  } finally {
    await stack.stop();
  }
});

for (const [signal, how] of [['SIGINT', 'told to'], ['SIGKILL', 'killed']]) {
  test(`its programs end when it is ${how}`, async () => {
    await withFolders(async (folders) => {
      const program = start(folders, ['--speed', '1', '--only', 'S06']);
      await waitFor('both programs', () => processesIn(folders.scratch).length === 2);
      program.kill(signal);
      await program.waitEnd();
      await waitFor('the end of its programs', () => processesIn(folders.scratch).length === 0);
      if (signal === 'SIGINT') {
        program.assertCleanEnd(3);
        assert.match(program.stderr, /interrupted/);
        assert.deepEqual(readdirSync(folders.scratch), []);
      }
    });
  });
}

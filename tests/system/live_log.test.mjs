// SPDX-License-Identifier: MIT
// The log as an operator watches it: as it comes, what there was, and in files.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { admin, adminKey, ask, askMany, now, startPool, waitFor, waitStable, within, withPool } from './kit/kit.mjs';
import { inside, smallDisk } from './kit/mounts.mjs';

let stack;
before(async () => {
  stack = await startPool(['fk-one']);
});
after(async () => {
  await stack?.stop();
});

// ---- a watcher --------------------------------------------------------------------------------------------------------

class Watcher {
  static async open(gateway, { query = '', headers = {} } = {}) {
    const watcher = new Watcher();
    watcher.text = '';
    watcher.request = http.request({
      port: gateway.port, host: '127.0.0.1', path: `/admin/logs/stream${query}`, agent: false,
      headers: { 'x-admin-key': adminKey, accept: 'text/event-stream', connection: 'keep-alive', ...headers },
    });
    watcher.request.end();
    watcher.response = await within(10_000, 'answer', new Promise((resolve, reject) => watcher.request.once('response', resolve).once('error', reject)));
    watcher.request.on('error', () => {});
    watcher.response.setEncoding('utf8');
    watcher.ended = new Promise((resolve) => watcher.response.once('close', () => resolve(watcher.response.complete)));
    watcher.response.on('error', () => {});
    watcher.response.on('data', (text) => (watcher.text += text));
    return watcher;
  }

  // Whole events and comments: {id, name, data} or {comment}.
  get all() {
    return this.text.split('\n\n').slice(0, -1).map((block) => {
      const event = {};
      for (const line of block.split('\n')) {
        const [, name, value] = /^([a-z]*): ?(.*)$/.exec(line);
        event[name === '' ? 'comment' : name === 'event' ? 'name' : name] = name === 'data' ? JSON.parse(value) : value;
      }
      return event;
    });
  }

  get entries() {
    return this.all.filter(({ name }) => name === 'log').map(({ id, data }) => {
      assert.equal(Number(id), data.number);
      return data;
    });
  }

  get skipped() {
    return this.all.filter(({ name }) => name === 'skipped').reduce((sum, { data }) => sum + data.count, 0);
  }

  async waitEntry(message) {
    return waitFor(`an entry like ${message}`, () =>
      this.text.includes(message) && this.entries.find((entry) => entry.message.includes(message)), { limitMs: 20_000 });
  }

  close() {
    this.request.destroy();
  }
}

async function watching(gateway, options, run) {
  const watcher = await Watcher.open(gateway, options);
  try {
    return await run(watcher);
  } finally {
    watcher.close();
  }
}

// Something that is told in the log: a request for a model that does not exist, with a word of our own in its path.
let n_words = 0;
const newWord = () => `word-${++n_words}-${process.pid}`;
const say = (word, of = stack) => of.gateway.call({ path: `/${word}` });
const history = (query = '', of = stack) => admin(of.gateway, 'GET', `/logs/history${query}`);
const stats = (of = stack) => admin(of.gateway, 'GET', '/logs/stats');

// Every number from the first to the last that came is an entry, or counted as skipped.
function assertNoGap(watcher) {
  const { entries, skipped } = watcher;
  assert.equal(entries.length + skipped, entries.at(-1).number - entries[0].number + 1);
  assert.deepEqual(entries.map(({ number }) => number), entries.map(({ number }) => number).sort((a, b) => a - b));
}

// ---- what comes -------------------------------------------------------------------------------------------------------

test('entries come as they happen, after those of the past', async () => {
  const past = newWord();
  await say(past);
  await watching(stack.gateway, {}, async (watcher) => {
    assert.equal(watcher.response.statusCode, 200);
    assert.equal(watcher.response.headers['content-type'], 'text/event-stream');
    assert.equal(watcher.response.headers['cache-control'], 'no-store');
    const entry = await watcher.waitEntry(past);
    assert.deepEqual(Object.keys(entry), ['number', 'time', 'level', 'area', 'message']);
    assert.match(entry.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal(entry.area, 'access');
    assert.equal(entry.level, 'info');
    const present = newWord();
    await say(present);
    await watcher.waitEntry(present);
    assertNoGap(watcher);
    assert.equal(watcher.skipped, 0);
    // From the first line of the process on.
    assert.equal(watcher.entries[0].number, 1);
    assert.ok(watcher.entries.some(({ message }) => message.includes('listening on')));
  });
});

test('the size of the past is what was asked for', async () => {
  await askMany(stack, 30);
  for (const limit of [0, 1, 7]) {
    await watching(stack.gateway, { query: `?limit=${limit}` }, async (watcher) => {
      const word = newWord();
      await say(word);
      const { number } = await watcher.waitEntry(word);
      assert.equal(watcher.entries.filter((entry) => entry.number < number).length, limit);
      assertNoGap(watcher);
    });
  }
});

test('a watcher goes on where it was', async (t) => {
  const { number } = (await history('?limit=1'))[0];
  const words = [newWord(), newWord()];
  for (const word of words) await say(word);
  const options = {
    'by the header of browsers': { headers: { 'last-event-id': String(number) } },
    'by a parameter': { query: `?after=${number}` },
    'the header wins': { query: '?after=1', headers: { 'last-event-id': String(number) } },
  };
  for (const [what, option] of Object.entries(options)) {
    await t.test(what, () => watching(stack.gateway, option, async (watcher) => {
      await watcher.waitEntry(words[1]);
      assert.deepEqual(watcher.entries.map((entry) => entry.number), [number + 1, number + 2]);
    }));
  }
  await t.test('a number of a former process starts anew', () =>
    watching(stack.gateway, { query: '?after=99999999&limit=1' }, async (watcher) => {
      await watcher.waitEntry(words[1]);
      assert.equal(watcher.entries.length, 1);
    }));
});

test('filters', async (t) => {
  const word = newWord();
  await say(word);
  await admin(stack.gateway, 'GET', '/stats', undefined, { key: 'wrong', status: 401 });
  const rows = {
    'level=warn': (entry) => ['warn', 'error'].includes(entry.level),
    [`keyword=${word.toUpperCase()}`]: (entry) => entry.message.includes(word),
    'keyword=ACCESS': (entry) => `${entry.area} ${entry.message}`.toLowerCase().includes('access'),
    'level=warn&keyword=admin': (entry) => ['warn', 'error'].includes(entry.level) && /admin/i.test(`${entry.area} ${entry.message}`),
    'keyword=nothing+is+like+this': () => false,
  };
  const all = await history('?limit=500');
  for (const [query, passes] of Object.entries(rows)) {
    await t.test(query, async () => {
      const wanted = all.filter(passes);
      assert.equal(wanted.length === 0, query.includes('nothing'));
      assert.deepEqual(await history(`?limit=500&${query}`), wanted);
      await watching(stack.gateway, { query: `?limit=500&${query}` }, (watcher) =>
        waitFor('all of them', () => watcher.entries.length === wanted.length && assert.deepEqual(watcher.entries, wanted) === undefined));
    });
  }
  for (const query of ['level=loud', 'level=off', 'limit=501', 'limit=-1', 'limit=x', 'after=x', 'after=-1']) {
    await t.test(`${query} is refused`, async () => {
      const response = await admin(stack.gateway, 'GET', `/logs/stream?${query}`, undefined, { status: 400 });
      assert.match(response.json.message, new RegExp(query.split('=')[0]));
    });
  }
});

test('history goes back page by page', async () => {
  await askMany(stack, 25);
  const all = await history('?limit=500');
  const pages = [];
  for (let before = all.at(-1).number + 1; before > all[0].number;) {
    const page = await history(`?limit=10&before=${before}`);
    pages.unshift(...page);
    before = page[0].number;
  }
  assert.deepEqual(pages, all);
  assert.ok((await history()).length <= 100);
  await admin(stack.gateway, 'GET', '/logs/history?limit=0', undefined, { status: 400 });
});

test('HEAD has no body, and others may not look', async () => {
  const head = await admin(stack.gateway, 'HEAD', '/logs/stream', undefined, { status: 200 });
  assert.equal(head.header('content-type'), 'text/event-stream');
  for (const [method, path] of [['GET', 'stream'], ['GET', 'history'], ['GET', 'stats'], ['DELETE', 'clear']]) {
    await admin(stack.gateway, method, `/logs/${path}`, undefined, { key: null, status: 401 });
  }
  await admin(stack.gateway, 'POST', '/logs/stream', {}, { status: 405 });
});

test('who has left is forgotten', async () => {
  const leaving = await Watcher.open(stack.gateway, { query: '?limit=0' });
  // Who has said that this is his last request may have ended only his own side: that nobody reads shows when he is told more.
  const halfClosing = await Watcher.open(stack.gateway, { query: '?limit=0', headers: { connection: 'close' } });
  await waitFor('both', async () => (await stats()).watchers === 2);
  leaving.close();
  await waitFor('the other one', async () => (await stats()).watchers === 1);
  halfClosing.close();
  await waitFor('nobody', async () => {
    await say(newWord());
    return (await stats()).watchers === 0;
  });
});

// ---- many and slow ----------------------------------------------------------------------------------------------------

test('two watchers do not disturb each other, and who looks leaves no lines', () =>
  watching(stack.gateway, { query: '?limit=0' }, (one) => watching(stack.gateway, { query: '?limit=0&level=error' }, async (two) => {
    await waitFor('both', async () => (await stats()).watchers === 2);
    const { total } = await stats();
    for (let i = 0; i < 5; i++) {
      await history();
    }
    assert.equal((await stats()).total, total);
    const word = newWord();
    await say(word);
    await one.waitEntry(word);
    two.close();
    await waitFor('one watcher', async () => (await stats()).watchers === 1);
    const other = newWord();
    await say(other);
    await one.waitEntry(other);
    assert.equal(two.entries.length, 0);
  })));

test('a watcher that never reads is skipped and told so; nobody waits for it', () =>
  withPool(['fk-one'], {}, (own) => watching(own.gateway, { query: '?limit=1' }, async (slow) => {
    await waitFor('the first entry', () => slow.entries.length > 0);
    slow.response.pause();
    const before = own.gateway.rss;
    await askMany(own, 5000, { width: 16 });
    assert.ok(own.gateway.rss - before < 64 * 1024 * 1024); // the sanitizer's own share is most of it
    const newest = (await history('?limit=1', own)).at(-1).number;
    assert.ok(newest > 5000);
    slow.response.resume();
    await waitFor('the last entry', () => slow.entries.at(-1).number >= newest);
    assertNoGap(slow);
    assert.ok(slow.skipped > 0);
    assert.ok(slow.entries.length > 500);
  })));

test('120 watchers at once', async () => {
  const n = 120;
  const watchers = await Promise.all(Array.from({ length: n }, () => Watcher.open(stack.gateway, { query: '?limit=0' })));
  try {
    await waitFor('all of them', async () => (await stats()).watchers === n);
    await askMany(stack, 400);
    const word = newWord();
    await say(word);
    for (const watcher of watchers) {
      await watcher.waitEntry(word);
      assertNoGap(watcher);
    }
    const texts = new Map(watchers.flatMap(({ entries }) => entries.map((entry) => [entry.number, JSON.stringify(entry)])));
    for (const { entries } of watchers) {
      for (const entry of entries) assert.equal(JSON.stringify(entry), texts.get(entry.number));
    }
  } finally {
    watchers.forEach((watcher) => watcher.close());
  }
  await waitFor('nobody', async () => (await stats()).watchers === 0);
});

test('silence has a heartbeat', () =>
  withPool(['fk-one'], {}, async (own) => {
    const begun = now(); // before the watcher comes, so that a slow machine makes it only longer
    await watching(own.gateway, { query: '?limit=0&level=error' }, async (watcher) => {
      await waitFor('a comment', () => watcher.all.some(({ comment }) => comment !== undefined), { limitMs: 40_000, everyMs: 50 });
      assert.ok(now() - begun > 10_000_000_000n, 'not all the time');
      assert.equal(watcher.all.length, 1);
    });
  }));

// ---- the end ----------------------------------------------------------------------------------------------------------

test('open streams do not hold up the end', async () => {
  const own = await startPool(['fk-one'], { env: { SHUTDOWN_GRACE_MS: '120000' } });
  const reads = await Watcher.open(own.gateway, { query: '?limit=0' });
  const sleeps = await Watcher.open(own.gateway, { query: '?limit=1' });
  try {
    sleeps.response.pause();
    await askMany(own, 3000, { width: 16 });
    await waitFor('all of them', async () => reads.entries.at(-1)?.number >= (await history('?limit=1', own)).at(-1).number);
    own.gateway.program.kill('SIGTERM');
    await own.gateway.program.waitEnd(30_000); // far less than the time that requests would have
    own.gateway.program.assertCleanEnd();
    assert.equal(await within(5000, 'end', reads.ended), true, 'a whole answer');
    assert.ok(reads.entries.some(({ message }) => message.startsWith('stopping')));
    assertNoGap(reads);
  } finally {
    reads.close();
    sleeps.close();
    await own.stop();
  }
});

// ---- what there is ----------------------------------------------------------------------------------------------------

test('clearing forgets what is in memory, numbers go on, and the audit stays', () =>
  withPool(['fk-one'], { env: { NODE_ENV: 'production' } }, async (own) => {
    await askMany(own, 5);
    const { kept, total } = await stats(own);
    assert.ok(kept >= 5 && kept === total);
    assert.deepEqual((await admin(own.gateway, 'DELETE', '/logs/clear')), { cleared: kept });
    assert.deepEqual(await history('', own), []);
    assert.equal((await stats(own)).kept, 0);
    const word = newWord();
    await say(word, own);
    const entries = await history('', own);
    assert.equal(entries.length, 1);
    assert.ok(entries[0].number > total);
    await waitFor('the files', () => own.gateway.said.includes('cleared the live log') && own.gateway.said.includes(word));
    assert.match(own.gateway.said, /127\.0\.0\.1 cleared the live log: done/);
  }));

test('figures', () =>
  withPool(['fk-one'], { env: { NODE_ENV: 'production' } }, async (own) => {
    await admin(own.gateway, 'GET', '/stats', undefined, { key: 'wrong', status: 401 });
    const figures = await stats(own);
    assert.deepEqual(Object.keys(figures), ['kept', 'total', 'by_level', 'watchers', 'dropped', 'file']);
    assert.equal(Object.values(figures.by_level).reduce((sum, n) => sum + n), figures.total);
    assert.ok(figures.by_level.warn >= 1);
    assert.equal(figures.dropped, 0);
    assert.match(figures.file.path, /^logs\/droid2api_\d{4}-\d\d-\d\d\.log$/);
    assert.deepEqual({ ...figures.file, path: '' }, { directory: 'logs', path: '', is_written: true, problem: null });
    await waitFor('the file', () => readFileSync(own.gateway.path(figures.file.path), 'utf8').includes('listening on'));
  }));

test('without files nothing is said of them', async () => {
  assert.deepEqual((await stats()).file, { directory: null, path: null, is_written: false, problem: null });
});

test('secrets are in no entry', () =>
  withPool(['fk-secret-of-the-pool'], { env: { API_ACCESS_KEY: 'fk-secret-of-clients', LOG_LEVEL: 'debug' } }, async (own) => {
    const body = '{"model":"m-claude","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}';
    const call = (path, headers = {}) => own.gateway.call({ method: 'POST', path, headers: { 'content-type': 'application/json', ...headers }, body });
    assert.equal((await call('/v1/messages', { 'x-api-key': 'fk-secret-of-clients' })).status, 200);
    assert.equal((await call('/v1/messages', { authorization: 'Bearer fk-secret-is-wrong' })).status, 401);
    await call('/v1beta/models/m-gemini:generateContent?key=fk-secret-of-clients');
    await call('/v1beta/models/m-gemini:generateContent?key=fk-secret-is-wrong');
    await call('/nowhere?token=fk-secret-in-a-query');
    const { id } = await admin(own.gateway, 'POST', '/keys', { key: 'fk-secret-that-is-added' });
    await admin(own.gateway, 'GET', `/keys/${id}?reveal=true`);
    await admin(own.gateway, 'GET', '/keys?q=fk-secret-in-a-search');
    await admin(own.gateway, 'POST', `/keys/${id}/test`);
    await admin(own.gateway, 'DELETE', `/keys/${id}`);
    await admin(own.gateway, 'GET', '/stats', undefined, { key: 'fk-secret-wrong-admin', status: 401 });
    const text = JSON.stringify(await history('?limit=500', own));
    assert.ok(text.includes('/v1/messages') && text.includes('/nowhere'));
    assert.ok(!/fk-secret/.test(text) && !text.includes(adminKey), text);
    await watching(own.gateway, { query: '?limit=500' }, async (watcher) => {
      await watcher.waitEntry('/nowhere');
      assert.ok(!/fk-secret/.test(watcher.text) && !watcher.text.includes(adminKey));
    });
  }));

// ---- files ------------------------------------------------------------------------------------------------------------

const linesOf = (text) => text.split('\n').filter((line) => line !== '');
const fileOf = ({ gateway }) => gateway.logFiles().map((path) => readFileSync(path, 'utf8')).join('');

test('LOG_FORMAT=json: one object a line, and what the access log says as members', () =>
  withPool(['fk-one'], { env: { NODE_ENV: 'production', LOG_FORMAT: 'json' } }, async (own) => {
    await ask(own, { headers: { 'x-request-id': 'an-id-of-mine' } });
    const nasty = 'm" in=7 "status":1,\\ \u2028 \u0001 名 = x';
    await own.gateway.call({ method: 'POST', path: '/v1/messages', headers: { 'x-request-id': 'the-nasty' }, body: JSON.stringify({ model: nasty, max_tokens: 1, messages: [] }) });
    await waitFor('the lines', () => fileOf(own).includes('the-nasty') && own.gateway.program.stdout.includes('the-nasty'));
    for (const text of [fileOf(own), own.gateway.program.stdout]) {
      const objects = linesOf(text).map((line) => JSON.parse(line));
      for (const { time, level, area, message } of objects) {
        assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        assert.ok(['debug', 'info', 'warn', 'error'].includes(level));
        assert.ok(area.length > 0 && message.length > 0);
      }
      const access = objects.find(({ id }) => id === 'an-id-of-mine');
      assert.equal(access.area, 'access');
      assert.equal(access.method, 'POST');
      assert.equal(access.path, '/v1/messages');
      assert.equal(access.status, 200);
      assert.ok(access.duration_ms > 0);
      assert.equal(access.model, 'm-claude');
      assert.equal(access.endpoint, 'anthropic');
      assert.match(access.key, /^key_/);
      assert.equal(access.client, '127.0.0.1');
      assert.ok(Number.isInteger(access.input_tokens) && Number.isInteger(access.output_tokens));
      const odd = objects.find(({ id }) => id === 'the-nasty');
      assert.equal(odd.status, 404);
      assert.equal(odd.input_tokens, undefined, 'nobody writes members into our lines');
      assert.match(odd.model, /^m' in=7 'status':1/);
    }
  }));

test('a folder that cannot be written is told once, and taken as soon as it can be', () =>
  withPool(['fk-one'], { env: { NODE_ENV: 'production', LOG_DIR: 'place' }, files: { place: 'not a folder' } }, async (own) => {
    const console = () => own.gateway.program.stdout;
    await waitFor('the warning', () => console().includes('cannot write log files in place'));
    await askMany(own, 20);
    const { file, dropped } = await stats(own);
    assert.equal(file.is_written, false);
    assert.match(file.problem, /directory/i);
    assert.ok(dropped > 0);
    await waitFor('full lines on the console', () => /T\d\d:\d\d:\d\d\.\d{3}Z INFO {2}access .* client=/.test(console()));
    rmSync(own.gateway.path('place'));
    await waitFor('the file', async () => {
      await say(newWord(), own);
      return (await stats(own)).file.is_written;
    }, { limitMs: 30_000, everyMs: 100 });
    assert.equal(console().split('cannot write log files').length, 2, 'told once');
    const [, n] = await waitFor('the number of missing lines', () => /written again; (\d+) lines are missing/.exec(console()));
    assert.equal(Number(n), (await stats(own)).dropped);
  }));

test('a full disk costs lines, which are counted, and no request', () =>
  withPool(['fk-one'], { env: { NODE_ENV: 'production', LOG_FORMAT: 'json' }, wrap: smallDisk('64k', 'logs') }, async (own) => {
    const filler = inside(own.gateway, 'logs/filler');
    assert.throws(() => writeFileSync(filler, Buffer.alloc(200_000)), /ENOSPC/);
    await waitFor('the problem', async () => {
      await askMany(own, 50);
      return (await stats(own)).file.problem !== null;
    });
    await askMany(own, 50);
    const metrics = await own.gateway.call({ path: '/metrics' });
    assert.ok(Number(/^droid2api_log_dropped_total (\d+)$/m.exec(metrics.text)[1]) > 0);
    rmSync(filler);
    const word = newWord();
    await waitFor('the file', async () => {
      await say(word, own);
      return (await stats(own)).file.is_written;
    }, { limitMs: 30_000, everyMs: 100 });
    const { file, dropped } = await stats(own);
    const path = inside(own.gateway, file.path);
    await waitStable('the file', () => readFileSync(path, 'utf8').length);
    const lines = linesOf(readFileSync(path, 'utf8')).map((line) => JSON.parse(line)); // no half lines
    const missing = lines.map(({ message }) => /written again; (\d+) lines are missing/.exec(message)?.[1]).filter(Boolean);
    assert.equal(missing.reduce((sum, n) => sum + Number(n), 0), dropped);
    // What is counted as missing and what is there is all that was ever said.
    assert.equal(lines.length + dropped, (await stats(own)).total);
  }));

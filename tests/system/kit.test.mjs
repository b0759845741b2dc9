// SPDX-License-Identifier: MIT
// The kit itself: it must notice what it is there to notice.
import assert from 'node:assert/strict';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { endsWithError, hasEnd, listen, parseEvents, parseResponse, Program, Wire } from './kit/kit.mjs';
import { random, randomBody } from './kit/random_json.mjs';

const shell = (script) => new Program('/bin/sh', ['-c', script], { cwd: tmpdir() });

test('a program is judged by its end', async (t) => {
  await t.test('0 is good', async () => {
    const program = shell('trap "exit 0" TERM; echo ready; while :; do sleep 0.01; done');
    await program.waitReady('ready', () => program.stdout.includes('ready'));
    await program.stop();
  });
  await t.test('another code is not', async () => {
    const program = shell('trap "exit 3" TERM; echo ready; while :; do sleep 0.01; done');
    await program.waitReady('ready', () => program.stdout.includes('ready'));
    await assert.rejects(program.stop(), /"code":3/);
  });
  await t.test('death by a signal is not', async () => {
    const program = shell('echo ready; while :; do sleep 0.01; done');
    await program.waitReady('ready', () => program.stdout.includes('ready'));
    await assert.rejects(program.stop(), /SIGTERM/);
  });
  await t.test('not ending is not', async () => {
    const program = shell('trap "" TERM; echo ready; while :; do sleep 0.01; done');
    await program.waitReady('ready', () => program.stdout.includes('ready'));
    await assert.rejects(program.stop({ limitMs: 200 }), /no end of/);
  });
  for (const report of ['==1==ERROR: AddressSanitizer: heap-use-after-free', '==1==ERROR: LeakSanitizer: detected memory leaks',
    'file.c:1:2: runtime error: signed integer overflow', 'SUMMARY: UndefinedBehaviorSanitizer: undefined-behavior']) {
    await t.test(`a report is not, even with 0: ${report}`, async () => {
      const program = shell(`echo "${report}" >&2`);
      await program.waitEnd();
      assert.throws(() => program.assertCleanEnd(), /sanitizer/);
    });
  }
  await t.test('ending before it is ready is an error that shows what it said', async () => {
    const program = shell('echo "no such port" >&2; exit 1');
    await assert.rejects(program.waitReady('an answer', () => false), /no such port/);
  });
});

test('answers are read strictly', async (t) => {
  const parse = (text, options) => parseResponse(Buffer.from(text, 'latin1'), options);
  await t.test('good ones', () => {
    const chunked = parse('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nA\r\n0123456789\r\n0\r\n\r\nrest');
    assert.deepEqual([chunked.text, chunked.isComplete, chunked.rest.toString()], ['ab0123456789', true, 'rest']);
    const sized = parse('HTTP/1.1 103 Early\r\n\r\nHTTP/1.0 404 \r\ncontent-length: 2\r\n\r\nabrest');
    assert.deepEqual([sized.status, sized.text, sized.rest.toString()], [404, 'ab', 'rest']);
    assert.equal(parse('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n', { isHead: true }).isComplete, true);
  });
  await t.test('unfinished ones', () => {
    assert.equal(parse('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab').isComplete, false);
    assert.equal(parse('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n').isComplete, false);
    assert.equal(parse('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n').isComplete, false);
  });
  for (const text of [
    'HTTP/2 200 OK\r\n\r\n', 'HTTP/1.1 2000 OK\r\n\r\n', 'HTTP/1.1 200 OK\r\nno colon\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na', 'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n',
  ]) {
    await t.test(JSON.stringify(text), () => assert.throws(() => parse(text)));
  }
});

test('a connection that breaks off is told from one that ends', async (t) => {
  const serve = async (bytes, finish) => {
    const server = await listen(net.createServer((socket) => socket.write(bytes, () => finish(socket))));
    try {
      const wire = await Wire.connect(server.port);
      const response = await wire.response();
      return [response.text, response.isComplete];
    } finally {
      await server.stop();
    }
  };
  const head = 'HTTP/1.1 200 OK\r\n';
  await t.test('FIN', async () => {
    assert.deepEqual(await serve(`${head}\r\nab`, (socket) => socket.end()), ['ab', true]);
    assert.deepEqual(await serve(`${head}content-length: 3\r\n\r\nab`, (socket) => socket.end()), ['ab', false]);
    const chunked = `${head}transfer-encoding: chunked\r\n\r\n2\r\nab\r\n`;
    assert.deepEqual(await serve(chunked, (socket) => socket.end()), ['ab', false]);
    assert.deepEqual(await serve(`${chunked}0\r\n\r\n`, (socket) => socket.end()), ['ab', true]);
  });
  await t.test('RST', async () => {
    const [, isComplete] = await serve(`${head}\r\nab`, (socket) => setTimeout(() => socket.resetAndDestroy(), 50));
    assert.equal(isComplete, false);
  });
});

test('events', () => {
  assert.deepEqual(parseEvents('event: a\ndata: 1\ndata: 2\n\n: comment\n\ndata:{}\r\n\r\ndata: cut'), [
    { event: 'a', data: '1\n2' }, { event: undefined, data: '{}' },
  ]);
  const end = { event: 'message_stop', data: '{"type":"message_stop"}' };
  const error = { event: 'error', data: '{"type":"error","error":{"type":"api_error","message":"x"}}' };
  const bad = { event: undefined, data: '{"type":' };
  assert.equal(hasEnd('anthropic', [bad, end]), true);
  assert.equal(hasEnd('anthropic', [bad]), false);
  assert.equal(endsWithError('anthropic', [error]), true);
  assert.equal(endsWithError('anthropic', [end, error]), false);
  assert.equal(endsWithError('anthropic', [end]), false);
  assert.equal(endsWithError('chat', []), false);
});

test('random bodies are JSON that a re-serialisation would change', () => {
  let n_changed = 0;
  for (let seed = 0; seed < 200; seed++) {
    const { bytes, spans } = randomBody(random(seed), [['model', '"m"']]);
    const text = bytes.toString();
    assert.equal(JSON.parse(text).model, 'm');
    assert.equal(bytes.subarray(spans.model.start, spans.model.start + spans.model.length).toString(), '"m"');
    n_changed += JSON.stringify(JSON.parse(text)) === text ? 0 : 1;
  }
  assert.ok(n_changed > 190);
});

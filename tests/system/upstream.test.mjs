// SPDX-License-Identifier: MIT
// What the gateway makes of upstreams that refuse, stall, break off, talk nonsense, or are reached over TLS and proxies.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  Authority, dialectNames, dialects, endsWithError, freePort, Gateway, hasEnd, listen, modelRequest, parseEvents,
  requestBytes, Simulator, simulatorConfig, Stack, startConnectProxy, startTlsFront, uniqueKey, waitFor,
  waitStable, Wire,
} from './kit/kit.mjs';

let stack;
let impatient; // with short upstream timers
before(async () => {
  stack = await Stack.start();
  impatient = await Stack.start({
    env: {
      UPSTREAM_CONNECT_TIMEOUT_MS: '400', UPSTREAM_HEADER_TIMEOUT_MS: '300', UPSTREAM_IDLE_TIMEOUT_MS: '400',
    },
  });
});
after(async () => {
  await stack?.stop();
  await impatient?.stop();
});

function assertFault(name, response, status, code) {
  assert.equal(response.status, status, response.text);
  assert.equal(response.isComplete, true);
  const error = dialects[name].errorOf(response.json);
  assert.ok(error.message.length > 0);
  if (name === 'anthropic') {
    assert.equal(error.type, 'api_error');
  } else if (name === 'gemini') {
    assert.equal(error.code, status);
  } else {
    assert.equal(error.type, 'server_error');
    assert.match(error.code, code);
  }
}

// A stream that began must end with the dialect's error event, and not like a whole answer.
function assertBroken(name, response) {
  assert.equal(response.status, 200);
  assert.equal(response.isComplete, false, 'the stream ended as if it were complete');
  assert.ok(endsWithError(name, response.events), response.text.slice(-600));
}

const ask = (name, directives, options = {}, to = stack) =>
  to.gateway.call(modelRequest(name, { key: uniqueKey(directives), ...options }));

test('what the upstream refuses is passed on with its own words', async (t) => {
  for (const name of dialectNames) {
    for (const status of [400, 404, 413, 422]) {
      await t.test(`${name} ${status}`, async () => {
        const body = `{"error":{"message":"own words ${status}"},"extra":1.0}`;
        const response = await ask(name, `status=${status}~body=${encodeURIComponent(body)}`);
        assert.equal(response.status, status);
        assert.equal(response.text, body);
      });
    }
    await t.test(`${name} 429 keeps retry-after`, async () => {
      const response = await ask(name, 'status=429~retry-after=7');
      assert.equal(response.status, 429);
      assert.equal(response.header('retry-after'), '7');
    });
  }
});

test('an upstream that nobody serves is 502', async (t) => {
  const gateway = await Gateway.start({ config: simulatorConfig(`http://127.0.0.1:${await freePort()}`) });
  try {
    for (const name of dialectNames) {
      for (const stream of [false, true]) {
        await t.test(`${name}${stream ? ', stream' : ''}`, async () => {
          const response = await gateway.call(modelRequest(name, { key: uniqueKey(), stream }));
          assertFault(name, response, 502, /^upstream_/);
        });
      }
    }
  } finally {
    await gateway.stop();
  }
});

test('a name that does not resolve is 502', async () => {
  const gateway = await Gateway.start({ config: simulatorConfig('http://no-such-host.invalid') });
  try {
    const response = await gateway.call(modelRequest('chat', { key: uniqueKey() }), { limitMs: 30_000 });
    assertFault('chat', response, 502, /^upstream_/);
  } finally {
    await gateway.stop();
  }
});

test('before its first byte an upstream may fail in many ways', async (t) => {
  for (const name of dialectNames) {
    for (const stream of [false, true]) {
      const kind = stream ? ', stream' : '';
      await t.test(`${name}${kind}: reset`, async () => {
        assertFault(name, await ask(name, 'reset=0', { stream }), 502, /^upstream_/);
      });
      await t.test(`${name}${kind}: not HTTP`, async () => {
        assertFault(name, await ask(name, 'garbage=1', { stream }), 502, /^upstream_/);
      });
      await t.test(`${name}${kind}: no head in time`, async () => {
        assertFault(name, await ask(name, 'hang=before', { stream }, impatient), 504, /^upstream_timeout$/);
      });
    }
  }
});

test('a stream that breaks off ends with an error event', async (t) => {
  for (const name of dialectNames) {
    for (const directives of ['tokens=20~cut=4', 'tokens=20~cut=4~pace=10', 'tokens=20~reset=4~pace=10']) {
      await t.test(`${name}: ${directives}`, async () => assertBroken(name, await ask(name, directives, { stream: true })));
    }
    await t.test(`${name}: silence after three events`, async () => {
      assertBroken(name, await ask(name, 'tokens=20~hang=3', { stream: true }, impatient));
    });
    await t.test(`${name}: silence after the head`, async () => {
      const response = await ask(name, 'hang=head', { stream: true }, impatient);
      if (response.status === 200) {
        assertBroken(name, response);
      } else {
        assertFault(name, response, 504, /^upstream_timeout$/);
      }
    });
    await t.test(`${name}: a clean end without the dialect's own`, async () => {
      const response = await ask(name, 'tokens=5~nodone=1', { stream: true });
      if (hasEnd(name, response.events)) {
        assert.equal(name, 'chat'); // there, a missing [DONE] after the finish_reason is success
        assert.equal(response.isComplete, true);
      } else {
        assertBroken(name, response);
      }
    });
  }
});

test('each timer of an attempt bites', async (t) => {
  // Connect, head and idle have their places in the tests above.
  const rows = {
    'first token': ['UPSTREAM_FIRST_TOKEN_TIMEOUT_MS', 'first=5000'],
    'total, within a stream': ['UPSTREAM_TOTAL_TIMEOUT_MS', 'tokens=1000~pace=20'],
    'total, before the head': ['UPSTREAM_TOTAL_TIMEOUT_MS', 'hang=before'],
  };
  for (const [what, [variable, directives]] of Object.entries(rows)) {
    await t.test(what, async () => {
      const timed = await Stack.start({ env: { [variable]: '300' } });
      try {
        for (const name of dialectNames) {
          const response = await ask(name, directives, { stream: true }, timed);
          if (response.status === 200) {
            assertBroken(name, response);
          } else {
            assertFault(name, response, 504, /^upstream_timeout$/);
          }
        }
      } finally {
        await timed.stop();
      }
    });
  }
  await t.test('a model may have its own', async () => {
    const timed = await Stack.start({
      config: (simulator) => {
        const { models } = simulatorConfig(simulator.url);
        return { models: models.map((model) => ({ ...model, timeouts: { header_ms: 300 } })) };
      },
    });
    try {
      assertFault('chat', await ask('chat', 'hang=before', {}, timed), 504, /^upstream_timeout$/);
    } finally {
      await timed.stop();
    }
  });
});

test('a silent stream gets its dialect\'s heartbeat', async (t) => {
  const env = { STREAM_KEEPALIVE_MS: '100' };
  const beating = await Stack.start({ env });
  const beat = { anthropic: /^event: ping\r?\ndata: .*"ping"/m, chat: /^:/m, responses: /^:/m };
  try {
    for (const name of dialectNames) {
      await t.test(`${name}: before the first event`, async () => {
        const wire = await Wire.connect(beating.port);
        wire.send(requestBytes(modelRequest(name, { key: uniqueKey('tokens=3~first=800'), stream: true })));
        const started = Date.now();
        let text = '';
        let firstAfter;
        const response = await wire.head();
        for await (const { bytes } of wire.pieces(response)) {
          text += bytes;
          firstAfter ??= Date.now() - started;
        }
        assert.ok(response.isComplete && hasEnd(name, parseEvents(text)));
        if (name === 'gemini') { // whose clients read nothing but `data: …`
          assert.ok(text.split(/\r?\n/).every((line) => line === '' || line.startsWith('data: ')), text);
        } else {
          assert.match(text, beat[name]);
          assert.ok(firstAfter < 700, `the first came after ${firstAfter} ms, no sooner than the upstream spoke`);
        }
      });
      await t.test(`${name}: never within an event`, async () => {
        const response = await ask(name, 'tokens=2~pace=250~split=40', { stream: true }, beating);
        assert.ok(response.isComplete && hasEnd(name, response.events));
        for (const { data } of response.events) {
          assert.ok(data === undefined || data === '[DONE]' || JSON.parse(data));
        }
      });
    }
    await t.test('a whole answer gets none', async () => {
      const response = await ask('chat', 'first=400', {}, beating);
      assert.ok(response.text.startsWith('{') && response.json.choices);
    });
  } finally {
    await beating.stop();
  }
  await t.test('a stream whose upstream told its length stays well framed', () => {
    const events = ['data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n',
      'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'];
    return withOwnUpstream(({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: ${events.join('').length}\r\n\r\n`
        + events[0]);
      setTimeout(() => socket.write(events[1]), 400);
    }, async (gateway) => {
      const response = await gateway.call(modelRequest('chat', { key: uniqueKey(), stream: true }));
      assert.ok(response.isComplete && hasEnd('chat', response.events), response.text);
    }, env);
  });
});

test('one malformed event is passed over', async (t) => {
  for (const name of dialectNames) {
    await t.test(name, async () => {
      const response = await ask(name, 'tokens=6~badevent=3', { stream: true });
      assert.equal(response.status, 200);
      assert.ok(response.isComplete && hasEnd(name, response.events));
    });
  }
});

test('a whole answer that breaks off does not look complete', async (t) => {
  for (const name of dialectNames) {
    for (const fault of ['cut=60', 'reset=60']) {
      await t.test(`${name}: ${fault}`, async () => {
        let response;
        try {
          response = await ask(name, fault);
        } catch (error) {
          assert.match(error.message, /ended (within a head|without)/);
          return;
        }
        assert.ok(response.status >= 500 || !response.isComplete, response.text);
      });
    }
  }
});

test('connections to the upstream are kept and used again', async () => {
  const { connections: before } = await stack.simulator.stats();
  for (let i = 0; i < 20; i++) {
    assert.equal((await ask('chat', 'tokens=2')).status, 200);
  }
  const stats = await stack.simulator.stats();
  assert.ok(stats.requests >= 20);
  assert.ok(before === undefined || stats.connections - before <= 45, JSON.stringify(stats)); // our own calls count too
});

// An upstream in Node that does with each connection what a test says.
async function startOwnUpstream(onRequest) {
  let n_connections = 0;
  const seen = { requests: 0 };
  const listener = await listen(net.createServer((socket) => {
    const connection = { number: ++n_connections, requests: 0, socket };
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      for (;;) {
        const head = /^([^]*?)\r\n\r\n/.exec(text);
        const length = head && Number(/content-length: *(\d+)/i.exec(head[1])?.[1] ?? 0);
        if (!head || text.length < head[0].length + length) {
          return;
        }
        const body = text.slice(head[0].length, head[0].length + length);
        text = text.slice(head[0].length + length);
        connection.requests++;
        seen.requests++;
        onRequest(connection, head[1], body);
      }
    });
  }));
  return { ...listener, seen, url: `http://127.0.0.1:${listener.port}` };
}

const chatAnswer = JSON.stringify({
  id: 'c1', object: 'chat.completion', created: 1, model: 'm', usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
});
const whole = (body) => `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

async function withOwnUpstream(onRequest, run, env = {}) {
  const upstream = await startOwnUpstream(onRequest);
  const gateway = await Gateway.start({
    // What becomes of one attempt is the matter here.
    config: simulatorConfig(upstream.url), env: { UPSTREAM_HEADER_TIMEOUT_MS: '3000', KEY_POOL_RETRY_ENABLED: 'false', ...env },
  });
  try {
    await run(gateway, upstream);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

test('a kept connection that dies under a request is tried again once', async () => {
  await withOwnUpstream(({ requests, socket }) => {
    if (requests === 1) {
      socket.write(whole(chatAnswer));
    } else {
      socket.destroy(); // as a server does whose keep-alive ran out just now
    }
  }, async (gateway, upstream) => {
    for (let i = 0; i < 10; i++) {
      const response = await gateway.call(modelRequest('chat', { key: uniqueKey() }));
      assert.equal(response.status, 200);
      assert.equal(response.text, chatAnswer);
    }
    assert.equal(upstream.seen.requests, 10 + 9); // each but the first met a dead connection
  });
});

test('a fresh connection that dies is not tried again', async () => {
  await withOwnUpstream(({ socket }) => socket.destroy(), async (gateway, upstream) => {
    assertFault('chat', await gateway.call(modelRequest('chat', { key: uniqueKey() })), 502, /^upstream_/);
    assert.equal(upstream.seen.requests, 1);
  });
});

test('a kept connection that dies within an answer is not tried again', async () => {
  await withOwnUpstream(({ requests, socket }) => {
    if (requests === 1) {
      socket.write(whole(chatAnswer));
    } else {
      socket.end('HTTP/1.1 200 OK\r\nContent-Le');
    }
  }, async (gateway, upstream) => {
    assert.equal((await gateway.call(modelRequest('chat', { key: uniqueKey() }))).status, 200);
    assertFault('chat', await gateway.call(modelRequest('chat', { key: uniqueKey() })), 502, /^upstream_/);
    assert.equal(upstream.seen.requests, 2);
  });
});

test('answers that break the rules are 502', async (t) => {
  const bad = {
    'both framings': `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
    'a length that is no number': 'HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n{}',
    'an unknown coding': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'no status': 'HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n',
    'HTTP/2.0': 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n',
    'a bare LF': 'HTTP/1.1 200 OK\nContent-Length: 2\n\n{}',
    'an endless head': `HTTP/1.1 200 OK\r\n${'X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(5000)}`,
    'a redirect, which is not followed': 'HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n',
    'Switching Protocols': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n',
  };
  for (const [what, bytes] of Object.entries(bad)) {
    await t.test(what, () => withOwnUpstream(({ socket }) => socket.end(bytes), async (gateway) => {
      assertFault('chat', await gateway.call(modelRequest('chat', { key: uniqueKey() })), 502, /^upstream_/);
    }));
  }
  await t.test('a chunk size that is no number breaks the answer off', () => withOwnUpstream(
    ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n'),
    async (gateway) => {
      const response = await gateway.call(modelRequest('chat', { key: uniqueKey() }));
      assert.ok(response.status === 502 || !response.isComplete);
    }));
  await t.test('bytes after an answer are not the next answer', () => withOwnUpstream(({ requests, socket }) => {
    socket.write(requests === 1 ? whole(chatAnswer) + whole('{"stolen":true}') : whole(chatAnswer));
  }, async (gateway) => {
    for (let i = 0; i < 3; i++) {
      const response = await gateway.call(modelRequest('chat', { key: uniqueKey() }));
      assert.equal(response.text, chatAnswer);
    }
  }));
});

test('headers that belong to one connection do not travel', () => withOwnUpstream(({ socket }) => {
  socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: keep-alive, x-private\r\n'
    + 'Keep-Alive: timeout=5\r\nX-Private: hop\r\nProxy-Authenticate: Basic\r\nSet-Cookie: a=b\r\n'
    + `X-RateLimit-Remaining: 7\r\nContent-Length: ${chatAnswer.length}\r\n\r\n${chatAnswer}`);
}, async (gateway) => {
  const response = await gateway.call(modelRequest('chat', { key: uniqueKey() }));
  assert.equal(response.header('x-ratelimit-remaining'), '7');
  for (const name of ['keep-alive', 'x-private', 'proxy-authenticate']) {
    assert.equal(response.header(name), undefined, name);
  }
}));

test('answers that are odd, and right', async (t) => {
  const odd = {
    'HTTP/1.0, until the connection ends': [`HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n${chatAnswer}`, 200],
    'no reason phrase': [`HTTP/1.1 200 \r\nContent-Length: ${chatAnswer.length}\r\n\r\n${chatAnswer}`, 200],
    'several interim answers': [
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n${whole(chatAnswer)}`, 200],
    'lower-case chunked with an extension': [
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chatAnswer.length.toString(16)};x=y\r\n${chatAnswer}\r\n0\r\nt: v\r\n\r\n`,
      200],
    '204': ['HTTP/1.1 204 No Content\r\n\r\n', 204],
    'an empty 400': ['HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n', 400],
    'a status nobody knows': [`HTTP/1.1 499 Odd\r\nContent-Length: 2\r\n\r\n{}`, 499],
  };
  for (const [what, [bytes, status]] of Object.entries(odd)) {
    await t.test(what, () => withOwnUpstream(({ socket }) => socket.end(bytes), async (gateway) => {
      const response = await gateway.call(modelRequest('chat', { key: uniqueKey() }));
      assert.equal(response.status, status);
      assert.ok(response.isComplete);
      assert.equal(response.text, status === 200 ? chatAnswer : bytes.endsWith('{}') ? '{}' : '');
    }));
  }
});

test('an upstream that compresses unasked is unpacked', async (t) => {
  for (const stream of [false, true]) {
    await t.test(stream ? 'a stream' : 'a body', async () => {
      const key = uniqueKey('gzip=1~tokens=5');
      const response = await stack.gateway.call(modelRequest('chat', { key, stream }));
      assert.equal(response.status, 200);
      assert.equal(response.header('content-encoding'), undefined);
      assert.ok(response.isComplete && response.text.includes(stream ? '[DONE]' : 'chat.completion'), response.text);
    });
  }
  const packed = (body, declared = body.length) => Buffer.concat([
    Buffer.from('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n'
      + `Content-Length: ${declared}\r\n\r\n`), body]);
  await t.test('one that is no gzip is an error', () => withOwnUpstream(
    ({ socket }) => socket.write(packed(Buffer.from('{"plain":1}'))),
    async (gateway) => assertFault('chat', await gateway.call(modelRequest('chat', { key: uniqueKey() })), 502,
      /^upstream_protocol_error$/),
  ));
  for (const [what, size, isHeld] of [['is an error', 100_000, true], ['breaks off where some of it has left', 3_000_000, false]]) {
    await t.test(`one whose packed data is cut ${what}`, () => withOwnUpstream(
      ({ socket }) => socket.write(packed(gzipSync(Buffer.alloc(size, randomBytes(1000))).subarray(0, -20))),
      async (gateway) => {
        const response = await gateway.call(modelRequest('chat', { key: uniqueKey() }));
        if (isHeld) assertFault('chat', response, 502, /^upstream_truncated/);
        assert.equal(response.isComplete, isHeld);
      },
    ));
  }
  await t.test('what unpacks to a thousand times its size arrives whole, and costs nothing while nobody reads', async () => {
    const size = 300_000_000;
    const body = packed(gzipSync(Buffer.alloc(size, 'a')));
    const upstream = await startOwnUpstream(({ socket }) => socket.write(body));
    const gateway = await Gateway.start({ release: true, config: simulatorConfig(upstream.url) });
    try {
      const wire = await Wire.connect(gateway.port);
      let received = 0;
      wire.socket.pause();
      wire.socket.on('data', (bytes) => {
        received += bytes.length;
        wire.received = Buffer.alloc(0);
      });
      const before = gateway.rss;
      wire.send(requestBytes(modelRequest('chat', { key: uniqueKey(), close: false })));
      await waitStable('the gateway', () => gateway.cpuTicks, { quietMs: 500 });
      const grown = gateway.rss - before;
      assert.ok(grown < 2_000_000, `${grown} bytes`);
      wire.socket.resume();
      await waitFor('the whole answer', () => received >= size, { limitMs: 60_000 });
      wire.close();
    } finally {
      await gateway.stop();
      await upstream.stop();
    }
  });
});

test('an upstream that answers before it has read everything is heard', async () => {
  const large = modelRequest('chat', { key: uniqueKey(), text: 'x'.repeat(8_000_000) });
  const server = await listen(net.createServer((socket) => {
    socket.once('data', () => {
      socket.pause();
      socket.end('HTTP/1.1 413 Too Large\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"own":"words"');
      socket.resume();
    });
  }));
  const gateway = await Gateway.start({ config: simulatorConfig(`http://127.0.0.1:${server.port}`) });
  try {
    const response = await gateway.call(large);
    assert.equal(response.status, 413);
    assert.equal(response.text, '{"own":"words"');
  } finally {
    await gateway.stop();
    await server.stop();
  }
});

test('an answer that ends with its connection is complete', async (t) => {
  for (const name of dialectNames) {
    await t.test(name, async () => {
      const json = await ask(name, 'close=1');
      assert.ok(json.isComplete && json.json);
      const stream = await ask(name, 'close=1~tokens=4~pace=3', { stream: true });
      assert.ok(stream.isComplete && hasEnd(name, stream.events));
    });
  }
});

test('interim answers stay with the gateway', async () => {
  const wire = await Wire.connect(stack.port);
  wire.send(requestBytes(modelRequest('anthropic', { key: uniqueKey('interim=1~tokens=2'), stream: true })));
  const all = (await wire.toEnd()).toString('latin1');
  assert.match(all, /^HTTP\/1\.1 200 /);
  assert.equal(all.match(/HTTP\/1\.1 /g).length, 1);
});

test('a client that stops reading stops the upstream, and costs nothing', async (t) => {
  const release = await Stack.start({ release: true, simulator: { args: ['--no-record'] } });
  try {
    for (const stream of [false, true]) {
      await t.test(stream ? 'a stream of 1 GB' : 'a body of 1 GB', async () => {
        await release.gateway.call(modelRequest('chat', { key: uniqueKey('giant=5000000'), stream }));
        // It is written down, too, and the database takes its memory.
        await waitFor('the database', () => existsSync(release.gateway.path('data', 'usage.db')));
        const before = await waitStable('resident memory', () => release.gateway.rss, { quietMs: 700 });
        const wire = await Wire.connect(release.port);
        let peak = before;
        let n_read = 0;
        wire.socket.pause();
        wire.socket.on('data', (bytes) => {
          n_read += bytes.length;
          wire.received = Buffer.alloc(0);
          peak = Math.max(peak, release.gateway.rss);
        });
        wire.send(requestBytes(modelRequest('chat', { key: uniqueKey('giant=1000000000'), stream, close: false })));
        // All buffers between the two ends are full when the gateway has nothing left to do.
        await waitStable('the gateway', () => release.gateway.cpuTicks, { quietMs: 500 });
        const grown = release.gateway.rss - before;
        assert.equal((await release.simulator.stats()).open, 1, 'the upstream has sent everything already');
        assert.ok(grown < 1_000_000, `${grown} bytes`);
        wire.socket.resume(); // the client reads on: so does the upstream
        await waitFor('the whole answer', () => n_read >= 1_000_000_000, { limitMs: 60_000 });
        t.diagnostic(`${stream ? 'stream' : 'body'}: resident memory grew by ${(grown / 1024).toFixed(0)} KB while the client `
          + `stalled, and by ${((peak - before) / 1024).toFixed(0)} KB at most while it read`);
        assert.ok(peak - before < 1_000_000, `${peak - before} bytes`);
        wire.close();
      });
    }
  } finally {
    await release.stop();
  }
});

test('a CONNECT proxy', async (t) => {
  const proxy = await startConnectProxy({ user: 'us er', password: 'proxy-pass-marker' });
  const start = (credentials) => Stack.start({
    config: { proxies: [{ name: 'egress', url: `http://${credentials}@127.0.0.1:${proxy.port}` }] },
    env: { LOG_LEVEL: 'debug' },
  });
  try {
    await t.test('is used, with its credentials', async () => {
      const proxied = await start('us%20er:proxy-pass-marker');
      try {
        for (const name of dialectNames) {
          const response = await proxied.gateway.call(modelRequest(name, { key: uniqueKey('tokens=3'), stream: true }));
          assert.ok(response.isComplete && hasEnd(name, response.events), response.text);
        }
        const target = `127.0.0.1:${proxied.simulator.port}`;
        assert.ok(proxy.seen.connects.length >= 1 && proxy.seen.connects.every((one) => one === target));
        assert.deepEqual([proxy.seen.refused, proxy.seen.plain], [0, 0]);
        const [request] = await proxied.simulator.requests({ limit: 1 });
        assert.ok(!request.headers.some(([name]) => name.toLowerCase() === 'proxy-authorization'));
        assert.ok(!proxied.gateway.said.includes('proxy-pass-marker'));
      } finally {
        await proxied.stop();
      }
    });
    await t.test('that refuses is 502', async () => {
      const refused = await start('us%20er:wrong');
      try {
        assertFault('chat', await refused.gateway.call(modelRequest('chat', { key: uniqueKey() })), 502, /^upstream_/);
        assert.equal((await refused.simulator.stats()).requests, 0);
        assert.ok(proxy.seen.refused >= 1);
      } finally {
        await refused.stop();
      }
    });
  } finally {
    await proxy.stop();
  }
});

test('TLS', async (t) => {
  const authority = new Authority();
  const stranger = new Authority('Unknown Authority');
  const run = async (identity, { host = 'localhost', ca = authority }, check) => {
    const front = await startTlsFront(identity, stack.simulator.port);
    const gateway = await Gateway.start({
      config: simulatorConfig(`https://${host}:${front.port}`),
      env: { ...(ca && { SSL_CERT_FILE: ca.certificate }) },
    });
    try {
      await check(gateway, front);
    } finally {
      await gateway.stop();
      await front.stop();
    }
  };
  const good = authority.issue('DNS:localhost');
  const assertRefused = (identity, options) => run(identity, options, async (gateway, front) => {
    assertFault('chat', await gateway.call(modelRequest('chat', { key: uniqueKey() })), 502, /^upstream_/);
    assert.equal(front.seen.bytes, 0, 'a request was sent to a server that is not who it should be');
  });
  try {
    await t.test('SSL_CERT_FILE is honoured, the name sent and checked', () => run(good, {}, async (gateway, front) => {
      for (const name of dialectNames) {
        const response = await gateway.call(modelRequest(name, { key: uniqueKey('tokens=5~pace=2'), stream: true }));
        assert.ok(response.isComplete && hasEnd(name, response.events), response.text);
        const json = await gateway.call(modelRequest(name, { key: uniqueKey('giant=2000000') }));
        assert.ok(json.body.length >= 2_000_000 && json.isComplete);
      }
      assert.deepEqual([...front.seen.serverNames], ['localhost']);
    }));
    await t.test('sessions are resumed', () => run(good, {}, async (gateway, front) => {
      for (let i = 0; i < 4; i++) {
        assert.equal((await gateway.call(modelRequest('chat', { key: uniqueKey('close=1') }))).status, 200);
      }
      assert.equal(front.seen.handshakes, 4);
      assert.ok(front.seen.resumed >= 2, `${front.seen.resumed} of 4 resumed`);
    }));
    await t.test('a stream that breaks off', () => run(good, {}, async (gateway) => {
      assertBroken('anthropic', await gateway.call(
        modelRequest('anthropic', { key: uniqueKey('tokens=20~cut=4~pace=5'), stream: true })));
    }));
    await t.test('an address may be in the certificate', () =>
      run(authority.issue('IP:127.0.0.1'), { host: '127.0.0.1' }, async (gateway) => {
        assert.equal((await gateway.call(modelRequest('chat', { key: uniqueKey() }))).status, 200);
      }));
    await t.test('an authority that nobody knows', () => assertRefused(stranger.issue('DNS:localhost'), {}));
    await t.test('no SSL_CERT_FILE: the system decides', () => assertRefused(good, { ca: null }));
    await t.test('a certificate for another name', () => assertRefused(authority.issue('DNS:other.test'), {}));
    await t.test('a certificate for a name, reached by address', () => assertRefused(good, { host: '127.0.0.1' }));
    await t.test('an expired certificate', () => assertRefused(authority.issue('DNS:localhost', { days: -1 }), {}));
    await t.test('an upstream that does not speak TLS', async () => {
      const gateway = await Gateway.start({
        config: simulatorConfig(`https://localhost:${stack.simulator.port}`), env: { SSL_CERT_FILE: authority.certificate },
      });
      try {
        assertFault('chat', await gateway.call(modelRequest('chat', { key: uniqueKey() })), 502, /^upstream_/);
      } finally {
        await gateway.stop();
      }
    });
    await t.test('through a proxy', async () => {
      const proxy = await startConnectProxy({ user: 'a', password: 'b' });
      const front = await startTlsFront(good, stack.simulator.port);
      const gateway = await Gateway.start({
        config: {
          ...simulatorConfig(`https://localhost:${front.port}`),
          proxies: [{ name: 'egress', url: `http://a:b@127.0.0.1:${proxy.port}` }],
        },
        env: { SSL_CERT_FILE: authority.certificate },
      });
      try {
        assert.equal((await gateway.call(modelRequest('chat', { key: uniqueKey() }))).status, 200);
        assert.deepEqual(proxy.seen.connects, [`localhost:${front.port}`]);
        assert.equal(front.seen.handshakes, 1);
      } finally {
        await gateway.stop();
        await front.stop();
        await proxy.stop();
      }
    });
  } finally {
    authority.remove();
    stranger.remove();
  }
});

test('addresses of upstreams', async (t) => {
  await t.test('a name', async () => {
    const gateway = await Gateway.start({ config: simulatorConfig(`http://localhost:${stack.simulator.port}`) });
    try {
      assert.equal((await gateway.call(modelRequest('chat', { key: uniqueKey() }))).status, 200);
    } finally {
      await gateway.stop();
    }
  });
  await t.test('IPv6', async (t) => {
    const simulator = await Simulator.start({ host: '::1' }).catch(() => null);
    if (simulator === null) {
      t.skip('this machine has no ::1');
      return;
    }
    const gateway = await Gateway.start({ config: simulatorConfig(simulator.url), host: '::1' });
    try {
      const key = uniqueKey();
      assert.equal((await gateway.call(modelRequest('chat', { key }))).status, 200);
      const [{ headers }] = await simulator.requests({ key });
      const host = headers.find(([name]) => name.toLowerCase() === 'host')[1];
      assert.equal(host, `[::1]:${simulator.port}`);
    } finally {
      await gateway.stop();
      await simulator.stop();
    }
  });
});

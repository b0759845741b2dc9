// SPDX-License-Identifier: MIT
// The gateway as an HTTP/1.1 server: connections, framing, limits, and strictness against request smuggling.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { dialects, modelRequest, requestBytes, Stack, uniqueKey, waitFor, Wire } from './kit/kit.mjs';

const maxBody = 64 * 1024;
let stack;
before(async () => {
  stack = await Stack.start({ config: { limits: { max_body_bytes: maxBody } } });
});
after(() => stack?.stop());

const connect = () => Wire.connect(stack.port);

function chunked(body, size) {
  const bytes = Buffer.from(body);
  const parts = [];
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

// A request whose body is given as already framed bytes.
function framed(request, headers, bytes) {
  const head = requestBytes({ ...request, body: undefined, headers: { ...request.headers, ...headers } });
  return Buffer.concat([head, Buffer.from(bytes)]);
}

test('keep-alive: one connection serves many requests', async () => {
  const wire = await connect();
  for (let i = 0; i < 5; i++) {
    wire.send(requestBytes({ path: '/health', close: false }));
    const response = await wire.response();
    assert.equal(response.status, 200);
    assert.deepEqual(response.json, { status: 'ok' });
    wire.send(requestBytes(modelRequest('chat', { key: uniqueKey(), close: false })));
    assert.equal((await wire.response()).status, 200);
  }
  assert.equal(wire.hasEnded, false);
  wire.close();
});

test('"Connection: close" is honoured, and said', async () => {
  const wire = await connect();
  wire.send(requestBytes({ path: '/health' }));
  const response = await wire.response();
  assert.equal(response.header('connection'), 'close');
  await wire.waitEnd();
});

test('pipelined requests are answered in their order', async () => {
  const wire = await connect();
  const keys = [uniqueKey('head=150~tokens=2'), uniqueKey('tokens=3'), uniqueKey('status=418~body=teapot')];
  const requests = [
    requestBytes(modelRequest('chat', { key: keys[0], close: false })),
    requestBytes({ path: '/v1/models', close: false }),
    requestBytes(modelRequest('anthropic', { key: keys[1], close: false })),
    requestBytes({ path: '/nowhere', close: false }),
    requestBytes(modelRequest('chat', { key: keys[2], close: false })),
    requestBytes({ path: '/health' }),
  ];
  wire.send(Buffer.concat(requests));
  const answers = [];
  for (const _ of requests) {
    answers.push(await wire.response());
  }
  assert.deepEqual(answers.map((answer) => answer.status), [200, 200, 200, 404, 418, 200]);
  assert.equal(answers[0].json.object, 'chat.completion');
  assert.equal(answers[1].json.object, 'list');
  assert.equal(answers[2].json.type, 'message');
  assert.deepEqual(answers[5].json, { status: 'ok' });
  await wire.waitEnd();
});

test('a request may come byte by byte', async () => {
  const wire = await connect();
  await wire.sendPieces(requestBytes(modelRequest('anthropic', { key: uniqueKey() })), 1);
  const response = await wire.response();
  assert.equal(response.status, 200);
  assert.equal(response.json.type, 'message');
});

test('empty lines before a request line are skipped', async () => {
  const wire = await connect();
  wire.send('\r\n\r\n').send(requestBytes({ path: '/health' }));
  assert.equal((await wire.response()).status, 200);
});

test('HTTP/1.0: no chunked coding, and the connection ends', async (t) => {
  await t.test('whole answer', async () => {
    const wire = await connect();
    wire.send('GET /health HTTP/1.0\r\n\r\n');
    const response = await wire.response();
    assert.equal(response.status, 200);
    assert.equal(response.header('transfer-encoding'), undefined);
    await wire.waitEnd();
  });
  await t.test('keep-alive when asked for', async () => {
    const wire = await connect();
    for (let i = 0; i < 2; i++) {
      wire.send('GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
      const response = await wire.response();
      assert.equal(response.status, 200);
      assert.match(response.header('connection'), /keep-alive/i);
    }
    wire.close();
  });
  await t.test('a stream ends with the connection', async () => {
    const wire = await connect();
    const key = uniqueKey('tokens=4~pace=5');
    wire.send(requestBytes({ ...modelRequest('anthropic', { key, stream: true, close: false }), version: '1.0' }));
    const response = await wire.response();
    assert.equal(response.framing, 'close');
    assert.equal(response.events.at(-1).event, 'message_stop');
    await wire.waitEnd();
  });
});

test('HEAD has the headers of GET, and no body', async (t) => {
  for (const path of ['/', '/health', '/v1/models', '/v1/models/m-chat', '/v1beta/models', '/metrics', '/nowhere']) {
    await t.test(path, async () => {
      const wire = await connect();
      wire.send(requestBytes({ method: 'HEAD', path, close: false }));
      const head = await wire.response({ isHead: true });
      wire.send(requestBytes({ path }));
      const get = await wire.response();
      assert.equal(head.status, get.status);
      assert.equal(head.header('content-type'), get.header('content-type'));
      assert.equal(head.body.length, 0);
      await wire.waitEnd();
      assert.equal(wire.received.length, 0);
    });
  }
});

test('Expect: 100-continue', async (t) => {
  const body = modelRequest('chat').body;
  await t.test('is answered before the body is sent', async () => {
    const wire = await connect();
    const request = modelRequest('chat', { key: uniqueKey() });
    wire.send(framed(request, { expect: '100-continue', 'content-length': body.length }, ''));
    const interim = await wire.head();
    assert.equal(interim.status, 100);
    wire.send(body);
    assert.equal((await wire.response()).status, 200);
  });
  await t.test('works with a chunked body', async () => {
    const wire = await connect();
    const request = modelRequest('chat', { key: uniqueKey() });
    wire.send(framed(request, { expect: '100-continue', 'transfer-encoding': 'chunked' }, ''));
    assert.equal((await wire.head()).status, 100);
    wire.send(chunked(body, 7));
    assert.equal((await wire.response()).status, 200);
  });
  await t.test('is not sent when the body is there already', async () => {
    const wire = await connect();
    wire.send(framed(modelRequest('chat', { key: uniqueKey() }),
      { expect: '100-continue', 'content-length': body.length }, body));
    let response = await wire.response();
    if (response.status === 100) {
      response = await wire.response(); // allowed by RFC 9110 §10.1.1, if needless
    }
    assert.equal(response.status, 200);
  });
  await t.test('a body that is too large is refused instead', async () => {
    const wire = await connect();
    wire.send(framed(modelRequest('chat', { key: uniqueKey() }),
      { expect: '100-continue', 'content-length': maxBody + 1 }, ''));
    assert.equal((await wire.response()).status, 413);
    await wire.waitEnd();
  });
  await t.test('no route, no invitation', async () => {
    const wire = await connect();
    wire.send(framed({ method: 'POST', path: '/nowhere' }, { expect: '100-continue', 'content-length': 10 }, ''));
    assert.equal((await wire.response()).status, 404);
  });
});

test('chunked request bodies', async (t) => {
  for (const size of [1, 3, 1000]) {
    await t.test(`chunks of ${size}, sent byte by byte`, async () => {
      const key = uniqueKey();
      const request = modelRequest('anthropic', { key });
      const wire = await connect();
      await wire.sendPieces(framed(request, { 'transfer-encoding': 'chunked' }, chunked(request.body, size)), 1);
      assert.equal((await wire.response()).status, 200);
      assert.equal((await stack.simulator.bodyOf(key)).toString(), request.body);
    });
  }
  await t.test('with extensions and trailers, which go no further', async () => {
    const key = uniqueKey();
    const request = modelRequest('chat', { key });
    const size = request.body.length.toString(16);
    const wire = await connect();
    wire.send(framed(request, { 'transfer-encoding': 'chunked' },
      `${size};name=value\r\n${request.body}\r\n0\r\nx-trailer: marker\r\n\r\n`));
    assert.equal((await wire.response()).status, 200);
    const [seen] = await stack.simulator.requests({ key });
    assert.equal(seen.headers.some(([name]) => name.toLowerCase() === 'x-trailer'), false);
    assert.equal((await stack.simulator.bodyOf(key)).toString(), request.body);
  });
});

test('limits', async (t) => {
  const long = 'a'.repeat(9000);
  await t.test('a request line over 8 KB is 414', async () => {
    const wire = await connect();
    wire.send(requestBytes({ path: `/${long}` }));
    assert.equal((await wire.response()).status, 414);
    await wire.waitEnd();
  });
  await t.test('a head over 64 KB is 431', async () => {
    const wire = await connect();
    const headers = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`x-long-${i}`, long]));
    wire.send(requestBytes({ path: '/health', headers }));
    assert.equal((await wire.response()).status, 431);
    await wire.waitEnd();
  });
  await t.test('more than 100 fields are 431', async () => {
    const wire = await connect();
    const headers = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`x-n-${i}`, 'v']));
    wire.send(requestBytes({ path: '/health', headers }));
    assert.equal((await wire.response()).status, 431);
    await wire.waitEnd();
  });
  await t.test('100 fields are served', async () => {
    const wire = await connect();
    const headers = Object.fromEntries(Array.from({ length: 98 }, (_, i) => [`x-n-${i}`, 'v']));
    wire.send(requestBytes({ path: '/health', headers })); // with host and connection: 100
    assert.equal((await wire.response()).status, 200);
  });
  for (const name of Object.keys(dialects)) {
    await t.test(`a body over the limit is 413 in the shape of ${name}`, async () => {
      const key = uniqueKey();
      const wire = await connect();
      wire.send(requestBytes(modelRequest(name, { key, text: 'x'.repeat(maxBody) })));
      const response = await wire.response();
      assert.equal(response.status, 413);
      const { type, message, code } = dialects[name].errorOf(response.json);
      assert.ok(message.length > 0);
      if (name === 'anthropic') {
        assert.equal(type, 'request_too_large');
      } else if (name !== 'gemini') {
        assert.deepEqual([type, code], ['invalid_request_error', 'request_too_large']);
      } else {
        assert.equal(code, 413);
      }
      assert.equal((await stack.simulator.requests({ key })).length, 0);
    });
  }
  await t.test('a chunked body over the limit is 413', async () => {
    const wire = await connect();
    const request = modelRequest('chat', { key: uniqueKey() });
    wire.send(framed(request, { 'transfer-encoding': 'chunked' }, chunked('x'.repeat(maxBody + 1), 4096)));
    assert.equal((await wire.response()).status, 413);
    await wire.waitEnd();
  });
  await t.test('a body of exactly the limit is served', async () => {
    const key = uniqueKey();
    const empty = modelRequest('chat', { text: '' }).body.length;
    const request = modelRequest('chat', { key, text: 'x'.repeat(maxBody - empty) });
    assert.equal(request.body.length, maxBody);
    const wire = await connect();
    wire.send(requestBytes(request));
    assert.equal((await wire.response()).status, 200);
  });
});

// Each row: lines of a head (without its end) and a body that hides a second request. What parsers may disagree about
// is answered with 400, the connection ends, and nothing of it goes upstream.
const smuggling = {
  'Content-Length and Transfer-Encoding': ['Content-Length: 5', 'Transfer-Encoding: chunked'],
  'Transfer-Encoding and Content-Length': ['Transfer-Encoding: chunked', 'Content-Length: 5'],
  'two Content-Length that differ': ['Content-Length: 5', 'Content-Length: 6'],
  'a Content-Length list that differs': ['Content-Length: 5, 6'],
  'Content-Length with a sign': ['Content-Length: +5'],
  'negative Content-Length': ['Content-Length: -5'],
  'Content-Length in hex': ['Content-Length: 0x5'],
  'Content-Length with a fraction': ['Content-Length: 5.0'],
  'empty Content-Length': ['Content-Length:'],
  'Content-Length with an inner space': ['Content-Length: 5 5'],
  'Content-Length past 64 bits': ['Content-Length: 18446744073709551621'],
  'unknown Transfer-Encoding': ['Transfer-Encoding: xchunked'],
  'Transfer-Encoding: identity': ['Transfer-Encoding: identity'],
  'chunked is not alone': ['Transfer-Encoding: gzip, chunked'],
  'chunked is not last': ['Transfer-Encoding: chunked, identity'],
  'chunked twice in one field': ['Transfer-Encoding: chunked, chunked'],
  'Transfer-Encoding twice': ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
  'Transfer-Encoding with a vertical tab': ['Transfer-Encoding: \x0bchunked'],
  'quoted chunked': ['Transfer-Encoding: "chunked"'],
  'empty Transfer-Encoding': ['Transfer-Encoding:', 'Content-Length: 5'],
  'space before the colon': ['Transfer-Encoding : chunked'],
  'tab before the colon': ['Content-Length\t: 5'],
  'space within a name': ['Content Length: 5'],
  'obsolete line folding': ['X-Fold: a', ' b', 'Content-Length: 5'],
  'folded Transfer-Encoding': ['Transfer-Encoding:', ' chunked'],
  'NUL in a value': ['X-Nul: a\0b', 'Content-Length: 5'],
  'NUL in a name': ['X-\0Nul: a', 'Content-Length: 5'],
  'control character in a value': ['X-Bell: a\x07b', 'Content-Length: 5'],
  'bare CR in a value': ['X-Cr: a\rContent-Length: 50', 'Content-Length: 5'],
  'empty name': [': a', 'Content-Length: 5'],
  'a line without a colon': ['Content-Length', 'Content-Length: 5'],
  'two Host fields': ['Host: other.test', 'Content-Length: 5'],
};

// Whole heads that are wrong by themselves.
const badHeads = {
  'bare LF after the request line': 'POST /v1/messages HTTP/1.1\nHost: a\r\n\r\n',
  'bare LF after a field': 'POST /v1/messages HTTP/1.1\r\nHost: a\nContent-Length: 5\r\n\r\n',
  'bare LF at the end': 'POST /v1/messages HTTP/1.1\r\nHost: a\r\n\n',
  'bare CR as an end of line': 'POST /v1/messages HTTP/1.1\rHost: a\r\n\r\n',
  'no Host in HTTP/1.1': 'POST /v1/messages HTTP/1.1\r\nContent-Length: 0\r\n\r\n',
  'two spaces in the request line': 'POST  /v1/messages HTTP/1.1\r\nHost: a\r\n\r\n',
  'tab in the request line': 'POST\t/v1/messages HTTP/1.1\r\nHost: a\r\n\r\n',
  'space in the target': 'POST /v1/mess ages HTTP/1.1\r\nHost: a\r\n\r\n',
  'NUL in the target': 'POST /v1/\0messages HTTP/1.1\r\nHost: a\r\n\r\n',
  'no version': 'POST /v1/messages\r\nHost: a\r\n\r\n',
  'a method that is no token': 'PO(ST /v1/messages HTTP/1.1\r\nHost: a\r\n\r\n',
  'field before the request line': 'Host: a\r\nPOST /v1/messages HTTP/1.1\r\n\r\n',
  'leading space': ' POST /v1/messages HTTP/1.1\r\nHost: a\r\n\r\n',
  'TLS to a plain port': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
  'chunked in HTTP/1.0': 'POST /v1/messages HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
};

// Chunked bodies that are wrong. The head before them is right.
const badChunks = {
  'no size': '\r\n{}\r\n0\r\n\r\n',
  'size that is no number': 'g\r\n{}\r\n0\r\n\r\n',
  'size with 0x': '0x2\r\n{}\r\n0\r\n\r\n',
  'negative size': '-2\r\n{}\r\n0\r\n\r\n',
  'size with a leading space': ' 2\r\n{}\r\n0\r\n\r\n',
  'size past 64 bits': 'fffffffffffffffff\r\n{}\r\n0\r\n\r\n',
  'bare LF after the size': '2\n{}\r\n0\r\n\r\n',
  'bare CR in an extension': '2;a\rb\r\n{}\r\n0\r\n\r\n',
  'data longer than its size': '2\r\n{}x\r\n0\r\n\r\n',
  'bare LF after the data': '2\r\n{}\n0\r\n\r\n',
  'bare LF in the trailer': '2\r\n{}\r\n0\r\nx: y\n\r\n',
};

test('request smuggling', async (t) => {
  const smuggled = requestBytes(modelRequest('anthropic', { key: 'smuggled' })).toString('latin1');
  const rows = [];
  for (const [name, lines] of Object.entries(smuggling)) {
    const head = ['POST /v1/messages HTTP/1.1', 'Host: a', 'X-Api-Key: smuggled', ...lines].join('\r\n');
    rows.push([name, `${head}\r\n\r\n0\r\n\r\n${smuggled}`]);
  }
  for (const [name, head] of Object.entries(badHeads)) {
    rows.push([name, head + smuggled]);
  }
  const good = 'POST /v1/messages HTTP/1.1\r\nHost: a\r\nX-Api-Key: smuggled\r\nTransfer-Encoding: chunked\r\n\r\n';
  for (const [name, body] of Object.entries(badChunks)) {
    rows.push([`chunks: ${name}`, good + body + smuggled]);
  }
  for (const [name, bytes] of rows) {
    await t.test(name, async () => {
      const wire = await connect();
      wire.send(Buffer.from(bytes, 'latin1'));
      const response = await wire.response();
      assert.equal(response.status, 400);
      assert.equal(response.header('connection'), 'close');
      await wire.waitEnd();
      assert.equal(wire.received.length, 0, 'a second answer');
      assert.equal((await stack.simulator.requests({ key: 'smuggled' })).length, 0, 'something went upstream');
      wire.close();
    });
  }
});

test('repeated Content-Length with one value is one length, or refused, never two requests', async () => {
  const wire = await connect();
  wire.send(Buffer.from('POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n'
    + 'Connection: close\r\n\r\n{}GET /health HTTP/1.1\r\nHost: a\r\n\r\n'));
  assert.equal((await wire.response()).status, 400); // bad framing, or a body without a model
  await wire.waitEnd();
  assert.equal(wire.received.length, 0);
});

test('an HTTP version that is not ours', async () => {
  for (const version of ['2.0', '1.2', '0.9']) {
    const wire = await connect();
    wire.send(`GET /health HTTP/${version}\r\nHost: a\r\n\r\n`);
    assert.ok([400, 505].includes((await wire.response()).status), version);
    await wire.waitEnd();
  }
});

test('unknown routes and wrong methods', async (t) => {
  await t.test('404 names the endpoints', async () => {
    const response = await stack.gateway.call({ path: '/v1/nowhere' });
    assert.equal(response.status, 404);
    assert.match(response.header('content-type'), /^application\/json/);
    const { error, available_endpoints: endpoints } = response.json;
    assert.ok(error.message.length > 0);
    assert.ok(endpoints.some((endpoint) => JSON.stringify(endpoint).includes('/v1/messages')));
  });
  const wrong = [['GET', '/v1/messages', 'POST'], ['DELETE', '/v1/chat/completions', 'POST'], ['POST', '/health', 'GET'],
    ['PUT', '/v1/models', 'GET'], ['GET', '/v1beta/models/m-gemini:generateContent', 'POST'], ['BREW', '/health', 'GET']];
  for (const [method, path, allowed] of wrong) {
    await t.test(`405 for ${method} ${path}`, async () => {
      const response = await stack.gateway.call({ method, path });
      assert.equal(response.status, 405);
      assert.ok(response.header('allow').split(/, */).includes(allowed), response.header('allow'));
      assert.ok(response.json.error.message.length > 0);
    });
  }
  await t.test('a probe of Claude Code gets a plain 404', async () => {
    assert.equal((await stack.gateway.call({ method: 'HEAD', path: '/api/hello' })).status, 404);
  });
});

test('x-request-id', async (t) => {
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  const idFor = async (id, path = '/health') =>
    (await stack.gateway.call({ path, headers: { 'x-request-id': id } })).header('x-request-id');
  await t.test('a good one comes back', async () => {
    assert.equal(await idFor('caller-7:a/b'), 'caller-7:a/b');
    assert.equal(await idFor('x'.repeat(128)), 'x'.repeat(128));
    assert.equal(await idFor('on-a-404', '/nowhere'), 'on-a-404');
  });
  await t.test('none, a long or a strange one is replaced by a fresh UUID', async () => {
    const ids = [await idFor(undefined), await idFor('x'.repeat(129)), await idFor('two words'), await idFor('ü')];
    ids.forEach((id) => assert.match(id, uuid));
    assert.equal(new Set(ids).size, ids.length);
  });
  await t.test('a model answer carries one, and only one', async () => {
    for (const name of Object.keys(dialects)) {
      const headers = { 'x-request-id': 'model-call' };
      const request = modelRequest(name, { key: uniqueKey(), headers });
      assert.equal((await stack.gateway.call(request)).header('x-request-id'), 'model-call');
    }
  });
  await t.test('even a malformed request gets one', async () => {
    const wire = await connect();
    wire.send('nonsense\r\n\r\n');
    assert.match((await wire.response()).header('x-request-id'), uuid);
  });
});

test('CORS on model routes, and only there', async (t) => {
  const ask = (path, method = 'POST') => stack.gateway.call({
    method: 'OPTIONS', path,
    headers: {
      origin: 'https://app.example', 'access-control-request-method': method,
      'access-control-request-headers': 'authorization,content-type,x-api-key,anthropic-version,x-stainless-os',
    },
  });
  for (const [path, method] of [['/v1/messages'], ['/v1/chat/completions'], ['/v1/responses'], ['/v1/models', 'GET'],
    ['/v1beta/models/m-gemini:generateContent']]) {
    await t.test(`preflight of ${path}`, async () => {
      const response = await ask(path, method ?? 'POST');
      assert.ok([200, 204].includes(response.status), String(response.status));
      assert.ok(['*', 'https://app.example'].includes(response.header('access-control-allow-origin')));
      assert.ok(response.header('access-control-allow-methods').includes(method ?? 'POST'));
      const allowed = response.header('access-control-allow-headers').toLowerCase();
      for (const name of ['authorization', 'content-type', 'x-api-key', 'anthropic-version', 'x-stainless-os']) {
        assert.ok(allowed === '*' || allowed.includes(name), `${name} is not among ${allowed}`);
      }
    });
  }
  await t.test('an answer may be read by a page', async () => {
    const headers = { origin: 'https://app.example' };
    const response = await stack.gateway.call(modelRequest('chat', { key: uniqueKey(), headers }));
    assert.ok(['*', 'https://app.example'].includes(response.header('access-control-allow-origin')));
  });
  await t.test('service and admin routes say nothing', async () => {
    for (const path of ['/health', '/admin/keys']) {
      assert.equal((await ask(path)).header('access-control-allow-origin'), undefined, path);
    }
  });
});

test('half-close: a client that has finished sending still gets its answer', async (t) => {
  for (const name of Object.keys(dialects)) {
    await t.test(name, async () => {
      const wire = await connect();
      wire.send(requestBytes(modelRequest(name, { key: uniqueKey('tokens=5~pace=20'), stream: true })));
      wire.endSending();
      const response = await wire.response();
      assert.equal(response.status, 200);
      assert.equal(response.isComplete, true);
      await wire.waitEnd();
    });
  }
});

test('a client that leaves takes its pipelined requests with it', async () => {
  const [first, second] = [uniqueKey('tokens=100~hang=1'), uniqueKey()];
  const wire = await connect();
  wire.send(Buffer.concat([first, second].map((key) =>
    requestBytes(modelRequest('chat', { key, stream: true, close: false })))));
  await wire.head();
  wire.socket.resetAndDestroy();
  await stack.simulator.waitRequest(first, ({ outcome }) => outcome === 'aborted');
  assert.equal((await stack.simulator.requests({ key: second })).length, 0);
});

test('targets', async (t) => {
  await t.test('in absolute form', async () => {
    const response = await stack.gateway.call({ path: 'http://gateway.test/health' });
    assert.deepEqual([response.status, response.json], [200, { status: 'ok' }]);
  });
  await t.test('with a query that is not ours', async () => {
    const request = modelRequest('anthropic', { key: uniqueKey(), path: '/v1/messages?beta=true' });
    assert.equal((await stack.gateway.call(request)).status, 200);
  });
  await t.test('that try to climb', async () => {
    for (const path of ['/../v1/models', '/v1/../health', '/v1/models/..%2f..%2fhealth', '//health', '/%68ealth']) {
      const { status } = await stack.gateway.call({ path });
      assert.ok([200, 400, 404].includes(status), `${path}: ${status}`);
      if (status === 200) {
        assert.equal(path, '/%68ealth'); // the same path, spelled oddly
      }
    }
  });
  await t.test('with a bad escape', async () => {
    const response = await stack.gateway.call(modelRequest('gemini', { key: uniqueKey(), model: 'm%zz' }));
    assert.ok([400, 404].includes(response.status), String(response.status));
  });
});

test('more connections than allowed are told so', async () => {
  const small = await Stack.start({ config: { limits: { max_connections: 4 } } });
  const held = [];
  try {
    for (let i = 0; i < 4; i++) {
      const wire = await Wire.connect(small.port);
      wire.send(requestBytes({ path: '/health', close: false }));
      assert.equal((await wire.response()).status, 200);
      held.push(wire);
    }
    const extra = await Wire.connect(small.port);
    extra.send(requestBytes({ path: '/health' }));
    const response = await extra.response();
    assert.equal(response.status, 503);
    assert.match(response.header('retry-after'), /^\d+$/);
    await extra.waitEnd();
    held.pop().close();
    await waitFor('room for another', async () => (await small.gateway.call({ path: '/health' })).status === 200);
  } finally {
    held.forEach((wire) => wire.close());
    await small.stop();
  }
});

test('a request that never ends is dropped with the connection', async () => {
  const key = uniqueKey();
  const request = modelRequest('chat', { key });
  const wire = await connect();
  wire.send(framed(request, { 'content-length': request.body.length + 1 }, request.body));
  wire.endSending();
  await wire.toEnd();
  assert.equal((await stack.simulator.requests({ key })).length, 0);
});

test('bodies that are no request', async (t) => {
  const rows = {
    'not JSON': ['{"model":', 400, 'invalid_json'],
    'empty': ['', 400, 'invalid_json'],
    'not an object': ['["model"]', 400, 'invalid_json'],
    'bad UTF-8': [Buffer.from('{"model":"m-chat","x":"\xff"}', 'latin1'), 400, 'invalid_json'],
    'too deep': [`{"model":"m-chat","x":${'['.repeat(600)}${']'.repeat(600)}}`, 400, 'invalid_json'],
    'no model': ['{"messages":[]}', 400, 'missing_model'],
    'model is a number': ['{"model":7}', 400, 'missing_model'],
    'unknown model': ['{"model":"unknown","messages":[]}', 404, 'model_not_found'],
  };
  for (const [what, [body, status, code]] of Object.entries(rows)) {
    for (const name of ['anthropic', 'chat', 'responses']) {
      await t.test(`${what}, ${name}`, async () => {
        const key = uniqueKey();
        const response = await stack.gateway.call(modelRequest(name, { key, body }));
        assert.equal(response.status, status);
        const error = dialects[name].errorOf(response.json);
        if (name === 'anthropic') {
          assert.equal(error.type, status === 404 ? 'not_found_error' : 'invalid_request_error');
          assert.equal(response.json.type, 'error');
          assert.equal(response.json.request_id, response.header('x-request-id'));
        } else {
          assert.deepEqual([error.type, error.code], ['invalid_request_error', code]);
          assert.ok('param' in response.json.error);
        }
        assert.equal((await stack.simulator.requests({ key })).length, 0);
      });
    }
  }
  await t.test('not JSON, gemini', async () => {
    const response = await stack.gateway.call(modelRequest('gemini', { key: uniqueKey(), body: '{' }));
    assert.equal(response.status, 400);
    assert.deepEqual([response.json.error.code, response.json.error.status], [400, 'INVALID_ARGUMENT']);
  });
  await t.test('unknown model, gemini', async () => {
    const response = await stack.gateway.call(modelRequest('gemini', { key: uniqueKey(), model: 'unknown' }));
    assert.equal(response.status, 404);
    assert.deepEqual([response.json.error.code, response.json.error.status], [404, 'NOT_FOUND']);
  });
});

// SPDX-License-Identifier: MIT
// Translated answers on their way: what a silent client hears, what an error looks like by then, and what it all costs.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import {
  dialectNames, endsWithError, Gateway, hasEnd, listen, modelRequest, parseEvents, requestBytes, simulatorConfig, Stack,
  textOfEvents, uniqueKey, Wire,
} from './kit/kit.mjs';

const models = { chat: 'm-chat', responses: 'm-gpt', anthropic: 'm-claude', gemini: 'm-gemini' };
const foreignPairs = dialectNames.flatMap((client) =>
  dialectNames.filter((upstream) => upstream !== client).map((upstream) => [client, upstream]));
const limit = 200_000;

let stack;
before(async () => {
  stack = await Stack.start({
    config: { limits: { max_answer_bytes: limit } }, env: { STREAM_KEEPALIVE_MS: '100', CHAT_REASONING: 'false' },
  });
});
after(() => stack?.stop());

const ask = (client, upstream, directives, options = {}) =>
  stack.gateway.call(modelRequest(client, { key: uniqueKey(directives), model: models[upstream], ...options }));

const beat = { anthropic: /^event: ping\r?\ndata: .*"ping"/m, chat: /^:/m, responses: /^:/m };

// Without heartbeats that are comments.
const eventsOf = (text) => parseEvents(text).filter(({ data }) => data !== undefined);

// How long after the request the first byte of its answer comes, and the answer.
async function timed(client, upstream, directives) {
  const wire = await Wire.connect(stack.port);
  const started = Date.now();
  wire.send(requestBytes(modelRequest(client, { key: uniqueKey(directives), model: models[upstream], stream: true })));
  const response = await wire.head();
  const firstMs = Date.now() - started;
  let text = '';
  for await (const { bytes } of wire.pieces(response)) {
    text += bytes;
  }
  return { response, text, firstMs };
}

test('a stream that has not begun gets its dialect\'s heartbeat', async (t) => {
  for (const [client, upstream] of foreignPairs) {
    await t.test(`${client} ← ${upstream}`, async () => {
      const { response, text, firstMs } = await timed(client, upstream, 'tokens=3~first=700');
      assert.ok(response.isComplete && hasEnd(client, eventsOf(text)), text);
      if (client === 'gemini') { // whose clients read nothing but `data: …`
        assert.ok(text.split(/\r?\n/).every((line) => line === '' || line.startsWith('data: ')), text);
      } else {
        assert.match(text, beat[client]);
        assert.ok(firstMs < 600, `the first came after ${firstMs} ms, no sooner than the upstream spoke`);
      }
    });
  }
});

test('an upstream that says what the client is not told of is silent, too', async () => {
  const { text } = await timed('chat', 'anthropic', 'thoughts=20~pace=40~tokens=2');
  assert.doesNotMatch(text, /reasoning/);
  assert.ok((text.match(/^:/gm) ?? []).length >= 3, text);
  assert.ok(hasEnd('chat', eventsOf(text)));
});

test('an error after a heartbeat comes as an event', async (t) => {
  for (const [client, upstream] of foreignPairs.filter(([name]) => name !== 'gemini')) {
    await t.test(`${client} ← ${upstream}`, async () => {
      for (const directives of ['first=400~error=0', 'first=400~cut=1']) {
        const { response, text } = await timed(client, upstream, directives);
        assert.equal(response.status, 200);
        assert.equal(response.isComplete, false);
        assert.ok(endsWithError(client, eventsOf(text)), text);
      }
    });
  }
});

test('an error event of Anthropic names the request', async () => {
  const response = await ask('anthropic', 'chat', 'tokens=20~pace=2~cut=6', { stream: true });
  assert.ok(endsWithError('anthropic', response.events), response.text);
  assert.equal(JSON.parse(response.events.at(-1).data).request_id, response.header('request-id'));
});

test('a stream of Responses, which repeats all of itself at its end, has a limit', async (t) => {
  for (const upstream of ['anthropic', 'chat', 'gemini']) {
    await t.test(upstream, async () => {
      const response = await ask('responses', upstream, `giant=${20 * limit}`, { stream: true });
      assert.equal(response.isComplete, false);
      assert.ok(endsWithError('responses', response.events), response.text.slice(-300));
      assert.ok(response.body.length < 6 * limit, `${response.body.length} bytes`);
    });
  }
  await t.test('others have none', async () => {
    const response = await ask('chat', 'anthropic', `giant=${20 * limit}`, { stream: true });
    assert.ok(response.isComplete && hasEnd('chat', response.events));
  });
});

// A gateway before an upstream that gives one answer.
async function withAnswer({ status = 200, type = 'application/json', body }, run) {
  const upstream = await listen(http.createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(status, type ? { 'content-type': type } : {});
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  }));
  const gateway = await Gateway.start({ config: simulatorConfig(`http://127.0.0.1:${upstream.port}`) });
  try {
    await run(gateway);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

test('what an answer loses is told in its header', () => {
  const picture = { inlineData: { mimeType: 'image/png', data: 'iVBORw0KGgo=' } };
  const candidate = { content: { role: 'model', parts: [{ text: 'Look' }, picture] }, finishReason: 'STOP' };
  return withAnswer({ body: { candidates: [candidate] } }, async (gateway) => {
    const response = await gateway.call(modelRequest('anthropic', { key: uniqueKey(), model: 'm-gemini' }));
    assert.equal(response.json.content[0].text, 'Look');
    assert.match(response.header('x-droid2api-warnings') ?? '', /dropped:content/);
  });
});

const chatEvent = (choice) => `data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`;

test('events that are not called events are read all the same', async (t) => {
  const text = chatEvent({ delta: { content: 'Hello' } });
  const body = `${text}${chatEvent({ delta: {}, finish_reason: 'stop' })}data: [DONE]\n\n`;
  for (const type of ['text/plain', 'application/octet-stream', null]) {
    await t.test(String(type), () => withAnswer({ type, body }, async (gateway) => {
      const response = await gateway.call(modelRequest('gemini', { key: uniqueKey(), model: 'm-chat', stream: true }));
      assert.equal(response.status, 200, response.text);
      assert.ok(response.isComplete && hasEnd('gemini', response.events));
      assert.equal(textOfEvents('gemini', response.events), 'Hello');
    }));
  }
});

test('a key that the upstream repeats is not passed on', async (t) => {
  const key = uniqueKey();
  const error = { error: { message: `Wrong key ${key}, really ${key}.`, code: 'invalid_api_key' } };
  const start = chatEvent({ delta: { content: 'Hello' } });
  const answers = {
    'as an answer': { status: 401, body: error },
    'in a good answer': { body: error },
    'in a stream': { type: 'text/event-stream', body: `${start}data: ${JSON.stringify(error)}\n\n` },
  };
  for (const [what, answer] of Object.entries(answers)) {
    await t.test(what, () => withAnswer(answer, async (gateway) => {
      const stream = what === 'in a stream';
      const response = await gateway.call(modelRequest('anthropic', { key, model: 'm-chat', stream }));
      assert.match(response.text, /Wrong key \*\*\*, really \*\*\*\./);
      assert.ok(!response.text.includes(key) && !gateway.said.includes(key));
    }));
  }
});

// SPDX-License-Identifier: MIT
// One conversation, one key; and what only one key can read goes back to it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admin, ask, countsOf, dialects, keysOf, modelRequest, withPool } from './kit/kit.mjs';

const keys = Array.from({ length: 10 }, (_, i) => `key-${i}`);
const on = { env: { KEY_POOL_AFFINITY: 'auto' } };

// One turn of a conversation, as agents send it: the whole of it so far.
function turnBody(dialect, name, turn) {
  const said = (i) => `turn ${i} of ${name}`;
  if (dialect === 'responses') {
    return { model: 'm-gpt', input: Array.from({ length: turn + 1 }, (_, i) => ({ role: i % 2 ? 'assistant' : 'user', content: said(i) })) };
  }
  if (dialect === 'gemini') {
    return { contents: Array.from({ length: turn + 1 }, (_, i) => ({ role: i % 2 ? 'model' : 'user', parts: [{ text: said(i) }] })) };
  }
  const messages = Array.from({ length: turn + 1 }, (_, i) => ({ role: i % 2 ? 'assistant' : 'user', content: said(i) }));
  return { model: dialects[dialect].model, max_tokens: 20, messages };
}

// The key that a request went to.
async function keyOf(stack, request) {
  const before = await countsOf(stack);
  const response = await stack.gateway.call(request);
  assert.equal(response.status, 200, response.text);
  const after = await countsOf(stack);
  const used = Object.keys(after).filter((key) => after[key] !== before[key]);
  assert.equal(used.length, 1);
  return { key: used[0], response };
}

const turnKey = async (stack, dialect, name, turn, more = {}) =>
  (await keyOf(stack, modelRequest(dialect, { body: JSON.stringify({ ...turnBody(dialect, name, turn), ...more }) }))).key;

test('a conversation stays with its key, conversations spread', async (t) => {
  for (const dialect of ['anthropic', 'chat', 'responses', 'gemini']) {
    await t.test(dialect, () =>
      withPool(keys, on, async (stack) => {
        const first = {};
        for (let turn = 0; turn < 7; turn += 2) {
          for (let i = 0; i < 20; i++) {
            const key = await turnKey(stack, dialect, `conversation ${i}`, turn);
            first[i] ??= key;
            assert.equal(key, first[i], `conversation ${i}, turn ${turn}`);
          }
        }
        const perKey = {};
        Object.values(first).forEach((key) => (perKey[key] = (perKey[key] ?? 0) + 1));
        assert.ok(Object.keys(perKey).length >= 7, JSON.stringify(perKey));
        assert.ok(Math.max(...Object.values(perKey)) <= 5, JSON.stringify(perKey));
      }));
  }
});

test('what names the conversation counts more than its words', async (t) => {
  const rows = {
    'metadata.user_id': ['anthropic', (id) => ({ metadata: { user_id: `user_1_session_${id}` } })],
    prompt_cache_key: ['responses', (id) => ({ prompt_cache_key: id })],
    user: ['chat', (id) => ({ user: id })],
  };
  for (const [what, [dialect, more]] of Object.entries(rows)) {
    await t.test(what, () =>
      withPool(keys, on, async (stack) => {
        const key = await turnKey(stack, dialect, 'a', 0, more('session-one'));
        for (let i = 0; i < 6; i++) {
          assert.equal(await turnKey(stack, dialect, `words ${i}`, 0, more('session-one')), key);
        }
        const others = new Set();
        for (let i = 0; i < 12; i++) {
          others.add(await turnKey(stack, dialect, 'a', 0, more(`session-${i + 10}`)));
        }
        assert.ok(others.size > 1);
      }));
  }
});

test('a key that is disabled loses its conversations, and only its', () =>
  withPool(keys, on, async (stack) => {
    const first = {};
    for (let i = 0; i < 20; i++) {
      first[i] = await turnKey(stack, 'chat', `c${i}`, 0);
    }
    const gone = first[0];
    await admin(stack.gateway, 'PATCH', `/keys/${(await keysOf(stack.gateway))[gone].id}/toggle`, { status: 'disabled' });
    for (let i = 0; i < 20; i++) {
      const key = await turnKey(stack, 'chat', `c${i}`, 2);
      assert.equal(key === first[i], first[i] !== gone, `conversation ${i}`);
      assert.equal(await turnKey(stack, 'chat', `c${i}`, 4), key, 'it stays where it has moved to');
    }
  }));

test('off is off', () =>
  withPool(keys, { env: { KEY_POOL_AFFINITY: 'off' } }, async (stack) => {
    const used = new Set();
    for (let i = 0; i < 10; i++) {
      used.add(await turnKey(stack, 'chat', 'the same', i * 2));
    }
    assert.equal(used.size, 10);
  }));

test('previous_response_id goes to the key that made the response', async (t) => {
  const respond = (stack, body) => keyOf(stack, modelRequest('responses', { body: JSON.stringify({ model: 'm-gpt', ...body }) }));
  for (const [name, options] of Object.entries({ 'with affinity': on, 'without affinity': {} })) {
    await t.test(name, () =>
      withPool(keys, options, async (stack) => {
        const { key, response } = await respond(stack, { input: 'Hello' });
        for (let i = 0; i < 8; i++) {
          const next = await respond(stack, { input: `Other words ${i}`, previous_response_id: response.json.id });
          assert.equal(next.key, key);
        }
      }));
  }
  await t.test('its owner is gone: a clear 409', () =>
    withPool(keys, on, async (stack) => {
      const { key, response } = await respond(stack, { input: 'Hello' });
      await admin(stack.gateway, 'DELETE', `/keys/${(await keysOf(stack.gateway))[key].id}`);
      await stack.simulator.forget();
      const refused = await ask(stack, {
        dialect: 'responses', body: JSON.stringify({ model: 'm-gpt', input: 'More', previous_response_id: response.json.id }),
      });
      assert.equal(refused.status, 409, refused.text);
      assert.match(refused.json.error.message, /previous_response_id|response/);
      assert.deepEqual(await countsOf(stack), {});
    }));
  await t.test('one that nobody knows is the provider\'s business', () =>
    withPool(keys, on, async (stack) => {
      await respond(stack, { input: 'More', previous_response_id: 'resp_of_another_time' });
    }));
  await t.test('and over a stream', () =>
    withPool(keys, on, async (stack) => {
      const { key, response } = await respond(stack, { input: 'Hello', stream: true });
      const created = JSON.parse(response.events.find(({ event }) => event === 'response.created').data);
      for (let i = 0; i < 5; i++) {
        assert.equal((await respond(stack, { input: `w${i}`, previous_response_id: created.response.id })).key, key);
      }
    }));
});

test('thoughts go back to the key that had them', () =>
  withPool(keys.map((key) => `${key}~kind=reasoning`), on, async (stack) => {
    const body = { model: 'm-claude', max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000 } };
    const send = (messages, model = 'm-claude') => keyOf(stack, modelRequest('anthropic', { body: JSON.stringify({ ...body, model, messages }) }));
    const { key, response } = await send([{ role: 'user', content: 'Think' }]);
    const thinking = response.json.content.find(({ type }) => type === 'thinking');
    assert.ok(thinking, `no thoughts in ${response.text}`);
    const again = (words) => [{ role: 'user', content: words }, { role: 'assistant', content: response.json.content }, { role: 'user', content: 'And?' }];
    for (let i = 0; i < 5; i++) {
      assert.equal((await send(again(`Words ${i}`))).key, key);
    }
    await admin(stack.gateway, 'DELETE', `/keys/${(await keysOf(stack.gateway))[key].id}`);
    await stack.simulator.forget();
    const { key: other } = await send(again('Think'));
    assert.notEqual(other, key);
    const [sent] = await stack.simulator.bodiesOf(other);
    assert.ok(!JSON.stringify(sent).includes(thinking.signature), 'a signature of another key has left');
    assert.ok(JSON.stringify(sent).includes('And?'));
  }));

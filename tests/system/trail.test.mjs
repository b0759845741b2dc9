// SPDX-License-Identifier: MIT
// What an operator can see of a request: its trail on the answer, in the log and afterwards; and what it has cost,
// whether or not the client wanted to know.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modelRequest, uniqueKey } from './kit/kit.mjs';
import { admin, adminKey, ask, withPool } from './kit/pool.mjs';

const keys = ['spent~status=402', 'tired~status=429~retry-after=60', 'good'];
const roundRobin = { document: { config: { algorithm: 'round-robin' } } };

test('the trail on an answer', async (t) => {
  await withPool(keys, roundRobin, async (stack) => {
    const explain = (headers) => ask(stack, { headers });
    await t.test('is for the operator only', async () => {
      for (const headers of [{}, { 'x-droid2api-explain': '1' }, { 'x-admin-key': adminKey }, { 'x-droid2api-explain': '1', 'x-admin-key': `${adminKey}x` }, { 'x-droid2api-explain': '0', 'x-admin-key': adminKey }]) {
        const response = await explain(headers);
        assert.equal(response.status, 200, response.text);
        assert.equal(response.header('x-droid2api-trail'), undefined, JSON.stringify(headers));
      }
    });
  });
  await withPool(keys, roundRobin, async (stack) => {
    await t.test('says what was tried, and why other keys were passed over', async () => {
      const response = await ask(stack, { headers: { 'x-droid2api-explain': '1', 'x-admin-key': adminKey } });
      assert.equal(response.status, 200, response.text);
      const trail = JSON.parse(response.header('x-droid2api-trail'));
      const attempts = trail.filter(({ outcome }) => outcome);
      assert.equal(attempts.length, Number(response.header('x-droid2api-attempts')));
      assert.deepEqual(attempts.map(({ status }) => status), [402, 429, 200]);
      assert.deepEqual(attempts.map(({ reason }) => reason), ['key_credit', 'key_model', undefined]);
      assert.equal(new Set(attempts.map(({ key }) => key)).size, 3);
      const { passed_over: passedOver } = trail.at(-1);
      assert.equal(Object.values(passedOver).reduce((sum, n) => sum + n, 0), 2, JSON.stringify(passedOver));
      assert.equal(passedOver.banned, 1);
      assert.ok(!response.header('x-droid2api-trail').includes('spent~'), 'the secret of a key');
    });
    await t.test('the same is remembered, and in one line of the log', async () => {
      const id = 'request-of-this-test';
      await admin(stack.gateway, 'DELETE', '/cooldowns');
      const response = await ask(stack, { headers: { 'x-request-id': id } });
      assert.equal(response.status, 200);
      const { trail, attempts, status } = await admin(stack.gateway, 'GET', `/requests/${id}`);
      assert.equal(attempts, trail.length);
      assert.equal(status, 200);
      assert.equal(trail.at(-1).status, 200);
    });
  });
});

test('a chat stream is asked for its usage', async (t) => {
  await withPool(['good'], {}, async (stack) => {
    const stream = async (more) => {
      const id = uniqueKey();
      const body = JSON.stringify({ model: 'm-chat', messages: [{ role: 'user', content: 'Hello' }], stream: true, ...more });
      const response = await stack.gateway.call(modelRequest('chat', { key: 'any', body, headers: { 'x-request-id': id } }));
      assert.equal(response.status, 200, response.text);
      const [{ id: number }] = await stack.simulator.requests({ limit: 1 });
      const { tokens } = await admin(stack.gateway, 'GET', `/requests/${id}`);
      return { text: response.text, sent: JSON.parse(await stack.simulator.bodyWith(number)), tokens };
    };
    for (const [name, more, isTold] of [
      ['and one that has not asked is not told', {}, false],
      ['and one that does not want it is not told', { stream_options: { include_usage: false } }, false],
      ['and one that has asked is told', { stream_options: { include_usage: true } }, true],
      ['with its other options', { stream_options: { other: 1 } }, false],
    ]) {
      await t.test(name, async () => {
        const { text, sent, tokens } = await stream(more);
        assert.equal(sent.stream_options.include_usage, true);
        assert.equal(sent.stream_options.other, more.stream_options?.other);
        assert.equal(text.includes('"prompt_tokens"'), isTold, text);
        assert.ok(text.includes('[DONE]'));
        assert.ok(tokens.input > 0 && tokens.output > 0, JSON.stringify(tokens));
      });
    }
  });
});

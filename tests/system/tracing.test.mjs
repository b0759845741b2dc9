// SPDX-License-Identifier: MIT
// W3C Trace Context: a request that is part of a trace stays so at every upstream that it is tried at.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { admin, ask, startPool, waitFor, withPool } from './kit/kit.mjs';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const parent = '00f067aa0ba902b7';
const traceparent = `00-${trace}-${parent}-01`;

let stack;
before(async () => {
  stack = await startPool(null, { env: { FACTORY_API_KEY: 'level-one', KEY_POOL_RETRY_MAX: '2' } });
});
after(() => stack?.stop());

const valuesOf = ({ headers }, name) => headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);

// What the upstream saw of one request, oldest first. `headers` may be a list, for lines of one name.
async function seen(options, of = stack) {
  await of.simulator.forget();
  const response = await ask(of, options);
  return { response, requests: (await of.simulator.requests()).reverse() };
}

function assertHandedOn(request, { flags = '01', state = [] } = {}) {
  const [value, ...more] = valuesOf(request, 'traceparent');
  assert.deepEqual(more, []);
  assert.match(value, new RegExp(`^00-${trace}-[0-9a-f]{16}-${flags}$`));
  assert.deepEqual(valuesOf(request, 'tracestate'), state);
  const id = value.slice(36, 52);
  assert.notEqual(id, parent);
  assert.notEqual(id, '0'.repeat(16));
  return id;
}

for (const [what, options] of [
  ['passed on', { dialect: 'anthropic', model: 'm-claude' }],
  ['passed on, as a stream', { dialect: 'chat', model: 'm-chat', stream: true }],
  ['translated', { dialect: 'anthropic', model: 'm-chat' }],
  ['translated, as a stream', { dialect: 'responses', model: 'm-gemini', stream: true }],
]) {
  test(`a request that is ${what} stays in its trace`, async () => {
    const { response, requests } = await seen({ ...options, headers: { traceparent, tracestate: 'one=1,two=2' } });
    assert.equal(response.status, 200);
    assert.equal(requests.length, 1);
    assertHandedOn(requests[0], { state: ['one=1,two=2'] });
  });
  test(`a request that is ${what} is not put into a trace`, async () => {
    const { response, requests } = await seen(options);
    assert.equal(response.status, 200);
    assert.deepEqual([valuesOf(requests[0], 'traceparent'), valuesOf(requests[0], 'tracestate')], [[], []]);
  });
}

test('flags and later versions', async () => {
  for (const [value, flags] of [
    [`00-${trace}-${parent}-00`, '00'], [`00-${trace}-${parent}-03`, '03'], [`00-${trace}-${parent}-ff`, '03'],
    [`cc-${trace}-${parent}-01-what-the-future-will-be-like`, '01'],
  ]) {
    const { requests } = await seen({ headers: { traceparent: value } });
    assertHandedOn(requests[0], { flags });
  }
});

test('what is not valid is not handed on, and its state neither', async () => {
  for (const value of [
    `00-${trace}-${parent}-01-more`, `ff-${trace}-${parent}-01`, `00-${'0'.repeat(32)}-${parent}-01`, `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${parent}-01`, 'nonsense', `${traceparent}, ${traceparent}`,
  ]) {
    const { response, requests } = await seen({ headers: { traceparent: value, tracestate: 'one=1' } });
    assert.equal(response.status, 200);
    assert.deepEqual([valuesOf(requests[0], 'traceparent'), valuesOf(requests[0], 'tracestate')], [[], []], value);
  }
  const { requests } = await seen({ headers: { traceparent: [traceparent, traceparent], tracestate: 'one=1' } });
  assert.deepEqual([valuesOf(requests[0], 'traceparent'), valuesOf(requests[0], 'tracestate')], [[], []]);
});

test('a state alone is not handed on, one of several lines is', async () => {
  const many = await seen({ headers: { traceparent, tracestate: ['one=1', 'two=2'] } });
  assertHandedOn(many.requests[0], { state: ['one=1', 'two=2'] });
  const { requests } = await seen({ headers: { tracestate: 'one=1' } });
  assert.deepEqual(valuesOf(requests[0], 'tracestate'), []);
});

for (const [what, dialect] of [['passed on', 'anthropic'], ['translated', 'chat']]) {
  test(`each attempt of a request that is ${what} has an id of its own`, () =>
    withPool(null, { env: { FACTORY_API_KEY: 'level-one~status=503~fail=2', KEY_POOL_RETRY_MAX: '3' } }, async (own) => {
      const { response, requests } = await seen({ dialect, model: 'm-claude', headers: { traceparent, tracestate: 'one=1' } }, own);
      assert.equal(response.status, 200, response.text);
      assert.equal(response.header('x-droid2api-attempts'), '3');
      const ids = requests.map((request) => assertHandedOn(request, { state: ['one=1'] }));
      assert.equal(new Set(ids).size, 3);
    }));
}

test('the access log names the trace', async () => {
  await ask(stack, { headers: { traceparent: `00-${trace.replace('4', '5')}-${parent}-01` } });
  await waitFor('the line', () => stack.gateway.said.includes(`trace=${trace.replace('4', '5')}`));
  await ask(stack, { headers: { 'x-request-id': 'without-a-trace' } });
  const line = await waitFor('the other line', () => stack.gateway.said.split('\n').find((text) => text.includes('id=without-a-trace')));
  assert.ok(!line.includes('trace='));
});

test('an endpoint that is to get no trace gets none', async () => {
  const endpointWith = (headers) => stack.config.endpoint.map((endpoint) => ({ ...endpoint, headers }));
  const headers = { traceparent, tracestate: 'one=1' };
  await admin(stack.gateway, 'PUT', '/models', { endpoint: endpointWith({ traceparent: null }) });
  const [without] = (await seen({ headers })).requests;
  assert.deepEqual([valuesOf(without, 'traceparent'), valuesOf(without, 'tracestate')], [[], []]);
  await admin(stack.gateway, 'PUT', '/models', { endpoint: endpointWith({ tracestate: null }) });
  assertHandedOn((await seen({ headers })).requests[0]);
});

// SPDX-License-Identifier: MIT
// Bodies, queries and keys that nobody means well: always refused with a reason, never a crash, never a change.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { admin, adminKey, ask, documentKey, startPool, waitFor, withPool } from './kit/kit.mjs';
import { random } from './kit/random_json.mjs';

const seed = Number(process.env.SEED ?? 20260102);
const nBodies = 10_000;
const width = 4;

let stack;
let agent;
let routes;
before(async () => {
  stack = await startPool([documentKey('fk-one'), documentKey('fk-two')], { document: { poolGroups: [{ id: 'main', name: 'Main', priority: 1 }] } });
  agent = new http.Agent({ keepAlive: true, maxSockets: width });
  const document = (await admin(stack.gateway, 'GET', '/openapi.json', undefined, { status: 200 })).json;
  routes = Object.entries(document.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({
    path,
    method: method.toUpperCase(),
    schema: operation.requestBody?.content['application/json'].schema,
    parameters: operation.parameters.filter((parameter) => parameter.in === 'query'),
  })));
});
after(async () => {
  agent?.destroy();
  await stack?.stop();
});

function send(method, path, body, { localAddress, key = adminKey, gateway = stack.gateway, connections = agent } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(`${gateway.url}${path}`, { method, agent: connections, localAddress, timeout: 60_000,
      headers: { 'x-admin-key': key, ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }) } });
    request.once('error', reject).once('timeout', () => request.destroy(new Error('no answer')));
    request.once('response', (response) => {
      const pieces = [];
      response.on('data', (piece) => pieces.push(piece)).once('error', reject)
        .once('end', () => resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(pieces).toString() }));
    });
    request.end(body);
  });
}

// ---- values that a schema does not allow ----------------------------------------------------------------------------

const typesOf = (schema) => schema.type === undefined ? undefined : [schema.type].flat();

// As JSON texts, since some are no values of this language.
const candidates = ['null', 'true', 'false', '0', '-1', '1', '1.5', '-0.0', '1e999', '-1e999', '1e-400', '9007199254740993', '123456789012345678901234567890',
  '18446744073709551616', '-9223372036854775809', '""', '" "', '"x"', '"NO SUCH THING"', '"\\u0000"', '"\\ud800"', '"../.."', '"<script>"', '"\u{1F600}"', '[]', '[[]]', '["x"]',
  '[null,{}]', '{}', '{"a":1}', '{"":{}}', `"${'y'.repeat(3000)}"`, `[${'0,'.repeat(2000)}0]`, `${'['.repeat(20)}${']'.repeat(20)}`];

function isAllowed(schema, text) {
  const types = typesOf(schema);
  const value = JSON.parse(text);
  if (types === undefined) {
    return schema.enum === undefined || schema.enum.includes(value);
  }
  const type = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  if (type === 'number') {
    const isInteger = Number.isInteger(value);
    const isInside = value >= (schema.minimum ?? -Infinity) && value <= (schema.maximum ?? Infinity) && value > (schema.exclusiveMinimum ?? -Infinity);
    return (types.includes('number') && Number.isFinite(value) && isInside) || (types.includes('integer') && isInteger && isInside);
  }
  if (type === 'string' && types.includes('string')) {
    const isTime = types.includes('integer'); // no text among the candidates is one
    return !isTime && (schema.enum === undefined || schema.enum.includes(value)) && [...value].length >= (schema.minLength ?? 0) &&
      [...value].length <= (schema.maxLength ?? Infinity) && (schema.pattern === undefined || new RegExp(schema.pattern).test(value));
  }
  return types.includes(type);
}

const goodValue = (schema) => {
  const types = typesOf(schema) ?? [];
  if (schema.enum) return JSON.stringify(schema.enum[0]);
  if (types.includes('string')) return '"a"';
  if (types.includes('integer') || types.includes('number')) return String(schema.minimum ?? 1);
  if (types.includes('boolean')) return 'true';
  return types.includes('array') ? '[]' : '{}';
};

// A member somewhere in an object that may be wrong: its path, and the schema of each object on the way.
function pickMember(rng, schema, path = []) {
  const names = Object.keys(schema.properties ?? {}).filter((name) => typesOf(schema.properties[name]) || schema.properties[name].enum);
  if (names.length === 0) {
    return undefined;
  }
  const name = rng.pick(names);
  const inner = schema.properties[name];
  const below = inner.properties && rng.chance(0.8) ? pickMember(rng, inner, [...path, { name, schema }]) : undefined;
  return below ?? { path: [...path, { name, schema }], schema: inner };
}

// The text of an object in which the member is wrong, everything else that has to be there is good, and some is unknown.
function objectWith(rng, steps, wrong) {
  const [{ name, schema }, ...rest] = steps;
  const members = (schema.required ?? []).filter((one) => one !== name).map((one) => [one, goodValue(schema.properties[one])]);
  const value = rest.length ? objectWith(rng, rest, wrong) : wrong;
  if (rng.chance(0.2)) {
    members.push([`x${rng.below(100)}`, rng.pick(candidates)]);
  }
  if (rng.chance(0.2) && !rest.length) {
    members.push([name, goodValue(schema.properties[name])]); // of two the last one counts
  }
  members.push([name, value]);
  const quote = (text) => (rng.chance(0.1) ? `"\\u${text.charCodeAt(0).toString(16).padStart(4, '0')}${text.slice(1)}"` : JSON.stringify(text));
  return `{${members.map(([one, text]) => `${quote(one)}:${text}`).join(',')}}`;
}

function wrongMember(rng, schema) {
  const member = pickMember(rng, schema);
  const wrongs = member ? candidates.filter((text) => !isAllowed(member.schema, text)) : [];
  if (wrongs.length === 0) {
    return undefined;
  }
  return { body: objectWith(rng, member.path, rng.pick(wrongs)), names: member.path.at(-1).name };
}

// ---- bodies that are no JSON object ---------------------------------------------------------------------------------

const broken = [
  () => '{', () => '}', () => '{"a"', () => '{"a":}', () => '{"a":1,}', () => '{a:1}', () => "{'a':1}", () => '{"a":1}{"b":2}', () => 'nothing', () => '\0',
  () => '{"a":\0}', () => '{"a":"\0"}', () => '{"a":"\x01"}', () => '{"a":"\\x"}', () => '{"a":"\\u12"}', () => '{"a":01}', () => '{"a":+1}', () => '{"a":NaN}',
  () => '{"a":Infinity}', () => '\uFEFF{"a":1}x', () => '[]', () => '""', () => '0', () => 'null', () => 'true', () => '[{"key":"fk-three"}]',
  () => Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]), () => Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]),
  () => Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]), () => Buffer.from([0xff]), () => Buffer.alloc(100, 0x80),
  (rng) => `${'['.repeat(10 + rng.below(5000))}`, (rng) => `${'{"a":'.repeat(33 + rng.below(5000))}1${'}'.repeat(5)}`,
  (rng) => { const n = 33 + rng.below(1000); return `${'{"a":'.repeat(n)}1${'}'.repeat(n)}`; },
  (rng) => { const n = 33 + rng.below(1000); return `{"key":${'['.repeat(n)}${']'.repeat(n)}}`; },
  (rng) => Buffer.from(Array.from({ length: 1 + rng.below(200) }, () => 0x80 + rng.below(128))),
];

// ---- the test -------------------------------------------------------------------------------------------------------

const filesOf = (of) => ['data/key_pool.json', 'data/config.json'].map((name) => readFileSync(of.gateway.path(name), 'utf8'));

// Everything but what is counted.
function gistOf(of) {
  const [pool, config] = filesOf(of).map((text) => JSON.parse(text));
  const keys = pool.keys.map(({ id, key, status, provider, poolGroup, notes, weight }) => ({ id, key, status, provider, poolGroup, notes, weight }));
  return { keys, poolGroups: pool.poolGroups, config: pool.config, file: config };
}

function judge({ method, path, body, names }, { status, text }) {
  const what = `${method} ${path} ${String(body).slice(0, 200)}: ${status} ${text.slice(0, 300)}`;
  assert.ok(status >= 400 && status < 500, what);
  const json = JSON.parse(text);
  assert.equal(json.success, false, what);
  assert.ok(json.message.length > 10 && json.message.length < 600, what);
  if (names) {
    assert.ok(json.message.includes(names), `${what} does not name '${names}'`);
  } else {
    assert.match(json.message, /JSON/, what);
  }
  assert.ok(!json.message.includes('fk-'), what);
}

async function runAll(cases) {
  let at = 0;
  await Promise.all(Array.from({ length: width }, async () => {
    while (at < cases.length) {
      const one = cases[at++];
      judge(one, await send(one.method, one.path, one.body));
    }
  }));
}

test(`${nBodies} bodies are refused, and nothing changes`, async (t) => {
  t.diagnostic(`SEED=${seed}`);
  const rng = random(seed);
  const { keys } = await admin(stack.gateway, 'GET', '/keys');
  await admin(stack.gateway, 'PATCH', `/keys/${keys[0].id}/notes`, { notes: 'before' });
  // The balances that the first query after the start has brought are in it, too, before anything is compared.
  await waitFor('the balances', () => filesOf(stack)[0].split('"synced_at"').length === 3);
  const unchanged = filesOf(stack);
  const withBodies = routes.filter(({ schema }) => schema);
  assert.ok(withBodies.length >= 10);
  const cases = [];
  const seen = new Set();
  while (cases.length < nBodies) {
    const { path, method, schema } = rng.pick(withBodies);
    const target = path.replace('{id}', path.includes('pool-groups') ? 'main' : keys[0].id);
    const wrong = rng.chance(0.75) ? wrongMember(rng, schema) : { body: rng.pick(broken)(rng) };
    if (wrong) {
      seen.add(`${method} ${path} ${wrong.names}`);
      cases.push({ method, path: target, ...wrong });
    }
  }
  t.diagnostic(`${seen.size} kinds`);
  await runAll(cases);
  assert.deepEqual(filesOf(stack), unchanged);
  assert.equal((await ask(stack)).status, 200);
});

test('queries are refused', async () => {
  const wrongs = ['%00', 'a%00b', '%ff%00'];
  const byType = { integer: ['x', '-1', '1.5', '1e3', '99999999999999999999', '0x10', '%201'], boolean: ['yes', '2', 'null', 'truee'] };
  const { keys } = await admin(stack.gateway, 'GET', '/keys');
  const cases = routes.flatMap(({ method, path, parameters }) => parameters.flatMap(({ name, schema }) => {
    const more = schema.enum ? ['nothing', 'ALL', `${schema.enum[0]}%20`] : byType[schema.type] ?? [];
    return [...wrongs, ...more].map((value) => ({ method, path: `${path.replace('{id}', keys[0].id)}?${name}=${value}`, names: name }));
  }));
  assert.ok(cases.length > 100);
  await runAll(cases);
  for (const value of ['%zz', '%', '%4']) { // nothing that a parameter could be read of
    const { status, text } = await send('GET', `/admin/keys?page=${value}`);
    assert.equal(status, 400);
    assert.match(JSON.parse(text).message, /request target/);
  }
});

test('what is large', async (t) => {
  const { keys } = await admin(stack.gateway, 'GET', '/keys');
  const unchanged = gistOf(stack);
  const lists = {
    'notes of 10 MB': ['PATCH', `/admin/keys/${keys[0].id}/notes`, `{"notes":"${'n'.repeat(10 << 20)}"}`, /[Nn]otes/],
    'a key of 10 MB': ['POST', '/admin/keys', `{"key":"${'k'.repeat(10 << 20)}"}`, /key/],
    'a description of 10 MB': ['PUT', '/admin/pool-groups/main', `{"description":"${'d'.repeat(10 << 20)}"}`, /description/],
    '100,001 keys': ['POST', '/admin/keys/batch', JSON.stringify({ keys: Array.from({ length: 100_001 }, (_, i) => `fk-many-${i}`) }), /keys/],
    '100,001 lines': ['POST', '/admin/keys/batch', JSON.stringify({ keys: 'fk-line\n'.repeat(100_001) }), /keys/],
    'a million unknown members': ['PUT', '/admin/config', `{${'"a":0,'.repeat(1_000_000)}"algorithm":"none"}`, /algorithm/],
  };
  for (const [what, [method, path, body, told]] of Object.entries(lists)) {
    await t.test(what, async () => {
      const { status, text } = await send(method, path, body);
      assert.ok([400, 413].includes(status), `${status} ${text.slice(0, 200)}`);
      assert.match(JSON.parse(text).message, told);
    });
  }
  await t.test('100,000 rubbish keys are counted, and none is added', async () => {
    const rubbish = ['', ' ', 'a b', 'a\u0000b', 'x'.repeat(513), 7, null, [], {}, 'tab\tbed'];
    const { status, text } = await send('POST', '/admin/keys/batch', JSON.stringify({ keys: Array.from({ length: 100_000 }, (_, i) => rubbish[i % 10]) }));
    const { data } = JSON.parse(text);
    assert.equal(status, 200, text.slice(0, 300));
    assert.deepEqual([data.success, data.duplicate, data.invalid], [0, 0, 100_000]);
    assert.ok(data.errors.length <= 1001);
  });
  assert.deepEqual(gistOf(stack), unchanged);
  assert.equal((await ask(stack)).status, 200);
});

test('guessing at speed locks the guesser out, and nobody else', () =>
  withPool(null, {}, async ({ gateway }) => {
    const connections = new http.Agent({ keepAlive: true, maxSockets: 16 });
    const guesses = await Promise.all(Array.from({ length: 300 }, (_, i) => send('GET', '/admin/stats', undefined, { gateway, connections, key: `guess-${i}` })));
    connections.destroy();
    const refused = guesses.filter(({ status }) => status === 401);
    const blocked = guesses.filter(({ status }) => status === 429);
    assert.equal(refused.length, 10);
    assert.equal(blocked.length, 290);
    for (const { headers } of blocked) {
      assert.ok(Number(headers['retry-after']) >= 1 && Number(headers['retry-after']) <= 60, headers['retry-after']);
    }
    const options = { gateway, connections: undefined };
    assert.equal((await send('GET', '/admin/stats', undefined, options)).status, 429, 'the right key is refused with the guesser');
    assert.equal((await send('GET', '/admin/stats', undefined, { ...options, localAddress: '127.0.0.2' })).status, 200);
  }));

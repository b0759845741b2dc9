// SPDX-License-Identifier: MIT
// The OpenAPI document is valid, and tells exactly what the server does.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { admin, adminKey, startPool } from './kit/kit.mjs';

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

let stack;
let document;
before(async () => {
  stack = await startPool(['fk-one']);
  document = (await admin(stack.gateway, 'GET', '/openapi.json', undefined, { status: 200 })).json;
});
after(async () => {
  await stack?.stop();
});

const routesOf = (of) => Object.entries(of.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })));
const call = (method, path, headers = { 'x-admin-key': adminKey }) => stack.gateway.call({ method, path, headers });

const statusOf = (path) => new Promise((resolve, reject) => {
  http.get(`${stack.gateway.url}${path}`, { headers: { 'x-admin-key': adminKey } }, (response) => {
    resolve(response.statusCode);
    response.destroy();
  }).once('error', reject);
});

test('a validator takes it', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  assert.ok(valid, JSON.stringify(errors, null, 2));
});

test('it is told to the operator only', async () => {
  const refused = await call('GET', '/admin/openapi.json', {});
  assert.equal(refused.status, 401);
  assert.ok(!refused.text.includes('paths'));
  const head = await stack.gateway.call({ method: 'HEAD', path: '/admin/openapi.json', headers: { 'x-admin-key': adminKey } }, { isHead: true });
  assert.equal(head.status, 200);
});

test('it is the version of the server', async () => {
  assert.equal(document.info.version, (await admin(stack.gateway, 'GET', '/stats')).version);
  assert.equal(document.openapi, '3.1.0');
});

test('operations have names of their own, summaries and answers', () => {
  const ids = routesOf(document).map(({ operation }) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length);
  for (const { path, method, operation } of routesOf(document)) {
    assert.ok(operation.summary, `${method} ${path} has a summary`);
    assert.ok(operation.responses['200'] && operation.responses['401'] && operation.responses['429'], `${method} ${path}`);
    assert.equal(path.includes('{id}'), operation.parameters.some((parameter) => parameter.in === 'path'));
  }
});

test('what it lists exists, and what it does not list does not', async (t) => {
  for (const [path, item] of Object.entries(document.paths)) {
    const listed = Object.keys(item).map((method) => method.toUpperCase());
    for (const method of methods) {
      await t.test(`${method} ${path}`, async () => {
        const target = path.replace('{id}', 'no-such-id');
        if (item.get?.responses['200'].content?.['text/event-stream'] && method === 'GET') {
          assert.equal(await statusOf(target), 200); // its body has no end
          return;
        }
        const response = await stack.gateway.call({
          method, path: target, headers: { 'x-admin-key': adminKey, 'content-type': 'application/json' },
          ...(method !== 'GET' && { body: '{' }),
        });
        // Where a name stands at the place of an id, the methods of ids are taken, too.
        const allow = response.header('allow');
        if (listed.includes(method)) {
          assert.notEqual(response.status, 405, response.text);
          assert.doesNotMatch(response.text, /no such admin route/);
        } else if (response.status !== 405) {
          assert.ok(Object.hasOwn(document.paths[path.replace(/[^/]+$/, '{id}')] ?? {}, method.toLowerCase()), `${response.status} ${response.text}`);
        } else {
          for (const one of listed) {
            assert.ok(allow.split(', ').includes(one), `allow: ${allow}`);
          }
          assert.ok(!allow.split(', ').includes(method), `allow: ${allow}`);
        }
      });
    }
  }
});

test('routes of every kind are there', () => {
  for (const route of ['GET /admin/keys', 'POST /admin/keys/batch', 'PATCH /admin/keys/{id}/toggle', 'PUT /admin/config', 'GET /admin/openapi.json']) {
    const [method, path] = route.split(' ');
    assert.ok(document.paths[path]?.[method.toLowerCase()], route);
  }
});

test('its rules are those that are enforced', async () => {
  const schemaOf = (method, path) => document.paths[path][method].requestBody.content['application/json'].schema;
  assert.deepEqual(schemaOf('patch', '/admin/keys/{id}/toggle').properties.status.enum, ['active', 'disabled', null]);
  assert.deepEqual(schemaOf('post', '/admin/keys').required, ['key']);
  const { maximum, minimum } = schemaOf('put', '/admin/config').properties.retry.properties.maxRetries;
  await admin(stack.gateway, 'PUT', '/config', { retry: { maxRetries: maximum } });
  await admin(stack.gateway, 'PUT', '/config', { retry: { maxRetries: maximum + 1 } }, { status: 400 });
  await admin(stack.gateway, 'PUT', '/config', { retry: { maxRetries: minimum } });
  const limit = document.paths['/admin/keys'].get.parameters.find(({ name }) => name === 'limit').schema;
  await admin(stack.gateway, 'GET', `/keys?limit=${limit.maximum}`);
  const { json } = await admin(stack.gateway, 'GET', `/keys?limit=${limit.maximum + 1}`, undefined, { status: 400 });
  assert.match(json.message, /'limit' must be a whole number from 1 to 1000; it is 1001\./);
});

// ---- paths ----------------------------------------------------------------------------------------------------------

const oddPaths = [
  '/admin/', '/admin//keys', '/admin/keys/', '/admin/./keys', '/admin/keys/.', '/admin/keys/..', '/admin/keys/%2e%2e',
  '/admin/keys/%2E', '/admin/keys/.%2e/toggle', '/admin/%2e%2e/health', '/admin/../health', '/admin/../v1/models', '/admin/stats.',
  '/admin/stats/.', '/admin/%73tats', '/admin/STATS', '/admin/keys%2f', '/admin/keys/%00', '/admin/keys/a%00b',
  '/admin/keys/%2f..%2f..%2fetc%2fpasswd', `/admin/keys/${'x'.repeat(8000)}`, '/admin/keys/%252e%252e', '/admin/keys/%zz', '/admin/keys/%',
];

test('odd paths reach nothing, and tell nothing without a key', async (t) => {
  for (const path of oddPaths) {
    await t.test(path.slice(0, 60), async () => {
      const response = await call('GET', path);
      assert.ok([400, 404].includes(response.status), `${response.status} ${response.text.slice(0, 200)}`);
      assert.equal(response.json.success, false);
    });
  }
  await t.test('without the key they look like what exists', assertAllLookAlike);
});

// One server for a few questions each: ten failures lock an address out.
async function assertAllLookAlike() {
  const gist = ({ status, json }) => ({ status, ...json });
  for (let at = 0; at < oddPaths.length; at += 8) {
    const own = await startPool(null);
    try {
      const known = gist(await own.gateway.call({ path: '/admin/stats' }));
      assert.equal(known.status, 401);
      for (const path of oddPaths.slice(at, at + 8)) {
        assert.deepEqual(gist(await own.gateway.call({ path })), known, path);
      }
    } finally {
      await own.stop();
    }
  }
}

test('what others take for a path below /admin is served by nobody', async (t) => {
  const paths = ['//admin/stats', '///admin/stats', '/./admin/stats', '/x/../admin/stats', '/v1/../admin/stats', '/%61dmin/stats', '/ADMIN/stats',
    '/admin%2fstats', '/admin;x/stats', '/%2e/admin/stats', '/v1/models/../../admin/stats', '/v1/models/%2e%2e/%2e%2e/admin/stats', '/health/../admin/keys'];
  for (const path of paths) {
    await t.test(path, async () => {
      const response = await call('GET', path);
      assert.ok([400, 401, 404].includes(response.status), `${response.status} ${response.text.slice(0, 200)}`);
      assert.ok(!response.text.includes('last_rotation_index') && !response.text.includes('"keys"'));
    });
  }
});

test('the absolute form of a target is the same place', async () => {
  assert.equal((await call('GET', 'http://example.test/admin/stats')).status, 200);
  assert.equal((await call('GET', 'http://example.test/admin/stats', {})).status, 401);
  assert.equal((await call('GET', 'http://example.test//admin/stats')).status, 404);
});

// SPDX-License-Identifier: MIT
// The key pool as an operator sees it: its document, its admin API, its command line.
import assert from 'node:assert/strict';
import { modelRequest } from './dialects.mjs';
import { Program, programs } from './program.mjs';
import { Stack } from './stack.mjs';

export const adminKey = 'a-key-for-the-operator-only';

// A key as the guide's own project writes it.
export function documentKey(secret, more = {}) {
  return {
    id: `key_1767323045678_${secret.replace(/[^a-z0-9]/g, '').padEnd(9, 'x').slice(0, 9)}`,
    key: secret,
    status: 'active',
    created_at: '2026-01-02T03:04:05.678Z',
    last_used_at: null,
    usage_count: 0,
    error_count: 0,
    total_requests: 0,
    success_requests: 0,
    success_rate: 0,
    weight_score: 0,
    last_error: null,
    last_test_at: null,
    last_test_result: 'untested',
    banned_at: null,
    banned_reason: null,
    notes: '',
    poolGroup: 'default',
    provider: 'factory',
    ...more,
  };
}

export function poolDocument(keys, { poolGroups = [], config = {}, ...more } = {}) {
  return {
    keys: keys.map((key) => (typeof key === 'string' ? documentKey(key) : key)),
    poolGroups,
    config: { algorithm: 'round-robin', ...config },
    stats: { last_rotation_index: 0 },
    ...more,
  };
}

// One answer of the admin API. `status` undefined: any success.
export async function admin(gateway, method, path, body, { key = adminKey, headers = {}, status, ...options } = {}) {
  const response = await gateway.call({
    method,
    path: `/admin${path}`,
    headers: {
      ...(key !== null && { 'x-admin-key': key }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  }, options);
  if (status === undefined) {
    assert.equal(response.status, 200, `${method} ${path}: ${response.text.slice(0, 500)}`);
    assert.equal(response.json.success, true);
    return response.json.data;
  }
  assert.equal(response.status, status, `${method} ${path}: ${response.text.slice(0, 500)}`);
  return response;
}

// All keys as the admin API shows them, by their secret.
export async function keysOf(gateway) {
  const { keys } = await admin(gateway, 'GET', '/keys?limit=1000');
  const bySecret = {};
  for (const { id } of keys) {
    const key = await admin(gateway, 'GET', `/keys/${id}?reveal=true`);
    bySecret[key.key] = key;
  }
  return bySecret;
}

// A stack whose gateway has these keys (secrets, or whole keys of the document) in its pool. Keys that are banned from
// the start stay so: none is probed, unless the test wants it.
export function startPool(keys, { document, env, files, config, ...options } = {}) {
  return Stack.start({
    config: (simulator) => ({ balance_sync: { base_url: simulator.url }, key_pool: { autoBan: { probeMinutes: 0 } }, ...config }),
    env: { ADMIN_ACCESS_KEY: adminKey, KEY_POOL_AFFINITY: 'off', KEY_POOL_RETRY_DELAY_MS: '10', ...env },
    files: { ...(keys && { 'data/key_pool.json': poolDocument(keys, document) }), ...files },
    ...options,
  });
}

export async function withPool(keys, options, run) {
  const stack = await startPool(keys, options);
  try {
    await run(stack);
  } finally {
    await stack.stop();
  }
}

// A request without a credential of its own.
export function ask(stack, { dialect = 'anthropic', ...options } = {}) {
  return stack.gateway.call(modelRequest(dialect, options));
}

// `n` requests, `width` at a time; all must succeed unless `check` says otherwise.
export async function askMany(stack, n, { width = 8, check = (response) => assert.equal(response.status, 200, response.text), ...options } = {}) {
  let left = n;
  const one = async () => {
    while (left-- > 0) {
      check(await ask(stack, options));
    }
  };
  await Promise.all(Array.from({ length: width }, one));
}

// How many requests each credential got since `simulator.forget()`.
export async function countsOf(stack) {
  return Object.fromEntries(Object.entries(await stack.simulator.keys()).map(([key, { requests }]) => [key, requests]));
}

// `droid2api keys …` in a directory; its output, however it ends.
export async function runKeys(directory, args, { env = {}, input, stdout, release = false } = {}) {
  const program = new Program(release ? programs.releaseGateway : programs.gateway, ['keys', ...args], { cwd: directory, env, input, stdout });
  const { code } = await program.waitEnd(60_000);
  program.assertCleanEnd(code); // for the sanitizers' sake
  return { code, stdout: program.stdout, stderr: program.stderr };
}

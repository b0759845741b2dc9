// SPDX-License-Identifier: MIT
// Every curl of the deployment guide that speaks to the service, run as it stands there: only the address, the admin key
// and the ids of keys are put in.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { admin, adminKey, startPool } from './kit/kit.mjs';

const guide = readFileSync(new URL('fixtures/guide_admin.md', import.meta.url), 'utf8');
const commands = [...guide.matchAll(/^```bash\n(.*?)^```$/gms)]
  .flatMap(([, block]) => block.split(/^\s*$|^#.*$/m))
  .map((text) => text.trim())
  .filter((text) => text.startsWith('curl '));

let stack;
before(async () => {
  stack = await startPool(null);
  for (const id of ['main', 'freebies']) { // the guide has them from elsewhere
    await admin(stack.gateway, 'POST', '/pool-groups', { id, name: id, priority: 1 });
  }
});
after(async () => {
  await stack?.stop();
});

async function run(command) {
  const line = command.replace(/^curl /, 'curl -sS --max-time 30 -i ')
    .replaceAll('http://localhost:3000', stack.gateway.url).replaceAll('your-admin-key', adminKey);
  const { stdout } = await promisify(execFile)('bash', ['-c', line], { timeout: 60_000 });
  const [, head, status, text] = /^(HTTP\/1\.1 (\d{3}).*?\r\n)\r\n(.*)$/s.exec(stdout);
  return { status: Number(status), head, text, get json() { return JSON.parse(text); } };
}

// ---- what the answers must be ---------------------------------------------------------------------------------------

const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const members = (object, names) => {
  for (const name of names) {
    assert.ok(Object.hasOwn(object, name), `${name} in ${JSON.stringify(object).slice(0, 300)}`);
  }
};
const stats = (data) => {
  members(data, ['total', 'active', 'disabled', 'banned', 'cooling', 'untested', 'algorithm', 'last_rotation_index', 'weak_admin_key',
    'mode', 'workers', 'redis', 'uptime_s', 'version']);
  assert.equal(data.total, data.active + data.disabled + data.banned);
  members(data.redis, ['enabled', 'connected']);
};
const key = (data) => {
  members(data, ['id', 'key', 'provider', 'poolGroup', 'status', 'created_at', 'last_used_at', 'usage_count', 'total_requests',
    'success_requests', 'error_count', 'success_rate', 'last_error', 'last_test_at', 'last_test_result', 'banned_at', 'banned_reason',
    'cooldown_until', 'inflight', 'tokens', 'notes', 'weight_score']);
  assert.match(data.id, /^key_\d+_[0-9a-z]{9}$/);
  assert.match(data.created_at, iso);
  members(data.tokens, ['input', 'output']);
};
const totals = (data) => members(data, ['total_limit', 'total_used', 'total_remaining', 'successful_keys', 'total_keys', 'last_full_sync']);
const models = (json) => {
  assert.equal(json.object, 'list');
  assert.ok(json.data.length > 0 && json.data.every(({ id }) => id.startsWith('m-')));
};

// By method and path; what is not in the envelope has `whole`.
const answers = {
  'GET /': { whole: (json) => members(json, ['name', 'version', 'description', 'mode', 'uptime_s', 'endpoints']) },
  'GET /v1/models': { whole: models },
  'GET /admin/stats': { data: stats },
  'GET /admin/keys?status=active&page=1&limit=20': {
    data: ({ keys, pagination }) => {
      keys.forEach(key);
      assert.deepEqual([pagination.page, pagination.limit], [1, 20]);
      assert.equal(pagination.total, keys.length);
      assert.ok(keys.every(({ status }) => status === 'active'));
    },
  },
  'POST /admin/keys': {
    data: (data) => {
      key(data);
      assert.deepEqual([data.notes, data.poolGroup, data.status, data.provider], ['主力密钥', 'main', 'active', 'factory']);
      assert.ok(!data.key.includes('fk-xxx'), 'masked');
    },
  },
  'POST /admin/keys/batch': { data: (data) => assert.deepEqual(data, { success: 1, duplicate: 1, invalid: 0, errors: [] }) },
  'DELETE /admin/keys/{id}': {
    data: async (data, id) => {
      key(data);
      assert.equal(data.id, id);
      await admin(stack.gateway, 'GET', `/keys/${id}`, undefined, { status: 404 });
    },
  },
  'PATCH /admin/keys/{id}/toggle': { data: (data) => (key(data), assert.equal(data.status, 'disabled')) },
  'POST /admin/keys/{id}/test': {
    data: (data) => {
      members(data, ['success', 'status', 'message', 'key_status', 'latency_ms']);
      assert.deepEqual([data.success, data.status, data.key_status], [true, 200, 'active'], data.message);
    },
  },
  'POST /admin/keys/test-all': {
    data: (data) => {
      members(data, ['total', 'tested', 'success', 'failed', 'banned']);
      assert.ok(data.tested > 0 && data.success === data.tested, JSON.stringify(data));
    },
  },
  'GET /admin/keys/export?status=active': {
    text: ({ text, head }) => {
      assert.match(head, /^content-type: text\/plain/im);
      assert.match(head, /^content-disposition: attachment; filename="keys_active_\d{4}-\d\d-\d\d\.txt"/im);
      assert.ok(text.split('\n').includes('fk-xxx') && text.split('\n').includes('fk-yyy'));
    },
  },
  'GET /admin/pool-groups': {
    data: (groups) => {
      assert.deepEqual(groups.map(({ id }) => id).sort(), ['default', 'freebies', 'main']);
      groups.forEach((group) => members(group, ['id', 'name', 'priority', 'description', 'total', 'active', 'disabled', 'banned', 'usage_rate']));
    },
  },
  'POST /admin/pool-groups': { data: ({ id, name, priority }) => assert.deepEqual({ id, name, priority }, { id: 'premium', name: '付费池', priority: 3 }) },
  'DELETE /admin/pool-groups/premium': { data: (data) => assert.deepEqual(data, { deleted: 'premium', affected_keys: 0 }) },
  'PATCH /admin/keys/{id}/pool': { data: (data) => (key(data), assert.equal(data.poolGroup, 'main')) },
  'GET /admin/config': {
    data: (data) => members(data, ['algorithm', 'retry', 'autoBan', 'performance', 'multiTier', 'quotaLimits', 'timeWindowHours', 'affinity']),
  },
  'PUT /admin/config': {
    data: (data) => {
      assert.deepEqual([data.algorithm, data.retry.enabled, data.retry.maxRetries, data.autoBan.enabled, data.autoBan.ban402],
        ['max-remaining', true, 3, true, true]);
    },
  },
  'GET /admin/token/usage': {
    data: ({ summary, cache_info: cache, keys }) => {
      totals(summary);
      members(cache, ['cached_keys', 'last_full_sync']);
      assert.ok(Object.keys(keys).every((id) => /^key_/.test(id)));
    },
  },
  'GET /admin/token/summary': { data: totals },
  'POST /admin/token/sync': {
    data: (data) => {
      members(data, ['total', 'success', 'failed', 'failed_keys']);
      assert.ok(data.total > 0 && data.success === data.total && data.failed_keys.length === 0, JSON.stringify(data));
    },
  },
  'POST /admin/token/cleanup': { data: (data) => assert.ok(Number.isInteger(data.removed) && data.removed >= 0) },
};

// ---- the commands ---------------------------------------------------------------------------------------------------

const nameOf = (command) => {
  const method = /-X (\w+)/.exec(command)?.[1] ?? 'GET';
  const [, path] = /http:\/\/localhost:3000([^\s"']*)/.exec(command);
  return `${method} ${path.replace('key_1234567890', '{id}')}`;
};

let nKeys = 0;
async function freshKey() {
  return (await admin(stack.gateway, 'POST', '/keys', { key: `fk-guide-${++nKeys}` })).id;
}

test('the guide has commands', () => {
  assert.equal(commands.length, 25);
  assert.deepEqual([...new Set(commands.map(nameOf))].sort(), Object.keys(answers).sort());
});

for (const [i, command] of commands.entries()) {
  test(`${i + 1}. ${nameOf(command)}`, async () => {
    const id = command.includes('key_1234567890') ? await freshKey() : undefined;
    const answer = await run(command.replaceAll('key_1234567890', id));
    const expected = answers[nameOf(command)];
    assert.equal(answer.status, 200, answer.text);
    if (expected.text) {
      expected.text(answer);
    } else if (expected.whole) {
      expected.whole(answer.json);
    } else {
      assert.equal(answer.json.success, true);
      await expected.data(answer.json.data, id);
    }
  });
}

test('a key that the guide has made up is not found', async () => {
  const { status, json } = await run(commands.find((command) => command.includes('/toggle')));
  assert.equal(status, 404);
  assert.equal(json.error, 'Not found');
});

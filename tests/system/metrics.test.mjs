// SPDX-License-Identifier: MIT
// /metrics as operators use it: a real Prometheus scrapes it, its alerts and the dashboard ask for what is there, and
// nobody outside can make series.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  admin, ask, askMany, deployFolder, dialectNames, documentKey, modelRequest, Prometheus, promtool, requestBytes,
  simulatorConfig, Stack, startPool, uniqueKey, waitFor, Wire,
} from './kit/kit.mjs';

const metricName = /\b(?:droid2api|process)_[a-z0-9_]+/g;

async function scrape(of) {
  const response = await of.gateway.call({ path: '/metrics' });
  assert.equal(response.status, 200);
  return response.text;
}

const seriesOf = (text) => text.split('\n').filter((line) => line && !line.startsWith('#')).map((line) => line.replace(/ \S+$/, ''));

// The value of one series, by name and labels as they are written.
function valueOf(text, series) {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

function familiesOf(text) {
  return Object.fromEntries([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
}

// The families that a text names, each without what a histogram puts behind its name.
function namedIn(text, families) {
  return [...new Set(text.match(metricName))].map((name) => {
    const base = name.replace(/_(bucket|sum|count)$/, '');
    return families[base] === 'histogram' ? base : name;
  });
}

// Traffic of all kinds over a pool with good and bad keys. Of the requests for m-chat exactly 40 succeed.
async function useAll(stack) {
  for (const dialect of dialectNames) {
    for (const stream of [false, true]) {
      assert.equal((await ask(stack, { dialect, stream })).status, 200);
    }
  }
  await askMany(stack, 38, { dialect: 'chat' });
  assert.equal((await ask(stack, { dialect: 'chat', model: 'm-refused' })).status, 400);
  assert.ok((await ask(stack, { dialect: 'chat', model: 'm-failing' })).status >= 500);
  await ask(stack, { dialect: 'chat', model: 'm-cut', stream: true });
  assert.equal((await ask(stack, { dialect: 'chat', model: 'nobody-knows-it' })).status, 404);
  assert.equal((await stack.gateway.call({ path: '/nowhere' })).status, 404);
  const wire = await Wire.connect(stack.port);
  wire.send(requestBytes(modelRequest('chat', { model: 'm-hang', stream: true, close: false })));
  await wire.head();
  wire.close();
  await waitFor('the aborted stream to be counted', async () =>
    valueOf(await scrape(stack), 'droid2api_streams_aborted_total{side="client"}') === 1);
}

let stack;
let prometheus;
before(async () => {
  stack = await startPool([
    'fk-one', 'fk-two', documentKey('fk-spare', { poolGroup: 'spare' }),
    documentKey('fk-off', { status: 'disabled' }), 'fk-poor~status=402~why=quota',
  ], {
    document: { poolGroups: [{ id: 'spare', name: 'Spare', priority: 2 }] },
    env: { KEY_POOL_ALGORITHM: 'round-robin' },
    config: {
      models: [
        ...simulatorConfig('').models,
        { id: 'm-hang', type: 'common', upstream_model: 'sim~hang=1' },
        { id: 'm-refused', type: 'common', upstream_model: 'sim~status=400' },
        { id: 'm-failing', type: 'common', upstream_model: 'sim~status=503' },
        { id: 'm-cut', type: 'common', upstream_model: 'sim~cut=5' },
      ],
    },
  });
  await useAll(stack);
  prometheus = await Prometheus.start(stack.port);
});
after(async () => {
  await prometheus?.stop();
  await stack?.stop();
});

test('promtool finds nothing to complain about', async () => {
  assert.equal(promtool(['check', 'metrics'], await scrape(stack)), '');
});

test('what happened is told', async (t) => {
  const text = await scrape(stack);
  const keys = (pool, status) => valueOf(text, `droid2api_keys{pool="${pool}",status="${status}"}`);
  await t.test('each key has one status', () => {
    assert.deepEqual([keys('default', 'active'), keys('default', 'disabled'), keys('default', 'banned')], [2, 1, 1]);
    assert.deepEqual([keys('spare', 'active'), keys('spare', 'banned')], [1, 0]);
  });
  await t.test('picks follow the algorithm in force', async () => {
    const picks = valueOf(text, 'droid2api_key_selections_total{algorithm="round-robin"}');
    const attempts = [...text.matchAll(/^droid2api_upstream_attempts_total\{.*\} (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
    assert.ok(picks > 0 && picks <= attempts, `${picks} picks, ${attempts} attempts`);
    assert.equal(valueOf(text, 'droid2api_key_selections_total{algorithm="random"}'), 0);
  });
  await t.test('a ban has its reason', () => {
    assert.equal(valueOf(text, 'droid2api_key_bans_total{reason="key_credit"}'), 1);
    assert.ok(valueOf(text, 'droid2api_retries_total{reason="key_credit"}') >= 1);
  });
  await t.test('connections are of their endpoints', () => {
    const connections = (endpoint) => valueOf(text, `droid2api_upstream_connections{endpoint="${endpoint}",state="idle"}`)
      + valueOf(text, `droid2api_upstream_connections{endpoint="${endpoint}",state="busy"}`);
    // All four endpoints are one address here, and the first one has it.
    const [first, ...others] = ['anthropic', 'openai', 'common', 'google', 'other'].map(connections);
    assert.ok(first > 0);
    assert.deepEqual(others, [0, 0, 0, 0]);
    assert.equal(valueOf(text, 'droid2api_open_connections{side="upstream"}'), first);
  });
  await t.test('a change of a key is a durable write', async () => {
    const count = 'droid2api_store_write_seconds_count{document="key_pool"}';
    const before = valueOf(text, count);
    await admin(stack.gateway, 'POST', '/keys', { key: 'fk-added' });
    assert.ok(valueOf(await scrape(stack), count) > before);
    const { keys: found } = await admin(stack.gateway, 'GET', '/keys?limit=100');
    assert.equal(valueOf(await scrape(stack), 'droid2api_keys{pool="default",status="active"}'), 3);
    await admin(stack.gateway, 'DELETE', `/keys/${found.at(-1).id}`);
  });
});

test('usage is written, and nothing of it is lost', async () => {
  await waitFor('a durable write of usage', async () =>
    valueOf(await scrape(stack), 'droid2api_store_write_seconds_count{document="usage"}') > 0);
  const text = await scrape(stack);
  for (const stage of ['ring', 'database']) {
    assert.equal(valueOf(text, `droid2api_usage_records_lost_total{stage="${stage}"}`), 0);
  }
  assert.equal(valueOf(text, 'droid2api_store_write_failures_total{document="usage"}'), 0);
});

test('Prometheus scrapes it', async (t) => {
  await prometheus.waitValue(`up{job="droid2api",instance="${prometheus.target}"}`, 1);
  await t.test('requests', async () => {
    await prometheus.waitValue('sum(droid2api_requests_total{model="m-chat",status="200"})', 40);
    await prometheus.waitValue('sum(droid2api_requests_total{model="m-refused",status="400"})', 1);
    await prometheus.waitValue('sum(droid2api_request_duration_seconds_count{model="m-chat"})', 40);
    await prometheus.waitValue('sum(droid2api_streams_aborted_total)', 2);
  });
  await t.test('tokens', () =>
    prometheus.waitValue('sum(droid2api_tokens_total{model="m-claude",kind="output"})', 40)); // twice the simulator's 20
  await t.test('keys', () => prometheus.waitValue('sum(droid2api_keys)', 5));
  await t.test('quantiles', async () => {
    const p99 = await prometheus.value('histogram_quantile(0.99, sum by (le) (droid2api_gateway_overhead_seconds_bucket))');
    assert.ok(p99 > 0 && p99 <= 1, `${p99}`);
  });
  await t.test('types and texts', async () => {
    const metadata = await prometheus.api('targets/metadata', { match_target: '{job="droid2api"}' });
    const families = familiesOf(await scrape(stack));
    assert.deepEqual(Object.fromEntries(metadata.map(({ metric, type }) => [metric, type])), families);
  });
});

test('alerts', async (t) => {
  const folder = join(deployFolder, 'prometheus');
  await t.test('are rules', () => {
    promtool(['check', 'rules', join(folder, 'alerts.yml')]);
    promtool(['check', 'config', join(folder, 'prometheus.yml')]);
  });
  await t.test('fire when they should', () => {
    promtool(['test', 'rules', join(folder, 'alerts_test.yml')]);
    const names = [...readFileSync(join(folder, 'alerts.yml'), 'utf8').matchAll(/alert: (\w+)/g)].map(([, name]) => name);
    const tested = readFileSync(join(folder, 'alerts_test.yml'), 'utf8');
    assert.deepEqual(names.filter((name) => !tested.includes(`alertname: ${name}\n`)), []);
  });
  await t.test('are evaluated, and silent', async () => {
    const evaluated = async () => (await prometheus.api('rules')).groups.flatMap(({ rules }) => rules);
    await waitFor('all rules to be evaluated', async () => (await evaluated()).every(({ health }) => health !== 'unknown'),
      { limitMs: 20_000, everyMs: 100 });
    for (const { name, health, lastError, state } of await evaluated()) {
      assert.equal(health, 'ok', `${name}: ${lastError}`);
      assert.notEqual(state, 'firing', name);
    }
  });
});

// What they name must be there, or a panel stays empty and an alert silent for ever.
test('the dashboard and the alerts ask for what there is', async (t) => {
  const text = await scrape(stack);
  const families = familiesOf(text);
  const dashboard = JSON.parse(readFileSync(join(deployFolder, 'grafana', 'droid2api.json'), 'utf8'));
  const expressions = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr]));
  // As Grafana would ask for it.
  const filledIn = (expr) => expr.replaceAll('$__rate_interval', '1m').replaceAll('$__range', '5m').replaceAll('$instance', '.*');
  await t.test('names', () => {
    const alerts = readFileSync(join(deployFolder, 'prometheus', 'alerts.yml'), 'utf8').replace(/^\s*description:.*$/gm, '');
    const named = namedIn(`${alerts}\n${expressions.map(([, expr]) => expr).join('\n')}`, families);
    assert.deepEqual(named.filter((name) => !(name in families)), []);
  });
  await t.test('labels', () => {
    const labels = new Set([...text.matchAll(/[{,]([a-z_]+)="/g)].map(([, label]) => label));
    labels.add('instance').add('job');
    const used = expressions.flatMap(([, expr]) => [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list]) => list.split(', ')));
    assert.deepEqual(used.filter((label) => !labels.has(label)), []);
  });
  await t.test('every expression runs', async () => {
    assert.ok(expressions.length > 30);
    for (const [title, expr] of expressions) {
      const real = filledIn(expr);
      assert.ok(!real.includes('$'), `${title}: ${real}`);
      await prometheus.query(real);
    }
  });
  await t.test('the panels about traffic have something to show', async () => {
    await waitFor('two scrapes', async () => (await prometheus.value('count_over_time(up{job="droid2api"}[5m])')) >= 2, { limitMs: 20_000, everyMs: 100 });
    for (const beginning of ['Requests', 'Duration', 'Time to', 'Overhead', 'Tokens', 'Keys by', 'Attempts', 'Memory', 'CPU']) {
      const panels = expressions.filter(([title]) => title.startsWith(beginning));
      assert.ok(panels.length > 0, `no panel '${beginning} …'`);
      for (const [title, expr] of panels) {
        await waitFor(`something in ${title}`, async () => (await prometheus.query(filledIn(expr))).length > 0, { everyMs: 100 });
      }
    }
  });
  await t.test('docs/METRICS.md tells of every family, and of no other', () => {
    const page = readFileSync(join(deployFolder, '..', 'docs', 'METRICS.md'), 'utf8');
    const named = [...page.matchAll(/^\| `([a-z0-9_]+)/gm)].map(([, name]) => name);
    assert.deepEqual(named.toSorted(), Object.keys(families).toSorted());
  });
});

test('endpoints are told apart, also after a reload', async (t) => {
  const deadEnd = { name: 'dead', type: 'common', base_url: 'http://127.0.0.1:1/v1/chat/completions' };
  const own = await Stack.start({
    config: ({ url, port }) => ({
      models: [...simulatorConfig(url).models, { id: 'm-near', type: 'common', endpoint: 'near' }, { id: 'm-dead', type: 'common', endpoint: 'dead' }],
      endpoint: [...simulatorConfig(url).endpoint, { name: 'near', type: 'common', base_url: `http://localhost:${port}/v1/chat/completions` }, deadEnd],
    }),
  });
  const connections = async (endpoint) => valueOf(await scrape(own), `droid2api_upstream_connections{endpoint="${endpoint}",state="idle"}`);
  const breaker = async (of) => valueOf(await scrape(own), `droid2api_breakers_open{endpoint="dead",of="${of}"}`);
  const send = (model) => own.gateway.call(modelRequest('chat', { model, key: uniqueKey() }));
  try {
    await t.test('connections', async () => {
      assert.deepEqual([await connections('anthropic'), await connections('near')], [0, 0]);
      assert.equal((await send('m-near')).status, 200);
      assert.deepEqual([await connections('anthropic'), await connections('near')], [0, 1]);
    });
    await t.test('breakers', async () => {
      assert.equal(await breaker('endpoint'), 0);
      await waitFor('the breaker to open', async () => {
        await send('m-dead');
        return await breaker('endpoint') === 1;
      });
      assert.equal(await breaker('models'), 0);
    });
    await t.test('what has gone with a reload is of other', async () => {
      own.gateway.writeConfig({ ...own.config, ...simulatorConfig(own.simulator.url) });
      own.gateway.program.kill('SIGHUP');
      await waitFor('the reload', async () => await breaker('endpoint') === undefined);
      assert.deepEqual([await connections('near'), await connections('other')], [undefined, 1]);
      assert.ok(!seriesOf(await scrape(own)).some((series) => series.startsWith('droid2api_breakers_open{endpoint="near"')));
    });
  } finally {
    await own.stop();
  }
});

// A client that could make series could fill the memory of Prometheus, and of the gateway.
test('nobody outside makes series', async () => {
  const own = await Stack.start();
  const post = (path, model, key) => own.gateway.call({
    method: 'POST', path, headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }),
  });
  const statuses = Array.from({ length: 68 }, (_, i) => 432 + i).filter((status) => status !== 451 && status !== 499);
  const kinds = [
    (i) => post('/v1/chat/completions', `invented-${i}`, 'key-one'),
    (i) => post('/v1/chat/completions', 'm-chat', uniqueKey(`status=${statuses[i % statuses.length]}`)),
    (i) => own.gateway.call({ path: `/invented-${i}` }),
    (i) => own.gateway.call({ path: `/v1beta/models/invented-${i}` }),
    (i) => own.gateway.call({ method: 'DELETE', path: `/v1/models?invented=${i}` }),
  ];
  try {
    for (const kind of kinds) {
      await kind(0);
    }
    await scrape(own); // which is a series itself
    const before = seriesOf(await scrape(own));
    for (let i = 1; i <= 100; i++) {
      await Promise.all(kinds.map((kind) => kind(i)));
    }
    const text = await scrape(own);
    assert.deepEqual(seriesOf(text).filter((series) => !before.includes(series)), []);
    assert.equal(seriesOf(text).length, before.length);
    assert.ok(!text.includes('invented'));
    const line = /^droid2api_requests_total\{.*model="m-chat",status="other"\} (\d+)$/m.exec(text);
    assert.equal(Number(line?.[1]), 101);
  } finally {
    await own.stop();
  }
});

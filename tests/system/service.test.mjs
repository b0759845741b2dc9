// SPDX-License-Identifier: MIT
// The program as an operator meets it: its service routes, metrics, command line, logs, reload and shutdown.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  dialectNames, Gateway, hasEnd, modelRequest, Program, programs, requestBytes, simulatorConfig, Stack, uniqueKey,
  waitFor, Wire,
} from './kit/kit.mjs';

let stack;
before(async () => {
  stack = await Stack.start({
    env: { FACTORY_API_KEY: 'level-one' },
    config: (simulator) => {
      const { models } = simulatorConfig(simulator.url);
      return { models: [...models, { id: 'm-hang', type: 'common', upstream_model: 'sim~hang=1' }] };
    },
  });
});
after(() => stack?.stop());

test('GET /', async (t) => {
  await t.test('JSON for programs', async () => {
    const response = await stack.gateway.call({ path: '/' });
    assert.equal(response.status, 200);
    assert.match(response.header('content-type'), /^application\/json/);
    const { name, version, description, mode, uptime_s: uptime, endpoints } = response.json;
    assert.equal(name, 'droid2api');
    assert.match(version, /^\d+\.\d+\.\d+/);
    assert.equal(typeof description, 'string');
    assert.equal(typeof mode, 'string');
    assert.ok(uptime >= 0);
    assert.ok(JSON.stringify(endpoints).includes('/v1/chat/completions'));
  });
  await t.test('a page for browsers', async () => {
    const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
    const response = await stack.gateway.call({ path: '/', headers: { accept } });
    assert.equal(response.status, 200);
    assert.match(response.header('content-type'), /^text\/html/);
    assert.match(response.text, /<html/i);
    const named = await stack.gateway.call({ path: '/', headers: { accept, host: 'gateway.test:81' } });
    assert.ok(named.text.includes('curl http://gateway.test:81/v1/models'));
    const odd = await stack.gateway.call({ path: '/', headers: { accept, host: "a'b&c" } });
    assert.ok(!odd.text.includes("a'b"), 'what would need escaping is not shown');
  });
});

test('/health and /ready', async (t) => {
  await t.test('health', async () => {
    const response = await stack.gateway.call({ path: '/health' });
    assert.deepEqual([response.status, response.json], [200, { status: 'ok' }]);
  });
  await t.test('ready', async () => {
    assert.equal((await stack.gateway.call({ path: '/ready' })).status, 200);
  });
  await t.test('with a query', async () => {
    assert.equal((await stack.gateway.call({ path: '/health?probe=1' })).status, 200);
  });
  await t.test('favicon', async () => {
    assert.ok([200, 204].includes((await stack.gateway.call({ path: '/favicon.ico' })).status));
  });
});

// Prometheus text format 0.0.4, strictly: gives {family: {type, samples: [{name, labels, value}]}}.
function parseMetrics(text) {
  assert.ok(text.endsWith('\n'));
  const families = {};
  const helped = new Set();
  for (const line of text.trimEnd().split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line);
    if (comment) {
      const [, kind, name, rest] = comment;
      if (kind === 'HELP') {
        assert.ok(!helped.has(name), `second HELP of ${name}`);
        helped.add(name);
      } else {
        assert.match(rest, /^(counter|gauge|histogram|summary|untyped)$/);
        assert.ok(!families[name], `second TYPE of ${name}`);
        families[name] = { type: rest, samples: [] };
      }
      continue;
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    assert.ok(sample, `not a line of the format: ${line}`);
    const [, name, labelText = '', value] = sample;
    const labels = {};
    const rest = labelText.replace(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/g, (_, label, text) => {
      assert.ok(!(label in labels), `label ${label} twice: ${line}`);
      labels[label] = text;
      return '';
    });
    assert.equal(rest, '', `labels: ${line}`);
    assert.ok(/^[+-]Inf$/.test(value) || !Number.isNaN(Number(value)), `value: ${line}`);
    const family = families[name] ?? families[name.replace(/_(bucket|sum|count)$/, '')];
    assert.ok(family, `no TYPE before ${line}`);
    family.samples.push({ name, labels, value: Number(value.replace('Inf', 'Infinity')) });
  }
  return families;
}

function assertHistogram(name, { samples }) {
  const series = new Map();
  for (const { name: sampleName, labels: { le, ...labels }, value } of samples) {
    const id = JSON.stringify(labels);
    const entry = series.get(id) ?? { buckets: [] };
    series.set(id, entry);
    if (sampleName.endsWith('_bucket')) {
      entry.buckets.push([Number(le.replace('Inf', 'Infinity')), value]);
    } else {
      entry[sampleName.endsWith('_sum') ? 'sum' : 'count'] = value;
    }
  }
  for (const [id, { buckets, sum, count }] of series) {
    assert.ok(buckets.length > 1 && sum !== undefined && count !== undefined, `${name}${id}`);
    for (let i = 1; i < buckets.length; i++) {
      assert.ok(buckets[i][0] > buckets[i - 1][0] && buckets[i][1] >= buckets[i - 1][1], `${name}${id}`);
    }
    assert.deepEqual(buckets.at(-1), [Infinity, count], `${name}${id}`);
  }
}

test('/metrics', async (t) => {
  const read = async () => parseMetrics((await stack.gateway.call({ path: '/metrics' })).text);
  const total = (families, name, labels = {}) => families[`droid2api_${name}`].samples
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .filter((sample) => !/_(bucket|sum)$/.test(sample.name))
    .reduce((sum, sample) => sum + sample.value, 0);
  await t.test('is what Prometheus reads', async () => {
    const response = await stack.gateway.call({ path: '/metrics' });
    assert.match(response.header('content-type'), /^text\/plain; version=0\.0\.4/);
    const families = parseMetrics(response.text);
    for (const [name, family] of Object.entries(families)) {
      assert.ok(name.startsWith('droid2api_') || name.startsWith('process_'), name);
      if (family.type === 'histogram') {
        assertHistogram(name, family);
      }
    }
  });
  await t.test('counts requests, tokens and times', async () => {
    const before = await read();
    for (const name of dialectNames) {
      for (const stream of [false, true]) {
        const response = await stack.gateway.call(modelRequest(name, { stream, model: undefined }));
        assert.equal(response.status, 200);
      }
    }
    await stack.gateway.call(modelRequest('chat', { model: 'made-up-name' }));
    const after = await read();
    const grown = (name, labels) => total(after, name, labels) - total(before, name, labels);
    assert.equal(grown('requests_total', { route: '/v1/chat/completions', model: 'm-chat', status: '200' }), 2);
    assert.equal(grown('requests_total', { status: '404' }), 1);
    assert.equal(grown('tokens_total', { model: 'm-claude', kind: 'output' }), 40); // twice the simulator's 20
    assert.equal(grown('tokens_total', { model: 'm-gpt', kind: 'output' }), 40);
    assert.equal(grown('tokens_total', { model: 'm-gemini', kind: 'output' }), 40);
    assert.ok(grown('tokens_total', { model: 'm-chat', kind: 'output' }) >= 20); // its streams tell only when asked
    assert.ok(grown('tokens_total', { kind: 'input' }) > 0);
    assert.ok(total(after, 'request_duration_seconds') > 0);
    assert.ok(total(after, 'time_to_first_token_seconds') > 0);
    assert.ok(total(after, 'gateway_overhead_seconds') > 0);
    assert.ok(total(after, 'upstream_attempts_total') >= 8);
    assert.ok(!JSON.stringify(after).includes('made-up-name'), 'a label that a client chooses');
  });
  await t.test('shows what is under way', async () => {
    const gauges = async () => {
      const families = await read();
      return [total(families, 'inflight_requests'), total(families, 'open_connections', { side: 'client' })];
    };
    const [inflight, connections] = await gauges();
    const wire = await Wire.connect(stack.port);
    wire.send(requestBytes(modelRequest('chat', { model: 'm-hang', stream: true, close: false })));
    await wire.head();
    assert.deepEqual(await gauges(), [inflight + 1, connections + 1]);
    wire.close();
    await waitFor('the abandoned request to be gone', async () => {
      const [nowInflight, nowConnections] = await gauges();
      return nowInflight === inflight && nowConnections === connections;
    });
  });
  await t.test('tells the build', async () => {
    const families = await read();
    assert.equal(total(families, 'build_info'), 1);
    assert.match(families.droid2api_build_info.samples[0].labels.version, /^\d+\.\d+\.\d+/);
  });
});

async function runProgram(args, { config, env = {}, dotenv } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'droid2api-run-'));
  try {
    if (config !== undefined) {
      const gateway = new Gateway(directory, '127.0.0.1');
      gateway.writeConfig(config);
    }
    if (dotenv !== undefined) {
      writeFileSync(join(directory, '.env'), dotenv);
    }
    const program = new Program(programs.gateway, args, { cwd: directory, env });
    await program.waitEnd();
    return { code: program.exit.code, stdout: program.stdout, stderr: program.stderr, all: program.stdout + program.stderr };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test('the command line', async (t) => {
  await t.test('--help lists options and settings', async () => {
    const { code, stdout } = await runProgram(['--help']);
    assert.equal(code, 0);
    for (const word of ['--version', '--check-config', 'PORT', 'FACTORY_API_KEY', 'API_ACCESS_KEY', 'UPSTREAM_IDLE_TIMEOUT_MS']) {
      assert.ok(stdout.includes(word), word);
    }
  });
  await t.test('--version', async () => {
    const { code, stdout } = await runProgram(['--version']);
    assert.equal(code, 0);
    assert.match(stdout, /^droid2api \d+\.\d+\.\d+/);
  });
  await t.test('an unknown option is an error, and says what there is', async () => {
    const { code, stderr } = await runProgram(['--nonsense']);
    assert.notEqual(code, 0);
    assert.match(stderr, /--nonsense/);
    assert.match(stderr, /--help/);
  });
  await t.test('--check-config: good', async () => {
    const { code } = await runProgram(['--check-config'], { config: simulatorConfig('http://127.0.0.1:1') });
    assert.equal(code, 0);
  });
  const bad = {
    'JSON that does not parse': [{ config: '{\n  "port": 3000,\n  oops\n}' }, [/config\.json/, /3/]],
    'a number that is none': [{ env: { PORT: 'many' } }, [/PORT/, /many/]],
    'a number out of range': [{ env: { PORT: '70000' } }, [/PORT/, /70000/]],
    'a word that is not one of the list': [{ env: { LOG_LEVEL: 'loud' } }, [/LOG_LEVEL/, /loud/, /debug/]],
    'a bad line of .env': [{ dotenv: 'PORT=x y\n' }, [/PORT/]],
    'an address without a scheme': [{ config: { endpoint: [{ name: 'mine', base_url: 'host/path' }] } }, [/mine/]],
    'an address with a query': [{ config: { endpoint: [{ name: 'mine', base_url: 'http://host/path?a=b' }] } }, [/mine/]],
    'an address with credentials':
      [{ config: { endpoint: [{ name: 'mine', base_url: 'http://user:secret-word@host/' }] } }, [/mine/]],
    'an unknown model type': [{ config: { models: [{ id: 'm-one', type: 'telepathy' }] } }, [/telepathy/]],
    'a secret file that is missing': [{ env: { FACTORY_API_KEY_FILE: '/nonexistent/key' } }, [/FACTORY_API_KEY/]],
  };
  for (const [what, [options, patterns]] of Object.entries(bad)) {
    await t.test(`--check-config: ${what}`, async () => {
      const { code, all } = await runProgram(['--check-config'], options);
      assert.notEqual(code, 0);
      assert.notEqual(code, 86, all); // not by a sanitizer
      patterns.forEach((pattern) => assert.match(all, pattern));
      assert.ok(!all.includes('secret-word'), 'a secret in an error message');
    });
  }
  await t.test('several errors are told at once', async () => {
    const { code, all } = await runProgram(['--check-config'], { env: { PORT: 'many', LOG_LEVEL: 'loud' } });
    assert.notEqual(code, 0);
    assert.match(all, /PORT/);
    assert.match(all, /LOG_LEVEL/);
  });
  await t.test('a bad configuration does not start', async () => {
    const { code, all } = await runProgram([], { env: { PORT: 'many' } });
    assert.notEqual(code, 0);
    assert.match(all, /PORT/);
  });
  await t.test('a port in use is told by name', async () => {
    const { code, all } = await runProgram([], { env: { PORT: String(stack.port), HOST: '127.0.0.1' } });
    assert.notEqual(code, 0);
    assert.ok(all.includes(String(stack.port)), all);
    assert.match(all, /in use/i);
  });
  await t.test('a variable that is set and not yet understood is told', async () => {
    const { all } = await runProgram(['--check-config'], {
      config: simulatorConfig('http://127.0.0.1:1'), env: { REDIS_HOST: 'localhost' },
    });
    assert.match(all, /REDIS_HOST/);
  });
});

test('config.json is made at first start, for its owner alone', async () => {
  const gateway = await Gateway.start({ config: undefined });
  try {
    const path = join(gateway.directory, 'data', 'config.json');
    const config = JSON.parse(readFileSync(path, 'utf8'));
    assert.ok(Array.isArray(config.models) && Array.isArray(config.endpoint));
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal((await gateway.call({ path: '/v1/models' })).status, 200);
  } finally {
    await gateway.stop();
  }
});

test('.env in the working directory counts, the environment more', async () => {
  const gateway = await Gateway.start({
    config: simulatorConfig('http://127.0.0.1:1'),
    dotenv: '# a comment\nexport API_ACCESS_KEY="gate one"\nPORT=1\nFACTORY_API_KEY=\n',
  });
  try {
    const ask = (key) => gateway.call(modelRequest('chat', { headers: { authorization: `Bearer ${key}` } }));
    assert.equal((await ask('wrong')).status, 401);
    assert.equal((await ask('gate one')).status, 503); // let in; an empty FACTORY_API_KEY is none
  } finally {
    await gateway.stop();
  }
});

test('logs', async (t) => {
  const marks = { production: true, development: false };
  for (const [NODE_ENV, hasFile] of Object.entries(marks)) {
    await t.test(NODE_ENV, async () => {
      const logged = await Stack.start({ env: { NODE_ENV, FACTORY_API_KEY: 'level-one' } });
      try {
        await logged.gateway.call(modelRequest('anthropic', { headers: { 'x-request-id': 'trace-me' } }));
        await waitFor('a log line', () => logged.gateway.said.includes(hasFile ? 'trace-me' : '/v1/messages'));
        const files = logged.gateway.logFiles();
        assert.equal(files.length, hasFile ? 1 : 0);
        if (hasFile) {
          assert.match(basename(files[0]), /^droid2api_\d{4}-\d{2}-\d{2}\.log$/);
          assert.match(readFileSync(files[0], 'utf8'), /\/v1\/messages/);
        }
      } finally {
        await logged.stop();
      }
    });
  }
  await t.test('LOG_FORMAT=json is one object a line', async () => {
    const logged = await Stack.start({ env: { LOG_FORMAT: 'json', FACTORY_API_KEY: 'level-one' } });
    let text;
    try {
      await logged.gateway.call(modelRequest('chat', { model: 'unknown "\n' }));
      await logged.gateway.call(modelRequest('chat'));
      await logged.gateway.program.stop();
      text = logged.gateway.program.stdout + logged.gateway.program.stderr;
    } finally {
      await logged.stop();
    }
    const lines = text.trimEnd().split('\n');
    assert.ok(lines.length >= 2);
    lines.forEach((line) => assert.equal(typeof JSON.parse(line), 'object', line));
  });
});

test('SIGHUP', async (t) => {
  const reloaded = await Stack.start({ env: { FACTORY_API_KEY: 'level-one' } });
  const ids = async () => (await reloaded.gateway.call({ path: '/v1/models' })).json.data.map(({ id }) => id);
  try {
    await t.test('a good file comes into force, and running streams go on', async () => {
      const wire = await Wire.connect(reloaded.port);
      wire.send(requestBytes(modelRequest('chat', { stream: true, model: 'm-slow' })));
      await wire.response(); // 404: not yet known
      reloaded.gateway.writeConfig({
        ...reloaded.config,
        models: [...reloaded.config.models, { id: 'm-slow', type: 'common', upstream_model: 'sim~tokens=40~pace=25' }],
      });
      reloaded.gateway.program.kill('SIGHUP');
      await waitFor('the new model', async () => (await ids()).includes('m-slow'));
      const stream = await Wire.connect(reloaded.port);
      stream.send(requestBytes(modelRequest('chat', { stream: true, model: 'm-slow' })));
      const response = await stream.head();
      const events = stream.events(response);
      await events.next();
      reloaded.gateway.writeConfig(reloaded.config);
      reloaded.gateway.program.kill('SIGHUP');
      await waitFor('the old models', async () => !(await ids()).includes('m-slow'));
      const rest = [];
      for await (const event of events) {
        rest.push(event);
      }
      assert.ok(response.isComplete && hasEnd('chat', rest));
    });
    await t.test('a bad file changes nothing, and says why', async () => {
      reloaded.gateway.writeConfig('{"models": [');
      reloaded.gateway.program.kill('SIGHUP');
      await waitFor('word of the bad file', () => /config\.json/.test(reloaded.gateway.said));
      assert.ok((await ids()).includes('m-chat'));
      assert.equal((await reloaded.gateway.call(modelRequest('chat'))).status, 200);
    });
  } finally {
    await reloaded.stop();
  }
});

test('shutdown', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    await t.test(`${signal} drains a running stream`, async () => {
      const draining = await Stack.start();
      try {
        const idle = await Wire.connect(draining.port);
        idle.send(requestBytes({ path: '/health', close: false }));
        await idle.response();
        const wire = await Wire.connect(draining.port);
        wire.send(requestBytes(modelRequest('anthropic', { key: uniqueKey('tokens=30~pace=40'), stream: true, close: false })));
        const response = await wire.head();
        const events = wire.events(response);
        await events.next();
        draining.gateway.program.kill(signal);
        await idle.waitEnd({ limitMs: 1_000 }); // idle connections go at once
        const refused = await draining.gateway.call({ path: '/ready' }).catch((error) => error);
        assert.ok(refused instanceof Error || refused.status === 503);
        const rest = [];
        for await (const event of events) {
          rest.push(event);
        }
        assert.ok(response.isComplete && hasEnd('anthropic', rest));
        const exit = await draining.gateway.program.waitEnd(5_000);
        assert.equal(exit.code, 0);
      } finally {
        await draining.stop();
      }
    });
  }
  await t.test('a stream that outlasts SHUTDOWN_GRACE_MS is broken off', async () => {
    const draining = await Stack.start({ env: { SHUTDOWN_GRACE_MS: '300' } });
    try {
      const wire = await Wire.connect(draining.port);
      wire.send(requestBytes(modelRequest('chat', { key: uniqueKey('tokens=50~hang=2'), stream: true })));
      const response = await wire.head();
      const events = wire.events(response);
      await events.next();
      draining.gateway.program.kill('SIGTERM');
      for await (const _ of events);
      assert.equal(response.isComplete, false);
      assert.equal((await draining.gateway.program.waitEnd(5_000)).code, 0);
    } finally {
      await draining.stop();
    }
  });
  await t.test('with nothing to do it takes no time', async () => {
    const gateway = await Gateway.start({ config: simulatorConfig('http://127.0.0.1:1') });
    await gateway.stop({ limitMs: 5_000 });
  });
});

// SPDX-License-Identifier: MIT
// The sixteen scenarios of failover in four dialects, as they are by default and with whole answers held back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stack, dialectNames } from './kit/kit.mjs';
import { playScenario, scenarioConfig, scenarios } from './kit/scenarios.mjs';

const times = {
  KEY_POOL_RETRY_DELAY_MS: '50',
  UPSTREAM_HEADER_TIMEOUT_MS: '1000',
  UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: '1000',
  UPSTREAM_IDLE_TIMEOUT_MS: '1000',
};

// What nobody can rescue once content has been released.
const safe = ['S08', 'S09', 'S14'];

async function withScenarios(env, chosen, options, run) {
  const stack = await Stack.start({
    config: (simulator) => scenarioConfig(simulator.url, chosen, options), env: { ...times, ...env },
  });
  try {
    await run(stack);
  } finally {
    await stack.stop();
  }
}

function printTable(title, rows) {
  const lines = rows.map(({ scenario, grades }) =>
    `${scenario.id} ${scenario.title.padEnd(38)} ${dialectNames.map((name) => grades[name].grade.padEnd(9)).join(' ')}`);
  console.log([title, `${''.padEnd(42)} ${dialectNames.map((name) => name.padEnd(9)).join(' ')}`, ...lines].join('\n'));
}

async function playAll(t, stack, chosen, expectedOf, title) {
  const rows = [];
  for (const scenario of chosen) {
    await t.test(`${scenario.id} ${scenario.title}`, async () => {
      const results = await Promise.all(dialectNames.map((name) => playScenario(stack, scenario, name)));
      const grades = Object.fromEntries(dialectNames.map((name, i) => [name, results[i]]));
      rows.push({ scenario, grades });
      for (const [name, { grade, why }] of Object.entries(grades)) {
        assert.equal(grade, expectedOf(scenario), `${scenario.id} ${name}: ${why.filter(Boolean).join('; ')}`);
      }
    });
  }
  printTable(title, rows);
}

test('by default', async (t) => {
  await withScenarios({}, scenarios, {}, (stack) =>
    playAll(t, stack, scenarios, ({ id }) => (safe.includes(id) ? 'safe' : 'pass'), 'by default'));
});

test('whole answers held back', async (t) => {
  await withScenarios({ STREAM_HOLD_BACK_MS: '-1' }, scenarios, {}, (stack) =>
    playAll(t, stack, scenarios, () => 'pass', 'whole answers held back'));
});

// The fallback of each model speaks another dialect, so its answer is translated.
test('fallbacks of another dialect', async (t) => {
  const chosen = scenarios.filter(({ id }) => ['S04', 'S06', 'S08', 'S12', 'S16'].includes(id));
  const backupDialects = (dialect) => dialectNames[(dialectNames.indexOf(dialect) + 1) % dialectNames.length];
  await withScenarios({ STREAM_HOLD_BACK_MS: '-1' }, chosen, { backupDialects }, (stack) =>
    playAll(t, stack, chosen, () => 'pass', 'fallbacks of another dialect'));
});

// SPDX-License-Identifier: MIT
// Coding agents on models of foreign providers: each asks, runs one of its own tools because the model wants it, tells
// what came of it, and shows the last words. Skipped where an agent cannot be installed (AGENTS=off, or no registry).
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { installAgent, makeHome, runAgent } from './kit/agents.mjs';
import { simulatorConfig, Stack, uniqueKey } from './kit/kit.mjs';

const upstreamIds = {
  'm-claude': 'claude-opus-4-6', 'm-gpt': 'gpt-5.2', 'm-chat': 'deepseek-reasoner', 'm-gemini': 'gemini-3-pro-preview',
};

let stack;
before(async () => {
  stack = await Stack.start({
    config: (simulator) => {
      const { models } = simulatorConfig(simulator.url);
      return { models: models.map((model) => ({ ...model, upstream_model: upstreamIds[model.id] })) };
    },
  });
});
after(() => stack?.stop());

// The credential tells the simulator to be strict, to think, and to call this tool.
const keyFor = (tool, args) =>
  uniqueKey(`strict=1~thoughts=6~tokens=4~tool=${tool}~args=${encodeURIComponent(JSON.stringify(args))}`);
const lastWords = 'A gateway stands ';
const command = 'printf "made by a tool" > made.txt';

async function assertDone(key, { code, stdout, stderr }, work) {
  const seen = await stack.simulator.requests({ key });
  const said = `${stdout}\n${stderr}\n${JSON.stringify(seen.map(({ target, sent_bytes: n }) => [target, n]))}\n`
    + stack.gateway.said.slice(-3000);
  assert.equal(code, 0, said);
  assert.ok(stdout.includes(lastWords), said);
  assert.ok(existsSync(join(work, 'made.txt')), said);
  assert.equal(readFileSync(join(work, 'made.txt'), 'utf8'), 'made by a tool');
  assert.equal(seen.length, 2, `asked more often than twice: retries?\n${said}`);
}

test('Claude Code', async (t) => {
  const { bin, missing } = await installAgent('claude-code');
  for (const model of ['m-gpt', 'm-gemini', 'm-chat', 'm-claude']) {
    await t.test(model, { skip: missing }, async () => {
      const key = keyFor('Bash', { command, description: 'Makes a file' });
      const place = makeHome();
      try {
        const run = await runAgent(bin, ['-p', 'Make the file.', '--allowedTools', 'Bash', '--output-format', 'json'], {
          ...place,
          env: {
            ANTHROPIC_BASE_URL: stack.url,
            ANTHROPIC_AUTH_TOKEN: key,
            ...Object.fromEntries(['ANTHROPIC_MODEL', 'ANTHROPIC_SMALL_FAST_MODEL', 'ANTHROPIC_DEFAULT_HAIKU_MODEL',
              'ANTHROPIC_DEFAULT_SONNET_MODEL', 'ANTHROPIC_DEFAULT_OPUS_MODEL'].map((name) => [name, model])),
            CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
            DISABLE_AUTOUPDATER: '1',
            DISABLE_TELEMETRY: '1',
            DISABLE_ERROR_REPORTING: '1',
          },
        });
        await assertDone(key, run, place.work);
        const result = JSON.parse(run.stdout);
        assert.deepEqual([result.is_error, result.subtype, result.num_turns], [false, 'success', 2]);
        const [usage] = Object.values(result.modelUsage);
        assert.ok(usage.inputTokens > 1000 && usage.outputTokens > 0, JSON.stringify(usage));
      } finally {
        place.remove();
      }
    });
  }
});

const codexConfig = (model) => `
model = "${model}"
model_provider = "gateway"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.gateway]
name = "gateway"
base_url = "${stack.url}/v1"
env_key = "GATEWAY_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
`;

test('Codex', async (t) => {
  const { bin, missing } = await installAgent('codex');
  for (const model of ['m-claude', 'm-gemini', 'm-chat', 'm-gpt']) {
    await t.test(model, { skip: missing }, async () => {
      const key = keyFor('exec_command', { cmd: command });
      const place = makeHome();
      const codexHome = join(place.home, '.codex');
      mkdirSync(codexHome);
      writeFileSync(join(codexHome, 'config.toml'), codexConfig(model));
      try {
        const args = ['exec', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', 'Make the file.'];
        const run = await runAgent(bin, args, { ...place, env: { CODEX_HOME: codexHome, GATEWAY_KEY: key } });
        await assertDone(key, run, place.work);
      } finally {
        place.remove();
      }
    });
  }
});

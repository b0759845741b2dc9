// SPDX-License-Identifier: MIT
// The gateway beside nginx, in one run; see README.md. Started by ../bench.sh.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { conditions, table } from './report.mjs';
import { Bench } from './rounds.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { startSimulator, stopAll } from './servers.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

const HELP = `usage: ./bench.sh [--quick] [--dialect chat|messages|responses] [SCENARIO…]
scenarios: ${Object.keys(SCENARIOS).join(', ')}
Without a scenario and without --quick the table is also written to bench/RESULTS.md.`;

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      dialect: { type: 'string', default: 'chat' },
      build: { type: 'string', default: join(root, 'build') },
    },
  });
  const unknown = positionals.filter((name) => SCENARIOS[name] === undefined);
  if (values.help || unknown.length > 0) {
    console.log(unknown.length > 0 ? `unknown scenario ${unknown.join(', ')}\n${HELP}` : HELP);
    process.exit(values.help ? 0 : 2);
  }
  const isWhole = positionals.length === 0;
  return { ...values, isWhole, names: isWhole ? Object.keys(SCENARIOS) : positionals };
}

function programsIn(build) {
  const at = (name) => resolve(build, name);
  return {
    gateway: at('droid2api'),
    simulator: at('droid2api-simulator'),
    load: at('bench/bench-load'),
    json: at('src/json/json_bench'),
    translation: at('src/dialect/translation_bench'),
    keys: at('src/keys/keys_bench'),
  };
}

const RESULTS_HEAD = `# Benchmark

Written by \`./bench.sh\`; how it measures is in [README.md](README.md). The ratio is droid2api's figure over nginx's from
the same run. droid2api runs with everything on: access key, upstream credential, metering, metrics, access log; nginx only
passes through and writes no log.
`;

function writeResults(lines, text) {
  const list = lines.map((line) => `- ${line}`).join('\n');
  writeFileSync(new URL('RESULTS.md', import.meta.url), `${RESULTS_HEAD}\n${list}\n\n${text}\n`);
}

async function main() {
  const { names, isWhole, quick, dialect, build } = readArguments();
  const programs = programsIn(build);
  const dir = mkdtempSync(join(tmpdir(), 'droid2api-bench-'));
  const leave = async (status) => {
    await stopAll();
    rmSync(dir, { recursive: true, force: true });
    process.exit(status);
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => leave(130));
  let status = 0;
  try {
    const lines = conditions(execFileSync(programs.gateway, ['--version']).toString().trim());
    const descriptors = Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'latin1'))[1]);
    const simulator = await startSimulator(programs, join(dir, 'simulator'));
    const bench = new Bench({ programs, dir, simulator, descriptors, isQuick: quick, dialect });
    const rows = [];
    for (const name of names) {
      console.error(`${name} …`);
      try {
        rows.push(...(await SCENARIOS[name](bench)));
      } catch (error) {
        console.error(`${name}: ${error.message}`);
        rows.push({ scenario: name, figure: `FAILED: ${error.message.split('\n')[0]}` });
        status = 1;
      }
    }
    console.log(`${lines.join('\n')}\n\n${table(rows)}`);
    if (isWhole && !quick && status === 0) writeResults(lines, table(rows));
  } catch (error) {
    console.error(error);
    status = 1;
  }
  await leave(status);
}

await main();

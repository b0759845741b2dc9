// SPDX-License-Identifier: MIT
// A real Prometheus with the configuration and the alerts of deploy/, and its promtool.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program } from './program.mjs';
import { freePort } from './stack.mjs';
import { waitFor } from './wait.mjs';

export const deployFolder = fileURLToPath(new URL('../../../deploy', import.meta.url));

function find(name) {
  const path = process.env.PATH.split(':').map((folder) => join(folder, name)).find(existsSync);
  assert.ok(path, `${name} is missing; Debian's package prometheus has it`);
  return path;
}

// What it has to say; it must be content.
export function promtool(args, input = '') {
  const { status, stdout, stderr } = spawnSync(find('promtool'), args, { input, encoding: 'utf8', timeout: 60_000 });
  assert.equal(status, 0, `promtool ${args.join(' ')}: ${stdout}${stderr}`);
  assert.ok(!/error|warn/i.test(stderr), stderr);
  return stdout;
}

export class Prometheus {
  // Scrapes `port` with the configuration of deploy/, but more often.
  static async start(port) {
    const prometheus = new Prometheus();
    prometheus.directory = mkdtempSync(join(tmpdir(), 'droid2api-prometheus-'));
    const given = readFileSync(join(deployFolder, 'prometheus', 'prometheus.yml'), 'utf8');
    assert.match(given, /localhost:3000/);
    const config = given.replaceAll(/_interval: 15s/g, '_interval: 1s').replace('localhost:3000', `127.0.0.1:${port}`);
    writeFileSync(join(prometheus.directory, 'prometheus.yml'), config);
    writeFileSync(join(prometheus.directory, 'alerts.yml'), readFileSync(join(deployFolder, 'prometheus', 'alerts.yml')));
    prometheus.target = `127.0.0.1:${port}`;
    prometheus.address = `127.0.0.1:${await freePort()}`;
    prometheus.program = new Program(find('prometheus'), [
      '--config.file=prometheus.yml', `--storage.tsdb.path=${join(prometheus.directory, 'tsdb')}`,
      `--web.listen-address=${prometheus.address}`, '--log.level=warn',
    ], { cwd: prometheus.directory });
    try {
      await prometheus.program.waitReady('Prometheus', async () => (await fetch(`http://${prometheus.address}/-/ready`)).ok);
    } catch (error) {
      await prometheus.stop();
      throw error;
    }
    return prometheus;
  }

  async api(path, parameters = {}) {
    const response = await fetch(`http://${this.address}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const { status, data, error } = await response.json();
    assert.equal(status, 'success', `${path} ${JSON.stringify(parameters)}: ${error}`);
    return data;
  }

  // [{metric: labels, value}]
  async query(expression) {
    const { result } = await this.api('query', { query: expression });
    return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  // The one value of an expression; undefined when there is none.
  async value(expression) {
    const result = await this.query(expression);
    assert.ok(result.length <= 1, `${expression} has ${result.length} values`);
    return result[0]?.value;
  }

  // Waits until a scrape shows what must become true.
  async waitValue(expression, expected) {
    let value;
    try {
      await waitFor(`${expression} == ${expected}`, async () => (value = await this.value(expression)) === expected,
        { limitMs: 20_000, everyMs: 100 });
    } catch (error) {
      throw new Error(`${error.message}; it is ${value}`, { cause: error });
    }
  }

  async stop() {
    try {
      await this.program.stop();
    } finally {
      rmSync(this.directory, { recursive: true, force: true });
    }
  }
}

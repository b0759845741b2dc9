// SPDX-License-Identifier: MIT
// Programs under test: started in their own directory, stopped by their pid, and judged by how they end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { waitFor, within } from './wait.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const sanitizerReport = /ERROR: \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer/;
const sanitizerOptions = {
  ASAN_OPTIONS: 'detect_leaks=1:halt_on_error=1:exitcode=86',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1:exitcode=86',
};

// The sanitized programs find bugs; the release programs are for tests of memory and speed.
export const programs = {
  gateway: process.env.DROID2API_BIN ?? `${root}build-asan/droid2api`,
  simulator: process.env.SIMULATOR_BIN ?? `${root}build-asan/droid2api-simulator`,
  releaseGateway: process.env.DROID2API_RELEASE_BIN ?? `${root}build/droid2api`,
  releaseSimulator: process.env.SIMULATOR_RELEASE_BIN ?? `${root}build/droid2api-simulator`,
};

const running = new Set();
process.on('exit', () => running.forEach((program) => program.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => process.exit(1));
}

export class Program {
  // Nothing of the caller's environment reaches the program but the search path. `input` is what it reads from standard
  // input; without it there is none. `stdout` is a file that takes its output.
  constructor(bin, args, { cwd, env = {}, input, stdout }) {
    if (!existsSync(bin)) {
      throw new Error(`${bin} is missing: build it first (./test.sh does)`);
    }
    this.bin = bin;
    this.stdout = '';
    this.stderr = '';
    this.exit = null;
    const out = stdout === undefined ? 'pipe' : openSync(stdout, 'w');
    this.child = spawn(bin, args, {
      cwd,
      env: { PATH: process.env.PATH, HOME: cwd, ...sanitizerOptions, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', out, 'pipe'],
    });
    if (stdout !== undefined) {
      closeSync(out);
    }
    this.child.stdin?.on('error', () => {}).end(input); // who does not read it all says so by how it ends
    this.child.stdout?.setEncoding('utf8').on('data', (text) => (this.stdout += text));
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.stderr += text));
    running.add(this);
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      running.delete(this);
      this.exit = { code, signal };
      return this.exit;
    });
  }

  get pid() {
    return this.child.pid;
  }

  get output() {
    return `--- ${this.bin}: stdout\n${this.stdout.slice(-8000)}\n--- stderr\n${this.stderr.slice(-8000)}`;
  }

  kill(signal) {
    if (this.exit === null) {
      this.child.kill(signal);
    }
  }

  // Waits until `ready()` is truthy; a program that ends before that is an error.
  async waitReady(what, ready, limitMs = 30_000) {
    return waitFor(what, async () => {
      if (this.exit !== null) {
        throw new Error(`ended with ${JSON.stringify(this.exit)} before ${what}\n${this.output}`);
      }
      return ready();
    }, { limitMs, fatal: () => this.exit !== null });
  }

  async waitEnd(limitMs = 20_000) {
    try {
      return await within(limitMs, `end of ${this.bin}`, this.ended);
    } catch (error) {
      this.kill('SIGKILL');
      await this.ended;
      throw new Error(`${error.message}\n${this.output}`);
    }
  }

  // As if the machine had stopped: nothing can be done about it, and nothing is judged.
  async crash() {
    this.kill('SIGKILL');
    await this.ended;
  }

  // A program must end by itself when told to, with 0, and without a word from a sanitizer.
  async stop({ signal = 'SIGTERM', limitMs = 20_000 } = {}) {
    this.kill(signal);
    await this.waitEnd(limitMs);
    this.assertCleanEnd();
  }

  assertCleanEnd(expectedCode = 0) {
    if (sanitizerReport.test(this.stderr) || sanitizerReport.test(this.stdout)) {
      throw new Error(`a sanitizer reports an error\n${this.output}`);
    }
    if (this.exit.code !== expectedCode) {
      throw new Error(`ended with ${JSON.stringify(this.exit)} instead of ${expectedCode}\n${this.output}`);
    }
  }
}

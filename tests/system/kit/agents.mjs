// SPDX-License-Identifier: MIT
// Coding agents as their users run them: installed from npm into a cache outside of the tree, started in a throw-away
// home that knows nothing but the gateway's address.
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const target = `${process.platform}-${process.arch}`;
const cache = process.env.AGENTS_CACHE ?? join(tmpdir(), 'droid2api-agents');
const installLimitMs = 240_000;

// Their programs are in packages of their own for each platform, which npm chooses.
const agents = {
  'claude-code': {
    version: '2.1.330',
    spec: '@anthropic-ai/claude-code',
    bin: [`@anthropic-ai/claude-code-${target}/claude`],
  },
  codex: {
    version: '0.169.0',
    spec: '@openai/codex',
    bin: ['x86_64-unknown-linux-musl', 'aarch64-unknown-linux-musl', 'aarch64-apple-darwin', 'x86_64-apple-darwin']
      .map((triple) => `@openai/codex-${target}/vendor/${triple}/bin/codex`),
  },
};

const findBin = (home, { bin }) => bin.map((path) => join(home, 'node_modules', path)).find(existsSync);

// { bin } or { missing: why }. AGENTS=off installs nothing, and so skips what is not there yet.
export async function installAgent(name) {
  const agent = agents[name];
  const home = join(cache, `${name}-${agent.version}`);
  let bin = findBin(home, agent);
  if (bin || process.env.AGENTS === 'off') {
    return bin ? { bin } : { missing: `${name} ${agent.version} is not installed, and AGENTS=off` };
  }
  mkdirSync(cache, { recursive: true });
  const staging = mkdtempSync(join(cache, 'installing-'));
  try {
    writeFileSync(join(staging, 'package.json'), '{"private":true}');
    await promisify(execFile)('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', staging,
      `${agent.spec}@${agent.version}`], { timeout: installLimitMs, killSignal: 'SIGKILL' });
    if (!existsSync(home)) {
      renameSync(staging, home);
    }
  } catch (error) {
    return { missing: `${name} ${agent.version} cannot be installed: ${error.message.split('\n').slice(0, 3).join(' ')}` };
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  bin = findBin(home, agent);
  return bin ? { bin } : { missing: `${name} ${agent.version} has no program for ${target}` };
}

// A home and a folder to work in.
export function makeHome() {
  const home = mkdtempSync(join(tmpdir(), 'droid2api-home-'));
  const work = join(home, 'work');
  mkdirSync(work);
  return { home, work, remove: () => rmSync(home, { recursive: true, force: true, maxRetries: 5 }) };
}

// Runs until the end: { code, stdout, stderr }. Nothing of the caller's environment is passed on but the search path.
export async function runAgent(bin, args, { home, work, env, limitMs = 90_000 }) {
  const child = spawn(bin, args, {
    cwd: work,
    env: { PATH: process.env.PATH, HOME: home, TERM: 'dumb', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(status ?? signal));
  });
  return { code, stdout, stderr };
}

// SPDX-License-Identifier: MIT
// Starts and stops the three servers (simulator, nginx, gateway) and reads from /proc what they cost.
import { spawn, execFileSync } from 'node:child_process';
import { mkdirSync, openSync, closeSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const CLOCK_TICKS = Number(execFileSync('getconf', ['CLK_TCK']));

// The cores that this process may use.
const CORES = /Cpus_allowed_list:\s+(\S+)/
  .exec(readFileSync('/proc/self/status', 'latin1'))[1]
  .split(',')
  .flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
const [FIRST, SECOND = FIRST, THIRD = SECOND] = CORES;

export const ACCESS_KEY = 'access-one';

// Which core runs what. Where one request is in flight at a time, all share one core: then nothing waits for another
// core to wake up, which in a virtual machine costs more than all that is to be measured.
export const LAYOUT = {
  shared: { gateway: SECOND, load: SECOND },
  apart: { gateway: FIRST, load: THIRD },
};
const SIMULATOR_CORE = SECOND;

const started = new Set();

export function pinned(core, command) {
  return ['taskset', '-c', String(core), ...command];
}

function start(command, options) {
  const child = spawn(command[0], command.slice(1), options);
  started.add(child);
  child.once('exit', () => started.delete(child));
  return child;
}

export async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10000);
  await ended;
  clearTimeout(timer);
}

export async function stopAll() {
  await Promise.all([...started].map(stop));
}

function childrenOf(pid) {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

function familyOf(pid) {
  return [pid, ...childrenOf(pid).flatMap(familyOf)];
}

function cpuNanosecondsOf(pid) {
  let sum = 0;
  try {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0]);
    }
    return sum;
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /, '').split(' ');
    return ((Number(fields[11]) + Number(fields[12])) * 1e9) / CLOCK_TICKS;
  }
}

function residentBytesOf(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) * 1024;
}

class Server {
  constructor(name, child, urls) {
    this.name = name;
    this.child = child;
    this.urls = urls; // of whole answers and of streams
  }

  cpuNanoseconds() {
    return familyOf(this.child.pid).reduce((sum, pid) => sum + cpuNanosecondsOf(pid), 0);
  }

  residentBytes() {
    return familyOf(this.child.pid).reduce((sum, pid) => sum + residentBytesOf(pid), 0);
  }

  async stop() {
    await stop(this.child);
  }
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function waitUntilAnswering(name, child, url, logPath) {
  for (let i = 0; i < 500; i++) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    try {
      const answer = await fetch(url, { headers: { authorization: `Bearer ${ACCESS_KEY}`, connection: 'close' } });
      await answer.arrayBuffer();
      if (answer.status === 200) return;
    } catch {
      // not listening yet
    }
    await sleep(20);
  }
  throw new Error(`${name} does not answer:\n${readFileSync(logPath, 'utf8').slice(-2000)}`);
}

async function startServer(name, command, core, options, ports) {
  const logPath = join(options.cwd, 'console.log');
  const log = openSync(logPath, 'a');
  const child = start(pinned(core, command), { ...options, stdio: ['ignore', log, log] });
  closeSync(log);
  const [whole, streamed] = ports.map((port) => `http://127.0.0.1:${port}`);
  await waitUntilAnswering(name, child, `${whole}/v1/models`, logPath);
  return new Server(name, child, { whole, streamed: streamed ?? whole });
}

export async function startSimulator(programs, dir) {
  mkdirSync(dir, { recursive: true });
  const port = await freePort();
  const command = [programs.simulator, '--port', String(port), '--quiet', '--no-record'];
  const server = await startServer('simulator', command, SIMULATOR_CORE, { cwd: dir }, [port]);
  server.port = port;
  return server;
}

export async function prepareNginx(dir, upstreamPort, descriptors) {
  mkdirSync(dir, { recursive: true });
  const ports = [await freePort(), await freePort()];
  const values = {
    USER: process.getuid() === 0 ? 'user root;' : '',
    DIR: dir,
    DESCRIPTORS: descriptors,
    CONNECTIONS: 32768,
    UPSTREAM: upstreamPort,
    WHOLE: ports[0],
    STREAMED: ports[1],
  };
  const template = readFileSync(new URL('nginx.conf', import.meta.url), 'utf8');
  const path = join(dir, 'nginx.conf');
  writeFileSync(path, template.replace(/@([A-Z]+)@/g, (_, name) => values[name]));
  return { command: ['nginx', '-p', dir, '-e', join(dir, 'error.log'), '-c', path], options: { cwd: dir }, ports };
}

// Of a provider that is not asked for balances: nothing else than the requests may be measured.
function writeKeys(folder, n) {
  const keys = Array.from({ length: n }, (_, i) => ({
    id: `key_1700000000000_${String(i).padStart(9, '0')}`,
    key: `sk-bench-key-of-a-usual-length-${String(i).padStart(8, '0')}`,
    status: 'active',
    poolGroup: 'default',
    notes: `key ${i}`,
    created_at: '2026-01-02T03:04:05.678Z',
  }));
  writeFileSync(join(folder, 'key_pool.json'), JSON.stringify({ keys, poolGroups: [], config: {}, stats: {} }), { mode: 0o600 });
}

// As in production: access key, an upstream credential, log file and metrics are all on. With `keys` the credential is
// one of a pool of so many.
export async function prepareGateway(programs, dir, upstreamPort, models, keys = 0) {
  mkdirSync(join(dir, 'data'), { recursive: true });
  const port = await freePort();
  const origin = `http://127.0.0.1:${upstreamPort}`;
  const config = {
    endpoint: [
      { name: 'chat', type: 'common', base_url: `${origin}/v1/chat/completions` },
      { name: 'messages', type: 'anthropic', base_url: `${origin}/v1/messages` },
      { name: 'responses', type: 'openai', base_url: `${origin}/v1/responses` },
      { name: 'gemini', type: 'google', base_url: `${origin}/v1beta` },
    ],
    models,
  };
  writeFileSync(join(dir, 'data', 'config.json'), JSON.stringify(config, null, 2), { mode: 0o600 });
  const env = {
    PATH: process.env.PATH,
    HOST: '127.0.0.1',
    PORT: String(port),
    NODE_ENV: 'production',
    DATA_DIR: join(dir, 'data'),
    LOG_DIR: join(dir, 'logs'),
    API_ACCESS_KEY: ACCESS_KEY,
    ...(keys === 0 ? { FACTORY_API_KEY: 'key-one' } : {}),
  };
  if (keys > 0) writeKeys(join(dir, 'data'), keys);
  return { command: [programs.gateway], options: { cwd: dir, env }, ports: [port] };
}

export async function startPrepared(name, prepared, core) {
  return startServer(name, prepared.command, core, prepared.options, prepared.ports);
}

// SPDX-License-Identifier: MIT
// A simulator and a gateway in front of it, in a directory of their own that goes with them.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Program, programs } from './program.mjs';
import { waitFor } from './wait.mjs';
import { call } from './wire.mjs';

export async function freePort(host = '127.0.0.1') {
  const server = net.createServer();
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, host, resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Simulator {
  static async start({ release = false, host = '127.0.0.1', args = [] } = {}) {
    const directory = mkdtempSync(join(tmpdir(), 'droid2api-simulator-'));
    const simulator = new Simulator(directory, { release, host, args });
    await simulator.up();
    return simulator;
  }

  constructor(directory, options) {
    this.directory = directory;
    this.host = options.host;
    this.options = options;
  }

  // On a free port; after down() on the one that it had.
  async up() {
    const { release, host, args } = this.options;
    const bin = release ? programs.releaseSimulator : programs.simulator;
    const program = new Program(bin, ['--host', host, '--port', String(this.port ?? 0), ...args], { cwd: this.directory });
    const line = await program.waitReady('its first line', () => /^listening on (.*):(\d+)\n/.exec(program.stdout));
    this.program = program;
    this.port = Number(line[2]);
    this.url = `http://${host.includes(':') ? `[${host}]` : host}:${this.port}`;
  }

  // From now on its port refuses connections. What it knows of requests is lost.
  async down() {
    await this.program.stop();
  }

  async #get(path) {
    return call(this.port, { path }, { host: this.host });
  }

  async stats() {
    return (await this.#get('/_sim/stats')).json;
  }

  // What each credential got: {credential: {requests, served, tokens}}.
  async keys() {
    return (await this.#get('/_sim/keys')).json;
  }

  // What the token endpoint was asked for: {family: {calls, granted}}.
  async tokens() {
    return (await this.#get('/_sim/tokens')).json;
  }

  async forget() {
    await call(this.port, { method: 'DELETE', path: '/_sim/requests' }, { host: this.host });
  }

  // What has arrived, newest first; `key` narrows it to the requests with exactly this credential.
  async requests({ key, limit = 1000 } = {}) {
    const all = (await this.#get(`/_sim/requests?limit=${limit}`)).json;
    return key === undefined ? all : all.filter((request) => request.key === key);
  }

  async waitRequest(key, condition = () => true, options) {
    return waitFor(`request with key ${key}`, async () => (await this.requests({ key })).find(condition), options);
  }

  // The raw body of the one request that came with `key`.
  async bodyOf(key) {
    const requests = await this.requests({ key });
    if (requests.length !== 1) {
      throw new Error(`${requests.length} requests with key ${key}`);
    }
    return this.bodyWith(requests[0].id);
  }

  // The raw body of the request with that id.
  async bodyWith(id) {
    return (await this.#get(`/_sim/requests/${id}/body`)).body;
  }

  // The bodies of all requests that came with `key`, oldest first, as JSON.
  async bodiesOf(key) {
    const requests = (await this.requests({ key })).reverse();
    return Promise.all(requests.map(async ({ id }) => (await this.#get(`/_sim/requests/${id}/body`)).json));
  }

  async stop() {
    try {
      await this.program.stop();
    } finally {
      rmSync(this.directory, { recursive: true, force: true });
    }
  }
}

// Endpoints for all four dialects at `url`, and one model for each.
export function simulatorConfig(url) {
  return {
    models: [
      { id: 'm-claude', name: 'Claude', type: 'anthropic', reasoning: 'auto' },
      { id: 'm-gpt', name: 'GPT', type: 'openai', reasoning: 'auto' },
      { id: 'm-chat', name: 'Chat', type: 'common', reasoning: 'auto' },
      { id: 'm-gemini', name: 'Gemini', type: 'google', reasoning: 'auto' },
    ],
    endpoint: [
      { name: 'anthropic', type: 'anthropic', base_url: `${url}/api/llm/a/v1/messages` },
      { name: 'openai', type: 'openai', base_url: `${url}/api/llm/o/v1/responses` },
      { name: 'common', type: 'common', base_url: `${url}/api/llm/o/v1/chat/completions` },
      { name: 'google', type: 'google', base_url: url },
    ],
  };
}

export class Gateway {
  // `config` is the whole of config.json (undefined: none); `env` its environment; `files` more files of its directory,
  // by their path; `wrap` makes the command line of the program another one.
  static async start({ config, files = {}, dotenv, waitReady = true, host = '127.0.0.1', ...launch }) {
    const directory = mkdtempSync(join(tmpdir(), 'droid2api-gateway-'));
    const gateway = new Gateway(directory, host);
    gateway.writeConfig(config);
    gateway.write({ ...(dotenv !== undefined && { '.env': dotenv }), ...files });
    try {
      await gateway.launch({ ...launch, waitReady });
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
    return gateway;
  }

  // Starts the program in its directory. What is not said is as it was the last time.
  async launch(options = {}) {
    this.options = { env: {}, release: false, args: [], waitReady: true, wrap: (command) => command, ...this.options, ...options };
    const { env, release, args, waitReady, wrap } = this.options;
    const bin = release ? programs.releaseGateway : programs.gateway;
    for (let attempt = 1; ; attempt++) {
      this.port = await freePort(this.host);
      this.url = `http://${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
      const [command, ...rest] = wrap([bin, ...args]);
      const program = new Program(command, rest, {
        cwd: this.directory,
        env: { PORT: String(this.port), HOST: this.host, NODE_ENV: 'development', ...env },
      });
      this.program = program;
      if (!waitReady) {
        return;
      }
      try {
        await program.waitReady('an answer', async () => (await this.call({ path: '/health' })).status === 200);
        return;
      } catch (error) {
        // Somebody else took the port between our look and the program's bind.
        if (attempt >= 3 || !/in use|EADDRINUSE/i.test(program.stderr + program.stdout)) {
          throw error;
        }
      }
    }
  }

  // Ends it and starts it again; `crash` without giving it time to do anything.
  async restart({ crash = false, ...options } = {}) {
    if (this.program.exit === null) {
      await (crash ? this.program.crash() : this.program.stop());
    }
    await this.launch(options);
  }

  constructor(directory, host) {
    this.directory = directory;
    this.host = host;
  }

  writeConfig(config) {
    mkdirSync(join(this.directory, 'data'), { recursive: true, mode: 0o700 });
    if (config !== undefined) {
      const text = typeof config === 'string' ? config : JSON.stringify(config, null, 2);
      writeFileSync(join(this.directory, 'data', 'config.json'), text);
    }
  }

  path(...names) {
    return join(this.directory, ...names);
  }

  write(files) {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(this.path(name)), { recursive: true, mode: 0o700 });
      writeFileSync(this.path(name), typeof content === 'string' ? content : JSON.stringify(content, null, 2), { mode: 0o600 });
    }
  }

  readJson(name) {
    return JSON.parse(readFileSync(this.path(name), 'utf8'));
  }

  async call(request, options) {
    return call(this.port, request, { host: this.host, ...options });
  }

  // Resident memory in bytes.
  get rss() {
    const pages = readFileSync(`/proc/${this.program.pid}/statm`, 'utf8').split(' ')[1];
    return Number(pages) * 4096;
  }

  // CPU time so far, user and system, in ticks of 10 ms.
  get cpuTicks() {
    const fields = readFileSync(`/proc/${this.program.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return Number(fields[11]) + Number(fields[12]);
  }

  logFiles() {
    try {
      return readdirSync(join(this.directory, 'logs')).map((name) => join(this.directory, 'logs', name));
    } catch {
      return [];
    }
  }

  // Everything it has said, wherever.
  get said() {
    return [this.program.stdout, this.program.stderr, ...this.logFiles().map((path) => readFileSync(path, 'utf8'))]
      .join('\n');
  }

  async stop(options) {
    try {
      if (this.program.exit === null) {
        await this.program.stop(options);
      } else {
        this.program.assertCleanEnd();
      }
    } finally {
      rmSync(this.directory, { recursive: true, force: true });
    }
  }
}

// Both together. `config` is merged over the default configuration of the simulator's models and endpoints; it and `env`
// may be functions that make it from the simulator.
export class Stack {
  static async start({ config = {}, env, release = false, simulator: simulatorOptions, ...gatewayOptions } = {}) {
    const stack = new Stack();
    stack.simulator = await Simulator.start({ release, ...simulatorOptions });
    try {
      const extra = typeof config === 'function' ? config(stack.simulator) : config;
      stack.config = { ...simulatorConfig(stack.simulator.url), ...extra };
      const environment = typeof env === 'function' ? env(stack.simulator) : env;
      stack.gateway = await Gateway.start({ config: stack.config, env: environment, release, ...gatewayOptions });
    } catch (error) {
      await stack.simulator.stop();
      throw error;
    }
    return stack;
  }

  get url() {
    return this.gateway.url;
  }

  get port() {
    return this.gateway.port;
  }

  async stop() {
    try {
      await this.gateway.stop();
    } finally {
      await this.simulator.stop();
    }
  }
}

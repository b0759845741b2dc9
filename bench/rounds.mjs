// SPDX-License-Identifier: MIT
// One scenario, measured: fresh servers, then rounds that alternate between the sides; medians of the rounds.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { runLoad } from './load.mjs';
import { DIALECTS, dialectOfType } from './requests.mjs';
import { LAYOUT, prepareGateway, prepareNginx, startPrepared } from './servers.mjs';

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// The median of every field of the rounds' results.
function mediansOf(results) {
  return Object.fromEntries(Object.keys(results[0]).map((name) => [name, median(results.map((r) => r[name]))]));
}

function refuseErrors(side, result) {
  if (result.errors > 0 || result.lost > 0) {
    const kinds = JSON.stringify(result.error_kinds);
    throw new Error(`${side}: ${result.errors} wrong answers ${kinds}, ${result.lost} connections lost`);
  }
  return result;
}

export class Bench {
  constructor({ programs, dir, simulator, descriptors, isQuick, dialect }) {
    Object.assign(this, { programs, dir, simulator, descriptors, isQuick, dialect: DIALECTS[dialect] });
  }

  pick(full, quick) {
    return this.isQuick ? quick : full;
  }

  async load(mode, core, options, onEvent) {
    return runLoad(this.programs.load, mode, core, options, onEvent);
  }

  prepare(dir, models, type = this.dialect.type) {
    const rows = models.map((id) => ({ id, name: id, type, reasoning: 'auto' }));
    const { port } = this.simulator;
    return Promise.all([
      prepareNginx(join(dir, 'nginx'), port, this.descriptors),
      prepareGateway(this.programs, join(dir, 'gateway'), port, rows),
    ]);
  }

  // Starts both servers anew, so that no scenario inherits another one's memory. `type` is that of the gateway's model.
  async withServers(model, layout, use, type) {
    const dir = mkdtempSync(join(this.dir, 'scenario-'));
    const [preparedNginx, preparedGateway] = await this.prepare(dir, [model], type);
    const nginx = await startPrepared('nginx', preparedNginx, LAYOUT[layout].gateway);
    const gateway = await startPrepared('gateway', preparedGateway, LAYOUT[layout].gateway);
    try {
      return await use({ nginx, gateway, direct: this.simulator }, dir);
    } finally {
      await nginx.stop();
      await gateway.stop();
    }
  }

  writeBody(dir, name, dialect, model, isStream, bytes) {
    const path = join(dir, name);
    writeFileSync(path, JSON.stringify(dialect.body(model, isStream, bytes)));
    return path;
  }

  async requestsSeenUpstream() {
    const answer = await fetch(`${this.simulator.urls.whole}/_sim/stats`);
    return (await answer.json()).requests;
  }

  // Runs one load against one server; the result carries the server's CPU time. Every answer must be as long as `like`,
  // the one that came without a proxy, and every request must have reached the upstream, `attempts` times.
  async measure(side, server, mode, core, options, like, attempts = 1) {
    const shape = like === undefined ? {} : { bytes: like.bytes, ...(mode === 'sse' ? { events: like.events } : {}) };
    const seenBefore = await this.requestsSeenUpstream();
    const cpuBefore = server.cpuNanoseconds();
    const result = refuseErrors(side, await this.load(mode, core, { ...options, ...shape }));
    const cpu = (server.cpuNanoseconds() - cpuBefore) / 1000;
    const seen = (await this.requestsSeenUpstream()) - seenBefore;
    if (seen !== result.requests * attempts) throw new Error(`${side}: ${result.requests} answers to ${seen} upstream requests`);
    return { ...result, cpu: cpu / result.requests };
  }

  // Closed loop against direct, nginx and gateway in turn. Returns {direct, nginx, gateway} of medians. Where
  // `upstreamType` is another one than the client's, the gateway translates; the others pass the upstream's own dialect
  // on: the same stream from the same upstream.
  async closedLoop(options) {
    const { model, isStream = false, bytes = 200, connections = 1, requests, layout = 'apart', rounds } = options;
    const { dialect = this.dialect, upstreamType = dialect.type } = options;
    return this.withServers(model, layout, async (servers, dir) => {
      const mode = isStream ? 'sse' : 'json';
      const core = LAYOUT[layout].load;
      const passed = dialectOfType(upstreamType);
      const bodies = {
        gateway: this.writeBody(dir, 'translated.json', dialect, model, isStream, bytes),
        nginx: this.writeBody(dir, 'passed.json', passed, model, isStream, bytes),
      };
      bodies.direct = bodies.nginx;
      const optionsFor = (side) => {
        const { urls } = servers[side];
        const { path } = side === 'gateway' ? dialect : passed;
        const url = (isStream ? urls.streamed : urls.whole) + path(model, isStream);
        return { url, body: bodies[side], connections };
      };
      const likes = {};
      const run = (side, n) =>
        this.measure(side, servers[side], mode, core, { ...optionsFor(side), requests: n }, likes[side]);
      const results = { direct: [], nginx: [], gateway: [] };
      const like = (await run('direct', 1)).answer;
      for (const side of Object.keys(results)) likes[side] = like;
      if (upstreamType !== dialect.type) {
        // What is translated has another length than what came without a proxy, and always the same one.
        likes.gateway = undefined;
        likes.gateway = (await run('gateway', 1)).answer;
      }
      for (const side of Object.keys(results)) {
        await run(side, Math.max(connections, Math.ceil(requests / 10)));
      }
      for (let round = 0; round < rounds; round++) {
        const order = round % 2 === 0 ? ['direct', 'nginx', 'gateway'] : ['gateway', 'nginx', 'direct'];
        for (const side of order) {
          const r = await run(side, requests);
          results[side].push({
            cpu: r.cpu,
            perSecond: r.per_second,
            p50: r.latency.p50,
            p99: r.latency.p99,
            first50: r.first_byte.p50,
            first99: r.first_byte.p99,
          });
        }
      }
      return Object.fromEntries(Object.entries(results).map(([side, list]) => [side, mediansOf(list)]));
    }, upstreamType);
  }

  // One run of concurrent paced streams. CPU and memory are taken between the moment when all streams flow and the end
  // of the first one.
  async streamsOnce(side, server, core, options) {
    const residentBefore = server.residentBytes();
    const marks = {};
    const result = refuseErrors(
      side,
      await this.load('streams', core, options, (name, { events }) => {
        const time = process.hrtime.bigint();
        marks[name] = { events, time, cpu: server.cpuNanoseconds(), resident: server.residentBytes() };
      }),
    );
    const { all_open: from, first_end: to } = marks;
    if (from === undefined || to === undefined || to.events <= from.events) {
      throw new Error(`${side}: the streams were never all open at the same time`);
    }
    if (result.delay.n === 0) throw new Error(`${side}: no event carries its send time`);
    return {
      cpu: (to.cpu - from.cpu) / 1000 / (to.events - from.events),
      busy: ((to.cpu - from.cpu) / Number(to.time - from.time)) * 100,
      resident: to.resident,
      residentEach: (to.resident - residentBefore) / options.connections,
      delay50: result.delay.p50,
      delay99: result.delay.p99,
      delayMax: result.delay.max,
      errors: result.errors,
    };
  }

  // Servers are new in every round: the memory of streams is measured from a fresh start.
  async streams({ tokens, pace, connections, ramp, rounds }) {
    const model = `sim~tokens=${tokens}~pace=${pace}~stamp=1`;
    const results = { direct: [], nginx: [], gateway: [] };
    for (let round = 0; round < rounds; round++) {
      await this.withServers(model, 'apart', async (servers, dir) => {
        const core = LAYOUT.apart.load;
        const body = this.writeBody(dir, 'body.json', this.dialect, model, true, 200);
        for (const side of round % 2 === 0 ? ['direct', 'nginx', 'gateway'] : ['gateway', 'nginx', 'direct']) {
          const url = servers[side].urls.streamed + this.dialect.path(model, true);
          const options = { url, body, connections, ramp, stampAfter: this.dialect.stampAfter };
          results[side].push(await this.streamsOnce(side, servers[side], core, options));
        }
      });
    }
    return Object.fromEntries(Object.entries(results).map(([side, list]) => [side, mediansOf(list)]));
  }
}

// SPDX-License-Identifier: MIT
// A provider that gives recorded answers and breaks off at any byte, and a gateway before it that is asked by many.
import net from 'node:net';
import { dialectNames, dialects, modelRequest } from './dialects.mjs';
import { listen } from './listen.mjs';
import { recordedAnswers } from './recorded.mjs';
import { Gateway } from './stack.mjs';
import { parseResponse, requestBytes } from './wire.mjs';
import { waitFor } from './wait.mjs';

const paths = { anthropic: '/v1/messages', responses: '/v1/responses', chat: '/v1/chat/completions', gemini: '' };

export const framings = ['chunked', 'length', 'close'];

// ---- the provider -----------------------------------------------------------------------------------------------------

function chunksOf(body, boundaries) {
  const ends = boundaries.length > 0 ? [...boundaries.filter((at) => at < body.length), body.length] : [body.length];
  let at = 0;
  return ends.map((end) => {
    const piece = body.subarray(at, end);
    at = end;
    return piece;
  });
}

// An answer on the wire, and where byte `n` of its body is there: `at(n)`. Beyond the body the framing's own end follows.
function wireOf(answer, framing) {
  const { body, status, type } = answer;
  const coding = { chunked: 'transfer-encoding: chunked\r\n', length: `content-length: ${body.length}\r\n`, close: 'connection: close\r\n' }[framing];
  const head = Buffer.from(`HTTP/1.1 ${status} Recorded\r\ncontent-type: ${type}\r\n${coding}\r\n`);
  if (framing !== 'chunked') {
    return { bytes: Buffer.concat([head, body]), head: head.length, at: (n) => head.length + n, tail: 0 };
  }
  const parts = [head];
  const starts = []; // {from, shift}: bytes of the body from here on are so much later on the wire
  let from = 0;
  let shift = head.length;
  for (const piece of chunksOf(body, answer.boundaries)) {
    const size = Buffer.from(`${piece.length.toString(16)}\r\n`);
    shift += size.length;
    starts.push({ from, shift });
    parts.push(size, piece, Buffer.from('\r\n'));
    from += piece.length;
    shift += 2;
  }
  const end = Buffer.from('0\r\n\r\n');
  const at = (n) => n <= 0 ? head.length + n : n + (n > body.length ? starts.at(-1) : starts.findLast((chunk) => chunk.from < n)).shift;
  return { bytes: Buffer.concat([...parts, end]), head: head.length, at, tail: 2 + end.length };
}

const wires = new WeakMap();

export function wireFor(answer, framing) {
  let known = wires.get(answer);
  if (known === undefined) {
    wires.set(answer, known = {});
  }
  return known[framing] ??= wireOf(answer, framing);
}

// How many places there are to cut: offsets up to this one are less than the whole answer (with `close`, just as much).
export const lastOffset = (answer, framing) => answer.body.length + wireFor(answer, framing).tail - (framing === 'close' ? 0 : 1);

const requestEnd = Buffer.from('\r\n\r\n');

// Calls `onRequest(head)` for each request of a connection and does with the socket what it gives back:
// {bytes, end}, where `end` is 'keep', 'fin' or 'rst'.
function serveConnection(socket, onRequest) {
  let received = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.on('data', (bytes) => {
    received = received.length > 0 ? Buffer.concat([received, bytes]) : bytes;
    const headEnd = received.indexOf(requestEnd);
    if (headEnd < 0) return;
    const head = received.latin1Slice(0, headEnd);
    const total = headEnd + 4 + Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (received.length < total) return;
    received = received.subarray(total);
    const { bytes: answer, end } = onRequest(head);
    if (end === 'rst') {
      socket.write(answer, () => socket.resetAndDestroy());
    } else if (end === 'fin') {
      socket.end(answer);
    } else {
      socket.write(answer);
    }
  });
}

// ---- the gateway ------------------------------------------------------------------------------------------------------

export const clients = [...dialectNames, 'gemini-array'];
export const dialectOfClient = (client) => (client === 'gemini-array' ? 'gemini' : client);

const countPath = { anthropic: () => '/v1/messages/count_tokens', gemini: (model) => `/v1beta/models/${model}:countTokens` };

function bytesOfRequest(job, key, model) {
  const dialect = dialectOfClient(job.client);
  const request = modelRequest(dialect, { key, model, stream: job.streams, headers: { connection: 'close' } });
  if (job.client === 'gemini-array') {
    request.path = request.path.replace('?alt=sse', '');
  }
  if (job.answer.n_choices > 1 && job.client === 'chat') { // nobody gets more than he asks for
    request.body = JSON.stringify({ ...JSON.parse(request.body), n: job.answer.n_choices });
  }
  if (job.answer.kind === 'count') {
    request.path = countPath[dialect](model);
  }
  return requestBytes(request);
}

// Long enough for a machine that stands still for a while: what is looked for are answers that never end.
const endLimitMs = 60_000;

// {bytes, isEndless}: what came back, however it ended, or until nobody waits any more.
function exchangeBytes(port, bytes) {
  return new Promise((resolve) => {
    const pieces = [];
    let isEndless = false;
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    const timer = setTimeout(() => {
      isEndless = true;
      socket.destroy();
    }, endLimitMs);
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (piece) => pieces.push(piece));
    socket.on('end', () => socket.end());
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve({ bytes: Buffer.concat(pieces), isEndless });
    });
  });
}

// `response` is undefined when there is no whole head, or no end; then `problem` says so.
function readAnswer(bytes, isEndless, model) {
  const got = { bytes, response: undefined, text: '', model };
  if (isEndless) {
    return { ...got, problem: `no end within ${endLimitMs} ms` };
  }
  try {
    got.response = parseResponse(bytes);
    got.text = got.response.text;
  } catch (error) {
    got.problem = error.message;
  }
  return got;
}

// What is told of a key or an address may let an endpoint rest, so that answers of that kind have endpoints of their own.
export const tellsOfFailure = (answer) => answer.kind === 'error' || answer.isFailed === true;
const failing = recordedAnswers().filter(tellsOfFailure);

function modelOf({ answer }, slot) {
  const { name, dialect } = answer;
  return tellsOfFailure(answer)
    ? `e-${failing.findIndex((one) => name.startsWith(one.name))}-${slot}` : `m-${dialect}-${slot}`;
}

function configOf(url, slots) {
  const models = [];
  const endpoint = [];
  const add = (id, name) => {
    models.push({ id, name: id, type: dialects[name].type, reasoning: 'auto', upstream_model: 'recorded', endpoint: id });
    endpoint.push({ name: id, type: dialects[name].type, base_url: `${url}${paths[name]}` });
  };
  for (const answer of failing) {
    for (let slot = 0; slot < slots; slot++) add(modelOf({ answer }, slot), answer.dialect);
  }
  for (const name of dialectNames) {
    for (let slot = 0; slot < slots; slot++) add(`m-${name}-${slot}`, name);
  }
  return { models, endpoint };
}

// `slots` requests are under way at a time, each with models of its own, so that what one of them does to a breaker
// concerns nobody else.
export class CutBench {
  static async start({ slots = 32, release = false, env = {} } = {}) {
    const bench = new CutBench();
    bench.jobs = new Map();
    bench.n_jobs = 0;
    bench.upstream = await listen(net.createServer((socket) => serveConnection(socket, (head) => bench.#answer(head))));
    const { models, endpoint } = configOf(`http://127.0.0.1:${bench.upstream.port}`, slots);
    try {
      bench.gateway = await Gateway.start({
        config: { models, endpoint }, release,
        env: { LOG_LEVEL: 'error', KEY_POOL_RETRY_DELAY_MS: '1', ...env },
      });
    } catch (error) {
      await bench.upstream.stop();
      throw error;
    }
    bench.slots = Array.from({ length: slots }, (_, slot) => ({ slot, failures: {} }));
    return bench;
  }

  #answer(head) {
    const job = this.jobs.get(Number(/job-(\d+)/.exec(head)[1]));
    job.n_attempts++;
    const wire = wireFor(job.answer, job.framing);
    if (job.end === 'whole' || (job.retries && job.n_attempts > 1)) {
      return { bytes: wire.bytes, end: job.framing === 'close' ? 'fin' : 'keep' };
    }
    return { bytes: wire.bytes.subarray(0, wire.at(job.offset)), end: job.end };
  }

  // Plays one job {answer, client, streams, framing, offset, end, retries} and gives what the client got.
  async #play(job, { slot, failures }, model = modelOf(job, slot)) {
    const id = ++this.n_jobs;
    job.n_attempts = 0;
    this.jobs.set(id, job);
    const { bytes, isEndless } = await exchangeBytes(this.gateway.port, bytesOfRequest(job, `job-${id}`, model));
    this.jobs.delete(id);
    const got = readAnswer(bytes, isEndless, model);
    const isGood = got.response?.status < 300 && got.response.isComplete;
    failures[model] = isGood && job.answer.kind !== 'count' ? 0 : (failures[model] ?? 0) + job.n_attempts;
    return got;
  }

  // After five failures in a row a model would not be asked any more; one request may have four.
  async #heal(state, job, cure) {
    const model = modelOf(job, state.slot);
    if ((state.failures[model] ?? 0) + (job.retries ? 4 : 1) > 4) {
      // What was not counted here may let it rest all the same; then it is asked again in less than a second.
      let got;
      await waitFor(`whole answer before ${nameOf(job)}`, async () => {
        got = await this.#play({ ...cure(job), framing: 'length', end: 'whole' }, state, model);
        return got.response?.status !== 503;
      }, { everyMs: 100, limitMs: endLimitMs });
      if (got.response?.status !== 200) {
        throw new Error(`before ${nameOf(job)}: a whole answer comes as\n${got.bytes}`);
      }
    }
  }

  // All of `jobs`; `judge(job, got)` for each. `cure(job)` is a job that any gateway in good health does well.
  async run(jobs, judge, cure) {
    const iterator = jobs[Symbol.iterator]();
    let failure;
    await Promise.all(this.slots.map(async (state) => {
      for (let next = iterator.next(); !next.done && failure === undefined; next = iterator.next()) {
        try {
          await this.#heal(state, next.value, cure);
          judge(next.value, await this.#play(next.value, state));
        } catch (error) {
          failure ??= error;
        }
      }
    }));
    if (failure !== undefined) {
      throw failure;
    }
  }

  async stop() {
    try {
      await this.gateway.stop();
    } finally {
      await this.upstream.stop();
    }
  }
}

export const nameOf = (job) =>
  `${job.client}${job.streams ? ' (stream)' : ''} ← ${job.answer.dialect} ${job.answer.name}, ${job.framing}, ${job.end} at ${job.offset}`
  + `${job.retries ? `, whole the second time, ${job.retries}` : ''}`;

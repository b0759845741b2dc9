// SPDX-License-Identifier: MIT
// HTTP by hand: sends exactly the bytes given, and reads answers strictly, down to how they end.
import net from 'node:net';
import { now, waitFor, within } from './wait.mjs';

const CRLF = '\r\n';

export class Response {
  constructor(head) {
    const [statusLine, ...lines] = head.split(CRLF);
    const match = /^HTTP\/1\.([01]) (\d{3}) (.*)$/.exec(statusLine);
    if (!match) {
      throw new Error(`not a status line: ${JSON.stringify(statusLine)}`);
    }
    this.minorVersion = Number(match[1]);
    this.status = Number(match[2]);
    this.reason = match[3];
    this.headers = lines.map((line) => {
      const at = line.indexOf(':');
      if (at <= 0) {
        throw new Error(`not a header line: ${JSON.stringify(line)}`);
      }
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
    });
    this.body = Buffer.alloc(0);
    this.isComplete = false; // its own framing says that all of it has come
  }

  // The value of a header that may occur once at most.
  header(name) {
    const values = this.headers.filter(([n]) => n === name).map(([, value]) => value);
    if (values.length > 1) {
      throw new Error(`header ${name} occurs ${values.length} times`);
    }
    return values[0];
  }

  get text() {
    return this.body.toString('utf8');
  }

  get json() {
    try {
      return JSON.parse(this.text);
    } catch {
      throw new Error(`status ${this.status}, and this is not JSON: ${this.text.slice(0, 500)}`);
    }
  }

  // The events of a body in text/event-stream: {event, data}.
  get events() {
    return parseEvents(this.text);
  }
}

// Events with their `data:` lines joined. An unfinished event at the end is left out.
export function parseEvents(text) {
  const blocks = text.replace(/\r\n?/g, '\n').split('\n\n');
  blocks.pop();
  return blocks.map((block) => {
    const event = { event: undefined, data: undefined };
    for (const line of block.split('\n')) {
      const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (field === 'data') {
        event.data = event.data === undefined ? value : `${event.data}\n${value}`;
      } else if (field === 'event') {
        event.event = value;
      }
    }
    return event;
  }).filter((event) => event.data !== undefined || event.event !== undefined);
}

// Takes a body apart as its bytes come. feed() gives what it has decoded; `rest` is what follows the body.
class BodyReader {
  constructor(response, isHead) {
    const coding = response.header('transfer-encoding');
    const length = response.header('content-length');
    if (coding !== undefined && length !== undefined) {
      throw new Error('both Transfer-Encoding and Content-Length');
    }
    this.rest = null;
    this.pending = Buffer.alloc(0);
    this.left = 0;
    if (isHead || response.status === 204 || response.status === 304 || response.status < 200) {
      this.framing = 'none';
      this.rest = Buffer.alloc(0);
    } else if (coding !== undefined) {
      if (coding !== 'chunked') {
        throw new Error(`Transfer-Encoding ${coding}`);
      }
      this.framing = 'chunked';
      this.state = 'size';
    } else if (length !== undefined) {
      if (!/^\d+$/.test(length)) {
        throw new Error(`Content-Length ${length}`);
      }
      this.framing = 'length';
      this.left = Number(length);
    } else {
      this.framing = 'close';
    }
  }

  feed(bytes) {
    if (this.framing === 'none') {
      this.rest = Buffer.concat([this.rest, bytes]);
      return [];
    }
    if (this.framing === 'close') {
      return bytes.length > 0 ? [bytes] : [];
    }
    this.pending = Buffer.concat([this.pending, bytes]);
    return this.framing === 'length' ? this.#feedLength() : this.#feedChunked();
  }

  #take(n) {
    const taken = this.pending.subarray(0, n);
    this.pending = this.pending.subarray(n);
    return taken;
  }

  #finish() {
    this.rest = this.pending;
    this.pending = Buffer.alloc(0);
  }

  #feedLength() {
    const piece = this.#take(Math.min(this.left, this.pending.length));
    this.left -= piece.length;
    if (this.left === 0) {
      this.#finish();
    }
    return piece.length > 0 ? [piece] : [];
  }

  #line() {
    const at = this.pending.indexOf(CRLF);
    return at < 0 ? null : this.#take(at + 2).subarray(0, at).toString('latin1');
  }

  #feedChunked() {
    const pieces = [];
    while (this.rest === null) {
      if (this.state === 'data') {
        if (this.pending.length === 0) {
          break;
        }
        const piece = this.#take(Math.min(this.left, this.pending.length));
        pieces.push(piece);
        this.left -= piece.length;
        this.state = this.left === 0 ? 'data-end' : 'data';
        continue;
      }
      const line = this.#line();
      if (line === null) {
        break;
      }
      if (this.state === 'size') {
        if (!/^[0-9a-fA-F]+$/.test(line)) {
          throw new Error(`not a chunk size: ${JSON.stringify(line)}`);
        }
        this.left = parseInt(line, 16);
        this.state = this.left === 0 ? 'trailer' : 'data';
      } else if (line !== '') {
        throw new Error(`unexpected ${JSON.stringify(line)} in state ${this.state}`);
      } else if (this.state === 'data-end') {
        this.state = 'size';
      } else {
        this.#finish();
      }
    }
    return pieces;
  }
}

// Parses one whole response out of recorded bytes; interim ones before it are passed over.
export function parseResponse(bytes, { isHead = false } = {}) {
  const at = bytes.indexOf(CRLF + CRLF);
  if (at < 0) {
    throw new Error(`no complete head in ${bytes.length} bytes`);
  }
  const response = new Response(bytes.subarray(0, at).toString('latin1'));
  if (response.status < 200) {
    return parseResponse(bytes.subarray(at + 4), { isHead });
  }
  const reader = new BodyReader(response, isHead);
  response.body = Buffer.concat(reader.feed(bytes.subarray(at + 4)));
  response.isComplete = reader.rest !== null || reader.framing === 'close';
  response.rest = reader.rest ?? Buffer.alloc(0);
  return response;
}

// A connection. Reads on its own account unless paused; nothing is lost between two calls.
export class Wire {
  static async connect(port, host = '127.0.0.1') {
    const socket = net.connect({ port, host, allowHalfOpen: true, noDelay: true });
    const wire = new Wire(socket);
    await within(5_000, 'connection', new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    }));
    return wire;
  }

  constructor(socket) {
    this.socket = socket;
    this.received = Buffer.alloc(0); // not yet consumed
    this.hasEnded = false; // FIN or RST has come
    this.error = null;
    socket.on('data', (bytes) => {
      this.received = Buffer.concat([this.received, bytes]);
      this.#wake();
    });
    for (const name of ['end', 'close']) {
      socket.on(name, () => {
        this.hasEnded = true;
        this.#wake();
      });
    }
    socket.on('error', (error) => {
      this.error = error;
      this.hasEnded = true;
      this.#wake();
    });
  }

  #waiter = () => {};

  #wake() {
    this.#waiter();
  }

  // Waits until more bytes or the end come.
  async #more(limitMs, what) {
    const seen = this.received.length;
    if (this.hasEnded) {
      return;
    }
    await within(limitMs, what, new Promise((resolve) => {
      this.#waiter = () => {
        if (this.received.length !== seen || this.hasEnded) {
          resolve();
        }
      };
    }));
  }

  send(bytes) {
    this.socket.write(bytes);
    return this;
  }

  // Resolves when the kernel has taken everything, so that the next bytes travel in a segment of their own.
  async sendNow(bytes) {
    await new Promise((resolve) => this.socket.write(bytes, resolve));
  }

  async sendPieces(bytes, size = 1) {
    const all = Buffer.from(bytes);
    for (let at = 0; at < all.length && !this.hasEnded; at += size) {
      await this.sendNow(all.subarray(at, at + size));
    }
  }

  endSending() {
    this.socket.end();
    return this;
  }

  close() {
    this.socket.destroy();
  }

  // The next head. Undefined when the connection ends before any byte of it.
  async head({ limitMs = 10_000 } = {}) {
    let at;
    while ((at = this.received.indexOf(CRLF + CRLF)) < 0) {
      if (this.hasEnded) {
        if (this.received.length === 0) {
          return undefined;
        }
        throw new Error(`ended within a head: ${JSON.stringify(this.received.toString('latin1').slice(0, 300))}`);
      }
      await this.#more(limitMs, 'response head');
    }
    const response = new Response(this.received.subarray(0, at).toString('latin1'));
    this.received = this.received.subarray(at + 4);
    return response;
  }

  // The body of `response` in pieces as they come, with the time of their coming.
  async *pieces(response, { isHead = false, limitMs = 10_000 } = {}) {
    const reader = new BodyReader(response, isHead);
    response.framing = reader.framing;
    for (;;) {
      const bytes = this.received;
      this.received = Buffer.alloc(0);
      const at = now();
      for (const piece of reader.feed(bytes)) {
        yield { bytes: piece, at };
      }
      if (reader.rest !== null) {
        this.received = Buffer.concat([reader.rest, this.received]);
        response.isComplete = true;
        return;
      }
      if (this.received.length > 0) {
        continue;
      }
      if (this.hasEnded) {
        response.isComplete = reader.framing === 'close' && this.error === null;
        return;
      }
      await this.#more(limitMs, 'more of the body');
    }
  }

  // The events of a streamed body as they come: {event, data, at}.
  async *events(response, options) {
    let text = '';
    for await (const { bytes, at } of this.pieces(response, options)) {
      text += bytes.toString('latin1');
      const end = Math.max(text.lastIndexOf('\n\n') + 2, text.lastIndexOf('\r\n\r\n') + 4);
      if (end >= 4) {
        const whole = Buffer.from(text.slice(0, end), 'latin1').toString('utf8');
        text = text.slice(end);
        for (const event of parseEvents(whole)) {
          yield { ...event, at };
        }
      }
    }
  }

  // The next whole response; isComplete is false when it broke off.
  async response(options = {}) {
    const response = await this.head(options);
    if (response === undefined) {
      throw new Error(`the connection ended without a response${this.error ? ` (${this.error.code})` : ''}`);
    }
    const pieces = [];
    for await (const { bytes } of this.pieces(response, options)) {
      pieces.push(bytes);
    }
    response.body = Buffer.concat(pieces);
    return response;
  }

  // Everything until the other side ends the connection.
  async toEnd({ limitMs = 10_000 } = {}) {
    await this.waitEnd({ limitMs });
    const all = this.received;
    this.received = Buffer.alloc(0);
    return all;
  }

  async waitEnd({ limitMs = 10_000 } = {}) {
    await waitFor('end of the connection', () => this.hasEnded, { limitMs });
  }
}

export function requestBytes({ method = 'GET', path = '/', version = '1.1', headers = {}, body, close = true }) {
  const lines = [`${method} ${path} HTTP/${version}`];
  const fields = { host: 'gateway.test', ...headers };
  if (body !== undefined && fields['content-length'] === undefined && fields['transfer-encoding'] === undefined) {
    fields['content-length'] = Buffer.byteLength(body);
  }
  if (close && fields.connection === undefined) {
    fields.connection = 'close';
  }
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value].flat()) {
      if (one !== undefined && one !== null) {
        lines.push(`${name}: ${one}`);
      }
    }
  }
  const head = Buffer.from(lines.join(CRLF) + CRLF + CRLF, 'latin1');
  return body === undefined ? head : Buffer.concat([head, Buffer.from(body)]);
}

// One request on a connection of its own.
export async function call(port, request, { host, limitMs } = {}) {
  const wire = await Wire.connect(port, host);
  try {
    wire.send(requestBytes(request));
    return await wire.response({ isHead: request.method === 'HEAD', limitMs });
  } finally {
    wire.close();
  }
}

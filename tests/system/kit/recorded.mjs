// SPDX-License-Identifier: MIT
// The answers that real providers gave (tests/corpus/dialects/), and what the dialects say about where they end.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../corpus/dialects/', import.meta.url));
const dialectOf = { anthropic: 'anthropic', 'openai-chat': 'chat', 'openai-responses': 'responses', gemini: 'gemini' };

const CR = 13;
const LF = 10;

// The events of a stream and where they are: {name, data, dataEnd, end}. `dataEnd` is behind the last byte of the data,
// `end` behind the blank line; Infinity where that is missing. CR, LF and CRLF end a line.
export function locateEvents(bytes) {
  const events = [];
  let event = { name: undefined, lines: [], dataEnd: 0 };
  const finish = (end) => {
    if (event.lines.length > 0) {
      events.push({ name: event.name, data: event.lines.join('\n'), dataEnd: event.dataEnd, end });
    }
    event = { name: undefined, lines: [], dataEnd: 0 };
  };
  let at = bytes[0] === 0xef ? 3 : 0;
  while (at < bytes.length) {
    let stop = at;
    while (stop < bytes.length && bytes[stop] !== CR && bytes[stop] !== LF) stop++;
    const next = stop + (bytes[stop] === CR && bytes[stop + 1] === LF ? 2 : 1);
    const line = bytes.toString('utf8', at, stop);
    if (line === '' && stop < bytes.length) {
      finish(next);
    } else if (line.startsWith('data:')) {
      event.lines.push(line.slice(line[5] === ' ' ? 6 : 5));
      event.dataEnd = stop;
    } else if (line.startsWith('event:')) {
      event.name = line.slice(6).trim();
    }
    at = next;
  }
  finish(Infinity);
  return events;
}

export function jsonOf(data) {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

// ---- what the dialects say --------------------------------------------------------------------------------------------

// Every choice that the stream has must have finished.
function chatEnd(events) {
  const choices = events.flatMap(({ json }) => json?.choices ?? []);
  const open = new Set(choices.map(({ index }) => index ?? 0));
  if (open.size === 0 || !choices.some((choice) => choice.finish_reason)) {
    return events.findIndex(({ data }) => data === '[DONE]');
  }
  return events.findIndex(({ json }) => {
    for (const choice of json?.choices ?? []) {
      if (choice.finish_reason) open.delete(choice.index ?? 0);
    }
    return open.size === 0;
  });
}

const isFailed = ({ json }) => Boolean(json?.error) || json?.type === 'error' || json?.type === 'response.failed';

// Google's own form of an error within a stream: JSON on lines that are no fields of an event.
const hasBareError = (bytes) => /(^|\n)\{\s*"error"/.test(bytes.toString('latin1'));

// Some models say in each event that they have finished.
const isGeminiEnd = ({ json }) => json?.candidates?.[0]?.finishReason || json?.promptFeedback?.blockReason;

const rules = {
  anthropic: {
    end: (events) => events.findIndex(({ json }) => json?.type === 'message_stop'),
    isContent: ({ json }) => json?.type === 'content_block_start',
  },
  chat: {
    end: chatEnd,
    more: (events) => ({ n_choices: new Set(events.flatMap(({ json }) => (json?.choices ?? []).map(({ index }) => index))).size, fromFirst: events.find(({ json }) => json?.choices?.some((one) => one.index === 0 && one.finish_reason))?.dataEnd }),
    isContent: ({ json }) => (json?.choices ?? []).some(({ delta = {} }) =>
      Object.entries(delta ?? {}).some(([name, value]) => name !== 'role' && value !== null && value !== '' && String(value) !== '')),
  },
  responses: {
    end: (events) => events.findIndex(({ json }) => /^response\.(completed|incomplete|failed)$/.test(json?.type)),
    isContent: ({ json }) => /^response\.(output_item|content_part|.*\.delta$)/.test(json?.type ?? ''),
  },
  gemini: {
    end: (events) => events.findIndex(isGeminiEnd),
    lastEnd: (events) => events.findLastIndex(isGeminiEnd),
    isContent: ({ json }) => (json?.candidates ?? []).some(({ content }) => content?.parts?.length > 0),
  },
};

// Where the protocol's own end lies: before `from` there is none, from `to` on it is there for everybody. Before `first`
// there is no event, before `content` none with anything generated in it. Infinity where there is none.
function landmarks(dialect, bytes) {
  const events = locateEvents(bytes).map((event) => ({ ...event, json: jsonOf(event.data) }));
  const failed = events.find(isFailed);
  const end = events[rules[dialect].end(events)];
  const lastEnd = rules[dialect].lastEnd ? events[rules[dialect].lastEnd(events)] : end;
  const content = events.find((event) => rules[dialect].isContent(event) || isFailed(event));
  return {
    boundaries: events.map((event) => Math.min(event.end, bytes.length)),
    from: end?.dataEnd ?? Infinity,
    to: lastEnd?.end ?? Infinity,
    first: events[0]?.dataEnd ?? Infinity,
    content: Math.min(content?.dataEnd ?? Infinity, end?.dataEnd ?? Infinity),
    isFailed: failed !== undefined || hasBareError(bytes),
    endsOften: lastEnd !== end,
    ...rules[dialect].more?.(events),
  };
}

// ---- the files --------------------------------------------------------------------------------------------------------

function streamOf(name, dialect, body, extra = {}) {
  return { name, dialect, kind: 'stream', status: 200, type: 'text/event-stream', body, ...landmarks(dialect, body), ...extra };
}

function wholeOf(name, dialect, body, status) {
  const length = body.toString('latin1').trimEnd().length;
  const kind = status >= 400 ? 'error' : /-c\d\d-/.test(name) ? 'count' : 'whole';
  return { name, dialect, kind, status, type: 'application/json', body, boundaries: [], from: length, to: body.length, first: length, content: length };
}

// Gemini streams one JSON array to whoever does not ask for events.
export function arrayOf(answer) {
  const parts = [];
  let size = 0;
  const boundaries = [];
  for (const { data } of locateEvents(answer.body)) {
    const part = Buffer.from(`${parts.length === 0 ? '[' : ',\r\n'}${data}`);
    size += part.length;
    parts.push(part);
    boundaries.push(size);
  }
  const body = Buffer.concat([...parts, Buffer.from(']')]);
  const end = answer.from === Infinity ? Infinity : body.length; // nobody can use an array that is not closed
  return {
    ...answer, name: `${answer.name} as an array`, kind: 'array', type: 'application/json', body, boundaries,
    from: end, to: end, first: 0, content: 0, isFailed: answer.isFailed && !hasBareError(answer.body),
  };
}

function readStatus(name, expected) {
  const given = expected[name]?.http?.status;
  return given ?? Number(/-e\d\d-(\d{3})/.exec(name)?.[1] ?? 200);
}

function* filesIn(path) {
  for (const entry of readdirSync(join(folder, path), { withFileTypes: true })) {
    const inner = path === '' ? entry.name : `${path}/${entry.name}`;
    if (entry.isDirectory()) yield* filesIn(inner);
    else if (/\.sse$|\.response\.json$/.test(entry.name)) yield inner;
  }
}

// All of them: {name, dialect, kind, status, type, body, boundaries, from, to, first, content}. `kind` is stream, whole, count
// (of tokens) or error.
export function recordedAnswers() {
  const expected = JSON.parse(readFileSync(join(folder, 'EXPECTED.json'), 'utf8'));
  const answers = [];
  for (const file of filesIn('')) {
    const body = readFileSync(join(folder, file));
    const name = file.replace(/^(anthropic|gemini|openai-chat|openai-responses)\//, '').replace(/(\.response)?\.(json|sse)$/, '');
    const owner = Object.keys(dialectOf).find((key) => file.startsWith(`${key}/`) || file.includes(`/${key}.`));
    const dialect = dialectOf[owner] ?? /edge-\d\d-(\w+)/.exec(file)[1];
    answers.push(file.endsWith('.sse') ? streamOf(name, dialect, body) : wholeOf(name, dialect, body, readStatus(name, expected)));
  }
  return answers.sort((a, b) => (a.name < b.name ? -1 : 1));
}

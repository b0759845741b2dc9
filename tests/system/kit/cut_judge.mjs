// SPDX-License-Identifier: MIT
// What a client may get of an answer that was cut: all of it, an error with a status, or a break that nobody can take
// for an end. Anything else is a forgery.
import { dialectOfClient, nameOf, tellsOfFailure } from './cutter.mjs';
import { jsonOf, locateEvents } from './recorded.mjs';

const isText = (value) => typeof value === 'string' && value.length > 0;
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

// ---- the dialects -----------------------------------------------------------------------------------------------------

const geminiError = (json) => Number.isInteger(json?.error?.code) && isText(json.error.message) && isText(json.error.status);
const openaiError = (json) => isObject(json?.error) && isText(json.error.message);
const anthropicError = (json) => json?.type === 'error' && isText(json.error?.type) && isText(json.error.message);

// `error`: a body of this dialect that tells of an error. `failure`: an event that does. `end`: an event that says that
// the answer is whole.
const rules = {
  anthropic: {
    error: anthropicError,
    failure: ({ name, json }) => name === 'error' && anthropicError(json),
    end: ({ json }) => json?.type === 'message_stop',
  },
  chat: {
    error: openaiError,
    failure: ({ json }) => openaiError(json),
    end: ({ json, data }) => data === '[DONE]' || (json?.choices ?? []).some((choice) => choice.finish_reason),
  },
  responses: {
    error: openaiError,
    failure: ({ json }) => (json?.type === 'response.failed' && openaiError(json.response)) ||
      (json?.type === 'error' && isText(json.message ?? json.error?.message)),
    end: ({ json }) => /^response\.(completed|incomplete)$/.test(json?.type),
  },
  gemini: {
    error: geminiError,
    failure: ({ json }) => geminiError(json),
    end: ({ json }) => Boolean(json?.candidates?.[0]?.finishReason || json?.promptFeedback?.blockReason),
  },
};

// ---- reading ----------------------------------------------------------------------------------------------------------

// Ids that the gateway makes, its clock and the names of its models differ from one answer to the next. Those of calls
// have the beginning of the answer's own, and a number.
function settle(text, model) {
  const token = /(?:"msg_|"chatcmpl-|"resp_|"responseId":")([A-Za-z0-9]{24})"/.exec(text)?.[1];
  const same = token === undefined ? text
    : text.replace(new RegExp(`"(call_|toolu_)${token.slice(0, 22)}`, 'g'), '"$1token').replaceAll(token, 'token');
  return same.replaceAll(model, 'm-model').replace(/"(created|created_at|completed_at)":\d+/g, '"$1":0');
}

function eventsOf(text) {
  return locateEvents(Buffer.from(text)).map(({ name, data }) => ({ name, data, json: jsonOf(data) }));
}

// Answers of Gemini in one JSON array, as far as they can be read.
function elementsOf(text) {
  const array = jsonOf(text) ?? jsonOf(`${text}]`);
  return Array.isArray(array) ? array.map((json) => ({ data: JSON.stringify(json), json })) : undefined;
}

// What the client has: {status, isWhole, isStream, text, events}.
function read(job, got) {
  const { response, model } = got;
  const isForeign = dialectOfClient(job.client) !== job.answer.dialect;
  const text = isForeign ? settle(got.text, model) : got.text;
  const isStream = /^text\/event-stream/.test(response.header('content-type') ?? '');
  const seen = { status: response.status, isWhole: response.isComplete, isStream, text };
  if (isStream) {
    seen.events = eventsOf(text);
    seen.isAligned = text === '' || /(\n\n|\r\r|\r\n\r\n)$/.test(text);
  } else if (job.client === 'gemini-array') {
    seen.events = elementsOf(text);
  }
  return seen;
}

// Usage may come after the end, and be lost with what follows it.
function withoutUsage(value) {
  if (Array.isArray(value)) return value.map(withoutUsage);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value)
    .filter(([key]) => !['usage', 'usageMetadata', 'sequence_number'].includes(key))
    .map(([key, inner]) => [key, withoutUsage(inner)]));
}

function gistOf(seen) {
  if (seen.events === undefined) {
    return JSON.stringify(withoutUsage(jsonOf(seen.text) ?? seen.text));
  }
  const told = seen.events.filter(({ data, json }) => data !== '[DONE]' && !(json?.choices?.length === 0));
  return told.map(({ json, data }) => JSON.stringify(withoutUsage(json ?? data))).join('\n');
}

// ---- judging ----------------------------------------------------------------------------------------------------------

class Forgery extends Error {}

function isBeginning(events, ofEvents) {
  return events.length <= ofEvents.length && events.every(({ data }, i) => data === ofEvents[i].data);
}

// Events that tell of the failure at the end: Responses has two of them.
function splitFailure(dialect, events) {
  let at = events.length;
  while (at > 0 && rules[dialect].failure(events[at - 1])) at--;
  return [events.slice(0, at), events.slice(at)];
}

function judgeStatus(dialect, job, seen) {
  if (!seen.isWhole) {
    return 'incomplete';
  }
  if (!rules[dialect].error(jsonOf(seen.text))) {
    throw new Forgery(`status ${seen.status} without this dialect's error`);
  }
  if (job.n_attempts === 0 && !tellsOfFailure(job.answer)) {
    throw new Forgery('the provider was not asked');
  }
  return job.n_attempts === 0 ? 'resting' : 'refused';
}

function judgeBroken(dialect, job, seen, whole) {
  if (seen.events === undefined) { // one JSON value that HTTP calls incomplete
    if (!whole.text.startsWith(seen.text.replace(/\uFFFD+$/, ''))) { // a cut character is read as that
      throw new Forgery('what came is no beginning of the answer');
    }
    return 'incomplete';
  }
  const [events, failure] = splitFailure(dialect, seen.events);
  if (seen.isStream && !seen.isAligned) {
    throw new Forgery('it ends within an event');
  }
  if (failure.length === 0) {
    throw new Forgery('it breaks off without a word');
  }
  const said = whole.events && splitFailure(dialect, whole.events)[0];
  if (whole.isGood ? !isBeginning(events, said ?? []) : said && !isBeginning(events, said)) {
    throw new Forgery('what came before the error is no beginning of the answer');
  }
  if (whole.isGood && events.some(rules[dialect].end) && dialect !== 'chat' && job.client !== 'gemini-array' && !job.answer.endsOften) {
    throw new Forgery('an end and an error');
  }
  return 'broken';
}

// Before this there is no end. Clients that know of one choice only have all of it when that one has finished.
function endFor({ answer, client }) {
  return ['anthropic', 'responses'].includes(client) ? answer.fromFirst ?? answer.from : answer.from;
}

function judgeEnded(dialect, job, seen, whole) {
  if (seen.text === whole.text) {
    return 'complete';
  }
  const { answer, offset } = job;
  if (offset < endFor(job)) { // of a second attempt, all would be the same
    throw new Forgery('half of an answer that looks whole');
  }
  if (dialect === answer.dialect && whole.text.startsWith(seen.text)) {
    return 'complete';
  }
  if (gistOf(seen) === gistOf(whole)) {
    return 'complete';
  }
  // Models that say in each event that they have finished, or fail when they have: nobody can tell.
  if (((answer.endsOften || answer.fromFirst) && offset < answer.to) || answer.isFailed) {
    return 'complete';
  }
  throw new Forgery('it looks whole, and says something else');
}

function classify(job, got, whole) {
  const dialect = dialectOfClient(job.client);
  if (got.response === undefined) {
    throw new Forgery(`no answer at all: ${got.problem}`);
  }
  const seen = read(job, got);
  if (seen.status >= 300) {
    return judgeStatus(dialect, job, seen);
  }
  return seen.isWhole ? judgeEnded(dialect, job, seen, whole) : judgeBroken(dialect, job, seen, whole);
}

// Up to where an answer that is cut can be replaced by another one, because nothing of it has left.
function keptUntil({ answer, streams, retries }) {
  const isOneValue = answer.kind === 'whole' || answer.kind === 'count' || (!streams && answer.kind === 'stream');
  if (isOneValue || retries === 'all held') {
    return Infinity;
  }
  return retries === 'held' ? answer.content : answer.first;
}

const surelySent = 32 * 1024;

// What has to come of it, where that is certain: 'complete' or 'failed'.
function expectation(job, whole) {
  const { answer, offset, end } = job;
  if (!whole.isGood) {
    return answer.kind === 'error' ? 'failed' : undefined;
  }
  if (end === 'whole') {
    return 'complete';
  }
  if (job.retries && offset < keptUntil(job)) {
    return 'complete';
  }
  // What a reset overtakes never arrives.
  if (answer.kind === 'stream' && offset >= answer.to && (end === 'fin' || offset < surelySent)) {
    return 'complete';
  }
  // One JSON value may be all there although HTTP says that it is not.
  return !job.retries && offset < endFor(job) ? 'failed' : undefined;
}

// The uncut answer to a job: what others of its kind are compared with.
export function readWhole(job, got) {
  if (got.response === undefined) {
    throw new Error(`${nameOf(job)}: ${got.problem}\n${got.bytes}`);
  }
  const dialect = dialectOfClient(job.client);
  const whole = read(job, got);
  const isFailed = whole.events !== undefined && splitFailure(dialect, whole.events)[1].length > 0;
  whole.isGood = whole.status === 200 && whole.isWhole && !isFailed && !job.answer.isFailed && job.answer.from !== Infinity;
  return whole;
}

export function judge(job, got, whole) {
  let verdict;
  let why = '';
  try {
    verdict = classify(job, got, whole);
    const wanted = expectation(job, whole);
    if (wanted !== undefined && (verdict === 'complete') !== (wanted === 'complete')) {
      why = `it is ${verdict} where it has to be ${wanted}`;
    }
  } catch (error) {
    if (!(error instanceof Forgery)) throw error;
    why = error.message;
  }
  if (why) {
    throw Object.assign(new Error(`${nameOf(job)} (its end is at ${job.answer.from} to ${job.answer.to}, its content at ${job.answer.content}): ${why}
--- the client got (${job.n_attempts} attempts)\n${got.bytes}\n--- without a cut it gets\n${whole.text}\n---`), { why, job });
  }
  return verdict;
}

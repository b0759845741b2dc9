// SPDX-License-Identifier: MIT
// Sixteen ways in which a provider fails, and what is to become of the request: the scenarios of failoverbench
// (METHODOLOGY v0.1), made anew from their description. Times are scaled down; each provider has one credential and
// each model one fallback, as there.
import { dialectNames, dialects, modelRequest, textOfEvents, hasEnd, uniqueKey } from './dialects.mjs';
import { call, parseEvents, Wire, requestBytes } from './wire.mjs';
import { now, pause, waitFor } from './wait.mjs';

const paths = {
  anthropic: '/api/llm/a/v1/messages', responses: '/api/llm/o/v1/responses', chat: '/api/llm/o/v1/chat/completions', gemini: '',
};
const answer = 'tokens=60~size=7~pace=2';

export const modelOf = (scenario, dialect) => `${scenario.id.toLowerCase()}-${dialect}`;
export const backupOf = (scenario, dialect) => `${modelOf(scenario, dialect)}-backup`;

// A model, its fallback (of another dialect when `backupDialect` says so) and an endpoint of its own for each of them,
// so that no scenario sees what another one did to a breaker.
function modelsOf(scenario, dialect, backupDialect) {
  const [id, backup] = [modelOf(scenario, dialect), backupOf(scenario, dialect)];
  const kind = (name) => ({ type: dialects[name].type, reasoning: 'auto' });
  return [
    { id, name: id, ...kind(dialect), endpoint: id, upstream_model: `${id}~${answer}`, fallbacks: [backup] },
    {
      id: backup, name: backup, ...kind(backupDialect), endpoint: backup,
      upstream_model: `${backup}~${answer}${scenario.backup ? `~${scenario.backup}` : ''}`,
    },
  ];
}

export function scenarioConfig(url, chosen, { backupDialects = (dialect) => dialect } = {}) {
  const models = [];
  const endpoint = [];
  for (const scenario of chosen) {
    for (const dialect of dialectNames) {
      for (const model of modelsOf(scenario, dialect, backupDialects(dialect))) {
        const of = dialectNames.find((name) => dialects[name].type === model.type);
        models.push(model);
        endpoint.push({ name: model.endpoint, type: model.type, base_url: `${url}${paths[of]}` });
      }
    }
  }
  return { models, endpoint };
}

// ---- what a client sees ---------------------------------------------------------------------------------------------

function jsonOf(data) {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

const modelIn = {
  anthropic: (json) => json.message?.model,
  chat: (json) => json.model,
  responses: (json) => json.response?.model,
  gemini: (json) => json.modelVersion,
};
const usageIn = {
  anthropic: (json) => json.type === 'message_delta' && json.usage?.output_tokens,
  chat: (json) => json.usage?.completion_tokens,
  responses: (json) => json.response?.usage?.output_tokens,
  gemini: (json) => json.usageMetadata?.candidatesTokenCount,
};

function requestOf(dialect, model) {
  const request = modelRequest(dialect, { key: uniqueKey(), model, stream: true, headers: { connection: 'close' } });
  if (dialect === 'chat') {
    request.body = JSON.stringify({ ...JSON.parse(request.body), stream_options: { include_usage: true } });
  }
  return request;
}

// One request and all of its answer: `limitMs` is how long a client would wait.
async function seeAnswer(port, dialect, model, limitMs) {
  const started = now();
  const seen = { text: '', hasEnded: true, isWhole: false };
  const wire = await Wire.connect(port);
  try {
    wire.send(requestBytes(requestOf(dialect, model)));
    const response = await wire.head({ limitMs });
    let body = '';
    if (response !== undefined) {
      const left = () => Math.max(1, limitMs - Number((now() - started) / 1_000_000n));
      for await (const { bytes } of wire.pieces(response, { limitMs: left() })) {
        body += bytes.toString('utf8');
        if (left() === 1) {
          throw new Error('it never ends');
        }
      }
    }
    Object.assign(seen, understand(dialect, response, body));
  } catch (error) {
    Object.assign(seen, { hasEnded: false, problem: error.message });
  } finally {
    wire.close();
  }
  return { ...seen, wallMs: Number((now() - started) / 1_000_000n) };
}

function understand(dialect, response, body) {
  if (response === undefined) {
    return { status: 0, error: 'the connection ended without an answer' };
  }
  const seen = { status: response.status, isWhole: response.isComplete };
  if (response.status !== 200) {
    const json = jsonOf(body);
    return { ...seen, error: json?.error?.message ?? body, isClean: json?.error?.message !== undefined };
  }
  const all = parseEvents(body).filter(({ data }) => data !== undefined && data !== '[DONE]');
  const parsed = all.map(({ data }) => jsonOf(data));
  if (parsed.includes(undefined)) {
    return { ...seen, isGarbage: true, error: 'an event that is no JSON' };
  }
  const failure = all.find((event) => dialects[dialect].isError(event)); // behind the end of an answer, too
  return {
    ...seen,
    text: textOfEvents(dialect, all),
    isAtEnd: hasEnd(dialect, all),
    isClean: failure !== undefined,
    error: failure?.data,
    model: parsed.map(modelIn[dialect]).find(Boolean),
    usage: parsed.map(usageIn[dialect]).filter(Boolean).at(-1),
  };
}

// ---- what is to become of it ----------------------------------------------------------------------------------------

const isAnswered = (play) => play.status === 200 && play.isAtEnd === true && play.error === undefined;
const isRescued = (play) => isAnswered(play) && play.text === play.expected;
// What a client takes for an answer although half of it is missing: a body that ends as if nothing had happened, too.
const isHalfSuccess = (play) =>
  play.status === 200 && !play.isClean && (play.isAtEnd || play.isWhole) && play.text !== play.expected;
const gapMs = (attempts) => Number((attempts[1] - attempts[0]) / 1_000_000n);
const withinMs = (attempts, ms) => attempts.filter((at) => at - attempts[0] <= BigInt(ms) * 1_000_000n).length;

const must = (name, holds) => ({ name, holds, isAdvice: false });
const should = (name, holds) => ({ name, holds, isAdvice: true });

const atMost = (n) => must(`at most ${n} attempts`, ({ primary }) => primary.length <= n);
const exactly = (n) => must(`attempts at the primary: ${n}`, ({ primary }) => primary.length === n);
const endsIn = (ms, kind = must) => kind(`ends within ${ms} ms`, ({ wallMs }) => wallMs <= ms);
const noHalf = must('no half answer as a success', (play) => !isHalfSuccess(play));
const isAlive = must('healthy afterwards', ({ alive }) => isRescued(alive));
const hasUsage = (kind) => kind('usage is there', (play) => !isAnswered(play) || play.usage === 60);
const sameAgain = should('the same provider is asked again', ({ primary }) => primary.length >= 2);

// `fault` is a plan of the simulator; `backup` are directives of the fallback; `limitMs` is when a call counts as hung.
export const scenarios = [
  {
    id: 'S01', title: '429 with Retry-After', fault: 'status=429~retry-after=2~fail=1', limitMs: 15_000,
    checks: [
      sameAgain,
      should('Retry-After is honoured', ({ primary }) => primary.length < 2 || gapMs(primary) >= 1800),
      must('no tight loop', ({ primary }) => withinMs(primary, 1500) <= 2),
    ],
  },
  {
    id: 'S02', title: '429 without Retry-After, persistent', fault: 'status=429', limitMs: 15_000,
    checks: [must('no tight loop', ({ primary }) => withinMs(primary, 3000) <= 4), atMost(6)],
  },
  { id: 'S03', title: '500 once', fault: 'status=500~fail=1', limitMs: 10_000, checks: [sameAgain] },
  { id: 'S04', title: '503 persistent', fault: 'status=503', limitMs: 10_000, checks: [atMost(6)] },
  { id: 'S05', title: 'TCP reset before headers', fault: 'reset=0~fail=1', limitMs: 10_000, checks: [] },
  {
    id: 'S06', title: 'no response at all', fault: 'hang=before', limitMs: 13_000,
    checks: [endsIn(10_000), should('a silent route is not tried again', ({ primary }) => primary.length <= 1)],
  },
  { id: 'S07', title: 'slow first token', fault: 'first=10000', limitMs: 20_000, checks: [endsIn(7500, should)] },
  { id: 'S08', title: 'stream cut mid-answer', fault: 'cut=44', limitMs: 10_000, checks: [noHalf] },
  {
    id: 'S09', title: 'stream stalls', fault: 'hang=24~stall=6000', limitMs: 12_000, checks: [endsIn(9000), noHalf, isAlive],
  },
  {
    id: 'S10', title: 'malformed event in the stream', fault: 'junk=10', limitMs: 10_000,
    checks: [isAlive, must('nothing malformed comes through', (play) => !play.isGarbage), noHalf, should('recovered in place', isRescued)],
  },
  {
    id: 'S11', title: 'stream ends without its sentinel', fault: { chat: 'nodone=1', other: 'cut=end' }, limitMs: 10_000,
    checks: [endsIn(8000), hasUsage(should)],
  },
  { id: 'S12', title: 'context length exceeded', fault: 'status=400~why=context', limitMs: 10_000, checks: [exactly(1)] },
  {
    id: 'S13', title: 'content-filter rejection', fault: 'status=400~why=policy', limitMs: 10_000, isErrorIdeal: true,
    checks: [
      exactly(1),
      must('the reason of the provider', (play) => isAnswered(play) || /content.(policy|filtering)|PROHIBITED_CONTENT/.test(play.error)),
    ],
  },
  {
    id: 'S14', title: 'cut, and the fallback rejects prefill', fault: 'cut=44', backup: 'noprefill=1', limitMs: 10_000,
    checks: [must('no error about prefill', (play) => !/prefill/.test(play.error ?? '')), noHalf],
  },
  { id: 'S15', title: 'provider flaps: down, then healthy', fault: 'status=503', limitMs: 10_000, isSequence: true, checks: [] },
  {
    id: 'S16', title: 'accounting of a failover', fault: 'status=503', limitMs: 10_000,
    checks: [
      must('the model of the fallback is named', (play) => !isAnswered(play) || play.model?.startsWith(play.backup)),
      hasUsage(should), atMost(6),
    ],
  },
];

// pass, partial, safe or fail, and why.
export function gradeOf(scenario, play) {
  const broken = scenario.checks.filter((check) => !check.holds(play));
  const names = broken.map(({ name }) => name);
  if (!play.hasEnded) {
    return { grade: 'fail', why: [`no end within ${scenario.limitMs} ms`, play.problem, ...names] };
  }
  if (isHalfSuccess(play) || broken.some(({ isAdvice }) => !isAdvice)) {
    return { grade: 'fail', why: [isHalfSuccess(play) ? 'half an answer passes for a success' : '', ...names] };
  }
  if (scenario.isErrorIdeal) {
    const isRouted = isAnswered(play) || play.fallback.length > 0;
    return { grade: isRouted ? 'partial' : play.isClean ? 'pass' : 'fail', why: isRouted ? ['routed round the rejection'] : [] };
  }
  if (isRescued(play)) {
    return { grade: broken.length > 0 ? 'partial' : 'pass', why: names };
  }
  return { grade: play.isClean ? 'safe' : 'fail', why: [`status ${play.status}: ${play.error ?? 'no answer, no error'}`] };
}

// ---- playing them ---------------------------------------------------------------------------------------------------

async function orderPlan(stack, method, model, query = '') {
  const response = await call(stack.simulator.port, { method, path: `/_sim/plans/${model}${query}` });
  if (response.status !== 204) {
    throw new Error(`the simulator refuses the plan: ${response.text}`);
  }
}

export const setPlan = (stack, model, script) => orderPlan(stack, 'PUT', model, `?script=${encodeURIComponent(script)}`);
export const dropPlan = (stack, model) => orderPlan(stack, 'DELETE', model);

// When attempts reached the provider since `start`, by the monotonic clock.
async function attemptsAt(stack, model, start) {
  const requests = await stack.simulator.requests();
  return requests.filter((request) => request.model.split('~')[0] === model && BigInt(request.started_ns) >= start)
    .map(({ started_ns: at }) => BigInt(at)).sort((a, b) => (a < b ? -1 : 1));
}

async function playOnce(stack, scenario, dialect, expected) {
  const [model, backup] = [modelOf(scenario, dialect), backupOf(scenario, dialect)];
  const fault = typeof scenario.fault === 'string' ? scenario.fault : scenario.fault[dialect] ?? scenario.fault.other;
  await setPlan(stack, model, fault);
  const start = now();
  const seen = await seeAnswer(stack.port, dialect, model, scenario.limitMs);
  const [primary, fallback] = [await attemptsAt(stack, model, start), await attemptsAt(stack, backup, start)];
  const alive = await seeAnswer(stack.port, dialect, backup, 10_000);
  return { ...seen, expected, backup, primary, fallback, alive: { ...alive, expected } };
}

// Twenty requests while the provider is down and after: all are served, and the primary is used again.
async function playSequence(stack, scenario, dialect, expected) {
  const [model, backup] = [modelOf(scenario, dialect), backupOf(scenario, dialect)];
  const request = async () => ({ ...await seeAnswer(stack.port, dialect, model, scenario.limitMs), expected });
  const plays = [];
  await setPlan(stack, model, scenario.fault);
  for (let i = 0; i < 12; i++) {
    plays.push(await request());
    await pause(30); // the pace of the requests, which nothing is measured by
  }
  const nPrimary = (await attemptsAt(stack, model, 0n)).length;
  await dropPlan(stack, model);
  const isBack = await waitFor('the return to the primary', async () => {
    plays.push(await request());
    return plays.at(-1).model?.split('~')[0] === model;
  }, { limitMs: 10_000, everyMs: 100 }).catch(() => false);
  for (let i = 0; i < 5 && isBack; i++) {
    plays.push(await request());
  }
  const failed = plays.find((play) => !isRescued(play));
  return { ...(failed ?? plays.at(-1)), backup, isBack, nPrimary, n: plays.length };
}

// Plays one scenario in one dialect; {grade, why, play}.
export async function playScenario(stack, scenario, dialect) {
  const { text: expected } = await seeAnswer(stack.port, dialect, backupOf(scenario, dialect), 10_000);
  if (scenario.isSequence) {
    const play = await playSequence(stack, scenario, dialect, expected);
    const { grade, why } = gradeOf(scenario, play);
    const isGood = play.isBack && isRescued(play);
    return { grade: isGood ? grade : 'fail', why: [play.isBack ? '' : 'no return to the primary within 10 s', ...why], play };
  }
  const play = await playOnce(stack, scenario, dialect, expected);
  return { ...gradeOf(scenario, play), play };
}


// SPDX-License-Identifier: MIT
// Recorded answers, cut at many bytes or at every one of them, for the client of every dialect.
import { CutBench, clients, dialectOfClient, framings, lastOffset, wireFor } from './cutter.mjs';
import { judge, readWhole } from './cut_judge.mjs';
import { arrayOf, recordedAnswers } from './recorded.mjs';
import { random } from './random_json.mjs';

const everyByteBelow = 4096;

// Who asks for an answer, and how: {answer, client, streams, isOdd}. Odd is what no provider should do: a stream for
// who wants none, and the other way round.
function* askersOf(answer) {
  const isNative = (client) => dialectOfClient(client) === answer.dialect;
  for (const client of clients) {
    const isArray = client === 'gemini-array';
    const base = { answer, client, isOdd: false };
    if (answer.kind === 'array') {
      if (isArray) yield { ...base, streams: true };
    } else if (answer.kind === 'stream') {
      if (!isArray || !isNative(client)) yield { ...base, streams: true };
      if (!isArray && !isNative(client)) yield { ...base, streams: false, isOdd: true };
    } else if (answer.kind === 'count') {
      if (client === 'anthropic' || client === 'gemini') yield { ...base, streams: false };
    } else if (!isArray) {
      yield { ...base, streams: false };
      yield { ...base, streams: true, isOdd: true };
    }
  }
}

function allAskers() {
  const answers = recordedAnswers();
  const arrays = answers.filter(({ kind, dialect }) => kind === 'stream' && dialect === 'gemini').map(arrayOf);
  return [...answers, ...arrays].flatMap((answer) => [...askersOf(answer)]);
}

// Where something changes: the bytes about the first content and about the end.
function edgesOf({ first, content, from, to, body }) {
  return [0, 1, first - 1, first, content - 1, content, from - 1, from, to - 1, to, body.length].filter(Number.isFinite);
}

// A few offsets of an answer: {offset, framing, end}.
function* someCuts(asker, rng, { n, isEarly }) {
  const { answer } = asker;
  const edges = edgesOf(answer);
  for (let i = 0; i < n; i++) {
    const framing = rng.pick(framings);
    const last = lastOffset(answer, framing);
    const below = isEarly && rng.chance(0.75) ? Math.max(1, Math.min(answer.content, last)) : last + 1;
    const offset = rng.chance(0.4) ? rng.pick(edges) : rng.chance(0.1) ? -rng.below(wireFor(answer, framing).head + 1) : rng.below(below);
    yield { offset: Math.min(offset, last), framing, end: rng.chance(0.2) ? 'rst' : 'fin' };
  }
}

// Every byte that there is to be cut at; above 4 KB the edges of events, and some more. The framing takes turns, but
// at the edges all of them come, with both ways of ending a connection. With retries every seventh byte has to do.
function* allCuts({ answer, client, isOdd }, rng, retries) {
  const size = answer.body.length;
  const turn = clients.indexOf(client);
  const stride = isOdd || retries ? 7 : 1;
  for (let offset = retries ? turn : 0; offset <= Math.min(size, everyByteBelow); offset += stride) {
    const framing = framings[(offset + turn) % framings.length];
    yield { offset: Math.min(offset, lastOffset(answer, framing)), framing, end: (offset + turn) % 5 === 0 ? 'rst' : 'fin' };
  }
  const far = answer.boundaries.filter((at) => at > everyByteBelow).slice(0, 2000).flatMap((at) => [at - 1, at, at + 1]);
  const others = size > everyByteBelow ? Array.from({ length: 50 }, () => everyByteBelow + rng.below(size - everyByteBelow)) : [];
  for (const offset of isOdd ? others : [...far, ...others]) {
    const framing = rng.pick(framings);
    yield { offset: Math.min(offset, lastOffset(answer, framing)), framing, end: rng.chance(0.2) ? 'rst' : 'fin' };
  }
  for (const framing of framings) {
    const last = lastOffset(answer, framing);
    const head = wireFor(answer, framing).head;
    const ends = Array.from({ length: Math.max(0, last - size) }, (_, i) => size + 1 + i);
    const heads = isOdd ? [-head] : Array.from({ length: head }, (_, i) => -1 - i).filter((at) => -at % 9 === turn);
    for (const offset of [...edgesOf(answer), ...ends, ...heads].filter((at) => at <= last)) {
      for (const end of ['fin', 'rst']) yield { offset, framing, end };
    }
  }
}

// What a gateway in good health does well: a whole answer in its own dialect.
function cureOf(job) {
  const { dialect } = job.answer;
  const answer = cures[dialect];
  return { answer, client: dialect, streams: false, offset: 0 };
}

const cures = Object.fromEntries(recordedAnswers().filter(({ kind }) => kind === 'whole').map((answer) => [answer.dialect, answer]));

// All cuts, or of every hundred so many.
function* jobsOf(askers, cutsOf, retries, rng, percent) {
  for (const asker of askers) {
    if (retries && asker.answer.kind === 'error') continue;
    for (const cut of cutsOf(asker)) {
      if (percent >= 100 || rng.below(100) < percent) yield { ...asker, ...cut, retries };
    }
  }
}

// What comes without a cut, for each asker.
async function readWholes(bench, askers) {
  const wholes = new Map();
  const keyOf = ({ answer, client, streams }) => `${answer.name} ${client} ${streams}`;
  const jobs = askers.map((asker) => ({ ...asker, framing: 'length', offset: 0, end: 'whole' }));
  await bench.run(jobs, (job, got) => wholes.set(keyOf(job), readWhole(job, got)), cureOf);
  return (job) => wholes.get(keyOf(job));
}

// What is tried after a cut, and what of an answer is kept until it is known to be good.
const settings = {
  undefined: { KEY_POOL_RETRY_ENABLED: 'false' },
  'nothing held': {},
  held: { STREAM_HOLD_BACK_EVENTS: '1' },
  'all held': { STREAM_HOLD_BACK_MS: '-1' },
};

// Cuts answers. `retries`: undefined for none; else the second attempt is whole, and a name of `settings` says what is
// held back. `isEvery`: at every byte below 4 KB, else `n` times for each asker. Gives how often what came of it.
export async function runCuts({ retries, isEvery = false, n = 6, seed, release = false, only = () => true, onFailure }) {
  const rng = random(seed);
  const bench = await CutBench.start({ release, env: settings[retries] });
  const verdicts = {};
  try {
    const askers = allAskers().filter(only);
    const wholeOf = await readWholes(bench, askers);
    const cutsOf = (asker) => (isEvery ? allCuts(asker, rng, retries) : someCuts(asker, rng, { n, isEarly: retries !== undefined }));
    const percent = isEvery ? Number(process.env.CUTS_PERCENT ?? 5) : 100;
    await bench.run(jobsOf(askers, cutsOf, retries, random(seed + 1), percent), (job, got) => {
      try {
        const verdict = judge(job, got, wholeOf(job));
        verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
      } catch (error) {
        if (error.job === undefined) throw error;
        onFailure(error);
      }
    }, cureOf);
  } finally {
    await bench.stop();
  }
  return verdicts;
}

const shownMax = 3;

// A test of it: fails with the first cuts that went wrong, and with how many did.
export async function checkCuts(t, options) {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  const kinds = new Map();
  const verdicts = await runCuts({
    ...options,
    seed,
    onFailure: (error) => {
      const kind = `${error.why}: ${error.job.client} ← ${error.job.answer.dialect}, ${error.job.answer.kind}`;
      const known = kinds.get(kind) ?? { n: 0, first: error.message };
      kinds.set(kind, { ...known, n: known.n + 1 });
    },
  });
  const counts = Object.entries(verdicts).map(([name, n]) => `${n} ${name}`).join(', ');
  t.diagnostic(`${counts}; SEED=${seed}`);
  if (kinds.size > 0) {
    const list = [...kinds].map(([kind, { n }]) => `${n} × ${kind}`).join('\n');
    const first = [...kinds.values()].slice(0, shownMax).map((kind) => kind.first).join('\n\n');
    throw new Error(`SEED=${seed}\n${list}\n\n${first}`);
  }
}

// SPDX-License-Identifier: MIT
// A gateway that is killed again and again while an operator changes its keys and clients use them. After each start
// everything that was acknowledged must be there.
import assert from 'node:assert/strict';
import { admin, ask, documentKey, startPool } from './pool.mjs';
import { random } from './random_json.mjs';
import { pause } from './wait.mjs';

const COUNTERS_MAY_LOSE_MS = 1000;
const SLACK_MS = 400; // of a busy machine: an answer is seen here a little after it was counted there

// What an operator has been told, and what he is waiting for.
class Operator {
  constructor(stack, rng) {
    this.stack = stack;
    this.rng = rng;
    this.known = new Map(); // id → {secret, notes, status}
    this.pending = null; // {id?, apply}: a change that may or may not have happened
    this.n_changes = 0;
    this.n_secrets = 0;
  }

  // The next change: its request, and what it does to what is known.
  #next() {
    const dice = this.rng.next();
    const id = this.rng.pick([...this.known.keys()]);
    if (id === undefined || dice < 0.45) {
      const secret = `fk-kill-${++this.n_secrets}`;
      return { request: ['POST', '/keys', { key: secret }], apply: (data) => this.known.set(data.id, { secret, notes: '', status: 'active' }) };
    }
    const key = this.known.get(id);
    if (dice < 0.6) {
      return { request: ['DELETE', `/keys/${id}`], id, apply: () => this.known.delete(id) };
    }
    if (dice < 0.8) {
      const notes = `note ${this.n_changes}`;
      return { request: ['PATCH', `/keys/${id}/notes`, { notes }], id, apply: () => (key.notes = notes) };
    }
    const status = key.status === 'active' ? 'disabled' : 'active';
    return { request: ['PATCH', `/keys/${id}/toggle`, { status }], id, apply: () => (key.status = status) };
  }

  // Changes things until the connection breaks.
  async work() {
    for (;;) {
      const change = this.#next();
      this.pending = change;
      let data;
      try {
        data = await admin(this.stack.gateway, ...change.request);
      } catch (error) {
        if (error.code === 'ERR_ASSERTION') {
          throw error; // an answer, and not the one that was to come
        }
        return;
      }
      change.apply(data);
      this.pending = null;
      this.n_changes++;
    }
  }

  // Is the document what was acknowledged, but for the change under way?
  check(document) {
    const there = new Map(document.keys.map((key) => [key.id, key]));
    for (const [id, { secret, notes, status }] of this.known) {
      const key = there.get(id);
      const isPending = this.pending?.id === id;
      if (!key) {
        assert.ok(isPending && this.pending.request[0] === 'DELETE', `${secret} was acknowledged and is gone`);
        this.known.delete(id);
        continue;
      }
      assert.equal(key.key, secret);
      if (!isPending) {
        assert.equal(key.notes ?? '', notes, `${secret}: its notes`);
        assert.equal(key.status, status, `${secret}: its status`);
      } else {
        Object.assign(this.known.get(id), { notes: key.notes ?? '', status: key.status });
      }
      there.delete(id);
    }
    const pendingSecret = this.pending?.request[2]?.key;
    for (const { id, key, status } of there.values()) {
      if (key === 'the-server') {
        continue;
      }
      assert.equal(key, pendingSecret, `${key} is there although it was deleted, or never added`);
      this.known.set(id, { secret: key, notes: '', status });
    }
    this.pending = null;
  }
}

// Sends requests until the connection breaks; notes when each answer was there.
async function use(stack, answered) {
  for (;;) {
    const response = await ask(stack).catch(() => null);
    if (response?.status !== 200 || !response.isComplete) {
      return;
    }
    answered.push(Date.now());
  }
}

// Traffic has a key and a tier of its own, so that what counts is one number.
const document = {
  poolGroups: [{ id: 'first', name: 'First', priority: 1 }],
  config: { multiTier: { enabled: true, autoFallback: true, strictMode: false } },
};
const server = documentKey('the-server', { poolGroup: 'first' });

export async function runKills({ n_kills, seed = Number(process.env.SEED ?? Date.now() % 2 ** 31) }) {
  const rng = random(seed);
  const stack = await startPool([server], { release: true, document });
  const operator = new Operator(stack, rng);
  let n_counted = 0;
  try {
    for (let i = 0; i < n_kills; i++) {
      const answered = [];
      const under_way = [operator.work(), use(stack, answered), use(stack, answered)];
      await pause(rng.chance(0.15) ? 1500 + rng.below(1000) : rng.below(400)); // the random moment
      const killedAt = Date.now();
      await stack.gateway.program.crash();
      await Promise.all(under_way);

      const stored = stack.gateway.readJson('data/key_pool.json'); // it parses
      operator.check(stored);
      const n_now = stored.keys.find(({ key }) => key === 'the-server').usage_count;
      const n_due = answered.filter((at) => at < killedAt - COUNTERS_MAY_LOSE_MS - SLACK_MS).length;
      assert.ok(n_now >= n_counted + n_due, `${n_now} uses are in the document; ${n_counted} and ${n_due} more were over a second old`);
      assert.ok(n_now <= n_counted + answered.length + 2, `${n_now} uses are in the document, ${n_counted + answered.length} were answered`);
      n_counted = n_now;

      await stack.gateway.launch();
      assert.equal((await admin(stack.gateway, 'GET', '/stats')).total, operator.known.size + 1);
    }
    assert.ok(operator.n_changes > n_kills && n_counted > 0, `only ${operator.n_changes} changes were acknowledged`);
  } catch (error) {
    throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
  } finally {
    await stack.stop();
  }
}

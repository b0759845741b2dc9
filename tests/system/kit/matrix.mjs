// SPDX-License-Identifier: MIT
// Tests of each client against each upstream, and the table of how they went.
import { sdkClients } from './sdk_clients.mjs';

export const clientNames = Object.keys(sdkClients);

// The model that an upstream of each dialect serves, as the gateway's clients know it.
export const upstreamModels = { chat: 'm-chat', responses: 'm-gpt', anthropic: 'm-claude', gemini: 'm-gemini' };
export const upstreamNames = Object.keys(upstreamModels);

export class Matrix {
  #rows = new Map(); // feature → client → upstream → did it pass? Absent: no such pair

  // A subtest for each pair; `check(client, upstream)` has names. `only` narrows the clients, `isTranslated` leaves out
  // the pairs of one dialect: other tests have those.
  async run(t, feature, check, { only = clientNames, isTranslated = false } = {}) {
    const row = {};
    this.#rows.set(feature, row);
    for (const client of only) {
      row[client] = {};
      for (const upstream of upstreamNames) {
        if (isTranslated && client === upstream) continue;
        await t.test(`${feature}: ${client} → ${upstream}`, async () => {
          row[client][upstream] = false;
          await check(client, upstream);
          row[client][upstream] = true;
        });
      }
    }
  }

  // One table, clients down and upstreams across, for each feature.
  print() {
    const mark = (went) => ({ true: 'ok', false: 'FAIL' })[went] ?? '-';
    const head = upstreamNames.map((name) => name.padStart(10)).join('');
    const lines = [];
    for (const [feature, row] of this.#rows) {
      lines.push(`${feature.padEnd(28)}${head}`);
      for (const client of Object.keys(row)) {
        const cells = upstreamNames.map((name) => mark(row[client][name]).padStart(10)).join('');
        lines.push(`  ${client.padEnd(26)}${cells}`);
      }
    }
    return lines.join('\n');
  }
}

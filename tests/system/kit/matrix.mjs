// SPDX-License-Identifier: MIT
// Tests of each client against each upstream, and the table of how they went.
import { sdkClients } from './sdk_clients.mjs';

export const clientNames = Object.keys(sdkClients);

// The model that an upstream of each dialect serves, as the gateway's clients know it.
export const upstreamModels = { chat: 'm-chat', responses: 'm-gpt', anthropic: 'm-claude', gemini: 'm-gemini' };
export const upstreamNames = Object.keys(upstreamModels);

export class Matrix {
  #rows = new Map(); // feature → client → upstream → true | false

  // A subtest for each pair. `check(client, upstream)` has names, and may return why the pair is none of its business;
  // `only` narrows the clients.
  async run(t, feature, check, { only = clientNames } = {}) {
    const row = {};
    this.#rows.set(feature, row);
    for (const client of only) {
      row[client] = {};
      for (const upstream of upstreamNames) {
        await t.test(`${feature}: ${client} → ${upstream}`, async (t) => {
          row[client][upstream] = false;
          const reason = await check(client, upstream);
          row[client][upstream] = reason === undefined ? true : undefined;
          if (reason !== undefined) {
            t.skip(reason);
          }
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

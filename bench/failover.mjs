// SPDX-License-Identifier: MIT
// What a request costs that fails over once, as a multiple of one that does not: the first model refuses it for its
// length, so that neither a wait nor a breaker comes in between, and the fallback answers.
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';

import { target } from './report.mjs';
import { median } from './rounds.mjs';
import { LAYOUT, prepareGateway, startPrepared } from './servers.mjs';

const GOOD = 'sim~tokens=20';
const REFUSING = 'sim~status=400~why=context';

export async function failoverOnce(bench) {
  const { type } = bench.dialect;
  const models = [{ id: GOOD, type }, { id: REFUSING, type, fallbacks: [GOOD] }];
  const dir = mkdtempSync(join(bench.dir, 'failover-'));
  const server = await startPrepared('gateway', await prepareGateway(bench.programs, dir, bench.simulator.port, models), LAYOUT.apart.gateway);
  const cpu = { [GOOD]: [], [REFUSING]: [] };
  const run = (model, n) => {
    const body = bench.writeBody(dir, 'body.json', bench.dialect, model, false, 200);
    const url = server.urls.whole + bench.dialect.path(model, false);
    return bench.measure('gateway', server, 'json', LAYOUT.apart.load, { url, body, connections: 8, requests: n }, undefined, model === GOOD ? 1 : 2);
  };
  try {
    for (let round = -1; round < bench.pick(9, 3); round++) {
      for (const model of round % 2 === 0 ? [GOOD, REFUSING] : [REFUSING, GOOD]) {
        const result = await run(model, bench.pick(6000, 3000));
        if (round >= 0) cpu[model].push(result.cpu);
      }
    }
  } finally {
    await server.stop();
  }
  const ratio = median(cpu[REFUSING]) / median(cpu[GOOD]);
  return [{ scenario: 'small JSON, c=8, failing over once', figure: 'CPU, of that of one attempt, ×', ours: ratio, targets: [target.atMost(2)] }];
}

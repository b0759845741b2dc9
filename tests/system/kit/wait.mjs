// SPDX-License-Identifier: MIT
// Waiting for something that must happen, with a limit: the only kind of waiting in these tests.

export const now = () => process.hrtime.bigint(); // CLOCK_MONOTONIC, the simulator's clock too

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function within(limitMs, what, promise) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

// Polls until `condition()` gives something truthy, and gives it back. An exception counts as "not yet", unless
// `fatal()` says that waiting is useless.
export async function waitFor(what, condition, { limitMs = 10_000, everyMs = 5, fatal = () => false } = {}) {
  const deadline = Date.now() + limitMs;
  let failure;
  for (;;) {
    try {
      const value = await condition();
      if (value) {
        return value;
      }
      failure = undefined;
    } catch (error) {
      if (fatal()) {
        throw error;
      }
      failure = error;
    }
    if (Date.now() > deadline) {
      throw new Error(`no ${what} within ${limitMs} ms`, { cause: failure });
    }
    await pause(everyMs);
  }
}

// Waits until `measure()` has given the same value for `quietMs`, and gives that value back.
export async function waitStable(what, measure, { quietMs = 400, limitMs = 30_000 } = {}) {
  let last = await measure();
  let since = Date.now();
  await waitFor(`standstill of ${what}`, async () => {
    const value = await measure();
    if (value !== last) {
      last = value;
      since = Date.now();
    }
    return Date.now() - since >= quietMs;
  }, { limitMs, everyMs: 20 });
  return last;
}

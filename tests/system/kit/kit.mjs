// SPDX-License-Identifier: MIT
// Everything a system test needs, under one name.
export * from './abort.mjs';
export * from './dialects.mjs';
export * from './listen.mjs';
export * from './pool.mjs';
export * from './program.mjs';
export * from './prometheus.mjs';
export * from './proxy.mjs';
export * from './recorder.mjs';
export * from './stack.mjs';
export * from './tls.mjs';
export * from './wait.mjs';
export * from './wire.mjs';

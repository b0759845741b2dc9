// SPDX-License-Identifier: MIT
// Runs the load generator.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import { ACCESS_KEY, pinned } from './servers.mjs';

function toArguments(options) {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => [`--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`, String(value)]);
}

// Resolves with the load generator's result. `onEvent(name, marker, child)` hears its markers as they come.
export async function runLoad(program, mode, core, options, onEvent = () => {}) {
  const args = [mode, '--header', `Authorization: Bearer ${ACCESS_KEY}`, ...toArguments(options)];
  const command = pinned(core, [program, ...args]);
  const child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let result;
  for await (const line of createInterface({ input: child.stdout })) {
    const value = JSON.parse(line);
    if (value.event !== undefined) onEvent(value.event, value, child);
    else result = value;
  }
  await ended;
  if (result === undefined) throw new Error(`bench-load ${mode} gave no result`);
  return result;
}

export async function firstAnswer(program, url, prepared) {
  const args = ['first', '--url', url, '--header', `Authorization: Bearer ${ACCESS_KEY}`, '--', ...prepared.command];
  const child = spawn(program, args, { ...prepared.options, stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  for await (const part of child.stdout) text += part;
  const result = JSON.parse(text);
  if (result.status !== 200) throw new Error(`${prepared.command[0]}: no answer after start`);
  return result.first_answer / 1000;
}

// SPDX-License-Identifier: MIT
// Rows of figures → the table.
import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release } from 'node:os';

// Targets. Each says what it wants and whether a row reaches it.
export const target = {
  ratio: (limit) => ({ text: `≤ ${limit}× nginx`, isMet: (row) => row.ours <= limit * row.nginx }),
  atMost: (limit) => ({ text: `≤ ${limit}`, isMet: (row) => row.ours <= limit }),
  atLeast: (limit) => ({ text: `≥ ${limit}`, isMet: (row) => row.ours >= limit }),
  above: (margin) => ({ text: `≤ nginx + ${margin}`, isMet: (row) => row.ours <= row.nginx + margin }),
};

function number(value) {
  if (value === undefined) return '';
  if (value === 0) return '0';
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function cellsOf(row) {
  const ratio = row.nginx > 0 ? (row.ours / row.nginx).toFixed(2) : '';
  const targets = row.targets ?? [];
  const verdict = targets.map((t) => (t.isMet(row) ? 'ok' : 'MISS')).join(', ');
  const figures = [number(row.ours), number(row.nginx), ratio, number(row.direct)];
  return [row.scenario, row.figure, ...figures, targets.map((t) => t.text).join(', '), verdict];
}

const HEAD = ['scenario', 'figure', 'droid2api', 'nginx', 'ratio', 'direct', 'target', ''];

export function table(rows) {
  const lines = [HEAD, ...rows.map(cellsOf)];
  const widths = HEAD.map((_, i) => Math.max(3, ...lines.map((cells) => cells[i].length)));
  const isNumber = (i) => i >= 2 && i <= 5;
  const pad = (cell, i) => (isNumber(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]));
  const toLine = (cells) => `| ${cells.map(pad).join(' | ')} |`;
  const rule = `|${widths.map((w, i) => '-'.repeat(w + 1) + (isNumber(i) ? ':' : '-')).join('|')}|`;
  return [toLine(lines[0]), rule, ...lines.slice(1).map(toLine)].join('\n');
}

function versionOf(pkg) {
  try {
    const options = { stdio: ['ignore', 'pipe', 'ignore'] };
    return execFileSync('dpkg-query', ['-W', '-f', '${Version}', pkg], options).toString();
  } catch {
    return 'unknown';
  }
}

export function conditions(versions) {
  const packages = ['nginx', 'libuv1', 'libssl3', 'libc6'].map((name) => `${name} ${versionOf(name)}`);
  const memory = /MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'latin1'))[1] / 1048576;
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${cpus().length} × ${cpus()[0].model.trim()}, ${memory.toFixed(0)} GB`;
  return [
    `${date}; Linux ${release().replace(/-.*/, '')}; ${machine}`,
    `${versions}; ${packages.join(', ')}`,
    `load average before the run ${loadavg()[0].toFixed(2)}`,
  ];
}

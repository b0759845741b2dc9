// SPDX-License-Identifier: MIT
// Random JSON texts, written so that any re-serialisation would show: odd white space, needless escapes, numbers that no
// double holds, duplicate keys.

// mulberry32: small, seedable, good enough to choose tokens.
export function random(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n) => Math.floor(next() * n);
  return { next, below, pick: (list) => list[below(list.length)], chance: (p) => next() < p };
}

const spaces = ['', '', '', ' ', '  ', '\n', '\r\n', '\t', ' \n\t '];
const numbers = ['0', '-0', '0.0', '1E400', '1e-400', '12345678901234567890.10', '-1.5e+03', '1.0', '9007199254740993',
  '3.141592653589793238462643383279', '1E0', '100000000000000000000000000000000000001'];
const letters = ['a', 'Z', ' ', '/', '\\/', '\\"', '\\\\', '\\n', '\\u0041', '\\u00e9', '\\u0000', '\\ud83d\\ude00',
  '\\ud800', 'é', '漢', '😀', '\u2028', '\x7f', '<', '&', 'null', '{', ']'];

export function randomJson(rng) {
  const space = () => rng.pick(spaces);
  const string = () => `"${Array.from({ length: rng.below(8) }, () => rng.pick(letters)).join('')}"`;
  const list = (open, close, item) => {
    const items = Array.from({ length: rng.below(5) }, () => space() + item() + space());
    return open + (items.length ? items.join(',') : space()) + close;
  };
  let depth = 0;
  const value = () => {
    const kind = depth > 5 ? rng.below(4) : rng.below(6);
    if (kind < 4) {
      return [string, () => rng.pick(numbers), () => rng.pick(['true', 'false', 'null']), string][kind]();
    }
    depth++;
    const text = kind === 4 ? list('[', ']', value) : list('{', '}', member);
    depth--;
    return text;
  };
  const member = () => {
    const name = rng.pick(['"same"', '"same"', '""', string()]); // names repeat
    return `${name}${space()}:${space()}${value()}`;
  };
  return { space, string, value, member };
}

// A request body: random members, and among them the given ones ([name, value text]) in any order. Gives the text, and
// where the value of each given member stands in it.
export function randomBody(rng, given) {
  const { space, member } = randomJson(rng);
  const members = Array.from({ length: 3 + rng.below(6) }, () => ({ text: member() }));
  for (const [name, value] of given) {
    members.splice(rng.below(members.length + 1), 0, { name, head: `"${name}"${space()}:${space()}`, value });
  }
  let text = `${space()}{`;
  const spans = {};
  members.forEach(({ text: other, name, head, value }, i) => {
    text += (i > 0 ? ',' : '') + space();
    if (name === undefined) {
      text += other;
    } else {
      text += head;
      spans[name] = { start: Buffer.byteLength(text), length: Buffer.byteLength(value) };
      text += value;
    }
    text += space();
  });
  return { bytes: Buffer.from(`${text}}${space()}`), spans };
}

/** Parts of Go's patterns that stand for one character of several: escapes and what stands between brackets. */

/** The ASCII classes: pairs of first and last characters. */
const CLASSES: Readonly<Record<string, string>> = {
  alnum: '09AZaz',
  alpha: 'AZaz',
  ascii: '\0\x7f',
  blank: '\t\t  ',
  cntrl: '\0\x1f\x7f\x7f',
  digit: '09',
  graph: '!~',
  lower: 'az',
  print: ' ~',
  punct: '!/:@[`{~',
  space: '\t\r  ',
  upper: 'AZ',
  word: '09AZ__az',
  xdigit: '09AFaf',
};
const PLAIN: Readonly<Record<string, string>> = { a: '\x07', f: '\f', t: '\t', n: '\n', r: '\r', v: '\v' };

const CODE = /\\(?:x([\da-fA-F]{2})|x\{([\da-fA-F]{1,6})\}|([1-7][0-7]{1,2}|0[0-7]{0,2}))/y;
const PROPERTY = /\\([pP])(?:([A-Z])|\{(\^?)([A-Za-z_]+)\})/y;
const NAMED = /\[:(\^?)(\w+):\]/y;
/** Without the vertical tab and the spaces beyond ASCII that JavaScript counts. */
const SPACE = '\\t\\n\\f\\r ';

/** A part of a pattern: its length in the source, and what stands for it in JavaScript, with the flag u. */
export interface Part {
  readonly length: number;
  readonly source: string;
}

/** Outside of brackets: an escape that stands for a character. Throws SyntaxError with a plain reason. */
export function escapePart(pattern: string, at: number): Part {
  const letter = pattern[at + 1] ?? '';
  if (/^[dDwW]$/.test(letter)) return { length: 2, source: `\\${letter}` };
  if (letter === 's' || letter === 'S') return { length: 2, source: `[${letter === 's' ? '' : '^'}${SPACE}]` };
  return property(pattern, at) ?? character(literal(pattern, at));
}

/** `[...]`, from its opening bracket. Throws SyntaxError with a plain reason. */
export function classPart(pattern: string, start: number): Part {
  let at = start + 1;
  const negated = pattern[at] === '^';
  if (negated) at += 1;
  let source = '';
  for (let first = true; first || pattern[at] !== ']'; first = false) {
    if (at >= pattern.length) throw new SyntaxError('a ] is missing');
    const member = memberPart(pattern, at);
    source += member.source;
    at += member.length;
  }
  // A pair of brackets that holds nothing in JavaScript holds something in Go: there is no empty one.
  return { length: at + 1 - start, source: `[${negated ? '^' : ''}${source}]` };
}

export function quoted(text: string): string {
  return Array.from(text, escaped).join('');
}

function memberPart(pattern: string, at: number): Part {
  const set = named(pattern, at) ?? classEscape(pattern, at);
  if (set !== undefined) return set;
  const low = literal(pattern, at);
  const dash = at + low.length;
  if (pattern[dash] !== '-' || pattern[dash + 1] === ']' || pattern[dash + 1] === undefined) return character(low);
  if (classEscape(pattern, dash + 1) !== undefined) return character(low);
  const high = literal(pattern, dash + 1);
  return { length: low.length + 1 + high.length, source: `${point(low.code)}-${point(high.code)}` };
}

function classEscape(pattern: string, at: number): Part | undefined {
  if (pattern[at] !== '\\') return undefined;
  const letter = pattern[at + 1] ?? '';
  if (/^[dDwW]$/.test(letter)) return { length: 2, source: `\\${letter}` };
  if (letter === 's') return { length: 2, source: SPACE };
  if (letter === 'S') return { length: 2, source: '\\0-\\x08\\x0b\\x0e-\\x1f!-\\u{10ffff}' };
  return property(pattern, at);
}

function named(pattern: string, at: number): Part | undefined {
  NAMED.lastIndex = at;
  const found = NAMED.exec(pattern);
  if (found === null) return undefined;
  const [text, negated, name = ''] = found;
  const pairs = Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined;
  if (pairs === undefined) throw new SyntaxError(`there is no class ${text}`);
  return { length: text.length, source: ranges(pairs, negated === '^') };
}

function ranges(pairs: string, negated: boolean): string {
  const codes = Array.from(pairs, (char) => char.charCodeAt(0));
  // The gaps between the pairs start after the end of one and stop before the start of the next.
  const ends = negated ? [0, ...codes.map((code, i) => (i % 2 === 0 ? code - 1 : code + 1)), 0x10ffff] : codes;
  let source = '';
  for (let i = 0; i < ends.length; i += 2) {
    const [low = 0, high = 0] = ends.slice(i, i + 2);
    if (low <= high) source += `${point(low)}-${point(high)}`;
  }
  return source;
}

/** `\pL`, `\p{Greek}`, `\p{^Lu}`: general categories have one or two letters, scripts more. */
function property(pattern: string, at: number): Part | undefined {
  PROPERTY.lastIndex = at;
  const found = PROPERTY.exec(pattern);
  if (found === null) return undefined;
  const [text, letter, short, negated, long = ''] = found;
  const name = short ?? (long.length <= 2 || long === 'Any' ? long : `Script=${long}`);
  const positive = (letter === 'p') !== (negated === '^');
  return { length: text.length, source: `\\${positive ? 'p' : 'P'}{${name}}` };
}

interface Literal {
  readonly length: number;
  readonly code: number;
}

function literal(pattern: string, at: number): Literal {
  const first = pattern.codePointAt(at) ?? 0;
  if (pattern[at] !== '\\') return { length: first > 0xffff ? 2 : 1, code: first };
  CODE.lastIndex = at;
  const code = CODE.exec(pattern);
  if (code !== null) {
    const [text, two, braces, octal] = code;
    return { length: text.length, code: octal === undefined ? parseInt(two ?? braces ?? '', 16) : parseInt(octal, 8) };
  }
  const letter = pattern[at + 1] ?? '';
  const plain = Object.hasOwn(PLAIN, letter) ? PLAIN[letter] : undefined;
  if (plain !== undefined) return { length: 2, code: plain.charCodeAt(0) };
  if (/^[!-/:-@[-`{-~ ]$/.test(letter)) return { length: 2, code: letter.charCodeAt(0) };
  throw new SyntaxError(letter === '' ? 'it ends with a backslash' : `\\${letter} is not available`);
}

function character({ length, code }: Literal): Part {
  return { length, source: point(code) };
}

function point(code: number): string {
  if (code > 0x10ffff) throw new SyntaxError(`\\x{${code.toString(16)}} is not a character`);
  return escaped(String.fromCodePoint(code));
}

/** A character that stands for itself, inside brackets and outside. */
function escaped(char: string): string {
  if (/^[$()*+./?[\\\]^{|}-]$/.test(char)) return char === '-' ? '\\x2d' : `\\${char}`;
  return char < ' ' ? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}` : char;
}

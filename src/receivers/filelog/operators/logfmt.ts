import type { Value } from './entry.ts';
import { unescaped } from './escapes.ts';
import { MAX_PAIRS } from './key-values.ts';

const QUOTE = 0x22;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/**
 * Pairs of logfmt, as Heroku and Go programs write it:
 *
 *   line  = { blank | pair }         pair  = key [ "=" value ]
 *   key   = what is no blank, = or " value = quoted text with the escapes of Go and JSON, or what is no blank
 *
 * A key alone is true, `key=` is an empty text, of a key that stands twice the last counts. Returns the reason when
 * there is no pair with a value: then the line is something else.
 */
export function parseLogfmt(text: string): Map<string, Value> | string {
  const values = new Map<string, Value>();
  let hasValue = false;
  for (let at = 0; ;) {
    while (text.charCodeAt(at) <= 0x20) at += 1;
    if (at >= text.length) break;
    if (values.size >= MAX_PAIRS) return `there are more than ${MAX_PAIRS} pairs`;
    const keyEnd = endOfKey(text, at);
    const key = text.slice(at, keyEnd);
    if (key === '') return `a key is missing before ${JSON.stringify(text.slice(at, at + 20))}`;
    at = keyEnd;
    if (text.charCodeAt(at) !== EQUALS) {
      if (text.charCodeAt(at) === QUOTE) return `a quote stands in the key ${JSON.stringify(key)}`;
      values.set(key, true);
      continue;
    }
    at += 1;
    hasValue = true;
    const isQuoted = text.charCodeAt(at) === QUOTE;
    const end = isQuoted ? endOfQuoted(text, at + 1) : endOfPlain(text, at);
    if (end === -1) return `the value of ${JSON.stringify(key)} is not closed`;
    if (isQuoted && text.charCodeAt(end + 1) > 0x20)
      return `the value of ${JSON.stringify(key)} goes on after its quote`;
    values.set(key, isQuoted ? unescaped(text.slice(at + 1, end)) : text.slice(at, end));
    at = isQuoted ? end + 1 : end;
  }
  return hasValue ? values : 'there is no key=value';
}

function endOfKey(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code <= 0x20 || code === EQUALS || code === QUOTE) return at;
  }
  return text.length;
}

function endOfPlain(text: string, from: number): number {
  for (let at = from; at < text.length; at++) if (text.charCodeAt(at) <= 0x20) return at;
  return text.length;
}

/** Where the closing quote stands; -1 when there is none. */
function endOfQuoted(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at += 1;
  }
  return -1;
}

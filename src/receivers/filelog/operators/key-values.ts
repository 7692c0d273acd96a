import type { Value } from './entry.ts';

/** More pairs on one line are no log line any more. */
export const MAX_PAIRS = 4096;

const SPACE = 0x20;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;

/**
 * Pairs of the Collector's key_value_parser: what stands between single or double quotes is not split, the quotes go,
 * blanks around keys and values go. Every pair needs the delimiter. There are no escapes.
 */
export function keyValueParse(delimiter: string, pairDelimiter: string): (text: string) => Map<string, Value> | string {
  const first = delimiter.charCodeAt(0);
  return (text) => {
    const values = new Map<string, Value>();
    for (let at = 0; at < text.length;) {
      const separator = separatorLength(text, at, pairDelimiter);
      if (separator > 0) {
        at += separator;
        continue;
      }
      const pair = readPair(text, at, { delimiter, first, pairDelimiter });
      if (typeof pair === 'string') return pair;
      if (values.size >= MAX_PAIRS) return `there are more than ${MAX_PAIRS} pairs`;
      values.set(pair.key, pair.value);
      at = pair.end;
    }
    return values.size === 0 ? 'there are no pairs' : values;
  };
}

/** How long the separator of pairs at `at` is; 0 when there is none. */
function separatorLength(text: string, at: number, pairDelimiter: string): number {
  if (pairDelimiter === '') return text.charCodeAt(at) <= SPACE ? 1 : 0;
  return text.startsWith(pairDelimiter, at) ? pairDelimiter.length : 0;
}

interface Pair {
  readonly key: string;
  readonly value: string;
  readonly end: number;
}

interface Delimiters {
  readonly delimiter: string;
  /** Its first code unit. */
  readonly first: number;
  readonly pairDelimiter: string;
}

function readPair(text: string, from: number, { delimiter, first, pairDelimiter }: Delimiters): Pair | string {
  let key: string | undefined;
  let part = '';
  let start = from;
  let at = from;
  while (at < text.length && separatorLength(text, at, pairDelimiter) === 0) {
    const code = text.charCodeAt(at);
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) {
      const end = text.indexOf(code === DOUBLE_QUOTE ? '"' : "'", at + 1);
      if (end === -1) return 'a quote is not closed';
      part += text.slice(start, at) + text.slice(at + 1, end);
      start = at = end + 1;
    } else if (code === first && key === undefined && text.startsWith(delimiter, at)) {
      key = part + text.slice(start, at);
      part = '';
      start = at += delimiter.length;
    } else at += 1;
  }
  if (key === undefined) return `"${text.slice(from, at)}" has no ${JSON.stringify(delimiter)}`;
  return { key: key.trim(), value: (part + text.slice(start, at)).trim(), end: at };
}

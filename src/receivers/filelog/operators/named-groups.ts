import { goPattern } from '../../../core/go-pattern.ts';
import { errorMessage } from '../../../core/errors.ts';
import type { Value } from './entry.ts';

export interface NamedPattern {
  /** Without the names, which would cost an object for each match. */
  readonly pattern: RegExp;
  readonly groups: readonly NamedGroup[];
}

interface NamedGroup {
  readonly name: string;
  /** Its number in the match. */
  readonly index: number;
  /** Where it stands in the source. */
  readonly at: number;
}

/** A pattern with its named groups. Throws SyntaxError for what is not a pattern, or has no named group. */
export function namedPattern(source: string): NamedPattern {
  const named = compile(source);
  const groups = groupsOf(named.source);
  if (groups.length === 0) throw new SyntaxError('the regex has no named group, such as (?P<level>\\w+)');
  return { pattern: new RegExp(withoutNames(named.source, groups), named.flags), groups };
}

function compile(source: string): RegExp {
  try {
    return goPattern(source);
  } catch (error) {
    throw new SyntaxError(errorMessage(error), { cause: error });
  }
}

function groupsOf(source: string): NamedGroup[] {
  const groups: NamedGroup[] = [];
  let index = 0;
  let isInClass = false;
  for (let at = 0; at < source.length; at++) {
    const char = source[at];
    if (char === '\\') at += 1;
    else if (char === '[') isInClass = true;
    else if (char === ']') isInClass = false;
    else if (char === '(' && !isInClass) {
      const name = /^\(\?<([^=!>][^>]*)>/.exec(source.slice(at, at + 200))?.[1];
      if (name !== undefined || source[at + 1] !== '?') index += 1;
      if (name !== undefined) groups.push({ name, index, at });
    }
  }
  return groups;
}

/** Go has no references to groups, so nothing else knows the names. */
function withoutNames(source: string, groups: readonly NamedGroup[]): string {
  let result = '';
  let from = 0;
  for (const { name, at } of groups) {
    result += source.slice(from, at + 1);
    from = at + '(?<>'.length + name.length;
  }
  return result + source.slice(from);
}

/** Parses with the pattern; remembers the results of `cacheSize` texts. A group that took no part is an empty text, as in Go. */
export function namedGroupParse(source: string, cacheSize: number): (text: string) => Map<string, Value> | string {
  const { pattern, groups } = namedPattern(source);
  const parse = (text: string): Map<string, Value> | string => {
    const match = pattern.exec(text);
    if (match === null) return 'the regex does not match';
    const values = new Map<string, Value>();
    for (const { name, index } of groups) values.set(name, match[index] ?? '');
    return values;
  };
  if (cacheSize === 0) return parse;
  const cache = new Map<string, Map<string, Value> | string>();
  return (text) => {
    const known = cache.get(text) ?? parse(text);
    if (!cache.has(text)) remember(cache, cacheSize, text, known);
    return typeof known === 'string' ? known : new Map(known);
  };
}

/** First in, first out. */
function remember<T>(cache: Map<string, T>, size: number, key: string, value: T): void {
  const [oldest] = cache.size >= size ? cache.keys() : [];
  if (oldest !== undefined) cache.delete(oldest);
  cache.set(key, value);
}

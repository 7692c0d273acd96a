import { pathPattern, type PathPattern } from './path-pattern.ts';

/**
 * Puts values that have ids in them together: `/users/4711` becomes `/users/{number}`, or what an own pattern says.
 *
 * An own pattern is a text with `{name}` for one part between slashes and, at its end, `*` for whatever follows. A value
 * that it matches up to its query becomes the pattern itself. In other values what looks like an id is replaced:
 * - {uuid}, {hex} (8 hexadecimal digits or more, one of them 0 to 9), {id} (20 letters and digits or more, of both)
 * - {number}: digits that do not belong to a word; three or more also where they end one, so that `v1` and `p99` stay
 */
export class ValueBuckets {
  readonly #patterns: readonly PathPattern[];
  readonly #findsIds: boolean;

  constructor(patterns: readonly string[], findsIds: boolean) {
    this.#patterns = patterns.map(pathPattern);
    this.#findsIds = findsIds;
  }

  /** The bucket of a value; the value itself when it is in none. */
  of(value: string): string {
    if (value.length > MAX_LENGTH) return '{long}';
    const path = value.replace(/[?#].*$/s, '');
    for (const pattern of this.#patterns) if (pattern.matches(path)) return pattern.text;
    return this.#findsIds ? value.replace(UUID, '{uuid}').replace(ID, idName) : value;
  }
}

const MAX_LENGTH = 1024;
const UUID = /(?<![0-9a-z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-z])/gi;
/**
 * Words of letters and digits with a digit in them, and numbers; what is in braces was put there. A word is tried from its
 * beginning alone, and so is the number at its end: values come from outside, and are long.
 */
const ID = /\{[a-z]+\}|(?<![a-z])[a-z]*\d[0-9a-z]*(?:\.\d+)?/gi;
const NUMBER = /^\d+(?:\.\d+)?$/;
const HEX = /^(?:0x)?[0-9a-f]{8,}$/i;
const LONG = /^(?=.*[a-z])[0-9a-z]{20,}$/i;
const ENDS_IN_NUMBER = /(?<!\d)\d{3,}$/;

function idName(word: string): string {
  if (word.startsWith('{')) return word;
  if (NUMBER.test(word)) return '{number}';
  if (HEX.test(word)) return '{hex}';
  return LONG.test(word) ? '{id}' : word.replace(ENDS_IN_NUMBER, '{number}');
}

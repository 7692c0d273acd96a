import { hash, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';

export const REDACTED = '[REDACTED]';

/** What stands in the place of a value. */
export type Placeholder = (value: string) => string;

/**
 * `[REDACTED:3f9a2c01b7]`: equal values get equal ones, others others, so that what counts or joins values still does. The key
 * is drawn here and kept nowhere: nobody can try out values, and another recording has other placeholders.
 */
export function keyedPlaceholders(): Placeholder {
  const key = randomBytes(32).toString('hex');
  const marked = (value: string): string => `[REDACTED:${hash('sha256', key + value, 'hex').slice(0, 10)}]`;
  // The same ones come again and again.
  const known = new LRUCache<string, string>({ max: 1000 });
  return (value) => {
    if (value.length > MAX_KNOWN) return marked(value);
    const before = known.get(value);
    if (before !== undefined) return before;
    const placeholder = marked(value);
    known.set(value, placeholder);
    return placeholder;
  };
}

/** Longer values are rare. */
const MAX_KNOWN = 200;

const WHOLE = /^\[REDACTED(?::[0-9a-f]{10})?\]$/;

/** Nothing to take out: it was, or there is nothing. */
export function isTaken(value: string): boolean {
  return value === '' || (value.startsWith('[REDACTED') && WHOLE.test(value));
}

const ANY = /\[REDACTED:[0-9a-f]{10}\]/;

/** Whether a recording took something out of a text. */
export function holdsPlaceholder(text: string): boolean {
  return ANY.test(text);
}

/** The same for all values, where they need not be told apart. */
export function plainPlaceholders(text: string): string {
  return text.replaceAll(/\[REDACTED:[0-9a-f]{10}\]/g, REDACTED);
}

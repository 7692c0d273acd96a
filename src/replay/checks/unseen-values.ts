import { counted } from '../counted.ts';
import type { Item } from '../output/items.ts';
import { holdsPlaceholder } from '../record/placeholders.ts';
import type { Failure } from './check.ts';
import { findIn, type AttributePattern } from './places.ts';

const SHOWN = 5;
/** Places that are told apart; more are counted together. */
const MAX_PLACES = 1000;

/**
 * What a pattern of values would look at, and cannot: values that the recording took out. A check that did not see them proves
 * nothing of them.
 */
export class UnseenValues {
  readonly #pattern: AttributePattern | undefined;
  readonly #redacted: AttributePattern['redacted'];
  /** How often, by place. */
  readonly #places = new Map<string, number>();

  constructor({ key, value, redacted }: AttributePattern) {
    this.#redacted = redacted;
    if (value !== undefined) this.#pattern = { key, value: { source: '', test: holdsPlaceholder } };
  }

  add({ surroundings, body }: Item): void {
    const pattern = this.#pattern;
    if (pattern === undefined) return;
    const count = (at: string, name: string): boolean => {
      if (this.#redacted?.test(name) !== true) this.#count(at);
      return false;
    };
    findIn(surroundings, pattern, '', count);
    findIn(body, pattern, '', count);
  }

  /** Undefined when there are none. */
  failure(): Failure | undefined {
    if (this.#places.size === 0) return undefined;
    const places = [...this.#places].sort(([, a], [, b]) => b - a);
    const count = places.reduce((sum, [, times]) => sum + times, 0);
    const which = `${counted(count, 'value')} ${count === 1 ? 'was' : 'were'} taken out by the recording`;
    const message = `${which}, and a check by value cannot see them; check their "key", or name those that it is not about in "redacted"`;
    return { message, examples: places.slice(0, SHOWN).map(([at, times]) => `${at}: ${counted(times, 'time')}`) };
  }

  #count(at: string): void {
    const place = this.#places.has(at) || this.#places.size < MAX_PLACES ? at : 'elsewhere';
    this.#places.set(place, (this.#places.get(place) ?? 0) + 1);
  }
}

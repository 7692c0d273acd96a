import { durationText } from '../../core/settings.ts';
import { counted } from '../counted.ts';
import { pointOf, titleOf, type Item } from '../output/items.ts';
import { textOf } from '../output/json-value.ts';
import type { Check } from './check.ts';
import { spanKey } from './traces.ts';

/** Everything is delivered so soon after it came; `startMs` is the wall time at 0. */
export function deliveredWithin(limitMs: number, startMs: number): Check {
  const late = new Slowest();
  const spans = new Map<string, number>();
  let measured = 0;
  const sinceOf = (item: Item): number | undefined => {
    if (item.signal === 'traces') return spans.get(spanKey(item));
    const from = item.signal === 'logs' ? textOf(item.body, 'observedTimeUnixNano') : timeOf(item);
    return from === '' || from === '0' ? undefined : Number(from) / 1e6 - startMs;
  };
  return {
    name: `delivered_within ${durationText(limitMs)}`,
    arrived(item, atMs) {
      // The first time counts, when a client sends the same span twice.
      if (!spans.has(spanKey(item))) spans.set(spanKey(item), atMs);
    },
    delivered(item, exporter, atMs) {
      const since = sinceOf(item);
      if (since === undefined) return;
      measured += 1;
      const tookMs = Math.round(atMs - since);
      if (tookMs <= limitMs) return;
      late.add(tookMs, () => `${titleOf(item)}: ${tookMs / 1000} s, by ${exporter}`);
    },
    verdict() {
      if (measured === 0)
        return {
          message: 'nothing was delivered of which it is known when it came, so it proves nothing',
          examples: [],
        };
      if (late.count === 0) return undefined;
      const message = `${counted(late.count, 'item')} took longer than ${durationText(limitMs)}, up to ${late.longestMs / 1000} s`;
      return { message, examples: late.examples };
    },
  };
}

const SHOWN = 5;

/** Counts what was late, and keeps what was latest. */
class Slowest {
  count = 0;
  /** The latest first; of equal ones the earlier. */
  readonly #shown: { readonly tookMs: number; readonly text: string }[] = [];

  add(tookMs: number, text: () => string): void {
    this.count += 1;
    if (this.#shown.length === SHOWN && tookMs <= (this.#shown.at(-1)?.tookMs ?? 0)) return;
    const at = this.#shown.findIndex((one) => one.tookMs < tookMs);
    this.#shown.splice(at < 0 ? this.#shown.length : at, 0, { tookMs, text: text() });
    this.#shown.length = Math.min(SHOWN, this.#shown.length);
  }

  get longestMs(): number {
    return this.#shown[0]?.tookMs ?? 0;
  }

  get examples(): string[] {
    return this.#shown.map(({ text }) => text);
  }
}

function timeOf({ body }: Item): string {
  return textOf(pointOf(body), 'timeUnixNano');
}

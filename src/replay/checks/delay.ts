import { durationText } from '../../core/settings.ts';
import { pointOf, titleOf, type Item } from '../output/items.ts';
import { textOf } from '../output/json-value.ts';
import { Findings, type Check } from './check.ts';
import { spanKey } from './traces.ts';

/** Everything is delivered so soon after it came; `startMs` is the wall time at 0. */
export function deliveredWithin(limitMs: number, startMs: number): Check {
  const findings = new Findings();
  const spans = new Map<string, number>();
  let longestMs = 0;
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
      longestMs = Math.max(longestMs, tookMs);
      findings.add(() => `${titleOf(item)}: ${tookMs / 1000} s, by ${exporter}`);
    },
    verdict: () =>
      measured === 0
        ? { message: 'nothing was delivered of which it is known when it came, so it proves nothing', examples: [] }
        : findings.failure(
            (count) => `${count} items took longer than ${durationText(limitMs)}, up to ${longestMs / 1000} s`,
          ),
  };
}

function timeOf({ body }: Item): string {
  return textOf(pointOf(body), 'timeUnixNano');
}

import type { Batch } from './batch.ts';
import type { Processor, ProcessorContext } from './component.ts';
import { ACCEPTED } from './verdict.ts';

export interface Transformed {
  /** What goes on; undefined when nothing is left. */
  readonly batch: Batch | undefined;
  /** Items let go, by reason. Their sum with the items that go on is what came in. */
  readonly dropped?: Readonly<Record<string, number>>;
}

/**
 * A processor that holds nothing: each batch is transformed and offered on within the same call. Drops are booked only
 * once the rest was accepted, because until then the batch is still the caller's and may be offered again.
 */
export function transformer(
  context: Pick<ProcessorContext, 'next' | 'account'>,
  transform: (batch: Batch) => Transformed,
): Processor {
  return {
    async consume(batch, abort) {
      const { batch: rest, dropped } = transform(batch);
      const verdict = rest === undefined ? ACCEPTED : await context.next.consume(rest, abort);
      if (verdict.status === 'accepted' && dropped !== undefined) {
        for (const reason in dropped) context.account.drop(reason, dropped[reason] ?? 0);
      }
      return verdict;
    },
  };
}

import * as z from 'zod';
import type { Clock } from './clock.ts';
import { byteSize, duration } from './settings.ts';
import { TokenBucket } from './token-bucket.ts';

/** The settings of a rate, wherever one is limited. */

/** Spread into the `z.strictObject` of whatever limits a rate, which then checks it with `checkRate`. */
export const rateShape = () => ({
  bytes_per_second: byteSize()
    .optional()
    .describe('Encoded OTLP bytes each second, before compression; not limited when absent.'),
  items_per_second: z
    .number()
    .positive()
    .optional()
    .describe('Spans, data points or log records each second; not limited when absent.'),
});

export const burst = () =>
  duration()
    .prefault('1s')
    .describe('What was not used for this long may be made up for at once: 1s is the amount of one second.');

export interface Rate {
  readonly bytes_per_second?: number | undefined;
  readonly items_per_second?: number | undefined;
}

export function checkRate(value: Rate, context: z.RefinementCtx): void {
  const issue = (key: string, message: string): void => context.addIssue({ code: 'custom', path: [key], message });
  if (value.bytes_per_second === 0) issue('bytes_per_second', 'must be more than 0');
  if (value.bytes_per_second !== undefined || value.items_per_second !== undefined) return;
  issue('bytes_per_second', 'set bytes_per_second, items_per_second or both, or nothing is limited');
}

export function checkBurst(value: { readonly burst: number }, context: z.RefinementCtx): void {
  if (value.burst > 0) return;
  context.addIssue({ code: 'custom', path: ['burst'], message: 'must be more than 0' });
}

const exporterRateLimit = () =>
  z
    .strictObject({ ...rateShape(), burst: burst() })
    .superRefine(checkRate)
    .superRefine(checkBurst);

export type RateLimitSettings = z.output<ReturnType<typeof exporterRateLimit>>;

/** Spread into the settings of every exporter. */
export const exporterRateLimitShape = () => ({
  rate_limit: exporterRateLimit()
    .optional()
    .describe('Ours: the most that is sent, over all signals of the exporter, retries included; what is more waits.'),
});

/** What counts against a rate. */
export interface Cost {
  readonly bytes: number;
  readonly items: number;
}

/** The buckets of one rate: bytes, items or both. What is taken passes while neither has a debt. */
export class RateLimit {
  readonly #bytes: TokenBucket | undefined;
  readonly #items: TokenBucket | undefined;

  constructor(clock: Clock, { bytes_per_second: bytes, items_per_second: items }: Rate, burstMs: number) {
    this.#bytes = bytes === undefined ? undefined : new TokenBucket(clock, bytes, burstMs);
    this.#items = items === undefined ? undefined : new TokenBucket(clock, items, burstMs);
  }

  /** Whole milliseconds until something may be taken; 0 when now. */
  waitMs(): number {
    return Math.max(this.#bytes?.waitMs() ?? 0, this.#items?.waitMs() ?? 0);
  }

  /** True when forgetting it would forget nothing. */
  get isFull(): boolean {
    return this.#bytes?.isFull !== false && this.#items?.isFull !== false;
  }

  take({ bytes, items }: Cost): void {
    this.#bytes?.take(bytes);
    this.#items?.take(items);
  }

  giveBack({ bytes, items }: Cost): void {
    this.#bytes?.giveBack(bytes);
    this.#items?.giveBack(items);
  }
}

import type { Random } from './random.ts';

export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly multiplier: number;
  /** 1 (default): full jitter, uniform in [0, interval]. Below 1: uniform in interval x (1 - f, 1 + f), as the Collector. */
  readonly randomizationFactor?: number;
}

/** The delay before try number `attempt` (1 = first retry), never less than what the upstream asked for. */
export function backoffMs(options: BackoffOptions, attempt: number, random: Random, askedMs = 0): number {
  const intervalMs = Math.min(options.maxMs, options.initialMs * options.multiplier ** (attempt - 1));
  const factor = options.randomizationFactor ?? 1;
  const delayMs = factor >= 1 ? intervalMs * random() : intervalMs * (1 + factor * (2 * random() - 1));
  return Math.max(askedMs, delayMs);
}

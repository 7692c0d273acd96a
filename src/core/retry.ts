import type { Random } from './random.ts';

export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly multiplier: number;
  /** 1 (default): full jitter, uniform in [0, interval]. Below 1: uniform in interval x (1 - f, 1 + f), as the Collector. */
  readonly randomizationFactor?: number;
}

/** Instances that were told the same wait come back over this fraction of it. */
const ASKED_SPREAD = 0.5;

/** What an upstream asked for, and up to half as long again: it told many at once. */
export function askedWaitMs(askedMs: number, random: Random): number {
  return askedMs > 0 ? askedMs * (1 + ASKED_SPREAD * random()) : 0;
}

/** The delay before try number `attempt` (1 = first retry), never less than what the upstream asked for. */
export function backoffMs(options: BackoffOptions, attempt: number, random: Random, askedMs = 0): number {
  const intervalMs = Math.min(options.maxMs, options.initialMs * options.multiplier ** (attempt - 1));
  const factor = options.randomizationFactor ?? 1;
  const delayMs = factor >= 1 ? intervalMs * random() : intervalMs * (1 + factor * (2 * random() - 1));
  return Math.max(delayMs, askedWaitMs(askedMs, random));
}

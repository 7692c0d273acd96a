import type { UpstreamAnswer, UpstreamPhase } from '../input.ts';

/** One request to an upstream. */
export interface Attempt {
  /** Since the start, milliseconds. */
  readonly fromMs: number;
  readonly tookMs: number;
  readonly answer: UpstreamAnswer;
}

/** What takes less is as fast as can be expected of a busy machine. */
export const SLOW_MS = 200;

/** Changes of behaviour that are kept. */
export const MAX_RANGES = 200;

/**
 * How long before the first attempt that shows it a change may have been. More than SLOW_MS: a replay is never late, so
 * that an attempt there comes before the live one by what was late in the live run, answers that are not slow included.
 */
const MARGIN_MS = 2.5 * SLOW_MS;

interface Range {
  readonly fromMs: number;
  readonly answer: UpstreamAnswer;
  /** Undefined: to the end. */
  untilMs: number | undefined;
  attempts: number;
  tookMs: number;
}

/**
 * Attempts as ranges of time in which the upstream behaved alike. Nobody knows when it changed between two attempts: a
 * range begins before the first attempt that it holds, and leaves a quarter of the way from the last of the one before to
 * that one, since replayed attempts come early, not late.
 *
 * Invariants: ranges follow each other without a gap; two neighbours are not alike.
 */
export class Timeline {
  readonly #ranges: Range[] = [];
  #lastFromMs = 0;
  #isCut = false;

  /** In the order of `fromMs`. */
  add(attempt: Attempt): void {
    if (this.#isCut) return;
    const last = this.#ranges.at(-1);
    if (last !== undefined && isAlike(last, attempt)) {
      last.attempts += 1;
      last.tookMs += attempt.tookMs;
    } else this.#begin(attempt, last);
    this.#lastFromMs = attempt.fromMs;
  }

  /** There were more changes than are kept; after them it says nothing. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** Phases in which it did not accept at once. */
  get size(): number {
    return this.#ranges.filter(isUnusual).length;
  }

  phases(): Pick<UpstreamPhase, 'fromMs' | 'untilMs' | 'delayMs' | 'answer'>[] {
    return this.#ranges.filter(isUnusual).map(({ fromMs, untilMs = Number.POSITIVE_INFINITY, answer, ...rest }) => {
      return { fromMs, untilMs, delayMs: delayOf({ answer, ...rest }), answer };
    });
  }

  #begin({ fromMs, tookMs, answer }: Attempt, last: Range | undefined): void {
    const sinceMs = Math.max(0, fromMs - Math.min(MARGIN_MS, Math.floor((3 * (fromMs - this.#lastFromMs)) / 4)));
    // Two at once that were answered otherwise: one millisecond is the least that a range has.
    const startMs = last === undefined ? sinceMs : Math.max(sinceMs, last.fromMs + 1);
    if (last !== undefined) last.untilMs = startMs;
    this.#isCut = this.#ranges.length >= 2 * MAX_RANGES;
    if (!this.#isCut) this.#ranges.push({ fromMs: startMs, answer, untilMs: undefined, attempts: 1, tookMs });
  }
}

function isUnusual(range: Range): boolean {
  return range.answer.kind !== 'accept' || delayOf(range) > 0;
}

/** Before each answer; whole milliseconds, 0 for what is not slow. */
function delayOf({ answer, tookMs, attempts }: Pick<Range, 'answer' | 'tookMs' | 'attempts'>): number {
  const meanMs = Math.round(tookMs / attempts);
  return answer.kind === 'hang' || meanMs < SLOW_MS ? 0 : meanMs;
}

function isAlike(range: Range, { answer, tookMs }: Attempt): boolean {
  if (!isSame(range.answer, answer)) return false;
  if (answer.kind === 'hang') return true;
  const meanMs = range.tookMs / range.attempts;
  if (meanMs < SLOW_MS || tookMs < SLOW_MS) return meanMs < SLOW_MS && tookMs < SLOW_MS;
  return Math.max(meanMs, tookMs) <= 2 * Math.min(meanMs, tookMs);
}

function isSame(a: UpstreamAnswer, b: UpstreamAnswer): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind === 'status' && b.kind === 'status') {
    return a.status === b.status && a.message === b.message && a.retryAfterMs === b.retryAfterMs;
  }
  if (a.kind === 'partial' && b.kind === 'partial') return a.rejected === b.rejected && a.message === b.message;
  return true;
}

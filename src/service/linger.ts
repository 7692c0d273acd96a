import { sleep, type Clock } from '../core/clock.ts';

export interface LingerOptions {
  readonly clock: Clock;
  /** Goes on no longer than this; 0 ends at once. Milliseconds. */
  readonly lingerMs: number;
  /** Ends when nothing has arrived for this long, counted from the begin of the lingering on. */
  readonly idleMs: number;
  /** Grows whenever something arrives. */
  readonly arrivals: () => number;
  /** Ends it at once. */
  readonly hurry: AbortSignal;
}

/** How late, as a part of `idleMs`, the end of arrivals is noticed at most. */
const LOOKS_PER_IDLE = 10;
const MIN_LOOK_MS = 10;

/** Waits while the application may still have something to say. Resolves with why it is over. */
export async function linger(options: LingerOptions): Promise<'idle' | 'time' | 'hurry'> {
  const { clock, lingerMs, idleMs, arrivals, hurry } = options;
  const endMs = clock.monotonic() + lingerMs;
  const everyMs = Math.max(MIN_LOOK_MS, idleMs / LOOKS_PER_IDLE);
  let seen = arrivals();
  let quietSinceMs = clock.monotonic();
  for (;;) {
    const nowMs = clock.monotonic();
    if (nowMs >= endMs) return 'time';
    if (arrivals() !== seen) {
      seen = arrivals();
      quietSinceMs = nowMs;
    } else if (nowMs - quietSinceMs >= idleMs) return 'idle';
    const waitMs = Math.min(everyMs, endMs - nowMs, Math.max(MIN_LOOK_MS, quietSinceMs + idleMs - nowMs));
    if (!(await sleep(clock, waitMs, hurry))) return 'hurry';
  }
}

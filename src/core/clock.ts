/** Time as injected everywhere, so that replay and tests decide when it passes. */
export interface Clock {
  /** Wall time, milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds from an arbitrary origin; never goes back. For durations and ages. */
  monotonic(): number;
  /** Calls `fire` once after `afterMs` unless cancelled. Keeps the process alive. */
  timer(afterMs: number, fire: () => void): Timer;
}

export interface Timer {
  /** Idempotent; after the timer fired it does nothing. */
  cancel(): void;
}

/** Longest delay a Node timer holds; longer ones are made of several. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer(afterMs, fire) {
    let handle: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, MAX_TIMER_MS);
      handle = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : fire()), stepMs);
    };
    arm(Math.max(0, afterMs));
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves `true` after `ms`, or `false` as soon as `abort` fires. Never rejects, leaves no timer behind. */
export function sleep(clock: Clock, ms: number, abort: AbortSignal): Promise<boolean> {
  if (abort.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const onAbort = (): void => {
      timer.cancel();
      resolve(false);
    };
    const timer = clock.timer(ms, () => {
      abort.removeEventListener('abort', onAbort);
      resolve(true);
    });
    abort.addEventListener('abort', onAbort, { once: true });
  });
}

/** Calls `fire` every `everyMs()` until cancelled; the period is asked for each turn so that it can be jittered. */
export function repeat(clock: Clock, everyMs: () => number, fire: () => void): Timer {
  let timer = clock.timer(everyMs(), turn);
  function turn(): void {
    timer = clock.timer(everyMs(), turn);
    fire();
  }
  return { cancel: () => timer.cancel() };
}

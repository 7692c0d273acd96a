import { systemClock, type Clock, type Timer } from '../../core/clock.ts';

/**
 * The system's time, but wall time stands still within a turn of the event loop: what a receiver stamps and what is
 * recorded of it have the same time, and so has a replay.
 */
export class TurnClock implements Clock {
  #nowMs: number | undefined;

  now(): number {
    if (this.#nowMs === undefined) setImmediate(() => (this.#nowMs = undefined));
    return (this.#nowMs ??= systemClock.now());
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  timer(afterMs: number, fire: () => void): Timer {
    return systemClock.timer(afterMs, fire);
  }
}

import type { Clock, Timer } from '../../core/clock.ts';
import type { Signal } from '../../core/signal.ts';
import type { FaultConfig, FaultKind } from './config.ts';
import { isOpen, nextChangeMs, type Schedule } from './schedule.ts';

export interface FaultOptions {
  readonly config: FaultConfig;
  readonly name: string;
  /** Infinity: never. */
  readonly stopAfterMs: number;
  readonly clock: Clock;
  /** Called after `active` changed. */
  onChange(fault: Fault): void;
}

/** What an operator said instead of the schedule. */
interface Override {
  readonly on: boolean;
  /** Monotonic; the schedule is back then. */
  readonly untilMs: number;
}

/**
 * One fault and whether it is on now.
 * Invariants: between `start` and `stop` it is on exactly while its schedule has a window open, or as long as an operator
 * says so; one timer waits for the next of these to change, as long as one will.
 */
export class Fault {
  readonly name: string;
  readonly config: FaultConfig;
  readonly #options: FaultOptions;
  readonly #schedule: Schedule;
  readonly #signals: ReadonlySet<Signal>;
  #startedMs: number | undefined;
  #override: Override | undefined;
  #timer: Timer | undefined;
  #isActive = false;

  constructor(options: FaultOptions) {
    const { start_after, duration, every } = options.config.schedule;
    this.name = options.name;
    this.config = options.config;
    this.#options = options;
    this.#schedule = {
      startAfterMs: start_after,
      durationMs: duration,
      everyMs: every,
      stopAfterMs: options.stopAfterMs,
    };
    this.#signals = new Set(options.config.signals);
  }

  get active(): boolean {
    return this.#isActive;
  }

  /** Whether an operator has taken it out of its schedule. */
  get byHand(): boolean {
    return this.#override !== undefined;
  }

  concerns(exporter: string, signal: Signal): boolean {
    return this.#signals.has(signal) && this.config.exporters.includes(exporter);
  }

  start(): void {
    this.#startedMs = this.#options.clock.monotonic();
    this.#turn();
  }

  stop(): void {
    this.#startedMs = undefined;
    this.#turn();
  }

  /** On or off for `forMs`, whatever the schedule says. */
  override(on: boolean, forMs: number): void {
    this.#override = { on, untilMs: this.#options.clock.monotonic() + forMs };
    this.#turn();
  }

  /** As the schedule has it. */
  resume(): void {
    this.#override = undefined;
    this.#turn();
  }

  #turn(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#startedMs === undefined) {
      this.#set(false);
      return;
    }
    const { clock } = this.#options;
    const nowMs = clock.monotonic();
    const elapsedMs = nowMs - this.#startedMs;
    if (this.#override !== undefined && this.#override.untilMs <= nowMs) this.#override = undefined;
    const edgeMs = (nextChangeMs(this.#schedule, elapsedMs) ?? Number.POSITIVE_INFINITY) - elapsedMs;
    const waitMs = Math.min(edgeMs, (this.#override?.untilMs ?? Number.POSITIVE_INFINITY) - nowMs);
    // A millisecond at least: a timer may fire a little early, and the edge must be behind it.
    if (waitMs !== Number.POSITIVE_INFINITY) this.#timer = clock.timer(Math.max(1, waitMs), () => this.#turn());
    this.#set(this.#override?.on ?? isOpen(this.#schedule, elapsedMs));
  }

  #set(active: boolean): void {
    if (active === this.#isActive) return;
    this.#isActive = active;
    this.#options.onChange(this);
  }
}

/** What it does, for people: `fail 10 % with UNAVAILABLE`. */
export function describeFault({ fail, delay, hang, partial, corrupt }: FaultConfig): string {
  const parts: string[] = [];
  if (delay !== undefined) parts.push(`delay ${percent(delay.rate)} by ${delay.min} to ${delay.max} ms`);
  if (hang !== undefined) parts.push(`hang ${percent(hang.rate)}`);
  if (fail !== undefined) parts.push(`fail ${percent(fail.rate)} with ${fail.code}`);
  if (corrupt !== undefined) parts.push(`CORRUPT ${percent(corrupt.rate)}`);
  if (partial !== undefined) parts.push(`refuse ${percent(partial.share)} of ${percent(partial.rate)}`);
  return parts.join(', ');
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

/** Kinds in the order in which they are drawn; a delay comes before what else happens. */
export const DRAW_ORDER = ['hang', 'fail', 'corrupt', 'partial'] as const satisfies readonly FaultKind[];

import type { Bypass } from '../core/bypass.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Meter, MetricSpec } from '../core/meter.ts';

const ACTIVE: MetricSpec = {
  name: 'remora_bypass_active',
  help: 'Whether bypass mode is on: 1 while nothing is sampled, filtered or limited.',
  kind: 'gauge',
  labels: [],
};
const SECONDS: MetricSpec = {
  name: 'remora_bypass_seconds',
  help: 'Time spent in bypass mode.',
  kind: 'counter',
  labels: [],
};

export const bypassMetrics: readonly MetricSpec[] = [ACTIVE, SECONDS];

/** Who switched it. */
export type Switcher = 'signal' | 'admin' | 'time';

export interface BypassState {
  readonly active: boolean;
  /** Who began it, and when it ends by itself; ISO 8601. Present while active. */
  readonly by?: Switcher;
  readonly until?: string;
  readonly secondsTotal: number;
}

export interface BypassSwitchOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** It ends by itself after this, whatever was asked for. */
  readonly maxMs: number;
  /** Called when it begins or ends. */
  onNotice(text: string | undefined): void;
}

interface Turn {
  readonly by: Switcher;
  readonly sinceMs: number;
  readonly until: string;
  readonly timer: Timer;
}

/**
 * Bypass mode of one process. A restart ends it, since nothing writes it down.
 * Invariant: while active a timer is armed that ends it.
 */
export class BypassSwitch implements Bypass {
  readonly #options: BypassSwitchOptions;
  readonly #begun: (() => void)[] = [];
  #turn: Turn | undefined;
  /** Of turns that have ended. */
  #pastMs = 0;

  constructor(options: BypassSwitchOptions) {
    this.#options = options;
  }

  get active(): boolean {
    return this.#turn !== undefined;
  }

  onBegin(begun: () => void): void {
    this.#begun.push(begun);
  }

  get maxMs(): number {
    return this.#options.maxMs;
  }

  state(): BypassState {
    const secondsTotal = this.#totalMs() / 1000;
    if (this.#turn === undefined) return { active: false, secondsTotal };
    return { active: true, by: this.#turn.by, until: this.#turn.until, secondsTotal };
  }

  /** Begins, or when it is on already, counts its time anew. At most `maxMs`, which is also the default. */
  begin(by: Switcher, forMs = Number.POSITIVE_INFINITY): void {
    const { clock, log, maxMs } = this.#options;
    const lastsMs = Math.min(forMs, maxMs);
    const until = new Date(clock.now() + lastsMs).toISOString();
    const wasActive = this.#turn !== undefined;
    this.#turn?.timer.cancel();
    const sinceMs = this.#turn?.sinceMs ?? clock.monotonic();
    this.#turn = { by, sinceMs, until, timer: clock.timer(lastsMs, () => this.end('time')) };
    this.#options.onNotice(`Bypass mode is on until ${until}, by ${by}: nothing is sampled, filtered or limited.`);
    const message = wasActive ? 'Bypass mode goes on.' : 'Bypass mode is on: nothing is sampled, filtered or limited.';
    log.warn(message, { by, until });
    for (const begun of this.#begun) begun();
  }

  /** Does nothing when it is off. */
  end(by: Switcher): void {
    const turn = this.#turn;
    if (turn === undefined) return;
    const { clock, log } = this.#options;
    const lastedMs = clock.monotonic() - turn.sinceMs;
    turn.timer.cancel();
    this.#turn = undefined;
    this.#pastMs += lastedMs;
    this.#options.onNotice(undefined);
    log.warn('Bypass mode is off.', { by, lastedSeconds: Math.round(lastedMs / 1000) });
  }

  toggle(by: Switcher): void {
    if (this.active) this.end(by);
    else this.begin(by);
  }

  /** The service has stopped: leaves no timer behind. */
  close(): void {
    this.#turn?.timer.cancel();
  }

  meter(meter: Meter): void {
    meter.gauge(ACTIVE, {}, () => Number(this.active));
    meter.counterFrom(SECONDS, {}, () => this.#totalMs() / 1000);
  }

  #totalMs(): number {
    const turn = this.#turn;
    return this.#pastMs + (turn === undefined ? 0 : this.#options.clock.monotonic() - turn.sinceMs);
  }
}

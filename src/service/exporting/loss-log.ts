import type { Clock } from '../../core/clock.ts';
import type { LogFields, Logger } from '../../core/logger.ts';

export interface Loss {
  readonly requests: number;
  readonly items: number;
  readonly bytes: number;
}

/** Losses come by the thousand while an upstream is away: one line in this time tells of all since the one before. */
const EVERY_MS = 10_000;

interface Kind {
  silentUntilMs: number;
  requests: number;
  items: number;
  bytes: number;
}

/** Log lines about what a queue lost, in sum. The first of its kind is written at once. */
export class LossLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #fields: LogFields;
  readonly #kinds = new Map<string, Kind>();

  constructor(log: Logger, clock: Clock, fields: LogFields) {
    this.#log = log;
    this.#clock = clock;
    this.#fields = fields;
  }

  /** `message` is a constant: it is the kind. */
  lost(message: string, { requests, items, bytes }: Loss, reason?: string): void {
    const kind = this.#kindOf(message);
    kind.requests += requests;
    kind.items += items;
    kind.bytes += bytes;
    const nowMs = this.#clock.monotonic();
    if (nowMs < kind.silentUntilMs) return;
    const sum = { requests: kind.requests, items: kind.items, bytes: kind.bytes };
    this.#log.error(message, { ...this.#fields, reason, ...sum });
    this.#kinds.set(message, { silentUntilMs: nowMs + EVERY_MS, requests: 0, items: 0, bytes: 0 });
  }

  #kindOf(message: string): Kind {
    let kind = this.#kinds.get(message);
    if (kind === undefined) {
      kind = { silentUntilMs: 0, requests: 0, items: 0, bytes: 0 };
      this.#kinds.set(message, kind);
    }
    return kind;
  }
}

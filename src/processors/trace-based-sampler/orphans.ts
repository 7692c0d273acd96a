import { grown, nextCapacity, TraceIds, traceIdBytes } from '../tail-sampling/trace-ids.ts';

/** So many traces back it is noticed that logs went another way than their trace. */
const TRACES = 16_384;

/** How much memory that takes. */
export const ORPHAN_BYTES = TRACES * (traceIdBytes(1) + 8);

/**
 * Remembers what became of the logs of the last traces, to notice when their trace is decided otherwise afterwards.
 * Invariant: numbers of traces are given out in turn, so that the oldest has the number that comes next.
 */
export class Orphans {
  /** Logs that followed, or went without, a decision: what orphans are a share of. */
  logs = 0;
  /** Logs that were kept and whose trace was dropped afterwards. */
  kept = 0;
  /** Logs that were dropped and whose trace was kept afterwards. */
  dropped = 0;
  readonly #traces: TraceIds;
  #keptLogs = new Uint32Array(0);
  #droppedLogs = new Uint32Array(0);
  #oldest = 0;

  constructor(seed: number) {
    this.#traces = new TraceIds(seed);
  }

  /** From 0 to 1. */
  get share(): number {
    return this.logs === 0 ? 0 : (this.kept + this.dropped) / this.logs;
  }

  /** `logs` of the trace went on, or were dropped. */
  book(bytes: Uint8Array, at: number, kept: boolean, logs: number): void {
    const trace = this.#numberOf(bytes, at);
    this.logs += logs;
    const counts = kept ? this.#keptLogs : this.#droppedLogs;
    counts[trace] = (counts[trace] ?? 0) + logs;
  }

  /** The trace was decided; logs that went the other way before are orphans from now on, and counted once. */
  decided(bytes: Uint8Array, at: number, kept: boolean): void {
    const trace = this.#traces.size === 0 ? -1 : this.#traces.find(bytes, at);
    if (trace < 0) return;
    if (kept) {
      this.dropped += this.#droppedLogs[trace] ?? 0;
      this.#droppedLogs[trace] = 0;
    } else {
      this.kept += this.#keptLogs[trace] ?? 0;
      this.#keptLogs[trace] = 0;
    }
  }

  #numberOf(bytes: Uint8Array, at: number): number {
    const known = this.#traces.size === 0 ? -1 : this.#traces.find(bytes, at);
    if (known >= 0) return known;
    this.#makeRoom();
    const trace = this.#traces.add(bytes, at);
    this.#keptLogs[trace] = 0;
    this.#droppedLogs[trace] = 0;
    return trace;
  }

  #makeRoom(): void {
    const { size, capacity } = this.#traces;
    if (size < capacity) return;
    if (capacity >= TRACES) {
      this.#traces.remove(this.#oldest);
      this.#oldest = (this.#oldest + 1) % TRACES;
      return;
    }
    const larger = nextCapacity(capacity, TRACES);
    this.#traces.grow(larger);
    this.#keptLogs = grown(this.#keptLogs, larger);
    this.#droppedLogs = grown(this.#droppedLogs, larger);
  }
}

import type { Clock } from '../../core/clock.ts';

/** What the guard sees of memory, and what it may ask for. */
export interface WatchedMemory {
  /** What the limit is about: of this process, or of its container where that is more and sets the limit. */
  residentBytes(): number;
  /** Of it, what is in use for data: buffers and objects, dead ones too until they are collected. */
  dataBytes(): number;
  /** Collects the dead ones at once; takes about 10 ms. */
  collect(): void;
}

export interface MemoryLimits {
  readonly softBytes: number;
  readonly hardBytes: number;
}

export type Pressure = 'none' | 'soft' | 'hard';

/** Below the soft limit by this share of it, data is taken again. */
const RESUME_SHARE = 0.03;
/** Within so much of the least that was ever in use there is nothing whose leaving would lower resident memory. */
const NOTHING_HELD_BYTES = 8 * 2 ** 20;
const COLLECT_EVERY_MS = 1000;
/** A collection that frees less than this share of memory doubles the time to the next, up to a limit. */
const USEFUL_SHARE = 0.02;
const MAX_COLLECT_EVERY_MS = 8000;

/**
 * Says how short memory is. Resident memory does not tell data from what was freed and is kept by the allocator, so
 * above a limit dead buffers are collected first, and where hardly any data is in use the answer is `none`: refusing
 * lowers nothing then and would go on for ever.
 * Invariant: above the soft limit the pressure is `none` only with `isHelpless`.
 */
export class MemoryWatch {
  pressure: Pressure = 'none';
  /** Resident memory is above the soft limit although hardly anything is held. */
  isHelpless = false;
  residentBytes = 0;
  collections = 0;
  readonly #clock: Clock;
  readonly #memory: WatchedMemory;
  readonly #limits: MemoryLimits;
  #leastDataBytes = Number.POSITIVE_INFINITY;
  #collectedMs = Number.NEGATIVE_INFINITY;
  #collectEveryMs = COLLECT_EVERY_MS;

  constructor(clock: Clock, memory: WatchedMemory, limits: MemoryLimits) {
    this.#clock = clock;
    this.#memory = memory;
    this.#limits = limits;
  }

  /** How far resident memory must fall until data is taken again. */
  get excessBytes(): number {
    return Math.max(0, this.residentBytes - this.#resumeBytes);
  }

  get #resumeBytes(): number {
    return this.#limits.softBytes * (1 - RESUME_SHARE);
  }

  look(): Pressure {
    this.#read();
    if (this.residentBytes > this.#limits.softBytes && this.#tryCollect()) this.#read();
    const { softBytes, hardBytes } = this.#limits;
    const enterBytes = this.pressure === 'none' ? softBytes : this.#resumeBytes;
    const isAbove = this.residentBytes > enterBytes;
    this.isHelpless = this.residentBytes > softBytes && this.#holdsNothing();
    if (!isAbove || this.isHelpless) this.pressure = 'none';
    else this.pressure = this.residentBytes > hardBytes ? 'hard' : 'soft';
    return this.pressure;
  }

  #read(): void {
    this.residentBytes = this.#memory.residentBytes();
    this.#leastDataBytes = Math.min(this.#leastDataBytes, this.#memory.dataBytes());
  }

  #holdsNothing(): boolean {
    return this.#memory.dataBytes() <= this.#leastDataBytes + NOTHING_HELD_BYTES;
  }

  /** True when a collection was due and ran. */
  #tryCollect(): boolean {
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#collectedMs < this.#collectEveryMs) return false;
    const beforeBytes = this.residentBytes;
    this.#memory.collect();
    this.collections += 1;
    this.#collectedMs = nowMs;
    const freedBytes = beforeBytes - this.#memory.residentBytes();
    const wasUseful = freedBytes >= beforeBytes * USEFUL_SHARE;
    this.#collectEveryMs = wasUseful ? COLLECT_EVERY_MS : Math.min(MAX_COLLECT_EVERY_MS, this.#collectEveryMs * 2);
    return true;
  }
}

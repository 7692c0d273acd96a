import type { MutableBits56 } from '../../otlp/sampling/bits56.ts';
import { TRACE_ID_BYTES } from '../../otlp/sampling/randomness.ts';
import { KEEP_NONE, type Threshold } from '../../otlp/sampling/threshold.ts';

/** Traces that share a hash; the one that was not seen for the longest time makes room. */
const WAYS = 4;

/** Bytes of a place. */
const PLACE_BYTES = TRACE_ID_BYTES + 13;

const UNDECIDED = 0;
const DROPPED = 1;
const KEPT = 2;

/**
 * What was decided about the last traces: of each the lowest threshold that one of its spans had, and whether one was
 * kept. A table of fixed size, taken when the first trace comes.
 *
 *   hash of the id ──► set of 4 places    place: id (16 bytes), threshold (8), batch it was last seen in (4), fate (1)
 *
 * Invariant: a place is of one trace until `open` gives it to another one, and never within one batch. A trace that was
 * forgotten is decided anew, with the same outcome under the same threshold, because that depends on its id alone.
 */
export class TraceMemory {
  /** Ids by place, 16 bytes each. */
  ids: Uint8Array = EMPTY;
  readonly #sets: number;
  #high = new Uint32Array(0);
  #low = new Uint32Array(0);
  #seen = new Uint32Array(0);
  #fates = EMPTY;
  #batch = 0;

  /** Rounded up to a power of two. */
  constructor(maxTraces: number) {
    this.#sets = setsFor(maxTraces);
  }

  static bytesFor(maxTraces: number): number {
    return setsFor(maxTraces) * WAYS * PLACE_BYTES;
  }

  /** Places that are opened from now on are kept until the next call. */
  beginBatch(): void {
    this.#batch = (this.#batch + 1) >>> 0;
  }

  /** The place of the trace whose id is the 16 bytes at `at`, or -1. */
  find(bytes: Uint8Array, at: number): number {
    if (this.ids.length === 0) return -1;
    const first = this.#setOf(bytes, at) * WAYS;
    for (let place = first; place < first + WAYS; place++) if (this.#isAt(place, bytes, at)) return place;
    return -1;
  }

  /** The same, and a new place when it was not known; -1 when there is none because all are of this batch. */
  open(bytes: Uint8Array, at: number): number {
    if (this.ids.length === 0) this.#allocate();
    const first = this.#setOf(bytes, at) * WAYS;
    let oldest = first;
    for (let place = first; place < first + WAYS; place++) {
      if (this.#isAt(place, bytes, at)) {
        this.#seen[place] = this.#batch;
        return place;
      }
      if (this.#ageOf(place) > this.#ageOf(oldest)) oldest = place;
    }
    return this.#ageOf(oldest) === 0 ? -1 : this.#give(oldest, bytes, at);
  }

  /** Lowers the threshold of the trace, if this one is lower. */
  lower(place: number, { high, low }: Threshold): void {
    const known = this.#high[place] ?? 0;
    if (high > known || (high === known && low >= (this.#low[place] ?? 0))) return;
    this.#high[place] = high;
    this.#low[place] = low;
  }

  readThreshold(place: number, into: MutableBits56): Threshold {
    into.high = this.#high[place] ?? 0;
    into.low = this.#low[place] ?? 0;
    return into;
  }

  isThreshold(place: number, { high, low }: Threshold): boolean {
    return this.#high[place] === high && this.#low[place] === low;
  }

  /** False when that was known. A trace of which something was kept is kept. */
  decide(place: number, kept: boolean): boolean {
    const fate = kept ? KEPT : DROPPED;
    if (fate <= (this.#fates[place] ?? UNDECIDED)) return false;
    this.#fates[place] = fate;
    return true;
  }

  /** Undefined before the first decision. */
  wasKept(place: number): boolean | undefined {
    const fate = this.#fates[place] ?? UNDECIDED;
    return fate === UNDECIDED ? undefined : fate === KEPT;
  }

  #give(place: number, bytes: Uint8Array, at: number): number {
    const from = place * TRACE_ID_BYTES;
    for (let i = 0; i < TRACE_ID_BYTES; i++) this.ids[from + i] = bytes[at + i] ?? 0;
    this.#high[place] = KEEP_NONE.high;
    this.#low[place] = KEEP_NONE.low;
    this.#seen[place] = this.#batch;
    this.#fates[place] = UNDECIDED;
    return place;
  }

  #allocate(): void {
    const places = this.#sets * WAYS;
    this.ids = new Uint8Array(places * TRACE_ID_BYTES);
    this.#high = new Uint32Array(places);
    this.#low = new Uint32Array(places);
    this.#seen = new Uint32Array(places).fill(this.#batch - 1);
    this.#fates = new Uint8Array(places);
  }

  /** In batches; also right when they are counted from zero again. */
  #ageOf(place: number): number {
    return (this.#batch - (this.#seen[place] ?? 0)) >>> 0;
  }

  /** Without the first bytes, which may be a time. */
  #setOf(bytes: Uint8Array, at: number): number {
    let hash = 0;
    for (let i = at + 4; i < at + TRACE_ID_BYTES; i += 4) {
      const word =
        (bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24);
      hash = Math.imul(hash ^ word, 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return hash & (this.#sets - 1);
  }

  #isAt(place: number, bytes: Uint8Array, at: number): boolean {
    const from = place * TRACE_ID_BYTES;
    for (let i = TRACE_ID_BYTES - 1; i >= 0; i--) if (this.ids[from + i] !== bytes[at + i]) return false;
    return true;
  }
}

const EMPTY = new Uint8Array(0);

function setsFor(maxTraces: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(maxTraces / WAYS)));
}

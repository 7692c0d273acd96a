import type { Clock } from '../../core/clock.ts';
import { SeriesTable, seriesTableBytes } from '../../otlp/metrics/series-table.ts';
import { Writer } from '../../otlp/writer.ts';
import { NOWHERE, StateStore } from './state-store.ts';

export interface StreamsOptions {
  readonly clock: Clock;
  readonly maxStreams: number;
  /** Of tables and states together. */
  readonly maxBytes: number;
  /** A stream without points for this long is forgotten; 0 for never. */
  readonly maxStaleMs: number;
}

/** Bytes for each slot beside those of the table: where the state is, and the batch that changed it last. */
const BYTES_EACH = 4 + 4;
const PERIOD_MS = 1000;
/** Idle streams are looked for so often in the time that makes them idle. */
const SWEEPS = 8;
const NEW = -1;
/** Memory ends long before. */
const MOST_STREAMS = 2 ** 26;
/** A journal that grew larger is not kept. */
const KEPT_BYTES = 256 * 1024;

/**
 * What is known of each stream: a state of bytes, which is that of the last batch that was accepted.
 *
 *     streams.begin();
 *     streams.find(low, mid, high);       // for each point: isKnown, and its state, bytes[start, end)
 *     streams.keep(writer);               // its new state; false when there is no room
 *     streams.accept();                   // or undo(): all states are what they were before `begin`
 *
 * Invariants: between `begin` and `accept` the journal has, of every stream that was changed, the state before, or that it
 * was not there. Streams are forgotten in `begin` alone, so that a slot in the journal is always that of its stream. Tables
 * and states take no more than `maxBytes`, but for pages that are already there when the table grows.
 */
export class Streams {
  isKnown = false;
  /** Milliseconds of wall time: who began after this is not one that was forgotten. */
  forgottenUntilMs = 0;
  readonly #options: StreamsOptions;
  readonly #table: SeriesTable;
  readonly #store = new StateStore();
  readonly #journal = new Writer(0);
  readonly #journalSlots: number[] = [];
  #places = new Uint32Array(0);
  #changedIn = new Uint32Array(0);
  /** Of maxBytes, what tables leave to states. */
  #stateLimit = 0;
  #batch = 0;
  #period = 1;
  #nextSweep = 0;
  #slot = NEW;
  #low = 0;
  #mid = 0;
  #high = 0;

  constructor(options: StreamsOptions) {
    this.#options = options;
    this.#table = new SeriesTable(Math.min(options.maxStreams, MOST_STREAMS));
  }

  get size(): number {
    return this.#table.size;
  }

  /** Memory that is taken. */
  get bytesUsed(): number {
    return this.#tableBytes(this.#table.capacity) + this.#store.allocatedBytes;
  }

  /** How often idle streams are looked for, in milliseconds; Infinity for never. */
  get sweepMs(): number {
    const { maxStaleMs } = this.#options;
    return maxStaleMs === 0 ? Infinity : Math.max(PERIOD_MS, maxStaleMs / SWEEPS);
  }

  /** Idle streams are forgotten here, when it is time to. */
  begin(): void {
    this.#batch += 1;
    this.#period = Math.floor(this.#options.clock.monotonic() / PERIOD_MS) + 1;
    if (this.#period >= this.#nextSweep && this.sweepMs < Infinity) this.#sweep();
  }

  find(low: number, mid: number, high: number): void {
    this.#low = low;
    this.#mid = mid;
    this.#high = high;
    this.#slot = this.#table.find(low, mid, high);
    this.isKnown = this.#slot >= 0;
    if (!this.isKnown) return;
    this.#table.touch(this.#slot, this.#period);
    this.#store.seek(this.#places[this.#slot] ?? NOWHERE);
  }

  /** Of the stream that was found: valid until `keep`. */
  get bytes(): Uint8Array {
    return this.#store.bytes;
  }

  get start(): number {
    return this.#store.start;
  }

  get end(): number {
    return this.#store.end;
  }

  /** Makes what was written the state of the stream that `find` was asked for; false, and nothing done, for want of room. */
  keep(written: Writer): boolean {
    if (this.#slot < 0 && !this.#hasSlot()) return false;
    const known = this.#slot >= 0;
    if (known && this.#changedIn[this.#slot] !== this.#batch) this.#note(this.#slot);
    const old = known ? (this.#places[this.#slot] ?? NOWHERE) : NOWHERE;
    const place = this.#store.put(old, written.buffer, 0, written.pos, this.#stateLimit);
    if (place === NOWHERE) return false;
    if (!known) this.#add();
    this.#places[this.#slot] = place;
    this.#changedIn[this.#slot] = this.#batch;
    return true;
  }

  accept(): void {
    this.#journalSlots.length = 0;
    this.#journal.pos = 0;
    if (this.#journal.buffer.length > KEPT_BYTES) this.#journal.detach(0);
  }

  undo(): void {
    let at = 0;
    for (const slot of this.#journalSlots) {
      const length = this.#journal.buffer.readInt32LE(at);
      at += 4;
      if (length === NEW) this.#forget(slot);
      else {
        const place = this.#places[slot] ?? NOWHERE;
        // It fits where a longer one is; a shorter one has stayed in its place.
        this.#places[slot] = this.#store.put(place, this.#journal.buffer, at, at + length, Infinity);
        at += length;
      }
    }
    this.accept();
  }

  #note(slot: number): void {
    const { bytes, start, end } = this.#store;
    this.#journalSlots.push(slot);
    this.#noteLength(end - start);
    this.#journal.raw(bytes, start, end);
  }

  #noteLength(length: number): void {
    this.#journal.ensure(4);
    this.#journal.pos = this.#journal.buffer.writeInt32LE(length, this.#journal.pos);
  }

  #add(): void {
    this.#slot = this.#table.add(this.#low, this.#mid, this.#high, this.#period);
    this.#journalSlots.push(this.#slot);
    this.#noteLength(NEW);
  }

  #hasSlot(): boolean {
    const table = this.#table;
    if (table.hasRoom) return true;
    const next = table.nextCapacity;
    if (this.#tableBytes(next) + this.#store.allocatedBytes > this.#options.maxBytes || !table.grow()) return false;
    this.#resize(next);
    return true;
  }

  #resize(capacity: number): void {
    this.#stateLimit = this.#options.maxBytes - this.#tableBytes(capacity);
    this.#places = resized(this.#places, capacity);
    this.#changedIn = resized(this.#changedIn, capacity);
  }

  #tableBytes(capacity: number): number {
    return seriesTableBytes(capacity) + capacity * BYTES_EACH;
  }

  #forget(slot: number): void {
    this.#store.free(this.#places[slot] ?? NOWHERE);
    this.#table.remove(slot);
  }

  #sweep(): void {
    const { clock, maxStaleMs } = this.#options;
    const stale = this.#period - Math.ceil(maxStaleMs / PERIOD_MS);
    this.#nextSweep = this.#period + Math.floor(this.sweepMs / PERIOD_MS);
    let latest = 0;
    for (let slot = 0; slot < this.#table.end; slot++) {
      const seen = this.#table.seenIn(slot);
      if (seen === 0 || seen >= stale) continue;
      latest = Math.max(latest, seen);
      this.#forget(slot);
    }
    if (latest === 0) return;
    this.forgottenUntilMs = Math.max(this.forgottenUntilMs, clock.now() - (this.#period - latest - 1) * PERIOD_MS);
    this.#shrink();
  }

  #shrink(): void {
    const moved = (from: number, to: number): void => {
      this.#places[to] = this.#places[from] ?? NOWHERE;
      this.#changedIn[to] = this.#changedIn[from] ?? 0;
    };
    if (this.#table.shrink(moved)) this.#resize(this.#table.capacity);
  }
}

function resized(from: Uint32Array<ArrayBuffer>, capacity: number): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(capacity);
  to.set(from.subarray(0, Math.min(from.length, capacity)));
  return to;
}

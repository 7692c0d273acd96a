import type { Bits56 } from '../../otlp/sampling/bits56.ts';
import { makeChain, type Chain } from './block-store.ts';
import type { TraceSummary } from './policy.ts';
import { QUEUE_BYTES_EACH, SlotQueue } from './slot-queue.ts';
import { grown, moveDown, nextCapacity, traceIdBytes, TraceIds } from './trace-ids.ts';

/** The chain, spans and their bytes, first start and last end, arrival and root, randomness and threshold. */
const BYTES_EACH = 6 * 4 + 4 * 8 + 4 * 4;
const NO_ROOT = -1;
/** It is thinly filled when there is room for so many times the traces. */
const SPARSE = 8;

/**
 * Traces that are not decided yet, by number, in arrays: 50,000 of them are no garbage and take about 110 bytes each.
 *
 * - `arrived` has them in the order of their first span, which is the order in which decision_wait ends.
 * - `rooted` has those whose root came while decision_wait_after_root_received counts, in that order.
 */
export class TraceTable {
  readonly ids: TraceIds;
  readonly arrived = new SlotQueue();
  readonly rooted = new SlotQueue();
  readonly #conditionWords: number;
  #first = new Uint32Array(0);
  #last = new Uint32Array(0);
  #end = new Uint32Array(0);
  #reference = new Uint32Array(0);
  #spans = new Uint32Array(0);
  #spanBytes = new Uint32Array(0);
  #firstStartNs = new Float64Array(0);
  #lastEndNs = new Float64Array(0);
  #arrivedMs = new Float64Array(0);
  /** Negative when no root came. */
  #rootMs = new Float64Array(0);
  /** The upper bits of `rv` + 1, 0 for none; the lower bits. */
  #randomness = new Uint32Array(0);
  /** The same of `th`. */
  #threshold = new Uint32Array(0);
  #met = new Uint32Array(0);
  readonly #summary: Summary;

  constructor(conditions: number, seed: number) {
    this.ids = new TraceIds(seed);
    this.#conditionWords = Math.ceil(conditions / 32);
    this.#summary = new Summary(this);
  }

  get size(): number {
    return this.ids.size;
  }

  get hasRoom(): boolean {
    return this.ids.size < this.ids.capacity;
  }

  get bytes(): number {
    return this.ids.bytes + this.ids.capacity * (BYTES_EACH + 2 * QUEUE_BYTES_EACH + 4 * this.#conditionWords);
  }

  /** How many bytes more `grow` would take. */
  growthBytes(limit: number): number {
    return this.#bytesOf(nextCapacity(this.ids.capacity, limit) - this.ids.capacity);
  }

  /** What it takes at first, which is what it takes at least. */
  leastBytes(limit: number): number {
    return this.#bytesOf(nextCapacity(0, limit));
  }

  #bytesOf(traces: number): number {
    return traceIdBytes(traces) + traces * (BYTES_EACH + 2 * QUEUE_BYTES_EACH + 4 * this.#conditionWords);
  }

  grow(limit: number): void {
    const capacity = nextCapacity(this.ids.capacity, limit);
    this.ids.grow(capacity);
    this.#resize(capacity);
  }

  /**
   * Gives back what many traces at one time have made of it, once there are few: they get other numbers then. False when
   * that is nothing, or too little to be worth it.
   */
  shrink(limit: number): boolean {
    const { capacity } = this.ids;
    if (capacity <= nextCapacity(0, limit) || this.size * SPARSE > capacity) return false;
    let enough = 0;
    while (enough < this.size * 2) enough = nextCapacity(enough, limit);
    if (enough * 2 > capacity) return false;
    this.#pack(enough);
    return true;
  }

  #pack(capacity: number): void {
    const slots = this.arrived.slots().toSorted((a, b) => a - b);
    const numbers = new Map(slots.map((slot, number) => [slot, number]));
    this.ids.renumber(numbers, capacity);
    this.arrived.renumber(numbers, capacity);
    this.rooted.renumber(numbers, capacity);
    const single = [this.#first, this.#last, this.#end, this.#reference, this.#spans, this.#spanBytes];
    const times = [this.#firstStartNs, this.#lastEndNs, this.#arrivedMs, this.#rootMs];
    for (const array of [...single, ...times]) moveDown(array, numbers, 1);
    for (const array of [this.#randomness, this.#threshold]) moveDown(array, numbers, 2);
    moveDown(this.#met, numbers, this.#conditionWords);
    this.#resize(capacity);
  }

  #resize(capacity: number): void {
    this.arrived.grow(capacity);
    this.rooted.grow(capacity);
    this.#first = grown(this.#first, capacity);
    this.#last = grown(this.#last, capacity);
    this.#end = grown(this.#end, capacity);
    this.#reference = grown(this.#reference, capacity);
    this.#spans = grown(this.#spans, capacity);
    this.#spanBytes = grown(this.#spanBytes, capacity);
    this.#firstStartNs = grown(this.#firstStartNs, capacity);
    this.#lastEndNs = grown(this.#lastEndNs, capacity);
    this.#arrivedMs = grown(this.#arrivedMs, capacity);
    this.#rootMs = grown(this.#rootMs, capacity);
    this.#randomness = grown(this.#randomness, capacity * 2);
    this.#threshold = grown(this.#threshold, capacity * 2);
    this.#met = grown(this.#met, capacity * this.#conditionWords);
  }

  /** For an id that is not there, when there is room. */
  open(bytes: Uint8Array, at: number, nowMs: number): number {
    const slot = this.ids.add(bytes, at);
    this.saveChain(slot, NO_CHAIN);
    this.#spans[slot] = 0;
    this.#spanBytes[slot] = 0;
    this.#firstStartNs[slot] = 0;
    this.#lastEndNs[slot] = 0;
    this.#arrivedMs[slot] = nowMs;
    this.#rootMs[slot] = NO_ROOT;
    this.#randomness[slot * 2] = 0;
    this.#threshold[slot * 2] = 0;
    for (let i = 0; i < this.#conditionWords; i++) this.#met[slot * this.#conditionWords + i] = 0;
    this.arrived.append(slot);
    return slot;
  }

  close(slot: number): void {
    this.arrived.remove(slot);
    if (this.hasRoot(slot)) this.rooted.remove(slot);
    this.ids.remove(slot);
  }

  loadChain(slot: number, chain: Chain): void {
    chain.first = this.#first[slot] ?? 0;
    chain.last = this.#last[slot] ?? 0;
    chain.end = this.#end[slot] ?? 0;
    chain.reference = this.#reference[slot] ?? 0;
  }

  saveChain(slot: number, chain: Chain): void {
    this.#first[slot] = chain.first;
    this.#last[slot] = chain.last;
    this.#end[slot] = chain.end;
    this.#reference[slot] = chain.reference;
  }

  /** Of one more span; times of 0 say nothing. */
  addSpan(slot: number, spanBytes: number, startNs: number, endNs: number): void {
    this.#spans[slot] = this.spans(slot) + 1;
    this.#spanBytes[slot] = this.spanBytes(slot) + spanBytes;
    const first = this.#firstStartNs[slot] ?? 0;
    if (startNs > 0 && (first === 0 || startNs < first)) this.#firstStartNs[slot] = startNs;
    if (endNs > this.lastEndNs(slot)) this.#lastEndNs[slot] = endNs;
  }

  setRoot(slot: number, nowMs: number): void {
    this.#rootMs[slot] = nowMs;
    this.rooted.append(slot);
  }

  setRandomness(slot: number, { high, low }: Bits56): void {
    this.#randomness[slot * 2] = high + 1;
    this.#randomness[slot * 2 + 1] = low;
  }

  /** `th` of its first span that came with one. */
  setThreshold(slot: number, { high, low }: Bits56): void {
    this.#threshold[slot * 2] = high + 1;
    this.#threshold[slot * 2 + 1] = low;
  }

  setMet(slot: number, condition: number): void {
    const at = slot * this.#conditionWords + (condition >>> 5);
    this.#met[at] = (this.#met[at] ?? 0) | (1 << (condition & 31));
  }

  isMet(slot: number, condition: number): boolean {
    const word = this.#met[slot * this.#conditionWords + (condition >>> 5)] ?? 0;
    return (word & (1 << (condition & 31))) !== 0;
  }

  hasRoot(slot: number): boolean {
    return this.rootMs(slot) >= 0;
  }

  hasRandomness(slot: number): boolean {
    return (this.#randomness[slot * 2] ?? 0) > 0;
  }

  hasThreshold(slot: number): boolean {
    return (this.#threshold[slot * 2] ?? 0) > 0;
  }

  threshold(slot: number): Bits56 | undefined {
    const high = this.#threshold[slot * 2] ?? 0;
    return high === 0 ? undefined : { high: high - 1, low: this.#threshold[slot * 2 + 1] ?? 0 };
  }

  spans(slot: number): number {
    return this.#spans[slot] ?? 0;
  }

  spanBytes(slot: number): number {
    return this.#spanBytes[slot] ?? 0;
  }

  firstStartNs(slot: number): number {
    return this.#firstStartNs[slot] ?? 0;
  }

  lastEndNs(slot: number): number {
    return this.#lastEndNs[slot] ?? 0;
  }

  arrivedMs(slot: number): number {
    return this.#arrivedMs[slot] ?? 0;
  }

  rootMs(slot: number): number {
    return this.#rootMs[slot] ?? NO_ROOT;
  }

  /** Into `bits`: the `rv` that a span brought. */
  loadRandomness(slot: number, bits: { high: number; low: number }): void {
    bits.high = (this.#randomness[slot * 2] ?? 1) - 1;
    bits.low = this.#randomness[slot * 2 + 1] ?? 0;
  }

  /** Of one trace; valid until the next call. */
  summary(slot: number): TraceSummary {
    this.#summary.stand(slot);
    return this.#summary;
  }
}

const NO_CHAIN = makeChain();

class Summary implements TraceSummary {
  readonly bytes = new Uint8Array(16);
  readonly traceIdAt = 0;
  readonly #randomness = { high: 0, low: 0 };
  readonly #table: TraceTable;
  #slot = 0;

  constructor(table: TraceTable) {
    this.#table = table;
  }

  stand(slot: number): void {
    this.#slot = slot;
    this.#table.ids.copy(slot, this.bytes, 0);
  }

  get spans(): number {
    return this.#table.spans(this.#slot);
  }

  get spanBytes(): number {
    return this.#table.spanBytes(this.#slot);
  }

  get firstStartNs(): number {
    return this.#table.firstStartNs(this.#slot);
  }

  get lastEndNs(): number {
    return this.#table.lastEndNs(this.#slot);
  }

  /** Without an `rv` the last 7 bytes of the id, big endian. */
  get randomness(): Bits56 {
    const bits = this.#randomness;
    if (this.#table.hasRandomness(this.#slot)) {
      this.#table.loadRandomness(this.#slot, bits);
      return bits;
    }
    const id = this.bytes;
    bits.high = ((id[9] ?? 0) << 16) | ((id[10] ?? 0) << 8) | (id[11] ?? 0);
    bits.low = (((id[12] ?? 0) << 24) | ((id[13] ?? 0) << 16) | ((id[14] ?? 0) << 8) | (id[15] ?? 0)) >>> 0;
    return bits;
  }

  met(index: number): boolean {
    return this.#table.isMet(this.#slot, index);
  }
}

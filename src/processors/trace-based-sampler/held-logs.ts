import { makeBatch, type Batch } from '../../core/batch.ts';
import { REQUEST, RESOURCE_X, SCOPE_X } from '../../otlp/fields.ts';
import { Writer } from '../../otlp/writer.ts';
import { clearChain, makeChain, MIXED, STEP_BYTES, type Chain } from '../tail-sampling/block-store.ts';
import type { ScopeHeader } from '../tail-sampling/headers.ts';
import { QUEUE_BYTES_EACH, SlotQueue } from '../tail-sampling/slot-queue.ts';
import { SpanBuffer, spanBytesAtMost } from '../tail-sampling/span-buffer.ts';
import { grown, nextCapacity, TraceIds, traceIdBytes } from '../tail-sampling/trace-ids.ts';
import { resourceText, scopeText, type Around } from './surroundings.ts';

/** Of one log besides its content: the arrays below, and at worst the id of a trace of its own. */
const SLOT_BYTES = 3 * 8 + 7 * 4 + QUEUE_BYTES_EACH + traceIdBytes(1);

/** What goes on in one batch. */
const PARCEL_BYTES = 1024 * 1024;
const PARCEL_ITEMS = 8192;

/** Logs of one ScopeLogs that are to be held. */
export interface HeldRun extends Around {
  /** Of each log where its content starts and ends, and where its trace id is: `LOG_NUMBERS` numbers. */
  readonly logs: number[];
}

export const LOG_NUMBERS = 3;

/** Logs that go on together; theirs until `done`. */
export interface Parcel {
  readonly batch: Batch;
  readonly slots: readonly number[];
}

/**
 * Logs that wait for the decision of their trace, copied out of the batches that brought them, and those whose time to
 * go on has come.
 *
 *   waiting   a ── b ── c ── d ── e         by since when they wait; those of one trace in order of arrival
 *   trace 1   a ───────► c                  in the same order: a is the first of all, so of its trace
 *   trace 2        b ───────► d ──► e
 *   ready     x, y, z                       decided, kept; not in the other two
 *
 * Each log has a slot, the index of the arrays, and its content lies in the block store under the number of its
 * surroundings. Invariants: a slot is free, waiting or ready; a trace is in the table as long as one of its logs waits.
 */
export class HeldLogs {
  waiting = 0;
  readonly #limitBytes: number;
  readonly #limitSlots: number;
  readonly #onLeave: (arrivedMs: number) => void;
  readonly #store = new SpanBuffer();
  readonly #traces: TraceIds;
  readonly #order = new SlotQueue();
  readonly #chain = makeChain();
  #firstOfTrace = new Uint32Array(0);
  #lastOfTrace = new Uint32Array(0);
  /** By slot. Of a free one `#next` is the next free one; a slot + 1, 0 for none. */
  #next = new Uint32Array(0);
  #trace = new Uint32Array(0);
  #firstBlock = new Uint32Array(0);
  #lastBlock = new Uint32Array(0);
  #chainEnd = new Uint32Array(0);
  #arrivedMs = new Float64Array(0);
  /** Since when it waits: since it came, or was postponed. */
  #sinceMs = new Float64Array(0);
  #number = new Float64Array(0);
  #free = 0;
  #unused = 0;
  #numbers = 0;
  #ready: number[] = [];
  /** Ready, or on its way in a parcel. */
  #leaving = 0;
  #leavingBytes = 0;
  #reservedLogs = 0;
  #reservedBytes = 0;

  /** `onLeave` is told when each log came that waits no longer. */
  constructor(limitBytes: number, seed: number, onLeave: (arrivedMs: number) => void) {
    this.#onLeave = onLeave;
    // For what is used: the last step of memory may be free yet.
    this.#limitBytes = limitBytes - STEP_BYTES;
    this.#limitSlots = Math.floor(this.#limitBytes / (SLOT_BYTES + heldBytes(1)));
    this.#traces = new TraceIds(seed);
  }

  get items(): number {
    return this.waiting + this.#leaving;
  }

  /** Decided to go on, and not gone yet. */
  get leaving(): number {
    return this.#leaving;
  }

  /** Memory, with what is free in it for what comes. */
  get bytes(): number {
    return this.#store.allocatedBytes + this.#next.length * SLOT_BYTES;
  }

  /** Whether so many logs, of `bytes` in the store, have room besides what is reserved. */
  fits(logs: number, bytes: number): boolean {
    return this.#fits(logs + this.items, bytes + this.#store.bytesWith(0));
  }

  /** The same, perhaps, once those that are leaving have left: what they free is seen when they have. */
  fitsSoon(logs: number, bytes: number): boolean {
    if (this.#leaving === 0) return this.fits(logs, bytes);
    return this.#fits(logs + this.waiting, bytes + this.#store.usedBytes - this.#leavingBytes);
  }

  /** The same, if nothing else were held. */
  fitsAlone(logs: number, bytes: number): boolean {
    const slots = this.#slotsFor(logs);
    return logs <= slots && bytes + slots * SLOT_BYTES <= this.#limitBytes;
  }

  /** Room for logs that may come to be held; `unreserve` before they are, or when they are not. */
  reserve(logs: number, bytes: number): void {
    this.#reservedLogs += logs;
    this.#reservedBytes += bytes;
  }

  unreserve(logs: number, bytes: number): void {
    this.reserve(-logs, -bytes);
  }

  #fits(logs: number, storeBytes: number): boolean {
    const slots = this.#slotsFor(logs + this.#reservedLogs);
    const bytes = storeBytes + this.#reservedBytes + slots * SLOT_BYTES;
    return logs + this.#reservedLogs <= slots && bytes <= this.#limitBytes;
  }

  /** Slots that there are, or would be with so many logs. */
  #slotsFor(logs: number): number {
    let slots = this.#next.length;
    while (slots < logs && slots < this.#limitSlots) slots = nextCapacity(slots, this.#limitSlots);
    return slots;
  }

  /** Copies the logs of a run; there is room for them. */
  hold(run: HeldRun, nowMs: number): void {
    const scope = this.#store.pin(resourceText(run), scopeText(run));
    for (let i = 0; i < run.logs.length; i += LOG_NUMBERS) this.#holdOne(run, i, scope, nowMs);
    this.#store.unpin(scope);
    if (this.bytes > this.#limitBytes + STEP_BYTES) this.#store.trim();
  }

  #holdOne({ bytes, logs }: HeldRun, i: number, scope: ScopeHeader, nowMs: number): void {
    const slot = this.#take();
    const chain = this.#chain;
    clearChain(chain);
    this.#store.append(chain, scope, bytes, logs[i] ?? 0, logs[i + 1] ?? 0);
    this.#firstBlock[slot] = chain.first;
    this.#lastBlock[slot] = chain.last;
    this.#chainEnd[slot] = chain.end;
    this.#arrivedMs[slot] = this.#sinceMs[slot] = nowMs;
    this.#number[slot] = this.#numbers++;
    this.#order.append(slot);
    this.#join(slot, bytes, logs[i + 2] ?? 0);
    this.waiting += 1;
  }

  /** All that wait for this trace go on, or are let go. Returns how many they were. */
  decide(bytes: Uint8Array, at: number, kept: boolean): number {
    const trace = this.#traces.find(bytes, at);
    if (trace < 0) return 0;
    let logs = 0;
    for (let next = this.#firstOfTrace[trace] ?? 0; next > 0; logs++) {
      const slot = next - 1;
      next = this.#next[slot] ?? 0;
      this.#leave(slot, kept);
    }
    this.#traces.remove(trace);
    return logs;
  }

  /** Since when the first of all waits; Infinity when none does. */
  get firstSinceMs(): number {
    const slot = this.#order.first;
    return slot < 0 ? Number.POSITIVE_INFINITY : (this.#sinceMs[slot] ?? 0);
  }

  /** The trace of the first, with all its logs, waits from now on as if they had just come. */
  postponeFirst(nowMs: number): void {
    const trace = this.#trace[this.#order.first] ?? 0;
    for (let next = this.#firstOfTrace[trace] ?? 0; next > 0; next = this.#next[next - 1] ?? 0) {
      this.#order.remove(next - 1);
      this.#order.append(next - 1);
      this.#sinceMs[next - 1] = nowMs;
    }
  }

  /** Writes the id of the trace of the first. */
  copyFirstTrace(to: Uint8Array): void {
    this.#traces.copy(this.#trace[this.#order.first] ?? 0, to, 0);
  }

  /** The first that waits goes on, or is let go; others of its trace wait on. */
  decideFirst(kept: boolean): void {
    const slot = this.#order.first;
    const trace = this.#trace[slot] ?? 0;
    const next = this.#next[slot] ?? 0;
    this.#firstOfTrace[trace] = next;
    if (next === 0) this.#traces.remove(trace);
    this.#leave(slot, kept);
  }

  /** What is ready, in order of arrival inside of each resource and scope; undefined when nothing is. */
  takeReady(): Parcel | undefined {
    if (this.#ready.length === 0) return undefined;
    const byNumber = (a: number, b: number): number => (this.#number[a] ?? 0) - (this.#number[b] ?? 0);
    this.#ready.sort(byNumber);
    const slots = this.#ready.splice(0, this.#parcelSize());
    return { batch: this.#write(slots), slots };
  }

  /** What became of a parcel is known: its logs are let go. */
  done({ slots }: Parcel): void {
    for (const slot of slots) {
      this.#leavingBytes -= this.#storedBytes(slot);
      this.#release(slot);
    }
    this.#leaving -= slots.length;
  }

  /** How many of the ready ones go into one parcel. */
  #parcelSize(): number {
    let bytes = 0;
    let count = 0;
    for (const slot of this.#ready) {
      this.#stand(slot);
      bytes += this.#store.length;
      if (count > 0 && (bytes > PARCEL_BYTES || count >= PARCEL_ITEMS)) break;
      count += 1;
    }
    return count;
  }

  #leave(slot: number, kept: boolean): void {
    this.#order.remove(slot);
    this.waiting -= 1;
    this.#onLeave(this.#arrivedMs[slot] ?? 0);
    if (kept) {
      this.#ready.push(slot);
      this.#leaving += 1;
      this.#leavingBytes += this.#storedBytes(slot);
    } else this.#release(slot);
  }

  #release(slot: number): void {
    this.#store.free(this.#chainOf(slot), 1);
    this.#next[slot] = this.#free;
    this.#free = slot + 1;
  }

  #storedBytes(slot: number): number {
    this.#stand(slot);
    return heldBytes(this.#store.length);
  }

  #chainOf(slot: number): Chain {
    const chain = this.#chain;
    chain.first = this.#firstBlock[slot] ?? 0;
    chain.last = this.#lastBlock[slot] ?? 0;
    chain.end = this.#chainEnd[slot] ?? 0;
    chain.reference = MIXED;
    return chain;
  }

  /** Puts the reader of the store on the log of `slot`. */
  #stand(slot: number): void {
    const chain = this.#chainOf(slot);
    this.#store.rewind(chain, undefined);
    if (!this.#store.next(chain)) throw new Error('BUG: a held log without content.');
  }

  #join(slot: number, bytes: Uint8Array, idAt: number): void {
    this.#next[slot] = 0;
    let trace = this.#traces.find(bytes, idAt);
    if (trace < 0) {
      trace = this.#traces.add(bytes, idAt);
      this.#firstOfTrace[trace] = slot + 1;
    } else this.#next[(this.#lastOfTrace[trace] ?? 0) - 1] = slot + 1;
    this.#lastOfTrace[trace] = slot + 1;
    this.#trace[slot] = trace;
  }

  #take(): number {
    if (this.#free > 0) {
      const slot = this.#free - 1;
      this.#free = this.#next[slot] ?? 0;
      return slot;
    }
    if (this.#unused >= this.#next.length) this.#grow();
    return this.#unused++;
  }

  #grow(): void {
    const capacity = nextCapacity(this.#next.length, this.#limitSlots);
    this.#traces.grow(capacity);
    this.#order.grow(capacity);
    this.#firstOfTrace = grown(this.#firstOfTrace, capacity);
    this.#lastOfTrace = grown(this.#lastOfTrace, capacity);
    this.#next = grown(this.#next, capacity);
    this.#trace = grown(this.#trace, capacity);
    this.#firstBlock = grown(this.#firstBlock, capacity);
    this.#lastBlock = grown(this.#lastBlock, capacity);
    this.#chainEnd = grown(this.#chainEnd, capacity);
    this.#arrivedMs = grown(this.#arrivedMs, capacity);
    this.#sinceMs = grown(this.#sinceMs, capacity);
    this.#number = grown(this.#number, capacity);
  }

  #write(slots: readonly number[]): Batch {
    const groups = new Map<ScopeHeader, number[]>();
    for (const slot of slots) {
      this.#stand(slot);
      const scope = this.#store.scope();
      const group = groups.get(scope);
      if (group === undefined) groups.set(scope, [slot]);
      else group.push(slot);
    }
    return makeBatch('logs', [this.#writeGroups(groups)], slots.length);
  }

  /** Each resource once, and in it each of its scopes. */
  #writeGroups(groups: ReadonlyMap<ScopeHeader, readonly number[]>): Uint8Array {
    const resources = Map.groupBy(groups, ([{ resource }]) => resource);
    const writer = new Writer();
    for (const [resource, scopes] of resources) {
      const mark = writer.begin(REQUEST.resources);
      writer.raw(Buffer.from(resource.fields, 'latin1'));
      for (const [{ fields }, slots] of scopes) {
        const inner = writer.begin(RESOURCE_X.scopes);
        writer.raw(Buffer.from(fields, 'latin1'));
        for (const slot of slots) this.#writeLog(slot, writer);
        writer.end(inner);
      }
      writer.end(mark);
    }
    return writer.detach(0);
  }

  #writeLog(slot: number, writer: Writer): void {
    this.#stand(slot);
    const { length } = this.#store;
    const log = writer.begin(SCOPE_X.items, length);
    writer.ensure(length);
    this.#store.copyOut(this.#store.position(), length, writer.buffer, writer.pos);
    writer.pos += length;
    writer.end(log);
  }
}

/** At most what a log of so many bytes takes in the store. */
export function heldBytes(bytes: number): number {
  return spanBytesAtMost(1, bytes);
}

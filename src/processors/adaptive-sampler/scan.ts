import type { Batch } from '../../core/batch.ts';
import type { Random } from '../../core/random.ts';
import { REQUEST, RESOURCE_X, SCOPE_X } from '../../otlp/fields.ts';
import { Randomness } from '../../otlp/sampling/randomness.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import { ByteHash } from './byte-hash.ts';
import { ORDINARY, PRIORITY } from './flows.ts';
import type { Arrival, ItemReader } from './item-reader.ts';
import type { KeyTable } from './key-table.ts';
import { CAME_WITH_THRESHOLD, HAS_RANDOMNESS, MALFORMED, NO_RANDOMNESS, type Sightings } from './sightings.ts';
import type { TallyKeeper } from './tally.ts';
import type { TraceMemory } from './trace-memory.ts';

export interface ScanOptions {
  readonly reader: ItemReader;
  readonly keys: KeyTable;
  readonly keeper: TallyKeeper;
  readonly sightings: Sightings;
  readonly random: Random;
  /** The target is in bytes. */
  readonly countsBytes: boolean;
}

/** The first walk over a batch: what each item is, and what of the batch belongs to which flow. */
export class Scan {
  readonly #options: ScanOptions;
  readonly #resources = new Cursor();
  readonly #scopes = new Cursor();
  readonly #items = new Cursor();
  readonly #hash = new ByteHash();
  readonly #randomness = new Randomness();
  readonly #keyText: () => string;
  #memory: TraceMemory | undefined;

  constructor(options: ScanOptions) {
    this.#options = options;
    this.#keyText = () => options.reader.keyText();
  }

  /** Traces are opened in `memory`. Throws payload_malformed. */
  run(batch: Batch, memory: TraceMemory | undefined): void {
    this.#memory = memory;
    this.#options.sightings.begin(batch.items);
    memory?.beginBatch();
    try {
      for (const chunk of batch.chunks) {
        for (this.#resources.reset(chunk, 0, chunk.length); this.#resources.next();) {
          if (this.#resources.field === REQUEST.resources && this.#resources.wireType === LEN) this.#resource();
        }
      }
    } finally {
      this.#options.reader.release();
      for (const cursor of [this.#resources, this.#scopes, this.#items]) cursor.reset(EMPTY, 0, 0);
    }
  }

  #resource(): void {
    this.#options.reader.readResource(this.#resources);
    for (this.#scopes.enter(this.#resources); this.#scopes.next();) {
      if (this.#scopes.field !== RESOURCE_X.scopes || this.#scopes.wireType !== LEN) continue;
      for (this.#items.enter(this.#scopes); this.#items.next();) {
        if (this.#items.field === SCOPE_X.items && this.#items.wireType === LEN) this.#item(this.#items);
      }
    }
  }

  #item(at: Cursor): void {
    const { reader, sightings, keeper, keys, countsBytes } = this.#options;
    reader.read(at);
    const { traceIdAt, arrival } = reader;
    const index = sightings.count++;
    const key = this.#key();
    const flow = 2 * key + (reader.isPriority ? PRIORITY : ORDINARY);
    const amount = countsBytes ? at.end - at.tagStart : 1;
    if (keeper.add(flow, amount)) keys.seen(key);
    sightings.flow[index] = flow;
    sightings.amount[index] = amount;
    sightings.place[index] = this.#memory === undefined || traceIdAt < 0 ? -1 : this.#memory.open(at.bytes, traceIdAt);
    let bits = 0;
    if (traceIdAt >= 0) this.#randomness.readTraceId(at.bytes, traceIdAt);
    else if (arrival?.hasRandomness !== true) bits = this.#draw();
    sightings.bits[index] = arrival === undefined ? bits : bits | this.#arrived(arrival, index);
    sightings.randomnessHigh[index] = this.#randomness.high;
    sightings.randomnessLow[index] = this.#randomness.low;
  }

  #key(): number {
    const { reader, keys } = this.#options;
    const hash = this.#hash.reset();
    reader.hashKey(hash);
    const key = keys.find(hash.a, hash.b);
    return key >= 0 ? key : keys.add(hash.a, hash.b, this.#keyText);
  }

  /** There is nothing to decide by that others would know, too. */
  #draw(): number {
    const { random } = this.#options;
    this.#randomness.high = Math.floor(random() * 2 ** 24);
    this.#randomness.low = Math.floor(random() * 2 ** 32);
    return NO_RANDOMNESS;
  }

  #arrived({ hasThreshold, threshold, hasRandomness, randomness, isMalformed }: Arrival, index: number): number {
    const { sightings } = this.#options;
    if (hasRandomness) this.#randomness.set(randomness);
    sightings.thresholdHigh[index] = threshold.high;
    sightings.thresholdLow[index] = threshold.low;
    return (
      (hasThreshold ? CAME_WITH_THRESHOLD : 0) | (hasRandomness ? HAS_RANDOMNESS : 0) | (isMalformed ? MALFORMED : 0)
    );
  }
}

const EMPTY = new Uint8Array(0);

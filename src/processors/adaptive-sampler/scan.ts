import type { Batch } from '../../core/batch.ts';
import type { Random } from '../../core/random.ts';
import { REQUEST, RESOURCE_X, SCOPE_X } from '../../otlp/fields.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import { ByteHash } from './byte-hash.ts';
import { ORDINARY, PRIORITY } from './flows.ts';
import type { Arrival, ItemReader } from './item-reader.ts';
import type { KeyTable } from './key-table.ts';
import {
  CAME_WITH_THRESHOLD,
  HAS_RANDOMNESS,
  HAS_STATE,
  HAS_TRACE,
  MALFORMED,
  NO_RANDOMNESS,
  type Sightings,
} from './sightings.ts';
import type { TallyKeeper } from './tally.ts';

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
  readonly #reader: ItemReader;
  readonly #keys: KeyTable;
  readonly #keeper: TallyKeeper;
  readonly #sightings: Sightings;
  readonly #random: Random;
  readonly #countsBytes: boolean;
  readonly #resources = new Cursor();
  readonly #scopes = new Cursor();
  readonly #items = new Cursor();
  readonly #hash: ByteHash;
  readonly #keyText: () => string;

  constructor({ reader, keys, keeper, sightings, random, countsBytes }: ScanOptions) {
    this.#reader = reader;
    this.#keys = keys;
    this.#keeper = keeper;
    this.#sightings = sightings;
    this.#random = random;
    this.#countsBytes = countsBytes;
    this.#hash = new ByteHash(random);
    this.#keyText = () => reader.keyText();
  }

  /** Throws payload_malformed. */
  run(batch: Batch): void {
    this.#sightings.begin(batch.items);
    try {
      for (const chunk of batch.chunks) {
        for (this.#resources.reset(chunk, 0, chunk.length); this.#resources.next();) {
          if (this.#resources.field === REQUEST.resources && this.#resources.wireType === LEN) this.#resource();
        }
        this.#sightings.chunkEnds.push(this.#sightings.count);
      }
    } finally {
      this.#reader.release();
      for (const cursor of [this.#resources, this.#scopes, this.#items]) cursor.reset(EMPTY, 0, 0);
    }
  }

  #resource(): void {
    this.#reader.readResource(this.#resources);
    for (this.#scopes.enter(this.#resources); this.#scopes.next();) {
      if (this.#scopes.field !== RESOURCE_X.scopes || this.#scopes.wireType !== LEN) continue;
      for (this.#items.enter(this.#scopes); this.#items.next();) {
        if (this.#items.field === SCOPE_X.items && this.#items.wireType === LEN) this.#item(this.#items);
      }
    }
  }

  #item(at: Cursor): void {
    const reader = this.#reader;
    const sightings = this.#sightings;
    reader.read(at);
    const index = sightings.count++;
    const flow = 2 * this.#key() + (reader.isPriority ? PRIORITY : ORDINARY);
    const amount = this.#countsBytes ? at.end - at.tagStart : 1;
    if (this.#keeper.add(flow, amount)) this.#keys.seen(flow >> 1);
    sightings.flow[index] = flow;
    sightings.amount[index] = amount;
    const { traceIdAt, arrival } = reader;
    sightings.traceIdAt[index] = traceIdAt;
    if (traceIdAt >= 0) {
      sightings.idHigh[index] = reader.view.getInt32(traceIdAt + 8);
      sightings.idLow[index] = reader.view.getInt32(traceIdAt + 12);
      sightings.bits[index] = HAS_TRACE;
    } else sightings.bits[index] = arrival?.hasRandomness === true ? 0 : this.#draw(index);
    if (arrival !== undefined) this.#arrived(arrival, index);
  }

  #key(): number {
    const hash = this.#hash.reset();
    this.#reader.hashKey(hash);
    const key = this.#keys.find(hash.a, hash.b);
    return key >= 0 ? key : this.#keys.add(hash.a, hash.b, this.#keyText);
  }

  /** There is nothing to decide by that others would know, too. */
  #draw(index: number): number {
    this.#sightings.randomnessHigh[index] = Math.floor(this.#random() * 2 ** 24);
    this.#sightings.randomnessLow[index] = Math.floor(this.#random() * 2 ** 32);
    return NO_RANDOMNESS;
  }

  #arrived({ hasThreshold, threshold, hasRandomness, randomness, isMalformed }: Arrival, index: number): void {
    const sightings = this.#sightings;
    let bits = (sightings.bits[index] ?? 0) | HAS_STATE;
    if (isMalformed) bits |= MALFORMED;
    if (hasThreshold) {
      bits |= CAME_WITH_THRESHOLD;
      sightings.thresholdHigh[index] = threshold.high;
      sightings.thresholdLow[index] = threshold.low;
    }
    if (hasRandomness) {
      bits |= HAS_RANDOMNESS;
      sightings.randomnessHigh[index] = randomness.high;
      sightings.randomnessLow[index] = randomness.low;
    }
    sightings.bits[index] = bits;
  }
}

const EMPTY = new Uint8Array(0);

/** Four bytes as a number with a sign. */
export function bigEndian(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

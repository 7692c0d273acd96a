import { KEY_VALUE, RESOURCE, SCOPE } from '../../../otlp/fields.ts';
import { Cursor, LEN } from '../../../otlp/wire.ts';
import type { SeenPlace } from './explanation.ts';
import { hashRange, mixed } from './range-hash.ts';

/** Whose attribute a label is. `scope` also has the name of the scope, as `otel.scope.name`. */
export const LABEL_SOURCES = ['point', 'resource', 'scope'] as const;
export type LabelSource = (typeof LABEL_SOURCES)[number];

/** Of one point: more are part of the series, but not told apart. */
const MAX_READ = 64;
/** A longer key is not told apart either: it could not be shown. */
const MAX_KEY_BYTES = 256;

/**
 * The labels of the point that was read last: attributes of the point, its resource and its scope. A series is the sum of
 * the hashes of its labels, so that their order does not matter, and the series without a label is the sum without its part.
 */
export class PointLabels {
  count = 0;
  /** The sum of all parts, of those too that are not among the labels. */
  total = 0;
  /** By label; tells key and source. */
  readonly keyHash: Uint32Array = new Uint32Array(MAX_READ);
  /** By label; tells key, source and value. */
  readonly part: Uint32Array = new Uint32Array(MAX_READ);
  readonly source: LabelSource[] = new Array<LabelSource>(MAX_READ).fill('point');
  readonly keyStart: Uint32Array = new Uint32Array(MAX_READ);
  readonly keyEnd: Uint32Array = new Uint32Array(MAX_READ);
  /** The content of the AnyValue, or of the name of a scope. */
  readonly valueStart: Uint32Array = new Uint32Array(MAX_READ);
  readonly valueEnd: Uint32Array = new Uint32Array(MAX_READ);
  bytes: Uint8Array = EMPTY;
  readonly #seeds: Readonly<Record<LabelSource, number>>;
  readonly #message = new Cursor();
  readonly #entry = new Cursor();

  constructor(seed: number) {
    this.#seeds = { point: mixed(seed), resource: mixed(seed + 1), scope: mixed(seed + 2) };
  }

  /** Throws payload_malformed. */
  read(place: SeenPlace, pointStart: number, pointEnd: number): void {
    this.bytes = place.bytes;
    this.count = 0;
    this.total = 0;
    this.#attributes('point', place.attributesField, pointStart, pointEnd);
    this.#attributes('resource', RESOURCE.attributes, place.resourceStart, place.resourceEnd);
    this.#attributes('scope', SCOPE.attributes, place.scopeStart, place.scopeEnd);
    this.total >>>= 0;
  }

  /** Lets go of the request. */
  release(): void {
    this.bytes = EMPTY;
    this.#message.reset(EMPTY, 0, 0);
    this.#entry.reset(EMPTY, 0, 0);
  }

  #attributes(source: LabelSource, field: number, start: number, end: number): void {
    const at = this.#message;
    for (at.reset(this.bytes, start, end); at.next();) {
      if (at.wireType !== LEN) continue;
      if (at.field === field) this.#keyValue(source, at.start, at.end);
      else if (source === 'scope' && at.field === SCOPE.name && at.end > at.start) this.#scopeName(at.start, at.end);
    }
  }

  #keyValue(source: LabelSource, start: number, end: number): void {
    let [keyStart, keyEnd, valueStart, valueEnd] = [start, start, end, end];
    const entry = this.#entry;
    for (entry.reset(this.bytes, start, end); entry.next();) {
      if (entry.wireType !== LEN) continue;
      if (entry.field === KEY_VALUE.key) [keyStart, keyEnd] = [entry.start, entry.end];
      else if (entry.field === KEY_VALUE.value) [valueStart, valueEnd] = [entry.start, entry.end];
    }
    const seed = this.#seeds[source];
    const keyHash = hashRange(this.bytes, keyStart, keyEnd, seed);
    const part = hashRange(this.bytes, valueStart, valueEnd, keyHash);
    this.total = (this.total + part) | 0;
    const index = this.count;
    if (index === MAX_READ || keyEnd - keyStart > MAX_KEY_BYTES) return;
    this.keyStart[index] = keyStart;
    this.keyEnd[index] = keyEnd;
    this.#put(source, keyHash, part);
    this.valueStart[index] = valueStart;
    this.valueEnd[index] = valueEnd;
  }

  #scopeName(start: number, end: number): void {
    const keyHash = this.#seeds.scope;
    const part = hashRange(this.bytes, start, end, keyHash);
    this.total = (this.total + part) | 0;
    const index = this.count;
    if (index === MAX_READ) return;
    // No key in the bytes: it has a name of its own, see `isScopeName`.
    this.keyStart[index] = this.keyEnd[index] = start;
    this.#put('scope', keyHash, part);
    this.valueStart[index] = start;
    this.valueEnd[index] = end;
  }

  /** Whether the label is the name of the scope, whose value is plain text. */
  isScopeName(index: number): boolean {
    return this.source[index] === 'scope' && this.keyHash[index] === this.#seeds.scope;
  }

  #put(source: LabelSource, keyHash: number, part: number): void {
    this.source[this.count] = source;
    this.keyHash[this.count] = keyHash;
    this.part[this.count] = part;
    this.count += 1;
  }
}

const EMPTY = new Uint8Array(0);

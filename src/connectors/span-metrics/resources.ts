import { KEY_VALUE, RESOURCE, VALUES } from '../../otlp/fields.ts';
import { Cursor } from '../../otlp/wire.ts';
import { isWellFormedPair } from '../../otlp/well-formed.ts';
import { Writer } from '../../otlp/writer.ts';
import type { Dimension } from './dimensions.ts';
import type { ByteBudget, Group } from './series.ts';

/** What spans of one resource have in common. */
export interface Origin {
  readonly group: Group;
  /** Content of the AnyValue of service.name; undefined when there is none. */
  readonly service: Uint8Array | undefined;
  /** Of each dimension, where a span does not have it. */
  readonly values: readonly (Uint8Array | undefined)[];
}

export interface ResourcesOptions {
  readonly dimensions: readonly Dimension[];
  /** Attributes that tell resources apart; undefined for all of them, empty for none. */
  readonly keyAttributes: readonly string[] | undefined;
  readonly families: number;
  readonly limit: number;
  readonly budget: ByteBudget;
}

/** Resources as they stand on the wire are remembered up to so many bytes; then all are looked at anew. */
const REMEMBERED_BYTES = 3 * 2 ** 19;
/** Of one that is remembered, besides its text and the values in it. */
const ORIGIN_BYTES = 256;
const SERVICE_NAME = Buffer.from('service.name');

/** The resources that spans came from. A repeated one is found by its bytes; a new one is sorted and may be an old one. */
export class Resources {
  readonly #options: ResourcesOptions;
  readonly #keyAttributes: readonly Uint8Array[] | undefined;
  readonly #origins = new Map<string, Origin>();
  #rememberedBytes = 0;
  readonly #groups = new Map<string, Group>();
  #stray: Group | undefined;
  #numbers = 0;
  readonly #writer = new Writer(1024);

  constructor(options: ResourcesOptions) {
    this.#options = options;
    this.#keyAttributes = options.keyAttributes?.map((name) => Buffer.from(name));
  }

  /** All groups that have series, in the order in which they came. */
  groups(): readonly Group[] {
    return this.#stray === undefined ? [...this.#groups.values()] : [...this.#groups.values(), this.#stray];
  }

  /** The Resource bytes[start, end), which may be empty. */
  find(bytes: Uint8Array, start: number, end: number): Origin {
    const text = latin1(bytes, start, end);
    const known = this.#origins.get(text);
    if (known !== undefined) return known;
    const origin = this.#read(bytes, start, end);
    this.#remember(text, origin);
    return origin;
  }

  /** Forgets groups whose series are all gone. */
  prune(): void {
    for (const [key, group] of this.#groups) {
      if (group.series.some((list) => list.length > 0)) continue;
      this.#groups.delete(key);
      this.#options.budget.giveBack(group.attributes.length);
      this.#forget();
    }
  }

  #remember(text: string, origin: Origin): void {
    const bytes = text.length + ORIGIN_BYTES;
    if (bytes > REMEMBERED_BYTES) return;
    if (this.#rememberedBytes + bytes > REMEMBERED_BYTES) this.#forget();
    this.#rememberedBytes += bytes;
    this.#origins.set(text, origin);
  }

  #forget(): void {
    this.#origins.clear();
    this.#rememberedBytes = 0;
  }

  #read(bytes: Uint8Array, start: number, end: number): Origin {
    const { dimensions } = this.#options;
    const values = dimensions.map(({ fallback }) => fallback);
    const isSet = dimensions.map(() => false);
    let service: Uint8Array | undefined;
    const kept: Uint8Array[] = [];
    let isWellFormed = true;
    const pair = new Cursor();
    for (const at = new Cursor(bytes, start, end); at.next();) {
      if (at.field !== RESOURCE.attributes) continue;
      const [key, value] = keyAndValue(pair.enter(at));
      if (this.#keyAttributes === undefined || this.#keyAttributes.some((name) => equal(name, key))) {
        kept.push(bytes.slice(at.start, at.end));
        isWellFormed &&= isWellFormedPair(bytes, at.start, at.end);
      }
      if (service === undefined && equal(SERVICE_NAME, key)) service = value.slice();
      dimensions.forEach(({ name }, index) => {
        if (isSet[index] === true || !equal(name, key)) return;
        values[index] = value.slice();
        isSet[index] = true;
      });
    }
    // Sent on, it would have all that goes with it refused.
    return { group: isWellFormed ? this.#group(kept) : this.#strayGroup(), service, values };
  }

  #group(attributes: readonly Uint8Array[]): Group {
    const sorted = attributes.toSorted((a, b) => Buffer.compare(a, b));
    for (const one of sorted) this.#writer.bytes(VALUES.values, one);
    const encoded = this.#writer.take();
    const key = latin1(encoded, 0, encoded.length);
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const { limit, budget } = this.#options;
    if (this.#groups.size >= limit || !budget.tryTake(encoded.length)) return this.#strayGroup();
    const group = this.#makeGroup(encoded, true);
    this.#groups.set(key, group);
    return group;
  }

  #strayGroup(): Group {
    return (this.#stray ??= this.#makeGroup(new Uint8Array(0), false));
  }

  #makeGroup(attributes: Uint8Array, hasSeries: boolean): Group {
    const isWhole = this.#keyAttributes === undefined && attributes.length > 0;
    const lists = (): [][] => Array.from({ length: this.#options.families }, () => []);
    return { number: this.#numbers++, attributes, isWhole, hasSeries, series: lists(), overflow: [] };
  }
}

const NOTHING = new Uint8Array(0);

/** Views of the key, and of the content of the value, of the KeyValue. */
function keyAndValue(pair: Cursor): [Uint8Array, Uint8Array] {
  let key: Uint8Array = NOTHING;
  let value: Uint8Array = NOTHING;
  while (pair.next()) {
    if (pair.field === KEY_VALUE.key) key = pair.view();
    else if (pair.field === KEY_VALUE.value) value = pair.view();
  }
  return [key, value];
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

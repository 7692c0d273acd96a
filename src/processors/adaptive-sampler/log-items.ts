import { ANY_VALUE } from '../../otlp/fields.ts';
import { HEX_DIGITS, MutableBits56 } from '../../otlp/sampling/bits56.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import type { ByteHash } from './byte-hash.ts';
import { DEFAULT_KEYS, type KeySettings } from './config.ts';
import type { Arrival, ItemReader } from './item-reader.ts';
import { attributePart, bodyPart, numberPart, textPart, type KeyPart } from './key-parts.ts';
import { keyText, KeySource } from './key-source.ts';
import { LogReader } from './log-reader.ts';
import type { WantedAttributes } from '../../otlp/wanted-attributes.ts';

export const THRESHOLD_ATTRIBUTE = 'sampling.threshold';
export const RANDOMNESS_ATTRIBUTE = 'sampling.randomness';

const SEVERITIES = ['', 'TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

export class LogItems implements ItemReader {
  arrival: Arrival | undefined;
  readonly #record: LogReader;
  readonly #source: KeySource;
  readonly #parts: readonly KeyPart[];
  readonly #arrival: LogArrival;

  constructor({ keys = DEFAULT_KEYS.logs }: KeySettings) {
    this.#source = new KeySource([...keys, THRESHOLD_ATTRIBUTE, RANDOMNESS_ATTRIBUTE]);
    this.#record = new LogReader(this.#source.item);
    this.#parts = keys.flatMap((key) => this.#part(key) ?? []);
    this.#arrival = new LogArrival(this.#source.item);
  }

  get view(): DataView {
    return this.#source.view;
  }

  get traceIdAt(): number {
    return this.#record.traceIdAt;
  }

  get isPriority(): boolean {
    return this.#record.isError;
  }

  readResource(at: Cursor): void {
    this.#source.readResource(at);
  }

  read(at: Cursor): void {
    this.#record.read(at.bytes, at.start, at.end);
    this.arrival = this.#arrival.read(at.bytes) ? this.#arrival : undefined;
  }

  hashKey(hash: ByteHash): void {
    for (const part of this.#parts) part.addTo(hash);
  }

  keyText(): string {
    return keyText(this.#parts);
  }

  release(): void {
    this.#source.release();
    this.#record.release();
    this.#arrival.release();
  }

  #part(key: string): KeyPart | undefined {
    switch (key) {
      case 'severity':
        return this.#severity();
      case 'message.shape':
        return this.#shape();
      case 'route':
      case 'span.name':
      case 'span.kind':
        return undefined;
      default:
        return attributePart(this.#source, key);
    }
  }

  #severity(): KeyPart {
    const record = this.#record;
    const number = numberPart(() => record.severity, SEVERITIES);
    const text = textPart(
      this.#source,
      () => record.severityStart,
      () => record.severityEnd,
    );
    const pick = (): KeyPart => (record.severity > 0 ? number : text);
    return { addTo: (hash) => pick().addTo(hash), text: () => pick().text() };
  }

  /** A record with the name of an event says of itself what kind it is. */
  #shape(): KeyPart {
    const record = this.#record;
    const body = bodyPart(
      this.#source,
      () => record.bodyStart,
      () => record.bodyEnd,
    );
    const event = textPart(
      this.#source,
      () => record.eventStart,
      () => record.eventEnd,
    );
    const pick = (): KeyPart => (record.eventEnd > record.eventStart ? event : body);
    return { addTo: (hash) => pick().addTo(hash), text: () => pick().text() };
  }
}

/** Two attributes with texts of hexadecimal digits. */
class LogArrival implements Arrival {
  hasThreshold = false;
  readonly threshold = new MutableBits56();
  hasRandomness = false;
  readonly randomness = new MutableBits56();
  isMalformed = false;
  readonly #attributes: WantedAttributes;
  readonly #thresholdAt: number;
  readonly #randomnessAt: number;
  readonly #cursor = new Cursor();

  constructor(attributes: WantedAttributes) {
    this.#attributes = attributes;
    this.#thresholdAt = attributes.indexOf(THRESHOLD_ATTRIBUTE);
    this.#randomnessAt = attributes.indexOf(RANDOMNESS_ATTRIBUTE);
  }

  /** False when the record has neither. */
  read(bytes: Uint8Array): boolean {
    this.hasThreshold = false;
    this.hasRandomness = false;
    this.isMalformed = false;
    const { starts } = this.#attributes;
    const hasThreshold = (starts[this.#thresholdAt] ?? -1) >= 0;
    const hasRandomness = (starts[this.#randomnessAt] ?? -1) >= 0;
    if (hasThreshold) this.hasThreshold = this.#hex(bytes, this.#thresholdAt, this.threshold, 1);
    if (hasRandomness) this.hasRandomness = this.#hex(bytes, this.#randomnessAt, this.randomness, HEX_DIGITS);
    return hasThreshold || hasRandomness;
  }

  release(): void {
    this.#cursor.reset(EMPTY, 0, 0);
  }

  #hex(bytes: Uint8Array, index: number, into: MutableBits56, digits: number): boolean {
    const at = this.#cursor;
    let isRead = false;
    for (at.reset(bytes, this.#attributes.starts[index] ?? 0, this.#attributes.ends[index] ?? 0); at.next();) {
      isRead = at.field === ANY_VALUE.string && at.wireType === LEN && at.end - at.start >= digits;
      isRead &&= into.readHex(bytes, at.start, at.end);
    }
    if (!isRead) this.isMalformed = true;
    return isRead;
  }
}

const EMPTY = new Uint8Array(0);

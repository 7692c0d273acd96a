import { TraceState } from '../../otlp/sampling/tracestate.ts';
import type { Cursor } from '../../otlp/wire.ts';
import type { ByteHash } from './byte-hash.ts';
import { DEFAULT_KEYS, LOG_PARTS, SPAN_PARTS, type KeySettings } from './config.ts';
import type { Arrival, ItemReader } from './item-reader.ts';
import { keyText, KeySource } from './key-source.ts';
import { attributePart, numberPart, textPart, type KeyPart } from './key-parts.ts';
import { SpanReader } from './span-reader.ts';

const ROUTE = 'http.route';

/** enum SpanKind */
const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];

export class SpanItems implements ItemReader {
  readonly span: SpanReader;
  arrival: Arrival | undefined;
  isPriority = false;
  readonly #source: KeySource;
  readonly #parts: readonly KeyPart[];
  readonly #state = new TraceState();
  readonly #arrival: SpanArrival;
  readonly #slowNs: number;
  /** The attribute that keys begin with, mostly one of the resource; -1 when it is something else. */
  readonly #lead: number;
  /** What the hash of a key is after the lead, where that is of the resource; undefined until it is needed. */
  #leadHash: { readonly a: number; readonly b: number } | undefined;

  constructor({ keys = DEFAULT_KEYS.traces, slow }: KeySettings) {
    this.#source = new KeySource([...keys, ROUTE]);
    this.span = new SpanReader(this.#source.item);
    this.#parts = keys.flatMap((key) => this.#part(key) ?? []);
    this.#arrival = new SpanArrival(this.#state);
    const [lead = 'route'] = keys;
    this.#lead = isPart(lead) ? -1 : this.#source.item.indexOf(lead);
    this.#slowNs = slow === 0 ? Number.POSITIVE_INFINITY : slow * 1e6;
  }

  get view(): DataView {
    return this.#source.view;
  }

  get traceIdAt(): number {
    return this.span.traceIdAt;
  }

  readResource(at: Cursor): void {
    this.#leadHash = undefined;
    this.#source.readResource(at);
  }

  read(at: Cursor): void {
    const { span } = this;
    span.read(at.bytes, this.#source.view, at.start, at.end);
    this.isPriority = span.isError || span.durationNs > this.#slowNs;
    this.arrival = undefined;
    if (span.stateStart < 0) return;
    this.#state.read(at.bytes, span.stateStart, span.stateEnd);
    this.arrival = this.#arrival;
  }

  hashKey(hash: ByteHash): void {
    const parts = this.#parts;
    let at = 0;
    if (this.#lead >= 0 && (this.#source.item.starts[this.#lead] ?? -1) < 0) {
      if (this.#leadHash === undefined) {
        parts[at]?.addTo(hash);
        this.#leadHash = { a: hash.a, b: hash.b };
      }
      hash.a = this.#leadHash.a;
      hash.b = this.#leadHash.b;
      at = 1;
    }
    for (; at < parts.length; at++) parts[at]?.addTo(hash);
  }

  keyText(): string {
    return keyText(this.#parts);
  }

  release(): void {
    this.#source.release();
    this.span.release();
    this.#state.release();
  }

  #part(key: string): KeyPart | undefined {
    const { span } = this;
    const name = textPart(
      this.#source,
      () => span.nameStart,
      () => span.nameEnd,
    );
    switch (key) {
      case 'route':
        return attributePart(this.#source, ROUTE, name);
      case 'span.name':
        return name;
      case 'span.kind':
        return numberPart(() => span.kind, KINDS);
      case 'severity':
      case 'message.shape':
        return undefined;
      default:
        return attributePart(this.#source, key);
    }
  }
}

/** No name of an attribute. */
function isPart(key: string): boolean {
  return [...SPAN_PARTS, ...LOG_PARTS].some((part) => part === key);
}

class SpanArrival implements Arrival {
  readonly #state: TraceState;

  constructor(state: TraceState) {
    this.#state = state;
  }

  get hasThreshold() {
    return this.#state.hasThreshold;
  }

  get threshold() {
    return this.#state.threshold;
  }

  get hasRandomness() {
    return this.#state.hasRandomness;
  }

  get randomness() {
    return this.#state.randomness;
  }

  get isMalformed() {
    return this.#state.status === 'malformed';
  }
}

import type { Batch } from '../../core/batch.ts';
import type { Signal } from '../../core/signal.ts';
import type { AttributeList } from '../../otlp/attribute-list.ts';
import { rewriteRequest, type RequestEdit, type Rewritten, type ScopeEdit } from '../../otlp/edit.ts';
import { KEY_VALUE, SCOPE_X } from '../../otlp/fields.ts';
import { hexText, MutableBits56 } from '../../otlp/sampling/bits56.ts';
import { encodeThreshold, type Threshold } from '../../otlp/sampling/threshold.ts';
import { writeTraceState } from '../../otlp/sampling/trace-state-field.ts';
import { TraceState } from '../../otlp/sampling/tracestate.ts';
import type { RangeCopier } from '../../otlp/range-copier.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import { SpareBuffers } from '../../otlp/spare-buffers.ts';
import { writeAnyValue } from '../../otlp/value.ts';
import { RANDOMNESS_ATTRIBUTE, THRESHOLD_ATTRIBUTE } from './log-items.ts';
import {
  DROP,
  HAS_RANDOMNESS,
  HAS_STATE,
  KEEP_AS_IS,
  KEEP_CHANGED,
  NO_RANDOMNESS,
  type Sightings,
} from './sightings.ts';
import { SpanReader } from './span-reader.ts';
import { WantedAttributes } from '../../otlp/wanted-attributes.ts';

/** The second walk over a batch: what was decided is carried out. */
export class Write {
  readonly #sightings: Sightings;
  readonly #edit: RequestEdit;
  readonly #threshold = new MutableBits56();
  readonly #randomness = new MutableBits56();
  readonly #state = new TraceState();
  readonly #span = new SpanReader(new WantedAttributes([]));
  readonly #items = new Cursor();
  #index = -1;
  /** Length of the last result against its request: what room is made for next. */
  #share = 1;

  constructor(sightings: Sightings, signal: Signal) {
    this.#sightings = sightings;
    const memory = { expectedShare: () => this.#share, spare: new SpareBuffers() };
    this.#edit =
      signal === 'traces'
        ? { scopeBytes: this.#writeScope, ...memory }
        : { dropItem: this.#dropsRecord, item: this.#writeRecord, ...memory };
  }

  /** The batch that was scanned. */
  run(batch: Batch): Rewritten {
    this.#index = -1;
    try {
      const result = rewriteRequest(batch, this.#edit);
      if (batch.bytes > 0) this.#share = (result.batch?.bytes ?? 0) / batch.bytes;
      return result;
    } finally {
      this.#state.release();
      this.#span.release();
      this.#items.reset(NO_BYTES, 0, 0);
    }
  }

  readonly #writeScope: ScopeEdit = (_, scope, copier, counts) => {
    const at = this.#items;
    const { outcome } = this.#sightings;
    // Where the fields begin that are dropped up to here, in one cut.
    let from = -1;
    for (at.enter(scope); at.next();) {
      const isSpan = at.field === SCOPE_X.items && at.wireType === LEN;
      const becomes = isSpan ? outcome[++this.#index] : KEEP_AS_IS;
      if (becomes === DROP) {
        if (from < 0) from = at.tagStart;
        counts.dropped += 1;
        continue;
      }
      if (from >= 0) copier.cut(from, at.tagStart);
      from = -1;
      if (!isSpan) continue;
      counts.kept += 1;
      if (becomes === KEEP_CHANGED) this.#writeSpan(at, copier);
    }
    if (from >= 0) copier.cut(from, scope.end);
  };

  #writeSpan(at: Cursor, copier: RangeCopier): void {
    const index = this.#index;
    const hasState = ((this.#sightings.bits[index] ?? 0) & HAS_STATE) !== 0;
    const span = hasState ? this.#readSpan(at) : NO_STATE;
    const state = this.#state.read(at.bytes, span.stateStart, span.stateEnd);
    state.eraseThreshold();
    const threshold = this.#thresholdOf(index);
    if (threshold.high + threshold.low > 0) state.raiseThreshold(threshold);
    if (this.#drew(index)) state.setRandomness(this.#randomnessOf(index));
    writeTraceState(copier, at, state, span.stateTagStart, span.stateEnd);
  }

  /** Of one that has a tracestate, which are few. */
  #readSpan({ bytes, start, end }: Cursor): SpanReader {
    return this.#span.read(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), start, end);
  }

  readonly #dropsRecord = (): boolean => this.#sightings.outcome[++this.#index] === DROP;

  readonly #writeRecord = (attributes: AttributeList): void => {
    const index = this.#index;
    if (this.#sightings.outcome[index] === KEEP_AS_IS) return;
    const threshold = this.#thresholdOf(index);
    if (threshold.high + threshold.low > 0) put(attributes, THRESHOLD, encodeThreshold(threshold));
    else remove(attributes, THRESHOLD);
    if (this.#drew(index)) put(attributes, RANDOMNESS, hexText(this.#randomnessOf(index)));
  };

  #thresholdOf(index: number): Threshold {
    this.#threshold.high = this.#sightings.thresholdHigh[index] ?? 0;
    this.#threshold.low = this.#sightings.thresholdLow[index] ?? 0;
    return this.#threshold;
  }

  /** It was decided by chance, which whoever samples further on has to know. */
  #drew(index: number): boolean {
    return ((this.#sightings.bits[index] ?? 0) & (NO_RANDOMNESS | HAS_RANDOMNESS)) === NO_RANDOMNESS;
  }

  #randomnessOf(index: number): MutableBits56 {
    this.#randomness.high = this.#sightings.randomnessHigh[index] ?? 0;
    this.#randomness.low = this.#sightings.randomnessLow[index] ?? 0;
    return this.#randomness;
  }
}

const NO_BYTES = new Uint8Array(0);

/** Where the tracestate stands in a span that has none. */
const NO_STATE = { stateTagStart: -1, stateStart: -1, stateEnd: -1 };

interface Key {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const THRESHOLD: Key = { name: THRESHOLD_ATTRIBUTE, bytes: Buffer.from(THRESHOLD_ATTRIBUTE) };
const RANDOMNESS: Key = { name: RANDOMNESS_ATTRIBUTE, bytes: Buffer.from(RANDOMNESS_ATTRIBUTE) };

/** Sets a text. */
function put(attributes: AttributeList, key: Key, text: string): void {
  const { scratch } = attributes;
  const start = scratch.pos;
  scratch.string(KEY_VALUE.key, key.name);
  writeAnyValue(scratch, KEY_VALUE.value, text);
  const known = attributes.find(key.bytes);
  if (known >= 0) attributes.set(known, scratch.buffer, start, scratch.pos);
  else attributes.append(scratch.buffer, start, scratch.pos);
}

function remove(attributes: AttributeList, key: Key): void {
  const known = attributes.find(key.bytes);
  if (known >= 0) attributes.remove(known);
}

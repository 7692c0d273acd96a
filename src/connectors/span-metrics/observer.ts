import type { Batch } from '../../core/batch.ts';
import type { Random } from '../../core/random.ts';
import { REQUEST, RESOURCE_X, SCOPE, SCOPE_X } from '../../otlp/fields.ts';
import { isTraceId } from '../../otlp/sampling/randomness.ts';
import { adjustedCount } from '../../otlp/sampling/threshold.ts';
import { TraceState } from '../../otlp/sampling/tracestate.ts';
import { Cursor } from '../../otlp/wire.ts';
import type { Dimensions } from './dimensions.ts';
import { Exemplars } from './exemplars.ts';
import { KeyBuilder, LEFT_OUT } from './key.ts';
import type { Origin, Resources } from './resources.ts';
import type { Series, SeriesTable } from './series.ts';
import { SpanReader } from './span-reader.ts';

export interface ObserverOptions {
  readonly dimensions: Dimensions;
  readonly resources: Resources;
  /** By family. */
  readonly tables: readonly SeriesTable[];
  readonly nsPerUnit: number;
  /** 0 for none. */
  readonly maxExemplars: number;
  readonly adjusted: boolean;
  readonly random: Random;
}

/** When a batch is observed. */
export interface Moment {
  readonly nowMs: number;
  /** Number of the interval between flushes. */
  readonly interval: number;
}

const MAX_KIND = 5;
const MAX_STATUS = 2;

/**
 * Finds the series of each span and counts it. A batch counts as a whole or, when it is malformed anywhere, not at all:
 * first the series of all of its spans are found, and only then are they changed.
 *
 * Invariant between calls: `#found` is empty, and no cursor holds on to a batch.
 */
export class Observer {
  readonly #options: ObserverOptions;
  readonly #span: SpanReader;
  readonly #key: KeyBuilder;
  readonly #state = new TraceState();
  readonly #request = new Cursor();
  readonly #resource = new Cursor();
  readonly #scope = new Cursor();
  readonly #inner = new Cursor();
  /** What was found of each span: its series in each family, how long it took, and how many it stands for. */
  readonly #found: Series[] = [];
  #durations = new Float64Array(1024);
  #weights = new Float64Array(1024);
  /** Where the ids of each span stand, when exemplars are taken: chunk, trace id, span id, end. */
  #ids = new Int32Array(0);
  #spans = 0;
  #chunk = 0;

  constructor(options: ObserverOptions) {
    this.#options = options;
    this.#key = new KeyBuilder(options.random);
    const { common, families } = options.dimensions;
    this.#span = new SpanReader([...common, ...families.flatMap(({ own }) => own)]);
  }

  /** Returns how many spans counted in overflow series. Throws payload_malformed, and has counted nothing then. */
  observe(batch: Batch, moment: Moment): number {
    try {
      for (this.#chunk = 0; this.#chunk < batch.chunks.length; this.#chunk++) this.#findIn(batch.chunks[this.#chunk]);
      return this.#count(batch, moment);
    } finally {
      this.#found.length = 0;
      this.#spans = 0;
      this.#span.release();
      this.#state.release();
      for (const cursor of [this.#request, this.#resource, this.#scope, this.#inner]) cursor.reset(NOTHING, 0, 0);
    }
  }

  #findIn(chunk: Uint8Array | undefined): void {
    if (chunk === undefined) return;
    for (const request = this.#request.reset(chunk, 0, chunk.length); request.next();) {
      if (request.field === REQUEST.resources) this.#findInResource(request);
    }
  }

  #findInResource(at: Cursor): void {
    const origin = this.#originOf(at);
    const { service } = this.#options.dimensions;
    const key = this.#key;
    key.truncate(0);
    if (service && origin.service !== undefined) key.value(origin.service, 0, origin.service.length);
    else key.absent();
    const { length } = key;
    for (const resource = this.#resource.enter(at); resource.next();) {
      if (resource.field === RESOURCE_X.scopes) this.#findInScope(resource, origin, length);
    }
  }

  /** The Resource may come after its spans. */
  #originOf(at: Cursor): Origin {
    let start = 0;
    let end = 0;
    for (const resource = this.#resource.enter(at); resource.next();) {
      if (resource.field !== RESOURCE_X.resource) continue;
      start = resource.start;
      end = resource.end;
    }
    return this.#options.resources.find(at.bytes, start, end);
  }

  /** `length` is that of the key up to here. */
  #findInScope(at: Cursor, origin: Origin, length: number): void {
    this.#key.truncate(length);
    this.#addScope(at);
    const upToScope = this.#key.length;
    for (const scope = this.#scope.enter(at); scope.next();) {
      if (scope.field === SCOPE_X.items) this.#findSpan(scope, origin, upToScope);
    }
  }

  #addScope(at: Cursor): void {
    const key = this.#key;
    let version: { start: number; end: number } | undefined;
    let name: { start: number; end: number } | undefined;
    if (this.#options.dimensions.scopes.length > 0) {
      for (const scope = this.#scope.enter(at); scope.next();) {
        if (scope.field !== SCOPE_X.scope) continue;
        for (const inner = this.#inner.enter(scope); inner.next();) {
          const { start, end } = inner;
          if (inner.field === SCOPE.version) version = { start, end };
          else if (inner.field === SCOPE.name && this.#isNamed(inner)) name = { start, end };
        }
      }
    }
    if (name === undefined) key.absent();
    else key.value(at.bytes, name.start, name.end);
    if (name === undefined || version === undefined) key.absent();
    else key.value(at.bytes, version.start, version.end);
  }

  #isNamed(at: Cursor): boolean {
    return this.#options.dimensions.scopes.some((name) => at.equals(name));
  }

  #findSpan(at: Cursor, origin: Origin, upToScope: number): void {
    const { dimensions, tables, adjusted, maxExemplars } = this.#options;
    const span = this.#span.read(at);
    const key = this.#key;
    key.truncate(upToScope);
    if (dimensions.span) key.value(span.bytes, span.nameStart, span.nameEnd);
    else key.absent();
    key.byte(dimensions.kind ? (span.kind > 0 && span.kind <= MAX_KIND ? span.kind : 0) : LEFT_OUT);
    key.byte(dimensions.status ? (span.status > 0 && span.status <= MAX_STATUS ? span.status : 0) : LEFT_OUT);
    let dimension = 0;
    for (; dimension < dimensions.common.length; dimension++) this.#addValue(dimension, origin);
    const { length } = key;
    for (let family = 0; family < tables.length; family++) {
      key.truncate(length);
      const own = dimensions.families[family]?.own.length ?? 0;
      for (let i = 0; i < own; i++) this.#addValue(dimension++, origin);
      const series = tables[family]?.find(origin.group, key);
      if (series !== undefined) this.#found.push(series);
    }
    if (this.#spans === this.#durations.length) this.#grow();
    this.#durations[this.#spans] = span.durationNs;
    this.#weights[this.#spans] = adjusted && span.traceStateEnd > span.traceStateStart ? this.#weight(span) : 1;
    if (maxExemplars > 0) this.#noteIds(span);
    this.#spans += 1;
  }

  #addValue(dimension: number, origin: Origin): void {
    const { bytes, valueStarts, valueEnds } = this.#span;
    const start = valueStarts[dimension] ?? -1;
    if (start >= 0) {
      this.#key.value(bytes, start, valueEnds[dimension] ?? start);
      return;
    }
    const value = origin.values[dimension];
    if (value === undefined) this.#key.absent();
    else this.#key.value(value, 0, value.length);
  }

  /** How many spans it stands for: a whole number, rounded up as often as its fraction says. */
  #weight({ bytes, traceStateStart, traceStateEnd }: SpanReader): number {
    const state = this.#state.read(bytes, traceStateStart, traceStateEnd);
    if (!state.hasThreshold) return 1;
    const exact = adjustedCount(state.threshold);
    const whole = Math.floor(exact);
    return whole === exact ? whole : whole + (this.#options.random() < exact - whole ? 1 : 0);
  }

  #noteIds({ bytes, traceIdAt, spanIdAt, endAt }: SpanReader): void {
    const at = this.#spans * 4;
    if (at + 4 > this.#ids.length) {
      const grown = new Int32Array(this.#durations.length * 4);
      grown.set(this.#ids);
      this.#ids = grown;
    }
    this.#ids[at] = this.#chunk;
    this.#ids[at + 1] = traceIdAt >= 0 && isTraceId(bytes, traceIdAt) ? traceIdAt : -1;
    this.#ids[at + 2] = spanIdAt;
    this.#ids[at + 3] = endAt;
  }

  #grow(): void {
    const double = (old: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> => {
      const grown = new Float64Array(old.length * 2);
      grown.set(old);
      return grown;
    };
    this.#durations = double(this.#durations);
    this.#weights = double(this.#weights);
  }

  #count(batch: Batch, { nowMs, interval }: Moment): number {
    const { nsPerUnit, maxExemplars, tables } = this.#options;
    let overflowed = 0;
    let at = 0;
    for (let span = 0; span < this.#spans; span++) {
      const value = (this.#durations[span] ?? 0) / nsPerUnit;
      const weight = this.#weights[span] ?? 1;
      let isOverflow = false;
      for (let family = 0; family < tables.length; family++) {
        const series = this.#found[at++];
        if (series === undefined) continue;
        series.calls += weight;
        series.lastSeenMs = nowMs;
        series.lastSeenIn = interval;
        isOverflow ||= series.isOverflow;
        if (series.durations === undefined) continue;
        series.durations.observe(value, weight);
        if (maxExemplars > 0) this.#offerExemplar(series, batch, span, value);
      }
      if (isOverflow) overflowed += 1;
    }
    return overflowed;
  }

  #offerExemplar(series: Series, { chunks }: Batch, span: number, value: number): void {
    const ids = this.#ids;
    const at = span * 4;
    const chunk = chunks[ids[at] ?? 0];
    if (chunk === undefined || (ids[at + 1] ?? -1) < 0 || (ids[at + 2] ?? -1) < 0 || (ids[at + 3] ?? -1) < 0) return;
    const exemplars = (series.exemplars ??= new Exemplars(this.#options.maxExemplars));
    const slot = exemplars.slotOf(this.#options.random);
    if (slot >= 0) exemplars.put(slot, value, chunk, ids, at + 1);
  }
}

const NOTHING = new Uint8Array(0);

import { makeBatch, type Batch } from '../../../src/core/batch.ts';
import { seededRandom, type Random } from '../../../src/core/random.ts';
import type { Signal } from '../../../src/core/signal.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { LOG, REQUEST, RESOURCE, RESOURCE_X, SCOPE_X, SPAN, STATUS } from '../../../src/otlp/fields.ts';
import { MutableBits56, type Bits56 } from '../../../src/otlp/sampling/bits56.ts';
import { adjustedCount } from '../../../src/otlp/sampling/threshold.ts';
import { TraceState } from '../../../src/otlp/sampling/tracestate.ts';
import { writeKeyValue, type AttributeValue } from '../../../src/otlp/value.ts';
import { Cursor, LEN } from '../../../src/otlp/wire.ts';
import { Writer } from '../../../src/otlp/writer.ts';
import { adaptiveSamplerProcessor } from '../../../src/processors/adaptive-sampler/index.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';

export interface SampleSpan {
  readonly route?: string;
  readonly name?: string;
  readonly traceId?: Uint8Array;
  readonly state?: string;
  readonly error?: boolean;
  readonly tookMs?: number;
}

export interface SampleLog {
  readonly body?: AttributeValue;
  readonly severity?: number;
  readonly severityText?: string;
  readonly eventName?: string;
  readonly traceId?: Uint8Array;
  readonly attributes?: Readonly<Record<string, string>>;
}

export function randomId(random: Random): Uint8Array {
  const id = new Uint8Array(16);
  for (let i = 0; i < 16; i++) id[i] = Math.floor(random() * 256);
  return id;
}

export function spanBatch(spans: readonly SampleSpan[], service = 'shop'): Batch {
  return batchOf('traces', spans, service, writeSpan);
}

export function logBatch(records: readonly SampleLog[], service = 'shop'): Batch {
  return batchOf('logs', records, service, writeLog);
}

function batchOf<T>(signal: Signal, items: readonly T[], service: string, write: (to: Writer, item: T) => void): Batch {
  const writer = new Writer(1024 + items.length * 128);
  const request = writer.begin(REQUEST.resources, 100_000);
  const resource = writer.begin(RESOURCE_X.resource);
  writeKeyValue(writer, RESOURCE.attributes, 'service.name', service);
  writer.end(resource);
  const scope = writer.begin(RESOURCE_X.scopes, 100_000);
  for (const item of items) {
    const mark = writer.begin(SCOPE_X.items, 100);
    write(writer, item);
    writer.end(mark);
  }
  writer.end(scope);
  writer.end(request);
  return makeBatch(signal, [writer.take()], items.length);
}

const START_NS = 1_800_000_000_000_000_000n;

function writeSpan(writer: Writer, { route, name, traceId, state, error, tookMs = 1 }: SampleSpan): void {
  if (traceId !== undefined) writer.bytes(SPAN.traceId, traceId);
  if (state !== undefined) writer.string(SPAN.traceState, state);
  writer.string(SPAN.name, name ?? 'GET');
  writer.uint(SPAN.kind, 2);
  writer.fixed64(SPAN.startTimeUnixNano, START_NS);
  writer.fixed64(SPAN.endTimeUnixNano, START_NS + BigInt(Math.round(tookMs * 1e6)));
  writeKeyValue(writer, SPAN.attributes, 'http.method', 'GET');
  if (route !== undefined) writeKeyValue(writer, SPAN.attributes, 'http.route', route);
  if (error !== true) return;
  const status = writer.begin(SPAN.status);
  writer.uint(STATUS.code, 2);
  writer.end(status);
}

function writeLog(writer: Writer, { body, severity, severityText, eventName, traceId, attributes }: SampleLog): void {
  if (severity !== undefined) writer.uint(LOG.severityNumber, severity);
  if (severityText !== undefined) writer.string(LOG.severityText, severityText);
  if (body !== undefined) {
    const pair = new Writer();
    writeKeyValue(pair, 1, '', body);
    // The AnyValue of a KeyValue with an empty key, under the number of the body.
    const cursor = new Cursor(pair.take());
    cursor.next();
    const inside = new Cursor().enter(cursor);
    while (inside.next()) if (inside.field === 2) writer.bytes(LOG.body, inside.bytes, inside.start, inside.end);
  }
  for (const [key, value] of Object.entries(attributes ?? {})) writeKeyValue(writer, LOG.attributes, key, value);
  if (traceId !== undefined) writer.bytes(LOG.traceId, traceId);
  if (eventName !== undefined) writer.string(LOG.eventName, eventName);
}

export interface KeptSpan {
  readonly name: string;
  readonly traceId: string;
  readonly state: string;
  readonly isError: boolean;
  readonly threshold: Bits56 | undefined;
  /** 1 where there is no threshold. */
  readonly adjusted: number;
}

export function keptSpans(batches: readonly Batch[]): KeptSpan[] {
  const spans: KeptSpan[] = [];
  eachItem(batches, (item) => spans.push(readSpan(item)));
  return spans;
}

function readSpan(item: Cursor): KeptSpan {
  let [name, traceId, state, isError] = ['', '', '', false];
  for (const at = new Cursor().enter(item); at.next();) {
    if (at.field === SPAN.name) name = at.string();
    if (at.field === SPAN.traceId) traceId = Buffer.from(at.view()).toString('hex');
    if (at.field === SPAN.traceState) state = at.string();
    if (at.field === SPAN.status) isError = true;
  }
  const read = new TraceState().read(Buffer.from(state), 0, state.length);
  const threshold = read.hasThreshold ? new MutableBits56().set(read.threshold) : undefined;
  return { name, traceId, state, isError, threshold, adjusted: threshold === undefined ? 1 : adjustedCount(threshold) };
}

/** All items; the cursor stands on each in turn. */
export function eachItem(batches: readonly Batch[], visit: (item: Cursor) => void): void {
  const [request, resource, scope] = [new Cursor(), new Cursor(), new Cursor()];
  for (const { chunks } of batches) {
    for (const chunk of chunks) {
      for (request.reset(chunk, 0, chunk.length); request.next();) {
        for (resource.enter(request); resource.next();) {
          if (resource.field !== RESOURCE_X.scopes || resource.wireType !== LEN) continue;
          for (scope.enter(resource); scope.next();) if (scope.field === SCOPE_X.items) visit(scope);
        }
      }
    }
  }
}

/** The processor on a clock of its own, in front of a consumer that takes everything. */
export class SamplerBed {
  readonly clock = new VirtualClock();
  readonly next = new CollectingConsumer();
  readonly random: Random;
  readonly context: ReturnType<typeof processorContext>;
  readonly #ready: Promise<{ consume(batch: Batch, abort: AbortSignal): Promise<{ status: string }> }>;
  readonly #never = new AbortController().signal;

  constructor(settings: Readonly<Record<string, unknown>>, signal: 'traces' | 'logs' = 'traces', seed = 'bed') {
    this.random = seededRandom(seed);
    this.context = processorContext(signal, this.next, { clock: this.clock, id: 'adaptive_sampler', seed });
    const parsed = adaptiveSamplerProcessor.parse(settings);
    if (!parsed.ok) throw new Error(parsed.issues.map(({ message }) => message).join('; '));
    this.#ready = Promise.resolve(parsed.prepared.create(this.context));
  }

  /** Sends a batch as an edge would, and books it; what was kept of it. */
  async send(batch: Batch): Promise<KeptSpan[]> {
    const before = this.next.batches.length;
    const processor = await this.#ready;
    const { status } = await processor.consume(batch, this.#never);
    if (status !== 'accepted') return [];
    this.context.account.received += batch.items;
    const passed = this.next.batches.splice(before);
    for (const { items } of passed) this.context.account.passed += items;
    return batch.signal === 'traces' ? keptSpans(passed) : [];
  }

  /** The same of logs: the batches that were passed on. */
  async pass(batch: Batch): Promise<Batch[]> {
    const processor = await this.#ready;
    await processor.consume(batch, this.#never);
    return this.next.batches.splice(0);
  }

  dispose(): void {
    this.next.batches.length = 0;
  }
}

/** A whole number of events of which `mean` are expected. */
export function poisson(mean: number, random: Random): number {
  if (mean > 500) {
    // The sum of 12 uniform numbers is as good as normal.
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += random();
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * sum));
  }
  const limit = Math.exp(-mean);
  let count = -1;
  for (let product = 1; product > limit; count++) product *= random();
  return count;
}

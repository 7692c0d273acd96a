import assert from 'node:assert/strict';
import { components } from '../../src/components.ts';
import { batchBytes, makeBatch, type Batch } from '../../src/core/batch.ts';
import type { Processor } from '../../src/core/component.ts';
import type { Signal } from '../../src/core/signal.ts';
import { ACCEPTED, type Verdict } from '../../src/core/verdict.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import {
  ANY_VALUE,
  KEY_VALUE,
  LOG,
  REQUEST,
  RESOURCE,
  RESOURCE_X,
  SCOPE,
  SCOPE_X,
  SPAN,
} from '../../src/otlp/fields.ts';
import { Cursor } from '../../src/otlp/wire.ts';
import { Writer } from '../../src/otlp/writer.ts';
import { CollectingConsumer, processorContext } from './context.ts';

/** Of what a sampler decides by; what is absent is not on the wire. */
export interface SpanShape {
  readonly traceId?: Uint8Array;
  readonly traceState?: string | Uint8Array;
  readonly name?: string;
  readonly service?: string;
  readonly isError?: boolean;
  readonly durationMs?: number;
  /** The span attribute `sampling.priority`. */
  readonly priority?: string | number;
}

const START_NS = 1_767_225_600_000_000_000n;

/** A request whose spans are these, in their order, in one resource and scope as long as the service is the same. */
export function spanBatch(spans: readonly SpanShape[]): Batch {
  const writer = new Writer();
  let [resource, scope, service] = [-1, -1, ''];
  for (const span of spans) {
    if (resource < 0 || service !== (span.service ?? 'checkout')) {
      if (resource >= 0) writer.end(scope);
      if (resource >= 0) writer.end(resource);
      service = span.service ?? 'checkout';
      resource = writer.begin(REQUEST.resources);
      const attributes = writer.begin(RESOURCE_X.resource);
      attribute(writer, RESOURCE.attributes, 'service.name', service);
      writer.end(attributes);
      scope = writer.begin(RESOURCE_X.scopes);
      const about = writer.begin(SCOPE_X.scope);
      writer.string(SCOPE.name, `of ${service}`);
      writer.end(about);
    }
    putSpan(writer, span);
  }
  if (resource >= 0) writer.end(scope);
  if (resource >= 0) writer.end(resource);
  return makeBatch('traces', [writer.take()], spans.length);
}

function putSpan(writer: Writer, span: SpanShape): void {
  const mark = writer.begin(SCOPE_X.items, 100);
  if (span.traceId !== undefined) writer.bytes(SPAN.traceId, span.traceId);
  writer.bytes(SPAN.spanId, SPAN_ID);
  const { traceState } = span;
  if (typeof traceState === 'string') writer.string(SPAN.traceState, traceState);
  else if (traceState !== undefined) writer.bytes(SPAN.traceState, traceState);
  writer.string(SPAN.name, span.name ?? 'GET /');
  writer.fixed64(SPAN.startTimeUnixNano, START_NS);
  writer.fixed64(SPAN.endTimeUnixNano, START_NS + BigInt(Math.round((span.durationMs ?? 1) * 1e6)));
  if (span.priority !== undefined) attribute(writer, SPAN.attributes, 'sampling.priority', span.priority);
  if (span.isError === true) {
    const status = writer.begin(SPAN.status);
    writer.uint(3, 2);
    writer.end(status);
  }
  writer.end(mark);
}

const SPAN_ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

/** Of one log record, as `SpanShape`. */
export interface LogShape {
  readonly traceId?: Uint8Array;
  readonly attributes?: Readonly<Record<string, string | number>>;
}

export function logBatch(records: readonly LogShape[]): Batch {
  const writer = new Writer();
  const resource = writer.begin(REQUEST.resources);
  const scope = writer.begin(RESOURCE_X.scopes);
  for (const record of records) {
    const mark = writer.begin(SCOPE_X.items, 60);
    writer.fixed64(LOG.timeUnixNano, START_NS);
    writer.uint(LOG.severityNumber, 9);
    if (record.traceId !== undefined) writer.bytes(LOG.traceId, record.traceId);
    for (const [key, value] of Object.entries(record.attributes ?? {})) attribute(writer, LOG.attributes, key, value);
    writer.end(mark);
  }
  writer.end(scope);
  writer.end(resource);
  return makeBatch('logs', [writer.take()], records.length);
}

function attribute(writer: Writer, field: number, key: string, value: string | number): void {
  const mark = writer.begin(field);
  writer.string(KEY_VALUE.key, key);
  const any = writer.begin(KEY_VALUE.value);
  if (typeof value === 'string') writer.string(ANY_VALUE.string, value);
  else if (Number.isInteger(value)) writer.int64(ANY_VALUE.int, BigInt(value));
  else writer.double(ANY_VALUE.double, value);
  writer.end(any);
  writer.end(mark);
}

/** Calls `each` with every span or log record of a batch, on cursors over its content and over what it is in. */
export function eachItem(batch: Batch, each: (item: Cursor, resource: Cursor, scope: Cursor) => void): void {
  const [request, resource, scope, item] = [new Cursor(), new Cursor(), new Cursor(), new Cursor()];
  const bytes = batchBytes(batch);
  for (request.reset(bytes, 0, bytes.length); request.next();) {
    for (resource.enter(request); resource.next();) {
      if (resource.field !== RESOURCE_X.scopes) continue;
      for (scope.enter(resource); scope.next();) {
        if (scope.field === SCOPE_X.items) each(item.enter(scope), request, resource);
      }
    }
  }
}

/** The fields of a message but one, in their order. */
function fieldsBut(field: number, message: Cursor): Buffer {
  const at = new Cursor().enter(message);
  const own: Uint8Array[] = [];
  while (at.next()) if (at.field !== field) own.push(at.bytes.subarray(at.tagStart, at.end));
  return Buffer.concat(own);
}

/** A span as it came out. */
export interface SeenSpan {
  /** In hex. */
  readonly traceId: string;
  readonly traceState: string;
  readonly name: string;
  /** All of its fields but trace_state, in their order. */
  readonly rest: Buffer;
  /** The fields of its resource and its scope. */
  readonly under: Buffer;
}

export function spansIn(batches: readonly Batch[]): SeenSpan[] {
  const seen: SeenSpan[] = [];
  for (const batch of batches) {
    eachItem(batch, (span, resource, scope) => {
      let [traceId, traceState, name] = ['', '', ''];
      const rest: Uint8Array[] = [];
      while (span.next()) {
        if (span.field === SPAN.traceId) traceId = Buffer.from(span.view()).toString('hex');
        if (span.field === SPAN.name) name = span.string();
        if (span.field === SPAN.traceState) traceState = Buffer.from(span.view()).toString('latin1');
        else rest.push(span.bytes.subarray(span.tagStart, span.end));
      }
      const under = Buffer.concat([fieldsBut(RESOURCE_X.scopes, resource), fieldsBut(SCOPE_X.items, scope)]);
      seen.push({ traceId, traceState, name, rest: Buffer.concat(rest), under });
    });
  }
  return seen;
}

const WHOLE = 2n ** 56n;
const TH = /(?:^|,)[ \t]*ot=(?:[^,]*;)?th:([0-9a-f]{1,14})(?=[;, \t]|$)/;
const RV = /(?:^|,)[ \t]*ot=(?:[^,]*;)?rv:([0-9a-f]{14})(?=[;, \t]|$)/;

/** The threshold that a tracestate states, in full, or undefined: a second reading of the specification, in big integers. */
export function thresholdIn(traceState: string): bigint | undefined {
  const digits = TH.exec(traceState)?.[1];
  return digits === undefined ? undefined : BigInt(`0x${digits.padEnd(14, '0')}`);
}

/** The randomness of a span: `rv`, else the last 56 bits of its trace id. */
export function randomnessOf({ traceId, traceState }: Pick<SeenSpan, 'traceId' | 'traceState'>): bigint {
  return BigInt(`0x${RV.exec(traceState)?.[1] ?? traceId.slice(-14)}`);
}

/** How many spans one that was kept with this threshold stands for. */
export function weightOf(threshold: bigint): number {
  return Number(WHOLE) / Number(WHOLE - threshold);
}

/** Random trace ids and numbers, the same for the same seed: xoshiro128**. */
export class Dice {
  readonly #state: [number, number, number, number];

  constructor(seed: number) {
    const word = (n: number): number =>
      Math.imul((seed + 1) * 8 + n, 0x9e3779b1) ^ Math.imul(seed ^ (n << 7), 0x85ebca6b);
    this.#state = [word(1), word(2), word(3), word(4) | 1];
    for (let turn = 0; turn < 20; turn++) this.word();
  }

  /** 32 bits. */
  word(): number {
    const state = this.#state;
    const [a, b, c, d] = state;
    const mixed = Math.imul(b, 5);
    const out = Math.imul((mixed << 7) | (mixed >>> 25), 9);
    const [c2, d2] = [c ^ a, d ^ b];
    state[1] = b ^ c2;
    state[0] = a ^ d2;
    state[2] = c2 ^ (b << 9);
    state[3] = (d2 << 11) | (d2 >>> 21);
    return out >>> 0;
  }

  /** At least 0, less than `bound`. */
  below(bound: number): number {
    return Math.floor((this.word() / 2 ** 32) * bound);
  }

  fill(bytes: Uint8Array, start = 0, end = bytes.length): void {
    for (let at = start; at < end; at += 4) {
      const word = this.word();
      for (let i = 0; i < 4 && at + i < end; i++) bytes[at + i] = word >>> (8 * i);
    }
  }

  traceId(): Buffer {
    const id = Buffer.alloc(16);
    this.fill(id);
    return id;
  }
}

/** A processor of the product as the service makes it, on a virtual clock, with all that comes out of it. */
export class ProcessorRig {
  readonly out = new CollectingConsumer();
  readonly clock = new VirtualClock();
  readonly context: ReturnType<typeof processorContext>;
  readonly processor: Processor;
  #passed = 0;

  private constructor(
    context: ReturnType<typeof processorContext>,
    processor: Processor,
    rig: Pick<ProcessorRig, 'out' | 'clock'>,
  ) {
    this.out = rig.out;
    this.clock = rig.clock;
    this.context = context;
    this.processor = processor;
    this.out.answer = (batch) => {
      this.#passed += batch.items;
      return ACCEPTED;
    };
  }

  static async start(type: string, config: object, signal: Signal = 'traces', seed = 'test'): Promise<ProcessorRig> {
    const definition = components.processors.find((one) => one.type === type);
    assert.ok(definition !== undefined, `${type} is no processor`);
    const parsed = definition.parse(config);
    if (!parsed.ok) assert.fail(JSON.stringify(parsed.issues));
    const [out, clock] = [new CollectingConsumer(), new VirtualClock()];
    const context = processorContext(signal, out, { clock, seed, id: type });
    const processor = await parsed.prepared.create(context);
    await processor.start?.();
    return new ProcessorRig(context, processor, { out, clock });
  }

  /** Offers a batch as the graph does: what is accepted is received. */
  async offer(batch: Batch): Promise<Verdict> {
    const verdict = await this.processor.consume(batch, NEVER);
    if (verdict.status === 'accepted') this.context.account.received += batch.items;
    return verdict;
  }

  /** Ends what is pending, and checks that nothing vanished. */
  async finish(): Promise<void> {
    this.processor.drain?.();
    await this.processor.stop?.(NEVER);
    this.context.account.passed = this.#passed;
    assert.equal(this.context.account.imbalance, 0);
  }

  /** The spans that came out since this was asked last. */
  spans(): SeenSpan[] {
    return spansIn(this.out.batches.splice(0));
  }
}

const NEVER = new AbortController().signal;

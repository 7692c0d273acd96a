import assert from 'node:assert/strict';
import { batchBytes, makeBatch, type Batch } from '../../../src/core/batch.ts';
import type { Consumer } from '../../../src/core/component.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { REQUEST, RESOURCE_X, SCOPE, SCOPE_X, SPAN, STATUS } from '../../../src/otlp/fields.ts';
import { Cursor } from '../../../src/otlp/wire.ts';
import { Writer } from '../../../src/otlp/writer.ts';
import type { Policies, PolicyDecision, TraceSummary } from '../../../src/processors/tail-sampling/policy.ts';
import { TailSampler, type TailSamplerSettings } from '../../../src/processors/tail-sampling/sampler.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';

/** A span as tests write and read it. */
export interface TestSpan {
  /** 16 bytes are made of it; a Uint8Array is written as it is, null leaves the field out. */
  readonly trace: number | Uint8Array | null;
  readonly name: string;
  readonly service?: string;
  readonly scope?: string;
  readonly state?: string;
  readonly isRoot?: boolean;
  readonly isError?: boolean;
  readonly startNs?: bigint;
  readonly endNs?: bigint;
  readonly padding?: number;
}

export const NEVER = new AbortController().signal;

export function traceId(number: number): Uint8Array {
  const id = Buffer.alloc(16, 0xab);
  id.writeUInt32BE(number, 0);
  id.writeUInt32BE(Math.imul(number, 0x9e3779b1) >>> 0, 12);
  return id;
}

/** One ResourceSpans for each run of one service, one ScopeSpans for each run of one scope in it. */
export function spansBatch(spans: readonly TestSpan[]): Batch {
  const writer = new Writer();
  for (let at = 0; at < spans.length;) {
    const service = serviceOf(spans[at]);
    const resource = writer.begin(REQUEST.resources);
    const attributes = writer.begin(RESOURCE_X.resource);
    writer.string(1, service);
    writer.end(attributes);
    while (at < spans.length && serviceOf(spans[at]) === service) at = writeScope(writer, spans, at, service);
    writer.string(RESOURCE_X.schemaUrl, `urn:${service}`);
    writer.end(resource);
  }
  return makeBatch('traces', [writer.detach(0)], spans.length);
}

function writeScope(writer: Writer, spans: readonly TestSpan[], from: number, service: string): number {
  const name = scopeOf(spans[from]);
  const scope = writer.begin(RESOURCE_X.scopes);
  const head = writer.begin(SCOPE_X.scope);
  writer.string(SCOPE.name, name);
  writer.end(head);
  let at = from;
  for (; at < spans.length && serviceOf(spans[at]) === service && scopeOf(spans[at]) === name; at++) {
    writeSpan(writer, spans[at]!);
  }
  writer.end(scope);
  return at;
}

const serviceOf = (span: TestSpan | undefined): string => span?.service ?? 'shop';
const scopeOf = (span: TestSpan | undefined): string => span?.scope ?? 'http';

function writeSpan(writer: Writer, span: TestSpan): void {
  const mark = writer.begin(SCOPE_X.items);
  const { trace } = span;
  if (trace !== null) writer.bytes(SPAN.traceId, typeof trace === 'number' ? traceId(trace) : trace);
  if (span.isRoot !== true) writer.bytes(SPAN.parentSpanId, new Uint8Array(8).fill(7));
  writer.string(SPAN.name, span.name);
  if (span.state !== undefined) writer.string(SPAN.traceState, span.state);
  writer.fixed64(SPAN.startTimeUnixNano, span.startNs ?? 1_800_000_000_000_000_000n);
  writer.fixed64(SPAN.endTimeUnixNano, span.endNs ?? 1_800_000_000_005_000_000n);
  if (span.padding !== undefined) writer.bytes(100, new Uint8Array(span.padding).fill(0x5a));
  if (span.isError === true) {
    const status = writer.begin(SPAN.status);
    writer.uint(STATUS.code, 2);
    writer.end(status);
  }
  writer.end(mark);
}

export interface ReadSpan {
  readonly trace: string;
  readonly name: string;
  readonly service: string;
  readonly scope: string;
  readonly state: string;
  readonly bytes: Buffer;
}

/** Every span of the batches, in their order, with what it stands under. */
export function spansIn(batches: readonly Batch[]): ReadSpan[] {
  const found: ReadSpan[] = [];
  const [request, resource, scope] = [new Cursor(), new Cursor(), new Cursor()];
  for (const batch of batches) {
    const bytes = batchBytes(batch);
    const before = found.length;
    for (request.reset(bytes, 0, bytes.length); request.next();) {
      const service = textIn(bytes, request, [RESOURCE_X.resource, 1]);
      assert.equal(textIn(bytes, request, [RESOURCE_X.schemaUrl]), `urn:${service}`);
      for (resource.enter(request); resource.next();) {
        if (resource.field !== RESOURCE_X.scopes) continue;
        const name = textIn(bytes, resource, [SCOPE_X.scope, SCOPE.name]);
        for (scope.enter(resource); scope.next();) {
          if (scope.field === SCOPE_X.items) found.push(readSpan(bytes, scope, service, name));
        }
      }
    }
    assert.equal(found.length - before, batch.items, 'a batch says how many spans it has');
  }
  return found;
}

function readSpan(bytes: Uint8Array, at: Cursor, service: string, scope: string): ReadSpan {
  let [trace, name, state] = ['', '', ''];
  const fields = new Cursor();
  for (fields.enter(at); fields.next();) {
    if (fields.field === SPAN.traceId) trace = Buffer.from(fields.view()).toString('hex');
    if (fields.field === SPAN.name) name = fields.string();
    if (fields.field === SPAN.traceState) state = fields.string();
  }
  return { trace, name, service, scope, state, bytes: Buffer.from(bytes.subarray(at.start, at.end)) };
}

function textIn(bytes: Uint8Array, at: Cursor, way: readonly number[]): string {
  const [field, ...deeper] = way;
  const fields = new Cursor();
  for (fields.reset(bytes, at.start, at.end); fields.next();) {
    if (fields.field === field) return deeper.length === 0 ? fields.string() : textIn(bytes, fields, deeper);
  }
  return '';
}

export const idOf = (number: number): string => Buffer.from(traceId(number)).toString('hex');

export type Rule = (trace: TraceSummary) => Partial<PolicyDecision> | boolean;

/** Policies that decide by `rule`; condition 0: a span with an error status, condition 1: named `special`. */
export function policiesBy(rule: Rule): Policies {
  return {
    conditions: [
      ({ bytes, itemStart, itemEnd }) => Buffer.from(bytes).subarray(itemStart, itemEnd).includes(ERROR_STATUS),
      ({ bytes, itemStart, itemEnd }) => Buffer.from(bytes).subarray(itemStart, itemEnd).includes('special'),
    ],
    tallies: [],
    decide(trace) {
      const made = rule(trace);
      const given = typeof made === 'boolean' ? ({ outcome: made ? 'sampled' : 'not_sampled' } as const) : made;
      return { outcome: 'not_sampled', policy: '', threshold: undefined, probability: undefined, ...given };
    },
  };
}

const ERROR_STATUS = Buffer.from([(SPAN.status << 3) | 2, 2, STATUS.code << 3, 2]);

export const DEFAULTS: TailSamplerSettings = {
  decisionWaitMs: 10_000,
  afterRootMs: 0,
  numTraces: 1000,
  maxBytes: 16 * 2 ** 20,
  maxTraceBytes: 0,
  keptDecisions: 1000,
  droppedDecisions: 1000,
  blockOnOverflow: false,
  dropPendingOnShutdown: false,
  recordThreshold: false,
};

export function tailRig(rule: Rule, settings: Partial<TailSamplerSettings> = {}, next?: Consumer) {
  const clock = new VirtualClock();
  const sink = new CollectingConsumer();
  const context = processorContext('traces', next ?? sink, { clock, id: 'tail_sampling' });
  const sampler = new TailSampler({ ...DEFAULTS, ...settings }, policiesBy(rule), context);
  const { account, meter } = context;
  return {
    clock,
    sink,
    sampler,
    account,
    meter,
    /** Sends spans as one request. */
    async send(...spans: readonly TestSpan[]) {
      const batch = spansBatch(spans);
      const verdict = await sampler.consume(batch, NEVER);
      if (verdict.status === 'accepted') account.received += batch.items;
      return verdict;
    },
    names: () => spansIn(sink.batches).map(({ name }) => name),
    spans: () => spansIn(sink.batches),
    count: (name: string, labels: Record<string, string> = {}) =>
      meter.value(name, { processor: 'tail_sampling', pipeline: 'traces', ...labels }),
    /** What was accepted is passed on, dropped, refused for good, or held. */
    async closes() {
      // The sink has what it was given before its answer is there.
      await clock.advance(0);
      const out = sink.items + account.droppedItems + account.rejectedItems + account.held();
      assert.equal(out, account.received, 'the ledger closes');
    },
  };
}

import assert from 'node:assert/strict';
import { batchBytes, makeBatch, type Batch } from '../../../src/core/batch.ts';
import type { Processor } from '../../../src/core/component.ts';
import { countItems } from '../../../src/otlp/count.ts';
import { probabilisticSamplerProcessor } from '../../../src/processors/probabilistic-sampler/index.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';
import { decodeRequest, encodeRequest, type PlainObject } from '../../support/otlp-proto.ts';

export const NEVER = new AbortController().signal;

export interface Item extends PlainObject {
  readonly name?: string;
  /** Decoded ones are base64. */
  readonly traceId?: Uint8Array | string;
  readonly traceState?: string;
  readonly attributes?: readonly { readonly key: string; readonly value: PlainObject }[];
}

/** Spans or log records in a request of one resource and one scope. */
export function batchOf(signal: 'traces' | 'logs', items: readonly Item[]): Batch {
  const resource =
    signal === 'traces'
      ? { resourceSpans: [{ resource: {}, scopeSpans: [{ scope: { name: 'x' }, spans: items }] }] }
      : { resourceLogs: [{ resource: {}, scopeLogs: [{ scope: { name: 'x' }, logRecords: items }] }] };
  const bytes = encodeRequest(signal, resource);
  return makeBatch(signal, [bytes], countItems(signal, bytes));
}

interface Decoded {
  readonly resourceSpans?: { readonly scopeSpans?: { readonly spans?: Item[] }[] }[];
  readonly resourceLogs?: { readonly scopeLogs?: { readonly logRecords?: Item[] }[] }[];
}

export function itemsIn(batch: Batch): Item[] {
  const { resourceSpans = [], resourceLogs = [] } = decodeRequest(batch.signal, batchBytes(batch)) as Decoded;
  return [
    ...resourceSpans.flatMap(({ scopeSpans = [] }) => scopeSpans.flatMap(({ spans = [] }) => spans)),
    ...resourceLogs.flatMap(({ scopeLogs = [] }) => scopeLogs.flatMap(({ logRecords = [] }) => logRecords)),
  ];
}

export async function makeSampler(signal: 'traces' | 'logs', config: object) {
  const sink = new CollectingConsumer();
  const context = processorContext(signal, sink, { id: 'probabilistic_sampler' });
  const parsed = probabilisticSamplerProcessor.parse(config);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const processor: Processor = await parsed.prepared.create(context);
  return { sink, context, processor };
}

/** Offers the items to a sampler of their own; what it kept. */
export async function sample(signal: 'traces' | 'logs', config: object, items: readonly Item[]) {
  const made = await makeSampler(signal, config);
  const batch = batchOf(signal, items);
  const verdict = await made.processor.consume(batch, NEVER);
  assert.equal(verdict.status, 'accepted');
  const kept = made.sink.batches.flatMap(itemsIn);
  const dropped = items.length - kept.length;
  assert.equal(made.context.account.dropped.get('sampling') ?? 0, dropped);
  assert.equal(made.sink.items, kept.length);
  return { ...made, kept };
}

export function traceId(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex');
}

/** The text of an attribute of a decoded item; undefined when it has none. */
export function textOf(item: Item | undefined, key: string): string | undefined {
  const found = item?.attributes?.find((attribute) => attribute.key === key);
  return found?.value['stringValue'] as string | undefined;
}

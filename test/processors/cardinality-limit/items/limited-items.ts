import assert from 'node:assert/strict';
import { makeBatch, type Batch } from '../../../../src/core/batch.ts';
import type { Processor } from '../../../../src/core/component.ts';
import type { Account } from '../../../../src/core/ledger.ts';
import type { Logger, LogFields } from '../../../../src/core/logger.ts';
import { VirtualClock } from '../../../../src/core/virtual-clock.ts';
import { cardinalityLimitProcessor } from '../../../../src/processors/cardinality-limit/index.ts';
import { AdminBook } from '../../../../src/service/admin-book.ts';
import { CollectingConsumer, processorContext, type TestMeter } from '../../../support/context.ts';
import { decodeRequest, encodeRequest, type PlainObject } from '../../../support/otlp-proto.ts';

export type Signal = 'traces' | 'logs';
/** Attributes in their order; a key may come twice. */
export type Pairs = readonly (readonly [string, string | number])[];

/** A span or log record. */
export interface Item {
  readonly name?: string;
  readonly attributes: Pairs;
}

export interface Group {
  readonly resource?: Pairs;
  readonly items: readonly Item[];
}

export const WINDOW_MS = 600_000;
const NEVER = new AbortController().signal;

export function itemBatch(signal: Signal, groups: readonly Group[]): Batch {
  const made = groups.map(({ resource = [], items }) => {
    const records = items.map(({ name, attributes }) => ({
      ...(signal === 'traces' ? { name: name ?? 'GET', kind: 'SPAN_KIND_SERVER' } : { severityText: 'INFO' }),
      attributes: encoded(attributes),
    }));
    return signal === 'traces'
      ? { resource: { attributes: encoded(resource) }, scopeSpans: [{ scope: { name: 'http' }, spans: records }] }
      : { resource: { attributes: encoded(resource) }, scopeLogs: [{ scope: { name: 'log' }, logRecords: records }] };
  });
  const request = signal === 'traces' ? { resourceSpans: made } : { resourceLogs: made };
  const count = groups.reduce((sum, { items }) => sum + items.length, 0);
  return makeBatch(signal, [encodeRequest(signal, request)], count);
}

function encoded(pairs: Pairs): PlainObject[] {
  return pairs.map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : { intValue: value },
  }));
}

export function groupsIn(batch: Batch): Group[] {
  return batch.chunks.flatMap((chunk) => {
    const request = decodeRequest(batch.signal, chunk);
    const resources = listOf(request, batch.signal === 'traces' ? 'resourceSpans' : 'resourceLogs');
    return resources.map((resource) => ({
      resource: pairsOf(resource['resource']),
      items: listOf(resource, batch.signal === 'traces' ? 'scopeSpans' : 'scopeLogs')
        .flatMap((scope) => listOf(scope, batch.signal === 'traces' ? 'spans' : 'logRecords'))
        .map((item) => ({
          ...(typeof item['name'] === 'string' ? { name: item['name'] } : {}),
          attributes: pairsOf(item),
        })),
    }));
  });
}

function listOf(object: PlainObject, key: string): PlainObject[] {
  const list = object[key];
  return Array.isArray(list) ? (list as PlainObject[]) : [];
}

function pairsOf(object: unknown): Pairs {
  return listOf(object as PlainObject, 'attributes').map((pair) => {
    const { stringValue, intValue } = pair['value'] as PlainObject;
    return [String(pair['key']), typeof stringValue === 'string' ? stringValue : Number(intValue)] as const;
  });
}

/** A limiter of spans or log records that runs, with what came out of it. */
export interface LimitedItems {
  readonly clock: VirtualClock;
  readonly next: CollectingConsumer;
  readonly account: Account;
  readonly meter: TestMeter;
  readonly admin: AdminBook;
  readonly lines: { readonly level: string; readonly message: string; readonly fields: LogFields }[];
  readonly processor: Processor;
  offer(batch: Batch): ReturnType<Processor['consume']>;
  /** Offers groups as one batch; returns what came of them. */
  send(...groups: Group[]): Promise<Group[]>;
  /** Items with the one attribute `key`; returns the values that came out, undefined where it was taken away. */
  values(key: string, values: readonly string[]): Promise<(string | number | undefined)[]>;
}

export async function limitedItems(signal: Signal, config: object): Promise<LimitedItems> {
  const clock = new VirtualClock(Date.UTC(2026, 10, 26, 12));
  const next = new CollectingConsumer();
  const admin = new AdminBook();
  const lines: LimitedItems['lines'] = [];
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}): void =>
      void lines.push({ level, message, fields });
  const log: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const parsed = cardinalityLimitProcessor.parse(config);
  assert.ok(parsed.ok, parsed.ok ? '' : JSON.stringify(parsed.issues));
  const context = processorContext(signal, next, { id: 'cardinality_limit', clock, admin, log });
  const processor = await parsed.prepared.create(context);
  await processor.start?.();
  const { account, meter } = context;
  const offer: LimitedItems['offer'] = async (batch) => {
    const verdict = await processor.consume(batch, NEVER);
    if (verdict.status === 'accepted') account.received += batch.items;
    return verdict;
  };
  const send = async (...groups: Group[]): Promise<Group[]> => {
    const before = next.batches.length;
    assert.equal((await offer(itemBatch(signal, groups))).status, 'accepted');
    return next.batches.slice(before).flatMap(groupsIn);
  };
  const values: LimitedItems['values'] = async (key, all) => {
    const groups = await send({ items: all.map((value) => ({ attributes: [[key, value]] })) });
    return groups.flatMap(({ items }) =>
      items.map(({ attributes }) => attributes.find((pair) => pair[0] === key)?.[1]),
    );
  };
  return { clock, next, account, meter, admin, lines, processor, offer, send, values };
}

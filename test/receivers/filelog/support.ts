import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext as NodeTest } from 'node:test';
import type { Batch } from '../../../src/core/batch.ts';
import { batchBytes } from '../../../src/core/batch.ts';
import type { Receiver } from '../../../src/core/component.ts';
import type { Logger } from '../../../src/core/logger.ts';
import type { StorageClient } from '../../../src/core/storage.ts';
import { LOG, REQUEST, RESOURCE, RESOURCE_X, SCOPE, SCOPE_X } from '../../../src/otlp/fields.ts';
import { readAnyValue, type AttributeValue } from '../../../src/otlp/value.ts';
import { Cursor } from '../../../src/otlp/wire.ts';
import { filelogReceiver } from '../../../src/receivers/filelog/index.ts';
import { FileClient } from '../../../src/storage/file-client.ts';
import { CollectingConsumer, receiverContext } from '../../support/context.ts';

const ends = new WeakMap<NodeTest, (() => unknown)[]>();

/** What a test began is ended in the opposite order: receivers write into directories until they are stopped. */
function atEnd(test: NodeTest, act: () => unknown): void {
  const begun = ends.get(test);
  if (begun !== undefined) {
    begun.push(act);
    return;
  }
  const acts = [act];
  ends.set(test, acts);
  test.after(async () => {
    for (const each of acts.reverse()) await each();
  });
}

export function tempDirectory(test: NodeTest): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'filelog-')));
  atEnd(test, () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface Rig {
  readonly receiver: Receiver;
  readonly consumer: CollectingConsumer;
  readonly context: ReturnType<typeof receiverContext>;
  /** By default with a deadline that no machine is too slow for. */
  stop(deadlineMs?: number): Promise<void>;
}

export interface RigOptions {
  readonly storage?: StorageClient;
  readonly consumer?: CollectingConsumer;
  readonly log?: Logger;
  readonly clock?: Parameters<typeof receiverContext>[1] extends infer O
    ? O extends { clock?: infer C }
      ? C
      : never
    : never;
}

export async function createRig(config: Record<string, unknown>, options: RigOptions = {}): Promise<Rig> {
  const consumer = options.consumer ?? new CollectingConsumer();
  const { storage, clock, log } = options;
  const context = receiverContext(
    { logs: consumer },
    {
      id: 'filelog',
      ...(clock === undefined ? {} : { clock }),
      ...(log === undefined ? {} : { log }),
      ...(storage === undefined ? {} : { storage: () => storage }),
    },
  );
  const parsed = filelogReceiver.parse({ ...config, ...(storage === undefined ? {} : { storage: 'file_storage' }) });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  const receiver = await parsed.prepared.create(context);
  return {
    receiver,
    consumer,
    context,
    stop: async (deadlineMs = 120_000) => receiver.stop?.(AbortSignal.timeout(deadlineMs)),
  };
}

/** A started receiver, stopped after the test. */
export async function startRig(
  test: NodeTest,
  config: Record<string, unknown>,
  options: RigOptions = {},
): Promise<Rig> {
  const rig = await createRig(config, options);
  atEnd(test, () => rig.stop(100));
  await rig.receiver.start?.();
  return rig;
}

export function storageIn(directory: string): FileClient {
  return new FileClient({ directory: join(directory, 'storage'), fsync: false, onDamage: () => undefined });
}

/** A place of its own with what `storage` holds now: what a process that is killed now leaves to the next one. */
export async function frozenStorage(test: NodeTest, storage: FileClient): Promise<FileClient> {
  const frozen = await storage.read();
  const copy = storageIn(tempDirectory(test));
  await copy.write(frozen ?? Buffer.alloc(0));
  return copy;
}

export interface LogRecord {
  body: AttributeValue;
  attributes: Map<string, AttributeValue>;
  resource: Map<string, AttributeValue>;
  scopeName: string;
  timeUnixNano: bigint;
  observedTimeUnixNano: bigint;
  severityNumber: number;
  severityText: string;
  traceId: string;
  spanId: string;
  flags: number;
}

/** Every record of the batches, decoded. */
export function records(batches: readonly Batch[]): LogRecord[] {
  const all: LogRecord[] = [];
  for (const batch of batches) {
    const before = all.length;
    for (const request = new Cursor(batchBytes(batch)); request.next();) {
      if (request.field === REQUEST.resources) readResource(new Cursor().enter(request), all);
    }
    if (all.length - before !== batch.items) throw new Error(`batch says ${batch.items}, has ${all.length - before}`);
  }
  return all;
}

function readResource(at: Cursor, all: LogRecord[]): void {
  const resource = new Map<string, AttributeValue>();
  for (; at.next();) {
    if (at.field === RESOURCE_X.resource) {
      for (const inner = new Cursor().enter(at); inner.next();) {
        if (inner.field === RESOURCE.attributes) readPair(inner, resource);
      }
    } else if (at.field === RESOURCE_X.scopes) {
      let scopeName = '';
      for (const scope = new Cursor().enter(at); scope.next();) {
        if (scope.field === SCOPE_X.scope) scopeName = readScopeName(new Cursor().enter(scope));
        else if (scope.field === SCOPE_X.items) all.push(readRecord(new Cursor().enter(scope), resource, scopeName));
      }
    }
  }
}

function readScopeName(at: Cursor): string {
  let name = '';
  while (at.next()) if (at.field === SCOPE.name) name = at.string();
  return name;
}

export function readRecord(at: Cursor, resource = new Map<string, AttributeValue>(), scopeName = ''): LogRecord {
  const record: LogRecord = {
    body: null,
    attributes: new Map(),
    resource,
    scopeName,
    timeUnixNano: 0n,
    observedTimeUnixNano: 0n,
    severityNumber: 0,
    severityText: '',
    traceId: '',
    spanId: '',
    flags: 0,
  };
  for (; at.next();) {
    if (at.field === LOG.body) record.body = readAnyValue(at);
    else if (at.field === LOG.attributes) readPair(at, record.attributes);
    else if (at.field === LOG.timeUnixNano) record.timeUnixNano = at.fixed64();
    else if (at.field === LOG.observedTimeUnixNano) record.observedTimeUnixNano = at.fixed64();
    else if (at.field === LOG.severityNumber) record.severityNumber = at.uint();
    else if (at.field === LOG.severityText) record.severityText = at.string();
    else if (at.field === LOG.traceId) record.traceId = Buffer.from(at.view()).toString('hex');
    else if (at.field === LOG.spanId) record.spanId = Buffer.from(at.view()).toString('hex');
    else if (at.field === LOG.flags) record.flags = at.fixed32();
  }
  return record;
}

function readPair(at: Cursor, into: Map<string, AttributeValue>): void {
  let key = '';
  let value: AttributeValue = null;
  for (const pair = new Cursor().enter(at); pair.next();) {
    if (pair.field === 1) key = pair.string();
    else if (pair.field === 2) value = readAnyValue(pair);
  }
  if (into.has(key)) throw new Error(`the attribute ${key} stands twice`);
  into.set(key, value);
}

export function bodies(consumer: CollectingConsumer): AttributeValue[] {
  return records(consumer.batches).map(({ body }) => body);
}

/** A value that must be a text. */
export function text(value: AttributeValue | undefined): string {
  if (typeof value !== 'string') throw new TypeError('not a text');
  return value;
}

import { nodeFileSystem } from '../../../src/storage/node-file-system.ts';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { LogFields, Logger } from '../../../src/core/logger.ts';
import type { Random } from '../../../src/core/random.ts';
import { filelogReceiver } from '../../../src/receivers/filelog/index.ts';
import { operatorsSetting } from '../../../src/receivers/filelog/operators/config.ts';
import { Double, type Entry, type Value } from '../../../src/receivers/filelog/operators/entry.ts';
import { RecordWriter } from '../../../src/receivers/filelog/encode/record-writer.ts';
import { Joins } from '../../../src/receivers/filelog/operators/joins.ts';
import { compileGraph } from '../../../src/receivers/filelog/operators/graph.ts';
import { records, startRig, tempDirectory, type LogRecord, type Rig } from './support.ts';

export interface Processed {
  readonly rig: Rig;
  readonly all: LogRecord[];
}

/** The records that a receiver with these operators makes of a file with these lines. */
export async function process(
  t: TestContext,
  lines: string,
  operators: readonly object[],
  config: object = {},
  name: readonly string[] = ['app.log'],
): Promise<Processed> {
  const path = join(tempDirectory(t), ...name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, lines);
  const rig = await startRig(t, {
    include: [path],
    start_at: 'beginning',
    include_file_name: false,
    operators,
    ...config,
  });
  await rig.stop();
  return { rig, all: records(rig.consumer.batches) };
}

/** What is wrong with the operators, as `path: message` below `operators`. */
export function issuesOf(operators: readonly unknown[]): string[] {
  const parsed = filelogReceiver.parse({ include: ['/x'], operators });
  return parsed.ok ? [] : parsed.issues.map(({ path, message }) => `${path.slice(1).join('.')}: ${message}`);
}

export interface Outcome {
  readonly entries: Entry[];
  readonly parseErrors: number;
  readonly droppedLines: number;
  /** `level: reason` of what was logged. */
  readonly logged: string[];
}

/** 2026-06-01T00:00:00Z. */
export const NOW_MS = Date.UTC(2026, 5, 1);

export function makeEntry(parts: Partial<Entry> | string): Entry {
  return {
    body: null,
    attributes: new Map(),
    resource: new Map(),
    scopeName: '',
    time: undefined,
    severityNumber: 0,
    severityText: '',
    traceId: undefined,
    spanId: undefined,
    flags: undefined,
    nowMs: NOW_MS,
    offset: 0,
    endOffset: 0,
    pieces: undefined,
    ...(typeof parts === 'string' ? { body: parts } : parts),
  };
}

/** A way to run operators on entries, without files. */
export function graphOf(operators: readonly unknown[], random: Random = () => 0.5) {
  const entries: Entry[] = [];
  const logged: string[] = [];
  const at = (level: string) => (_message: string, fields?: LogFields) =>
    void logged.push(`${level}: ${String(fields?.['reason'])}`);
  const log: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const parseErrors = { value: 0 };
  const droppedLines = { value: 0 };
  const end = { accept: (entry: Entry) => void entries.push(entry) };
  const counts = { log, parseErrors, droppedLines };
  const none = { value: 0 };
  const joins = new Joins({
    files: nodeFileSystem,
    ...counts,
    incomplete: { bytes: none, lines: none, memory: none, time: none },
    maxLogSize: 2 ** 20,
    flushMs: 500,
    keepTrailing: false,
    out: new RecordWriter(),
  });
  const first = compileGraph(operatorsSetting().parse(operators), end, { ...counts, random, joins });
  return { first, entries, logged, parseErrors, droppedLines };
}

export function run(operators: readonly unknown[], entry: Partial<Entry> | string): Outcome {
  const graph = graphOf(operators);
  graph.first.accept(makeEntry(entry));
  const { entries, logged } = graph;
  return { entries, logged, parseErrors: graph.parseErrors.value, droppedLines: graph.droppedLines.value };
}

/** A value as plain JavaScript. */
export function plain(value: Value | ReadonlyMap<string, Value> | undefined): unknown {
  if (value instanceof Double) return value.value;
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries(Array.from(value as ReadonlyMap<string, Value>, ([key, inner]) => [key, plain(inner)]));
}

/** Plain JavaScript as a value. */
export function valueOf(written: unknown): Value {
  if (Array.isArray(written)) return written.map(valueOf);
  if (typeof written === 'object' && written !== null) return mapOf(written);
  return written as Value;
}

export function mapOf(written: object): Map<string, Value> {
  return new Map(Object.entries(written).map(([key, inner]) => [key, valueOf(inner)]));
}

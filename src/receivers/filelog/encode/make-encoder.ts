import type { ReceiverContext } from '../../../core/component.ts';
import type { FilelogConfig } from '../config.ts';
import type { HeldLines } from '../joining/held-groups.ts';
import type { FilelogMetrics } from '../metrics.ts';
import type { OperatorConfig } from '../operators/config.ts';
import type { ContainerConfig } from '../operators/container/config.ts';
import type { Field } from '../operators/field.ts';
import { compileGraph } from '../operators/graph.ts';
import { Joins } from '../operators/joins.ts';
import { DOCKER_ATTRS_KEY, STREAM_KEY, TAG_KEY } from '../operators/container/marks.ts';
import { CUT_KEY, fileAttributes, RECORD_NUMBER_KEY, RECORD_OFFSET_KEY } from './constants.ts';
import { EntryEncoder } from './entry-encoder.ts';
import { JsonEncoder, jsonPlan } from './json-encoder.ts';
import { rawEncoder } from './raw-encoder.ts';
import type { LineEncoder, RecordWriter } from './record-writer.ts';

export interface EncoderOptions {
  readonly config: FilelogConfig;
  readonly context: ReceiverContext;
  readonly metrics: FilelogMetrics;
  readonly out: RecordWriter;
}

export interface MadeEncoder {
  readonly encoder: LineEncoder;
  readonly held: readonly HeldLines[];
  /** The operator that works on the bytes of every line, before all others. */
  readonly container: ContainerConfig | undefined;
}

/** The encoder for the operators of a receiver: those that can work on bytes do, as far as they come first. */
export function makeEncoder(options: EncoderOptions): MadeEncoder {
  const { config, context, metrics, out } = options;
  const { log, random } = context;
  const { parseErrors, droppedLines, incomplete } = metrics;
  const joins = new Joins({
    log,
    parseErrors,
    droppedLines,
    incomplete,
    maxLogSize: config.max_log_size,
    flushMs: config.force_flush_period,
    keepTrailing: config.preserve_trailing_whitespaces,
    out,
  });
  metrics.observeHeld(joins.budget);
  const { container, rest } = byteStages(config.operators);
  let encoder = innerEncoder(rest, options, (end) =>
    compileGraph(rest, end, { log, random, parseErrors, droppedLines, joins }),
  );
  if (container !== undefined) encoder = joins.containerStage(container, encoder);
  return { encoder, held: joins.held, container };
}

interface ByteStages {
  readonly container: ContainerConfig | undefined;
  readonly rest: readonly OperatorConfig[];
}

/** Without the container, the ids of the others are the same as long as there is one only. */
function byteStages(operators: readonly OperatorConfig[]): ByteStages {
  const [first, ...rest] = operators;
  const isOnly = rest.every(({ type }) => type !== 'container');
  const isContainer =
    first?.type === 'container' &&
    isOnly &&
    first.if === undefined &&
    first.output === undefined &&
    isRoot(first.parse_from, 'body') &&
    isRoot(first.parse_to, 'attributes');
  return isContainer ? { container: first, rest } : { container: undefined, rest: operators };
}

function isRoot(field: Field, root: Field['root']): boolean {
  return field.root === root && field.path.length === 0;
}

function innerEncoder(
  operators: readonly OperatorConfig[],
  { config, out }: EncoderOptions,
  compile: ConstructorParameters<typeof EntryEncoder>[1],
): LineEncoder {
  if (operators.every(({ type }) => type === 'noop')) return rawEncoder;
  const entries = new EntryEncoder(out, compile);
  const plan = jsonPlan(operators);
  if (plan === undefined) return entries;
  const lineKeys = [CUT_KEY, RECORD_NUMBER_KEY, RECORD_OFFSET_KEY, STREAM_KEY, TAG_KEY, DOCKER_ATTRS_KEY];
  return new JsonEncoder(plan, [...fileAttributes(config, '').keys(), ...lineKeys], entries);
}

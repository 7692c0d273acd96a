import type { ReceiverContext } from '../../../core/component.ts';
import type { FilelogConfig } from '../config.ts';
import type { HeldLines } from '../joining/held-groups.ts';
import type { FilelogMetrics } from '../metrics.ts';
import type { OperatorConfig } from '../operators/config.ts';
import type { ContainerConfig } from '../operators/container/config.ts';
import type { RecombineConfig } from '../operators/recombine/config.ts';
import type { Field } from '../operators/field.ts';
import { compileGraph } from '../operators/graph.ts';
import { templateStep, type LineTemplates, type splitTemplates } from '../operators/line-templates.ts';
import { Joins } from '../operators/joins.ts';
import { StepNode } from '../operators/nodes.ts';
import { DOCKER_ATTRS_KEY, STREAM_KEY, TAG_KEY } from '../operators/container/marks.ts';
import { CUT_KEY, FileAttributes, RECORD_NUMBER_KEY, RECORD_OFFSET_KEY } from './constants.ts';
import { EntryEncoder } from './entry-encoder.ts';
import { JsonEncoder, jsonPlan } from './json-encoder.ts';
import { rawEncoder } from './raw-encoder.ts';
import type { LineEncoder, RecordWriter } from './record-writer.ts';
import { Utf8Encoder } from './utf8-encoder.ts';

export interface EncoderOptions {
  readonly config: ReturnType<typeof splitTemplates<FilelogConfig>>['config'];
  readonly templates: LineTemplates;
  readonly context: ReceiverContext;
  readonly metrics: FilelogMetrics;
  readonly out: RecordWriter;
}

export interface MadeEncoder {
  readonly encoder: LineEncoder;
  readonly held: readonly HeldLines[];
  /** Operators that work on the bytes of every line, before all others. */
  readonly stages: ByteStages;
}

/** The encoder for the operators of a receiver: those that can work on bytes do, as far as they come first. */
export function makeEncoder(options: EncoderOptions): MadeEncoder {
  const { config, templates, context, metrics, out } = options;
  const { log, random } = context;
  const { parseErrors, droppedLines, incomplete } = metrics;
  const joins = new Joins({
    files: context.outside.files,
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
  const environment = { log, random, parseErrors, droppedLines, joins };
  const { operators } = config;
  // Expressions read the line as it stands in the file, so nothing comes before them.
  const addTemplates = templateStep(templates);
  if (addTemplates !== undefined) {
    const failing = { id: 'attributes', onError: 'send', environment } as const;
    const encoder = new EntryEncoder(
      out,
      (end) => new StepNode(addTemplates, compileGraph(operators, end, environment), failing),
    );
    return { encoder, held: joins.held, stages: { container: undefined, recombine: undefined, rest: operators } };
  }
  const stages = byteStages(operators);
  const { container, recombine, rest } = stages;
  let encoder = innerEncoder(rest, options, (end) => compileGraph(rest, end, environment));
  if (recombine !== undefined) encoder = joins.recombineStage(recombine, encoder);
  if (container !== undefined) encoder = joins.containerStage(container, new Utf8Encoder(encoder));
  return { encoder, held: joins.held, stages };
}

export interface ByteStages {
  readonly container: ContainerConfig | undefined;
  readonly recombine: RecombineConfig | undefined;
  readonly rest: readonly OperatorConfig[];
}

function byteStages(operators: readonly OperatorConfig[]): ByteStages {
  const container = asContainerStage(operators[0]);
  const hasContainer = container !== undefined && isOnly(container, operators);
  const others = hasContainer ? operators.slice(1) : operators;
  const recombine = asRecombineStage(others[0]);
  const hasRecombine = recombine !== undefined && isOnly(recombine, operators);
  return {
    container: hasContainer ? container : undefined,
    recombine: hasRecombine ? recombine : undefined,
    rest: hasRecombine ? others.slice(1) : others,
  };
}

/** Whether the ids of the others stay what they are without it, and every line goes through it to the next. */
function isOnly(operator: OperatorConfig, operators: readonly OperatorConfig[]): boolean {
  const isAlone = operators.every((other) => other === operator || other.type !== operator.type);
  return isAlone && operator.if === undefined && operator.output === undefined;
}

function asContainerStage(operator: OperatorConfig | undefined): ContainerConfig | undefined {
  if (operator?.type !== 'container') return undefined;
  return isRoot(operator.parse_from, 'body') && isRoot(operator.parse_to, 'attributes') ? operator : undefined;
}

function asRecombineStage(operator: OperatorConfig | undefined): RecombineConfig | undefined {
  if (operator?.type !== 'recombine' || operator.preset === undefined) return undefined;
  return isRoot(operator.combine_field, 'body') && operator.combine_with === '\n' ? operator : undefined;
}

function isRoot(field: Field, root: Field['root']): boolean {
  return field.root === root && field.path.length === 0;
}

function innerEncoder(
  operators: readonly OperatorConfig[],
  { config, out, context }: EncoderOptions,
  compile: ConstructorParameters<typeof EntryEncoder>[1],
): LineEncoder {
  if (operators.every(({ type }) => type === 'noop')) return rawEncoder;
  const entries = new EntryEncoder(out, compile);
  const plan = jsonPlan(operators);
  if (plan === undefined) return entries;
  const lineKeys = [CUT_KEY, RECORD_NUMBER_KEY, RECORD_OFFSET_KEY, STREAM_KEY, TAG_KEY, DOCKER_ATTRS_KEY];
  return new JsonEncoder(
    plan,
    [...new FileAttributes(context.outside.files, config).of('').keys(), ...lineKeys],
    entries,
  );
}

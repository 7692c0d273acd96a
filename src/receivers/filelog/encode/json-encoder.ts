import { LOG } from '../../../otlp/fields.ts';
import { LEN, utf8 } from '../../../otlp/wire.ts';
import { Writer } from '../../../otlp/writer.ts';
import type { OperatorConfig } from '../operators/config.ts';
import type { JsonParserConfig, SeverityConfig, TimeConfig } from '../operators/parser-settings.ts';
import { severityTable } from '../operators/severity.ts';
import { severityName } from '../operators/embedded.ts';
import { timeOptions } from '../operators/time-options.ts';
import { TimeParser } from '../operators/time-parser.ts';
import {
  FLAGS_DIGITS,
  FLAGS_KEYS,
  liftFlags,
  liftSpanId,
  liftTraceId,
  SPAN_ID_DIGITS,
  SPAN_ID_KEYS,
  TRACE_ID_DIGITS,
  TRACE_ID_KEYS,
} from '../operators/trace-context.ts';
import { JsonTranscoder } from './json-transcoder.ts';
import { writeNanos } from './nanos.ts';
import type { LineInfo } from './line-info.ts';
import type { LineEncoder, RecordWriter } from './record-writer.ts';
import { NOT_FOUND, OTHER, type Captured, type WatchedKey } from './watched-key.ts';

/** What the fast path does for the common list of operators: JSON to attributes, then time and severity out of them. */
export interface JsonPlan {
  readonly parser: JsonParserConfig;
  readonly time: TimeConfig | undefined;
  readonly severity: SeverityConfig | undefined;
}

/** The plan for these operators; undefined when they ask for more than the fast path does. */
export function jsonPlan(operators: readonly OperatorConfig[]): JsonPlan | undefined {
  if (operators.some((operator) => operator.output !== undefined || operator.if !== undefined)) return undefined;
  const steps = operators.filter(({ type }) => type !== 'noop');
  const [parser, ...rest] = steps;
  if (parser?.type !== 'json_parser' || !parser.parse_ints) return undefined;
  const { parse_from, parse_to, trace, scope_name, body } = parser;
  if (trace !== undefined || scope_name !== undefined || body !== undefined) return undefined;
  if (parse_from.root !== 'body' || parse_from.path.length > 0) return undefined;
  if (parse_to.root !== 'attributes' || parse_to.path.length > 0) return undefined;
  let { timestamp: time, severity } = parser;
  for (const step of rest) {
    if (step.type === 'time_parser' && time === undefined) time = step;
    else if (step.type === 'severity_parser' && severity === undefined) severity = step;
    else return undefined;
  }
  const keys = [time, severity].map((config) => config && topKey(config));
  if (time !== undefined && keys[0] === undefined) return undefined;
  if (severity !== undefined && keys[1] === undefined) return undefined;
  return { parser, time, severity };
}

/** The top-level key that is parsed; undefined for other places, and for keys that trace context may take away. */
function topKey({ parse_from: { root, path } }: TimeConfig | SeverityConfig): string | undefined {
  const [key] = path;
  const isTrace = [...TRACE_ID_KEYS, ...SPAN_ID_KEYS, ...FLAGS_KEYS].some((name) => name === key);
  return root === 'attributes' && path.length === 1 && !isTrace ? key : undefined;
}

const MAX_SEVERITIES = 256;

/** JSON lines straight to OTLP; a line that the fast path cannot do goes to `fallback`, with nothing written. */
export class JsonEncoder implements LineEncoder {
  readonly #transcoder: JsonTranscoder;
  readonly #fallback: LineEncoder;
  readonly #time: { readonly parser: TimeParser; readonly captured: Captured } | undefined;
  readonly #severity: { readonly config: SeverityConfig; readonly captured: Captured } | undefined;
  readonly #severities: ReadonlyMap<string, number>;
  /** Encoded severity fields by the text found. */
  readonly #encoded = new Map<string, Uint8Array>();

  /** `constantKeys`: attributes that records have anyway; a line with the same key takes the slow path. */
  constructor(plan: JsonPlan, constantKeys: Iterable<string>, fallback: LineEncoder) {
    const captures = new Map<string, Captured>();
    const capture = (key: string): Captured => {
      const captured = captures.get(key) ?? { kind: NOT_FOUND, start: 0, end: 0 };
      captures.set(key, captured);
      return captured;
    };
    const { time, severity } = plan;
    this.#fallback = fallback;
    this.#time = time && { parser: new TimeParser(timeOptions(time)), captured: capture(topKey(time) ?? '') };
    this.#severity = severity && { config: severity, captured: capture(topKey(severity) ?? '') };
    this.#severities = severity === undefined ? new Map() : severityTable(severity);
    this.#transcoder = new JsonTranscoder(watchedKeys(plan, captures, new Set(constantKeys)));
  }

  encode(out: RecordWriter, source: Buffer, start: number, end: number, info: LineInfo): void {
    const { writer } = out;
    const recordStart = writer.pos;
    const record = out.beginRecord(128 + 2 * (end - start));
    if (this.#time === undefined || info.seconds < 0) out.runtimeFields(info);
    else if (info.marks !== undefined) writer.raw(info.marks.encoded);
    out.stringBody(source, start, end);
    const isDone =
      this.#transcoder.transcode(source, start, end, writer, (LOG.attributes << 3) | LEN) &&
      this.#writeTime(out, source) &&
      this.#writeSeverity(out, source);
    if (!isDone) {
      writer.pos = recordStart;
      this.#fallback.encode(out, source, start, end, info);
      return;
    }
    out.extraFields(info);
    out.endRecord(record);
  }

  #writeTime(out: RecordWriter, source: Buffer): boolean {
    if (this.#time === undefined) return true;
    const { parser, captured } = this.#time;
    if (captured.kind === NOT_FOUND || captured.kind === OTHER) return false;
    if (!parser.parse(utf8(source, captured.start, captured.end), out.nowMs)) return false;
    writeNanos(out.writer, LOG.timeUnixNano, parser.seconds, parser.nanos);
    return true;
  }

  #writeSeverity(out: RecordWriter, source: Buffer): boolean {
    if (this.#severity === undefined) return true;
    const { captured } = this.#severity;
    if (captured.kind === NOT_FOUND || captured.kind === OTHER) return false;
    const text = utf8(source, captured.start, captured.end);
    let encoded = this.#encoded.get(text);
    if (encoded === undefined) {
      encoded = this.#encodeSeverity(text);
      if (this.#encoded.size < MAX_SEVERITIES) this.#encoded.set(text, encoded);
    }
    out.writer.raw(encoded);
    return true;
  }

  #encodeSeverity(text: string): Uint8Array {
    const number = this.#severities.get(text.toLowerCase()) ?? 0;
    const isNamed = this.#severity?.config.overwrite_text === true && number > 0;
    const writer = new Writer(64);
    if (number > 0) writer.uint(LOG.severityNumber, number);
    if (text !== '') writer.string(LOG.severityText, isNamed ? severityName(number) : text);
    return writer.take();
  }
}

function watchedKeys(plan: JsonPlan, captures: Map<string, Captured>, refused: ReadonlySet<string>): WatchedKey[] {
  const keys: WatchedKey[] = Array.from(refused, (key) => ({ key, refuse: true }));
  for (const [key, captured] of captures) if (!refused.has(key)) keys.push({ key, captured });
  const mode = plan.parser.trace_context;
  if (mode === 'off') return keys;
  const lifts = [
    [TRACE_ID_KEYS, TRACE_ID_DIGITS, liftTraceId],
    [SPAN_ID_KEYS, SPAN_ID_DIGITS, liftSpanId],
    [FLAGS_KEYS, FLAGS_DIGITS, liftFlags],
  ] as const;
  for (const [kind, [names, digits, write]] of lifts.entries()) {
    const lift = { kind, digits, write, keepsAttribute: mode === 'copy' };
    for (const key of names) if (!refused.has(key)) keys.push({ key, lift });
  }
  return keys;
}

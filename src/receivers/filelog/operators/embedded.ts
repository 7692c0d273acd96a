import { scalarText, type Entry } from './entry.ts';
import { readField } from './field.ts';
import type { Step } from './nodes.ts';
import type { ParserConfig, ScopeNameConfig, SeverityConfig, TimeConfig, TraceConfig } from './parser-settings.ts';
import { severityTable } from './severity.ts';
import { timeOptions } from './time-options.ts';
import { TimeParser } from './time-parser.ts';
import { isHex, parseFlags, parseId } from './trace-context.ts';

/** Steps that stand alone as operators, or inside a parser. */

export function timeStep(config: TimeConfig): Step {
  const { parse_from } = config;
  const parser = new TimeParser(timeOptions(config));
  return (entry) => {
    const text = scalarText(readField(entry, parse_from));
    if (text === undefined) return 'there is no time to parse';
    if (!parser.parse(text, entry.nowMs)) return `"${text}" is not a time of the layout`;
    entry.time = { seconds: parser.seconds, nanos: parser.nanos };
    return undefined;
  };
}

const SEVERITY_NAMES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

/** The name of a severity number, as `overwrite_text` writes it: INFO, INFO2. */
export function severityName(number: number): string {
  const step = (number - 1) % 4;
  return `${SEVERITY_NAMES[Math.floor((number - 1) / 4)] ?? ''}${step === 0 ? '' : step + 1}`;
}

export function severityStep(config: SeverityConfig): Step {
  const table = severityTable(config);
  return (entry) => {
    const text = scalarText(readField(entry, config.parse_from));
    if (text === undefined) return 'there is no severity to parse';
    const number = table.get(text.toLowerCase()) ?? 0;
    entry.severityNumber = number;
    entry.severityText = config.overwrite_text && number > 0 ? severityName(number) : text;
    return undefined;
  };
}

/** What is not there is left as it was; an id of zeros is none. What is there and no id fails. */
export function traceStep(config: TraceConfig): Step {
  const { trace_id, span_id, trace_flags } = config;
  return (entry) => {
    const traceId = readField(entry, trace_id.parse_from);
    const spanId = readField(entry, span_id.parse_from);
    const flags = readField(entry, trace_flags.parse_from);
    let reason: string | undefined;
    if (isHex(traceId, 16)) entry.traceId = parseId(traceId, 16);
    else if (traceId !== undefined) reason = 'the trace id is not 32 hex digits';
    if (isHex(spanId, 8)) entry.spanId = parseId(spanId, 8);
    else if (spanId !== undefined) reason ??= 'the span id is not 16 hex digits';
    if (isHex(flags, 1)) entry.flags = parseFlags(flags);
    else if (flags !== undefined) reason ??= 'the trace flags are not two hex digits';
    return reason;
  };
}

export function scopeNameStep({ parse_from }: ScopeNameConfig): Step {
  return (entry) => {
    const name = readField(entry, parse_from);
    if (typeof name !== 'string') return 'there is no text for the name of the scope';
    entry.scopeName = name;
    return undefined;
  };
}

/** What a parser does after parsing. Each is tried whatever became of the others; the first reason is returned. */
export function embeddedSteps(config: ParserConfig): Step | undefined {
  const { timestamp, severity, trace, scope_name } = config;
  const steps: Step[] = [];
  if (timestamp !== undefined) steps.push(timeStep(timestamp));
  if (severity !== undefined) steps.push(severityStep(severity));
  if (trace !== undefined) steps.push(traceStep(trace));
  if (scope_name !== undefined) steps.push(scopeNameStep(scope_name));
  if (steps.length < 2) return steps[0];
  return (entry: Entry) => {
    let reason: string | undefined;
    for (const step of steps) {
      const failure = step(entry);
      reason ??= failure;
    }
    return reason;
  };
}

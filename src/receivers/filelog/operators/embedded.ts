import type { ParserConfig, SeverityConfig, TimeConfig, TraceConfig } from './config.ts';
import { scalarText, type Value } from './entry.ts';
import { readField, type Field } from './field.ts';
import type { Step } from './graph.ts';
import { severityTable } from './severity.ts';
import { TimeParser } from './time-parser.ts';
import { parseFlags, parseId } from './trace-context.ts';

/** Steps that stand alone as operators, or inside a parser. */

export function timeStep(config: TimeConfig): Step {
  const { layout_type, layout, location, parse_from } = config;
  const parser = new TimeParser({ layoutType: layout_type, layout, location });
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

export function traceStep(config: TraceConfig): Step {
  return (entry) => {
    const read = (place: { readonly parse_from: Field } | undefined): Value | undefined =>
      place === undefined ? undefined : readField(entry, place.parse_from);
    entry.traceId = parseId(read(config.trace_id), 16) ?? entry.traceId;
    entry.spanId = parseId(read(config.span_id), 8) ?? entry.spanId;
    entry.flags = parseFlags(read(config.trace_flags)) ?? entry.flags;
    return undefined;
  };
}

/** What a parser does after parsing. Each is tried whatever became of the others; the first reason is returned. */
export function embeddedSteps(config: ParserConfig): Step {
  const steps: Step[] = [];
  if (config.timestamp !== undefined) steps.push(timeStep(config.timestamp));
  if (config.severity !== undefined) steps.push(severityStep(config.severity));
  if (config.trace !== undefined) steps.push(traceStep(config.trace));
  return (entry) => {
    let reason: string | undefined;
    for (const step of steps) reason = step(entry) ?? reason;
    return reason;
  };
}

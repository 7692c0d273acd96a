import {
  namedRegex,
  type OperatorConfig,
  type ParserConfig,
  type SeverityConfig,
  type TimeConfig,
  type TraceConfig,
} from './config.ts';
import { scalarText, type Entry, type Step, type Value } from './entry.ts';
import { readField, removeField, writeField, type Field } from './field.ts';
import { parseJsonObject } from './parse-json.ts';
import { severityTable } from './severity.ts';
import { TimeParser } from './time-parser.ts';
import { FLAGS_KEYS, parseFlags, parseId, SPAN_ID_KEYS, TRACE_ID_KEYS } from './trace-context.ts';

type Apply = (entry: Entry) => void;

/** The operators of a receiver, compiled once. */
export function compileSteps(operators: readonly OperatorConfig[]): Step[] {
  return operators.flatMap((operator) =>
    operator.type === 'noop' ? [] : [{ onError: operator.on_error, apply: compile(operator) }],
  );
}

function compile(operator: Exclude<OperatorConfig, { type: 'noop' }>): Apply {
  switch (operator.type) {
    case 'json_parser': {
      const { parse_ints, trace_context } = operator;
      const parse = parserStep(operator, (text) => parseJsonObject(text, parse_ints));
      return trace_context === 'off' ? parse : inOrder([parse, liftTrace(operator.parse_to, trace_context === 'move')]);
    }
    case 'regex_parser':
      return parserStep(operator, regexParse(operator.regex));
    case 'severity_parser':
      return severityStep(operator);
    case 'time_parser':
      return timeStep(operator);
    case 'trace_parser':
      return traceStep(operator);
    case 'move':
      return (entry) => writeField(entry, operator.to, must(removeField(entry, operator.from)));
    case 'copy':
      return (entry) => writeField(entry, operator.to, clone(must(readField(entry, operator.from))));
    case 'remove':
      return (entry) => void must(removeField(entry, operator.field));
    case 'add':
      return (entry) => writeField(entry, operator.field, operator.value);
    case 'retain':
      return retainStep(operator.fields);
  }
}

function inOrder(steps: readonly Apply[]): Apply {
  return (entry) => {
    for (const step of steps) step(entry);
  };
}

function parserStep(operator: ParserConfig, parse: (text: string) => Map<string, Value>): Apply {
  const after: Apply[] = [];
  if (operator.timestamp !== undefined) after.push(timeStep(operator.timestamp));
  if (operator.severity !== undefined) after.push(severityStep(operator.severity));
  if (operator.trace !== undefined) after.push(traceStep(operator.trace));
  const finish = inOrder(after);
  return (entry) => {
    const text = readField(entry, operator.parse_from);
    if (typeof text !== 'string') throw new TypeError('there is no text to parse');
    writeField(entry, operator.parse_to, parse(text));
    finish(entry);
  };
}

function regexParse(source: string): (text: string) => Map<string, Value> {
  const regex = namedRegex(source);
  return (text) => {
    const groups = regex.exec(text)?.groups;
    if (groups === undefined) throw new SyntaxError('the regex does not match');
    const values = new Map<string, Value>();
    // As in Go, a group that took no part is an empty text.
    for (const name in groups) values.set(name, groups[name] ?? '');
    return values;
  };
}

function timeStep(config: TimeConfig): Apply {
  const { layout_type, layout, location, parse_from } = config;
  const parser = new TimeParser({ layoutType: layout_type, layout, location });
  return (entry) => {
    const text = must(scalarText(readField(entry, parse_from)));
    if (!parser.parse(text, entry.nowMs)) throw new SyntaxError(`"${text}" is not a time of the layout`);
    entry.time = { seconds: parser.seconds, nanos: parser.nanos };
  };
}

const SEVERITY_NAMES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

/** The name of a severity number, as `overwrite_text` writes it: INFO, INFO2. */
export function severityName(number: number): string {
  const step = (number - 1) % 4;
  return `${SEVERITY_NAMES[Math.floor((number - 1) / 4)] ?? ''}${step === 0 ? '' : step + 1}`;
}

function severityStep(config: SeverityConfig): Apply {
  const table = severityTable(config);
  return (entry) => {
    const text = must(scalarText(readField(entry, config.parse_from)));
    const number = table.get(text.toLowerCase()) ?? 0;
    entry.severityNumber = number;
    entry.severityText = config.overwrite_text && number > 0 ? severityName(number) : text;
  };
}

function traceStep(config: TraceConfig): Apply {
  return (entry) => {
    const read = (place: { readonly parse_from: Field } | undefined): Value | undefined =>
      place === undefined ? undefined : readField(entry, place.parse_from);
    entry.traceId = parseId(read(config.trace_id), 16) ?? entry.traceId;
    entry.spanId = parseId(read(config.span_id), 8) ?? entry.spanId;
    entry.flags = parseFlags(read(config.trace_flags)) ?? entry.flags;
  };
}

/** The trace context that logging libraries put into JSON becomes the record's own. The first key of each kind counts. */
function liftTrace(from: Field, move: boolean): Apply {
  return (entry) => {
    const map = readField(entry, from);
    if (!(map instanceof Map)) return;
    const lift = <T>(keys: readonly string[], parse: (value: unknown) => T | undefined): T | undefined => {
      for (const key of keys) {
        const parsed = parse(map.get(key));
        if (parsed === undefined) continue;
        if (move) map.delete(key);
        return parsed;
      }
      return undefined;
    };
    entry.traceId = lift(TRACE_ID_KEYS, (value) => parseId(value, 16)) ?? entry.traceId;
    entry.spanId = lift(SPAN_ID_KEYS, (value) => parseId(value, 8)) ?? entry.spanId;
    entry.flags = lift(FLAGS_KEYS, parseFlags) ?? entry.flags;
  };
}

function retainStep(fields: readonly Field[]): Apply {
  return (entry) => {
    const kept = fields.map((field) => [field, readField(entry, field)] as const);
    for (const root of new Set(fields.map((field) => field.root))) {
      if (root === 'body') entry.body = null;
      else entry.attributes = new Map();
    }
    for (const [field, value] of kept) if (value !== undefined) writeField(entry, field, value);
  };
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('the field is not there');
  return value;
}

function clone(value: Value): Value {
  if (value instanceof Map) return new Map(Array.from(value, ([key, inner]) => [key, clone(inner)]));
  return Array.isArray(value) ? value.map(clone) : value;
}

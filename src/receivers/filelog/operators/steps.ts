import { namedRegex, type OperatorConfig, type ParserConfig } from './config.ts';
import { embeddedSteps, severityStep, timeStep, traceStep } from './embedded.ts';
import { copyValue, type Value } from './entry.ts';
import { readField, removeField, writeField, type Field } from './field.ts';
import type { Step } from './graph.ts';
import { parseJsonObject } from './parse-json.ts';
import { FLAGS_KEYS, parseFlags, parseId, SPAN_ID_KEYS, TRACE_ID_KEYS } from './trace-context.ts';

export function compileStep(operator: Exclude<OperatorConfig, { type: 'noop' }>): Step {
  switch (operator.type) {
    case 'json_parser': {
      const { parse_ints, trace_context } = operator;
      const parse = (text: string): Map<string, Value> => parseJsonObject(text, parse_ints);
      if (trace_context === 'off') return parserStep(operator, parse);
      return parserStep(operator, parse, liftTrace(operator.parse_to, trace_context === 'move'));
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
      return moveStep(operator.from, operator.to);
    case 'copy':
      return copyStep(operator.from, operator.to);
    case 'remove':
      return (entry) => (removeField(entry, operator.field) === undefined ? NOT_THERE : undefined);
    case 'add':
      return (entry) => writeField(entry, operator.field, operator.value);
    case 'retain':
      return retainStep(operator.fields);
  }
}

const NOT_THERE = 'the field is not there';

type Parse = (text: string) => Map<string, Value> | string;

/** Reads, parses, writes. `parse` returns the values, or the reason why not. */
function parserStep(operator: ParserConfig, parse: Parse, after?: Step): Step {
  const finish = embeddedSteps(operator);
  return (entry) => {
    const text = readField(entry, operator.parse_from);
    if (typeof text !== 'string') return 'there is no text to parse';
    const values = parse(text);
    if (typeof values === 'string') return values;
    const reason = writeField(entry, operator.parse_to, values);
    if (reason !== undefined) return reason;
    const finished = finish(entry);
    return after?.(entry) ?? finished;
  };
}

function regexParse(source: string): Parse {
  const regex = namedRegex(source);
  return (text) => {
    const groups = regex.exec(text)?.groups;
    if (groups === undefined) return 'the regex does not match';
    const values = new Map<string, Value>();
    // As in Go, a group that took no part is an empty text.
    for (const name in groups) values.set(name, groups[name] ?? '');
    return values;
  };
}

/** The trace context that logging libraries put into JSON becomes the record's own. The first key of each kind counts. */
function liftTrace(from: Field, move: boolean): Step {
  return (entry) => {
    const map = readField(entry, from);
    if (!(map instanceof Map)) return undefined;
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
    return undefined;
  };
}

function moveStep(from: Field, to: Field): Step {
  return (entry) => {
    const value = removeField(entry, from);
    return value === undefined ? NOT_THERE : writeField(entry, to, value);
  };
}

function copyStep(from: Field, to: Field): Step {
  return (entry) => {
    const value = readField(entry, from);
    return value === undefined ? NOT_THERE : writeField(entry, to, copyValue(value));
  };
}

function retainStep(fields: readonly Field[]): Step {
  const roots = new Set(fields.map((field) => field.root));
  return (entry) => {
    const kept = fields.map((field) => [field, readField(entry, field)] as const);
    if (roots.has('body')) entry.body = null;
    if (roots.has('attributes')) entry.attributes = new Map();
    if (roots.has('resource')) entry.resource = new Map();
    for (const [field, value] of kept) if (value !== undefined) writeField(entry, field, value);
    return undefined;
  };
}

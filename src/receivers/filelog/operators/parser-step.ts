import { csvReader, type CsvOptions } from './csv.ts';
import { embeddedSteps } from './embedded.ts';
import type { Entry, Value } from './entry.ts';
import { readField, removeField, writeField } from './field.ts';
import type { Step } from './nodes.ts';
import { keyValueParse } from './key-values.ts';
import { parseLogfmt } from './logfmt.ts';
import { namedGroupParse } from './named-groups.ts';
import { parseJsonObject } from './parse-json.ts';
import type { JsonParserConfig, ParserConfig } from './parser-settings.ts';
import { FLAGS_KEYS, parseFlags, parseId, SPAN_ID_KEYS, TRACE_ID_KEYS } from './trace-context.ts';
import { parseUri } from './uri.ts';

/** The values of a text, or the reason why there are none. */
type Parse = (text: string, entry: Entry) => Map<string, Value> | string;

/** Reads, parses, writes, and does what is embedded. */
export function parserStep(operator: ParserConfig): Step {
  const { parse_from, parse_to, body } = operator;
  const parse = parseOf(operator);
  const finish = embeddedSteps(operator);
  const lift = operator.type === 'json_parser' ? liftTrace(operator) : undefined;
  return (entry) => {
    const text = readField(entry, parse_from);
    if (typeof text !== 'string') return 'there is no text to parse';
    const values = parse(text, entry);
    if (typeof values === 'string') return values;
    const reason = writeField(entry, parse_to, values);
    if (reason !== undefined) return reason;
    const newBody = body && readField(entry, body);
    if (newBody !== undefined) entry.body = newBody;
    const failure = finish?.(entry);
    lift?.(entry);
    return failure;
  };
}

function parseOf(operator: ParserConfig): Parse {
  switch (operator.type) {
    case 'json_parser': {
      const { parse_ints } = operator;
      return (text) => parseJsonObject(text, parse_ints);
    }
    case 'regex_parser':
      return namedGroupParse(operator.regex, operator.cache.size);
    case 'key_value_parser':
      return keyValueParse(operator.delimiter, operator.pair_delimiter);
    case 'logfmt':
      return parseLogfmt;
    case 'csv_parser':
      return csvParse(operator);
    case 'uri_parser':
      return parseUri;
  }
}

function csvParse(options: CsvOptions): Parse {
  const { names, split, splitHeader } = csvReader(options);
  const key = options.header_attribute ?? '';
  let header = '';
  let headerNames: readonly string[] = names ?? [];
  return (text, entry) => {
    if (names === undefined) {
      const given = entry.attributes.get(key);
      if (typeof given !== 'string') return `there is no text in the attribute ${key}, which names the columns`;
      if (given !== header) headerNames = splitHeader((header = given));
    }
    const row = split(text);
    if (typeof row === 'string') return row;
    if (row.length !== headerNames.length) return `there are ${row.length} values for ${headerNames.length} columns`;
    const values = new Map<string, Value>();
    for (let i = 0; i < row.length; i++) values.set(headerNames[i] ?? '', row[i] ?? '');
    return values;
  };
}

/** The trace context that logging libraries put into JSON becomes the record's own. The first key of each kind counts. */
function liftTrace({ parse_to, trace_context }: JsonParserConfig): ((entry: Entry) => void) | undefined {
  if (trace_context === 'off') return undefined;
  const isMove = trace_context === 'move';
  return (entry) => {
    const map = readField(entry, parse_to);
    if (!(map instanceof Map)) return;
    const taken: string[] = [];
    entry.traceId = lifted(map, TRACE_ID_KEYS, taken, (value) => parseId(value, 16)) ?? entry.traceId;
    entry.spanId = lifted(map, SPAN_ID_KEYS, taken, (value) => parseId(value, 8)) ?? entry.spanId;
    entry.flags = lifted(map, FLAGS_KEYS, taken, parseFlags) ?? entry.flags;
    if (isMove) for (const key of taken) removeField(entry, { ...parse_to, path: [...parse_to.path, key] });
  };
}

/** The first value that parses; its key is added to `taken`. */
function lifted<T>(
  map: ReadonlyMap<string, Value>,
  keys: readonly string[],
  taken: string[],
  parse: (value: unknown) => T | undefined,
): T | undefined {
  for (const key of keys) {
    const parsed = parse(map.get(key));
    if (parsed === undefined) continue;
    taken.push(key);
    return parsed;
  }
  return undefined;
}

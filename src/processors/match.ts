import * as z from 'zod';
import { asError } from '../core/errors.ts';
import type { Signal } from '../core/signal.ts';
import { selectField } from '../otlp/select-fields.ts';
import type { Field, FieldValue } from '../otlp/select.ts';
import { valueText } from '../otlp/value-text.ts';
import { all, any, compare, exists, holds, matches, type Condition } from './filter/condition.ts';
import { ENUM_NUMBERS } from './filter/enums.ts';
import { goPattern } from '../core/go-pattern.ts';

/** The include and exclude blocks of the Collector. */

const scalar = () => z.union([z.string(), z.number(), z.boolean()]);

const attribute = () =>
  z.strictObject({
    key: z.string().min(1).describe('The key that must be there.'),
    value: scalar().optional().describe('The value it must have, or the pattern it must match; any when absent.'),
  });

const library = () =>
  z.strictObject({
    name: z.string().describe('Name of the instrumentation scope.'),
    version: z.string().optional().describe('Its version; any when absent, none when empty.'),
  });

const texts = (what: string) => z.array(z.string()).default([]).describe(`One of these is ${what}.`);

export const matchProperties = () =>
  z
    .strictObject({
      match_type: z.enum(['strict', 'regexp']).describe('Whether texts are compared or matched as patterns.'),
      regexp: z
        .strictObject({
          cacheenabled: z.boolean().optional().describe('Accepted; matching needs no cache here.'),
          cachemaxnumentries: z.number().int().nonnegative().optional().describe('Accepted; there is no cache.'),
        })
        .nullable()
        .optional()
        .describe('Accepted for the Collector’s sake; has no effect.'),
      services: texts('the service.name of the resource'),
      span_names: texts('the name of the span'),
      span_kinds: texts('the kind of the span (SPAN_KIND_SERVER or Server)'),
      log_bodies: texts('the body of the log record, when that is a text'),
      log_severity_texts: texts('the severity text'),
      log_severity_number: z
        .strictObject({
          min: z
            .union([z.number().int().min(0).max(24), z.string()])
            .default(0)
            .describe('Least severity number, or a name such as INFO or WARN2.'),
          match_undefined: z.boolean().default(false).describe('Whether records without severity match.'),
        })
        .optional()
        .describe('Bounds of the severity number.'),
      metric_names: texts('the name of the metric'),
      attributes: z.array(attribute()).default([]).describe('All of these the item has.'),
      resources: z.array(attribute()).default([]).describe('All of these the resource has.'),
      libraries: z.array(library()).default([]).describe('One of these is the instrumentation scope.'),
    })
    .superRefine((value, context) => {
      const problem = problemOf(value);
      if (problem !== undefined) context.addIssue({ code: 'custom', ...problem });
    });

export type MatchProperties = z.output<ReturnType<typeof matchProperties>>;

const COMMON = ['services', 'attributes', 'resources', 'libraries'] as const;
const OF_SIGNAL = {
  traces: ['span_names', 'span_kinds'],
  logs: ['log_bodies', 'log_severity_texts', 'log_severity_number'],
  metrics: ['metric_names'],
} as const satisfies Record<Signal, readonly (keyof MatchProperties)[]>;
const PROPERTIES = [...COMMON, ...OF_SIGNAL.traces, ...OF_SIGNAL.logs, ...OF_SIGNAL.metrics];

/** Properties in use that items of `signal` do not have. */
export function unusableProperties(properties: MatchProperties, signal: Signal): string[] {
  const usable: readonly string[] = [...COMMON, ...OF_SIGNAL[signal]];
  return PROPERTIES.filter((name) => isUsed(properties, name) && !usable.includes(name));
}

/** Holds for items that have all of the properties in use; of a list of texts, one suffices. */
export function compileMatch(properties: MatchProperties, signal: Signal): Condition {
  const { match_type: type, log_severity_number: severity } = properties;
  const field = (name: string, ...keys: string[]): Field => mustSelect(signal, name, keys);
  const oneOf = (wanted: readonly string[], name: string, ...keys: string[]): Condition[] =>
    wanted.length === 0 ? [] : [any(wanted.map((text) => textCondition(field(name, ...keys), text, type)))];
  const kinds = properties.span_kinds;
  return all([
    ...oneOf(properties.services, 'resource.attributes', 'service.name'),
    ...oneOf(properties.span_names, 'name'),
    ...(kinds.length === 0 ? [] : [any(kinds.map((kind) => kindCondition(field('kind'), kind, type)))]),
    ...oneOf(properties.log_bodies, 'body'),
    ...oneOf(properties.log_severity_texts, 'severity_text'),
    ...(severity === undefined ? [] : [severityCondition(field('severity_number'), severity)]),
    ...oneOf(properties.metric_names, 'metric.name'),
    ...properties.attributes.map(({ key, value }) => attributeCondition(field('attributes', key), value, type)),
    ...properties.resources.map(({ key, value }) => attributeCondition(field('resource.attributes', key), value, type)),
    ...libraryCondition(properties, field('scope.name'), field('scope.version')),
  ]);
}

type MatchType = MatchProperties['match_type'];

function textCondition(field: Field, text: string, type: MatchType): Condition {
  if (type === 'strict') return compare({ kind: 'field', field }, '==', { kind: 'literal', value: text });
  const pattern = goPattern(text);
  return (place) => {
    const value = field.read(place);
    return typeof value === 'string' && pattern.test(value);
  };
}

function attributeCondition(field: Field, value: FieldValue, type: MatchType): Condition {
  if (value === undefined) return exists(field);
  if (type === 'regexp') return matches(field, goPattern(valueText(value)));
  return compare({ kind: 'field', field }, '==', { kind: 'literal', value });
}

function kindCondition(field: Field, kind: string, type: MatchType): Condition {
  if (type === 'strict') {
    const number = kindNumber(kind);
    return (place) => field.read(place) === number;
  }
  const pattern = goPattern(kind);
  return (place) => {
    const number = field.read(place);
    return KIND_NAMES.some((name, index) => index === number && pattern.test(name));
  };
}

const KIND_NAMES = [...ENUM_NUMBERS.keys()].filter((name) => name.startsWith('SPAN_KIND_'));

function kindNumber(kind: string): number | undefined {
  return ENUM_NUMBERS.get(kind) ?? ENUM_NUMBERS.get(`SPAN_KIND_${kind.toUpperCase()}`);
}

function severityCondition(
  field: Field,
  { min, match_undefined: matchUndefined }: NonNullable<MatchProperties['log_severity_number']>,
): Condition {
  const least = severityNumber(min);
  return (place) => {
    const severity = field.read(place);
    return severity === 0 ? matchUndefined : holds(severity, '>=', least);
  };
}

function severityNumber(min: number | string): number | undefined {
  if (typeof min === 'number') return min;
  return /^\d+$/.test(min) ? Number(min) : ENUM_NUMBERS.get(`SEVERITY_NUMBER_${min.toUpperCase()}`);
}

function libraryCondition({ libraries, match_type: type }: MatchProperties, name: Field, version: Field): Condition[] {
  if (libraries.length === 0) return [];
  const each = libraries.map((library) => {
    const isNamed = textCondition(name, library.name, type);
    return library.version === undefined ? isNamed : all([isNamed, textCondition(version, library.version, type)]);
  });
  return [any(each)];
}

function mustSelect(signal: Signal, name: string, keys: readonly string[]): Field {
  const field = selectField(signal, { name, keys });
  if (field === undefined) throw new Error(`BUG: ${name} is not a field of ${signal}.`);
  return field;
}

function isUsed(properties: MatchProperties, name: (typeof PROPERTIES)[number]): boolean {
  const value = properties[name];
  return Array.isArray(value) ? value.length > 0 : value !== undefined;
}

interface Problem {
  readonly path: (string | number)[];
  readonly message: string;
}

function problemOf(value: MatchProperties): Problem | undefined {
  if (!PROPERTIES.some((name) => isUsed(value, name))) {
    return { path: [], message: `needs at least one of ${PROPERTIES.join(', ')}` };
  }
  const severity = value.log_severity_number;
  if (severity !== undefined && severityNumber(severity.min) === undefined) {
    return { path: ['log_severity_number', 'min'], message: `"${severity.min}" is not a severity` };
  }
  if (value.match_type === 'regexp') return patternProblem(value);
  const kind = value.span_kinds.findIndex((text) => kindNumber(text) === undefined);
  return kind < 0 ? undefined : { path: ['span_kinds', kind], message: `is none of ${KIND_NAMES.join(', ')}` };
}

function patternProblem(value: MatchProperties): Problem | undefined {
  const places: [path: (string | number)[], pattern: unknown][] = [];
  for (const name of [
    'services',
    'span_names',
    'span_kinds',
    'log_bodies',
    'log_severity_texts',
    'metric_names',
  ] as const) {
    value[name].forEach((pattern, index) => places.push([[name, index], pattern]));
  }
  for (const name of ['attributes', 'resources'] as const) {
    value[name].forEach((each, index) => places.push([[name, index, 'value'], each.value]));
  }
  value.libraries.forEach((each, index) => places.push([['libraries', index, 'name'], each.name]));
  for (const [path, pattern] of places) {
    try {
      if (typeof pattern === 'string') goPattern(pattern);
    } catch (error) {
      return { path, message: asError(error).message };
    }
  }
  return undefined;
}

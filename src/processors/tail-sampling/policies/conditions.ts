import { goPattern } from '../../../core/go-pattern.ts';
import type { Place } from '../../../otlp/place.ts';
import { selectField } from '../../../otlp/select-fields.ts';
import type { Field } from '../../../otlp/select.ts';
import { any } from '../../filter/condition.ts';
import { parseOttl } from '../../filter/ottl.ts';
import type { SpanCondition } from '../policy.ts';
import type { SimplePolicy } from './kinds.ts';
import { traceStateCondition } from './trace-state.ts';

/**
 * What policies ask of each span: whether it, or the resource that it belongs to, has what they look for. Attributes of
 * the scope do not count. A value of another type than the one looked for never matches.
 */

type Settings<T extends keyof Sections> = Sections[T];
type Sections = { [P in SimplePolicy as P['type']]: P extends Record<P['type'], infer S> ? S : never };

/** A policy that samples the traces of which one span fulfils a condition. */
export type ConditionPolicy = Extract<
  SimplePolicy,
  {
    type:
      | 'numeric_attribute'
      | 'boolean_attribute'
      | 'string_attribute'
      | 'status_code'
      | 'trace_state'
      | 'trace_flags'
      | 'ottl_condition';
  }
>;

export function conditionOf(policy: ConditionPolicy): SpanCondition {
  switch (policy.type) {
    case 'numeric_attribute':
      return numericCondition(policy.numeric_attribute);
    case 'boolean_attribute':
      return booleanCondition(policy.boolean_attribute);
    case 'string_attribute':
      return stringCondition(policy.string_attribute);
    case 'status_code':
      return statusCondition(policy.status_code);
    case 'trace_state':
      return traceStateCondition(policy.trace_state);
    case 'trace_flags':
      return flagsCondition();
    case 'ottl_condition':
      return any(policy.ottl_condition.span.map((text) => parseOttl(text, 'traces', 'span')));
  }
}

/** Whether it samples the traces of which no span fulfils the condition. */
export function isInverted(policy: ConditionPolicy): boolean {
  switch (policy.type) {
    case 'numeric_attribute':
      return policy.numeric_attribute.invert_match;
    case 'boolean_attribute':
      return policy.boolean_attribute.invert_match;
    case 'string_attribute':
      return policy.string_attribute.invert_match;
    case 'status_code':
    case 'trace_state':
    case 'trace_flags':
    case 'ottl_condition':
      return false;
  }
}

function statusCondition({ status_codes: names }: Settings<'status_code'>): SpanCondition {
  const wanted = new Set<unknown>(names.map((name) => STATUS_CODES[name]));
  const code = spanField('status.code');
  return (span) => wanted.has(code.read(span));
}

/** enum StatusCode */
const STATUS_CODES = { UNSET: 0, OK: 1, ERROR: 2 } as const;

/** The lowest bit of W3C trace flags, which are the lowest byte of a span's. */
const SAMPLED_FLAG = 1;

function flagsCondition(): SpanCondition {
  const flags = spanField('flags');
  return (span) => (Number(flags.read(span)) & SAMPLED_FLAG) !== 0;
}

function booleanCondition({ key, value }: Settings<'boolean_attribute'>): SpanCondition {
  return attributeCondition(key, (found) => found === value);
}

function numericCondition(settings: Settings<'numeric_attribute'>): SpanCondition {
  const { key, min_value: min, max_value: max } = settings;
  const lower = min === 0 ? -Infinity : min;
  const upper = max === 0 ? Infinity : max;
  return attributeCondition(
    key,
    (found) => (typeof found === 'number' || typeof found === 'bigint') && found >= lower && found <= upper,
  );
}

function stringCondition(settings: Settings<'string_attribute'>): SpanCondition {
  const { key, values, enabled_regex_matching: isPattern, cache_max_size: cacheSize } = settings;
  if (!isPattern) return textCondition(key, values);
  const matches = patternMatcher(values.map(goPattern), cacheSize === 0 ? DEFAULT_CACHE_SIZE : cacheSize);
  return attributeCondition(key, (found) => typeof found === 'string' && found !== '' && matches(found));
}

function textCondition(key: string, values: readonly string[]): SpanCondition {
  const wanted = new Set<unknown>(values);
  const [only, ...others] = values;
  const { isText } = attribute('attributes', key);
  if (only === undefined || others.length > 0 || isText === undefined) {
    return attributeCondition(key, (found) => wanted.has(found));
  }
  const bytes = Buffer.from(only);
  const ofResource = resourceCondition(key, (found) => found === only);
  return (span) => ofResource(span) || isText(span, bytes);
}

const DEFAULT_CACHE_SIZE = 128;
/** What is remembered is bounded in bytes too. */
const MAX_CACHED_LENGTH = 256;

/** Remembers what it found out of the texts that came last. */
function patternMatcher(patterns: readonly RegExp[], cacheSize: number): (text: string) => boolean {
  const known = new Map<string, boolean>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const found = patterns.some((pattern) => pattern.test(text));
    if (text.length > MAX_CACHED_LENGTH) return found;
    if (known.size >= cacheSize) for (const [oldest] of known) if (known.delete(oldest)) break;
    known.set(text, found);
    return found;
  };
}

type Test = (found: ReturnType<Field['read']>) => boolean;

function attributeCondition(key: string, test: Test): SpanCondition {
  const ofResource = resourceCondition(key, test);
  const field = attribute('attributes', key);
  return (span) => ofResource(span) || test(field.read(span));
}

/** Asked once for each resource. */
function resourceCondition(key: string, test: Test): SpanCondition {
  const field = attribute('resource.attributes', key);
  let serial = -1;
  let holds = false;
  return (place: Place) => {
    if (place.resourceSerial !== serial) {
      serial = place.resourceSerial;
      holds = test(field.read(place));
    }
    return holds;
  };
}

function attribute(list: 'attributes' | 'resource.attributes', key: string): Field {
  return mustSelect(list, [key]);
}

function spanField(name: 'status.code' | 'flags'): Field {
  return mustSelect(name, []);
}

function mustSelect(name: string, keys: readonly string[]): Field {
  const field = selectField('traces', { name, keys: [...keys] });
  if (field === undefined) throw new Error(`BUG: ${name} is not a field of spans.`);
  return field;
}

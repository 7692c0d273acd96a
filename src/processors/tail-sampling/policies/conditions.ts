import { goPattern } from '../../../core/go-pattern.ts';
import { any } from '../../filter/condition.ts';
import { parseOttl } from '../../filter/ottl.ts';
import { parseEventOttl } from '../../filter/span-events.ts';
import type { SpanCondition } from '../policy.ts';
import type { SimplePolicy } from './kinds.ts';
import type { SpanReader } from './span-reader.ts';
import { traceStateCondition } from './trace-state.ts';
import { isBetween, isBoolean, isOneOf, isText, type ValueTest } from './value-tests.ts';
import type { WantedAttributes } from '../../../otlp/wanted-attributes.ts';

/**
 * What policies ask of each span: whether it, or the resource that it belongs to, has what they look for. Attributes of
 * the scope do not count. A value of another type than the one looked for never matches.
 */

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

export function conditionOf(policy: ConditionPolicy, reader: SpanReader): SpanCondition {
  switch (policy.type) {
    case 'numeric_attribute': {
      const { key, min_value: min, max_value: max } = policy.numeric_attribute;
      return attributeCondition(reader, key, isBetween(min === 0 ? -Infinity : min, max === 0 ? Infinity : max));
    }
    case 'boolean_attribute': {
      const { key, value } = policy.boolean_attribute;
      return attributeCondition(reader, key, isBoolean(value));
    }
    case 'string_attribute':
      return attributeCondition(reader, policy.string_attribute.key, textTest(policy.string_attribute));
    case 'status_code': {
      const codes = policy.status_code.status_codes.map((name) => STATUS_CODES[name]);
      return (span) => codes.includes(reader.read(span).statusCode);
    }
    case 'trace_state':
      return traceStateCondition(policy.trace_state, reader);
    case 'trace_flags':
      return (span) => (reader.read(span).flags & SAMPLED_FLAG) !== 0;
    case 'ottl_condition':
      return any([
        ...policy.ottl_condition.span.map((text) => parseOttl(text, 'traces', 'span')),
        ...policy.ottl_condition.spanevent.map(parseEventOttl),
      ]);
  }
}

/** enum StatusCode */
const STATUS_CODES: Readonly<Record<string, number>> = { UNSET: 0, OK: 1, ERROR: 2 };

/** The lowest bit of W3C trace flags, which are the lowest byte of a span's. */
const SAMPLED_FLAG = 1;

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

/** Asked of the resource once for all of its spans. */
function attributeCondition(reader: SpanReader, key: string, test: ValueTest): SpanCondition {
  const inSpan = reader.ofSpan.want(key);
  const inResource = reader.ofResource.want(key);
  let serial = -1;
  let holds = false;
  return (span) => {
    const { bytes, resourceSerial } = span;
    if (resourceSerial !== serial) {
      holds = testAt(reader.readResource(span).ofResource, inResource, bytes, test);
      serial = resourceSerial;
    }
    return holds || testAt(reader.read(span).ofSpan, inSpan, bytes, test);
  };
}

function testAt(found: WantedAttributes, index: number, bytes: Uint8Array, test: ValueTest): boolean {
  const start = found.starts[index] ?? -1;
  return start >= 0 && test(bytes, start, found.ends[index] ?? start);
}

type StringSettings = Extract<SimplePolicy, { type: 'string_attribute' }>['string_attribute'];

function textTest({
  values,
  enabled_regex_matching: arePatterns,
  cache_max_size: cacheSize,
}: StringSettings): ValueTest {
  if (!arePatterns) return isOneOf(values);
  return isText(patternMatcher(values.map(goPattern), cacheSize === 0 ? DEFAULT_CACHE_SIZE : cacheSize));
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

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlainObject } from '../../../support/otlp-proto.ts';
import {
  attribute,
  boolean,
  compile,
  integer,
  summarize,
  text,
  verdictOf,
  type PolicyObject,
  type TestTrace,
} from './traces.ts';

/**
 * What each policy says of a trace. Unless another one is named, the source of the values is the test of the same
 * policy in processor/tailsamplingprocessor/internal/sampling of the Collector.
 */

type Case = readonly [name: string, policy: PolicyObject, trace: TestTrace, isSampled: boolean];

function table(title: string, cases: readonly Case[]): void {
  for (const [name, policy, trace, isSampled] of cases) {
    test(`${title}: ${name}`, () => {
      assert.equal(verdictOf(policy, trace), isSampled ? 'sampled' : 'not_sampled');
    });
  }
}

const onSpan = (span: PlainObject): TestTrace => ({ spans: [span] });
const onResource = (resource: PlainObject): TestTrace => ({ resource });

test('always_sample samples a trace', () => {
  assert.equal(verdictOf({ type: 'always_sample' }, {}), 'sampled');
});

// string_tag_filter_test.go

const HEALTH = 'grpc.health.v1.HealthCheck';
const strings = (values: readonly string[], more: PlainObject = {}): PolicyObject => ({
  type: 'string_attribute',
  string_attribute: { key: 'example', values, ...more },
});
const patterns = (values: readonly string[], more: PlainObject = {}): PolicyObject =>
  strings(values, { enabled_regex_matching: true, ...more });
const INVERT = { invert_match: true };
const MANY = ['first_value', 'value', 'last_value'];

table('string_attribute', [
  ['another key of the resource', strings(['value']), onResource(text('non_matching', 'value')), false],
  ['another value of the resource', strings(['value']), onResource(text('example', 'non_matching')), false],
  ['the value of the resource', strings(['value']), onResource(text('example', 'value')), true],
  ['another key of a span', strings(['value']), onSpan(text('nonmatching', 'value')), false],
  ['another value of a span', strings(['value']), onSpan(text('example', 'nonmatching')), false],
  ['the value of a span', strings(['value']), onSpan(text('example', 'value')), true],
  ['one of several values of a span', strings(MANY), onSpan(text('example', 'last_value')), true],
  ['a pattern that is found', patterns(['v[0-9]+.HealthCheck$']), onSpan(text('example', HEALTH)), true],
  ['a pattern that is not found', patterns(['v[a-z]+.HealthCheck$']), onSpan(text('example', HEALTH)), false],
  ['a plain text as a pattern', patterns(['value']), onResource(text('example', 'value')), true],
  ['inverted, another key of the resource', strings(['value'], INVERT), onResource(text('other', 'value')), true],
  ['inverted, another value of the resource', strings(MANY, INVERT), onResource(text('example', 'other')), true],
  ['inverted, the value of the resource', strings(['value'], INVERT), onResource(text('example', 'value')), false],
  ['inverted, one of several of the resource', strings(MANY, INVERT), onResource(text('example', 'value')), false],
  ['inverted, another key of a span', strings(['value'], INVERT), onSpan(text('nonmatching', 'value')), true],
  ['inverted, another value of a span', strings(MANY, INVERT), onSpan(text('example', 'nonmatching')), true],
  ['inverted, the value of a span', strings(['value'], INVERT), onSpan(text('example', 'value')), false],
  [
    'inverted, a pattern that is found',
    patterns(['^http', 'v[0-9]+.HealthCheck$', 'metrics$'], INVERT),
    onSpan(text('example', HEALTH)),
    false,
  ],
  [
    'inverted, patterns that are not found',
    patterns(['^http', 'v[a-z]+.HealthCheck$', 'metrics$'], INVERT),
    onSpan(text('example', HEALTH)),
    true,
  ],
  // Ours.
  ['the value of the scope does not count', strings(['value']), { scope: text('example', 'value') }, false],
  ['the second of two spans', strings(['value']), { spans: [{}, text('example', 'value')] }, true],
  ['a number is no text', strings(['7']), onSpan(integer('example', 7)), false],
  ['a pattern for anything does not find an empty text', patterns(['.*']), onSpan(text('example', '')), false],
]);

test('a pattern gives the same answer from its cache, also when the cache is full', () => {
  const policies = compile([patterns(['^a+$'], { cache_max_size: 2 })]);
  for (const value of ['aa', 'b', 'aa', 'ab', 'a', 'b', 'aaa'.repeat(200), 'aa']) {
    const { outcome } = policies.decide(summarize(policies, onSpan(text('example', value))), 0);
    assert.equal(outcome, /^a+$/.test(value) ? 'sampled' : 'not_sampled', value);
  }
});

// numeric_tag_filter_test.go

const MIN_INT32 = -(2 ** 31);
const MAX_INT32 = 2 ** 31 - 1;
const numbers = (more: PlainObject = {}): PolicyObject => ({
  type: 'numeric_attribute',
  numeric_attribute: { key: 'example', min_value: MIN_INT32, max_value: MAX_INT32, ...more },
});

table('numeric_attribute', [
  ['another key', numbers(), onSpan(integer('non_matching', MIN_INT32)), false],
  ['the lower limit', numbers(), onSpan(integer('example', MIN_INT32)), true],
  ['the upper limit', numbers(), onSpan(integer('example', MAX_INT32)), true],
  ['below the lower limit', numbers(), onSpan(integer('example', MIN_INT32 - 1)), false],
  ['above the upper limit', numbers(), onSpan(integer('example', MAX_INT32 + 1)), false],
  ['of the resource', numbers(), onResource(integer('example', 8)), true],
  ['inverted, another key', numbers(INVERT), onSpan(integer('non_matching', MIN_INT32)), true],
  ['inverted, the lower limit', numbers(INVERT), onSpan(integer('example', MIN_INT32)), false],
  ['inverted, the upper limit', numbers(INVERT), onSpan(integer('example', MAX_INT32)), false],
  ['inverted, below the lower limit', numbers(INVERT), onSpan(integer('example', MIN_INT32 - 1)), true],
  ['inverted, above the upper limit', numbers(INVERT), onSpan(integer('example', MAX_INT32 + 1)), true],
  // processor.go: 0 sets no bound
  ['no lower bound', numbers({ min_value: 0 }), onSpan(integer('example', MIN_INT32 - 1)), true],
  ['no upper bound', numbers({ max_value: 0 }), onSpan(integer('example', '9223372036854775807')), true],
  // Ours.
  ['a fraction', numbers({ min_value: 1, max_value: 2 }), onSpan(attribute('example', { doubleValue: 1.5 })), true],
  ['a text is no number', numbers(), onSpan(text('example', '1')), false],
]);

// boolean_tag_filter_test.go

const booleans = (value: boolean, more: PlainObject = {}): PolicyObject => ({
  type: 'boolean_attribute',
  boolean_attribute: { key: 'example', value, ...more },
});

table('boolean_attribute', [
  ['another key', booleans(true), onSpan(boolean('non_matching', true)), false],
  ['another value', booleans(true), onSpan(boolean('example', false)), false],
  ['the value', booleans(true), onSpan(boolean('example', true)), true],
  ['the value false', booleans(false), onSpan(boolean('example', false)), true],
  ['of the resource', booleans(true), onResource(boolean('example', true)), true],
  ['inverted, another key', booleans(true, INVERT), onSpan(boolean('non_matching', true)), true],
  ['inverted, another value', booleans(true, INVERT), onSpan(boolean('example', false)), true],
  ['inverted, the value', booleans(true, INVERT), onSpan(boolean('example', true)), false],
  ['a text is not false', booleans(false), onSpan(text('example', '')), false],
]);

// status_code_test.go

const status = (...codes: string[]): PolicyObject => ({ type: 'status_code', status_code: { status_codes: codes } });
const OK = { status: { code: 'STATUS_CODE_OK' } };
const ERROR = { status: { code: 'STATUS_CODE_ERROR' } };

table('status_code', [
  ['ERROR, of UNSET, OK and ERROR', status('ERROR'), { spans: [{}, OK, ERROR] }, true],
  ['OK and ERROR, of OK alone', status('OK', 'ERROR'), onSpan(OK), true],
  ['OK, of ERROR alone', status('OK'), onSpan(ERROR), false],
  ['UNSET, of a span without a status', status('UNSET'), onSpan({}), true],
  ['UNSET, of ERROR alone', status('UNSET'), onSpan(ERROR), false],
]);

// latency_test.go, with the exclusive lower bound that 0.157 brought (pull request 49595)

const START = 1_700_000_000_123_456_789n;
const spanOf = (fromMs: number, durationMs: number): PlainObject => ({
  startTimeUnixNano: String(START + BigInt(Math.round(fromMs * 1e6))),
  endTimeUnixNano: String(START + BigInt(Math.round((fromMs + durationMs) * 1e6))),
});
const latency = (threshold: number, upper = 0): PolicyObject => ({
  type: 'latency',
  latency: { threshold_ms: threshold, upper_threshold_ms: upper },
});
const SHORT_SPANS = [spanOf(0, 3000), spanOf(2500, 3000)];

table('latency', [
  ['shorter', latency(5000), onSpan(spanOf(0, 4500)), false],
  ['as long as the threshold', latency(5000), onSpan(spanOf(0, 5000)), false],
  ['a millisecond longer', latency(5000), onSpan(spanOf(0, 5001)), true],
  ['less than a millisecond longer', latency(5000), onSpan(spanOf(0, 5000.9)), false],
  ['longer, of spans that are shorter', latency(5000), { spans: SHORT_SPANS }, true],
  ['between two thresholds', latency(5000, 10_000), onSpan(spanOf(0, 7000)), true],
  ['as long as the upper one', latency(5000, 10_000), onSpan(spanOf(0, 10_000)), true],
  ['as long as the lower one', latency(5000, 10_000), onSpan(spanOf(0, 5000)), false],
  ['longer than the upper one', latency(5000, 10_000), onSpan(spanOf(0, 10_001)), false],
  // Ours: the whole trace counts, where the Collector samples it for its first span (issue 43948).
  ['longer than the upper one, of spans below it', latency(1, 50), { spans: [spanOf(0, 20), spanOf(0, 200)] }, false],
]);

// span_count_sampler_test.go

const spanCount = (min: number, max = 0): PolicyObject => ({
  type: 'span_count',
  span_count: { min_spans: min, max_spans: max },
});

table('span_count', [
  ['fewer', spanCount(3), { spanCount: 1 }, false],
  ['as many as the fewest', spanCount(3), { spanCount: 3 }, true],
  ['more, without a limit', spanCount(3), { spanCount: 1000 }, true],
  ['as many as the most', spanCount(3, 20), { spanCount: 20 }, true],
  ['more than the most', spanCount(3, 20), { spanCount: 21 }, false],
]);

// trace_state_filter_test.go

const states = (...values: string[]): PolicyObject => ({
  type: 'trace_state',
  trace_state: { key: 'example', values },
});
const MEMBERS = Array.from({ length: 32 }, (_, index) => `k${index}=v`);
const LONG_MEMBERS = Array.from({ length: 8 }, (_, index) => `k${index}=${'v'.repeat(200)}`);
const withState = (traceState: string): TestTrace => onSpan({ traceState });

table('trace_state', [
  ['another key', states('value'), withState('non_matching=value'), false],
  ['another value', states('value'), withState('example=non_matching'), false],
  ['the value', states('value'), withState('example=value'), true],
  ['the value of another key', states('value'), withState('example=non_matching,non_matching=value'), false],
  ['the value before another key', states('value'), withState('example=value,non_matching=value'), true],
  ['none of several values', states('value1', 'value2'), withState('example=non_matching'), false],
  ['one of several values', states('value1', 'value2'), withState('example=value1'), true],
  // Ours.
  ['after another key and blanks', states('value'), withState('ot=th:c , example=value'), true],
  ['no tracestate', states('value'), onSpan({}), false],
  ['a malformed one', states('value'), withState('example=value,=,'), false],
  ['a longer value', states('value'), withState('example=value2'), false],
  // trace/tracestate.go of OpenTelemetry for Go: what ot says is no matter, and 32 members are a list.
  ['beside an ot that nobody can read', states('value'), withState('ot=th:xyz,example=value'), true],
  [
    'of ot itself',
    { type: 'trace_state', trace_state: { key: 'ot', values: ['th:xyz'] } },
    withState('ot=th:xyz'),
    true,
  ],
  ['as the last of 32', states('value'), withState(`${MEMBERS.slice(0, 31).join()},example=value`), true],
  ['as the last of 33', states('value'), withState(`${MEMBERS.join()},example=value`), false],
  ['in more than 1024 bytes', states('value'), withState(`${LONG_MEMBERS.join()},example=value`), true],
  ['twice', states('value'), withState('example=value,example=value'), false],
  ['beside one that is there twice', states('value'), withState('example=value,a=1,b=2,a=1'), false],
  ['beside nothing', states('value'), withState(',,example=value,'), true],
  ['beside a blank', states('value'), withState('example=value, '), false],
  ['with a blank before its value', states(' value'), withState('example= value'), true],
  ['with a blank behind its key', states('value'), withState('example =value'), false],
]);

// trace_flags_test.go

const flags: PolicyObject = { type: 'trace_flags' };

table('trace_flags', [
  ['none', flags, onSpan({}), false],
  ['sampled', flags, onSpan({ flags: 1 }), true],
  ['other flags', flags, onSpan({ flags: 0x302 }), false],
  ['sampled among others, on the second span', flags, { spans: [{ flags: 0 }, { flags: 0x303 }] }, true],
]);

// ottl_test.go

const ottl = (...span: string[]): PolicyObject => ({ type: 'ottl_condition', ottl_condition: { span } });
const FIRST = text('attr_k_1', 'attr_v_1');
const events = (...spanevent: string[]): PolicyObject => ({ type: 'ottl_condition', ottl_condition: { spanevent } });
const EVENTS = {
  name: 'GET',
  events: [
    { name: 'first', ...text('event_attr_k_1', 'event_attr_v_1') },
    { name: 'second', timeUnixNano: 7 },
  ],
};
const EVENT_OF_X = { resource: text('example', 'x'), spans: [{}, EVENTS] };

table('ottl_condition', [
  ['holds', ottl('attributes["attr_k_1"] == "attr_v_1"'), onSpan(FIRST), true],
  ['does not hold', ottl('attributes["attr_k_1"] == "attr_v_1"'), onSpan(text('attr_k_1', 'other')), false],
  ['one of two holds', ottl('attributes["a"] == "b"', 'attributes["attr_k_1"] != nil'), onSpan(FIRST), true],
  ['none of two holds', ottl('attributes["a"] == "b"', 'kind == SPAN_KIND_SERVER'), onSpan(FIRST), false],
  ['with its context', ottl('span.attributes["attr_k_1"] == "attr_v_1"'), onSpan(FIRST), true],
  ['of the resource', ottl('resource.attributes["attr_k_1"] == "attr_v_1"'), onResource(FIRST), true],
  ['of an event', events('attributes["event_attr_k_1"] == "event_attr_v_1"'), onSpan(EVENTS), true],
  ['of no event', events('name == "gone"', 'attributes["event_attr_k_1"] == "other"'), onSpan(EVENTS), false],
  ['of the second event', events('spanevent.name == "second" and time_unix_nano == 7'), onSpan(EVENTS), true],
  ['of an event and its span', events('name == "first" and span.name == "GET"'), onSpan(EVENTS), true],
  ['of an event, but not its span', events('name == "first" and span.name == "first"'), onSpan(EVENTS), false],
  ['of an event and its resource', events('name != "" and resource.attributes["example"] == "x"'), EVENT_OF_X, true],
  ['of a span without events', events('name != "gone"'), onSpan({ name: 'GET' }), false],
  [
    'of a span, where events are asked for',
    events('IsRootSpan() and IsString(attributes["event_attr_k_1"])'),
    onSpan(EVENTS),
    true,
  ],
  ['of the scope', ottl('instrumentation_scope.name == "http"'), { scope: { name: 'http' } }, true],
]);

// and_test.go, not_test.go, drop_test.go

const and = (...policies: PolicyObject[]): PolicyObject => ({ type: 'and', and: { and_sub_policy: policies } });
const not = (policy: PolicyObject): PolicyObject => ({ type: 'not', not: { not_sub_policy: policy } });
const drop = (...policies: PolicyObject[]): PolicyObject => ({ type: 'drop', drop: { drop_sub_policy: policies } });
const AND_INVERTED = and(strings(['value1', 'value2'], INVERT), status('ERROR'));

table('and', [
  ['both', and(strings(['value1']), status('ERROR')), onSpan({ ...text('example', 'value1'), ...ERROR }), true],
  ['one', and(strings(['value1']), status('ERROR')), onSpan({ ...text('example', 'value1'), ...OK }), false],
  ['both, one of them inverted', AND_INVERTED, onSpan({ ...text('example', 'value'), ...ERROR }), true],
  ['one inverted matches', AND_INVERTED, onSpan({ ...text('example', 'value1'), ...ERROR }), false],
  ['in and', and(and(status('ERROR')), not(strings(['value1']))), onSpan(ERROR), true],
]);

table('not', [
  ['of one that samples', not({ type: 'always_sample' }), {}, false],
  ['of one that does not', not(status('ERROR')), onSpan(OK), true],
  ['of one that is inverted', not(strings(['value'], INVERT)), onSpan(text('example', 'value')), true],
  ['of and', not(and(status('ERROR'), spanCount(2))), onSpan(ERROR), true],
]);

test('drop drops a trace that all of its policies would sample, and says nothing of others', () => {
  const health = drop(patterns(['^/health']), not(status('ERROR')));
  assert.equal(verdictOf(health, onSpan(text('example', '/healthz'))), 'dropped');
  assert.equal(verdictOf(health, onSpan({ ...text('example', '/healthz'), ...ERROR })), 'not_sampled');
  assert.equal(verdictOf(health, onSpan(text('example', '/cart'))), 'not_sampled');
});

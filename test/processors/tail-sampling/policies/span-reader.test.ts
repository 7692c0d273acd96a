import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../support/property.ts';
import { KEY_VALUE, SPAN } from '../../../../src/otlp/fields.ts';
import { makePlace, type Place } from '../../../../src/otlp/place.ts';
import { writeAnyValue } from '../../../../src/otlp/value.ts';
import { Writer } from '../../../../src/otlp/writer.ts';
import { SpanReader } from '../../../../src/processors/tail-sampling/policies/span-reader.ts';
import type { PlainObject } from '../../../support/otlp-proto.ts';
import { compile, summarize, type PolicyObject } from './traces.ts';

const LONG_KEY = 'k'.repeat(200);
const key = fc.constantFrom('a', 'b', 'ab', LONG_KEY);
const value = fc.oneof(
  fc.constantFrom('x', 'y', '').map((stringValue) => ({ stringValue })),
  fc.integer({ min: -3, max: 3 }).map((intValue) => ({ intValue })),
  fc.constantFrom(-1.5, 0.5, 2).map((doubleValue) => ({ doubleValue })),
  fc.boolean().map((boolValue) => ({ boolValue })),
  fc.constant({ arrayValue: { values: [{ stringValue: 'x' }] } }),
);
interface Attribute {
  readonly key: string;
  readonly value: PlainObject;
}
const list: fc.Arbitrary<Attribute[]> = fc.array(fc.record({ key, value }), { maxLength: 6 });

/** What a policy looks for, and the same of a value in JavaScript. */
interface Asked {
  readonly policy: PolicyObject;
  readonly key: string;
  readonly matches: (value: PlainObject) => boolean;
}

const isNumber = (found: unknown, lower: number, upper: number): boolean =>
  typeof found === 'number' && found >= lower && found <= upper;

const asked: fc.Arbitrary<Asked> = fc.oneof(
  fc.tuple(key, fc.subarray(['x', 'y', 'z'], { minLength: 1 })).map(([name, values]) => ({
    policy: { type: 'string_attribute', string_attribute: { key: name, values } },
    key: name,
    matches: ({ stringValue }: PlainObject) => typeof stringValue === 'string' && values.includes(stringValue),
  })),
  key.map((name) => ({
    policy: {
      type: 'string_attribute',
      string_attribute: { key: name, values: Array.from({ length: 9 }, (_, index) => 'x'.repeat(index + 1)) },
    },
    key: name,
    matches: ({ stringValue }: PlainObject) => stringValue === 'x',
  })),
  fc.tuple(key, fc.boolean()).map(([name, expected]) => ({
    policy: { type: 'boolean_attribute', boolean_attribute: { key: name, value: expected } },
    key: name,
    matches: ({ boolValue }: PlainObject) => boolValue === expected,
  })),
  fc.tuple(key, fc.constantFrom(-2, 1)).map(([name, lower]) => ({
    policy: { type: 'numeric_attribute', numeric_attribute: { key: name, min_value: lower, max_value: 2 } },
    key: name,
    matches: ({ intValue, doubleValue }: PlainObject) => isNumber(intValue ?? doubleValue, lower, 2),
  })),
);

const first = (attributes: readonly Attribute[], name: string): PlainObject =>
  attributes.find((each) => each.key === name)?.value ?? {};

test('all conditions find their attributes in one walk, of the span and of its resource', () => {
  fc.assert(
    fc.property(
      fc.array(asked, { minLength: 1, maxLength: 5 }),
      list,
      fc.array(list, { maxLength: 3 }),
      (all, resource, spans) => {
        const policies = compile(all.map(({ policy }) => policy));
        const trace = { resource: { attributes: resource }, spans: spans.map((attributes) => ({ attributes })) };
        policies.decide(summarize(policies, trace), 0);
        const sampled = policies.tallies.map(({ traces }) => traces.sampled === 1);
        const expected = all.map(
          (each) =>
            spans.length > 0 &&
            (each.matches(first(resource, each.key)) || spans.some((span) => each.matches(first(span, each.key)))),
        );
        assert.deepEqual(sampled, expected);
      },
    ),
    { numRuns: 1000 },
  );
});

/** A span with one attribute, whose fields are written as `write` says. */
function spanWith(write: (writer: Writer) => void): Place {
  const writer = new Writer();
  const entry = writer.begin(SPAN.attributes);
  write(writer);
  writer.end(entry);
  const bytes = writer.take();
  return Object.assign(makePlace('traces'), { bytes, resourceSerial: 1, itemStart: 0, itemEnd: bytes.length });
}

test('an attribute is found when its value comes first, and not when it has none', () => {
  const reader = new SpanReader();
  const index = reader.ofSpan.want('a');
  const found = (place: Place): boolean => (reader.read(place).ofSpan.starts[index] ?? -1) >= 0;
  const turned = spanWith((writer) => {
    writeAnyValue(writer, KEY_VALUE.value, 'x');
    writer.string(KEY_VALUE.key, 'a');
  });
  assert.equal(found(turned), true);
  const without = spanWith((writer) => writer.string(KEY_VALUE.key, 'a'));
  assert.equal(found({ ...without, resourceSerial: 2 }), false);
  const empty = spanWith(() => undefined);
  assert.equal(found({ ...empty, resourceSerial: 3 }), false);
});

test('a request in the bytes of another one is read anew', () => {
  const reader = new SpanReader();
  const index = reader.ofSpan.want('a');
  const place = spanWith((writer) => {
    writer.string(KEY_VALUE.key, 'a');
    writeAnyValue(writer, KEY_VALUE.value, 'x');
  });
  assert.notEqual(reader.read(place).ofSpan.starts[index], -1);
  place.bytes[place.bytes.indexOf(0x61)] = 0x62;
  place.resourceSerial += 1;
  assert.equal(reader.read(place).ofSpan.starts[index], -1);
});

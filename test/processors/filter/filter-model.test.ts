import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/property.ts';
import { makeBatch } from '../../../src/core/batch.ts';
import { filterProcessor } from '../../../src/processors/filter/index.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';
import { encodeRequest, itemsOf, type PlainObject } from '../../support/otlp-proto.ts';

type Value = string | number | boolean | undefined;
interface Log {
  severity: number;
  attributes: { a: Value; b: Value };
}

const value: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom('', 'x', 'xy', '200', undefined, true, false),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(-0.5, 0.5, 2.25),
);
const record: fc.Arbitrary<Log> = fc.record({
  severity: fc.nat(24),
  attributes: fc.record({ a: value, b: value }),
});

/** A condition in OTTL, and the same in JavaScript. */
interface Condition {
  text: string;
  holds: (record: Log) => boolean;
}

const comparison = fc.constantFrom('==', '!=', '<', '<=', '>', '>=');
const leaf: fc.Arbitrary<Condition> = fc.oneof(
  fc.tuple(fc.constantFrom('a', 'b'), comparison, value).map(([key, op, literal]) => ({
    text: `attributes["${key}"] ${op} ${literal === undefined ? 'nil' : JSON.stringify(literal)}`,
    holds: ({ attributes }: Log) => compares(attributes[key], op, literal),
  })),
  fc.tuple(comparison, fc.nat(24)).map(([op, number]) => ({
    text: `${number} ${op} severity_number`,
    holds: ({ severity }: Log) => compares(number, op, severity),
  })),
  comparison.map((op) => ({
    text: `attributes["a"] ${op} attributes["b"]`,
    holds: ({ attributes }: Log) => compares(attributes.a, op, attributes.b),
  })),
);
const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.tuple(tie('condition'), tie('condition')).map(([left, right]) => ({
      text: `(${left.text} and ${right.text})`,
      holds: (each: Log) => left.holds(each) && right.holds(each),
    })),
    fc.tuple(tie('condition'), tie('condition')).map(([left, right]) => ({
      text: `(${left.text} or ${right.text})`,
      holds: (each: Log) => left.holds(each) || right.holds(each),
    })),
    tie('condition').map((inner) => ({
      text: `not (${inner.text})`,
      holds: (each: Log) => !inner.holds(each),
    })),
  ),
}));

function compares(left: Value, op: string, right: Value): boolean {
  const sameType = typeof left === typeof right;
  if (op === '==') return left === right;
  if (op === '!=') return left !== right;
  if (!sameType) return false;
  if (left === undefined || right === undefined) return op === '<=' || op === '>=';
  if (op === '<') return left < right;
  if (op === '<=') return left <= right;
  return op === '>' ? left > right : left >= right;
}

function encode({ severity, attributes }: Log, index: number): PlainObject {
  const list = Object.entries(attributes).flatMap(([key, held]) =>
    held === undefined ? [] : [{ key, value: any(held) }],
  );
  return { severityNumber: severity, attributes: list, timeUnixNano: index };
}

function any(held: string | number | boolean): PlainObject {
  if (typeof held === 'string') return { stringValue: held };
  if (typeof held === 'boolean') return { boolValue: held };
  return Number.isInteger(held) ? { intValue: held } : { doubleValue: held };
}

function request(records: readonly PlainObject[]): Uint8Array {
  return encodeRequest('logs', { resourceLogs: [{ scopeLogs: [{ logRecords: records }] }] });
}

test('any condition drops exactly the records for which it holds on decoded values', async () => {
  await fc.assert(
    fc.asyncProperty(condition, fc.array(record, { minLength: 1, maxLength: 8 }), async ({ text, holds }, records) => {
      const parsed = filterProcessor.parse({ logs: { log_record: [text] } });
      assert.ok(parsed.ok, text);
      const next = new CollectingConsumer();
      const processor = await parsed.prepared.create(processorContext('logs', next));
      const encoded = records.map(encode);
      const input = makeBatch('logs', [request(encoded)], records.length);
      await processor.consume(input, new AbortController().signal);
      const kept = encoded.filter((_, index) => !holds(records[index]!));
      assert.deepEqual(
        next.batches.flatMap(({ chunks }) => itemsOf('logs', chunks)),
        itemsOf('logs', request(kept)),
        text,
      );
    }),
    { numRuns: 300 },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../support/property.ts';
import { membersOf } from '../../src/replay/fixture/json-members.ts';

function membersIn(text: string): [key: string, value: unknown][] {
  const bytes = Buffer.from(text);
  return membersOf(bytes).map(({ key, start, end }) => [key, JSON.parse(bytes.toString('utf8', start, end))]);
}

test('the members of any object are found where they stand', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 1, '\t'), (object, space) => {
      const text = JSON.stringify(object, undefined, space);
      const plain: unknown = JSON.parse(text);
      assert.deepEqual(Object.fromEntries(membersIn(text)), plain);
    }),
  );
});

test('a member that is there twice is found twice, however it is written', () => {
  assert.deepEqual(membersIn(String.raw`{"a\\":"\\\"}","\u0061":{"a":[1,"]"]}, "a" : 2}`), [
    ['a\\', '\\"}'],
    ['a', { a: [1, ']'] }],
    ['a', 2],
  ]);
  assert.deepEqual(membersIn(' { } '), []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InOrder } from '../../src/replay/record/in-order.ts';

function order(limit: number): { order: InOrder<string>; written: string[] } {
  const written: string[] = [];
  return { order: new InOrder({ limit, sizeOf: (text) => text.length, take: (text) => written.push(text) }), written };
}

test('lines are written in the order in which they began, once they are settled', () => {
  const { order: lines, written } = order(100);
  const [first, second, third] = [lines.begin('a'), lines.begin('b'), lines.begin()];
  third('c');
  second(undefined);
  assert.deepEqual(written, []);
  first('a');
  assert.deepEqual(written, ['a', 'c']);
});

test('what waits is bounded: beyond that, the first lines are written as they stand, and said once', () => {
  const { order: lines, written } = order(10);
  const first = lines.begin('first');
  const page = lines.begin();
  for (let i = 0; i < 5; i++) lines.begin()(`${i}${i}${i}`);
  assert.deepEqual(written, ['first', '000', '111', '222', '333', '444']);
  first(undefined);
  page('too late');
  lines.begin()('next');
  assert.deepEqual(written.slice(6), ['next']);
});

test('at the end, what nobody answered is written as it came', () => {
  const { order: lines, written } = order(100);
  lines.begin('asked');
  lines.begin()('answered');
  lines.end();
  assert.deepEqual(written, ['asked', 'answered']);
});

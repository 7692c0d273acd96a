import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hash32, jittered, randomWord, seededRandom } from '../../src/core/random.ts';

test('a word is one draw, and covers all 32 bits with their sign', () => {
  const words = [0, 0.25, 0.5, 0.75, 1 - 2 ** -32].map((drawn) => randomWord(() => drawn));
  assert.deepEqual(words, [0, 2 ** 30, -(2 ** 31), -(2 ** 30), -1]);
  let draws = 0;
  randomWord(() => (draws++, 0.5));
  assert.equal(draws, 1);
});

test('a seed gives the same numbers in every process and version', () => {
  const random = seededRandom('remora');
  assert.deepEqual([random(), random(), random()], [0.8046819567680359, 0.8941305985208601, 0.0331551437266171]);
  assert.equal(hash32('remora'), 4287086925);
});

test('jitter stays inside of its fraction', () => {
  assert.equal(
    jittered(1000, 0.1, () => 0),
    900,
  );
  assert.equal(
    jittered(1000, 0.1, () => 0.5),
    1000,
  );
  assert.ok(jittered(1000, 0.1, () => 1 - 2 ** -32) < 1100);
});

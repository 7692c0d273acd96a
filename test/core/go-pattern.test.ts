import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goPattern, groupNames } from '../../src/core/go-pattern.ts';

const MATCHES: [pattern: string, text: string, matches: boolean][] = [
  ['(?i)health', '/HEALTH', true],
  ['(?is)^a.b$', 'A\nB', true],
  ['^a.b$', 'a\nb', false],
  ['\\Aab\\z', 'ab', true],
  ['\\Aab\\z', 'ab\n', false],
  ['^.$', '\u{1F600}', true],
  ['a\\-b', 'a-b', true],
  ['\\\\A', '\\A', true],
  ['(?P<year>\\d{4})-\\d\\d', '2026-11', true],
];

for (const [pattern, text, matches] of MATCHES) {
  test(`${pattern} ${matches ? 'matches' : 'does not match'} ${JSON.stringify(text)}`, () => {
    assert.equal(goPattern(pattern).test(text), matches);
  });
}

test('what cannot be carried over is an error, not another meaning', () => {
  for (const pattern of ['[[:alpha:]]', '(', '(?U)a', '\\p{Nope}']) {
    assert.throws(() => goPattern(pattern), { code: 'config_invalid' }, pattern);
  }
});

test('group names come in the order of their numbers; a group without a name is told', () => {
  assert.deepEqual(groupNames(goPattern('(?P<b>x)(?:y)(?<a>z)')), ['b', 'a']);
  assert.deepEqual(groupNames(goPattern('x')), []);
  assert.equal(groupNames(goPattern('(?P<b>x)(y)')), undefined);
});

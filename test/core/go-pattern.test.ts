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
  // A dot is anything but a line feed; lines end there alone.
  ['^.*$', 'a\r\u2028b', true],
  ['(?m)^b$', 'a\nb\nc', true],
  ['(?m)^b$', 'a\rb', false],
  ['a(?s).b', 'a\nb', true],
  ['(?s:a.)b', 'a\nb', true],
  // Flags hold to the end of their group, over its alternatives.
  ['^(?:a(?i)b|c)d$', 'Cd', true],
  ['^(?:a(?i)b|c)d$', 'aBd', true],
  ['^(?:a(?i)b|c)d$', 'cD', false],
  ['(?i)a(?-i)b', 'Ab', true],
  ['(?i)a(?-i)b', 'AB', false],
  ['^(?i-s:A.)$', 'ax', true],
  ['\\s', '\v', false],
  ['\\s', '\u00a0', false],
  ['^\\S+$', 'a\u00a0\vb', true],
  ['^[\\S]+$', '\u00a0\u{1F600}', true],
  ['\\Qa.b\\E+', 'a.bb', true],
  ['\\Qa.b\\E', 'axb', false],
  ['^\\x{1F600}\\x41\\101\\a$', '\u{1F600}AA\x07', true],
  ['^[[:alpha:]_][[:alnum:]]*$', '_a1', true],
  ['^[[:^digit:]]$', '\u{1F600}', true],
  ['^[[:^digit:]]$', '5', false],
  ['^[[:space:][:punct:]]+$', ' \v!', true],
  ['^[^[:word:]]$', 'a', false],
  ['^[]a-]+$', ']-a', true],
  ['^[\\w-.]+$', 'a-.', true],
  ['^[a\\]b]+$', 'a]b', true],
  ['^\\pL\\p{Greek}\\P{Lu}\\p{^Lu}$', 'A\u03b1ab', true],
  ['^a{,2}]}{$', 'a{,2}]}{', true],
  ['^a{2}$', 'aa', true],
];

for (const [pattern, text, matches] of MATCHES) {
  test(`${pattern} ${matches ? 'matches' : 'does not match'} ${JSON.stringify(text)}`, () => {
    assert.equal(goPattern(pattern).test(text), matches);
  });
}

test('what cannot be carried over is an error, not another meaning', () => {
  const refused = [
    '[[:nope:]]',
    '(',
    ')',
    '[',
    '(?U)a',
    '(?x)a',
    '\\p{Nope}',
    '\\',
    '\\Z',
    '\\C',
    '(a)\\1',
    '\\x{110000}',
    'a+(?m)?',
    '*a',
  ];
  for (const pattern of refused) {
    assert.throws(() => goPattern(pattern), { code: 'config_invalid' }, pattern);
  }
});

test('group names come in the order of their numbers; a group without a name is told', () => {
  assert.deepEqual(groupNames(goPattern('(?P<b>x)(?:y)(?<a>z)')), ['b', 'a']);
  assert.deepEqual(groupNames(goPattern('x')), []);
  assert.equal(groupNames(goPattern('(?P<b>x)(y)')), undefined);
});

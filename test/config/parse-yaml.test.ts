import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseYaml } from '../../src/config/parse-yaml.ts';
import { toValue } from '../../src/config/positions.ts';
import { formatProblem, Problems } from '../../src/config/problem.ts';

function parse(text: string) {
  const problems = new Problems();
  const node = parseYaml({ file: 'a.yaml', text }, problems);
  return { node, value: node && toValue(node), errors: problems.errors.map(formatProblem) };
}

test('every key and value knows its line and column', () => {
  const { node } = parse('a:\n  b: [1, "x"]\n');
  assert.ok(node?.kind === 'map');
  const b = node.entries.get('a')?.value;
  assert.ok(b?.kind === 'map');
  assert.deepEqual(b.entries.get('b')?.keyAt, { file: 'a.yaml', line: 2, column: 3 });
  const list = b.entries.get('b')?.value;
  assert.ok(list?.kind === 'list');
  assert.deepEqual(
    list.items.map(({ at }) => at.column),
    [7, 10],
  );
});

test('anchors, aliases and merge keys are resolved', () => {
  const { value, errors } = parse('a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [{z: 0}, *a]}\nd: [*a]\n');
  assert.deepEqual(errors, []);
  assert.deepEqual(value, {
    a: { x: 1, y: 2 },
    b: { y: 3, x: 1 },
    c: { z: 0, x: 1, y: 2 },
    d: [{ x: 1, y: 2 }],
  });
});

test('a number may be written with underscores, and stays a text in quotes and beside other characters', () => {
  const { value } = parse('a: 100_000\nb: -1_0.5\nc: "1_0"\nd: 1_0s\ne: _1\nf: 1_\n');
  assert.deepEqual(value, { a: 100_000, b: -10.5, c: '1_0', d: '1_0s', e: '_1', f: '1_' });
});

test('a key set twice is an error at the second place', () => {
  assert.deepEqual(parse('a:\n  b: 1\n  b: 2\na: 3\n').errors, [
    'a.yaml:3:3 a.b: this key is already set at line 2',
    'a.yaml:4:1 a: this key is already set at line 1',
  ]);
});

test('the first syntax error is told with its place, and how many follow from it', () => {
  const slip = 'a: {b: 1,\nc: 2}\n' + 'd: {e: 1}\n'.repeat(2);
  const { node, errors } = parse('a:\n  b: {c: 1,\n  d: 2}\n  e: }\n');
  assert.equal(node, undefined);
  assert.equal(errors.length, 1, errors.join('\n'));
  assert.match(errors[0] ?? '', /^a\.yaml:\d+:\d+: invalid YAML: .*; \d+ further errors? follows?, probably from it$/);
  assert.deepEqual(
    parse(slip).errors.map((error) => error.replace(/: invalid.*/, '')),
    ['a.yaml:2:1'],
  );
  assert.doesNotMatch(parse('a: "b\n').errors[0] ?? '', /further/);
});

test('an alias bomb is refused without being built', () => {
  let text = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n';
  for (let i = 1; i < 40; i++) text += `a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(', ')}]\n`;
  assert.deepEqual(parse(text).errors, ['a.yaml:5:9 a4: stands for more than 100000 values']);
});

test('an alias of what contains it is refused', () => {
  assert.deepEqual(parse('a: &a [*a]\n').errors, ['a.yaml:1:8 a[0]: there is no finished anchor "a" before']);
});

test('10,000 levels of any kind give one clear error', () => {
  const deep = [
    `a: ${'['.repeat(10_000)}${']'.repeat(10_000)}`,
    `a: ${'{a: '.repeat(10_000)}1${'}'.repeat(10_000)}`,
    `a:\n  ${'- '.repeat(10_000)}x`,
  ];
  for (const text of deep) {
    const { node, errors } = parse(text);
    assert.equal(node, undefined);
    assert.equal(errors.length, 1);
    assert.match(errors[0] ?? '', /^a\.yaml:\d+:\d+.*: is nested more than 100 levels deep$/);
  }
});

test('keys that reach into the language are refused', () => {
  assert.deepEqual(parse('a:\n  __proto__: {x: 1}\n').errors, ['a.yaml:2:3 a.__proto__: this key is not allowed']);
  assert.deepEqual(parse('? [a]\n: 1\n').errors, ['a.yaml:1:3: a key must be text']);
});

test('a text of many megabytes is refused unread', () => {
  assert.deepEqual(parse(`a: ${'x'.repeat(5 * 2 ** 20)}`).errors, ['a.yaml:1:1: is larger than 4194304 characters']);
});

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { LabelSet } from '../../../../src/receivers/prometheus/relabel/label-set.ts';
import { relabel, relabelRules } from '../../../../src/receivers/prometheus/relabel/rules.ts';
import { relabelConfigs } from '../../../../src/receivers/prometheus/relabel/settings.ts';
import { directly, type PlainRule } from './direct.ts';

type Labels = Record<string, string>;

/** What rules make of labels; undefined when they drop them. */
function relabelled(labels: Labels, rules: readonly object[]): Labels | undefined {
  const set = new LabelSet();
  set.begin(Object.entries(labels).flat());
  if (!relabel(relabelRules(relabelConfigs().parse(rules)), set)) return undefined;
  const result: Labels = {};
  for (let at = 0; at < set.pairs.length; at += 2) result[set.pairs[at] ?? ''] = set.pairs[at + 1] ?? '';
  return result;
}

interface Example {
  readonly name: string;
  readonly labels: Labels;
  readonly rules: readonly object[];
  readonly result: Labels | undefined;
}

const EXAMPLES: readonly Example[] = [
  {
    name: 'replace joins the sources, and matches them as a whole',
    labels: { a: 'foo', b: 'bar' },
    rules: [
      { source_labels: ['a'], regex: 'f(.*)', target_label: 'd', replacement: 'ch${1}-ch${1}' },
      { source_labels: ['b'], regex: 'a', target_label: 'e', replacement: 'never' },
      { source_labels: ['a', 'missing', 'b'], target_label: 'all' },
    ],
    result: { a: 'foo', b: 'bar', d: 'choo-choo', all: 'foo;;bar' },
  },
  {
    name: 'replace with nothing takes the label away, and names may come from groups',
    labels: { a: 'some-name-value' },
    rules: [
      { source_labels: ['a'], regex: 'some-([^-]+)-([^,]+)', target_label: '${1}', replacement: '${2}' },
      { source_labels: ['a'], regex: '(x)?.*', target_label: '${1}', replacement: 'nowhere' },
      { target_label: 'fixed', replacement: 'v' },
      { source_labels: ['name'], target_label: 'a', replacement: '' },
    ],
    result: { name: 'value', fixed: 'v' },
  },
  {
    name: 'named groups, dollars and separators',
    labels: { a: 'x', b: 'y' },
    rules: [
      {
        source_labels: ['a', 'b'],
        separator: '@',
        regex: '(?P<first>.)@(?<second>.)',
        target_label: 'c',
        replacement: '$second$$$first${1}',
      },
    ],
    result: { a: 'x', b: 'y', c: 'y$xx' },
  },
  {
    name: 'a dot matches a newline',
    labels: { a: 'one\ntwo' },
    rules: [{ source_labels: ['a'], target_label: 'b', replacement: '<$1>' }],
    result: { a: 'one\ntwo', b: '<one\ntwo>' },
  },
  {
    name: 'drop',
    labels: { a: 'foo' },
    rules: [{ source_labels: ['a'], regex: 'fo.', action: 'drop' }],
    result: undefined,
  },
  {
    name: 'drop, anchored',
    labels: { a: 'foo' },
    rules: [{ source_labels: ['a'], regex: 'f|o', action: 'drop' }],
    result: { a: 'foo' },
  },
  {
    name: 'keep',
    labels: { a: 'foo' },
    rules: [{ source_labels: ['a'], regex: 'foo', action: 'keep' }],
    result: { a: 'foo' },
  },
  {
    name: 'keep of nothing',
    labels: { a: 'foo' },
    rules: [{ source_labels: ['b'], regex: '.+', action: 'keep' }],
    result: undefined,
  },
  {
    name: 'actions in capitals',
    labels: { a: 'foo' },
    rules: [{ source_labels: ['a'], regex: 'foo', action: 'DROP' }],
    result: undefined,
  },
  {
    name: 'keepequal and dropequal compare with the target label',
    labels: { port: '80', wanted: '80' },
    rules: [{ source_labels: ['port'], target_label: 'wanted', action: 'keepequal' }],
    result: { port: '80', wanted: '80' },
  },
  {
    name: 'dropequal',
    labels: { port: '80', wanted: '80' },
    rules: [{ source_labels: ['port'], target_label: 'wanted', action: 'dropequal' }],
    result: undefined,
  },
  {
    // As md5sum of coreutils says: 0xedef654fccc4a4d8 modulo 1000, 0x3ec798554f1fe7e6 modulo 999.
    name: 'hashmod takes the last eight bytes of the MD5 sum',
    labels: { c: 'baz', a: 'foo', b: 'foo\nbar' },
    rules: [
      { source_labels: ['a'], target_label: 'd', action: 'hashmod', modulus: 1000 },
      { source_labels: ['b'], target_label: 'e', action: 'hashmod', modulus: 999 },
    ],
    result: { c: 'baz', a: 'foo', b: 'foo\nbar', d: '696', e: '826' },
  },
  {
    name: 'labelmap copies, and does not map again what it set',
    labels: { a: 'foo', b1: 'bar', b2: 'baz' },
    rules: [{ regex: '(b.*)', replacement: 'bar_${1}', action: 'labelmap' }],
    result: { a: 'foo', b1: 'bar', b2: 'baz', bar_b1: 'bar', bar_b2: 'baz' },
  },
  {
    name: 'of labels mapped to one name the last by name wins',
    labels: { x_b: 'second', x_a: 'first', x_c: 'third' },
    rules: [{ regex: 'x_.', replacement: 'x', action: 'labelmap' }],
    result: { x_a: 'first', x_b: 'second', x_c: 'third', x: 'third' },
  },
  {
    name: 'labels that a rule has set come behind the others in labelmap',
    labels: { x_a: 'first', x_c: 'third' },
    rules: [
      { target_label: 'x_a', replacement: 'late' },
      { regex: 'x_.', replacement: 'x', action: 'labelmap' },
    ],
    result: { x_a: 'late', x_c: 'third', x: 'late' },
  },
  {
    name: 'labeldrop and labelkeep match names',
    labels: { a: '1', b1: '2', b2: '3', c: '4' },
    rules: [
      { regex: 'b.*', action: 'labeldrop' },
      { regex: 'a|d', action: 'labelkeep' },
    ],
    result: { a: '1' },
  },
  {
    name: 'lowercase and uppercase, one character becoming one',
    labels: { a: 'bAr123Foo', b: 'Straße', c: 'ΟΔΟΣ İ' },
    rules: [
      { source_labels: ['a'], target_label: 'up', action: 'uppercase' },
      { source_labels: ['a'], target_label: 'low', action: 'lowercase' },
      { source_labels: ['b'], target_label: 'b', action: 'uppercase' },
      { source_labels: ['c'], target_label: 'c', action: 'lowercase' },
      { source_labels: ['none'], target_label: 'up', action: 'lowercase' },
    ],
    result: { a: 'bAr123Foo', low: 'bar123foo', b: 'STRAßE', c: 'οδοσ i' },
  },
];

suite('relabelling', () => {
  for (const { name, labels, rules, result } of EXAMPLES) {
    test(name, () => assert.deepEqual(relabelled(labels, rules), result));
  }

  test('rules do what a direct reading of them does, whatever the labels', () => {
    const names = fc.constantFrom('a', 'b', 'ab', 'b_1', '__name__', '__tmp_x', 'job');
    const values = fc.constantFrom('', 'a', 'ab', 'a;b', 'x\ny', 'Ab', '10.0.0.1:80', 'ü');
    const patterns = fc.constantFrom(
      '(.*)',
      'a(.*)',
      '(a|ab)(b?)',
      '[^;]+',
      '(.+);(.+)',
      '',
      'b.*',
      '(?i)A.*',
      '(.*):(\\d+)',
    );
    const common = fc.record({
      source_labels: fc.array(names, { maxLength: 3 }),
      separator: fc.constantFrom(';', '', '--'),
    });
    const matching = common.chain((shared) => patterns.map((regex) => ({ ...shared, regex })));
    const withTarget = common.chain((shared) => names.map((target_label) => ({ ...shared, target_label })));
    const replacements = fc.constantFrom('$0', '', 'fixed', 'x${0}y', '$$', '$0-$0');
    const rule: fc.Arbitrary<PlainRule> = fc.oneof(
      fc
        .tuple(matching, fc.constantFrom('a', 'n_$0', 'job'), replacements)
        .map(([shared, target_label, replacement]) => ({ ...shared, target_label, replacement, action: 'replace' })),
      matching.chain((shared) => fc.constantFrom('keep', 'drop').map((action) => ({ ...shared, action }))),
      fc
        .tuple(names, names, fc.constantFrom('keepequal', 'dropequal'))
        .map(([one, target_label, action]) => ({ source_labels: [one], target_label, action })),
      withTarget.chain((shared) => fc.constantFrom('lowercase', 'uppercase').map((action) => ({ ...shared, action }))),
      fc
        .tuple(withTarget, fc.integer({ min: 1, max: 1e9 }))
        .map(([shared, modulus]) => ({ ...shared, modulus, action: 'hashmod' })),
      fc
        .tuple(patterns, fc.constantFrom('m', 'm_$0'))
        .map(([regex, replacement]) => ({ regex, replacement, action: 'labelmap' })),
      fc.tuple(patterns, fc.constantFrom('labeldrop', 'labelkeep')).map(([regex, action]) => ({ regex, action })),
    );
    fc.assert(
      fc.property(fc.dictionary(names, values), fc.array(rule, { maxLength: 6 }), (labels, rules) => {
        assert.deepEqual(relabelled(labels, rules), directly(labels, rules));
      }),
      { numRuns: 2000 },
    );
  });
});

suite('rules in the configuration', () => {
  const problem = (rule: object): string =>
    relabelConfigs()
      .safeParse([rule])
      .error?.issues.map(({ path, message }) => `${path.slice(1).join('.')}: ${message}`)
      .join('\n') ?? '';

  test('the defaults are those of Prometheus', () => {
    const [rule] = relabelConfigs().parse([{ target_label: 'a' }]);
    assert.deepEqual(rule, {
      source_labels: [],
      separator: ';',
      regex: '(.*)',
      modulus: 0,
      target_label: 'a',
      replacement: '$1',
      action: 'replace',
    });
  });

  const WRONG: readonly (readonly [object, RegExp])[] = [
    [{}, /^target_label: replace needs a target_label/],
    [{ action: 'hashmod', target_label: 'a' }, /^modulus: hashmod needs a modulus above 0/],
    [{ action: 'lowercase' }, /^target_label: lowercase needs/],
    [{ action: 'uppercase', target_label: 'a', replacement: 'x' }, /^replacement: uppercase does not read replacement/],
    [{ action: 'keepequal', target_label: 'a', regex: 'x' }, /^regex: keepequal does not read regex/],
    [{ action: 'labeldrop', regex: 'a', source_labels: ['b'] }, /^source_labels: labeldrop does not read/],
    [{ action: 'labelmap', replacement: '' }, /^replacement: labelmap needs/],
    [{ action: 'relabel' }, /^action: /],
    [{ action: 'keep', regex: 'a(' }, /^regex: "a\(" is not a usable pattern: /],
    [{ target_label: 'a', replacement: '$1_total' }, /group "1_total".*write \$\$\{1\}_total in YAML for group 1/],
    [{ target_label: 'a', replacement: '$2' }, /\$2 means the group "2", which regex "\(\.\*\)" does not have/],
    [{ target_label: 'a_${name}', regex: '(?P<nam>.*)' }, /^target_label: .*group "name"/],
    [{ target_label: 'a', replacement: '$$1' }, /would write a dollar sign itself; in YAML "\$\$1" brings the group/],
  ];
  for (const [rule, expected] of WRONG) {
    test(`${JSON.stringify(rule)} is refused in plain words`, () => assert.match(problem(rule), expected));
  }

  test('what looks odd and is meant is taken', () => {
    for (const rule of [
      { target_label: 'price', replacement: '5$' },
      { target_label: 'a', replacement: 'costs $$' },
      { target_label: 'a', regex: '', replacement: 'was empty' },
      { target_label: 'label with spaces', replacement: 'x' },
      { target_label: 'port', regex: 80, replacement: 8080 },
      { target_label: 'a', replacement: null, separator: null },
    ]) {
      assert.equal(problem(rule), '', JSON.stringify(rule));
    }
  });
});

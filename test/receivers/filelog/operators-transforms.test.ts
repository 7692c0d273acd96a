import assert from 'node:assert/strict';
import { test } from 'node:test';
import { issuesOf, mapOf, plain, run, valueOf } from './operating.ts';

interface Parts {
  readonly body?: unknown;
  readonly attributes?: object;
  readonly resource?: object;
}

/** The operator makes `after` of `before`; a reason instead means that nothing changed. */
function check(operator: object, before: Parts, after: Parts | RegExp): void {
  const name = `${JSON.stringify(operator)} on ${JSON.stringify(before)}`;
  const { entries, logged } = run([operator], {
    body: valueOf(before.body ?? null),
    attributes: mapOf(before.attributes ?? {}),
    resource: mapOf(before.resource ?? {}),
  });
  const expected = after instanceof RegExp ? before : after;
  const [entry] = entries;
  assert.deepEqual(plain(entry?.body ?? null), expected.body ?? null, name);
  assert.deepEqual(plain(entry?.attributes), expected.attributes ?? {}, name);
  assert.deepEqual(plain(entry?.resource), expected.resource ?? {}, name);
  if (after instanceof RegExp) assert.match(logged.join(), after, name);
  else assert.deepEqual(logged, [], name);
}

test('move takes a value from one place to another, merging maps', () => {
  const move = (from: string, to: string): object => ({ type: 'move', from, to });
  check(move('body.key1', 'body.key3'), { body: { key1: 1, key2: 2 } }, { body: { key2: 2, key3: 1 } });
  check(move('body.uuid', 'resource.uuid'), { body: { uuid: 'x' } }, { body: {}, resource: { uuid: 'x' } });
  check(move('body.log', 'body'), { body: { log: 'line', a: 1 } }, { body: 'line' });
  check(move('body.w', 'body'), { body: { a: 1, w: { b: 2 } } }, { body: { a: 1, b: 2 } });
  check(
    move('attributes.m', 'attributes.n'),
    { attributes: { m: { a: 1 }, n: { b: 2 } } },
    { attributes: { n: { b: 2, a: 1 } } },
  );
  check(move('attributes', 'attributes.old'), { attributes: { a: 1 } }, { attributes: { old: { a: 1 } } });
  check(move('attributes', 'resource'), { attributes: { a: 1 }, resource: { r: 1 } }, { resource: { r: 1, a: 1 } });
  check(
    move('resource["a.b"].c', 'attributes.x.y'),
    { resource: { 'a.b': { c: 1, d: 2 } } },
    {
      resource: { 'a.b': { d: 2 } },
      attributes: { x: { y: 1 } },
    },
  );
  check(move('body.x', 'attributes.x'), { body: 'text' }, /not there/);
  check(move('body.a.b', 'attributes.x'), { body: { a: 'text' } }, /not there/);
});

test('a scalar cannot become all attributes', () => {
  const { entries, logged } = run([{ type: 'copy', from: 'body', to: 'attributes' }], 'text');
  assert.match(logged.join(), /only a map/);
  assert.equal(entries[0]?.attributes.size, 0);
  assert.match(run([{ type: 'add', field: 'resource', value: 1 }], 'x').logged.join(), /only a map/);
});

test('copy shares nothing with the original', () => {
  const operators = [
    { type: 'copy', from: 'body.m', to: 'attributes.m' },
    { type: 'add', field: 'attributes.m.b', value: 2 },
  ];
  const { entries } = run(operators, { body: valueOf({ m: { a: [1] } }) });
  assert.deepEqual(plain(entries[0]?.body ?? null), { m: { a: [1] } });
  assert.deepEqual(plain(entries[0]?.attributes), { m: { a: [1], b: 2 } });
});

test('remove takes out a value, or all attributes, or all of the resource', () => {
  const remove = (field: string): object => ({ type: 'remove', field });
  check(remove('body.object'), { body: { object: { a: 1 }, key: 1 } }, { body: { key: 1 } });
  check(remove('attributes.a'), { attributes: { a: null, b: 1 } }, { attributes: { b: 1 } });
  check(remove('attributes'), { attributes: { a: 1 }, resource: { b: 1 } }, { resource: { b: 1 } });
  check(remove('resource'), { attributes: { a: 1 }, resource: { b: 1 } }, { attributes: { a: 1 } });
  check(remove('resource.a.b'), { resource: { a: { b: 1, c: 1 } } }, { resource: { a: { c: 1 } } });
  check(remove('body'), { body: 'x' }, {});
  check(remove('attributes.gone'), { attributes: { a: 1 } }, /not there/);
});

test('add takes any value that YAML can write, a copy for each record', () => {
  const add = (field: string, value: unknown): object => ({ type: 'add', field, value });
  for (const value of ['text', 1, 1.5, true, null, ['a', { b: 1 }], { nested: { key: 'v' } }]) {
    check(add('attributes.k', value), {}, { attributes: { k: value } });
  }
  check(add('body.k', 'v'), { body: 'text' }, { body: { k: 'v' } });
  check(add('resource.a.b', 1), { resource: { a: { c: 2 } } }, { resource: { a: { c: 2, b: 1 } } });
  check(add('attributes', { a: 1 }), { attributes: { b: 2 } }, { attributes: { b: 2, a: 1 } });
  check(add('attributes["__proto__"].x', 1), {}, { attributes: JSON.parse('{"__proto__":{"x":1}}') as object });
  assert.match(issuesOf([{ type: 'add', field: 'attributes.k' }]).join(), /0\.value: a value is required/);
});

test('retain keeps the fields that are named, and roots of which none is', () => {
  const retain = (...fields: string[]): object => ({ type: 'retain', fields });
  const before = { body: { k1: 1, k2: { n: 1 } }, attributes: { a: 1, b: 2 }, resource: { r: 1, s: 2 } };
  check(retain('body.k2'), before, { ...before, body: { k2: { n: 1 } } });
  check(retain('attributes.b', 'resource.r'), before, { ...before, attributes: { b: 2 }, resource: { r: 1 } });
  check(retain('attributes', 'resource.s', 'body'), before, { ...before, resource: { s: 2 } });
  check(retain('attributes.gone'), before, { ...before, attributes: {} });
});

test('flatten moves what is in a map one level up', () => {
  const flatten = (field: string): object => ({ type: 'flatten', field });
  check(
    flatten('body.key1'),
    { body: { key1: { a: 1, b: { c: 2 } }, key2: 3 } },
    { body: { key2: 3, a: 1, b: { c: 2 } } },
  );
  check(flatten('body.w.k'), { body: { w: { k: { a: 1 }, l: 2 } } }, { body: { w: { l: 2, a: 1 } } });
  check(flatten('resource.m'), { resource: { m: { a: 1 } } }, { resource: { a: 1 } });
  check(flatten('attributes.m'), { attributes: { m: { m: 1 } } }, { attributes: { m: 1 } });
  check(flatten('attributes.m'), { attributes: { m: 1 } }, /no map/);
  check(flatten('attributes.m'), {}, /not there/);
  assert.match(issuesOf([{ type: 'flatten', field: 'attributes' }]).join(), /name a field in/);
});

test('assign_keys makes a map of a list', () => {
  const assign = (field: string): object => ({ type: 'assign_keys', field, keys: ['a', 'b'] });
  check(assign('body'), { body: [1, 'x'] }, { body: { a: 1, b: 'x' } });
  check(assign('attributes.l'), { attributes: { l: [1, 2], o: 3 } }, { attributes: { o: 3, l: { a: 1, b: 2 } } });
  check(assign('body'), { body: [1] }, /1 values for 2 keys/);
  check(assign('body'), { body: 'x' }, /no list/);
});

test('unquote takes the quotes of Go off a text', () => {
  const unquote = { type: 'unquote', field: 'body' };
  const cases = {
    '"hello"': 'hello',
    '"a\\tb\\u00e9\\x41\\101"': 'a\tbéAA',
    '`raw\\n`': 'raw\\n',
    "'v'": 'v',
    "'\\''": "'",
  };
  for (const [body, expected] of Object.entries(cases)) check(unquote, { body }, { body: expected });
  for (const body of ['hello', '"open', '"a"b"', "'ab'", '"bad \\q"', '"', '']) check(unquote, { body }, /not quoted/);
  check(unquote, { body: 1 }, /no text/);
});

test('regex_replace replaces every match, with groups, and knows terminal colours', () => {
  const replace = (settings: object): object => ({ type: 'regex_replace', field: 'body', ...settings });
  check(replace({ regex: ' +', replace_with: ' ' }), { body: 'a   b  c' }, { body: 'a b c' });
  check(replace({ regex: '{(.*?)}', replace_with: '${1}0' }), { body: '{a}{bb}' }, { body: 'a0bb0' });
  check(replace({ regex: '(?P<k>\\w+)=(\\w+)', replace_with: '$2:${k}$$&' }), { body: 'a=b' }, { body: 'b:a$&' });
  check(replace({ regex: 'x' }), { body: 'axbx' }, { body: 'ab' });
  check(replace({ regex_name: 'ansi_control_sequences' }), { body: '\x1b[31mred\x1b[0m' }, { body: 'red' });
  check(replace({ regex: 'x' }), { body: 1 }, /no text/);
  assert.match(issuesOf([replace({})]).join(), /one of regex and regex_name/);
  assert.match(issuesOf([replace({ regex: '(' })]).join(), /0\.regex: /);
});

test('a field starts with body, attributes or resource, and other spellings are told the right one', () => {
  const issue = (field: string): string => issuesOf([{ type: 'remove', field }]).join();
  assert.equal(issue('body["a b"].c[\'d.e\']'), '');
  assert.match(issue('level'), /must start with body, attributes or resource; such as attributes.level or body.level/);
  assert.match(issue('$body.a'), /write body.a/);
  assert.match(issue('$record.a'), /write body.a/);
  assert.match(issue('$labels["k"]'), /write attributes\["k"\]/);
  assert.match(issue('$.a'), /write body.a/);
  assert.match(issue('attributes[0]'), /cannot be read from "\[0\]" on/);
  assert.match(issue('attributes..a'), /cannot be read/);
});

test('on_error send passes the line on, drop counts it as dropped, quiet logs for debugging', () => {
  const outcome = (on_error: string): unknown[] => {
    const { entries, logged, parseErrors, droppedLines } = run(
      [
        { type: 'move', from: 'attributes.gone', to: 'body', on_error },
        { type: 'add', field: 'attributes.after', value: 1 },
      ],
      'x',
    );
    assert.equal(entries[0]?.attributes.get('after'), entries.length === 0 ? undefined : 1);
    return [entries.length, logged.join(), parseErrors, droppedLines];
  };
  assert.deepEqual(outcome('send'), [1, 'warn: attributes.gone is not there', 1, 0]);
  assert.deepEqual(outcome('send_quiet'), [1, 'debug: attributes.gone is not there', 1, 0]);
  assert.deepEqual(outcome('drop'), [0, 'warn: attributes.gone is not there', 1, 1]);
  assert.deepEqual(outcome('drop_quiet'), [0, 'debug: attributes.gone is not there', 1, 1]);
});

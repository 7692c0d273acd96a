import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operatorIds } from '../../../src/receivers/filelog/operators/links.ts';
import { issuesOf, process } from './operating.ts';

test('an output names the operator that lines go to, and the rest of the list follows that one', async (t) => {
  const { all } = await process(t, 'x\n', [
    { type: 'add', field: 'attributes.a', value: 1, output: 'last' },
    { type: 'add', field: 'attributes.b', value: 2 },
    { type: 'add', id: 'last', field: 'attributes.c', value: 3 },
  ]);
  assert.deepEqual(Object.fromEntries(all[0]?.attributes ?? []), { a: 1, c: 3 });
});

test('an operator may lead to an earlier one as long as no line goes around', async (t) => {
  const { all } = await process(t, 'x\n', [
    { type: 'noop', output: 'second' },
    { type: 'add', id: 'first', field: 'attributes.a', value: 1, output: 'end' },
    { type: 'add', id: 'second', field: 'attributes.b', value: 2, output: 'first' },
    { type: 'noop', id: 'end' },
  ]);
  assert.deepEqual(Object.fromEntries(all[0]?.attributes ?? []), { b: 2, a: 1 });
});

test('entries that go to several outputs share nothing', async (t) => {
  const { all } = await process(t, '{"m":{"k":1}}\n', [
    { type: 'json_parser', output: ['left', 'right'] },
    { type: 'add', id: 'left', field: 'attributes.m.side', value: 'left', output: 'noop' },
    { type: 'add', id: 'right', field: 'attributes.m.side', value: 'right' },
    { type: 'add', field: 'resource.side', value: 'right' },
  ]);
  const sides = all.map(({ attributes, resource }) => [attributes.get('m'), resource.get('side')]);
  assert.deepEqual(sides, [
    [
      new Map<string, unknown>([
        ['k', 1],
        ['side', 'left'],
      ]),
      undefined,
    ],
    [
      new Map<string, unknown>([
        ['k', 1],
        ['side', 'right'],
      ]),
      'right',
    ],
  ]);
});

test('records with resources of their own arrive below them, in order, without empty ones between', async (t) => {
  const lines = ['a', 'a', 'b', 'a'].map((app) => `{"app":"${app}"}\n`).join('');
  const { all, rig } = await process(
    t,
    lines,
    [{ type: 'json_parser' }, { type: 'move', from: 'attributes.app', to: 'resource["service.name"]' }],
    { resource: { env: 'prod' } },
  );
  assert.deepEqual(
    all.map(({ resource }) => Object.fromEntries(resource)),
    ['a', 'a', 'b', 'a'].map((app) => ({ env: 'prod', 'service.name': app })),
  );
  assert.equal(new Set(all.map(({ resource }) => resource)).size, 3);
  assert.equal(rig.consumer.batches.length, 1);
});

test('an operator without an id is known by its type, numbered when it stands there before', () => {
  const ids = operatorIds([{ type: 'move' }, { type: 'move' }, { type: 'add', id: 'move2' }, { type: 'move' }]);
  assert.deepEqual(ids, ['move', 'move1', 'move2', 'move3']);
});

test('duplicate ids, outputs that lead nowhere and cycles are errors of the configuration', () => {
  const add = { type: 'add', field: 'attributes.a', value: 1 };
  assert.deepEqual(
    issuesOf([
      { ...add, id: 'x' },
      { ...add, id: 'x' },
    ]),
    ['1.id: two operators have the id "x"'],
  );
  assert.deepEqual(issuesOf([add, { ...add, output: ['add', 'nowhere'] }]), [
    '1.output: there is no operator with the id "nowhere"; there are add, add1, noop',
  ]);
  assert.match(issuesOf([add, { ...add, output: 'add' }]).join(), /^1: .*add -> add1 -> add; operators lead/);
  assert.match(issuesOf([{ ...add, output: 'add' }]).join(), /add -> add;/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import { parseParts } from '../../src/core/parsed-parts.ts';

const schema = () =>
  z
    .strictObject({
      low: z.number().default(0),
      high: z.number().default(10),
      name: z.string().default('a'),
      steps: z.array(z.strictObject({ at: z.number(), to: z.number() })).default([]),
    })
    .superRefine((value, context) => {
      value.steps.forEach(({ at, to }, index) => {
        if (at > to) context.addIssue({ code: 'custom', path: ['steps', index], message: 'goes back' });
      });
      if (value.low > value.high) context.addIssue({ code: 'custom', path: ['low'], message: 'is above high' });
    })
    .refine(({ name }) => name !== 'b', { path: ['name'], message: 'is b' });

function issuesOf(raw: unknown): readonly string[] {
  const result = parseParts(z.strictObject({ inner: schema().optional(), list: z.array(schema()).optional() }), raw);
  return (result.error?.issues ?? []).map(
    ({ path, code, message }) => `${path.join('.')} ${code === 'custom' ? message : code}`,
  );
}

test('what needs no issue has none', () => {
  assert.deepEqual(issuesOf({ inner: { low: 1, high: 2, steps: [{ at: 1, to: 2 }] } }), []);
});

test('checks across fields run on what parsed, also where another field is wrong', () => {
  assert.deepEqual(issuesOf({ inner: { low: 5, high: 1, name: 7 } }), [
    'inner.name invalid_type',
    'inner.low is above high',
  ]);
  assert.deepEqual(issuesOf({ inner: { low: 'x', name: 'b' } }), ['inner.low invalid_type', 'inner.name is b']);
  assert.deepEqual(issuesOf({ list: [{ low: 5, high: 1 }, { name: 7 }] }), [
    'list.0.low is above high',
    'list.1.name invalid_type',
  ]);
});

test('a check sees nothing that did not parse, and no default in its place', () => {
  assert.deepEqual(issuesOf({ inner: { low: 20, high: 'x' } }), ['inner.high invalid_type']);
  const steps = [
    { at: 3, to: 1 },
    { at: 'x', to: 1 },
    { at: 3, to: 1 },
  ];
  assert.deepEqual(issuesOf({ inner: { steps } }), ['inner.steps.1.at invalid_type', 'inner.steps.0 goes back']);
  assert.deepEqual(issuesOf({ inner: [] }), ['inner invalid_type']);
});

test('a check that stumbles over what is missing is no error of its own', () => {
  const stumbling = z.object({ a: z.string(), b: z.string() }).refine(() => {
    throw new TypeError('a bug, or a value that is not there');
  });
  const catching = z.object({ a: z.string() }).superRefine((value, context) => {
    context.addIssue({ code: 'custom', message: 'before' });
    try {
      assert.ok(value.a);
    } catch {
      context.addIssue({ code: 'custom', message: 'after' });
    }
  });
  const told = parseParts(catching, { a: 1 }).error?.issues ?? [];
  assert.deepEqual(
    told.map(({ code, message }) => (code === 'custom' ? message : code)),
    ['invalid_type', 'before'],
  );
  assert.equal(parseParts(stumbling, { a: 1, b: 'b' }).error?.issues.length, 1);
});

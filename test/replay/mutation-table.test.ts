import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { components } from '../../src/components.ts';
import { jobsOf } from '../../src/replay/jobs.ts';
import { mutated, MUTATIONS, nameOf } from './mutations/table.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Components that change nothing of what a replay gives, and why. */
const UNCHANGED: ReadonlyMap<string, string> = new Map([
  ['exporter debug', 'a replay takes what it would show as delivered'],
  ['exporter file', 'a replay takes what it would write as delivered'],
  ['extension health_check', 'it only answers probes; nothing listens in a replay'],
  ['extension admin', 'it only answers operators; nothing listens in a replay'],
  ['extension file_storage', 'a replay keeps in memory what it would write'],
]);

test('every component that changes data has mutations, and every processor and connector has', () => {
  const have = new Set(MUTATIONS.map(({ of }) => of));
  const all = [
    ...components.receivers.map(({ type }) => `receiver ${type}`),
    ...components.processors.map(({ type }) => `processor ${type}`),
    ...components.connectors.map(({ type }) => `connector ${type}`),
    ...components.exporters.map(({ type }) => `exporter ${type}`),
    ...components.extensions.map(({ type }) => `extension ${type}`),
  ];
  assert.deepEqual(
    all.filter((name) => !have.has(name) && !UNCHANGED.has(name)),
    [],
  );
  assert.deepEqual(
    [...UNCHANGED.keys()].filter((name) => have.has(name) || !all.includes(name)),
    [],
    'they are no exceptions any more',
  );
  assert.deepEqual(
    [...have].filter((name) => name !== 'sending' && !all.includes(name)),
    [],
    'there are no such components',
  );
});

test('every mutation applies, changes something, and is seen by a replay that there is', async () => {
  const names = (await jobsOf([join(ROOT, 'fixtures')], undefined)).map(({ name }) => name);
  const seen = new Set<string>();
  for (const mutation of MUTATIONS) {
    const name = nameOf(mutation);
    assert.ok(!seen.has(name), `${name} is there twice`);
    seen.add(name);
    const source = await readFile(join(ROOT, mutation.file), 'utf8');
    assert.notEqual(mutated(source, mutation), source, name);
    assert.ok(
      names.some((job) => job.includes(mutation.seenBy)),
      `${name}: no replay has ${mutation.seenBy} in its name`,
    );
  }
});

test('a mutation whose text is gone, or there twice, is an error', () => {
  const mutation = { of: 'x', change: 'y', file: 'src/x.ts', from: 'one', to: 'two', seenBy: '', tells: /two/ };
  assert.equal(mutated('a one b', mutation), 'a two b');
  assert.throws(() => mutated('a b', mutation), /"one" is 0 times in src\/x\.ts, not once/);
  assert.throws(() => mutated('one one', mutation), /"one" is 2 times in src\/x\.ts, not once/);
});

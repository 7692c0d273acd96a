import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readExpected } from '../../src/replay/fixture/expected.ts';
import { openFixture } from '../../src/replay/fixture/fixture.ts';
import { jobsOf } from '../../src/replay/jobs.ts';
import { compareOutcomes } from '../../src/replay/output/compare.ts';
import type { Outcome } from '../../src/replay/output/outcome.ts';
import { replayFixture } from '../../src/replay/replay-fixture.ts';

/**
 * The recordings of this repository, each through every configuration that its manifest names.
 *
 * REPLAYS=20 replays each so many times, and every one has to give the bytes of the first. It also tells the hash of these
 * bytes, which has to be the same with another version of Node (fixtures/README.md).
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TIMES = Number(process.env['REPLAYS'] ?? 2);
const JOBS = await jobsOf([join(ROOT, 'fixtures')], undefined);

for (const { name, folder, replay } of JOBS) {
  test(`${name} gives what is expected, and the same bytes each of ${TIMES} times`, async (t) => {
    const fixture = await openFixture(folder);
    const settings = fixture.manifest.replays[replay];
    const expected = await readExpected(folder, replay);
    assert.ok(settings !== undefined && expected !== undefined, 'Nothing is expected yet; replay it with --update.');
    const first = await replayFixture(fixture, settings);
    const { differences } = compareOutcomes(expected, first);
    assert.deepEqual(differences.slice(0, 3), [], `${differences.length} differences`);
    assert.equal(first.summary.ledgerCloses, true);
    assert.ok(first.outputs.length > 0, 'it delivers nothing');
    const digest = digestOf(first);
    for (let time = 1; time < TIMES; time++) assert.equal(digestOf(await replayFixture(fixture, settings)), digest);
    if (process.env['REPLAYS'] !== undefined) t.diagnostic(`${name} ${digest}`);
  });
}

test('every configuration in pipelines/ is replayed', async () => {
  const replayed = new Set<string>();
  for (const { folder, replay } of JOBS) {
    const { manifest } = await openFixture(folder);
    for (const path of manifest.replays[replay]?.config ?? []) replayed.add(relative(ROOT, join(folder, path)));
  }
  const all = (await readdir(join(ROOT, 'pipelines'))).filter((name) => /\.ya?ml$/.test(name));
  assert.ok(all.length > 0);
  const missing = all.filter((name) => !replayed.has(join('pipelines', name)));
  assert.deepEqual(missing, [], 'no manifest names them');
});

/** Of everything that comes of a replay. */
function digestOf({ outputs, summary, metrics }: Outcome): string {
  const hash = createHash('sha256').update(JSON.stringify(summary)).update(metrics);
  for (const { exporter, signal, items, sha256, lines } of outputs) {
    hash.update(`${exporter} ${signal} ${items} ${sha256}`).update(lines);
  }
  return hash.digest('hex');
}

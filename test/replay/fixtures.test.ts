import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { components } from '../../src/components.ts';
import { readManifest } from '../../src/replay/fixture/manifest.ts';
import { jobsOf, type Job } from '../../src/replay/jobs.ts';
import { planOfReplay } from '../../src/replay/replay-fixture.ts';
import { runJob } from '../../src/replay/run-job.ts';

/**
 * The recordings of this repository, each through every configuration that its manifest names.
 *
 * REPLAYS=20 replays each so many times, and every one has to give the bytes of the first. `.ci/same-bytes` compares them with
 * those of another version of Node.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TIMES = Number(process.env['REPLAYS'] ?? 2);
const JOBS = await jobsOf([join(ROOT, 'fixtures')], undefined);

for (const job of JOBS) {
  test(`${job.name} gives what is expected, and the same bytes each of ${TIMES} times`, async () => {
    const digests = new Set<string | undefined>();
    for (let time = 0; time < TIMES; time++) {
      const { status, error, differences, ledgerCloses, items, digest } = await runJob(job, { update: false });
      const first = differences.slice(0, 3).map(({ where, what }) => `${where}: ${what}`);
      assert.equal(status, 'passed', error ?? `${differences.length} differences: ${first.join('; ')}`);
      assert.equal(ledgerCloses, true);
      assert.ok(items > 0, 'it delivers nothing');
      digests.add(digest);
    }
    assert.equal(digests.size, 1);
  });
}

test('every configuration in pipelines/ is replayed', async () => {
  const replayed = new Set<string>();
  for (const job of JOBS) {
    for (const path of (await settingsOf(job)).config) replayed.add(relative(ROOT, join(job.folder, path)));
  }
  const all = (await readdir(join(ROOT, 'pipelines'))).filter((name) => /\.ya?ml$/.test(name));
  assert.ok(all.length > 0);
  const missing = all.filter((name) => !replayed.has(join('pipelines', name)));
  assert.deepEqual(missing, [], 'no manifest names them');
});

/** Components that no replay has, and why. There are none. */
const NOT_REPLAYED: ReadonlyMap<string, string> = new Map();

test('every component is in a replay', async () => {
  const found = new Set<string>();
  for (const job of JOBS) for (const name of await componentsOf(job)) found.add(name);
  const all = KINDS.flatMap((kind) => components[kind].map(({ type }) => `${kind} ${type}`));
  assert.ok(all.length > 20);
  assert.deepEqual(
    all.filter((name) => !found.has(name)),
    [...NOT_REPLAYED.keys()],
  );
});

const KINDS = ['receivers', 'processors', 'connectors', 'exporters', 'extensions'] as const;

async function componentsOf(job: Job): Promise<string[]> {
  const manifest = await readManifest(job.folder);
  const plan = await planOfReplay({ folder: job.folder, manifest }, await settingsOf(job));
  const { receivers, processors, connectors, exporters, extensionsById: extensions } = plan;
  const typesOf = (planned: ReadonlyMap<string, { readonly definition: { readonly type: string } }>): string[] =>
    Array.from(planned.values(), ({ definition }) => definition.type);
  return Object.entries({ receivers, processors, connectors, exporters, extensions }).flatMap(([kind, planned]) =>
    typesOf(planned).map((type) => `${kind} ${type}`),
  );
}

async function settingsOf({ folder, replay }: Job) {
  const settings = (await readManifest(folder)).replays[replay];
  if (settings === undefined) throw new Error(`BUG: ${folder} has no ${replay}.`);
  return settings;
}

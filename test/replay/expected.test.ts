import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { jobsOf } from '../../src/replay/jobs.ts';
import { runJob, type JobResult } from '../../src/replay/run-job.ts';
import { fixtureFolder, MANIFEST } from './fixture-folder.ts';

const DIGEST = MANIFEST.replace('config.yaml]', 'config.yaml], expect: digest');
const TRACES = 'otlphttp.traces.jsonl';

async function replayed(folder: string, update = false): Promise<JobResult> {
  const [job] = await jobsOf([folder], undefined);
  assert.ok(job);
  return await runJob(job, { update });
}

/** A fixture whose output is expected as it is, and the folder where that stands. */
async function expectedFolder(t: TestContext, manifest = MANIFEST): Promise<{ folder: string; expected: string }> {
  const folder = await fixtureFolder(t, { 'manifest.yaml': manifest });
  assert.equal((await replayed(folder, true)).status, 'updated');
  assert.equal((await replayed(folder)).status, 'passed');
  return { folder, expected: join(folder, 'expected/app') };
}

async function edit(path: string, change: (text: string) => string): Promise<void> {
  await writeFile(path, change(await readFile(path, 'utf8')));
}

/** What is there but not as it was written; an update writes it anew. */
const DAMAGED: readonly { what: string; damage: (expected: string) => Promise<unknown>; says: RegExp }[] = [
  { what: 'no items', damage: (at) => rm(join(at, TRACES)), says: /otlphttp\.traces\.jsonl:1: is missing/ },
  { what: 'no outcome', damage: (at) => rm(join(at, 'outcome.json')), says: /outcome\.json:1: is missing/ },
  { what: 'no metrics', damage: (at) => rm(join(at, 'metrics.txt')), says: /metrics\.txt:1: is missing/ },
  {
    what: 'items of an exporter that there is no more',
    damage: (at) => writeFile(join(at, 'otlp__old.traces.jsonl'), '{"resource":{},"scope":{}}\n{"span":{}}\n'),
    says: /otlp__old\.traces\.jsonl:1: outcome\.json has no such output: nothing is compared with it/,
  },
  {
    what: 'items twice',
    damage: (at) => writeFile(join(at, `${TRACES}.gz`), gzipSync('')),
    says: /traces\.jsonl\.gz:1: the folder has otlphttp\.traces\.jsonl, too/,
  },
  {
    what: 'marks of a merge',
    damage: (at) => edit(join(at, 'outcome.json'), (text) => `<<<<<<< HEAD\n${text}`),
    says: /outcome\.json:1: is not JSON/,
  },
  {
    what: 'an outcome of another form',
    damage: (at) => writeFile(join(at, 'outcome.json'), '{"outputs": 1}'),
    says: /outcome\.json:1: outputs: /,
  },
  {
    what: 'an outcome without a part',
    damage: (at) => edit(join(at, 'outcome.json'), (text) => text.replace('"ledgerCloses": true,', '')),
    says: /outcome\.json:1: summary\.ledgerCloses: expected a boolean, found nothing/,
  },
  {
    what: 'half a line',
    damage: (at) => edit(join(at, TRACES), (text) => `${text}{"span`),
    says: /traces\.jsonl:5: is not JSON of an item: Unterminated/,
  },
  {
    what: 'a misspelt item',
    damage: (at) => edit(join(at, TRACES), (text) => text.replace('{"span":', '{"spam":')),
    says: /traces\.jsonl:2: is not JSON of an item: "span" is expected, or what it belongs to: resource/,
  },
  {
    what: 'items of another signal',
    damage: (at) => edit(join(at, TRACES), (text) => text.replace('{"span":', '{"logRecord":')),
    says: /traces\.jsonl:2: is not JSON of an item/,
  },
  {
    what: 'an item as deep as a well',
    damage: (at) =>
      edit(join(at, TRACES), (text) => `${text}{"span":{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}}\n`),
    says: /traces\.jsonl:5: .*it nests deeper than 256 levels/,
  },
  {
    what: 'items in a compressed file that is none',
    damage: (at) => rename(join(at, TRACES), join(at, `${TRACES}.gz`)),
    says: /traces\.jsonl\.gz:1: cannot be read: incorrect header check/,
  },
];

for (const { what, damage, says } of DAMAGED) {
  test(`what is expected with ${what} is invalid until an update`, async (t) => {
    const { folder, expected } = await expectedFolder(t);
    await damage(expected);
    const { status, error } = await replayed(folder);
    assert.equal(status, 'invalid');
    assert.match(error ?? '', says);
    assert.equal((await replayed(folder, true)).status, 'updated');
    assert.equal((await replayed(folder)).status, 'passed');
  });
}

test('lines of what is expected that a person edited are what is expected', async (t) => {
  const { folder, expected } = await expectedFolder(t);
  await edit(join(expected, TRACES), (text) => text.replace('GET /cart', 'GET /basket'));
  const { status, differences } = await replayed(folder);
  assert.equal(status, 'failed');
  assert.match(differences[0]?.details[0] ?? '', /name: "GET \/basket" -> "GET \/cart"/);
});

test('lines with the ends of another system are the same lines', async (t) => {
  const { folder, expected } = await expectedFolder(t);
  for (const name of await readdir(expected)) await edit(join(expected, name), (text) => text.replaceAll('\n', '\r\n'));
  assert.equal((await replayed(folder)).status, 'passed');
});

test('checks do not stand in for what is expected and gone', async (t) => {
  const { folder, expected } = await expectedFolder(t, `${MANIFEST}checks: [{ ledger_closes: true }]\n`);
  await rm(expected, { recursive: true });
  const { status, differences } = await replayed(folder);
  assert.equal(status, 'failed');
  assert.match(differences[0]?.details.join() ?? '', /nothing is expected yet; --update .*expect: nothing/);
});

test('what is expected of a replay that there is no more is told', async (t) => {
  const { folder, expected } = await expectedFolder(t);
  await writeFile(join(folder, 'manifest.yaml'), MANIFEST.replace('app:', 'other:'));
  const { status, error } = await replayed(folder);
  assert.equal(status, 'invalid');
  assert.match(error ?? '', /expected\/app: the manifest has no such replay; remove the folder/);
  await writeFile(
    join(folder, 'manifest.yaml'),
    MANIFEST.replace('.yaml]', '.yaml], expect: nothing, checks: [{ max_series: 9 }]'),
  );
  assert.match((await replayed(folder)).error ?? '', /expected\/app: app expects nothing; remove the folder/);
  await rm(expected, { recursive: true });
  assert.equal((await replayed(folder)).status, 'passed');
});

test('a digest counts with its number of items, and lines beside it are told', async (t) => {
  const { folder, expected } = await expectedFolder(t, DIGEST);
  await edit(join(expected, 'outcome.json'), (text) => text.replace('"items": 3', '"items": 4'));
  const { status, differences } = await replayed(folder);
  assert.equal(status, 'failed');
  assert.match(differences[0]?.what ?? '', /4 items expected, \d+ came/);
  await writeFile(join(expected, TRACES), '');
  assert.match((await replayed(folder)).error ?? '', /traces\.jsonl:1: only digests are expected: nothing is compared/);
});

test('whoever wants lines in the place of digests gets them with an update', async (t) => {
  const { folder, expected } = await expectedFolder(t, DIGEST);
  await writeFile(join(folder, 'manifest.yaml'), MANIFEST);
  assert.match((await replayed(folder)).error ?? '', /otlphttp\.\w+\.jsonl:1: is missing/);
  assert.equal((await replayed(folder, true)).status, 'updated');
  assert.ok((await readdir(expected)).includes(TRACES));
});

test('an update replaces links in the folder, and not what they lead to', async (t) => {
  const { folder, expected } = await expectedFolder(t);
  const other = join(folder, 'other.txt');
  await writeFile(other, 'of somebody else');
  for (const name of ['outcome.json', 'metrics.txt', TRACES]) {
    await rm(join(expected, name));
    await symlink(other, join(expected, name));
  }
  assert.equal((await replayed(folder, true)).status, 'updated');
  assert.equal(await readFile(other, 'utf8'), 'of somebody else');
  assert.equal((await replayed(folder)).status, 'passed');
});

test('a file where a folder of what is expected should be is told', async (t) => {
  const { folder, expected } = await expectedFolder(t);
  await rm(expected, { recursive: true });
  await writeFile(expected, '');
  assert.match((await replayed(folder)).error ?? '', /expected\/app:1: cannot be read: ENOTDIR/);
  await rm(expected);
  await mkdir(join(expected, 'outcome.json'), { recursive: true });
  assert.match((await replayed(folder)).error ?? '', /outcome\.json:1: cannot be read: it is no regular file/);
  assert.match((await replayed(folder, true)).error ?? '', /expected\/app:1: cannot be written: .*outcome\.json/);
});

test('items are expected as plain lines or compressed, as they were before, and plain at first', async (t) => {
  const { folder, expected } = await expectedFolder(t);
  const lines = await readFile(join(expected, TRACES));
  await writeFile(join(expected, `${TRACES}.gz`), gzipSync(lines));
  await rm(join(expected, TRACES));
  const change = async (from: string, to: string): Promise<void> => {
    await edit(join(folder, 'requests.jsonl'), (text) => text.replaceAll(from, to));
    assert.equal((await replayed(folder, true)).status, 'updated');
  };
  await change('GET /cart', 'GET /basket');
  assert.ok((await readdir(expected)).includes(`${TRACES}.gz`));
  assert.ok(!(await readdir(expected)).includes(TRACES));
  const packed = await readFile(join(expected, `${TRACES}.gz`));
  await writeFile(join(expected, TRACES), gunzipSync(packed));
  await rm(join(expected, `${TRACES}.gz`));
  await change('GET /basket', 'GET /cart');
  assert.ok(!(await readdir(expected)).includes(`${TRACES}.gz`));
  assert.deepEqual(await readFile(join(expected, TRACES)), lines);
});

test('what is expected does not change with an edit of the configuration that changes nothing else', async (t) => {
  const { folder, expected } = await expectedFolder(t);
  const metrics = await readFile(join(expected, 'metrics.txt'), 'utf8');
  assert.doesNotMatch(metrics, /config_info/);
  await edit(join(folder, 'config.yaml'), (text) => `# A remark.\n${text}`);
  await rm(expected, { recursive: true });
  assert.equal((await replayed(folder, true)).status, 'updated');
  assert.equal(await readFile(join(expected, 'metrics.txt'), 'utf8'), metrics);
});

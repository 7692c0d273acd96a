import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { FIXTURE_BOUNDS, openFixture, type FixtureBounds } from '../../src/replay/fixture/fixture.ts';
import { jobsOf } from '../../src/replay/jobs.ts';
import { runJob } from '../../src/replay/run-job.ts';
import { appendLine, fixtureFolder, MANIFEST, pageLine, spansLine, type Files } from './fixture-folder.ts';

/** Why a fixture is not valid. */
async function faultOf(t: TestContext, files: Files): Promise<string> {
  return await faultAt(await fixtureFolder(t, files));
}

async function faultAt(folder: string): Promise<string> {
  const [job] = await jobsOf([folder], undefined);
  assert.ok(job);
  const { status, error = '' } = await runJob(job, { update: false });
  assert.equal(status, 'invalid');
  return error;
}

/** The same of one that is read with smaller bounds. */
async function faultWithin(t: TestContext, bounds: Partial<FixtureBounds>, files: Files): Promise<string> {
  const folder = await fixtureFolder(t, files);
  try {
    const fixture = await openFixture(folder, { ...FIXTURE_BOUNDS, ...bounds });
    for await (const event of fixture.events()) assert.ok(event.atMs >= 0);
  } catch (error) {
    return String(error);
  }
  return 'none';
}

/** Resident bytes at most while it works, beyond those before. */
async function grownBy(work: () => Promise<unknown>): Promise<number> {
  const { rss } = process.memoryUsage();
  let most = rss;
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 5);
  await work().finally(() => clearInterval(timer));
  return most - rss;
}

const MIB = 2 ** 20;

/** A packed text of so many MiB of one character, in parts. */
function bomb(mib: number, character: string): Buffer {
  const part = gzipSync(Buffer.alloc(MIB, character));
  return Buffer.concat(new Array<Buffer>(mib).fill(part));
}

test('a packed line that is far longer than memory ends at the bound of a line', async (t) => {
  // 8 GiB of one character in 8 MB.
  const files = { 'requests.jsonl': undefined, 'requests.jsonl.gz': bomb(8192, 'x') };
  let fault = '';
  const bytes = await grownBy(async () => (fault = await faultOf(t, files)));
  assert.match(fault, /requests\.jsonl\.gz:1: the line is longer than 134217728 bytes when it is unpacked$/);
  assert.ok(bytes < 400 * MIB, `${Math.round(bytes / MIB)} MiB`);
});

test('a line of a plain file is told with its number', async (t) => {
  const line = spansLine(2, [{ trace: 2, id: 2, name: 'x'.repeat(600_000) }]);
  const files = { 'requests.jsonl': spansLine(1, [{ trace: 1, id: 1 }]) + line };
  const fault = await faultWithin(t, { lineBytes: 300_000 }, files);
  assert.match(fault, /requests\.jsonl:2: the line is longer than 300000 bytes$/);
  assert.equal(await faultWithin(t, { lineBytes: 1_000_000 }, files), 'none');
});

test('a file without an end is told where it comes to its bound, also when there is nothing in it', async (t) => {
  const lines = Array.from({ length: 100 }, (_, n) => spansLine(n, [{ trace: n + 1, id: n + 1 }])).join('');
  const many = { 'requests.jsonl': undefined, 'requests.jsonl.gz': gzipSync(lines) };
  assert.equal(await faultWithin(t, {}, many), 'none');
  assert.match(
    await faultWithin(t, { fileBytes: 10_000 }, many),
    /requests\.jsonl\.gz:1: the file is longer than 10000 bytes when it is unpacked$/,
  );
  const blank = { 'files.jsonl': undefined, 'files.jsonl.gz': bomb(64, '\n') };
  assert.match(
    await faultWithin(t, { fileBytes: 32 * MIB }, blank),
    /files\.jsonl\.gz:\d{8}: the file is longer than 33554432 bytes when it is unpacked$/,
  );
});

test('pages and what is appended to files are kept in memory, up to their bounds', async (t) => {
  const pages = { 'pages.jsonl': [1, 2, 3].map((n) => pageLine(n, 'x'.repeat(400))).join('') };
  assert.match(
    await faultWithin(t, { pagesBytes: 1000 }, pages),
    /pages\.jsonl:3: is more than there is room for: 1000 bytes up to here$/,
  );
  const files = { 'files.jsonl': [1, 2, 3].map((n) => appendLine(n, 'x'.repeat(400))).join('') };
  assert.match(
    await faultWithin(t, { appendedBytes: 500 }, files),
    /files\.jsonl:2: is more than there is room for: 500 bytes up to here$/,
  );
});

test('files and folders without end are told at the line that has too many', async (t) => {
  // Each line makes a thousand folders.
  const path = (n: number): string => `/${n}${'/a'.repeat(1000)}/app.log`;
  const files = { 'files.jsonl': Array.from({ length: 200 }, (_, n) => appendLine(n / 100, 'x\n', path(n))).join('') };
  const bytes = await grownBy(async () => {
    const fault = await faultOf(t, files);
    assert.match(fault, /files\.jsonl:100: append of \/99\/a\S+ is not possible: ENOSPC: after 100000 files$/);
  });
  assert.ok(bytes < 300 * MIB, `${Math.round(bytes / MIB)} MiB`);
});

const DEEP = 200_000;
const ENVELOPE = '"at":1,"receiver":"otlp","transport":"http","signal":"traces"';
const nested = (inner: string): string => `${inner}${'['.repeat(DEEP)}${']'.repeat(DEEP)}`;

const DEEP_FILES: readonly { what: string; files: Files; says: RegExp }[] = [
  {
    what: 'a body',
    files: { 'requests.jsonl': `{${ENVELOPE},"headers":{},"body":{${nested('"resourceSpans":')}}}\n` },
    says: /requests\.jsonl:1: body: /,
  },
  {
    what: 'an attribute',
    files: {
      'requests.jsonl': `{${ENVELOPE},"headers":{},"body":{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":${'{"arrayValue":{"values":['.repeat(DEEP)}${']}}'.repeat(DEEP)}}]}}]}}\n`,
    },
    says: /requests\.jsonl:1: body: .*(deep|level)/,
  },
  {
    what: 'a header',
    files: { 'requests.jsonl': `{${ENVELOPE},"headers":{${nested('"a":')}},"body":{}}\n` },
    says: /requests\.jsonl:1: headers\.a: /,
  },
  {
    what: 'a member that there is not',
    files: { 'files.jsonl': `{"at":1,"path":"/a","op":"remove",${nested('"more":')}}\n` },
    says: /files\.jsonl:1: unknown member "more"/,
  },
  {
    what: 'a page',
    files: { 'pages.jsonl': `{"at":1,"url":"http://app:9090/metrics","status":200,${nested('"body":')}}\n` },
    says: /pages\.jsonl:1: body: expected a (string|text)/,
  },
  {
    what: 'what is no object',
    files: { 'pages.jsonl': `${nested('')}\n` },
    says: /pages\.jsonl:1: expected/,
  },
  {
    what: 'what is expected',
    files: { 'expected/app/outcome.json': nested(''), 'expected/app/metrics.txt': '' },
    says: /outcome\.json:1: /,
  },
];

for (const { what, files, says } of DEEP_FILES) {
  test(`JSON that nests deeper than any stack is told by its line: ${what}`, async (t) => {
    assert.match((await faultOf(t, files)).slice(0, 500), says);
  });
}

test('a manifest that nests deeper than any stack, or stands for more than memory has, is told', async (t) => {
  const deep = `${MANIFEST}upstream: ${'['.repeat(50_000)}${']'.repeat(50_000)}\n`;
  assert.match(
    (await faultOf(t, { 'manifest.yaml': deep })).slice(0, 500),
    /manifest\.yaml:7:\d+: is nested more than 100 levels deep/,
  );
  const anchors = Array.from({ length: 30 }, (_, n) => {
    const ten = n === 0 ? 'x' : new Array<string>(10).fill(`*a${n - 1}`).join(', ');
    return `  - &a${n} [${ten}]`;
  });
  const laughs = `${MANIFEST}redactions:\n${anchors.join('\n')}\n`;
  assert.match(
    (await faultOf(t, { 'manifest.yaml': laughs })).slice(0, 500),
    /manifest\.yaml:\d+:\d+ redactions\[\d\]: stands for more than 100000 values/,
  );
});

for (const name of ['manifest.yaml', 'requests.jsonl', 'expected/app/metrics.txt']) {
  test(`a pipe or a folder in the place of ${name} is told, and not waited for`, async (t) => {
    const outcome = `{"outputs":[],"summary":{"ledgerCloses":true,"nodes":[],"requests":{"answers":{},"retries":0,"unreceived":{}},"unknownPages":[]}}`;
    const folder = await fixtureFolder(t, { 'expected/app/outcome.json': outcome, 'expected/app/metrics.txt': '' });
    await rm(join(folder, name));
    await promisify(execFile)('mkfifo', [join(folder, name)]);
    assert.match(await faultAt(folder), new RegExp(`${name}:?.* cannot be read:? \\(?it is no regular file`));
    await rm(join(folder, name));
    await mkdir(join(folder, name));
    assert.match(await faultAt(folder), new RegExp(`${name}:?.* cannot be read`));
  });
}

import assert from 'node:assert/strict';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { jobsOf } from '../../src/replay/jobs.ts';
import { runJob, type JobResult } from '../../src/replay/run-job.ts';
import { appendLine, CONFIG, fixtureFolder, INPUT, MANIFEST, pageLine, spansLine } from './fixture-folder.ts';

async function replayed(folder: string, update = false): Promise<JobResult> {
  const [job] = await jobsOf([folder], undefined);
  assert.ok(job);
  return await runJob(job, { update });
}

interface Bad {
  readonly what: string;
  readonly files: Readonly<Record<string, string | Uint8Array | undefined>>;
  readonly says: RegExp;
}

const TWO_RECEIVERS = ['a', 'b']
  .map((name, n) => `  otlp/${name}: { protocols: { http: { endpoint: 'localhost:${4318 + n}' } } }\n`)
  .join('');

const LONG = Array.from({ length: 2000 }, (_, n) => spansLine(n / 100, [{ trace: n + 1, id: n + 1 }])).join('');

const BAD: readonly Bad[] = [
  {
    what: 'no input at all',
    files: { 'requests.jsonl': undefined, 'files.jsonl': '', 'pages.jsonl': '\n' },
    says: /manifest\.yaml:1: the fixture has no input: requests\.jsonl, files\.jsonl, pages\.jsonl are all missing or empty; was it committed\?$/,
  },
  {
    what: 'a file that was recorded and is missing',
    files: { 'requests.jsonl': undefined, 'manifest.yaml': `${MANIFEST}input: { requests: 3, files: 3, pages: 3 }\n` },
    says: /manifest\.yaml:7:20 input\.requests: lines recorded: 3, and requests\.jsonl has none, or is missing; was it committed\?$/,
  },
  {
    what: 'fewer lines than were recorded',
    files: { 'manifest.yaml': `${MANIFEST}input: { files: 4 }\n` },
    says: /manifest\.yaml:7:17 input\.files: lines recorded: 4, and files\.jsonl has 3; where it was edited on purpose/,
  },
  {
    what: 'more pages than were recorded',
    files: { 'manifest.yaml': `${MANIFEST}input: { pages: 2 }\n` },
    says: /manifest\.yaml:7:17 input\.pages: lines recorded: 2, and pages\.jsonl has 3/,
  },
  {
    what: 'a file whose last line was cut off',
    files: { 'requests.jsonl': INPUT['requests.jsonl']!.slice(0, -20) },
    says: /requests\.jsonl:3: .*truncated/,
  },
  {
    what: 'a compressed file that was cut off',
    files: { 'requests.jsonl': undefined, 'requests.jsonl.gz': gzipSync(LONG).subarray(0, -2000) },
    says: /requests\.jsonl\.gz:\d+: cannot be read: unexpected end of file/,
  },
  {
    what: 'a compressed file that is none',
    files: { 'requests.jsonl': undefined, 'requests.jsonl.gz': 'plain text\n' },
    says: /requests\.jsonl\.gz:1: cannot be read: incorrect header check/,
  },
  {
    what: 'a file that is there twice',
    files: { 'requests.jsonl.gz': gzipSync('') },
    says: /requests\.jsonl\.gz:1: .*requests\.jsonl, too/,
  },
  {
    what: 'times of requests that go backwards',
    files: { 'requests.jsonl': spansLine(5, [{ trace: 1, id: 1 }]) + spansLine(4.999, [{ trace: 1, id: 2 }]) },
    says: /requests\.jsonl:2: goes back in time: 4\.999 comes after 5/,
  },
  {
    what: 'times of files that go backwards',
    files: { 'files.jsonl': appendLine(5, 'a\n') + appendLine(1, 'b\n') },
    says: /files\.jsonl:2: goes back in time/,
  },
  {
    what: 'times of pages that go backwards',
    files: { 'pages.jsonl': pageLine(5, '') + pageLine(1, '') },
    says: /pages\.jsonl:2: goes back in time/,
  },
  {
    what: 'a time before the start',
    files: { 'files.jsonl': appendLine(-1, 'a\n') },
    says: /files\.jsonl:1: at: /,
  },
  {
    what: 'an unknown member of a line',
    files: { 'files.jsonl': '{"at":1,"path":"/a","op":"append","text":"a\\n","mode":420}\n' },
    says: /files\.jsonl:1: .*"mode"/,
  },
  {
    what: 'an unknown member of a request',
    files: { 'requests.jsonl': INPUT['requests.jsonl']!.replace('"headers"', '"header"') },
    says: /requests\.jsonl:1: .*"header"/,
  },
  {
    what: 'a misspelt member, which is missing too',
    files: { 'files.jsonl': appendLine(1, 'a\n').replace('"path"', '"pth"') },
    says: /files\.jsonl:1: unknown member "pth", did you mean "path"\?$/,
  },
  {
    what: 'a misspelt operation',
    files: { 'files.jsonl': appendLine(1, 'a\n').replace('"append"', '"apend"') },
    says: /files\.jsonl:1: op: expected one of "append".* found "apend", did you mean "append"\?$/,
  },
  {
    what: 'an unknown operation',
    files: { 'files.jsonl': '\n{"at":1,"path":"/a","op":"shred"}\n' },
    says: /files\.jsonl:2: op: /,
  },
  {
    what: 'a line that is no JSON',
    files: { 'pages.jsonl': `${pageLine(1, '')}{"at":2,\n` },
    says: /pages\.jsonl:2: is not JSON/,
  },
  {
    what: 'a request that is no OTLP',
    files: { 'requests.jsonl': INPUT['requests.jsonl']!.replace('"traceId":"', '"traceId":"xyz') },
    says: /requests\.jsonl:1: body: /,
  },
  {
    what: 'several mistakes in a line',
    files: { 'requests.jsonl': '{"at":"1","receiver":"jaeger","transport":"udp","signal":"traces","body":{}}\n' },
    says: /requests\.jsonl:1: at: expected a number, found "1"; receiver: takes no requests; expected otlp or otlp\/<name>; transport: expected one of "grpc", "http", found "udp"$/,
  },
  {
    what: 'a page with mistakes',
    files: { 'pages.jsonl': pageLine(1, '').replace('200', '"200"').replace('"body"', '"bdy"') },
    says: /pages\.jsonl:1: status: expected a number, found "200"; unknown member "bdy"/,
  },
  {
    what: 'a member that is there twice',
    files: { 'files.jsonl': '{"at":1,"path":"/a","text":"a\\n","op":"append","text":"b\\n"}\n' },
    says: /files\.jsonl:1: has "text" twice/,
  },
  {
    what: 'a request with a body and bytes',
    files: { 'requests.jsonl': INPUT['requests.jsonl']!.replace('"body"', '"base64":"","body"') },
    says: /requests\.jsonl:1: has body and base64; keep one/,
  },
  {
    what: 'bytes that are no text',
    files: { 'files.jsonl': Buffer.from(appendLine(1, '\xff\n'), 'latin1') },
    says: /files\.jsonl:1: is not UTF-8; what is no text is written as base64/,
  },
  {
    what: 'requests over a transport that the receiver has not',
    files: { 'requests.jsonl': INPUT['requests.jsonl']!.replaceAll('"http"', '"grpc"') },
    says: /requests\.jsonl:1: goes to the receiver "otlp"; in this configuration it takes no requests over grpc, only otlp over http/,
  },
  {
    what: 'requests that several receivers would take',
    files: {
      'config.yaml': CONFIG.replace(/  otlp: .*\n/, TWO_RECEIVERS).replaceAll(/otlp\b(?=[,\]])/g, 'otlp/a, otlp/b'),
    },
    says: /requests\.jsonl:1: .* there is no "otlp", and several would do: otlp\/a over http, otlp\/b over http/,
  },
  {
    what: 'an outage of an exporter that there is not',
    files: { 'manifest.yaml': `${MANIFEST}upstream: [{ exporter: otlphtp, answer: unreachable }]\n` },
    says: /manifest\.yaml:7:\d+ upstream\[0\]\.exporter: there is no exporter "otlphtp", did you mean "otlphttp"\?/,
  },
  {
    what: 'a replay that proves nothing',
    files: { 'manifest.yaml': MANIFEST.replace('.yaml]', '.yaml], expect: nothing') },
    says: /manifest\.yaml:6:\d+ replays\.app: expects nothing and has no checks/,
  },
  {
    what: 'a request without a body',
    files: { 'requests.jsonl': '{"at":1,"receiver":"otlp","transport":"http","signal":"logs"}\n' },
    says: /requests\.jsonl:1: has neither body nor base64/,
  },
  {
    what: 'a path that leads upwards',
    files: { 'files.jsonl': appendLine(1, 'a\n', '/var/log/../../etc/passwd') },
    says: /files\.jsonl:1: path: is not an absolute path without \. and \.\./,
  },
  {
    what: 'a path that is longer than those of a system',
    files: { 'files.jsonl': appendLine(1, 'a\n', '/a'.repeat(5000)) },
    says: /files\.jsonl:1: path: /,
  },
  {
    what: 'a relative path',
    files: { 'files.jsonl': appendLine(1, 'a\n', 'app.log') },
    says: /files\.jsonl:1: path: /,
  },
  {
    what: 'an operation on a file that is not there',
    files: { 'files.jsonl': `${appendLine(1, 'a\n')}{"at":2,"path":"/var/log/app/other.log","op":"truncate"}\n` },
    says: /files\.jsonl:2: truncate of .*other\.log is not possible: ENOENT/,
  },
  {
    what: 'a configuration that is not there',
    files: { 'config.yaml': undefined },
    says: /manifest\.yaml:6:\d+ replays\.app\.config\[0\]: there is no config\.yaml, which is relative to the manifest/,
  },
  {
    what: 'a configuration with a mistake',
    files: { 'config.yaml': 'receivers: { otlp: { protocol: {} } }\nservice: { pipelines: {} }\n' },
    says: /config\.yaml:1:\d+ .*protocol/,
  },
  {
    what: 'an outage without an end, and a pipeline that waits for it',
    files: {
      'manifest.yaml': `${MANIFEST}limit: 10m\nupstream: [{ from: 0s, answer: unreachable }]\n`.replace(
        'config: [config.yaml]',
        'config: [config.yaml], set: [service.shutdown_timeout=10h, exporters.otlphttp.retry_on_failure.max_elapsed_time=0]',
      ),
    },
    says: /still waits for .*held by exporter otlphttp.*beyond the bound of 600s of virtual time/,
  },
  {
    what: 'input beyond the bound on virtual time',
    files: { 'manifest.yaml': `${MANIFEST}limit: 2s\n` },
    says: /The input goes on at 2\.\d*s|The input goes on at 3s, beyond the bound of 2s/,
  },
];

for (const { what, files, says } of BAD) {
  test(`a fixture with ${what} is invalid, and it says where`, async (t) => {
    const { status, error } = await replayed(await fixtureFolder(t, files));
    assert.match(error ?? status, says);
    assert.equal(status, 'invalid');
  });
}

const BAD_MANIFESTS: readonly { what: string; manifest: string; says: RegExp }[] = [
  {
    what: 'a newer format',
    manifest: MANIFEST.replace('1', '2'),
    says: /manifest\.yaml:1:9 format: 2 is newer.*reads, which is 1/,
  },
  { what: 'an unknown field', manifest: `${MANIFEST}colour: red\n`, says: /manifest\.yaml:7:1 colour/ },
  {
    what: 'an unknown field far inside',
    manifest: `${MANIFEST}upstream: [{ form: 2s }]\n`,
    says: /manifest\.yaml:7:14 upstream\[0\]\.form/,
  },
  {
    what: 'an outage that ends before it begins',
    manifest: `${MANIFEST}upstream: [{ from: 30s, until: 20s, answer: unreachable }]\n`,
    says: /manifest\.yaml:7:\d+ upstream\[0\]\.until: is not after "from"/,
  },
  {
    what: 'a name that leads elsewhere',
    manifest: MANIFEST.replace('app:', '../x:'),
    says: /manifest\.yaml:6:\d+ replays.*is not a plain name/,
  },
  {
    what: 'a format that never was',
    manifest: MANIFEST.replace('1', '0'),
    says: /manifest\.yaml:1:9 format: expected/,
  },
  {
    what: 'a start that is no time',
    manifest: MANIFEST.replace("'2026-06-01T00:00:00Z'", 'yesterday'),
    says: /manifest\.yaml:3:8 start: is not a time with its zone, such as 2026-11-26T10:00:00Z$/,
  },
  {
    what: 'a start that telemetry cannot have',
    manifest: MANIFEST.replace('2026-06-01', '1969-12-31'),
    says: /manifest\.yaml:3:8 start: is before 1970/,
  },
  {
    what: 'an offset in the place of a zone',
    manifest: `${MANIFEST}zone: '+03:00'\n`,
    says: /manifest\.yaml:7:7 zone: is not a time zone; use UTC or an IANA name/,
  },
  {
    what: 'memory that is no size',
    manifest: `${MANIFEST}memory: [{ used: much }]\n`,
    says: /manifest\.yaml:7:\d+ memory\[0\]\.used/,
  },
  {
    what: 'more than a manifest has',
    manifest: `${MANIFEST}# ${'x'.repeat(5 * 2 ** 20)}\n`,
    says: /manifest\.yaml: cannot be read \(it is larger than 4194304 bytes\)/,
  },
  { what: 'no start', manifest: MANIFEST.replace(/start.*\n/, ''), says: /manifest\.yaml:\d+:\d+ start/ },
  { what: 'no replays', manifest: MANIFEST.replace(/replays[^]*/, ''), says: /manifest\.yaml: it lists no replays/ },
  { what: 'a mistake in its YAML', manifest: `${MANIFEST}title: [\n`, says: /manifest\.yaml:\d+:\d+/ },
];

for (const { what, manifest, says } of BAD_MANIFESTS) {
  test(`a manifest with ${what} is invalid, at its line`, async (t) => {
    const folder = await fixtureFolder(t, { 'manifest.yaml': manifest });
    const { status, error } = await replayed(folder);
    assert.match(error ?? '', says);
    assert.equal(status, 'invalid');
  });
}

test('a folder that is no fixture, and has none in it, is told', async (t) => {
  const folder = await fixtureFolder(t, { 'manifest.yaml': undefined });
  await assert.rejects(jobsOf([folder], undefined), { code: 'fixture_invalid', message: /there is no manifest\.yaml/ });
  await assert.rejects(jobsOf([join(folder, 'none')], undefined), { message: /there is no such folder/ });
  await assert.rejects(jobsOf([await fixtureFolder(t)], 'xyz'), { message: /no replay has "xyz"/ });
});

for (const link of ['expected', 'expected/app']) {
  test(`nothing is written through ${link} when that is a link out of the fixture`, async (t) => {
    const [folder, outside] = [await fixtureFolder(t), await fixtureFolder(t, {}, 'outside')];
    if (link !== 'expected') await mkdir(join(folder, 'expected'));
    const before = await readdir(outside);
    await symlink(outside, join(folder, link));
    const { status, error } = await replayed(folder, true);
    assert.equal(status, 'invalid');
    assert.match(error ?? '', /expected.*leads out of the folder of the fixture/);
    assert.deepEqual(await readdir(outside), before);
  });
}

test('fixtures of the same name are told apart by their paths, and one that is named twice is one', async (t) => {
  const [first, second] = [await fixtureFolder(t), await fixtureFolder(t)];
  const namesOf = async (...paths: string[]) => (await jobsOf(paths, undefined)).map(({ name }) => name);
  assert.deepEqual(await namesOf(first, second), [`${first}/app`, `${second}/app`]);
  assert.deepEqual(await namesOf(first, `${first}/.`, first), ['app/app']);
});

test('a configuration may be named by an absolute path', async (t) => {
  const [folder, other] = [await fixtureFolder(t, { 'config.yaml': undefined }), await fixtureFolder(t, {}, 'other')];
  const manifest = MANIFEST.replace('[config.yaml]', JSON.stringify([join(other, 'config.yaml')]));
  await writeFile(join(folder, 'manifest.yaml'), manifest);
  assert.equal((await replayed(folder, true)).status, 'updated');
});

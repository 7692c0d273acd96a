import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { batchBytes } from '../../../src/core/batch.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { fileExporter } from '../../../src/exporters/file.ts';
import { AppendFile } from '../../../src/exporters/file/append-file.ts';
import { backupName } from '../../../src/exporters/file/rotation.ts';
import { countItems } from '../../../src/otlp/count.ts';
import { jsonToRequest } from '../../../src/otlp/json.ts';
import { codeOf, createExporter, NEVER, problems, reasonOf, startExporter } from '../../support/exporters.ts';
import { traceBatch } from '../../support/otlp-requests.ts';

const BATCH = traceBatch(5, 2);

function directoryFor(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'remora-file-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** The records of a length-prefixed file; fails when the last one is cut. */
function records(content: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < content.length;) {
    const end = at + 4 + content.readUInt32BE(at);
    assert.ok(end <= content.length);
    found.push(content.subarray(at + 4, end));
    at = end;
  }
  return found;
}

test('json writes one OTLP/JSON request a line', async (t) => {
  const path = join(directoryFor(t), 'out.json');
  await using exporter = await startExporter(fileExporter, { path });
  for (let i = 0; i < 3; i++) assert.equal((await exporter.send(BATCH, NEVER)).status, 'accepted');
  const content = readFileSync(path, 'utf8');
  assert.ok(content.endsWith('\n'));
  const lines = content.trimEnd().split('\n');
  assert.equal(lines.length, 3);
  for (const line of lines) assert.equal(countItems('traces', jsonToRequest('traces', Buffer.from(line))), 5);
});

test('proto writes each request behind its length, zstd each record compressed', async (t) => {
  const directory = directoryFor(t);
  const expected = Buffer.from(batchBytes(BATCH));
  for (const compression of ['', 'zstd']) {
    const path = join(directory, `out${compression}.pb`);
    await using exporter = await startExporter(fileExporter, { path, format: 'proto', compression });
    await exporter.send(BATCH, NEVER);
    await exporter.send(BATCH, NEVER);
    const found = records(readFileSync(path));
    assert.equal(found.length, 2);
    for (const record of found) assert.ok((compression === '' ? record : zstdDecompressSync(record)).equals(expected));
  }
});

test('what was accepted is in the file at once, and concurrent batches never interleave', async (t) => {
  const path = join(directoryFor(t), 'out.pb');
  await using exporter = await startExporter(fileExporter, { path, format: 'proto' });
  const batches = Array.from({ length: 40 }, (_, i) => traceBatch(1 + i, 1 + (i % 3)));
  const verdicts = await Promise.all(batches.map((batch) => exporter.send(batch, NEVER)));
  assert.ok(verdicts.every((verdict) => verdict.status === 'accepted'));
  const found = records(readFileSync(path));
  assert.deepEqual(
    found.map((record) => record.toString('hex')),
    batches.map((batch) => Buffer.from(batchBytes(batch)).toString('hex')),
  );
});

test('a start empties the file unless append is set', async (t) => {
  const path = join(directoryFor(t), 'out.json');
  for (const append of [false, true]) {
    writeFileSync(path, 'earlier\n');
    await using exporter = await startExporter(fileExporter, { path, append });
    await exporter.send(BATCH, NEVER);
    assert.equal(readFileSync(path, 'utf8').startsWith('earlier\n'), append);
  }
});

test('a full disk is retry storage_failed', async () => {
  await using exporter = await startExporter(fileExporter, { path: '/dev/full' });
  const verdict = await exporter.send(BATCH, NEVER);
  assert.equal(verdict.status, 'retry');
  assert.equal(codeOf(verdict), 'storage_failed');
  assert.match(reasonOf(verdict), /ENOSPC/);
  assert.equal((await exporter.send(BATCH, NEVER)).status, 'retry');
});

test('a file is rotated before it grows over its size, and only the newest backups stay', async (t) => {
  const directory = directoryFor(t);
  const clock = new VirtualClock(Date.UTC(2026, 0, 2, 15, 4, 5, 6));
  const path = join(directory, 'out.log');
  const rotation = { maxBytes: 100, maxAgeMs: 0, maxBackups: 2, localTime: false };
  const base = { path, append: false, createDirectory: false, directoryMode: 0o755, clock };
  const file = new AppendFile({ ...base, rotation });
  await file.open();
  for (let i = 0; i < 12; i++) await file.append([Buffer.from(`${String(i).padStart(2, '0')}${'x'.repeat(37)}\n`)]);
  await file.close();
  const names = readdirSync(directory).sort();
  assert.equal(names.length, 3);
  assert.ok(names.includes('out.log'));
  assert.ok(names.every((name) => name === 'out.log' || /^out-2026-01-02T15-04-05\.\d{3}\.log$/.test(name)));
  const kept = names.map((name) => readFileSync(join(directory, name), 'utf8'));
  assert.ok(kept.every((content) => content.length === 80));
  assert.deepEqual(
    kept.map((content) => content.slice(0, 2)),
    ['06', '08', '10'],
  );
});

test('records given together are spread over rotated files without loss', async (t) => {
  const directory = directoryFor(t);
  const rotation = { maxBytes: 100, maxAgeMs: 0, maxBackups: 0, localTime: false };
  const path = join(directory, 'out.log');
  const base = { path, append: false, createDirectory: false, directoryMode: 0o755, clock: new VirtualClock() };
  const file = new AppendFile({ ...base, rotation });
  await file.open();
  const sizes = [10, 250, 60, 60, 1, 99, 30, 30, 30, 30];
  await Promise.all(sizes.map((size, i) => file.append([Buffer.alloc(size, 97 + i)])));
  await file.close();
  const names = readdirSync(directory).sort();
  const contents = names.map((name) => readFileSync(join(directory, name), 'latin1'));
  assert.equal(contents.join('').length, 600);
  assert.ok(contents.every((content) => content.length <= 100 || /^(.)\1*$/.test(content)));
  assert.equal(contents.join(''), sizes.map((size, i) => String.fromCharCode(97 + i).repeat(size)).join(''));
});

test('backups older than max_days go', async (t) => {
  const directory = directoryFor(t);
  const clock = new VirtualClock(Date.UTC(2026, 0, 10));
  const path = join(directory, 'out.log');
  writeFileSync(join(directory, 'out-2026-01-01T00-00-00.000.log'), 'old');
  writeFileSync(join(directory, 'out-2026-01-09T00-00-00.000.log'), 'new');
  writeFileSync(join(directory, 'out-of-scope.log'), 'another file');
  const rotation = { maxBytes: 10, maxAgeMs: 3 * 86_400_000, maxBackups: 0, localTime: false };
  const base = { path, append: false, createDirectory: false, directoryMode: 0o755, clock };
  const file = new AppendFile({ ...base, rotation });
  await file.open();
  for (let i = 0; i < 2; i++) await file.append([Buffer.alloc(8)]);
  await file.close();
  const expected = [
    'out-2026-01-09T00-00-00.000.log',
    'out-2026-01-10T00-00-00.000.log',
    'out-of-scope.log',
    'out.log',
  ];
  assert.deepEqual(readdirSync(directory).sort(), expected);
});

test('backup names are those of lumberjack', () => {
  assert.equal(backupName('/x/a.json', false, Date.UTC(2026, 1, 3, 4, 5, 6, 78)), '/x/a-2026-02-03T04-05-06.078.json');
  assert.equal(backupName('/x/plain', false, Date.UTC(2026, 1, 3, 4, 5, 6, 0)), '/x/plain-2026-02-03T04-05-06.000');
});

test('create_directory makes the directory with its mode; without it the directory is checked beforehand', async (t) => {
  const directory = directoryFor(t);
  const path = join(directory, 'a/b/out.json');
  const config = { path, create_directory: true, directory_permissions: '0700' };
  await using exporter = await startExporter(fileExporter, config);
  assert.equal((await exporter.send(BATCH, NEVER)).status, 'accepted');
  assert.equal(statSync(join(directory, 'a/b')).mode & 0o777, 0o700);
  const parsed = fileExporter.parse({ path });
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.prepared.resources, [
    { kind: 'directory', directory: join(directory, 'a/b'), creates: false, path: ['path'] },
  ]);
  assert.equal(parsed.prepared.sending?.sending_queue.enabled, false);
});

test('a file that cannot be opened fails the start', async (t) => {
  const directory = directoryFor(t);
  mkdirSync(join(directory, 'taken'));
  const starting = startExporter(fileExporter, { path: join(directory, 'taken') });
  await assert.rejects(starting, { code: 'storage_failed' });
});

test('create opens nothing, stop before start and twice are fine, send after stop is retry', async (t) => {
  const directory = directoryFor(t);
  const exporter = await createExporter(fileExporter, { path: join(directory, 'out.json') });
  await exporter.stop?.(NEVER);
  await exporter.stop?.(NEVER);
  assert.equal(codeOf(await exporter.send(BATCH, NEVER)), 'shutting_down');
  assert.deepEqual(readdirSync(directory), []);
  const started = await startExporter(fileExporter, { path: join(directory, 'out.json') });
  const pending = started.send(BATCH, NEVER);
  await started.stop?.(NEVER);
  await started.stop?.(NEVER);
  assert.notEqual((await pending).status, 'rejected');
  assert.equal(codeOf(await started.send(BATCH, NEVER)), 'shutting_down');
});

test('configuration mistakes are named', () => {
  assert.ok(problems(fileExporter, {}).length > 0);
  assert.match(problems(fileExporter, { path: 'a', append: true, rotation: {} }).join(), /append and rotation/);
  assert.match(
    problems(fileExporter, { path: 'a', append: true, compression: 'zstd' }).join(),
    /append and compression/,
  );
  assert.match(problems(fileExporter, { path: 'a', compression: 'gzip' }).join(), /only zstd/);
});

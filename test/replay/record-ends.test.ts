import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openFixture } from '../../src/replay/fixture/fixture.ts';
import { LinesFile } from '../../src/replay/record/lines-file.ts';
import { replayFixture } from '../../src/replay/replay-fixture.ts';
import { freePort } from '../support/ports.ts';
import { remoraCommand, startCommand, temporaryDirectory, type Remora } from '../support/remora.ts';
import { until } from '../support/until.ts';
import { spanRequest } from './requests.ts';

/** How recordings end that are not stopped. */

interface Recording {
  readonly remora: Remora;
  readonly logs: string;
  readonly output: string;
  /** Sends so many spans; false when they were not taken. */
  readonly send: (name: string, count: number) => Promise<boolean>;
}

async function recording(t: TestContext, folder: string, args: readonly string[] = []): Promise<Recording> {
  const root = await temporaryDirectory(t);
  const [logs, output, config] = [join(root, 'logs'), join(root, 'output.jsonl'), join(root, 'config.yaml')];
  const port = await freePort();
  await mkdir(logs);
  await writeFile(
    config,
    `receivers:
  otlp: { protocols: { http: { endpoint: '127.0.0.1:${port}' } } }
  filelog: { include: ['${logs}/*.log'], start_at: beginning, poll_interval: 20ms }
exporters:
  file: { path: '${output}', flush_interval: 20ms }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp], exporters: [file] }
    logs: { receivers: [filelog], exporters: [file] }
`,
  );
  const remora = await startCommand(t, ['record', '--config', config, '--out', folder, ...args]);
  return {
    remora,
    logs,
    output,
    async send(name, count) {
      const headers = { 'content-type': 'application/x-protobuf' };
      const body = Buffer.from(spanRequest(name, count));
      return (await fetch(`http://127.0.0.1:${port}/v1/traces`, { method: 'POST', headers, body })).ok;
    },
  };
}

async function textIn(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}

/** Items that a replay of the recording delivers. */
async function replayedItems(folder: string): Promise<number> {
  const fixture = await openFixture(folder);
  const settings = fixture.manifest.replays['recorded'];
  assert.ok(settings);
  const { outputs, summary } = await replayFixture(fixture, settings);
  assert.equal(summary.ledgerCloses, true);
  return outputs.reduce((sum, { items }) => sum + items, 0);
}

test('a recording that was killed has what was recorded until then, and says what it has not', async (t) => {
  const folder = join(await temporaryDirectory(t), 'fixture');
  const live = await recording(t, folder);
  for (let i = 0; i < 10; i++) assert.ok(await live.send(`request ${i}`, 3));
  await appendFile(join(live.logs, 'app.log'), 'a line\n');
  await until(async () => (await textIn(join(folder, 'files.jsonl'))).includes('a line'), 'the line is recorded');
  await until(
    async () => (await textIn(join(folder, 'requests.jsonl'))).split('\n').length > 10,
    'so are the requests',
  );
  live.remora.kill('SIGKILL');
  await live.remora.ended;
  assert.match(await textIn(join(folder, 'manifest.yaml')), /^# .*ended it by force: what came last.* is not in it\./);
  assert.equal(await replayedItems(folder), 31);
  for (const name of await readdir(folder)) {
    assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600, name);
  }
});

/** How often each span and line was delivered. */
async function delivered(output: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const [, name = ''] of (await textIn(output)).matchAll(/"(?:name|stringValue)":"((?:span|line) \d+)/g)) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

test('with --then-run the same run goes on when the recording is whole: no item is lost or comes twice', async (t) => {
  const folder = join(await temporaryDirectory(t), 'fixture');
  const live = await recording(t, folder, ['--for', '400ms', '--then-run']);
  let count = 0;
  const send = async (): Promise<void> => {
    assert.ok(await live.send(`span ${count}`, 1));
    await appendFile(join(live.logs, 'app.log'), `line ${count}\n`);
    count += 1;
  };
  const isWhole = async (): Promise<boolean> => (await textIn(join(folder, 'manifest.yaml'))).includes('until:');
  while (!(await isWhole())) await send();
  const recorded = await Promise.all(['requests.jsonl', 'files.jsonl'].map((name) => textIn(join(folder, name))));
  for (let more = 0; more < 20; more++) await send();
  await until(async () => (await delivered(live.output)).size === 2 * count, 'all is delivered');
  const { code, stderr } = await live.remora.stop();
  assert.equal(code, 0);
  assert.match(stderr, /The recording ends, and the run goes on\.[^]*ledger: closed/);
  assert.deepEqual([...new Set((await delivered(live.output)).values())], [1]);
  const after = await Promise.all(['requests.jsonl', 'files.jsonl'].map((name) => textIn(join(folder, name))));
  assert.deepEqual(after, recorded, 'nothing is recorded after the end');
  const items = await replayedItems(folder);
  assert.ok(items > 0 && items < 2 * count, `${items} of ${2 * count}`);
});

test('with --then-run and a folder that has something in it, it runs without a recording', async (t) => {
  const folder = join(await temporaryDirectory(t), 'fixture');
  await mkdir(folder);
  await writeFile(join(folder, 'manifest.yaml'), 'of an earlier one');
  const live = await recording(t, folder, ['--for', '10m', '--then-run']);
  assert.match(live.remora.stderr(), /Nothing is recorded, and it runs without\. .*something in it already/);
  assert.ok(await live.send('span 1', 1));
  const { code } = await live.remora.stop();
  assert.equal(code, 0);
  assert.equal((await delivered(live.output)).size, 1);
  assert.deepEqual(await readdir(folder), ['manifest.yaml']);
  assert.equal(await textIn(join(folder, 'manifest.yaml')), 'of an earlier one');
});

test('where the disk is full, the recording ends with what it has, and the run goes on', async (t) => {
  const disk = await smallDisk(t, 256 * 1024);
  if (disk === undefined) {
    t.skip('this user may not mount');
    return;
  }
  const folder = join(disk, 'fixture');
  const live = await recording(t, folder);
  let sent = 0;
  const send = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) assert.ok(await live.send(`request ${(sent += 1)}`, 50));
  };
  while (!live.remora.stderr().includes('The recording ends')) await send(5);
  await send(20);
  const { code, stderr } = await live.remora.stop();
  assert.equal(code, 1);
  assert.match(stderr, /The recording ends, and the run goes on\. .*requests\.jsonl cannot be written: ENOSPC/);
  const delivered = (await textIn(live.output)).match(/"spanId"/g)?.length;
  assert.equal(delivered, sent * 50, 'the pipelines lost nothing');
  const items = await replayedItems(folder);
  assert.ok(items > 0 && items < sent * 50 && items % 50 === 0, `${items}`);
});

test('a failed write leaves whole lines, and is told of once', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'a.jsonl');
  const failures: string[] = [];
  const onFailure = (error: Error): number => failures.push(error.message);
  await writeFile(path, 'there already');
  const second = new LinesFile({ path, limitBytes: 100, onFailure });
  second.write('a\n', 2);
  await second.close();
  second.write('b\n', 2);
  await second.close();
  assert.match(failures.join(), /^EEXIST/);
  assert.equal(await textIn(path), 'there already');
  const slow = new LinesFile({ path: `${path}.2`, limitBytes: 100, onFailure });
  for (let i = 0; i < 20; i++) slow.write('0123456789\n', 11);
  await slow.close();
  assert.deepEqual(failures.slice(1), ['the disk does not keep up']);
  assert.match(await textIn(`${path}.2`), /^(0123456789\n)*$/);
});

test('nothing is recorded over what is there, nor where a replay could not read the configuration', async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'note'), 'mine');
  const there = await remoraCommand(t, ['record', '--config', 'pipelines/upstream.yaml', '--out', directory]);
  assert.notEqual(there.code, 0);
  assert.match(there.stderr, /there is something in it already; name a new folder/);
  assert.deepEqual(await readdir(directory), ['note']);
  const inline = await remoraCommand(t, ['record', '--config', 'yaml:{}', '--out', join(directory, 'new')]);
  assert.equal(inline.code, 2);
  assert.match(inline.stderr, /name files with --config/);
});

/** A file system of its own; undefined where this user may not mount one. */
async function smallDisk(t: TestContext, bytes: number): Promise<string | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'remora-small-disk-'));
  let isMounted = false;
  t.after(async () => {
    if (isMounted) execFileSync('umount', ['--lazy', directory], { stdio: 'ignore' });
    await rm(directory, { recursive: true, force: true });
  });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'tmpfs', directory], { stdio: 'ignore' });
    isMounted = true;
    return directory;
  } catch {
    return undefined;
  }
}

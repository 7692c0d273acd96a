import assert from 'node:assert/strict';
import {
  appendFile,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { openFixture } from '../../src/replay/fixture/fixture.ts';
import { readManifest } from '../../src/replay/fixture/manifest.ts';
import { itemsOf } from '../../src/replay/output/items.ts';
import { textOf } from '../../src/replay/output/json-value.ts';
import { replayFixture } from '../../src/replay/replay-fixture.ts';
import { freePort } from '../support/ports.ts';
import { remoraCommand, startCommand } from '../support/remora.ts';
import { until } from '../support/until.ts';

const CANARY = 'CANARY0123456789';

interface Recording {
  readonly folder: string;
  readonly logs: string;
  readonly output: string;
  readonly otlp: string;
  readonly stop: () => Promise<{ code: number | null; stderr: string }>;
  readonly ended: Promise<{ code: number | null; stderr: string }>;
}

/** `remora record` of log files and OTLP/HTTP, which writes what it delivers to a file. */
async function recording(
  t: TestContext,
  args: readonly string[] = [],
  startAt = 'beginning',
  before = '',
): Promise<Recording> {
  const root = await mkdtemp(join(tmpdir(), 'remora-record-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const [folder, logs, output] = [join(root, 'fixture'), join(root, 'logs'), join(root, 'output.jsonl')];
  await mkdir(logs);
  if (before !== '') await writeFile(join(logs, 'app.log'), before);
  const port = await freePort();
  const config = join(root, 'config.yaml');
  await writeFile(
    config,
    `receivers:
  otlp: { protocols: { http: { endpoint: '127.0.0.1:${port}' } } }
  filelog: { include: ['${logs}/*.log'], start_at: ${startAt}, poll_interval: 20ms }
exporters:
  file: { path: '${output}', flush_interval: 20ms }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp], exporters: [file] }
    logs: { receivers: [otlp, filelog], exporters: [file] }
`,
  );
  const remora = await startCommand(t, ['record', '--config', config, '--out', folder, ...args]);
  return { folder, logs, output, otlp: `http://127.0.0.1:${port}`, stop: () => remora.stop(), ended: remora.ended };
}

async function textIn(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}

/** The bodies of the log lines that a replay of a recording delivers, in order. */
async function replayedLines(folder: string): Promise<string[]> {
  const fixture = await openFixture(folder);
  const settings = fixture.manifest.replays['recorded'];
  assert.ok(settings);
  const { outputs, summary } = await replayFixture(fixture, settings);
  assert.equal(summary.ledgerCloses, true);
  return outputs
    .filter(({ signal }) => signal === 'logs')
    .flatMap(({ lines }) =>
      Array.from(itemsOf(lines ?? Buffer.of()), ({ body }) => textOf(body, 'body', 'stringValue')),
    );
}

test('what a receiver read over a rotation by rename and one by copytruncate is recorded, and replayed with equal lines', async (t) => {
  const lines = ['line 1 of the program'];
  const live = await recording(t, [], 'beginning', `${lines.join('')}\n`);
  const path = join(live.logs, 'app.log');
  const write = async (count: number): Promise<void> => {
    const fresh = Array.from({ length: count }, (_, i) => `line ${lines.length + i + 1} of the program`);
    lines.push(...fresh);
    await appendFile(path, fresh.map((line) => `${line}\n`).join(''));
    await until(
      async () => (await textIn(live.output)).includes(`"line ${lines.length} of the program"`),
      'the lines are delivered',
    );
    // Programs do not rotate within the milliseconds in which a receiver looks for files.
    await pause(250);
  };
  await write(20);
  await rename(path, `${path}.1`);
  await write(20);
  await copyFile(path, `${path}.2`);
  await truncate(path);
  await write(7);
  assert.equal((await live.stop()).code, 0);
  assert.deepEqual(await replayedLines(live.folder), lines);
  const operations = (await textIn(join(live.folder, 'files.jsonl'))).match(/"op":"(rename|remove|truncate)"/g);
  assert.ok(operations !== null && operations.length >= 2, String(operations));
});

test('what was there before is passed over by the replay, too, when the receiver begins at the end', async (t) => {
  for (const before of ['old line\n', 'old line\n'.repeat(1000)]) {
    const live = await recording(t, [], 'end', before);
    await appendFile(join(live.logs, 'app.log'), 'new line\n');
    await until(async () => (await textIn(live.output)).includes('new line'), 'the line is delivered');
    assert.equal((await live.stop()).code, 0);
    assert.deepEqual(await replayedLines(live.folder), ['new line']);
    assert.doesNotMatch(await textIn(join(live.folder, 'files.jsonl')), /old/, 'nor is it in the recording');
  }
});

test('secrets never reach the disk: in headers, attributes, log lines, URLs and what the user names', async (t) => {
  const live = await recording(t, ['--redact', 'user.email']);
  const attribute = (key: string, stringValue: string): object => ({ key, value: { stringValue } });
  const attributes = [
    attribute('db.password', CANARY),
    attribute('http.request.header.authorization', `Bearer ${CANARY}`),
    attribute('url.full', `https://ann:${CANARY}@shop.example/`),
    attribute('user.email', `${CANARY}@example.com`),
    attribute('http.route', '/kept'),
  ];
  const span = {
    traceId: '1'.repeat(32),
    spanId: '1'.repeat(16),
    name: `GET /?api_key=${CANARY}`,
    startTimeUnixNano: '1',
    endTimeUnixNano: '2',
    attributes,
  };
  const post = async (client: number): Promise<number> => {
    const headers = {
      'content-type': 'application/json',
      authorization: `Bearer ${CANARY}${client}`,
      'x-api-key': CANARY,
      cookie: `session=${CANARY}`,
      'x-tenant': 'kept',
    };
    const body = JSON.stringify({ resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans: [span] }] }] });
    return (await fetch(`${live.otlp}/v1/traces`, { method: 'POST', headers, body })).status;
  };
  for (const client of [1, 1, 2]) assert.equal(await post(client), 200);
  await appendFile(
    join(live.logs, 'app.log'),
    `login with password=${CANARY} and Authorization: Bearer ${CANARY}\nkept\n`,
  );
  await until(async () => (await textIn(live.output)).includes('"kept"'), 'the lines are delivered');
  assert.equal((await live.stop()).code, 0);
  const names = await readdir(live.folder);
  assert.deepEqual(names.sort(), ['files.jsonl', 'manifest.yaml', 'requests.jsonl']);
  for (const name of names) assert.doesNotMatch(await textIn(join(live.folder, name)), new RegExp(CANARY), name);
  const requests = await textIn(join(live.folder, 'requests.jsonl'));
  assert.match(requests, /"x-tenant":"kept".*\/kept/);
  const [first, second, other] = Array.from(
    requests.matchAll(/"authorization":"(\[REDACTED:[0-9a-f]{10}\])"/g),
    ([, placeholder]) => placeholder,
  );
  assert.ok(first !== undefined && first === second && other !== undefined && first !== other, 'clients stay apart');
  assert.match(await textIn(join(live.folder, 'manifest.yaml')), /values of user\.email/);
  assert.match(await textIn(join(live.folder, 'manifest.yaml')), /^title: Recorded with config\.yaml$/m);
});

test('a private key that is written to a file bit by bit does not reach the disk, and its lines are replayed', async (t) => {
  const live = await recording(t);
  // Put together here, so that no scanner takes this file for a leak.
  const [begin, end] = ['BEGIN', 'END'].map((word) => `-----${word} PRIVATE KEY-----`);
  const lines = ['before', begin, 'MIIC4RYA'.repeat(8), 'MIIC4RYB'.repeat(8), 'MIIC', end, 'after'];
  for (const line of lines) {
    await appendFile(join(live.logs, 'app.log'), `${line}\n`);
    await until(async () => (await textIn(live.output)).includes(`"${line}"`), 'the line is delivered');
  }
  assert.equal((await live.stop()).code, 0);
  assert.doesNotMatch(await textIn(join(live.folder, 'files.jsonl')), /MIIC/);
  const replayed = await replayedLines(live.folder);
  assert.deepEqual([replayed.length, replayed[0], replayed.at(-1)], [lines.length, 'before', 'after']);
});

test('a recording that cannot start leaves nothing behind, neither the folder nor those that were made for it', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'remora-record-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const [absent, wrong, folder] = [join(root, 'absent.yaml'), join(root, 'wrong.yaml'), join(root, 'a', 'b')];
  await writeFile(wrong, 'receivers: { nothing: {} }');
  for (const config of [absent, wrong]) {
    const { code } = await remoraCommand(t, ['record', '--config', config, '--out', folder]);
    assert.notEqual(code, 0);
    assert.deepEqual(await readdir(root), ['wrong.yaml']);
  }
  await mkdir(folder, { recursive: true });
  const { code } = await remoraCommand(t, ['record', '--config', absent, '--out', folder]);
  assert.notEqual(code, 0);
  assert.deepEqual(await readdir(join(root, 'a')), ['b'], 'a folder that was there stays');
});

test('--max-size ends a recording, which is whole', async (t) => {
  const live = await recording(t, ['--max-size', '20KiB']);
  const text = Array.from({ length: 200 }, (_, n) => `line ${n} ${'x'.repeat(200)}\n`).join('');
  await appendFile(join(live.logs, 'app.log'), text.slice(0, 10_000));
  await until(async () => (await textIn(live.output)).includes('line 40 '), 'the lines are delivered');
  await appendFile(join(live.logs, 'app.log'), text.slice(10_000));
  const { code, stderr } = await live.ended;
  assert.equal(code, 0);
  assert.match(stderr, /The recording ends\. It has 20KiB\./);
  assert.ok((await replayedLines(live.folder)).length > 40);
  // What a merge doubled, or lost, is told.
  const path = join(live.folder, 'files.jsonl');
  const lines = (await textIn(path)).split('\n').slice(0, -1);
  assert.equal((await readManifest(live.folder)).input?.files, lines.length);
  await appendFile(path, `${lines.at(-1)}\n`);
  await assert.rejects(replayedLines(live.folder), {
    message: /input\.files: lines recorded: \d+, and files\.jsonl has/,
  });
});

test('--for ends a recording after that time', async (t) => {
  const live = await recording(t, ['--for', '300ms']);
  const { code } = await live.ended;
  assert.equal(code, 0);
  const manifest = await readManifest(live.folder);
  assert.deepEqual(manifest.input, { requests: 0, files: 0, pages: 0 });
  assert.ok((manifest.until ?? 0) >= 250, String(manifest.until));
});

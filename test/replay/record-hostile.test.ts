import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openFixture } from '../../src/replay/fixture/fixture.ts';
import { compareItems } from '../../src/replay/output/compare.ts';
import { replayFixture } from '../../src/replay/replay-fixture.ts';
import { freePort } from '../support/ports.ts';
import { startCommand, temporaryDirectory } from '../support/remora.ts';
import { until } from '../support/until.ts';
import { deliveredIn } from './recorded-demo.ts';
import { spanRequest } from './requests.ts';

const CANARY = 'CANARY0123456789';

async function textIn(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}

test('compressed and broken requests, long lines, other scripts and bytes are recorded, and replayed as they were', async (t) => {
  const root = await temporaryDirectory(t);
  const [folder, logs, output] = [join(root, 'fixture'), join(root, 'logs'), join(root, 'output.jsonl')];
  const [config, port] = [join(root, 'config.yaml'), await freePort()];
  await mkdir(logs);
  await writeFile(
    config,
    `receivers:
  otlp: { protocols: { http: { endpoint: '127.0.0.1:${port}' } } }
  filelog: { include: ['${logs}/*.log'], start_at: beginning, poll_interval: 20ms }
exporters:
  file/it: { path: '${output}', flush_interval: 20ms }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp], exporters: [file/it] }
    logs: { receivers: [filelog], exporters: [file/it] }
`,
  );
  const live = await startCommand(t, ['record', '--config', config, '--out', folder, '--redact', 'X-Customer']);
  const post = async (body: Uint8Array, headers: Record<string, string>): Promise<number> => {
    const url = `http://127.0.0.1:${port}/v1/traces`;
    const plain = { 'content-type': 'application/x-protobuf', 'X-Customer': CANARY, 'proxy-authorization': CANARY };
    return (await fetch(url, { method: 'POST', headers: { ...plain, ...headers }, body: Buffer.from(body) })).status;
  };
  assert.equal(await post(gzipSync(spanRequest('zipped', 3)), { 'content-encoding': 'gzip' }), 200);
  assert.equal(await post(Buffer.from('no protobuf'), {}), 400);
  assert.equal(await post(spanRequest('after', 2), { 'x-forwarded': `Bearer ${CANARY}` }), 200);

  const lines = [
    'ß€😀'.repeat(30_000),
    `x${'€'.repeat(60_000)}`,
    'a'.repeat(300_000),
    '{"password":"' + CANARY + ' ' + CANARY + '"}',
  ];
  // In one write: a pause amid a line would make two of it.
  appendFileSync(join(logs, 'app.log'), lines.map((line) => `${line}\n`).join(''));
  await appendFile(
    join(logs, 'bytes.log'),
    Buffer.concat([Buffer.from([0xff, 0xfe, 0x00, 0x80]), Buffer.from('end\n')]),
  );
  await until(
    async () => (await textIn(output)).split('"logRecords"').length > 1 && (await textIn(output)).includes('password'),
    'all came',
  );
  await until(async () => (await textIn(output)).includes('end"'), 'the bytes came');
  assert.equal((await live.stop()).code, 0);

  for (const name of ['requests.jsonl', 'files.jsonl', 'manifest.yaml']) {
    assert.doesNotMatch(await textIn(join(folder, name)), new RegExp(CANARY), name);
  }
  const requests = (await textIn(join(folder, 'requests.jsonl'))).trimEnd().split('\n');
  assert.deepEqual(
    requests.map((line) => /"(body|base64)":/.exec(line)?.[1]),
    ['body', 'base64', 'body'],
  );
  const bytes = (await textIn(join(folder, 'files.jsonl'))).split('\n').filter((line) => line.includes('"base64"'));
  assert.ok(bytes.length > 0 && bytes.every((line) => line.includes('bytes.log')), 'texts are recorded as such');

  const fixture = await openFixture(folder);
  const settings = fixture.manifest.replays['recorded'];
  assert.ok(settings);
  const { outputs, summary } = await replayFixture(fixture, settings);
  assert.deepEqual(summary.requests.answers, { accepted: 2, malformed: 1 });
  const delivered = await deliveredIn(output);
  for (const { signal, lines: replayed } of outputs) {
    const live = delivered.get(signal);
    assert.ok(live && replayed);
    const differences = compareItems(signal, live, replayed);
    // But for what was taken out.
    assert.deepEqual(
      differences.map(({ what }) => what).filter((what) => !what.includes('password')),
      [],
    );
  }
});

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { encodeResponse, encodeStatus } from '../../src/otlp/response.ts';
import { openFixture, type Fixture } from '../../src/replay/fixture/fixture.ts';
import { upstreamPhases } from '../../src/replay/fixture/manifest.ts';
import { replayFixture } from '../../src/replay/replay-fixture.ts';
import { grpcUpstream, type GrpcAnswer } from '../support/grpc-upstream.ts';
import { httpUpstream } from '../support/http-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, startCommand, temporaryDirectory, type Ended } from '../support/remora.ts';
import { until } from '../support/until.ts';
import { spanRequest } from './requests.ts';

interface Recording {
  readonly folder: string;
  /** Sends two items; the recording takes them at once. */
  readonly send: (name: string, signal?: 'traces' | 'logs') => Promise<void>;
  /** Waits until so many attempts have failed for want of an upstream. */
  readonly refused: (count: number) => Promise<void>;
  readonly stop: () => Promise<Ended>;
}

const LOGS = JSON.stringify({
  resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'a' } }, { body: { stringValue: 'b' } }] }] }],
});

/** `remora record` of OTLP/HTTP with one exporter, which sends each request by itself. */
async function recording(t: TestContext, exporter: string): Promise<Recording> {
  const root = await temporaryDirectory(t);
  const [folder, port] = [join(root, 'fixture'), await freePort()];
  const config = `receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:${port}' } } } }
exporters: { ${exporter} }
service:
  shutdown_timeout: 1s
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp], exporters: [${exporter.slice(0, exporter.indexOf(':'))}] }
    logs: { receivers: [otlp], exporters: [${exporter.slice(0, exporter.indexOf(':'))}] }
`;
  const path = join(root, 'config.yaml');
  await writeFile(path, config);
  const remora = await startCommand(t, ['record', '--config', path, '--out', folder]);
  return {
    folder,
    async send(name, signal = 'traces') {
      const isTraces = signal === 'traces';
      const response = await fetch(`http://127.0.0.1:${port}/v1/${signal}`, {
        method: 'POST',
        headers: { 'content-type': isTraces ? 'application/x-protobuf' : 'application/json' },
        body: isTraces ? Buffer.from(spanRequest(name, 2)) : LOGS,
      });
      assert.equal(response.status, 200);
    },
    refused: (count) =>
      until(() => remora.stderr().split('ECONNREFUSED').length > count, 'the upstream cannot be reached'),
    stop: () => remora.stop(),
  };
}

const RETRIES = [
  'sending_queue: { num_consumers: 1 }',
  'retry_on_failure: { initial_interval: 60ms, max_interval: 200ms, max_elapsed_time: 0 }',
].join(', ');

/** What the exporter did, live and in the replay of the recording. */
async function sameLedger(folder: string, ended: Ended): Promise<Fixture> {
  const fixture = await openFixture(folder);
  const settings = fixture.manifest.replays['recorded'];
  assert.ok(settings);
  const { summary } = await replayFixture(fixture, settings);
  const rows = (list: readonly { stage: string; signal: string }[]): object[] =>
    list.filter(({ stage }) => stage === 'exporter').sort((a, b) => (a.signal < b.signal ? -1 : 1));
  const live = ledgerOf(ended).lines.map(({ stage, node, signal, received, passed, dropped, rejected, held }) => {
    return { stage, node, signal, received, passed, dropped, rejected, held };
  });
  const replayed = summary.nodes.map(({ stage, node, signal, received, passed, dropped, rejected, held = 0 }) => {
    return { stage, node, signal, received, passed, dropped: { ...dropped }, rejected: { ...rejected }, held };
  });
  assert.deepEqual(rows(replayed), rows(live));
  return fixture;
}

/** A change of behaviour falls between two attempts: a live one may be late by three quarters of this. */
const BETWEEN_MS = 600;

test('an upstream over HTTP that refuses, is busy, slow and away is recorded, and refuses, is busy, slow and away in the replay', async (t) => {
  let upstream = await httpUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const { port } = upstream;
  const live = await recording(t, `otlphttp: { endpoint: '${upstream.url}', compression: none, ${RETRIES} }`);
  let requests = 0;
  const answers = async (count: number): Promise<void> => {
    await until(() => upstream.seen.length >= count, `${count} requests came`);
    await pause(BETWEEN_MS);
  };
  const when = async (answer: (response: ServerResponse) => void, names: readonly string[]): Promise<void> => {
    upstream.answer = (_request, response) => answer(response);
    for (const name of names) await live.send(name);
    await answers((requests += names.length));
  };
  const ok = (response: ServerResponse): void => void response.end();
  await when(ok, ['a', 'b']);
  await when((response) => response.writeHead(400, { 'content-type': 'text/plain' }).end('token=CANARY is bad'), ['c']);
  const partial = encodeResponse('traces', 1, 'too old', 'proto');
  await when((response) => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(partial), ['d']);
  await when((response) => setTimeout(() => response.end(), 600), ['e']);
  await pause(600);
  let busy = 1;
  await when((response) => (busy-- > 0 ? response.writeHead(429, { 'retry-after': '1' }).end() : ok(response)), ['f']);
  await answers((requests += 1));
  await upstream[Symbol.asyncDispose]();
  await live.send('g');
  await live.refused(1);
  await pause(BETWEEN_MS);
  upstream = await httpUpstream(undefined, port);
  await answers(1);
  // A backend without logs: it refuses these, and takes spans.
  upstream.answer = ({ url }, response) => void response.writeHead(url === '/v1/logs' ? 404 : 200).end();
  for (const name of ['h', 'i', 'j']) {
    await live.send(name);
    await live.send(name, 'logs');
  }
  await answers(7);
  const ended = await live.stop();
  const fixture = await sameLedger(live.folder, ended);

  const kinds = upstreamPhases(fixture.manifest).map(({ signal, delayMs, answer }) => ({ signal, delayMs, answer }));
  const found = (signal: string, kind: string): (typeof kinds)[number] | undefined =>
    kinds.find((one) => one.signal === signal && one.answer.kind === kind);
  // On a busy machine it may have been slow as well.
  assert.deepEqual(found('traces', 'status')?.answer, {
    kind: 'status',
    status: 400,
    message: 'token=[REDACTED] is bad',
    retryAfterMs: undefined,
  });
  assert.deepEqual(found('traces', 'partial')?.answer, { kind: 'partial', rejected: 1, message: 'too old' });
  const delaysMs = kinds.filter(({ answer }) => answer.kind === 'accept').map(({ delayMs }) => delayMs);
  assert.ok(Math.max(...delaysMs) >= 400, delaysMs.join());
  assert.ok(
    kinds.some(({ answer }) => answer.kind === 'status' && answer.status === 429 && answer.retryAfterMs === 1000),
  );
  assert.ok(found('traces', 'unreachable') !== undefined);
  assert.ok(found('logs', 'status') !== undefined);
  const manifest = await readFile(join(live.folder, 'manifest.yaml'), 'utf8');
  assert.match(manifest, /# How the upstream behaved when it did not accept at once\.\n/);
  assert.doesNotMatch(manifest, /CANARY/);
  // There is one exporter: what happened to it happens to whatever replaces it.
  assert.doesNotMatch(manifest, /exporter:/);
});

test('so is one over gRPC', async (t) => {
  let upstream = await grpcUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const { port } = upstream;
  const live = await recording(t, `otlp: { endpoint: '${upstream.endpoint}', tls: { insecure: true }, ${RETRIES} }`);
  const seen = async (count: number): Promise<void> => {
    await until(() => upstream.seen.length >= count, `${count} requests came`);
    await pause(BETWEEN_MS);
  };
  const script: GrpcAnswer[] = [
    {},
    { code: 3, message: 'bad span' },
    { code: 14, message: 'busy', details: Buffer.from(encodeStatus(14, 'busy', 700, 'proto')) },
    { body: encodeResponse('traces', 2, 'full', 'proto') },
  ];
  upstream.answer = () => script.shift() ?? {};
  for (const [index, name] of ['a', 'b', 'c'].entries()) {
    await live.send(name);
    await seen(index + 1);
  }
  await seen(4);
  await upstream[Symbol.asyncDispose]();
  await live.send('d');
  await live.refused(1);
  await pause(BETWEEN_MS);
  upstream = await grpcUpstream(undefined, port);
  await seen(1);
  const ended = await live.stop();
  const fixture = await sameLedger(live.folder, ended);
  const phases = upstreamPhases(fixture.manifest).map(({ answer }) => answer);
  // On a busy machine it may have been slow as well.
  const answers = phases.filter(({ kind }) => kind !== 'accept');
  assert.deepEqual(answers[0], { kind: 'status', status: 400, message: 'bad span', retryAfterMs: undefined });
  assert.deepEqual(answers[1], { kind: 'status', status: 503, message: 'busy', retryAfterMs: 700 });
  assert.deepEqual(answers[2], { kind: 'partial', rejected: 2, message: 'full' });
  assert.ok(answers.slice(3).some(({ kind }) => kind === 'unreachable'));
});

test('an outage that outlasts the recording has no end in the manifest, and what was not delivered is not in the replay', async (t) => {
  const upstream = await httpUpstream();
  const live = await recording(
    t,
    `otlphttp: { endpoint: '${upstream.url}', compression: none, ${RETRIES}, timeout: 2s }`,
  );
  await live.send('a');
  await until(() => upstream.seen.length === 1, 'the first request came');
  await upstream[Symbol.asyncDispose]();
  await live.send('b');
  await live.refused(1);
  const ended = await live.stop();
  const { manifest } = await sameLedger(live.folder, ended);
  assert.deepEqual(
    manifest.upstream
      .filter(({ answer }) => answer !== 'accept')
      .map(({ until: end, answer, signal }) => ({ end, answer, signal })),
    [{ end: undefined, answer: 'unreachable', signal: undefined }],
  );
});

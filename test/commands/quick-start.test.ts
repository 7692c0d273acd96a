import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isRecord } from '../../src/config/records.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';
import { Spawned } from './spawned.ts';

/** What README tells a newcomer to do, done. */

const ROOT = join(import.meta.dirname, '../..');

async function emptyDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'remora-quick-start-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

interface Ports {
  readonly grpc: number;
  readonly http: number;
  readonly health: number;
  readonly metrics: number;
}

async function freePorts(): Promise<Ports> {
  const [grpc, http, health, metrics] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  return { grpc, http, health, metrics };
}

function withPorts({ grpc, http, health, metrics }: Ports): string[] {
  const reader = `[{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${metrics}}}}}]`;
  const scrape = `[{job_name: remora, scrape_interval: 500ms, scrape_timeout: 500ms, static_configs: [{targets: ['127.0.0.1:${metrics}']}]}]`;
  return [
    `receivers.otlp.protocols.grpc.endpoint=127.0.0.1:${grpc}`,
    `receivers.otlp.protocols.http.endpoint=127.0.0.1:${http}`,
    `extensions.health_check.endpoint=127.0.0.1:${health}`,
    `receivers.prometheus.config.scrape_configs=${scrape}`,
    `service.telemetry.metrics.readers=${reader}`,
  ].flatMap((set) => ['--set', set]);
}

/** The request of README's curl. */
async function requestOfReadme(): Promise<string> {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const body = /-d '(\{.*?\})'\n/s.exec(readme)?.[1];
  assert.ok(body !== undefined);
  return body;
}

async function linesOf(path: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const complete = text.slice(0, text.lastIndexOf('\n') + 1);
  const lines = complete.split('\n').filter((line) => line !== '');
  return lines.map((line): unknown => JSON.parse(line)).filter(isRecord);
}

test('what npm start runs shows a trace and a log line, and writes them to ./out', async (t) => {
  const cwd = await emptyDirectory(t);
  const ports = await freePorts();
  const config = join(ROOT, 'pipelines/default.yaml');
  const remora = new Spawned(t, ['run', '--config', config, ...withPorts(ports)], { cwd });
  await until(() => remora.stderr.includes('Everything is ready.') || !remora.isRunning, 'Remora is ready');
  assert.doesNotMatch(remora.stderr, /WARN|ERROR|warning:|error:/);

  const answer = await fetch(`http://127.0.0.1:${ports.http}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: await requestOfReadme(),
  });
  assert.deepEqual([answer.status, await answer.text()], [200, '{}']);
  // The folder did not exist when Remora started.
  await mkdir(join(cwd, 'logs'));
  await appendFile(join(cwd, 'logs/app.log'), '{"level":"info","msg":"hello"}\n');

  const summary = /^traces: 1 .*\n(?:.*\n)*?logs: 1 |^logs: 1 .*\n(?:.*\n)*?traces: 1 /m;
  await until(() => summary.test(remora.stdout) && /^metrics: /m.test(remora.stdout), 'all three signals are shown');
  const file = join(cwd, 'out/telemetry.jsonl');
  const has = async (key: string, text: string): Promise<boolean> =>
    (await linesOf(file)).some((line) => key in line && JSON.stringify(line).includes(text));
  await until(() => has('resourceSpans', '"name":"first"'), 'the trace is in the file');
  await until(() => has('resourceLogs', '"msg"'), 'the log line is in the file');
  await until(() => has('resourceMetrics', 'otelcol_receiver_accepted_spans'), 'the metrics are in the file');

  const metrics = await (await fetch(`http://127.0.0.1:${ports.metrics}/metrics`)).text();
  assert.match(metrics, /^otelcol_receiver_accepted_spans_total\{receiver="otlp",transport="http"\} 1$/m);
  const health = await fetch(`http://127.0.0.1:${ports.health}/`);
  assert.equal(health.status, 200);
  await health.arrayBuffer();

  remora.kill('SIGTERM');
  assert.equal(await remora.ended, 0, remora.stderr);
  assert.match(remora.stderr, /ledger: closed, every item is accounted for/);
  assert.deepEqual((await readdir(cwd)).sort(), ['logs', 'out']);
});

test('the demo ends with all that was produced arrived', async (t) => {
  const cwd = await emptyDirectory(t);
  const temporary = await emptyDirectory(t);
  const demo = new Spawned(t, ['demo', '--seconds', '4'], { cwd, env: { TMPDIR: temporary } });
  assert.equal(await demo.ended, 0, demo.stderr);
  assert.match(demo.stdout, /^spans +(\d+) +\1 {2}equal$/m);
  assert.match(demo.stdout, /^log lines +(\d+) +\1 {2}equal$/m);
  assert.match(demo.stdout, /^metric points +(\d+) +\1 {2}equal$/m);
  assert.match(demo.stdout, /^produced = arrived, and both ledgers are closed\.$/m);
  assert.deepEqual([await readdir(cwd), await readdir(temporary)], [[], []]);
});

test('the demo with tail sampling ends with every trace with an error whole, and others whole or gone', async (t) => {
  const cwd = await emptyDirectory(t);
  const demo = new Spawned(t, ['demo', '--seconds', '3', '--tail-sampling'], { cwd });
  assert.equal(await demo.ended, 0, demo.stderr + demo.stdout);
  // Produced, whole, torn and gone.
  assert.match(demo.stdout, /^with an error +([1-9]\d*) +\1 +0 +0$/m);
  const [, made, whole, torn, gone] = /^others +(\d+) +(\d+) +(\d+) +(\d+)$/m.exec(demo.stdout) ?? [];
  assert.deepEqual([Number(whole) + Number(gone), torn], [Number(made), '0']);
  assert.ok(Number(gone) > 0);
  for (const what of ['spans', 'log lines', 'metric points']) {
    const [, produced, arrived, sampled] =
      new RegExp(`^${what} +(\\d+) +(\\d+) +(\\d+)  equal$`, 'm').exec(demo.stdout) ?? [];
    assert.equal(Number(produced), Number(arrived) + Number(sampled), what);
  }
  for (const policy of ['errors', 'slow', 'share', 'together']) {
    assert.match(demo.stdout, new RegExp(`^${policy} +\\d+ +\\d+$`, 'm'));
  }
  assert.match(demo.stdout, /^Orphans, .*: 0\.$/m);
  assert.match(demo.stdout, /both ledgers are closed\.$/m);
});

test('Ctrl-C ends the demo early and it still counts', async (t) => {
  const cwd = await emptyDirectory(t);
  const demo = new Spawned(t, ['demo', '--seconds', '60'], { cwd });
  await until(() => /sidecar +\|.*Everything is ready/.test(demo.stderr) || !demo.isRunning, 'the sidecar is ready');
  demo.kill('SIGINT');
  assert.equal(await demo.ended, 0, demo.stderr);
  assert.match(demo.stdout, /^produced = arrived, and both ledgers are closed\.$/m);
});

test('a mistake in the configuration is shown at its place, with exit code 2', async (t) => {
  const cwd = await emptyDirectory(t);
  await appendFile(join(cwd, 'app.yaml'), 'exporters:\n  otlp:\n    endpoint: up:4317\n    retyr: {}\n');
  const remora = new Spawned(t, ['validate', '--config', 'app.yaml'], { cwd });
  assert.equal(await remora.ended, 2);
  assert.match(
    remora.stderr,
    /^error: app\.yaml:4:5 exporters\.otlp\.retyr: unknown key, did you mean "retry_on_failure"\?$/m,
  );
});

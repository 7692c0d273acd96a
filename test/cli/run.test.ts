import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { until } from '../support/until.ts';

/** SIGUSR2 makes a promise reject that nobody handles; SIGUSR1 is taken by the debugger. */
const FAULT = `data:text/javascript,${encodeURIComponent(
  "process.on('SIGUSR2', () => void Promise.reject(new Error('Boom.')))",
)}`;

const CONFIG = `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters: { file: { path: /dev/null } }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [otlp], exporters: [file] } }
`;

interface Running {
  readonly child: ChildProcess;
  readonly text: () => string;
}

function remora(args: readonly string[]): Running {
  const child = spawn(process.execPath, ['--import', FAULT, 'src/main.ts', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, text: () => text };
}

/** The exit code, or the signal that ended it; a process that does not end is killed and fails the test. */
async function exit({ child, text }: Running): Promise<unknown> {
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  try {
    await until(isOver, `the process ends; it wrote: ${text()}`, 20_000);
    await until(() => child.stderr?.readable !== true, 'its output was read');
  } finally {
    child.kill('SIGKILL');
  }
  return child.exitCode ?? child.signalCode;
}

async function ready(args: readonly string[] = []): Promise<Running> {
  const running = remora(['run', '--config', `yaml:${CONFIG}`, ...args]);
  await until(() => running.text().includes('Everything is ready.'), 'it is ready');
  return running;
}

test('SIGTERM drains, prints the ledger as a table and exits with 0', async () => {
  const running = await ready();
  running.child.kill('SIGTERM');
  assert.equal(await exit(running), 0);
  assert.match(running.text(), /^ledger: closed, every item is accounted for$/m);
});

test('with JSON logs every line is JSON, the ledger too', async () => {
  const running = await ready(['--set', 'service.telemetry.logs.encoding=json']);
  running.child.kill('SIGTERM');
  assert.equal(await exit(running), 0);
  const lines = running.text().trim().split('\n');
  const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const ledger = entries.find(({ message }) => message === 'Ledger.');
  assert.equal(ledger?.['closed'], true);
  assert.ok(Array.isArray(ledger['rows']));
});

test('a fault inside is logged as an error, what is held is drained, and the exit code is 1', async () => {
  const running = await ready();
  running.child.kill('SIGUSR2');
  assert.equal(await exit(running), 1);
  assert.match(running.text(), / ERROR .*a bug.*Boom\./);
  assert.match(running.text(), /^ledger: closed/m);
});

test('nobody reading the log does not end the process', async () => {
  const running = await ready(['--set', 'service.telemetry.logs.level=debug']);
  running.child.stderr?.destroy();
  running.child.stdout?.destroy();
  running.child.kill('SIGTERM');
  assert.equal(await exit(running), 0);
});

test('a port that is taken is named, with what to do, and the exit code is 1', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  try {
    const taken = [
      `receivers.otlp.protocols.http.endpoint=127.0.0.1:${port}`,
      `service.telemetry.metrics={level: normal, address: "127.0.0.1:${port}"}`,
    ];
    for (const set of taken) {
      const running = remora(['run', '--config', `yaml:${CONFIG}`, '--set', set]);
      assert.equal(await exit(running), 1);
      assert.match(running.text(), new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${port}: .*address already in use`));
      assert.match(running.text(), /Another process may hold the address/);
    }
  } finally {
    holder.close();
  }
});

test('a command that is none is a usage error, also one that every object knows', async () => {
  for (const name of ['constructor', 'toString', 'strat']) {
    const running = remora([name]);
    assert.equal(await exit(running), 2);
    assert.match(running.text(), /Unknown command/);
  }
});

test('options that a command does not have are refused', async () => {
  for (const args of [
    ['components', '--json'],
    ['schema', '--format', 'xml'],
    ['version', 'now'],
    ['run', '--format', 'json'],
  ]) {
    const running = remora(args);
    assert.equal(await exit(running), 2, args.join(' '));
  }
});

test('output into a pipe that nobody reads ends quietly', async () => {
  const running = remora(['schema']);
  running.child.stdout?.destroy();
  assert.equal(await exit(running), 0);
  assert.equal(running.text(), '');
});

test('output that is lost on a full disk is told, and is no success', async (t) => {
  const full = openSync('/dev/full', 'w');
  t.after(() => closeSync(full));
  const child = spawn(process.execPath, ['src/main.ts', 'schema'], { stdio: ['ignore', full, 'pipe'] });
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(child, 'close');
  assert.match(text, /^error: standard output cannot be written \(ENOSPC/);
  assert.equal(child.exitCode, 2);
});

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { HealthReport } from '../../src/core/component.ts';
import { healthCheckExtension } from '../../src/extensions/health-check.ts';
import { testContext, testHost } from '../support/context.ts';
import { freePort } from '../support/ports.ts';

async function withHealth(
  settings: object,
  use: (origin: string, report: { -readonly [K in keyof HealthReport]: HealthReport[K] }) => Promise<void>,
): Promise<void> {
  const port = await freePort();
  const report = { phase: 'running', notices: [], pipelines: [] } as {
    -readonly [K in keyof HealthReport]: HealthReport[K];
  };
  const parsed = healthCheckExtension.parse({ endpoint: `127.0.0.1:${port}`, ...settings });
  assert.ok(parsed.ok);
  const extension = await parsed.prepared.create({ ...testContext(), host: { ...testHost(), health: () => report } });
  await extension.start?.();
  try {
    await use(`http://127.0.0.1:${port}`, report);
  } finally {
    await extension.stop?.(AbortSignal.abort());
  }
}

test('the path answers 200 while running and 503 while starting or stopping, and /live always 200', async () => {
  await withHealth({}, async (origin, report) => {
    assert.equal((await fetch(`${origin}/`)).status, 200);
    report.phase = 'stopping';
    const answer = await fetch(`${origin}/`);
    assert.equal(answer.status, 503);
    assert.match(await answer.text(), /Server not available/);
    const alive = await fetch(`${origin}/live`);
    assert.equal(alive.status, 200, 'a drain is no reason to be killed');
    assert.deepEqual(await alive.json(), { status: 'alive', phase: 'stopping' });
  });
});

test('an unwell pipeline does not fail the probe but shows with its reason', async () => {
  await withHealth({}, async (origin, report) => {
    report.pipelines = [
      { id: 'traces', healthy: false, reasons: ['exporter otlp: 3 attempts failed in a row'] },
      { id: 'logs', healthy: true, reasons: [] },
    ];
    assert.equal((await fetch(`${origin}/`)).status, 200, 'restarting the pod would not heal the upstream');
    assert.equal((await fetch(`${origin}/pipelines`)).status, 500);
    assert.equal((await fetch(`${origin}/pipelines/logs`)).status, 200);
    const traces = await fetch(`${origin}/pipelines/traces`);
    assert.equal(traces.status, 500);
    assert.match(await traces.text(), /3 attempts failed/);
  });
});

test('the path and the bodies can be set', async () => {
  const settings = { path: '/healthz', response_body: { healthy: 'fine', unhealthy: 'not fine' } };
  await withHealth(settings, async (origin, report) => {
    assert.equal((await fetch(`${origin}/`)).status, 404);
    assert.equal(await (await fetch(`${origin}/healthz`)).text(), 'fine');
    report.phase = 'starting';
    assert.equal(await (await fetch(`${origin}/healthz`)).text(), 'not fine');
  });
});

test('only GET and HEAD are answered, and malformed request targets do no harm', async () => {
  await withHealth({}, async (origin) => {
    assert.equal((await fetch(`${origin}/`, { method: 'POST', body: 'x' })).status, 405);
    assert.equal((await fetch(`${origin}/`, { method: 'HEAD' })).status, 200);
    for (const target of ['http://[', '//', '%', '*', '\u0000']) {
      const answer = await raw(origin, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 (200|400|404) /, `target ${JSON.stringify(target)}`);
    }
    assert.equal((await fetch(`${origin}/`)).status, 200, 'still alive');
  });
});

function raw(origin: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(new URL(origin).port), '127.0.0.1', () => socket.write(request));
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

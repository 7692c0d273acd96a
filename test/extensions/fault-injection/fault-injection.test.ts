import assert from 'node:assert/strict';
import { test } from 'node:test';
import { components } from '../../../src/components.ts';
import { batchBytes } from '../../../src/core/batch.ts';
import type { Exporter } from '../../../src/core/component.ts';
import type { Signal } from '../../../src/core/signal.ts';
import { acceptedPartly, rejected, retry } from '../../../src/core/verdict.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { isExporterWrapper } from '../../../src/core/wrapping.ts';
import { faultInjectionExtension } from '../../../src/extensions/fault-injection/index.ts';
import { faultsPage } from '../../../src/extensions/fault-injection/page.ts';
import { problemsOf } from '../../config/load.ts';
import { numberedLogs, numbersIn, opaqueBatch, range } from '../../support/batches.ts';
import { testContext, testHost } from '../../support/context.ts';
import { codeOf, NEVER, reasonOf } from '../../support/exporters.ts';
import { ScriptedExporter } from '../../support/scripted-exporter.ts';
import { senderRig, TestLogger } from '../../support/sender.ts';

interface Rig {
  readonly clock: VirtualClock;
  readonly log: TestLogger;
  readonly upstream: ScriptedExporter;
  readonly exporter: Exporter;
  readonly host: ReturnType<typeof testHost>;
  readonly meter: ReturnType<typeof testContext>['meter'];
  readonly health: (signal: Signal) => string | undefined;
  readonly injected: (kind: string, signal?: Signal) => number;
  readonly stop: () => Promise<void>;
}

/** The extension started on a virtual clock in front of a scripted exporter `otlp/a`. */
async function rig(faults: readonly object[], settings: object = {}): Promise<Rig> {
  const [clock, log, host, upstream] = [new VirtualClock(), new TestLogger(), testHost(), new ScriptedExporter()];
  const parsed = faultInjectionExtension.parse({
    faults: faults.map((fault) => ({ exporters: ['otlp/a'], ...fault })),
    ...settings,
  });
  assert.ok(parsed.ok, parsed.ok ? '' : JSON.stringify(parsed.issues));
  const context = { ...testContext({ id: 'fault_injection', clock, log }), host };
  const extension = await parsed.prepared.create(context);
  assert.ok(isExporterWrapper(extension));
  const health = new Map<Signal, string | undefined>();
  const exporter = extension.wrapExporter({
    id: 'otlp/a',
    exporter: upstream,
    reportHealth: (signal, reason) => void health.set(signal, reason),
  });
  await extension.start?.();
  return {
    clock,
    log,
    upstream,
    exporter,
    host,
    meter: context.meter,
    health: (signal) => health.get(signal),
    injected: (kind, signal = 'logs') =>
      context.meter.value('remora_fault_injection_requests', {
        extension: 'fault_injection',
        exporter: 'otlp/a',
        data_type: signal,
        kind,
      }) ?? 0,
    stop: async () => extension.stop?.(NEVER),
  };
}

/** Which of `count` requests failed. */
async function drawn(settings: object, count: number): Promise<boolean[]> {
  const { exporter, stop } = await rig([{ fail: { rate: 0.1 } }], settings);
  const failed: boolean[] = [];
  for (let i = 0; i < count; i++) failed.push((await exporter.send(opaqueBatch(1), NEVER)).status === 'retry');
  await stop();
  return failed;
}

test('a rate is kept over many requests, the same seed draws the same ones, another seed others', async () => {
  const share = (failed: readonly boolean[]): number => failed.filter(Boolean).length / failed.length;
  const first = await drawn({ seed: 'monday' }, 5000);
  assert.deepEqual(await drawn({ seed: 'monday' }, 5000), first);
  for (const seed of ['tuesday', 'wednesday', 'thursday', 'friday']) {
    const failed = await drawn({ seed }, 5000);
    assert.ok(Math.abs(share(failed) - 0.1) < 0.02, `${seed}: ${share(failed)}`);
    assert.notDeepEqual(failed, first);
  }
});

test('an exporter that no fault names is not wrapped, and signals that no fault names pass', async () => {
  const { exporter, upstream, stop } = await rig([{ signals: ['traces'], fail: {} }]);
  assert.equal((await exporter.send(opaqueBatch(3), NEVER)).status, 'accepted');
  assert.equal((await exporter.send(opaqueBatch(3, 10, 'traces'), NEVER)).status, 'retry');
  assert.equal(upstream.attempts.length, 1);
  await stop();
  const parsed = faultInjectionExtension.parse({ faults: [{ exporters: ['otlp/b'], fail: {} }] });
  assert.ok(parsed.ok);
  const extension = await parsed.prepared.create({ ...testContext(), host: testHost() });
  assert.ok(isExporterWrapper(extension));
  assert.equal(extension.wrapExporter({ id: 'otlp/a', exporter: upstream, reportHealth: () => undefined }), upstream);
});

test('a failure is judged as if the upstream had answered it, and its reason says that it was injected', async () => {
  for (const [fail, status, code, afterMs] of [
    [{}, 'retry', 'upstream_unavailable', undefined],
    [{ code: 'UNAVAILABLE', retry_after: '5s' }, 'retry', 'upstream_unavailable', 5000],
    [{ code: 'RESOURCE_EXHAUSTED', retry_after: '250ms' }, 'retry', 'upstream_unavailable', 250],
    [{ code: 'RESOURCE_EXHAUSTED' }, 'rejected', 'fault_injected', undefined],
    [{ code: 'INVALID_ARGUMENT' }, 'rejected', 'fault_injected', undefined],
    [{ code: 503 }, 'retry', 'upstream_unavailable', undefined],
    [{ code: 429, retry_after: '1500ms' }, 'retry', 'upstream_unavailable', 1500],
    [{ code: 400 }, 'rejected', 'fault_injected', undefined],
    [{ code: 500 }, 'rejected', 'fault_injected', undefined],
  ] as const) {
    const { exporter, upstream, injected, stop } = await rig([{ fail }]);
    const verdict = await exporter.send(opaqueBatch(2), NEVER);
    assert.deepEqual([verdict.status, codeOf(verdict)], [status, code], JSON.stringify(fail));
    assert.match(reasonOf(verdict), /injected by fault_injection/);
    assert.equal(verdict.status === 'retry' ? verdict.afterMs : undefined, afterMs, JSON.stringify(fail));
    assert.deepEqual([upstream.attempts.length, injected('fail')], [0, 1]);
    await stop();
  }
});

test('faults are on in their windows only: seen in health, metrics and log', async () => {
  const schedule = { start_after: '1m', every: '10m', duration: '1m' };
  const { clock, exporter, health, log, meter, stop } = await rig([{ name: 'outage', fail: { rate: 0.5 }, schedule }]);
  const isOn = (): number | undefined =>
    meter.value('remora_fault_injection_active', {
      extension: 'fault_injection',
      fault: 'outage',
      exporter: 'otlp/a',
    });
  const failures = async (): Promise<number> => {
    let failed = 0;
    for (let i = 0; i < 200; i++) failed += (await exporter.send(opaqueBatch(1), NEVER)).status === 'retry' ? 1 : 0;
    return failed;
  };
  for (let window = 0; window < 3; window++) {
    await clock.advance(59_999);
    assert.deepEqual([isOn(), await failures(), health('logs')], [0, 0, undefined]);
    await clock.advance(1);
    assert.equal(isOn(), 1);
    assert.equal(health('logs'), 'fault injection is active: outage (fail 50 % with UNAVAILABLE)');
    const failed = await failures();
    assert.ok(failed > 70 && failed < 130, `${failed} of 200`);
    await clock.advance(60_000);
    assert.deepEqual([isOn(), await failures(), health('logs')], [0, 0, undefined]);
    await clock.advance(480_000);
  }
  const changes = log.lines.filter((line) => /^WARN A fault is (on|over)/.test(line));
  assert.deepEqual([changes.length, changes[0]], [6, 'WARN A fault is on: requests fail on purpose.']);
  await stop();
  assert.equal(clock.pending, 0);
});

test('faults end for good an hour after the start, unless stop_after says otherwise', async () => {
  for (const [settings, still] of [
    [{}, false],
    [{ stop_after: '2h' }, true],
    [{ stop_after: 0 }, true],
  ] as const) {
    const { clock, exporter, stop } = await rig([{ fail: {} }], settings);
    await clock.advance(3_600_000);
    assert.equal((await exporter.send(opaqueBatch(1), NEVER)).status === 'retry', still);
    await stop();
    assert.equal(clock.pending, 0);
  }
});

test('a delay lies between min and max, exponential ones mostly near min, and an abort ends it', async () => {
  for (const [distribution, low, high] of [
    ['uniform', 450, 650],
    ['exponential', 230, 330],
  ] as const) {
    const { clock, exporter, upstream, stop } = await rig([{ delay: { min: '100ms', max: '1s', distribution } }]);
    const startMs = clock.monotonic();
    const tookMs: number[] = [];
    const sent = Array.from({ length: 300 }, async () => {
      await exporter.send(opaqueBatch(1), NEVER);
      tookMs.push(clock.monotonic() - startMs);
    });
    await clock.advance(99);
    assert.equal(upstream.attempts.length, 0);
    await clock.advance(901);
    await Promise.all(sent);
    const mean = tookMs.reduce((sum, each) => sum + each, 0) / tookMs.length;
    assert.ok(mean > low && mean < high, `${distribution}: ${mean}`);
    const abort = new AbortController();
    const aborted = exporter.send(opaqueBatch(1), abort.signal);
    abort.abort();
    assert.equal((await aborted).status, 'retry');
    assert.equal(upstream.attempts.length, 300);
    await stop();
  }
});

test('a hanging request ends with the abort of the attempt, or after max', async () => {
  const { clock, exporter, upstream, stop } = await rig([{ hang: { max: '1m' } }]);
  const abort = new AbortController();
  const [aborted, waited] = [exporter.send(opaqueBatch(1), abort.signal), exporter.send(opaqueBatch(1), NEVER)];
  await clock.advance(1000);
  abort.abort();
  assert.match(reasonOf(await aborted), /injected/);
  await clock.advance(59_000);
  assert.equal((await waited).status, 'retry');
  assert.equal(upstream.attempts.length, 0);
  await stop();
});

test('of a partly refused request the refused items are counted and the others are delivered, once each', async () => {
  const { exporter, upstream, stop } = await rig([{ partial: { share: 0.3 } }]);
  const batch = numberedLogs(1, 100);
  const verdict = await exporter.send(batch, NEVER);
  assert.equal(verdict.status, 'accepted');
  const delivered = numbersIn(upstream.delivered);
  assert.deepEqual(delivered, range(1, delivered.length));
  assert.ok(delivered.length >= 35 && delivered.length <= 70, `${delivered.length}`);
  assert.equal(verdict.rejectedItems, 100 - delivered.length);
  assert.match(verdict.message ?? '', /injected/);

  upstream.script(acceptedPartly(5, 'quota'));
  const both = await exporter.send(batch, NEVER);
  assert.deepEqual(both, acceptedPartly(105 - (upstream.delivered.at(-1)?.items ?? 0), 'quota'));
  const away = retry(new Error('away'));
  upstream.script(away);
  assert.equal(await exporter.send(batch, NEVER), away);
  assert.equal((await exporter.send(opaqueBatch(1), NEVER)).status, 'accepted');
  assert.equal(upstream.attempts.length, 3);
  await stop();
});

test('corrupt changes the bytes that are sent and not those of the queue; the answer is the upstream s', async () => {
  const { exporter, upstream, log, stop } = await rig([{ corrupt: { bytes: 1 } }]);
  assert.ok(log.lines.some((line) => line.startsWith('WARN Requests will be DAMAGED')));
  const batch = numberedLogs(1, 20);
  const before = Buffer.from(batchBytes(batch));
  const refused = rejected(new Error('garbage'));
  upstream.script(refused);
  assert.equal(await exporter.send(batch, NEVER), refused);
  assert.deepEqual(Buffer.from(batchBytes(batch)), before);
  const [sent] = upstream.attempts;
  assert.ok(sent !== undefined && sent.items === 20);
  const bytes = batchBytes(sent);
  assert.equal(before.filter((byte, at) => byte !== bytes[at]).length, 1);
  assert.equal((await exporter.send(batch, NEVER)).status, 'accepted');
  upstream.script(new Error('cannot be cut'));
  const verdict = await exporter.send(batch, NEVER);
  assert.deepEqual([verdict.status, codeOf(verdict)], ['rejected', 'fault_injected']);
  await stop();
});

test('the books of a sender close over an injected outage, and everything arrives after it', async () => {
  const { exporter, clock, upstream, stop } = await rig([{ fail: {}, schedule: { duration: '1m' } }]);
  const retries = { initial_interval: '1s', max_interval: '5s', max_elapsed_time: 0 };
  const { sender, consumer, account, deadline } = senderRig({ retry_on_failure: retries }, { exporter, clock });
  await sender.start();
  for (let i = 0; i < 10; i++) await consumer.consume(numberedLogs(i * 10, 10), NEVER);
  await clock.advance(59_000);
  assert.deepEqual([account.received, account.passed, account.held(), account.imbalance], [100, 0, 100, 0]);
  await clock.advance(30_000);
  assert.deepEqual([account.passed, account.held(), account.imbalance], [100, 0, 0]);
  assert.deepEqual(
    numbersIn(upstream.delivered).sort((a, b) => a - b),
    range(0, 99),
  );
  await stop();
  await sender.stop(deadline.signal);
});

test('the admin page shows the faults and switches them on, off and back for a while', async () => {
  const { clock, host, exporter, stop } = await rig([{ name: 'outage', fail: {}, schedule: { start_after: '2h' } }]);
  const [page] = host.admin.list();
  assert.ok(page !== undefined && page.path === '/faults');
  const ask = async (method: 'GET' | 'POST', body?: unknown): Promise<{ status: number; text: string }> => {
    const answer = await page.answer({ method, rest: '', query: new URLSearchParams(), body });
    return { status: answer.status, text: JSON.stringify(answer.body) };
  };
  const isOn = async (): Promise<boolean> => (await exporter.send(opaqueBatch(1), NEVER)).status === 'retry';
  assert.match((await ask('GET')).text, /"fault":"outage","active":false,"scheduled":true/);
  assert.match(
    (await ask('POST', { fault: 'outage', state: 'on', for: '5m' })).text,
    /"active":true,"scheduled":false/,
  );
  assert.equal(await isOn(), true);
  await clock.advance(300_000);
  assert.equal(await isOn(), false);
  await ask('POST', { fault: 'outage', state: 'on' });
  assert.equal(await isOn(), true);
  await ask('POST', { fault: 'outage', state: 'scheduled' });
  assert.equal(await isOn(), false);
  for (const [body, status] of [
    [{ fault: 'other', state: 'on' }, 404],
    [{ fault: 'outage', state: 'maybe' }, 400],
    [{ fault: 'outage', state: 'on', for: 'ever' }, 400],
    [{ fault: 'outage', state: 'on', until: 'noon' }, 400],
    [undefined, 404],
  ] as const) {
    assert.equal((await ask('POST', body)).status, status, JSON.stringify(body));
  }
  await stop();
});

test('each extension has a page of its own', () => {
  const paths = ['fault_injection', 'fault_injection/second'].map((id) => faultsPage(id, []).path);
  assert.deepEqual(paths, ['/faults', '/faults/second']);
});

const yaml = (faults: string): string => `
receivers: { otlp: { protocols: { http: } } }
exporters:
  otlp/backend: { endpoint: upstream:4317 }
  otlphttp/idle: { endpoint: https://upstream:4318 }
extensions:
  fault_injection:
    faults: [${faults}]
service: { extensions: [fault_injection], pipelines: { traces: { receivers: [otlp], exporters: [otlp/backend] } } }
`;

test('mistakes in the configuration are named', async () => {
  for (const [fault, problem] of [
    [
      '{exporters: [otlp/bakend], fail: {}}',
      /exporters\[0\].*exporter "otlp\/bakend" is not configured.*did you mean "otlp\/backend"/,
    ],
    ['{exporters: [otlphttp/idle], fail: {}}', /no pipeline uses exporter "otlphttp\/idle"/],
    [
      '{exporters: [otlp/backend], name: a, fail: {}}, {exporters: [otlp/backend], name: a, hang: {}}',
      /another fault has this name/,
    ],
    ['{exporters: [otlp/backend]}', /give at least one of fail, delay, hang, partial, corrupt/],
    ['{exporters: [otlp/backend], fail: {code: OK}}', /neither a gRPC status/],
    ['{exporters: [otlp/backend], fail: {code: 200}}', /neither a gRPC status/],
    ['{exporters: [otlp/backend], fail: {rate: 2}}', /rate/],
    ['{exporters: [otlp/backend], delay: {min: 2s, max: 1s}}', /must not be less than min/],
    ['{exporters: [otlp/backend], fail: {}, schedule: {every: 1m}}', /is needed when there is every/],
    ['{exporters: [otlp/backend], fail: {}, schedule: {every: 1m, duration: 1m}}', /must be more than duration/],
  ] as const) {
    const problems = await problemsOf({ 'a.yaml': yaml(fault) }, { catalog: components });
    assert.match(problems.join('\n'), problem, fault);
  }
  const good = yaml(
    '{exporters: [otlp/backend], signals: [traces], fail: {rate: 0.1, code: UNAVAILABLE, retry_after: 5s}}',
  );
  assert.deepEqual(await problemsOf({ 'a.yaml': good }, { catalog: components }), []);
});

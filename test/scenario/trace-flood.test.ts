import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { test, type TestContext as Test } from 'node:test';
import { batchBytes, makeBatch } from '../../src/core/batch.ts';
import { countItems } from '../../src/otlp/count.ts';
import { spansBatch, spansIn, type ReadSpan, type TestSpan } from '../processors/tail-sampling/rig.ts';
import { post } from '../receivers/otlp/running.ts';
import { httpUpstream, type HttpUpstream } from '../support/http-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, startRemora, type Remora } from '../support/remora.ts';

/** Traces that nobody asked for, against a real Remora with tail sampling: FLOOD=1 is 20,000 traces and 100,000 spans in one. */
const SCALE = Number(process.env['FLOOD'] ?? 0.25);
const TRACES = 20_000 * SCALE;
const HUGE_SPANS = 100_000 * SCALE;
const EACH_REQUEST = 500;
const MAX_BYTES = 4 * 2 ** 20;
const NUM_TRACES = 1000;
const HUGE = 0x7fffffff;

interface Scene {
  readonly remora: Remora;
  readonly upstream: HttpUpstream;
  readonly metricsPort: number;
  /** Until it is taken, as a client would. */
  readonly offer: (spans: readonly TestSpan[]) => Promise<void>;
}

async function scene(t: Test, settings = ''): Promise<Scene> {
  const upstream = await httpUpstream();
  t.after(() => upstream[Symbol.asyncDispose]());
  const [httpPort, metricsPort] = [await freePort(), await freePort()];
  const remora = await startRemora(t, {
    configs: [
      `
receivers:
  otlp: { protocols: { http: { endpoint: 127.0.0.1:${httpPort} } } }
processors:
  tail_sampling:
    decision_wait: 10m
    num_traces: ${NUM_TRACES}
    max_bytes: ${MAX_BYTES}
    ${settings}
    policies:
      - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
exporters:
  otlphttp: { endpoint: '${upstream.url}', compression: none }
service:
  pipelines: { traces: { receivers: [otlp], processors: [tail_sampling], exporters: [otlphttp] } }
`,
    ],
    sets: [metricsOn(metricsPort)],
  });
  const target = { http: `127.0.0.1:${httpPort}` };
  const offer = async (spans: readonly TestSpan[]): Promise<void> => {
    const body = Buffer.from(batchBytes(spansBatch(spans)));
    for (;;) {
      const { status } = await post(target, body, { path: '/v1/traces' });
      if (status === 200) return;
      assert.equal(status, 503);
      await pause(20);
    }
  };
  return { remora, upstream, metricsPort, offer };
}

async function staysInBounds({ metricsPort }: Scene): Promise<void> {
  const page = await metricsPage(metricsPort);
  const bytes = page.value('remora_tail_sampling_memory_bytes') ?? Infinity;
  assert.ok(bytes <= MAX_BYTES, `${bytes} bytes`);
  const traces = page.value('remora_tail_sampling_traces') ?? Infinity;
  assert.ok(traces <= NUM_TRACES, `${traces} traces`);
}

async function counted({ metricsPort }: Scene, name: string, label = ''): Promise<number> {
  return (await metricsPage(metricsPort)).value(name, label) ?? 0;
}

function arrived({ upstream }: Scene): ReadSpan[] {
  return spansIn(upstream.seen.map(({ body }) => makeBatch('traces', [body], countItems('traces', body))));
}

const EARLY = 'otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total';

async function closes({ remora }: Scene): Promise<ReturnType<typeof ledgerOf>> {
  const ended = await remora.stop();
  assert.equal(ended.code, 0);
  const ledger = ledgerOf(ended);
  assert.ok(ledger.closed, ended.stderr);
  return ledger;
}

async function flood(at: Scene): Promise<void> {
  for (let first = 0; first < TRACES; first += EACH_REQUEST) {
    const spans = Array.from({ length: EACH_REQUEST }, (_, i) => ({
      trace: first + i,
      name: `flood ${first + i}`,
      isError: (first + i) % 50 === 0,
      padding: 100,
    }));
    await at.offer(spans);
    if (first % 2500 === 0) await staysInBounds(at);
  }
}

async function sendHuge(at: Scene): Promise<void> {
  for (let first = 0; first < HUGE_SPANS; first += EACH_REQUEST) {
    const spans = Array.from({ length: EACH_REQUEST }, (_, i) => ({
      trace: HUGE,
      name: `huge ${first + i}`,
      isError: first + i === 0,
      padding: 100,
    }));
    await at.offer(spans);
    if (first % 5000 === 0) await staysInBounds(at);
  }
}

test('a flood of traces and one huge trace: memory stays in its bound, early decisions are counted, the ledger closes', async (t) => {
  const at = await scene(t);
  await flood(at);
  await sendHuge(at);
  await staysInBounds(at);
  const early = await counted(at, EARLY);
  const byCause = await counted(at, 'remora_tail_sampling_decided_early_total');
  assert.ok(early >= TRACES - NUM_TRACES, `${early} decided early`);
  assert.equal(byCause, early);
  const ledger = await closes(at);
  const names = arrived(at).map(({ name }) => name);
  assert.equal(new Set(names).size, names.length, 'nothing twice');
  // All of the huge trace was kept, before and after its decision, and each trace with an error.
  assert.equal(names.filter((name) => name.startsWith('huge')).length, HUGE_SPANS);
  assert.equal(names.filter((name) => name.startsWith('flood')).length, TRACES / 50);
  const sampler = ledger.lines.find(({ stage }) => stage === 'processor');
  assert.deepEqual(sampler?.dropped, { sampling: TRACES - TRACES / 50 });
  assert.equal(sampler.received, TRACES + HUGE_SPANS);
});

test('with maximum_trace_size_bytes a huge trace is dropped, and leaves the others their room', async (t) => {
  const at = await scene(t, 'maximum_trace_size_bytes: 256KiB');
  await at.offer([{ trace: 1, name: 'small', isError: true }]);
  await sendHuge(at);
  await staysInBounds(at);
  assert.equal(await counted(at, 'otelcol_processor_tail_sampling_traces_dropped_too_large_total'), 1);
  assert.equal(await counted(at, EARLY), 0);
  const ledger = await closes(at);
  assert.deepEqual(
    arrived(at).map(({ name }) => name),
    ['small'],
  );
  const sampler = ledger.lines.find(({ stage }) => stage === 'processor');
  const { trace_too_large: tooLarge = 0, sampling = 0 } = sampler?.dropped ?? {};
  assert.equal(tooLarge + sampling, HUGE_SPANS);
  assert.ok(tooLarge > 0 && tooLarge < 5000, `${tooLarge} spans`);
});

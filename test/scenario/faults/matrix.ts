import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { TestContext as Test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { isRecord } from '../../../src/config/records.ts';
import { post } from '../../receivers/otlp/running.ts';
import { faultyUpstream, type FaultyOptions, type FaultyUpstream } from '../../support/faulty-upstream.ts';
import { numberedRequest } from '../../support/line-upstream.ts';
import { freePort } from '../../support/ports.ts';
import {
  ledgerOf,
  metricsOn,
  metricsPage,
  startRemora,
  temporaryDirectory,
  type Env,
  type Remora,
} from '../../support/remora.ts';
import { until } from '../../support/until.ts';

/**
 * One process of Remora with a pipeline and an exporter for each fault, all fed by one receiver, and one upstream of real
 * sockets behind each exporter. Three requests come while the upstreams are faulty and a fourth once they are well; then
 * every exporter's account, health, attempts and recovery are looked at, and the memory and processor time of all.
 *
 * `FAULTS=word` runs the cases that have the word in their name, `FAULTS_SECONDS=60` keeps the faults up that long, and
 * `FAULTS_STORAGE=1` puts the queues on disk.
 */
export interface FaultCase {
  readonly name: string;
  readonly exporter: 'otlp' | 'otlphttp';
  readonly upstream: Omit<FaultyOptions, 'protocol'> & Partial<Pick<FaultyOptions, 'protocol'>>;
  /** What makes it well besides the upstream. */
  readonly onHeal?: () => void;
  /** Settings of the exporter besides the ones that all have. */
  readonly settings?: (port: number) => object;
  readonly outcome: Outcome;
  /** What the health of the pipeline says meanwhile; null: it stays well. */
  readonly health: RegExp | null;
  /** The upstream asked for this pause between attempts. */
  readonly gapMs?: number;
  /** Longest time from the end of the fault to the first delivery, but for delays of a busy machine. */
  readonly recoveryMs?: number;
}

/**
 * - kept: nothing is delivered, all of it is once the upstream is well.
 * - taken: the upstream has taken it, whatever its answer looks like.
 * - refused: none of it is delivered, all of it is counted under the reason.
 * - partly: this many items of each request are counted as refused.
 */
export type Outcome =
  | { readonly kind: 'kept' }
  | { readonly kind: 'taken' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'partly'; readonly refusedItems: number };

export const KEPT: Outcome = { kind: 'kept' };
export const TAKEN: Outcome = { kind: 'taken' };
export const REFUSED: Outcome = { kind: 'refused', reason: 'upstream_rejected' };

const ITEMS = 10;
const REQUESTS = 3;
/** The data that comes while the upstreams are faulty. */
const FAULTY_ITEMS = ITEMS * REQUESTS;
const HOLD_MS = Number(process.env['FAULTS_SECONDS'] ?? 1.5) * 1000;
const ONLY = process.env['FAULTS'] ?? '';
const ON_DISK = (process.env['FAULTS_STORAGE'] ?? '') !== '';

/** Retries fall into 0 to 300 ms; on average there is one in 150. */
const RETRY = { initial_interval: '100ms', max_interval: '300ms', max_elapsed_time: 0 };
const MEAN_RETRY_MS = 60;
/** One probe, for gRPC one connection more (half an interval late at most), and some of its own. */
const RECOVERY_MS = 300 + 450 + 2000;
/** Less than any of the bombs and floods that the upstreams send. */
const RSS_GROWTH_BYTES = 200e6;
/** One request is under way; a connection that was given up may be about to close. */
const MAX_SOCKETS = 3;
/** Of one core, while nothing but retries goes on. */
const CPU_LIMIT = 0.5;

interface Running {
  readonly fault: FaultCase;
  readonly upstream: FaultyUpstream;
  readonly id: string;
  readonly pipeline: string;
}

/** A look at the recovery takes less where there is nothing else to do; what is beyond is not time of its own. */
const LOOK_MS = 50;

interface Seen {
  readonly healthDuring: readonly string[];
  readonly attemptsDuring: number;
  readonly retriesDuring: number;
  readonly openSockets: number;
  readonly heldMs: number;
  recoveryMs: number;
  healthAfter: readonly string[];
}

export async function faultMatrix(t: Test, all: readonly FaultCase[], env: Env = {}): Promise<void> {
  const cases = all.filter(({ name }) => name.includes(ONLY));
  if (cases.length === 0) return;
  const running = await Promise.all(cases.map(openCase));
  t.after(() => running.forEach(({ upstream }) => upstream.close()));
  const matrix = await startMatrix(t, running, env);
  const startedMs = performance.now();
  const rssBefore = await matrix.remora.rssBytes();
  for (let request = 0; request < REQUESTS; request++) await matrix.send(request * ITEMS);
  const memory = watchMemory(matrix.remora);
  const seen = await holdFaults(t, matrix, running, startedMs);
  await recover(matrix, running, seen);
  const maxRssBytes = await memory();
  const ended = await matrix.remora.stop();
  const ledger = ledgerOf(ended);
  await t.test('the ledger closes and the process ends well', () => {
    assert.equal(ended.code, 0, ended.stderr);
    assert.ok(ledger.closed, ended.stderr);
  });
  await t.test('memory stays in its budget', () => {
    const slowest = Math.max(...seen.map(({ recoveryMs }) => recoveryMs));
    t.diagnostic(
      `${running.length} exporters: resident memory at most ${Math.round(maxRssBytes / 1e6)} MB, slowest recovery ${Math.round(slowest)} ms`,
    );
    const grown = maxRssBytes - rssBefore;
    assert.ok(grown < RSS_GROWTH_BYTES, `Resident memory grew by ${Math.round(grown / 1e6)} MB.`);
  });
  for (const [index, one] of running.entries()) {
    const line = ledger.lines.find(({ stage, node }) => stage === 'exporter' && node === one.id);
    await t.test(`${one.fault.name} (${one.fault.exporter})`, () => {
      const what = seen[index];
      assert.ok(what !== undefined && line !== undefined);
      checkHealth(one.fault, what);
      checkAttempts(one, what);
      checkBooks(one, line);
      const limitMs = one.fault.recoveryMs ?? RECOVERY_MS;
      assert.ok(
        what.recoveryMs <= limitMs,
        `The first delivery came ${Math.round(what.recoveryMs)} ms after the fault.`,
      );
    });
  }
}

async function openCase(fault: FaultCase, index: number): Promise<Running> {
  const protocol = fault.exporter === 'otlp' ? 'grpc' : 'http';
  const upstream = await faultyUpstream({ protocol, ...fault.upstream });
  return { fault, upstream, id: `${fault.exporter}/f${index}`, pipeline: `logs/f${index}` };
}

interface Matrix {
  readonly remora: Remora;
  readonly metricsPort: number;
  /** Offers the next request to the receiver. */
  send(first: number): Promise<void>;
  /** Why each pipeline is unwell. */
  health(): Promise<ReadonlyMap<string, readonly string[]>>;
}

async function startMatrix(t: Test, running: readonly Running[], env: Env): Promise<Matrix> {
  const [port, healthPort, metricsPort] = [await freePort(), await freePort(), await freePort()];
  const config = {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: Object.fromEntries(running.map((one) => [one.id, exporterSettings(one)])),
    extensions: {
      health_check: { endpoint: `127.0.0.1:${healthPort}` },
      ...(ON_DISK ? { file_storage: { directory: await temporaryDirectory(t) } } : {}),
    },
    service: {
      extensions: ON_DISK ? ['health_check', 'file_storage'] : ['health_check'],
      pipelines: Object.fromEntries(
        running.map(({ id, pipeline }) => [pipeline, { receivers: ['otlp'], exporters: [id] }]),
      ),
    },
  };
  const configs = [`${JSON.stringify(config, undefined, 1)}\n`];
  const remora = await startRemora(t, { configs, sets: [metricsOn(metricsPort)], env });
  return {
    remora,
    metricsPort,
    send: async (first) => {
      const reply = await post({ http: `127.0.0.1:${port}` }, numberedRequest(first, ITEMS), { path: '/v1/logs' });
      assert.equal(reply.status, 200);
    },
    health: async () => reasonsIn(await (await fetch(`http://127.0.0.1:${healthPort}/pipelines`)).json()),
  };
}

function exporterSettings({ fault, upstream: { port } }: Running): object {
  const isGrpc = fault.exporter === 'otlp';
  return {
    endpoint: isGrpc ? `127.0.0.1:${port}` : `http://127.0.0.1:${port}`,
    ...(isGrpc ? { tls: { insecure: true } } : {}),
    timeout: '15s',
    sending_queue: { num_consumers: 1, ...(ON_DISK ? { storage: 'file_storage' } : {}) },
    retry_on_failure: RETRY,
    ...fault.settings?.(port),
  };
}

function reasonsIn(report: unknown): ReadonlyMap<string, readonly string[]> {
  const reasons = new Map<string, readonly string[]>();
  const pipelines: unknown = isRecord(report) ? report['pipelines'] : undefined;
  for (const pipeline of Array.isArray(pipelines) ? pipelines : []) {
    if (isRecord(pipeline)) reasons.set(String(pipeline['id']), [pipeline['reasons']].flat().map(String));
  }
  return reasons;
}

/** Until every fault shows, and then for a while, in which the process has nothing to do but to wait and to try again. */
async function holdFaults(t: Test, matrix: Matrix, running: readonly Running[], startedMs: number): Promise<Seen[]> {
  const limitMs = startedMs + 60_000;
  await until(async () => {
    const health = await matrix.health();
    return running.every((one) => shows(one, health)) || performance.now() > limitMs;
  }, 'every fault shows');
  const [cpuMs, atMs] = [await cpuMsOf(matrix.remora.pid), performance.now()];
  await pause(HOLD_MS);
  const share = ((await cpuMsOf(matrix.remora.pid)) - cpuMs) / (performance.now() - atMs);
  t.diagnostic(`processor time while the faults lasted: ${Math.round(share * 100)} % of a core`);
  assert.ok(share < CPU_LIMIT, `${running.length} faulty upstreams took ${Math.round(share * 100)} % of a core.`);
  const [health, page] = [await matrix.health(), await metricsPage(matrix.metricsPort)];
  return running.map(({ id, pipeline, upstream }) => ({
    healthDuring: health.get(pipeline) ?? [],
    attemptsDuring: upstream.attemptsMs.length,
    retriesDuring: page.value('remora_exporter_retries_total', `exporter="${id}"`) ?? 0,
    openSockets: upstream.openSockets,
    heldMs: performance.now() - startedMs,
    recoveryMs: Number.POSITIVE_INFINITY,
    healthAfter: [],
  }));
}

function shows({ fault, pipeline, upstream }: Running, health: ReadonlyMap<string, readonly string[]>): boolean {
  const reasons = health.get(pipeline) ?? [];
  if (fault.health !== null) return reasons.some((reason) => fault.health?.test(reason));
  return upstream.counts.size >= FAULTY_ITEMS;
}

async function recover(matrix: Matrix, running: readonly Running[], seen: readonly Seen[]): Promise<void> {
  const before = running.map(({ upstream }) => upstream.counts.size);
  for (const { fault } of running) fault.onHeal?.();
  await Promise.all(running.map(({ upstream }) => upstream.heal()));
  await matrix.send(FAULTY_ITEMS);
  const isBack = (index: number): boolean => (running[index]?.upstream.counts.size ?? 0) > (before[index] ?? 0);
  const isDone = ({ fault, upstream }: Running): boolean =>
    upstream.counts.size >= (fault.outcome.kind === 'refused' ? ITEMS : FAULTY_ITEMS + ITEMS);
  let [activeMs, lookedMs] = [0, performance.now()];
  const allDone = async (): Promise<boolean> => {
    // The process answers, so that a look takes longer when either of both gets no time.
    await matrix.health();
    activeMs += Math.min(LOOK_MS, performance.now() - lookedMs);
    lookedMs = performance.now();
    for (const [index, what] of seen.entries()) {
      if (what.recoveryMs === Number.POSITIVE_INFINITY && isBack(index)) what.recoveryMs = activeMs;
    }
    return running.every(isDone);
  };
  await until(allDone, 'everything arrived').catch(() => undefined);
  const isWell = async (): Promise<boolean> => {
    const health = await matrix.health();
    for (const [index, { pipeline }] of running.entries()) {
      const what = seen[index];
      if (what !== undefined) what.healthAfter = health.get(pipeline) ?? [];
    }
    return seen.every(({ healthAfter }) => healthAfter.length === 0);
  };
  await until(isWell, 'all pipelines are well').catch(() => undefined);
}

function checkHealth({ health }: FaultCase, { healthDuring, healthAfter }: Seen): void {
  if (health === null) assert.deepEqual(healthDuring, []);
  else
    assert.ok(
      healthDuring.some((reason) => health.test(reason)),
      `Health said: ${healthDuring.join('; ')}`,
    );
  assert.deepEqual(healthAfter, [], 'It is well again.');
}

function checkAttempts({ fault, upstream }: Running, what: Seen): void {
  const { attemptsDuring, retriesDuring, openSockets, heldMs } = what;
  assert.ok(openSockets <= MAX_SOCKETS, `${openSockets} connections are open.`);
  const limit = fault.outcome.kind === 'kept' ? 10 + heldMs / Math.max(MEAN_RETRY_MS, fault.gapMs ?? 0) : REQUESTS;
  assert.ok(attemptsDuring <= limit, `${attemptsDuring} attempts in ${Math.round(heldMs)} ms.`);
  assert.ok(retriesDuring <= limit, `${retriesDuring} retries in ${Math.round(heldMs)} ms.`);
  if (fault.outcome.kind === 'kept') assert.ok(retriesDuring > 0, 'It was tried again.');
  const { gapMs } = fault;
  if (gapMs === undefined) return;
  const times = upstream.attemptsMs.slice(0, attemptsDuring);
  for (const [index, atMs] of times.slice(1).entries()) {
    const gap = atMs - (times[index] ?? 0);
    assert.ok(gap >= gapMs, `The next attempt came after ${Math.round(gap)} ms, not ${gapMs}.`);
  }
}

function checkBooks({ fault, upstream }: Running, line: ReturnType<typeof ledgerOf>['lines'][number]): void {
  const { outcome } = fault;
  const lost =
    outcome.kind === 'refused' ? FAULTY_ITEMS : outcome.kind === 'partly' ? outcome.refusedItems * REQUESTS : 0;
  const reason = outcome.kind === 'refused' ? outcome.reason : 'partial_success';
  assert.deepEqual(
    { received: line.received, passed: line.passed, dropped: line.dropped, rejected: line.rejected, held: line.held },
    {
      received: FAULTY_ITEMS + ITEMS,
      passed: FAULTY_ITEMS + ITEMS - lost,
      dropped: {},
      rejected: lost === 0 ? {} : { [reason]: lost },
      held: 0,
    },
  );
  const first = outcome.kind === 'refused' ? FAULTY_ITEMS : 0;
  for (let number = first; number < FAULTY_ITEMS + ITEMS; number++) {
    assert.ok(upstream.counts.has(number), `Line ${number} is missing.`);
  }
}

/** Samples resident memory until the result is asked for, which is the highest. */
function watchMemory(remora: Remora): () => Promise<number> {
  let isDone = false;
  const sampling = (async () => {
    let most = 0;
    while (!isDone) {
      most = Math.max(most, await remora.rssBytes());
      await pause(50);
    }
    return most;
  })();
  return () => {
    isDone = true;
    return sampling;
  };
}

/** Processor time of the process so far, user and system; the kernel counts in hundredths of a second. */
async function cpuMsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RemoraError } from '../../src/core/errors.ts';
import { ACCEPTED, rejected, retry, type Verdict } from '../../src/core/verdict.ts';
import { NEVER, tailRig, type TestSpan } from '../processors/tail-sampling/rig.ts';

/** Any spans in any order, any verdicts further on: what goes on is what a model of Maps says, and the books close. */
const RUNS = Number(process.env['MODEL_RUNS'] ?? 150);
const WAIT_MS = 1000;
/** Decisions fall on this grid, and so do the steps of the test. */
const TICK_MS = 10;

const DOWNSTREAM: Readonly<Record<string, Verdict>> = {
  accepted: ACCEPTED,
  retry: retry(new RemoraError('queue_full', 'Full.')),
  rejected: rejected(new RemoraError('item_too_large', 'Large.')),
};

const span = fc.record({
  trace: fc.integer({ min: 1, max: 12 }),
  isError: fc.constantFrom(false, false, false, true),
  isRoot: fc.constantFrom(false, false, true),
  service: fc.constantFrom('shop', 'cart'),
  padding: fc.constantFrom(0, 40, 400, 5000),
});
const step = fc.record({
  spans: fc.array(span, { maxLength: 12 }),
  ticks: fc.integer({ min: 0, max: 60 }),
  downstream: fc.constantFrom('accepted', 'accepted', 'accepted', 'retry', 'rejected'),
});
const setup = fc.record({
  numTraces: fc.integer({ min: 1, max: 8 }),
  afterRootMs: fc.constantFrom(0, 0, 200),
  maxTraceBytes: fc.constantFrom(0, 0, 6000),
  keptDecisions: fc.constantFrom(0, 1, 3, 1000),
  droppedDecisions: fc.constantFrom(0, 1, 3, 1000),
});

interface OpenTrace {
  readonly arrivedMs: number;
  rootMs: number;
  rootSerial: number;
  readonly names: string[];
  bytes: number;
  isError: boolean;
}

type Setup = (typeof setup extends fc.Arbitrary<infer T> ? T : never) & object;
type Sent = TestSpan & { readonly trace: number; readonly bytes: number };

/** Traces that were decided in one way: the last so many by use. */
class Remembered {
  readonly #limit: number;
  readonly #traces = new Set<number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  use(trace: number): boolean {
    if (!this.#traces.delete(trace)) return false;
    this.#traces.add(trace);
    return true;
  }

  add(trace: number): void {
    this.#traces.add(trace);
    const [oldest] = this.#traces;
    if (this.#traces.size > this.#limit && oldest !== undefined) this.#traces.delete(oldest);
  }
}

/** What tail sampling does, without memory that is saved, requests, or anybody who pushes back. */
class Model {
  readonly open = new Map<number, OpenTrace>();
  readonly #keptTraces: Remembered;
  readonly #droppedTraces: Remembered;
  readonly kept: string[] = [];
  dropped = 0;
  tooLarge = 0;
  early = 0;
  readonly #setup: Setup;
  #roots = 0;

  constructor(of: Setup) {
    this.#setup = of;
    this.#keptTraces = new Remembered(of.keptDecisions);
    this.#droppedTraces = new Remembered(of.droppedDecisions);
  }

  send({ trace, name, isError, isRoot, bytes }: Sent, nowMs: number): void {
    const open = this.open.get(trace);
    if (open === undefined && this.#isLate(trace, name)) return;
    const known = open ?? this.#begin(trace, nowMs);
    known.names.push(name);
    known.bytes += bytes;
    known.isError ||= isError === true;
    if (isRoot === true && this.#setup.afterRootMs > 0 && known.rootMs === Infinity) {
      known.rootMs = nowMs;
      known.rootSerial = this.#roots++;
    }
    if (this.#setup.maxTraceBytes > 0 && known.bytes > this.#setup.maxTraceBytes) {
      this.tooLarge += known.names.length;
      this.open.delete(trace);
      this.#droppedTraces.add(trace);
    }
  }

  #isLate(trace: number, name: string): boolean {
    if (this.#keptTraces.use(trace)) this.kept.push(name);
    else if (this.#droppedTraces.use(trace)) this.dropped += 1;
    else return false;
    return true;
  }

  #begin(trace: number, nowMs: number): OpenTrace {
    if (this.open.size >= this.#setup.numTraces) {
      this.early += 1;
      this.decide([...this.open.keys()][0]!);
    }
    const begun = { arrivedMs: nowMs, rootMs: Infinity, rootSerial: 0, names: [], bytes: 0, isError: false };
    this.open.set(trace, begun);
    return begun;
  }

  decide(trace: number): void {
    const { names, isError } = this.open.get(trace)!;
    this.open.delete(trace);
    (isError ? this.#keptTraces : this.#droppedTraces).add(trace);
    if (isError) this.kept.push(...names);
    else this.dropped += names.length;
  }

  /** That whose wait is over first; of two at the same time the one that came first, or had its root first. */
  decideDue(nowMs: number): void {
    for (;;) {
      const [arrived] = this.open;
      const [rooted] = [...this.open].filter(([, { rootMs }]) => rootMs < Infinity).toSorted(byRoot);
      if (arrived === undefined) return;
      const arrivedMs = arrived[1].arrivedMs + WAIT_MS;
      const rootedMs = rooted === undefined ? Infinity : rooted[1].rootMs + this.#setup.afterRootMs;
      if (Math.min(arrivedMs, rootedMs) > nowMs) return;
      this.decide(rooted !== undefined && rootedMs < arrivedMs ? rooted[0] : arrived[0]);
    }
  }
}

const byRoot = ([, a]: [number, OpenTrace], [, b]: [number, OpenTrace]): number => a.rootSerial - b.rootSerial;

const sizeOf = (() => {
  const sizes = new Map<string, number>();
  return async (one: TestSpan): Promise<number> => {
    const key = `${one.padding}.${one.isError}.${one.isRoot}.${one.name.length}`;
    let size = sizes.get(key);
    if (size === undefined) {
      const rig = tailRig(() => true);
      await rig.send(one);
      size = rig.count('remora_tail_sampling_buffered_bytes') ?? 0;
      sizes.set(key, size);
    }
    return size;
  };
})();

test('what goes on of which trace is what the model says', async () => {
  await fc.assert(
    fc.asyncProperty(setup, fc.array(step, { minLength: 1, maxLength: 20 }), async (settings, steps) => {
      const rig = tailRig((trace) => trace.met(0), { decisionWaitMs: WAIT_MS, ...settings });
      const model = new Model(settings);
      let serial = 0;
      let sent = 0;
      for (const { spans, ticks, downstream } of steps) {
        rig.sink.answer = () => DOWNSTREAM[downstream] ?? ACCEPTED;
        const named = spans.map((one) => ({ ...one, name: `s${String(serial++).padStart(5, '0')}` }));
        if (named.length > 0) assert.equal((await rig.send(...named)).status, 'accepted');
        sent += named.length;
        for (const one of named) model.send({ ...one, bytes: await sizeOf(one) }, rig.clock.monotonic());
        for (let tick = 0; tick < ticks; tick++) {
          await rig.clock.advance(TICK_MS);
          model.decideDue(rig.clock.monotonic());
        }
        await rig.closes();
      }
      rig.sink.answer = () => ACCEPTED;
      await rig.clock.advance(WAIT_MS + 60_000);
      model.decideDue(rig.clock.monotonic());
      await rig.closes();
      assert.equal(rig.account.received, sent);
      assert.equal(rig.account.held(), 0);
      assert.equal(rig.account.dropped.get('sampling') ?? 0, model.dropped);
      assert.equal(rig.account.dropped.get('trace_too_large') ?? 0, model.tooLarge);
      assert.equal(rig.count('otelcol_processor_tail_sampling_sampling_trace_dropped_too_early'), model.early);
      const names = rig.names();
      assert.equal(new Set(names).size, names.length, 'nothing twice');
      assert.equal(names.length + rig.account.rejectedItems, model.kept.length);
      const kept = new Set(model.kept);
      for (const name of names) assert.ok(kept.has(name), name);
    }),
    { numRuns: RUNS },
  );
});

const flood = fc.record({
  traces: fc.integer({ min: 1, max: 250 }),
  padding: fc.constantFrom(0, 100, 1500),
  services: fc.constantFrom(1, 5, 100),
  ticks: fc.integer({ min: 0, max: 20 }),
  downstream: fc.constantFrom('accepted', 'retry'),
});

test('whatever comes, memory stays in its bound, and what was accepted is passed on, dropped by decision or held', async () => {
  const maxBytes = 1_500_000;
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(flood, { minLength: 1, maxLength: 15 }), async (blocks, steps) => {
      const rig = tailRig(({ randomness }) => randomness.low % 2 === 0, {
        decisionWaitMs: WAIT_MS,
        numTraces: 3000,
        maxBytes,
        blockOnOverflow: blocks,
      });
      let trace = 0;
      for (const { traces, padding, services, ticks, downstream } of steps) {
        rig.sink.answer = () => DOWNSTREAM[downstream] ?? ACCEPTED;
        const spans = Array.from({ length: traces }, (_, i) => ({
          trace: trace++,
          name: `t${trace}`,
          padding,
          service: `service ${i % services}`,
        }));
        const { status } = await rig.send(...spans);
        assert.ok(status === 'accepted' || status === 'retry', status);
        const bytes = rig.count('remora_tail_sampling_memory_bytes') ?? Infinity;
        assert.ok(bytes <= maxBytes, `${bytes} bytes`);
        if (blocks) assert.equal(rig.count('otelcol_processor_tail_sampling_sampling_trace_dropped_too_early'), 0);
        await rig.clock.advance(ticks * 100);
        await rig.closes();
      }
      rig.sink.answer = () => ACCEPTED;
      await rig.sampler.stop(NEVER);
      assert.equal(rig.account.held(), 0);
      assert.equal(new Set(rig.names()).size, rig.sink.items);
      await rig.closes();
    }),
    { numRuns: Math.ceil(RUNS / 10) },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { retry, ACCEPTED } from '../../src/core/verdict.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { traceBasedSampler } from '../../src/processors/trace-based-sampler/index.ts';
import { CollectingConsumer, processorContext } from '../support/context.ts';
import { logBatch, namesIn, ScriptedDecisions } from '../support/trace-logs.ts';

/**
 * Logs of a few traces come, traces are decided, time passes, the next consumer takes or pushes back, in any order:
 * every log goes where a plain model says, once, and the account closes after each step.
 */
const never = new AbortController().signal;
const WAIT_MS = 1000;
const TRACES = 5;

type Step =
  | { readonly kind: 'logs'; readonly traces: readonly number[] }
  | { readonly kind: 'see'; readonly trace: number }
  | { readonly kind: 'decide'; readonly trace: number; readonly kept: boolean }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'next'; readonly takes: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('logs' as const),
      traces: fc.array(fc.nat(TRACES), { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('decide' as const),
      trace: fc.integer({ min: 1, max: TRACES }),
      kept: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('see' as const), trace: fc.integer({ min: 1, max: TRACES }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(700) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('next' as const), takes: fc.boolean() }) },
);

interface ModelLog {
  readonly name: string;
  readonly trace: number;
  readonly dueMs: number;
}

/** What should be: no batches, no bytes, no bounds. */
class Model {
  waiting: ModelLog[] = [];
  readonly kept: string[] = [];
  readonly dropped: string[] = [];
  orphans = 0;
  readonly #fates = new Map<number, boolean>();
  /** Traces of which a span was seen. */
  readonly #seen = new Set<number>();
  /** How many logs of a trace went each way. */
  readonly #gone = new Map<string, number>();
  readonly #keepsUndecided: boolean;

  constructor(keepsUndecided: boolean) {
    this.#keepsUndecided = keepsUndecided;
  }

  add(log: ModelLog): void {
    const kept = log.trace === 0 ? true : this.#fates.get(log.trace);
    if (kept === undefined) this.waiting.push(log);
    else this.#go(log, kept);
  }

  decide(trace: number, kept: boolean): void {
    const other = `${trace} ${!kept}`;
    this.orphans += this.#gone.get(other) ?? 0;
    this.#gone.set(other, 0);
    this.#fates.set(trace, kept);
    this.#take((log) => log.trace === trace, kept);
  }

  /** False where it was decided before. */
  see(trace: number): boolean {
    this.#seen.add(trace);
    return !this.#fates.has(trace);
  }

  passTo(nowMs: number): void {
    this.#take(({ dueMs, trace }) => dueMs <= nowMs && !this.#seen.has(trace), this.#keepsUndecided);
  }

  end(): void {
    this.#take(() => true, this.#keepsUndecided);
  }

  #take(isTaken: (log: ModelLog) => boolean, kept: boolean): void {
    for (const log of this.waiting.filter(isTaken)) this.#go(log, kept);
    this.waiting = this.waiting.filter((log) => !isTaken(log));
  }

  #go({ name, trace }: ModelLog, kept: boolean): void {
    (kept ? this.kept : this.dropped).push(name);
    if (trace > 0) this.#gone.set(`${trace} ${kept}`, (this.#gone.get(`${trace} ${kept}`) ?? 0) + 1);
  }
}

async function run(steps: readonly Step[], undecided: 'keep' | 'drop'): Promise<void> {
  const clock = new VirtualClock();
  const next = new CollectingConsumer();
  const context = processorContext('logs', next, { clock });
  const { account, meter } = context;
  const sampler = new ScriptedDecisions();
  context.decisions.offer('tail', sampler);
  const parsed = traceBasedSampler.parse({ follow: 'tail', wait: `${WAIT_MS}ms`, undecided });
  assert.ok(parsed.ok);
  const processor = await parsed.prepared.create({
    ...context,
    next: {
      async consume(batch, abort) {
        const verdict = await next.consume(batch, abort);
        if (verdict.status === 'accepted') account.passed += batch.items;
        return verdict;
      },
    },
  });
  await processor.start?.();
  const model = new Model(undecided === 'keep');
  let names = 0;
  for (const one of steps) {
    switch (one.kind) {
      case 'logs': {
        const logs = one.traces.map((trace) => ({ name: `${names++}`, trace, dueMs: clock.monotonic() + WAIT_MS }));
        const { status } = await processor.consume(logBatch(logs), never);
        if (status !== 'accepted') break;
        account.received += logs.length;
        for (const log of logs) model.add(log);
        break;
      }
      case 'see':
        if (model.see(one.trace)) sampler.set(one.trace, 'pending');
        break;
      case 'decide':
        sampler.decide(one.trace, one.kept);
        model.decide(one.trace, one.kept);
        break;
      case 'pass':
        await clock.advance(one.ms);
        model.passTo(clock.monotonic());
        break;
      case 'next':
        next.answer = () => (one.takes ? ACCEPTED : retry(new Error('full'), 100));
        break;
    }
    await clock.advance(0);
    assert.equal(account.imbalance, 0);
    assert.equal(account.droppedItems, model.dropped.length);
  }
  next.answer = () => ACCEPTED;
  const stopped = processor.stop?.(never);
  await clock.advance(10_000);
  await stopped;
  model.end();
  assert.deepEqual(sorted(namesIn(next.batches)), sorted(model.kept));
  assert.deepEqual([account.droppedItems, account.held(), account.imbalance], [model.dropped.length, 0, 0]);
  assert.equal(meter.total('remora_coherence_orphan_items'), model.orphans);
  assert.equal(clock.pending, 0);
}

function sorted(names: readonly string[]): string[] {
  return names.toSorted((a, b) => Number(a) - Number(b));
}

test('every log goes where the model says, once', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.constantFrom('keep', 'drop'), run), {
    numRuns: Number(process.env['MODEL_RUNS'] ?? 150),
  });
});

const BOUND_BYTES = 1024 * 1024;

test('with little room every log that was taken goes one way, once, and the bound holds', async () => {
  const large = fc.record({ trace: fc.nat(TRACES), kib: fc.integer({ min: 1, max: 200 }) });
  const steps = fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.array(large, { minLength: 1, maxLength: 5 }) },
      { weight: 1, arbitrary: fc.record({ trace: fc.integer({ min: 1, max: TRACES }), kept: fc.boolean() }) },
      { weight: 1, arbitrary: fc.boolean() },
    ),
    { maxLength: 30 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const clock = new VirtualClock();
      const next = new CollectingConsumer();
      const context = processorContext('logs', next, { clock });
      const { account, meter } = context;
      const sampler = new ScriptedDecisions();
      context.decisions.offer('tail', sampler);
      const parsed = traceBasedSampler.parse({ follow: 'tail', max_bytes: BOUND_BYTES });
      assert.ok(parsed.ok);
      const processor = await parsed.prepared.create(context);
      await processor.start?.();
      const labels = { processor: 'test', pipeline: 'logs' };
      let [names, taken] = [0, 0];
      for (const one of all) {
        if (Array.isArray(one)) {
          const logs = one.map(({ trace, kib }) => ({ name: `${names++} ${'x'.repeat(kib * 1024)}`, trace }));
          const { status } = await processor.consume(logBatch(logs), never);
          if (status === 'accepted') taken += logs.length;
        } else if (typeof one === 'boolean') {
          next.answer = () => (one ? ACCEPTED : retry(new Error('full'), 100));
        } else sampler.decide(one.trace, one.kept);
        assert.ok((meter.value('remora_coherence_held_bytes', labels) ?? 0) <= BOUND_BYTES);
        await clock.advance(50);
        assert.equal(next.items + account.droppedItems + account.held(), taken);
      }
      next.answer = () => ACCEPTED;
      const stopped = processor.stop?.(never);
      await clock.advance(10_000);
      await stopped;
      const came = namesIn(next.batches).map((name) => Number.parseInt(name));
      assert.equal(new Set(came).size, came.length);
      assert.deepEqual([came.length + account.droppedItems, account.held()], [taken, 0]);
    }),
    { numRuns: Math.ceil(Number(process.env['MODEL_RUNS'] ?? 150) / 3) },
  );
});

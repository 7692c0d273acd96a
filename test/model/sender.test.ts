import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { RemoraError } from '../../src/core/errors.ts';
import { acceptedPartly, ACCEPTED, rejected, retry, type Verdict } from '../../src/core/verdict.ts';
import { numberedLogs, numbersIn } from '../support/batches.ts';
import { senderRig } from '../support/sender.ts';

/**
 * Random interleavings of offers, answers, time, callers that leave, and a shutdown, over every kind of sender. At every
 * step the account closes, and at the end each record that was accepted arrived, or is counted; none arrived twice
 * unless an attempt that was cut off may have been delivered. Once the upstream is well again, whatever happened before,
 * nothing is left waiting.
 */
type Step =
  | { readonly kind: 'offer'; readonly count: number }
  | { readonly kind: 'answer'; readonly at: number; readonly answer: Verdict | Error }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'leave' };

const ANSWERS = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Verdict | Error>(ACCEPTED) },
  { weight: 2, arbitrary: fc.constant(retry(new RemoraError('upstream_unavailable', 'Busy.'))) },
  { weight: 1, arbitrary: fc.constant(retry(new Error('Later.'), 700)) },
  { weight: 1, arbitrary: fc.constant(rejected(new RemoraError('upstream_rejected', 'No.'))) },
  { weight: 1, arbitrary: fc.constant(acceptedPartly(1, 'One too old.')) },
  { weight: 1, arbitrary: fc.constant(new Error('A bug.')) },
);

const STEPS = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('offer' as const), count: fc.integer({ min: 1, max: 9 }) }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('answer' as const), at: fc.nat(5), answer: ANSWERS }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(0, 30, 250, 2500) }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'leave' as const }) },
  ),
  { maxLength: 60 },
);

const SETTINGS = fc.record({
  enabled: fc.boolean(),
  waits: fc.boolean(),
  blocks: fc.boolean(),
  optional: fc.boolean(),
  batch: fc.constantFrom(undefined, { min_size: 8, max_size: 0 }, { min_size: 6, max_size: 6 }),
  consumers: fc.integer({ min: 1, max: 3 }),
  retries: fc.boolean(),
  failures: fc.constantFrom(1, 2, 4, 100),
  adaptive: fc.boolean(),
  items: fc.integer({ min: 8, max: 30 }),
  rate: fc.constantFrom(undefined, undefined, 20, 1000),
});

type Settings = typeof SETTINGS extends fc.Arbitrary<infer T> ? T : never;

function rigOf(settings: Settings) {
  const optional = settings.optional && settings.enabled && !settings.waits;
  return senderRig({
    timeout: '2s',
    sending_queue: {
      enabled: settings.enabled,
      wait_for_result: settings.waits,
      block_on_overflow: settings.blocks && !optional,
      optional,
      num_consumers: settings.consumers,
      sizer: 'items',
      queue_size: settings.items,
      ...(settings.batch === undefined ? {} : { batch: settings.batch }),
    },
    adaptive_concurrency: { enabled: settings.adaptive },
    circuit_breaker: { failure_threshold: settings.failures, max_open: '3s' },
    retry_on_failure: { enabled: settings.retries, initial_interval: '400ms', max_elapsed_time: '10s' },
    ...(settings.rate === undefined ? {} : { rate_limit: { items_per_second: settings.rate } }),
  });
}

interface Ending {
  /** How long the upstream is well again before the stop. */
  readonly wellMs: number;
  readonly drainMs: number;
}

/** For each record to pass at the lowest rate, and an attempt that hangs to be given up. */
const ALL_WELL_MS = 120_000;

const ENDINGS = fc.record({
  wellMs: fc.constantFrom(0, 0, 1000, ALL_WELL_MS),
  drainMs: fc.constantFrom(0, 500, 8000),
});

async function play(settings: Settings, steps: readonly Step[], { wellMs, drainMs }: Ending): Promise<void> {
  const rig = rigOf(settings);
  const { exporter, clock, account, sender, consumer } = rig;
  const offers: { count: number; verdict: Verdict | undefined }[] = [];
  const callers: AbortController[] = [];
  let next = 1;
  exporter.hold();
  await sender.start();
  for (const step of steps) {
    if (step.kind === 'offer') {
      const offer: (typeof offers)[number] = { count: step.count, verdict: undefined };
      const caller = new AbortController();
      offers.push(offer);
      callers.push(caller);
      void consumer.consume(numberedLogs(next, step.count), caller.signal).then((verdict) => (offer.verdict = verdict));
      next += step.count;
    } else if (step.kind === 'answer') {
      if (exporter.waiting > 0) exporter.answer(step.answer, step.at % exporter.waiting);
    } else if (step.kind === 'leave') callers.shift()?.abort();
    await clock.advance(step.kind === 'advance' ? step.ms : 0);
    assert.equal(account.imbalance, 0, 'the account closes at every step');
    assert.ok((sender.queue?.items ?? 0) <= settings.items);
  }
  if (wellMs > 0) {
    exporter.release();
    await clock.advance(wellMs);
  }
  if (wellMs === ALL_WELL_MS) {
    assert.deepEqual([account.held(), clock.pending], [0, 0], 'nothing waits for an upstream that is well');
    assert.ok(
      offers.every(({ verdict }) => verdict !== undefined),
      'no caller waits',
    );
  }
  const stopped = sender.stop(rig.deadline.signal);
  await clock.advance(drainMs);
  rig.deadline.abort();
  await stopped;
  await clock.advance(0);
  assert.equal(clock.pending, 0, 'no timer is left');
  assert.equal(account.imbalance, 0);
  assert.equal(account.held(), 0);
  assert.ok(
    offers.every(({ verdict }) => verdict !== undefined),
    'every caller was answered',
  );
  const taken = offers.filter(({ verdict }) => verdict?.status === 'accepted');
  assert.equal(
    account.received,
    taken.reduce((total, { count }) => total + count, 0),
  );
  checkArrivals(rig, settings.enabled && !settings.waits);
}

/** An attempt that was cut off may arrive as well as its retry: its outcome is unknown, and it is left out here. */
function checkArrivals({ exporter, account }: ReturnType<typeof senderRig>, custody: boolean): void {
  const arrived = numbersIn(exporter.deliveredInTime);
  assert.equal(new Set(arrived).size, arrived.length, 'nothing arrived twice');
  const answeredFor = account.passed + (account.rejected.get('partial_success') ?? 0);
  if (custody) assert.equal(arrived.length, answeredFor, 'what arrived is what is booked');
  else assert.ok(arrived.length >= answeredFor, 'what is booked arrived');
}

const RUNS = Number(process.env['MODEL_RUNS'] ?? 400);

it('a sender keeps its books through any interleaving', async () => {
  await fc.assert(fc.asyncProperty(SETTINGS, STEPS, ENDINGS, play), { numRuns: RUNS });
});

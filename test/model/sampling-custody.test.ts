import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch } from '../../src/core/batch.ts';
import type { Consumer } from '../../src/core/component.ts';
import { edge, EdgeCounts } from '../../src/core/edge.ts';
import { RemoraError } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { ACCEPTED, rejected, retry, type Verdict } from '../../src/core/verdict.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { components } from '../../src/components.ts';
import { processorContext } from '../support/context.ts';
import { Dice, spanBatch, spansIn, thresholdIn, weightOf, type SpanShape } from '../support/sampling.ts';

/**
 * Whatever comes after a sampler does, each span that it keeps arrives once, nothing is lost without a count, and what
 * was offered again counts once.
 */
const BATCHES = 150;

const BUSY = retry(new RemoraError('upstream_unavailable', 'Busy.'), 100);
const NO = rejected(new RemoraError('upstream_rejected', 'No.'));
const NEVER = new AbortController().signal;

/** Accepts, asks to come again or refuses for good as the dice fall; may promise room and be told that it is not needed. */
class MoodyConsumer implements Consumer {
  readonly taken: Batch[] = [];
  readonly refused: Batch[] = [];
  wellBehaved = false;
  reserved = 0;
  readonly #dice: Dice;
  readonly tryReserve?: NonNullable<Consumer['tryReserve']>;

  constructor(dice: Dice, reserves: boolean) {
    this.#dice = dice;
    if (!reserves) return;
    this.tryReserve = (batch) => {
      const mood = this.#mood();
      if (mood === BUSY) return { status: 'retry', verdict: BUSY };
      if (mood === NO) return { status: 'rejected', verdict: this.#settle(batch, NO) };
      this.reserved += 1;
      const settle = (): Verdict => {
        this.reserved -= 1;
        return this.#settle(batch, this.#mood() === BUSY ? BUSY : ACCEPTED);
      };
      return { status: 'reserved', commit: settle, cancel: () => (this.reserved -= 1) };
    };
  }

  consume(batch: Batch): Promise<Verdict> {
    return Promise.resolve(this.#settle(batch, this.#mood()));
  }

  #mood(): Verdict {
    if (this.wellBehaved) return ACCEPTED;
    return [ACCEPTED, ACCEPTED, BUSY, BUSY, NO][this.#dice.below(5)] ?? ACCEPTED;
  }

  #settle(batch: Batch, verdict: Verdict): Verdict {
    if (verdict === ACCEPTED) this.taken.push(batch);
    if (verdict === NO) this.refused.push(batch);
    return verdict;
  }
}

const TAIL = {
  decision_wait: '2s',
  record_threshold: true,
  policies: [
    { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
    { name: 'share', type: 'probabilistic', probabilistic: { sampling_percentage: 40, consistent: true } },
  ],
};

const SAMPLERS: readonly (readonly [string, string, object])[] = [
  ['hash_seed', 'probabilistic_sampler', { mode: 'hash_seed', sampling_percentage: 40 }],
  ['equalizing', 'probabilistic_sampler', { mode: 'equalizing', sampling_percentage: 40 }],
  ['adaptive', 'adaptive_sampler', { items_per_second: 100 }],
  ['tail', 'tail_sampling', TAIL],
];

async function make(type: string, config: object, next: Consumer) {
  const definition = components.processors.find((one) => one.type === type);
  assert.ok(definition !== undefined);
  const parsed = definition.parse(config);
  if (!parsed.ok) assert.fail(JSON.stringify(parsed.issues));
  const clock = new VirtualClock();
  const context = processorContext('traces', next, { clock, id: type });
  const counted = edge(next, new EdgeCounts(), silentLogger, { from: context.account });
  const processor = await parsed.prepared.create({ ...context, next: counted });
  await processor.start?.();
  return { processor, context, clock };
}

function shapes(dice: Dice): SpanShape[] {
  return Array.from({ length: 1 + dice.below(40) }, () => ({
    traceId: dice.traceId(),
    isError: dice.below(10) === 0,
    name: `GET /${dice.below(5)}`,
  }));
}

/** Offers as a fan-out does: reserves and thinks better of it, or commits; without reservations it just offers. */
async function offer(to: Consumer, batch: Batch, dice: Dice): Promise<Verdict> {
  if (to.tryReserve === undefined) return to.consume(batch, NEVER);
  const reservation = to.tryReserve(batch);
  if (reservation.status !== 'reserved') return reservation.verdict;
  if (dice.below(3) > 0) return reservation.commit(NEVER);
  reservation.cancel();
  return BUSY;
}

for (const [name, type, config] of SAMPLERS) {
  for (const reserves of [false, true]) {
    test(`${name} before a moody consumer ${reserves ? 'that reserves ' : ''}loses nothing and counts all once`, async () => {
      const dice = new Dice(reserves ? 1 : 2);
      const next = new MoodyConsumer(dice, reserves);
      const { processor, context, clock } = await make(type, config, next);
      const sent = new Set<string>();
      for (let n = 0; n < BATCHES; n++) {
        const batch = spanBatch(shapes(dice));
        let verdict: Verdict;
        let tries = 0;
        do {
          verdict = await offer(processor, batch, dice);
          await clock.advance(dice.below(200));
          tries += 1;
        } while (verdict.status === 'retry' && tries < 10);
        if (verdict.status !== 'accepted') continue;
        context.account.received += batch.items;
        for (const { traceId } of spansIn([batch])) sent.add(traceId);
      }
      next.wellBehaved = true;
      processor.drain?.();
      await clock.advance(5000);
      await processor.stop?.(NEVER);
      assert.equal(next.reserved, 0, 'what was reserved was used or given back');
      assert.equal(context.account.held(), 0);
      assert.equal(context.account.imbalance, 0);
      const arrived = spansIn(next.taken);
      const ids = arrived.map(({ traceId }) => traceId);
      assert.equal(new Set(ids).size, ids.length, 'nothing arrives twice');
      assert.ok(ids.length > 100 && ids.every((id) => sent.has(id)), 'and only what was taken');
      // What waits for its decision is kept by it, whatever becomes of it then.
      const decided = type === 'tail_sampling' ? [...arrived, ...spansIn(next.refused)] : arrived;
      const weights = decided.reduce((sum, { traceState }) => sum + weightOf(thresholdIn(traceState) ?? 0n), 0);
      const adjusted = context.meter.total('remora_sampling_adjusted_items');
      assert.ok(Math.abs(adjusted - weights) < 1e-6 * weights, `${adjusted} is counted for ${weights}`);
    });
  }
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dice, ProcessorRig, spanBatch, type SpanShape } from '../support/sampling.ts';

/**
 * Sidecars see parts of the same traces, in any order and at any time, and never talk to each other: with the same rule
 * they keep the same traces, and with different percentages those kept at the lower one are kept at the higher.
 */
const TRACES = Number(process.env['TRACES'] ?? 4000);
const SIDECARS = 10;

/** Keyed by trace id in hex: which sidecars kept it, and which saw it, as bits. */
class Votes {
  readonly seen = new Map<string, number>();
  readonly kept = new Map<string, number>();

  see(traceId: string, sidecar: number): void {
    this.seen.set(traceId, (this.seen.get(traceId) ?? 0) | (1 << sidecar));
  }

  keep(traceId: string, sidecar: number): void {
    this.kept.set(traceId, (this.kept.get(traceId) ?? 0) | (1 << sidecar));
  }
}

/** Each trace has spans at two to ten of the sidecars, a few at some; some may bring a randomness of their own. */
function partsOfTraces(dice: Dice, votes: Votes, bringsRandomness: boolean): SpanShape[][] {
  const parts: SpanShape[][] = Array.from({ length: SIDECARS }, () => []);
  for (let trace = 0; trace < TRACES; trace++) {
    const traceId = dice.traceId();
    const rv =
      bringsRandomness && dice.below(4) === 0
        ? { traceState: `ot=rv:${dice.traceId().toString('hex').slice(-14)}` }
        : {};
    const share = 2 + dice.below(9);
    parts.forEach((part, sidecar) => {
      if (dice.below(10) >= share) return;
      votes.see(traceId.toString('hex'), sidecar);
      for (let span = 0; span <= dice.below(3); span++) part.push({ traceId, ...rv });
    });
  }
  return parts;
}

/** In an order of its own, in requests of its own size. */
function shuffled<T>(list: readonly T[], dice: Dice): T[] {
  const out = [...list];
  for (let at = out.length - 1; at > 0; at--) {
    const other = dice.below(at + 1);
    const [a, b] = [out[at], out[other]];
    if (a !== undefined && b !== undefined) [out[at], out[other]] = [b, a];
  }
  return out;
}

interface Fleet {
  readonly type: string;
  /** hash_seed does not judge what brings one. */
  readonly bringsRandomness: boolean;
  /** Of the sidecar with this number. */
  readonly config: (sidecar: number) => object;
}

async function vote({ type, bringsRandomness, config }: Fleet, seed: number): Promise<Votes> {
  const votes = new Votes();
  const dice = new Dice(seed);
  const parts = partsOfTraces(dice, votes, bringsRandomness);
  for (const [sidecar, part] of parts.entries()) {
    // Each with a random sequence of its own, as instances have: it must not matter.
    const rig = await ProcessorRig.start(type, config(sidecar), 'traces', `sidecar ${sidecar}`);
    const spans = shuffled(part, dice);
    while (spans.length > 0) await rig.offer(spanBatch(spans.splice(0, 1 + dice.below(700))));
    await rig.finish();
    for (const { traceId } of rig.spans()) votes.keep(traceId, sidecar);
  }
  return votes;
}

function keptShare({ seen, kept }: Votes): number {
  return kept.size / seen.size;
}

const percent = (mode: string, sampling_percentage: number) => ({ mode, sampling_percentage, hash_seed: 7 });

const consistent = (sampling_percentage: number) => ({
  decision_wait: '10s',
  policies: [{ name: 'share', type: 'probabilistic', probabilistic: { sampling_percentage, consistent: true } }],
});

const RULES: readonly [string, string, (percentage: number) => object][] = [
  ['hash_seed', 'probabilistic_sampler', (percentage) => percent('hash_seed', percentage)],
  ['proportional', 'probabilistic_sampler', (percentage) => percent('proportional', percentage)],
  ['equalizing', 'probabilistic_sampler', (percentage) => percent('equalizing', percentage)],
  ['a consistent policy of tail_sampling', 'tail_sampling', consistent],
];

for (const [name, type, rule] of RULES) {
  const bringsRandomness = name !== 'hash_seed';
  test(`ten sidecars with ${name} at 30 % keep the same traces, whole`, async () => {
    const votes = await vote({ type, bringsRandomness, config: () => rule(30) }, 1);
    for (const [traceId, sidecars] of votes.kept) assert.equal(sidecars, votes.seen.get(traceId), traceId);
    const bound = 4 * Math.sqrt((0.3 * 0.7) / votes.seen.size);
    assert.ok(Math.abs(keptShare(votes) - 0.3) <= bound, `${keptShare(votes)} were kept`);
  });

  test(`of sidecars with ${name} at different percentages one that asks for more keeps all that one with less does`, async () => {
    const percentages = [1, 5, 10, 10, 20, 30, 50, 50, 90, 100];
    const votes = await vote({ type, bringsRandomness, config: (sidecar) => rule(percentages[sidecar] ?? 0) }, 2);
    let counted = 0;
    for (const [traceId, seen] of votes.seen) {
      const kept = votes.kept.get(traceId) ?? 0;
      let isKeptByLess = false;
      for (let sidecar = 0; sidecar < SIDECARS; sidecar++) {
        if ((seen & (1 << sidecar)) === 0) continue;
        const isKept = (kept & (1 << sidecar)) !== 0;
        assert.ok(isKept || !isKeptByLess, `${traceId} is kept below ${percentages[sidecar] ?? 0} % and not there`);
        if (isKeptByLess) counted += 1;
        isKeptByLess ||= isKept;
      }
    }
    assert.ok(counted > TRACES / 10);
  });
}

test('what follows the traces of a head sampler is told what became of each', async () => {
  for (const mode of ['hash_seed', 'proportional', 'equalizing']) {
    const rig = await ProcessorRig.start('probabilistic_sampler', percent(mode, 25));
    const [decisions, ...others] = rig.context.decisions.find('probabilistic_sampler');
    assert.ok(decisions !== undefined && others.length === 0);
    const dice = new Dice(3);
    const ids = Array.from({ length: TRACES }, () => dice.traceId());
    await rig.offer(spanBatch(ids.map((traceId) => ({ traceId }))));
    const kept = new Set(rig.spans().map(({ traceId }) => traceId));
    for (const id of ids) {
      // Not at the start of the bytes, as in a request.
      const bytes = Buffer.concat([Buffer.alloc(3, 255), id, Buffer.alloc(2, 255)]);
      assert.equal(decisions.fateOf(bytes, 3), kept.has(id.toString('hex')) ? 'kept' : 'dropped', mode);
    }
    assert.equal(decisions.fateOf(Buffer.alloc(16), 0), 'unknown', 'no trace has this id');
  }
});

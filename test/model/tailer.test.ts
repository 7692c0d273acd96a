import { test } from 'node:test';
import fc from 'fast-check';
import { World, type Step, type Variant } from './tailer/world.ts';
import { KEPT } from './tailer/kept.ts';

/**
 * The tailer on a real filesystem against a model of what was written: whatever happens to the files, to the pipeline and
 * to the process, every line arrives once while there is no crash; after a crash all of them are there, and nothing that
 * a checkpoint on disk covers comes again. Never is a record anything but a line, or a documented part of one.
 *
 * `MODEL_RUNS=10000 node --test test/model/tailer.test.ts` is the full form, `MODEL_SEED` repeats one; what failed once is
 * kept in tailer/kept.ts and played first.
 */
const RUNS = Number(process.env['MODEL_RUNS'] ?? 150);
const SEED = process.env['MODEL_SEED'];

const place = fc.nat(1);
const hasty = fc.nat(3).map((chance) => chance === 0);
const step = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      place,
      style: fc.constantFrom('plain' as const, 'plain' as const, 'long' as const, 'crlf' as const, 'blank' as const),
      lines: fc.integer({ min: 1, max: 4 }),
      partial: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      place,
      style: fc.constant('bulk' as const),
      lines: fc.integer({ min: 1, max: 5 }),
      partial: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('rotate' as const), place, create: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('late' as const), place }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('copytruncate' as const), place, stale: fc.boolean(), hasty }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('truncate' as const), place, regrow: fc.boolean(), hasty }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'rewrite' as const), place, hasty }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('mode' as const),
      mode: fc.constantFrom('accept' as const, 'accept' as const, 'retry' as const, 'hold' as const, 'reject' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), pick: fc.nat(5) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 30 }) }) },
  { weight: 3, arbitrary: fc.constant({ do: 'settle' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'checkpoint' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'stop' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), torn: fc.nat(3).map((n) => n === 0) }) },
  { weight: 3, arbitrary: fc.constant({ do: 'start' as const }) },
);
const variant: fc.Arbitrary<Variant> = fc.record({
  matchesRotated: fc.boolean(),
  banner: fc.boolean(),
  fewOpen: fc.nat(5).map((n) => n === 0),
  truncates: fc.nat(5).map((n) => n === 0),
  flushes: fc.nat(5).map((n) => n === 0),
});

test('what failed once goes right: cases that are kept', async () => {
  for (const [kept, steps] of KEPT) await new World(kept).run(steps);
});

test('every line arrives, once while no crash, whatever happens to files, pipeline and process', async () => {
  const steps: fc.Arbitrary<Step[]> = fc.array(step, { maxLength: 40, size: 'max' });
  await fc.assert(
    fc.asyncProperty(variant, steps, (kind, all) => new World(kind).run(all)),
    {
      numRuns: RUNS,
      endOnFailure: process.env['MODEL_SHRINK'] === undefined,
      ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    },
  );
});

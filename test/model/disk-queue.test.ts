import { test } from 'node:test';
import fc from 'fast-check';
import type { Call } from './disk-queue/crashing-disk.ts';
import { World, type Setup } from './disk-queue/world.ts';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 150);
const SEED = process.env['MODEL_SEED'];

type Step = fc.AsyncCommand<object, World>;

function step(name: string, run: (world: World) => Promise<void>): Step {
  return { check: () => true, run: (_, world) => run(world), toString: () => name };
}

const size = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 8, max: 900 }));
const place = fc.nat(20);

const offers = fc
  .tuple(fc.array(size, { minLength: 1, maxLength: 6 }), fc.integer({ min: 0, max: 6 }))
  .map(([sizes, commits]) =>
    step(`offer(${JSON.stringify(sizes)}, ${commits})`, async (world) => {
      for (const [items, bytes] of sizes) await world.reserve(items, bytes);
      await world.commit(commits);
    }),
  );
const commits = fc.integer({ min: 1, max: 8 }).map((n) => step(`commit(${n})`, (world) => world.commit(n)));
const cancels = place.map((at) => step(`cancel(${at})`, (world) => world.cancel(at)));
const leases = fc.integer({ min: 1, max: 4 }).map((n) =>
  step(`lease(${n})`, async (world) => {
    for (let i = 0; i < n; i++) await world.lease();
  }),
);
const dones = place.map((at) => step(`done(${at})`, (world) => world.done(at)));
const moves = fc.integer({ min: 1, max: 6 }).map((n) =>
  step(`move(${n})`, async (world) => {
    for (let i = 0; i < n; i++) {
      await world.lease();
      await world.done(0);
    }
  }),
);
const givesBack = place.map((at) => step(`giveBack(${at})`, (world) => world.giveBack(at)));
const sheds = fc.nat(6000).map((bytes) => step(`shed(${bytes})`, (world) => world.shed(bytes)));
const time = fc.constantFrom(10, 99, 100, 101, 900).map((ms) => step(`pass(${ms})`, (world) => world.pass(ms)));
const fills = fc.nat(2500).map((left) => step(`fill(${left})`, (world) => world.fill(left)));
const calls = fc.constantFrom<Call>(
  'create',
  'write',
  'datasync',
  'truncate',
  'unlink',
  'syncDirectory',
  'open',
  'close',
  'list',
);
const failures = fc
  .tuple(calls, fc.integer({ min: 1, max: 3 }))
  .map(([call, times]) => step(`fail(${call}, ${times})`, (world) => world.fail(call, times)));
const badReads = fc.constantFrom(1, 2, 3, 9).map((n) => step(`fail(read, ${n})`, (world) => world.fail('read', n)));
const silences = fc.constantFrom(1, 4, 6).map((n) => step(`silence(${n})`, (world) => world.silence(n)));
const heals = fc.constant(step('heal', (world) => world.heal()));
const crashes = fc
  .tuple(fc.constantFrom('kill' as const, 'power' as const), fc.nat(12), fc.array(size, { maxLength: 5 }), fc.nat(3))
  .map(([kind, after, sizes, moved]) =>
    step(`crash(${kind}, ${after}, ${JSON.stringify(sizes)}, ${moved})`, (world) =>
      world.crash(kind, after, async () => {
        for (let i = 0; i < moved; i++) await world.done(i);
        for (const [items, bytes] of sizes) await world.reserve(items, bytes);
        await world.commit(sizes.length);
      }),
    ),
  );
const restarts = fc.constant(step('shutAndRestart', (world) => world.shutAndRestart()));

const setups: fc.Arbitrary<Setup> = fc.record({
  seed: fc.nat(1e6),
  sizer: fc.constantFrom('requests', 'items', 'bytes'),
  capacity: fc.constantFrom(8, 60, 20_000),
  maxBytes: fc.constantFrom(4096, 12_000, 60_000),
  memoryBytes: fc.constantFrom(0, 1500, 8000, 1e6),
  segmentBytes: fc.constantFrom(600, 2500, 10_000),
  chunkBytes: fc.constantFrom(200, 1000, 16_384),
  overflow: fc.constantFrom('push_back', 'push_back', 'drop_oldest'),
  freshFirst: fc.constantFrom(false, false, true),
  fsync: fc.constantFrom('always' as const, 'always' as const, 'never' as const, { everyMs: 1500 }),
});

const steps = fc.commands(
  [
    offers,
    offers,
    offers,
    commits,
    cancels,
    leases,
    leases,
    dones,
    moves,
    moves,
    givesBack,
    sheds,
    time,
    fills,
    failures,
    badReads,
    silences,
    heals,
    heals,
    crashes,
    crashes,
    restarts,
  ],
  { maxCommands: 40, size: '+1' },
);

test('the queue on disk keeps what it accepted, in order, whatever the disk does and whenever the process ends', async () => {
  await fc.assert(
    fc.asyncProperty(setups, steps, async (setup, program) => {
      const world = new World(setup);
      await world.begin();
      await fc.asyncModelRun(() => ({ model: {}, real: world }), program);
      await world.drain();
    }),
    { numRuns: RUNS, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
  );
});

/** What the model test once found, as small as it made it. */
const KEPT: readonly {
  readonly name: string;
  readonly setup?: Partial<Setup>;
  readonly program: (world: World) => Promise<void>;
}[] = [
  {
    name: 'a record that is written while an earlier piece is read is not taken for lost',
    program: async (world) => {
      await world.fail('read', 1);
      await offer(world, [8]);
      await offer(world, [8]);
      await move(world);
    },
  },
  {
    name: 'what is given back comes before what is in line, although the backlog was never read so far',
    setup: { memoryBytes: 1500 },
    program: async (world) => {
      await offer(world, [227]);
      await world.lease();
      await offer(world, [84, 425, 693, 72]);
      await world.giveBack(0);
    },
  },
  {
    name: 'damage is passed over although the folder cannot be listed to put it aside',
    program: async (world) => {
      await offer(world, [50, 60, 70]);
      await world.pass(200);
      await world.fail('list', 2);
      await world.silence(6);
      await world.heal();
    },
  },
  {
    name: 'what can be read of a segment goes on before what cannot is reported',
    setup: { chunkBytes: 200 },
    program: async (world) => {
      await world.fail('read', 1);
      await offer(world, [165, 8, 129]);
      await world.silence(6);
      await world.lease();
    },
  },
  {
    name: 'notes of an earlier process go on where they end',
    program: async (world) => {
      await offer(world, [8]);
      await move(world);
      await offer(world, [8, 8]);
      await world.shutAndRestart();
      await move(world);
      await world.heal();
      await world.crash('power', 0, () => Promise.resolve());
    },
  },
  {
    name: 'what was done just before the disk was full may come again after an orderly stop',
    setup: { chunkBytes: 200 },
    program: async (world) => {
      await offer(world, [8, 8]);
      await move(world);
      await world.pass(10);
      await world.fill(0);
      await world.shutAndRestart();
    },
  },
  {
    name: 'what was refused after a failed sync does not come back with a restart',
    program: async (world) => {
      await offer(world, [40]);
      await world.fail('datasync', 1);
      await offer(world, [50, 60]);
      await world.heal();
      await offer(world, [70]);
      await world.crash('kill', 0, () => Promise.resolve());
    },
  },
];

async function offer(world: World, sizes: readonly number[]): Promise<void> {
  for (const bytes of sizes) await world.reserve(1, bytes);
  await world.commit(sizes.length);
}

async function move(world: World): Promise<void> {
  await world.lease();
  await world.done(0);
}

for (const { name, setup, program } of KEPT) {
  test(name, async () => {
    const world = new World({
      seed: 0,
      sizer: 'requests',
      capacity: 8,
      maxBytes: 4096,
      memoryBytes: 0,
      segmentBytes: 600,
      chunkBytes: 16_384,
      overflow: 'push_back',
      freshFirst: false,
      fsync: 'always',
      ...setup,
    });
    await world.begin();
    await program(world);
    await world.drain();
  });
}

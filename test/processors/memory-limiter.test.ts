import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { makeBatch } from '../../src/core/batch.ts';
import type { Consumer } from '../../src/core/component.ts';
import { RemoraError } from '../../src/core/errors.ts';
import type { Signal } from '../../src/core/signal.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { makeMemoryLimiter, memoryLimiterProcessor } from '../../src/processors/memory-limiter.ts';
import type { Memory } from '../../src/core/outside.ts';
import { findCgroup, systemMemory, totalBytes } from '../../src/telemetry/memory.ts';
import { CollectingConsumer, processorContext } from '../support/context.ts';

const MIB = 2 ** 20;
const never = new AbortController().signal;
const batch = makeBatch('traces', [new Uint8Array(3)], 7);

function fakeMemory(usedMib: number, overrides: Partial<Memory> = {}) {
  const memory: Memory & { usedMib: number } = {
    usedMib,
    residentBytes: () => memory.usedMib * MIB,
    containerBytes: () => 0,
    totalBytes: () => 1000 * MIB,
    ...overrides,
  };
  return memory;
}

function setUp(raw: Record<string, unknown>, memory: Memory, signal: Signal = 'traces', to?: Consumer) {
  const clock = new VirtualClock();
  const next = new CollectingConsumer();
  const context = processorContext(signal, to ?? next, { clock, id: 'memory_limiter' });
  const parsed = memoryLimiterProcessor.parse({ check_interval: '1s', ...raw });
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const config = parsed.prepared.config as Parameters<typeof makeMemoryLimiter>[0];
  const limiter = makeMemoryLimiter(config, context, memory);
  return { clock, next, limiter, context, meter: context.meter };
}

for (const [name, raw, path] of [
  ['no check_interval', { check_interval: undefined, limit_mib: 100 }, 'check_interval'],
  ['check_interval 0', { check_interval: 0, limit_mib: 100 }, 'check_interval'],
  ['no limit', {}, 'limit_mib'],
  ['a spike above the limit', { limit_mib: 100, spike_limit_mib: 100 }, 'spike_limit_mib'],
  ['a spike share above the limit', { limit_percentage: 50, spike_limit_percentage: 60 }, 'spike_limit_percentage'],
  ['a share above 100', { limit_percentage: 101 }, 'limit_percentage'],
  [
    'a soft collection interval below the hard one',
    { limit_mib: 100, min_gc_interval_when_soft_limited: '1s', min_gc_interval_when_hard_limited: '2s' },
    'min_gc_interval_when_soft_limited',
  ],
] as const) {
  test(`${name} is a configuration error`, () => {
    const parsed = memoryLimiterProcessor.parse({ check_interval: '1s', ...raw });
    assert.ok(!parsed.ok);
    assert.deepEqual(parsed.issues[0]?.path, [path]);
  });
}

test('above the soft limit, 80% of the limit by default, data is refused with a hint; below it, accepted again', async () => {
  const memory = fakeMemory(80);
  const { clock, next, limiter, meter, context } = setUp({ limit_mib: 100 }, memory);
  await limiter.start!();
  assert.equal((await limiter.consume(batch, never)).status, 'accepted');
  memory.usedMib = 81;
  assert.equal((await limiter.consume(batch, never)).status, 'accepted', 'measured on the timer only');
  await clock.advance(1000);
  const verdict = await limiter.consume(batch, never);
  assert.ok(verdict.status === 'retry' && verdict.reason instanceof RemoraError);
  assert.deepEqual([verdict.reason.code, verdict.afterMs], ['memory_limited', 1000]);
  assert.notEqual(context.health.get('traces'), undefined);
  memory.usedMib = 70;
  await clock.advance(1000);
  assert.equal((await limiter.consume(batch, never)).status, 'accepted');
  assert.equal(context.health.get('traces'), undefined);
  assert.equal(next.items, 21);
  const labels = { processor: 'memory_limiter' };
  assert.equal(meter.value('otelcol_processor_memory_limiter_accepted_spans', labels), 21);
  assert.equal(meter.value('otelcol_processor_memory_limiter_refused_spans', labels), 7);
  await limiter.stop!(never);
});

test('the hint is never below a second and follows a longer check_interval', async () => {
  for (const [interval, afterMs] of [
    ['100ms', 1000],
    ['5s', 5000],
  ] as const) {
    const { limiter } = setUp({ limit_mib: 10, check_interval: interval }, fakeMemory(11));
    await limiter.start!();
    const verdict = await limiter.consume(batch, never);
    assert.ok(verdict.status === 'retry');
    assert.equal(verdict.afterMs, afterMs);
    await limiter.stop!(never);
  }
});

test('a percentage is of the total memory, and then the memory of the container counts too', async () => {
  let container = 0;
  const memory = fakeMemory(100, { containerBytes: () => container * MIB });
  const { clock, limiter } = setUp({ limit_percentage: 50, spike_limit_percentage: 10 }, memory);
  await limiter.start!();
  assert.equal((await limiter.consume(batch, never)).status, 'accepted');
  container = 401;
  await clock.advance(1000);
  assert.equal((await limiter.consume(batch, never)).status, 'retry');
  await limiter.stop!(never);
  const fixed = setUp({ limit_mib: 400 }, memory);
  await fixed.limiter.start!();
  assert.equal((await fixed.limiter.consume(batch, never)).status, 'accepted', 'limit_mib is about this process');
  await fixed.limiter.stop!(never);
});

test('a collection is asked for, and when it helps nothing is refused', async () => {
  const memory: ReturnType<typeof fakeMemory> = fakeMemory(95, {
    collect: () => {
      memory.usedMib = 50;
    },
  });
  const { limiter } = setUp({ limit_mib: 100 }, memory);
  await limiter.start!();
  assert.equal((await limiter.consume(batch, never)).status, 'accepted');
  await limiter.stop!(never);
});

test('above the soft limit collections keep their distance, above the hard limit they may follow each other', async () => {
  let collections = 0;
  const memory = fakeMemory(95, {
    collect: () => {
      collections += 1;
    },
  });
  const { clock, limiter } = setUp({ limit_mib: 100 }, memory);
  await limiter.start!();
  await clock.advance(9000);
  assert.equal(collections, 1);
  await limiter.stop!(never);
  collections = 0;
  memory.usedMib = 200;
  const hard = setUp({ limit_mib: 100, max_gc_interval_when_hard_limited: '1s' }, memory);
  await hard.limiter.start!();
  await hard.clock.advance(9000);
  assert.equal(collections, 10);
  await hard.limiter.stop!(never);
});

test('a fan-out can reserve through the limiter, and is refused while it is shut', async () => {
  const memory = fakeMemory(10);
  const next = new CollectingConsumer();
  const reserving: Consumer = {
    consume: next.consume.bind(next),
    tryReserve: (offered) => ({
      status: 'reserved',
      commit: (abort) => next.consume(offered, abort),
      cancel: () => undefined,
    }),
  };
  const { limiter, clock, meter } = setUp({ limit_mib: 100 }, memory, 'logs', reserving);
  await limiter.start!();
  const accepted = (): number | undefined =>
    meter.value('otelcol_processor_memory_limiter_accepted_log_records', { processor: 'memory_limiter' });
  const cancelled = limiter.tryReserve!(batch);
  assert.ok(cancelled.status === 'reserved');
  cancelled.cancel();
  assert.equal(accepted(), 0);
  const reservation = limiter.tryReserve!(batch);
  assert.ok(reservation.status === 'reserved');
  await reservation.commit(never);
  assert.deepEqual([accepted(), next.items], [7, 7]);
  memory.usedMib = 90;
  await clock.advance(1000);
  assert.equal(limiter.tryReserve!(batch).status, 'retry');
  await limiter.stop!(never);
  assert.equal(Reflect.get(setUp({ limit_mib: 100 }, memory).limiter, 'tryReserve'), undefined);
});

test('create sets no timer, stop clears it, and both stop before start and stop twice are fine', async () => {
  const { clock, limiter } = setUp({ limit_mib: 100 }, fakeMemory(1));
  assert.equal(clock.pending, 0);
  await limiter.stop!(never);
  await limiter.start!();
  assert.equal(clock.pending, 1);
  await limiter.stop!(never);
  await limiter.stop!(never);
  assert.equal(clock.pending, 0);
});

test('the memory of the machine bounds what Node says of the container', () => {
  assert.equal(totalBytes(1000, 2 ** 64, undefined), 1000);
  assert.equal(totalBytes(1000, 0), 1000);
  assert.equal(totalBytes(1000, 400, 500), 400);
});

function files(t: TestContext, contents: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'remora-cgroup-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const [name, text] of Object.entries(contents)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

test('cgroup v2 gives its limit, and what it uses besides file pages', (t) => {
  const root = files(t, {
    'proc/self/cgroup': '0::/kubepods/pod1\n',
    'sys/fs/cgroup/kubepods/pod1/memory.max': '268435456\n',
    'sys/fs/cgroup/kubepods/pod1/memory.current': '100000\n',
    'sys/fs/cgroup/kubepods/pod1/memory.stat': 'anon 1\ninactive_file 30000\nactive_file 5\n',
  });
  const cgroup = findCgroup(root);
  assert.deepEqual([cgroup?.limitBytes, cgroup?.usedBytes()], [268435456, 69995]);
});

test('cgroup v1 gives the same, also when the path is that of the host', (t) => {
  const root = files(t, {
    'proc/self/cgroup': '12:cpu,cpuacct:/x\n9:memory:/docker/abc\n',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '1000000\n',
    'sys/fs/cgroup/memory/memory.usage_in_bytes': '5000\n',
    'sys/fs/cgroup/memory/memory.stat': 'inactive_file 7\ntotal_inactive_file 1000\ntotal_active_file 500\n',
  });
  const cgroup = findCgroup(root);
  assert.deepEqual([cgroup?.limitBytes, cgroup?.usedBytes()], [1000000, 3500]);
});

test('a cgroup without a limit, or none at all, does not count', (t) => {
  const v2 = { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/memory.max': 'max\n' };
  const v1 = {
    'proc/self/cgroup': '9:memory:/\n',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
  };
  for (const contents of [v2, v1, {}]) assert.equal(findCgroup(files(t, contents)), undefined);
});

test('this process and this machine can be measured', () => {
  const memory = systemMemory();
  assert.ok(memory.residentBytes() > MIB);
  assert.ok(memory.totalBytes() >= memory.residentBytes());
  assert.ok(memory.containerBytes() >= 0);
});

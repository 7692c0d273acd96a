import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { OverloadGuard, type GuardedQueue, type GuardOptions } from '../../../src/service/overload/guard.ts';
import { TestMeter } from '../../support/context.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { FakeMemory, MIB } from './fake-memory.ts';

class FakeQueue implements GuardedQueue {
  bytes: number;
  readonly shed: (bytes: number) => number;

  constructor(mib: number, memory: FakeMemory) {
    this.bytes = mib * MIB;
    this.shed = (bytes) => {
      const freed = Math.min(bytes, this.bytes);
      this.bytes -= freed;
      memory.heldMib -= freed / MIB;
      return freed;
    };
  }

  drainedPerSecond(): number {
    return 2 * MIB;
  }
}

/** Time that can pass without its timers firing. */
class StallingClock extends VirtualClock {
  stalledMs = 0;

  override monotonic(): number {
    return super.monotonic() + this.stalledMs;
  }
}

function setUp(overrides: Partial<GuardOptions> = {}) {
  const clock = new StallingClock();
  const memory = new FakeMemory();
  const meter = new TestMeter();
  const health: (string | undefined)[] = [];
  const queues: FakeQueue[] = [];
  const lines: string[] = [];
  const say = (message: string): void => void lines.push(message);
  const guard = new OverloadGuard({
    clock,
    log: { ...silentLogger, info: say, warn: say, error: say },
    meter,
    memory,
    limits: { softBytes: 100 * MIB, hardBytes: 120 * MIB },
    utilization: () => 0.5,
    shed: 'oldest',
    maxLoopLagMs: 500,
    queues: () => queues,
    reportHealth: (reason) => health.push(reason),
    ...overrides,
  });
  guard.start();
  const reason = (): string | undefined => guard.refusal?.reason;
  return {
    reason,
    clock,
    memory,
    meter,
    health,
    queues,
    lines,
    guard,
  };
}

test('above the soft limit data is refused, with a hint from the rate at which queues empty, until there is room again', async () => {
  const { clock, memory, meter, health, queues, guard, reason, lines } = setUp();
  queues.push(new FakeQueue(50, memory), new FakeQueue(0, memory));
  await clock.advance(250);
  assert.equal(reason(), undefined);
  memory.heldMib = 57;
  await clock.advance(250);
  assert.equal(reason(), 'memory');
  assert.equal(guard.refusal?.afterMs, 5000, '20 MiB too much, 4 MiB leave in a second');
  assert.equal(meter.value('remora_overload_refusing', { reason: 'memory' }), 1);
  memory.heldMib = 10;
  await clock.advance(250);
  assert.equal(reason(), undefined);
  assert.equal(meter.value('remora_overload_refusing', { reason: 'memory' }), 0);
  assert.deepEqual(health, ['Memory is above the soft limit: new data is refused.', undefined]);
  assert.equal(lines.length, 2);
  assert.equal(queues[0]?.bytes, 50 * MIB, 'nothing was shed');
});

test('above the hard limit the fullest queue lets go of as much as is too much, and no more at once', async () => {
  const { clock, memory, meter, queues, reason } = setUp();
  const [small, large] = [new FakeQueue(5, memory), new FakeQueue(60, memory)];
  queues.push(small, large);
  await clock.advance(250);
  memory.heldMib = 65;
  await clock.advance(250);
  assert.deepEqual([small.bytes, large.bytes], [5 * MIB, 32 * MIB], '125 MiB were 28 more than 97');
  assert.equal(meter.value('remora_overload_shed_bytes'), 28 * MIB);
  assert.equal(reason(), 'memory');
  memory.heldMib = 65;
  await clock.advance(500);
  assert.equal(large.bytes, 32 * MIB, 'what was shed may take a moment to be free');
  await clock.advance(500);
  assert.equal(large.bytes, 4 * MIB);
});

test('shed: none only refuses', async () => {
  const { clock, memory, queues, reason } = setUp({ shed: 'none' });
  queues.push(new FakeQueue(70, memory));
  await clock.advance(250);
  memory.heldMib = 70;
  await clock.advance(2000);
  assert.equal(reason(), 'memory');
  assert.equal(queues[0]?.bytes, 70 * MIB);
});

test('an event loop that is late refuses until it keeps up', async () => {
  const { clock, meter, health, reason } = setUp();
  await clock.advance(1000);
  for (let i = 0; i < 2; i++) {
    assert.equal(reason(), undefined, 'once is a pause');
    clock.stalledMs += 600;
    await clock.advance(100);
  }
  assert.equal(reason(), 'event_loop');
  assert.equal(meter.value('remora_overload_event_loop_lag_seconds'), 0.6);
  assert.equal(meter.value('remora_overload_refusing', { reason: 'event_loop' }), 1);
  await clock.advance(900);
  assert.equal(reason(), 'event_loop');
  await clock.advance(200);
  assert.equal(reason(), undefined);
  assert.deepEqual(health, ['The event loop is behind: new data is refused.', undefined]);
});

test('memory that is kept although nothing is held is told once and refuses nothing', async () => {
  const { clock, memory, reason, lines } = setUp();
  await clock.advance(250);
  memory.keptMib = 70;
  await clock.advance(5000);
  assert.equal(reason(), undefined);
  assert.deepEqual(lines, [
    'Resident memory is above the soft limit although hardly any data is held; raise the limit.',
  ]);
});

test('stopped it measures nothing', () => {
  const { clock, guard } = setUp();
  guard.start();
  guard.stop();
  guard.stop();
  assert.equal(clock.pending, 0);
});

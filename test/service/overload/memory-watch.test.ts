import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { MemoryWatch } from '../../../src/service/overload/memory-watch.ts';
import { FakeMemory, MIB } from './fake-memory.ts';

const LIMITS = { softBytes: 100 * MIB, hardBytes: 120 * MIB };

function setUp() {
  const clock = new VirtualClock();
  const memory = new FakeMemory();
  return { clock, memory, watch: new MemoryWatch(clock, memory, LIMITS) };
}

test('pressure begins above a limit and ends a little below the soft one', () => {
  const { memory, watch } = setUp();
  const at = (heldMib: number) => {
    memory.heldMib = heldMib;
    return watch.look();
  };
  assert.deepEqual([0, 40, 41, 61, 40, 38].map(at), ['none', 'none', 'soft', 'hard', 'soft', 'soft']);
  assert.equal(at(36), 'none', '96 MiB of 100');
  assert.equal(at(40), 'none');
  assert.equal(watch.excessBytes, 3 * MIB);
});

test('dead buffers are collected before anything is refused', () => {
  const { memory, watch } = setUp();
  watch.look();
  memory.deadMib = 70;
  assert.equal(watch.look(), 'none');
  assert.deepEqual([memory.collections, watch.collections], [1, 1]);
});

test('collections that free nothing become rare', async () => {
  const { clock, memory, watch } = setUp();
  watch.look();
  memory.heldMib = 70;
  for (let i = 0; i < 30 * 4; i++) {
    watch.look();
    await clock.advance(250);
  }
  assert.ok(memory.collections >= 4 && memory.collections <= 8, `${memory.collections} in 30 s`);
});

test('memory that nobody holds and that does not come back is no reason to refuse for ever', () => {
  const { memory, watch } = setUp();
  watch.look();
  memory.heldMib = 50;
  assert.equal(watch.look(), 'soft');
  memory.heldMib = 2;
  memory.keptMib = 65;
  assert.equal(watch.look(), 'none');
  assert.ok(watch.isHelpless);
  memory.heldMib = 20;
  assert.equal(watch.look(), 'hard', 'now there is something whose leaving would help');
  assert.ok(!watch.isHelpless);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AvailableMemory } from '../../src/telemetry/memory.ts';
import { budgetLine } from '../../src/config/memory-budget.ts';
import { load, loadGood, problemsOf, warningsOf } from './load.ts';

const MIB = 2 ** 20;

/** Three queues: debug has one for each of two signals. */
const config = (parts: { memory?: string; debug?: string; small?: string } = {}) => ({
  'a.yaml': `receivers: {otlp: {protocols: {grpc: }}}
exporters:
  debug: {sending_queue: {${parts.debug ?? ''}}}
  debug/small: {sending_queue: {${parts.small ?? 'max_bytes: 1MiB'}}}
service:
  memory: {${parts.memory ?? ''}}
  telemetry: {metrics: {level: none}}
  pipelines:
    logs: {receivers: [otlp], exporters: [debug, debug/small]}
    traces: {receivers: [otlp], exporters: [debug]}
`,
});

const container = (mib: number) => ({ available: { bytes: mib * MIB, from: 'container' } as AvailableMemory });
const machine = (mib: number) => ({ available: { bytes: mib * MIB, from: 'machine' } as AvailableMemory });

test('what is asked for must fit the limit, and every part of the sum is named', async () => {
  const files = config({ memory: 'limit: 100MiB', debug: 'max_bytes: 32MiB' });
  assert.deepEqual(await problemsOf(files), [
    'a.yaml:6:19 service.memory.limit: the limit of 100 MiB is less than the 153 MiB asked for: the runtime 80 MiB + admission at least 8 MiB + exporters.debug.sending_queue 2 x 32 MiB + exporters.debug/small.sending_queue 1 MiB; raise it, or lower sending_queue.max_bytes',
  ]);
  await loadGood(config({ memory: 'limit: 154MiB', debug: 'max_bytes: 32MiB' }));
});

test('the memory of the container counts as a limit, at the place where one would be set', async () => {
  const files = config({ debug: 'max_bytes: 32MiB' });
  const [problem = ''] = await problemsOf(files, container(100));
  assert.match(problem, /^a.yaml:6:3 service.memory.limit: the memory of the container of 100 MiB is less than/);
  assert.deepEqual(await problemsOf(config(), container(100)), [], 'queues left open are made to fit');
});

test('without any limit too much is a warning', async () => {
  const files = config({ debug: 'max_bytes: 2GiB' });
  const [warning = ''] = await warningsOf(files, machine(100_000));
  assert.match(warning, /the limit that Remora keeps where none is set of 2048 MiB is less than the 4185 MiB/);
  assert.ok((await load(files, machine(100_000))).ok);
  assert.deepEqual(await warningsOf(config(), machine(100_000)), []);
});

test('a limit that leaves too little beside the process itself is a warning', async () => {
  const place = 'a.yaml:6:19 service.memory.limit: data is refused above the soft limit of';
  const small = config({ memory: 'limit: 128MiB' });
  assert.deepEqual(await warningsOf(small, machine(100_000)), [
    `${place} 108.8 MiB, and the process alone may take 120 MiB outside of a container; give it more, so that the soft limit is 136 MiB at least`,
  ]);
  assert.deepEqual(await warningsOf(config({ memory: 'limit: 160MiB' }), machine(100_000)), []);
  assert.deepEqual(await warningsOf(small, container(128)), [], 'the image keeps the process small');
  const [warning = ''] = await warningsOf(config({ small: 'max_bytes: 4MiB' }), container(110));
  assert.match(warning, /^a.yaml:6:3 .* 93.5 MiB, and the process alone may take 80 MiB; give it more/);
});

test('queues whose size is not written share what is left, within 4 and 32 MiB', async () => {
  for (const [mib, eachMib, admissionMib] of [
    [100, 4, 8],
    [128, 9.75, 8],
    [256, 32, 34.25],
    [8192, 32, 256],
  ] as const) {
    const { memory } = await loadGood(config(), container(mib));
    assert.deepEqual([...memory.queueBytes], [['debug', eachMib * MIB]], `${mib} MiB`);
    assert.equal(memory.shares.admission, admissionMib * MIB, `${mib} MiB`);
    assert.equal(memory.shares.queues, (1 + 2 * eachMib) * MIB);
    const sum = Object.values(memory.shares).reduce((a, b) => a + b, 0);
    assert.ok(sum <= Math.max(memory.softBytes, 80 * MIB + 8 * MIB + 9 * MIB), 'the shares end at the soft limit');
  }
});

test('a queue whose size is written keeps it, and the others get less', async () => {
  const { memory } = await loadGood(config({ small: 'max_bytes: 15MiB' }), container(128));
  assert.equal(memory.queueBytes.has('debug/small'), false);
  assert.equal(memory.queueBytes.get('debug'), 4 * MIB);
});

test('the limits are shares of the limit, or sizes', async () => {
  const { memory } = await loadGood(config({ memory: 'limit: 200MiB' }));
  assert.deepEqual([memory.softBytes, memory.hardBytes, memory.shed], [170 * MIB, 186 * MIB, 'oldest']);
  const text = 'limit: 200MiB, soft_limit: 50%, hard_limit: 120MiB, shed: none';
  const written = await loadGood(config({ memory: text }));
  assert.deepEqual([written.memory.softBytes, written.memory.hardBytes], [100 * MIB, 120 * MIB]);
  assert.equal(written.memory.shed, 'none');
});

test('limits in the wrong order, and what is no amount, are told at their place', async () => {
  const problems = async (memory: string) => await problemsOf(config({ memory }));
  assert.deepEqual(await problems('limit: 200MiB, soft_limit: 190MiB'), [
    'a.yaml:6:39 service.memory.soft_limit: 190 MiB must be less than hard_limit, which is 186 MiB',
  ]);
  assert.deepEqual(await problems('limit: 200MiB, hard_limit: 201MiB'), [
    'a.yaml:6:39 service.memory.hard_limit: 201 MiB must not be more than the limit, which is 200 MiB',
  ]);
  const [problem = ''] = await problems('soft_limit: lots');
  assert.match(problem, /service.memory.soft_limit: "lots" is neither a share nor a size; write 85% or 200MiB/);
});

test('the budget reads as one line', async () => {
  const { memory } = await loadGood(config(), container(256));
  assert.equal(
    budgetLine(memory),
    'Memory: 256 MiB (container), refused above 217.6 MiB, shed above 238.08 MiB; runtime 80 MiB, admission 34.25 MiB, queues 65 MiB, each queue of debug 32 MiB.',
  );
});

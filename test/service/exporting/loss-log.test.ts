import assert from 'node:assert/strict';
import { it } from 'node:test';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { LossLog } from '../../../src/service/exporting/loss-log.ts';
import { TestLogger } from '../../support/sender.ts';

it('tells of the first loss of a kind at once and of the rest in sum, ten seconds after the line before', async () => {
  const clock = new VirtualClock();
  const log = new TestLogger();
  const losses = new LossLog(log, clock, { exporter: 'otlp' });
  const loss = { requests: 1, items: 5, bytes: 100 };
  for (let i = 0; i < 1000; i++) losses.lost('Full.', loss, 'no room');
  losses.lost('Evicted.', loss);
  assert.deepEqual(log.lines, ['ERROR Full.', 'ERROR Evicted.']);
  assert.deepEqual(log.fields[0], { exporter: 'otlp', reason: 'no room', ...loss });
  await clock.advance(10_000);
  losses.lost('Full.', loss, 'no room');
  assert.deepEqual(log.lines.length, 3);
  assert.deepEqual(log.fields[2], { exporter: 'otlp', reason: 'no room', requests: 1000, items: 5000, bytes: 100_000 });
});

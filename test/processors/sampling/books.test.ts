import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { newTally, SamplingBooks, type KeyRatio } from '../../../src/processors/sampling/books.ts';
import { RatioWindow } from '../../../src/processors/sampling/ratio-window.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';

test('the ratio is that of the last minute, and none when nothing came', async () => {
  const clock = new VirtualClock();
  const window = new RatioWindow(clock);
  assert.equal(window.ratio, undefined);
  window.book(100, 10);
  assert.equal(window.ratio, 0.1);
  await clock.advance(30_000);
  window.book(100, 90);
  assert.equal(window.ratio, 0.5);
  await clock.advance(35_000);
  assert.equal(window.ratio, 0.9, 'the first ones are too long ago');
  await clock.advance(60_000);
  assert.equal(window.ratio, undefined);
  window.book(4, 1);
  assert.equal(window.ratio, 0.25, 'a slot that is used again starts anew');
});

test('books show what was asked and got, by key, and add up what was accepted', () => {
  const context = processorContext('traces', new CollectingConsumer());
  const ratios: KeyRatio[] = [
    { key: 'a', asked: 0.5, got: 0.4 },
    { key: 'b', asked: 1, got: undefined },
  ];
  const books = new SamplingBooks(context, () => ratios);
  const made = (name: string) => context.meter.made(name).map(([{ key }, value]) => [key, value]);
  assert.deepEqual(made('remora_sampling_ratio_asked'), [
    ['a', 0.5],
    ['b', 1],
  ]);
  assert.deepEqual(made('remora_sampling_ratio_got'), [['a', 0.4]]);
  books.book({ ...newTally(), adjusted: 12.5, malformed: 1 });
  books.book({ ...newTally(), adjusted: 2.5, inconsistent: 3, noRandomness: 4 });
  assert.equal(context.meter.total('remora_sampling_adjusted_items'), 15);
  assert.equal(context.meter.total('remora_sampling_malformed_items'), 1);
  assert.equal(context.meter.total('remora_sampling_inconsistent_items'), 3);
  assert.equal(context.meter.total('remora_sampling_missing_randomness_items'), 4);
});

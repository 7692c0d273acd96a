import assert from 'node:assert/strict';
import { it } from 'node:test';
import { DrainRate } from '../../../src/service/exporting/drain-rate.ts';

it('knows no rate before something left', () => {
  assert.equal(new DrainRate().perSecond(1000), undefined);
});

it('measures a steady rate, soon and for long', () => {
  for (const seconds of [5, 30, 300]) {
    const rate = new DrainRate();
    for (let ms = 0; ms <= seconds * 1000; ms += 100) rate.note(10, ms);
    const perSecond = rate.perSecond(seconds * 1000) ?? 0;
    assert.ok(Math.abs(perSecond - 100) < 5, `${perSecond} after ${seconds} s`);
  }
});

it('follows a change within some tens of seconds, and falls while nothing leaves', () => {
  const rate = new DrainRate();
  for (let ms = 0; ms <= 60_000; ms += 100) rate.note(10, ms);
  for (let ms = 60_100; ms <= 100_000; ms += 100) rate.note(1, ms);
  const slower = rate.perSecond(100_000) ?? 0;
  assert.ok(slower > 9 && slower < 13, String(slower));
  assert.ok((rate.perSecond(200_000) ?? 1) < 0.01);
});

it('does not take one departure for a flood', () => {
  const rate = new DrainRate();
  rate.note(50, 1234);
  assert.ok((rate.perSecond(1234) ?? Infinity) < 55);
});

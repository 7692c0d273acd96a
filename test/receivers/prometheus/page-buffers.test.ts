import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PageBuffers } from '../../../src/receivers/prometheus/page-buffers.ts';
import { only, PagedTarget, pointsOf } from './scraped.ts';

const MIB = 1024 * 1024;

test('a page of the same size, or a little more, gets the memory of the one before', () => {
  const buffers = new PageBuffers();
  const first = buffers.take(MIB);
  assert.ok(first.length >= MIB);
  buffers.give(first);
  assert.equal(buffers.take(MIB + 1000), first);
  assert.notEqual(buffers.take(MIB), first, 'it is in use');
});

test('what is kept is bounded, whatever was used', () => {
  const buffers = new PageBuffers();
  const used = [32 * MIB, ...Array.from({ length: 20 }, () => MIB)].map((bytes) => buffers.take(bytes));
  for (const buffer of used) buffers.give(buffer);
  assert.ok(buffers.keptBytes > 4 * MIB && buffers.keptBytes <= 8 * MIB, String(buffers.keptBytes));
});

test('a page without a last newline is not read on into the page that had the buffer before', () => {
  const { series } = new PagedTarget();
  const buffer = Buffer.from('aa 1\nbb 2222222\ncc 3\n');
  series.read(buffer, buffer.length, 'text');
  series.batch(1000, []);
  series.accepted();
  const length = buffer.write('aa 1\nbb 2');
  series.read(buffer, length, 'text');
  const points = pointsOf(series.batch(2000, []).batch);
  assert.equal(only(points, 'bb').value, 2);
  assert.equal(only(points, 'cc').stale, true);
});

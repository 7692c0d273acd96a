import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusedNow } from '../../../src/receivers/otlp/answer.ts';

const LATEST = (): number => 0.999;

test('the hint of a full queue, which is stretched already, is passed on; the others are spread here', () => {
  const afterMs = 4000;
  assert.equal(refusedNow({ reason: 'queue', message: 'Full.', afterMs }, LATEST).retryAfterMs, 4000);
  assert.equal(refusedNow({ reason: 'memory', message: 'Short.', afterMs }, LATEST).retryAfterMs, 7996);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RemoraError } from '../../src/core/errors.ts';
import type { AttemptEnd } from '../../src/core/outside.ts';
import { ACCEPTED, retry } from '../../src/core/verdict.ts';
import { UpstreamPhases } from '../../src/replay/record/upstream-phases.ts';

const ANSWERED: AttemptEnd = { verdict: ACCEPTED, said: undefined, gaveUp: undefined };
const NO_ANSWER = retry(new RemoraError('upstream_unavailable', 'There was no answer.'));
const LATE: AttemptEnd = { verdict: NO_ANSWER, said: undefined, gaveUp: 'late' };
const STOPPING: AttemptEnd = { verdict: NO_ANSWER, said: undefined, gaveUp: 'stopping' };

/** The kinds of the phases after one attempt that was answered and one that took so long and ended so. */
function kindsAfter(tookMs: number, end: AttemptEnd): string[] {
  let atMs = 0;
  const phases = new UpstreamPhases({ atMs: () => atMs, plain: (message) => message });
  phases.attempt('otlp', 'traces')(ANSWERED);
  atMs = 1000;
  const ended = phases.attempt('otlp', 'traces');
  atMs += tookMs;
  ended(end);
  return phases.result().phases.map(({ answer }) => answer.kind);
}

test('an upstream that does not answer in time hangs, and so does one that a stop has waited for', () => {
  assert.deepEqual(kindsAfter(5000, LATE), ['hang']);
  assert.deepEqual(kindsAfter(1000, STOPPING), ['hang']);
});

test('an attempt that a stop cut short says nothing of the upstream', () => {
  assert.deepEqual(kindsAfter(3, STOPPING), []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UpstreamAnswer } from '../../src/replay/input.ts';
import { MAX_RANGES, SLOW_MS, Timeline } from '../../src/replay/record/timeline.ts';

const ACCEPT: UpstreamAnswer = { kind: 'accept' };
const AWAY: UpstreamAnswer = { kind: 'unreachable' };

function timelineOf(
  attempts: readonly (readonly [fromMs: number, answer: UpstreamAnswer, tookMs?: number])[],
): Timeline {
  const timeline = new Timeline();
  for (const [fromMs, answer, tookMs = 5] of attempts) timeline.add({ fromMs, tookMs, answer });
  return timeline;
}

test('an outage is one phase, from before its first attempt to before the first one after it', () => {
  const timeline = timelineOf([
    [0, ACCEPT],
    [1000, AWAY],
    [1100, AWAY],
    [5000, AWAY],
    [5040, ACCEPT],
  ]);
  assert.deepEqual(timeline.phases(), [{ fromMs: 500, untilMs: 5010, delayMs: 0, answer: AWAY }]);
});

test('jitter says nothing, and slow answers have their mean', () => {
  const jitter = timelineOf([0, 40, 3, 190, 7, 0].map((tookMs, n) => [n * 1000, ACCEPT, tookMs] as const));
  assert.deepEqual(jitter.phases(), []);
  const slow = timelineOf([
    [0, ACCEPT, 5],
    [1000, ACCEPT, 600],
    [2000, ACCEPT, 1000],
    [3000, ACCEPT, 5],
  ]);
  assert.deepEqual(slow.phases(), [{ fromMs: 500, untilMs: 2500, delayMs: 800, answer: ACCEPT }]);
});

test('an attempt that a replay makes earlier, by what is not slow, is answered as the live one was', () => {
  const [dueMs, lateMs] = [700, SLOW_MS - 1];
  // The upstream was busy, and the live attempt that came after it was late twice: by an answer and by a timer.
  const phases = timelineOf([
    [0, AWAY],
    [dueMs + 2 * lateMs, { kind: 'partial', rejected: 2, message: 'full' }],
    [dueMs + 2000, ACCEPT],
  ]).phases();
  const kindAt = (ms: number): string | undefined =>
    phases.find(({ fromMs, untilMs }) => fromMs <= ms && ms < untilMs)?.answer.kind;
  assert.deepEqual([kindAt(0), kindAt(dueMs), kindAt(dueMs + 2000)], ['unreachable', 'partial', undefined]);
});

test('of two attempts at once that were answered otherwise, both answers stay', () => {
  const timeline = timelineOf([
    [1000, ACCEPT],
    [1000, AWAY],
    [1000, ACCEPT],
    [2000, ACCEPT],
  ]);
  assert.deepEqual(timeline.phases(), [{ fromMs: 1000, untilMs: 1001, delayMs: 0, answer: AWAY }]);
});

test('what changes without end is bounded, and says so', () => {
  const attempts = Array.from({ length: 10 * MAX_RANGES }, (_, n) => [n * 10, n % 2 === 0 ? ACCEPT : AWAY] as const);
  const timeline = timelineOf(attempts);
  assert.equal(timeline.isCut, true);
  assert.equal(timeline.phases().length, MAX_RANGES);
  assert.ok(timeline.phases().every(({ untilMs }) => Number.isFinite(untilMs)));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { Secret } from '../../src/core/secret.ts';
import { Log, type LogOptions } from '../../src/telemetry/log.ts';

function logInto(lines: string[], more: Partial<LogOptions> = {}) {
  const clock = new VirtualClock(Date.UTC(2026, 0, 2, 3, 4, 5));
  const log = new Log({ level: 'info', encoding: 'text', clock, write: (line) => lines.push(line), ...more });
  return { clock, log };
}

test('a text line has time, level, sentence and fields', () => {
  const lines: string[] = [];
  const { log } = logInto(lines);
  log.logger({ component: 'exporter otlp' }).warn('The upstream is slow.', { waitMs: 12, reason: 'two words' });
  assert.deepEqual(lines, [
    '2026-01-02T03:04:05.000Z WARN  The upstream is slow. component="exporter otlp" waitMs=12 reason="two words"\n',
  ]);
});

test('a JSON line can be parsed and has the same fields', () => {
  const lines: string[] = [];
  const { log } = logInto(lines, { encoding: 'json' });
  log.logger().error('Data was lost.', { items: 3 });
  assert.deepEqual(JSON.parse(lines[0] ?? ''), {
    time: '2026-01-02T03:04:05.000Z',
    level: 'error',
    message: 'Data was lost.',
    items: 3,
  });
});

test('text from outside can neither break a line nor send escapes to a terminal', () => {
  for (const encoding of ['text', 'json'] as const) {
    const lines: string[] = [];
    const { log } = logInto(lines, { encoding });
    log.logger().info('Peer said \n\u001b[31mERROR\u2028fake', { peer: 'a\r\nb\u001b]0;x\u0007\u009b31m\u2029' });
    assert.equal(lines.length, 1);
    const [line = ''] = lines;
    assert.equal(line.indexOf('\n'), line.length - 1, 'one line end, at the end');
    assert.doesNotMatch(line.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  }
});

test('lines under the level are left out', () => {
  const lines: string[] = [];
  const { log } = logInto(lines, { level: 'warn' });
  log.logger().info('Nothing special.');
  log.logger().debug('Even less.');
  log.logger().warn('Look here.');
  assert.equal(lines.length, 1);
});

test('repeats are suppressed inside the window and their number is told afterwards', async () => {
  const lines: string[] = [];
  const { log, clock } = logInto(lines, { sampling: { tickMs: 10_000, initial: 2, thereafter: 0 } });
  const logger = log.logger({ component: 'receiver otlp' });
  for (let i = 0; i < 50; i++) logger.warn('Refused.', { i });
  log.logger({ component: 'receiver other' }).warn('Refused.');
  assert.equal(lines.length, 3, 'two of the first component, one of the other');
  await clock.advance(10_000);
  logger.warn('Refused.');
  assert.match(lines[3] ?? '', /suppressed=48/);
});

test('a secret in a message is redacted', () => {
  const lines: string[] = [];
  const { log } = logInto(lines);
  log.logger().info(`Header ${new Secret('canary-4711').toString()} was set.`);
  assert.match(lines[0] ?? '', /\[REDACTED\]/);
  assert.doesNotMatch(lines[0] ?? '', /canary/);
});

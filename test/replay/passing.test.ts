import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Passing } from '../../src/replay/passing.ts';

const NEVER = new Promise<void>(() => undefined);

function passing(): Passing {
  const made = new Passing({ startMs: 0, limitMs: 60_000 });
  made.waitsFor(() => '3 spans held by exporter otlp');
  return made;
}

/** Something that asks to be called again after this time, for ever. */
function restless({ clock }: Passing, afterMs: number): void {
  const again = (): void => void clock.timer(afterMs, again);
  again();
}

test('timers that follow each other without time passing are stopped, whoever waits', async () => {
  const says = {
    code: 'replay_stuck',
    message:
      /500000 timers fired within the second of virtual time after 0s: .* It waits for 3 spans held by exporter otlp/,
  };
  const waiting = passing();
  restless(waiting, 0);
  await assert.rejects(waiting.until(NEVER), says);
  const going = passing();
  restless(going, 1e-6);
  await assert.rejects(going.to(10_000), says);
});

test('many timers are well while time passes', async () => {
  const going = passing();
  restless(going, 0.1);
  await going.to(3000);
  assert.equal(going.atMs, 3000);
});

test('time goes no further than its bound, and not on when nothing is left', async () => {
  const going = passing();
  await assert.rejects(going.to(60_001), { message: /The input goes on at 60\.001s, beyond the bound of 60s/ });
  await assert.rejects(going.until(NEVER), { message: /Nothing is left that could go on, and it waits for 3 spans/ });
  restless(going, 1000);
  await assert.rejects(going.until(NEVER), { message: /It still waits for 3 spans .*, beyond the bound of 60s/ });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdminMethod } from '../../src/core/admin.ts';
import { isRecord } from '../../src/config/records.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { bypassPage } from '../../src/service/bypass-page.ts';
import { BypassSwitch } from '../../src/service/bypass-switch.ts';
import { TestMeter } from '../support/context.ts';
import { TestLogger } from '../support/sender.ts';

const MAX_MS = 1_800_000;

class Bench {
  readonly clock = new VirtualClock();
  readonly log = new TestLogger();
  readonly meter = new TestMeter();
  notice: string | undefined;
  readonly bypass = new BypassSwitch({
    clock: this.clock,
    log: this.log,
    maxMs: MAX_MS,
    onNotice: (text) => (this.notice = text),
  });

  constructor() {
    this.bypass.meter(this.meter);
  }

  async ask(method: AdminMethod, query = '', body?: unknown) {
    return bypassPage(this.bypass).answer({ method, rest: '', query: new URLSearchParams(query), body });
  }
}

test('bypass mode ends by itself after the longest time that is allowed, and says so at both ends', async () => {
  const { bypass, clock, log, meter } = new Bench();
  bypass.toggle('signal');
  assert.ok(bypass.active);
  assert.equal(meter.value('remora_bypass_active'), 1);
  await clock.advance(MAX_MS - 1);
  assert.ok(bypass.active);
  await clock.advance(1);
  assert.ok(!bypass.active);
  assert.equal(meter.value('remora_bypass_active'), 0);
  assert.equal(meter.value('remora_bypass_seconds'), MAX_MS / 1000);
  assert.equal(clock.pending, 0);
  assert.equal(log.lines.length, 2);
  assert.match(log.lines[0] ?? '', /^WARN Bypass mode is on/);
  assert.match(log.lines[1] ?? '', /^WARN Bypass mode is off/);
});

test('the signal is a toggle, and health says as long as it is on who began it and until when', () => {
  const bench = new Bench();
  bench.bypass.toggle('signal');
  assert.match(bench.notice ?? '', /until \d{4}-.*by signal/);
  bench.bypass.toggle('signal');
  assert.equal(bench.notice, undefined);
  assert.ok(!bench.bypass.active);
  assert.equal(bench.clock.pending, 0);
});

test('asking again counts the time anew, and the seconds are those of the whole turn', async () => {
  const { bypass, clock, meter } = new Bench();
  bypass.begin('signal', 10_000);
  await clock.advance(8000);
  bypass.begin('admin', 10_000);
  await clock.advance(8000);
  assert.ok(bypass.active);
  assert.equal(bypass.state().by, 'admin');
  assert.equal(meter.value('remora_bypass_seconds'), 16);
  await clock.advance(2000);
  assert.ok(!bypass.active);
  assert.equal(meter.value('remora_bypass_seconds'), 18);
});

test('the admin page begins for as long as it is told, at most for the longest, and ends', async () => {
  const bench = new Bench();
  const until = async (method: AdminMethod, query?: string, body?: unknown): Promise<number> => {
    const { status, body: answer } = await bench.ask(method, query, body);
    assert.equal(status, 200);
    assert.ok(isRecord(answer) && typeof answer['until'] === 'string');
    return Date.parse(answer['until']) - bench.clock.now();
  };
  assert.equal(await until('POST', 'for=90s'), 90_000);
  assert.equal(await until('POST', '', { for: '10m' }), 600_000);
  assert.equal(await until('POST', '', {}), MAX_MS);
  assert.equal(await until('GET'), MAX_MS);
  assert.deepEqual(await bench.ask('DELETE'), { status: 200, body: { active: false, secondsTotal: 0 } });
  for (const [query, body] of [
    ['for=1'],
    ['for=0'],
    ['for=31m'],
    ['', { for: 5 }],
    ['', { For: '5m' }],
    ['', [1]],
    ['', 'on'],
  ] as const) {
    assert.equal((await bench.ask('POST', query, body)).status, 400, `${query} ${JSON.stringify(body)}`);
  }
  assert.ok(!bench.bypass.active);
});

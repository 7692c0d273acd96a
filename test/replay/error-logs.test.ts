import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { jsonToRequest } from '../../src/otlp/json.ts';
import { EffectMeasure } from '../../src/replay/effect/effect.ts';
import { ErrorLogs, MAX_NAMED } from '../../src/replay/effect/error-logs.ts';
import { effectHtml } from '../../src/replay/effect/html-report.ts';
import { ItemReader } from '../../src/replay/effect/item-reader.ts';
import { effectMarkdown } from '../../src/replay/effect/markdown-report.ts';
import { reportOf, type EffectReport } from '../../src/replay/effect/sections.ts';
import type { Side } from '../../src/replay/effect/span-table.ts';
import { effectText } from '../../src/replay/effect/text-report.ts';
import { openFixture } from '../../src/replay/fixture/fixture.ts';
import { diffFixture, FILTERING, plansFor } from './diff-fixture.ts';

const UPSTREAM = { UPSTREAM: 'http://upstream:4318' };

async function reported(old: string, now: string, fixtures: readonly string[]): Promise<EffectReport> {
  const measure = new EffectMeasure();
  for (const folder of fixtures) {
    const fixture = await openFixture(folder);
    const plans = await plansFor(fixture, old, now, UPSTREAM);
    await measure.add({ fixture, plans, exporters: undefined, limitMs: fixture.manifest.limit });
  }
  return reportOf(measure.effect, { oldName: 'old.yaml', newName: 'new.yaml', prices: undefined, top: 10 });
}

interface Record {
  readonly at: number;
  readonly body: string | object;
}

/** Tells of error logs of a service as an exporter delivers them. */
function deliver(logs: ErrorLogs, side: Side, records: readonly Record[]): void {
  const logRecords = records.map(({ at, body }) => ({
    timeUnixNano: `${1_780_272_000_000 + at}000000`,
    severityNumber: 17,
    body: typeof body === 'string' ? { stringValue: body } : body,
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };
  const request = { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] };
  new ItemReader((item) => logs.arrived(side, item)).read(
    'logs',
    jsonToRequest('logs', Buffer.from(JSON.stringify(request))),
  );
}

function effectOf(old: readonly Record[], now: readonly Record[]) {
  const logs = new ErrorLogs();
  deliver(logs, 'old', old);
  deliver(logs, 'new', now);
  const { lost, gone, examples } = logs.effect();
  return { lost, gone, examples: [...examples] };
}

test('error logs that are lost are named by service, time, severity and body in every format', async (t) => {
  const { fixture, configs } = await diffFixture(t, 200);
  const report = await reported(configs.all, configs.filter, [fixture]);
  const names = report.sections.find(({ id }) => id === 'error-logs')?.lines.map(({ name }) => name);
  assert.equal(names?.length, 10);
  assert.deepEqual(names.slice(0, 2), [
    'shop: 2026-06-01T00:00:00.000Z ERROR order 0',
    'shop: 2026-06-01T00:00:03.000Z ERROR order 10',
  ]);
  assert.match(effectText(report), /^Error logs lost .*\nshop: 2026-06-01T00:00:00\.000Z ERROR order 0 +1 +0 +gone$/m);
  assert.match(
    effectMarkdown(report),
    /<details open><summary>Error logs lost<\/summary>[^]*ERROR order 10<\/code> \| 1 \| 0/,
  );
  assert.match(effectHtml(report), /<section id="error-logs">[^]*<th scope="row">shop: \S+ ERROR order 10<\/th>/);
  assert.deepEqual(
    report.remarks.filter((remark) => remark.includes('error log')),
    [],
  );
});

test('what one fixture has more makes up for nothing that another one has less', async (t) => {
  const [shop, bank] = [await diffFixture(t, 20), await diffFixture(t, 20, 'bank')];
  const of = (service: string): string =>
    FILTERING.replace(/traces: \{ span.*/, '').replace(
      /log_record: .*\]/,
      `log_record: ['resource.attributes["service.name"] == "${service}"']`,
    );
  const [old, now] = [join(shop.folder, 'old.yaml'), join(shop.folder, 'new.yaml')];
  await Promise.all([writeFile(old, of('bank')), writeFile(now, of('shop'))]);
  const report = await reported(old, now, [shop.fixture, bank.fixture]);
  assert.deepEqual([report.totals.errorLogs.old, report.totals.errorLogs.new], [2, 2]);
  assert.equal(report.totals.errorsLost, 2);
  assert.deepEqual(
    report.sections.find(({ id }) => id === 'error-logs')?.lines.map(({ name }) => name),
    ['shop: 2026-06-01T00:00:00.000Z ERROR order 0', 'shop: 2026-06-01T00:00:30.000Z ERROR order 10'],
  );
});

test('a log whose body or time is changed on the way is not named beside one that is lost', () => {
  const old = [
    { at: 1, body: 'as it was' },
    { at: 2, body: 'user ann@example.com' },
    { at: 3, body: 'late' },
    { at: 4, body: 'lost' },
  ];
  const now = [
    { at: 9, body: 'late' },
    { at: 2, body: 'user ****' },
    { at: 1, body: 'as it was' },
  ];
  const lost = ['shop: 2026-06-01T00:00:00.004Z ERROR lost', 1];
  assert.deepEqual(effectOf(old, now), { lost: 1, gone: 1, examples: [lost] });
  const other = { at: 8, body: 'another' };
  assert.deepEqual(effectOf(old, [...now, other]), { lost: 0, gone: 1, examples: [lost] });
});

test('equal ones count as often as they come, and are named once', () => {
  const four = new Array<Record>(4).fill({ at: 1, body: 'again' });
  const { lost, examples } = effectOf(four, four.slice(1, 2));
  assert.deepEqual([lost, examples], [3, [['shop: 2026-06-01T00:00:00.001Z ERROR again', 3]]]);
});

test('of a body the first line stands for it, and of one that is no text what it says as JSON', () => {
  const values = [{ key: 'code', value: { intValue: '7' } }];
  const { examples } = effectOf(
    [
      { at: 1, body: '\nTraceback\n  at main' },
      { at: 2, body: { kvlistValue: { values } } },
    ],
    [],
  );
  assert.deepEqual(
    examples.map(([text]) => text.slice(31)),
    ['ERROR Traceback', 'ERROR {"code":7}'],
  );
});

test('what is kept of many and of long ones is bounded', () => {
  const many = Array.from({ length: MAX_NAMED + 5 }, (_, at) => ({ at, body: `${at} ${'x'.repeat(2000)}` }));
  const { lost, examples } = effectOf(many, many.slice(0, MAX_NAMED));
  assert.deepEqual([lost, examples], [5, []]);
  const [[text] = ['']] = effectOf(many.slice(0, 1), []).examples;
  assert.equal(text.length, 1024);
});

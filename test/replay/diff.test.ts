import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { amountText, changeText } from '../../src/replay/effect/amounts.ts';
import { EffectMeasure } from '../../src/replay/effect/effect.ts';
import { effectHtml } from '../../src/replay/effect/html-report.ts';
import { effectMarkdown } from '../../src/replay/effect/markdown-report.ts';
import { monthlyCost, MONTH_MS, readPrices } from '../../src/replay/effect/prices.ts';
import { reportOf, type EffectReport, type Line } from '../../src/replay/effect/sections.ts';
import { Names, Tally } from '../../src/replay/effect/tally.ts';
import { effectText } from '../../src/replay/effect/text-report.ts';
import { openFixture } from '../../src/replay/fixture/fixture.ts';
import { diffFixture, plansFor, samplingConfig } from './diff-fixture.ts';

const UPSTREAM = { UPSTREAM: 'http://upstream:4318' };

interface Asked {
  readonly old: string;
  readonly new: string;
  readonly fixtures: readonly string[];
  readonly exporters?: readonly string[];
}

async function measured(asked: Asked): Promise<EffectMeasure> {
  const measure = new EffectMeasure();
  for (const folder of asked.fixtures) {
    const fixture = await openFixture(folder);
    const plans = await plansFor(fixture, asked.old, asked.new, UPSTREAM);
    await measure.add({ fixture, plans, exporters: asked.exporters, limitMs: fixture.manifest.limit });
  }
  return measure;
}

async function reported(asked: Asked): Promise<EffectReport> {
  const { effect } = await measured(asked);
  return reportOf(effect, { oldName: 'old.yaml', newName: 'new.yaml', prices: undefined, top: 10 });
}

function lineOf({ sections }: EffectReport, id: string, name: string): Line {
  const line = sections.find((section) => section.id === id)?.lines.find((one) => one.name === name);
  assert.ok(line !== undefined, `${id} has ${name}`);
  return line;
}

test('a tenth of the traces is a tenth of the spans, whole ones, and nothing else changes', async (t) => {
  const { fixture, configs } = await diffFixture(t);
  const report = await reported({ old: configs.all, new: configs.tenth, fixtures: [fixture] });
  const traces = lineOf(report, 'signals', 'traces');
  assert.equal(traces.input, 600);
  assert.equal(traces.old, 600);
  assert.ok(traces.new > 600 * 0.04 && traces.new < 600 * 0.18, String(traces.new));
  assert.equal(traces.new % 3, 0);
  // Each of those that are kept says that it stands for ten.
  const represented = lineOf(report, 'summary', 'Spans represented');
  assert.deepEqual([represented.input, represented.old], [600, 600]);
  assert.ok(Math.abs(represented.new - traces.new * 10) < 0.1, String(represented.new));
  // Off by about sqrt(n (1 - p)) / p for n traces, of three spans each.
  const deviation = 3 * (Math.sqrt((traces.new / 3) * 0.9) / 0.1);
  assert.equal(represented.deviation?.old, 0);
  assert.ok(Math.abs(represented.deviation.new - deviation) < 0.1, String(represented.deviation.new));
  const shown = `${Math.round(represented.new).toLocaleString('en')} ± ${Math.round(deviation)}`;
  assert.match(effectText(report), new RegExp(`\nSpans represented +600 +600 +${shown} +[+-]`));
  assert.match(effectText(report), /\nnote: spans represented are an estimate/);
  const { totals } = report;
  assert.equal(totals.tracesBroken, 0);
  assert.deepEqual({ ...totals.old }, { whole: 200, broken: 0, gone: 0, orphans: 0, errorSpans: 20 });
  assert.equal(totals.new.whole, traces.new / 3);
  assert.equal(totals.tracesGone, totals.new.gone);
  assert.equal(totals.new.whole + totals.new.gone, 200);
  assert.equal(totals.errorsLost, 20 - totals.new.errorSpans);
  const losses = lineOf(report, 'losses', 'sampling: traces/probabilistic_sampler, traces');
  assert.deepEqual([losses.old, losses.new], [0, 600 - traces.new]);
  for (const signal of ['logs', 'metrics']) {
    const { old, new: now, input } = lineOf(report, 'signals', signal);
    assert.deepEqual([input, old, now], [200, 200, 200]);
  }
});

test('items are told apart by service, route, severity and metric, and series by their attributes', async (t) => {
  const { fixture, configs } = await diffFixture(t);
  const report = await reported({ old: configs.all, new: configs.filter, fixtures: [fixture] });
  const numbers = (id: string, name: string) => {
    const { input, old, new: now } = lineOf(report, id, name);
    return [input, old, now];
  };
  assert.deepEqual(numbers('service', 'shop'), [1000, 1000, 780]);
  assert.deepEqual(numbers('route', '/cart'), [100, 100, 100]);
  assert.deepEqual(numbers('route', 'db'), [200, 200, 0]);
  assert.deepEqual(numbers('severity', 'ERROR'), [20, 20, 0]);
  assert.deepEqual(numbers('severity', 'INFO'), [180, 180, 180]);
  assert.deepEqual(numbers('metric', 'orders'), [200, 200, 200]);
  assert.deepEqual(numbers('series', 'orders'), [40, 40, 40]);
  const { bytes } = lineOf(report, 'route', 'db');
  assert.ok(bytes !== undefined && bytes.old > 200 * 40 && bytes.new === 0);
});

test('dropping single spans breaks traces and orphans those below', async (t) => {
  const { fixture, configs } = await diffFixture(t, 50);
  const report = await reported({ old: configs.all, new: configs.filter, fixtures: [fixture] });
  assert.equal(report.totals.tracesBroken, 50);
  assert.deepEqual({ ...report.totals.new }, { whole: 0, broken: 50, gone: 0, orphans: 50, errorSpans: 0 });
  assert.equal(report.totals.errorsLost, 10, '5 spans and 5 logs');
  assert.equal(lineOf(report, 'errors', 'shop: db').old, 5);
  const broken = report.sections.find(({ id }) => id === 'broken');
  assert.equal(broken?.lines.length, 10);
  assert.deepEqual([broken.lines[0]?.input, broken.lines[0]?.old, broken.lines[0]?.new], [3, 3, 2]);
});

test('what was broken before, and what comes back, is not counted against the change', async (t) => {
  const { fixture, configs } = await diffFixture(t, 30);
  const same = await reported({ old: configs.filter, new: configs.filter, fixtures: [fixture] });
  assert.equal(same.totals.tracesBroken, 0);
  assert.equal(same.totals.errorsLost, 0);
  assert.match(
    effectText(same),
    /As much is delivered as before\. No error is delivered, before or after\. No trace was whole before\./,
  );
  const back = await reported({ old: configs.filter, new: configs.all, fixtures: [fixture] });
  assert.equal(back.totals.tracesBroken, 0);
  assert.equal(back.totals.errorsLost, 0);
  assert.equal(lineOf(back, 'route', 'db').old, 0);
});

test('debug does not count unless it is asked for', async (t) => {
  const { fixture, configs } = await diffFixture(t, 20);
  const usual = await reported({ old: configs.all, new: configs.all, fixtures: [fixture] });
  assert.equal(lineOf(usual, 'signals', 'traces').old, 60);
  const both = await reported({
    old: configs.all,
    new: configs.all,
    fixtures: [fixture],
    exporters: ['debug', 'otlphttp'],
  });
  assert.equal(lineOf(both, 'signals', 'traces').old, 120);
  assert.equal(both.totals.old.whole, 20, 'a span that arrives twice is one span');
});

test('several fixtures add up', async (t) => {
  const [one, two] = [await diffFixture(t, 20), await diffFixture(t, 30, 'bank')];
  const report = await reported({
    old: one.configs.all,
    new: one.configs.filter,
    fixtures: [one.fixture, two.fixture],
  });
  assert.equal(lineOf(report, 'signals', 'traces').old, 150);
  assert.equal(lineOf(report, 'service', 'bank').old, 150);
  assert.equal(report.totals.tracesBroken, 50);
  assert.equal(report.inputMs, 120_000);
  assert.equal(report.sections.find(({ id }) => id === 'fixtures')?.lines.length, 2);
});

test('the same change gives the same report, in every format', async (t) => {
  const { fixture, configs } = await diffFixture(t, 40);
  const asked = { old: configs.all, new: configs.tenth, fixtures: [fixture] };
  const [first, second] = [await reported(asked), await reported(asked)];
  for (const format of [effectText, effectMarkdown, effectHtml]) assert.equal(format(first), format(second));
});

test('a month costs what its bytes, items and series cost', async (t) => {
  const { fixture, configs, folder } = await diffFixture(t, 100);
  const path = join(folder, 'prices.yaml');
  await writeFile(
    path,
    'currency: EUR\ntraces: { per_gb: 2, per_million_items: 3 }\nseries: { per_1000_a_month: 8 }\n',
  );
  const prices = await readPrices(path);
  const { effect } = await measured({ old: configs.all, new: configs.tenth, fixtures: [fixture] });
  const cost = monthlyCost(effect, 'old', prices);
  const { bytes, items } = effect.old.out.signals.at('traces');
  assert.equal(items, 300);
  const months = 60_000 / MONTH_MS;
  assert.ok(Math.abs(cost.traces - ((bytes / 1e9) * 2 + (300 / 1e6) * 3) / months) < 1e-6);
  assert.equal(cost.series, 0.04 * 8);
  assert.equal(cost.logs, 0);
  assert.ok(monthlyCost(effect, 'new', prices).traces < cost.traces / 4);
});

test('prices that are wrong are told at their place', async (t) => {
  const { folder } = await diffFixture(t, 1);
  const path = join(folder, 'prices.yaml');
  await writeFile(path, 'traces:\n  per_bg: 2\nlogs: { per_gb: -1 }\n');
  await assert.rejects(readPrices(path), {
    code: 'prices_invalid',
    message: /prices\.yaml:2:3 traces\.per_bg: .*did you mean "per_gb"\?\n.*prices\.yaml:3:\d+ logs\.per_gb/s,
  });
});

test('an error log that two exporters deliver is one, so that no copy stands for one that is lost', async (t) => {
  const { fixture, configs, folder } = await diffFixture(t, 40);
  const path = join(folder, 'copies.yaml');
  // Half of the logs of ERROR, twice each.
  const copies = samplingConfig(100)
    .replace('processors:\n', `processors:\n  filter: { logs: { log_record: ['IsMatch(body, "order [12]0")'] } }\n`)
    .replace('exporters:\n', 'exporters:\n  otlphttp/copy: { endpoint: http://copy:4318 }\n')
    .replace(
      'logs: { receivers: [otlp], exporters: [otlphttp] }',
      'logs: { receivers: [otlp], processors: [filter], exporters: [otlphttp, otlphttp/copy] }',
    );
  await writeFile(path, copies);
  const report = await reported({ old: configs.all, new: path, fixtures: [fixture] });
  assert.deepEqual({ ...report.totals.errorLogs }, { input: 4, old: 4, new: 2 });
  assert.equal(report.totals.errorsLost, 2);
  assert.equal(lineOf(report, 'errors', '(log records)').old, 2);
  assert.equal(lineOf(report, 'severity', 'ERROR').new, 4, 'tables of single items add copies up');
  assert.ok(
    report.remarks.includes(
      'new: logs are delivered by otlphttp and otlphttp/copy, and their numbers add up; --exporter counts one of them',
    ),
    report.remarks.join('\n'),
  );
  const one = await reported({ old: configs.all, new: path, fixtures: [fixture], exporters: ['otlphttp'] });
  assert.equal(lineOf(one, 'signals', 'logs').new, 38);
});

test('what the upstream does not take of a request is not delivered', async (t) => {
  const { fixture, configs } = await diffFixture(t, 20);
  const manifest = join(fixture, 'manifest.yaml');
  const usual = await readFile(manifest, 'utf8');
  await writeFile(manifest, `${usual}upstream: [{ from: 30s, answer: { rejected: 1 } }]\n`);
  const report = await reported({ old: configs.all, new: configs.all, fixtures: [fixture] });
  for (const [signal, items] of [
    ['traces', 60],
    ['logs', 20],
    ['metrics', 20],
  ] as const) {
    const refused = lineOf(report, 'losses', `rejected, partial_success: otlphttp, ${signal}`).new;
    assert.ok(refused > 0);
    assert.equal(lineOf(report, 'signals', signal).new, items - refused);
    assert.equal(lineOf(report, 'exporters', `otlphttp ${signal}`).new, items - refused);
  }
  assert.match(report.remarks.join('\n'), /^the upstream did not take \d+ items of requests that it took in part/);
  await writeFile(manifest, `${usual}upstream: [{ exporter: otlphttp, answer: { rejected: 100000 } }]\n`);
  const nothing = await reported({ old: configs.all, new: configs.all, fixtures: [fixture] });
  assert.equal(nothing.totals.old.gone, 20);
  assert.match(effectText(nothing), /^Nothing is delivered\. /);
  assert.equal(lineOf(nothing, 'signals', 'traces').new, 0);
});

test('a change is never told as all or nothing when it is not', () => {
  const cases = [
    [1000, 1000, '='],
    [0, 3, 'new'],
    [3, 0, 'gone'],
    [1000, 5, '-99.5 %'],
    [1000, 4, '-99.6 %'],
    [1_000_000, 1, '->99.9 %'],
    [1_000_000, 999_999, '-<0.1 %'],
    [1000, 100, '-90 %'],
    [1000, 950, '-5.0 %'],
    [1, 1234, '+123,300 %'],
  ] as const;
  for (const [old, now, text] of cases) assert.equal(changeText(old, now), text);
  assert.equal(amountText(0.001, 'money', 'EUR'), '<0.01 EUR');
});

test('names beyond the bound are the same on both sides', () => {
  const names = new Names();
  const [old, now] = [new Tally(names), new Tally(names)];
  for (let n = 0; n < 20_000; n++) old.add(`route ${n}`, 1);
  for (let n = 20_000; n-- > 0;) now.add(`route ${n}`, 1);
  assert.equal([...old.names()].length, 10_001);
  for (const name of old.names()) assert.equal(now.at(name).items, old.at(name).items, name);
});

test('what looks like a credential in a name is not told', async (t) => {
  const { fixture, configs } = await diffFixture(t, 5, 'shop?token=tr0ub4dor');
  const report = await reported({ old: configs.all, new: configs.filter, fixtures: [fixture] });
  for (const format of [effectText, effectMarkdown, effectHtml]) assert.doesNotMatch(format(report), /tr0ub4dor/);
});

test('a replay that never ends is told with its fixture and its side', async (t) => {
  const { fixture, configs } = await diffFixture(t, 1);
  const manifest = join(fixture, 'manifest.yaml');
  await writeFile(manifest, `${await readFile(manifest, 'utf8')}limit: 30s\n`);
  await assert.rejects(reported({ old: configs.all, new: configs.all, fixtures: [fixture] }), {
    code: 'replay_stuck',
    message: /^fixture, old configuration: /,
  });
});

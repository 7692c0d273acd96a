import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { EffectMeasure } from '../../src/replay/effect/effect.ts';
import { effectHtml } from '../../src/replay/effect/html-report.ts';
import { effectMarkdown } from '../../src/replay/effect/markdown-report.ts';
import { reportOf, type EffectReport, type Section } from '../../src/replay/effect/sections.ts';
import { effectText } from '../../src/replay/effect/text-report.ts';
import { openFixture } from '../../src/replay/fixture/fixture.ts';
import { diffFixture, plansFor } from './diff-fixture.ts';

/** What filtering does to a few traces of a service of this name. */
async function reported(
  t: TestContext,
  name: string,
  change: 'all' | 'tenth' | 'filter' = 'filter',
): Promise<EffectReport> {
  const { fixture: folder, configs } = await diffFixture(t, change === 'tenth' ? 100 : 12, name);
  const fixture = await openFixture(folder);
  const plans = await plansFor(fixture, configs.all, configs[change], { UPSTREAM: 'http://upstream:4318' });
  const measure = new EffectMeasure();
  await measure.add({ fixture, plans, exporters: undefined, limitMs: fixture.manifest.limit });
  return reportOf(measure.effect, { oldName: name, newName: name, prices: undefined, top: 10 });
}

const HOSTILE =
  '</title></style></code><script>alert(1)</script><img src=x onerror=alert(1)>|\\|"\'`[x](http://evil.example) @all #1 www.evil.example $x$ \u001b[31m\u202e';

test('names from data are text in a page, whose policy allows no script and nothing from elsewhere', async (t) => {
  const html = effectHtml(await reported(t, HOSTILE));
  assert.doesNotMatch(html, /<script|\u001b|\u202e|<img/i);
  assert.equal(html.match(/<\/style>/g)?.length, 1);
  assert.match(html, /Content-Security-Policy" content="default-src 'none'; style-src 'sha256-/);
  assert.doesNotMatch(html.replaceAll(/&lt;.*?&gt;/g, ''), /\ssrc=|\shref=|url\(|@import|\sstyle=|\son[a-z]+=/i);
});

test('names from data are code in Markdown: no markup, no mention, no link, no other column', async (t) => {
  const markdown = effectMarkdown(await reported(t, HOSTILE));
  assert.doesNotMatch(markdown, /<script|<img|\u001b|\u202e|\[x\]|@all|#1 |:\/\/|\$x|`/);
  const code = /<code>[^<>|`@[\]*_\\$!]*<\/code>/g;
  const rows = markdown.split('\n').filter((line) => line.startsWith('| <code>'));
  assert.ok(rows.length > 5);
  for (const row of rows) {
    assert.equal(row.match(code)?.length, 1, row);
  }
  for (const table of markdown.split('\n\n').filter((part) => part.startsWith('|'))) {
    const [head = '', ...others] = table.split('\n').map((line) => line.split('|').length);
    for (const columns of others) assert.equal(columns, head, table);
  }
  assert.equal(markdown.replaceAll(code, '').match(/<\/?code/g), null);
});

test('nothing from data steers a terminal or a CI system', async (t) => {
  assert.doesNotMatch(effectText(await reported(t, HOSTILE)), /\u001b|\u202e/);
  // GitHub Actions take such a line for a command.
  assert.doesNotMatch(effectText(await reported(t, '::error::x')), /^\s*::/m);
});

test('a comment is short enough for GitHub, whatever names and however many lines there are', async (t) => {
  const report = await reported(t, 'shop');
  const lines = Array.from({ length: 5000 }, (_, n) => ({
    name: `${'@|'.repeat(500)}${n}`,
    unit: 'count' as const,
    old: n,
    new: n + 1,
  }));
  const long = (section: Section): Section => (section.isWhole ? section : { ...section, lines });
  const markdown = effectMarkdown({ ...report, top: 40, sections: report.sections.map(long) });
  assert.ok(markdown.length > 10_000 && markdown.length < 65_536, String(markdown.length));
  assert.match(markdown, /\nLeft out, for there is no room in a comment: .*exporters/);
  assert.equal(markdown.match(/<details/g)?.length, markdown.match(/<\/details>/g)?.length);
});

test('what is lost comes first, in every format', async (t) => {
  const bad = await reported(t, 'shop');
  const losses = '4 errors are lost. 12 traces are broken. Items';
  const at = (text: string, what: string) => {
    assert.ok(text.includes(what), what);
    return text.indexOf(what);
  };
  const markdown = effectMarkdown(bad);
  assert.ok(at(markdown, `> [!CAUTION]\n> **${losses}`) < at(markdown, '| Summary'));
  assert.match(markdown, /<details open><summary>Errors lost/);
  const html = effectHtml(bad);
  assert.ok(
    at(html, `<p class="verdict bad">${losses}`) <
      at(html, '<div class="tile bad"><h2>Errors lost</h2><p class="value">4<'),
  );
  assert.ok(at(html, '<h2>Traces broken</h2><p class="value">12<') < at(html, '<h2>Bytes delivered</h2>'));
  assert.match(html, /<title>4 errors are lost\./);
  assert.match(effectText(bad), new RegExp(`^${losses} .*\n\nold `));
});

test('traces that are gone are told in the headline and by a tile, and lost errors by the ids of their spans', async (t) => {
  const tenth = await reported(t, 'shop', 'tenth');
  const { tracesGone, errorsLost } = tenth.totals;
  assert.ok(tracesGone > 10 && errorsLost > 1);
  const losses = `${errorsLost} errors are lost. ${tracesGone} traces are gone, none is broken. Items -`;
  const html = effectHtml(tenth);
  for (const text of [effectText(tenth), effectMarkdown(tenth), html]) {
    assert.ok(text.includes(losses), text.slice(0, 300));
    assert.match(text, /span 0{13}[0-9a-f]{3} of trace [0-9a-f]{32}, shop: db/);
  }
  assert.ok(html.includes(`<div class="tile changed"><h2>Traces gone</h2><p class="value">${tracesGone}<`));
  assert.match(html, /Traces gone<\/th>.*<td data-head="change" class="worse">new</);
  const same = await reported(t, 'shop', 'all');
  assert.match(effectText(same), /^As much is delivered as before\. No error is lost\. No trace is broken\.\n/);
  assert.match(effectHtml(same), /<div class="tile good"><h2>Traces gone<\/h2><p class="value">0</);
});

test('what does not change is named, not shown', async (t) => {
  const same = await reported(t, 'shop', 'all');
  for (const text of [effectText(same), effectMarkdown(same), effectHtml(same)]) {
    assert.match(text, /Unchanged: services, routes, severities, metrics, series, exporters, requests\./);
    assert.doesNotMatch(text, /\/cart/);
  }
  const filtered = effectText(await reported(t, 'shop'));
  assert.match(filtered, /\nSeverities .*\nERROR .* gone .*\nand 1 unchanged\n/);
  assert.match(filtered, /\nUnchanged: metrics, series, requests\.\n/);
});

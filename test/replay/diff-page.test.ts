import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { EffectMeasure } from '../../src/replay/effect/effect.ts';
import { effectHtml } from '../../src/replay/effect/html-report.ts';
import { reportOf } from '../../src/replay/effect/sections.ts';
import { openFixture } from '../../src/replay/fixture/fixture.ts';
import { pixelsOf, readPng } from '../support/png.ts';
import { diffFixture, plansFor } from './diff-fixture.ts';

/** The Debian package `chromium`. */
function findChromium(): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    try {
      accessSync(join(folder, 'chromium'), constants.X_OK);
      return join(folder, 'chromium');
    } catch {
      continue;
    }
  }
  return undefined;
}

const chromium = findChromium();
const skip = chromium === undefined ? 'there is no chromium on this machine' : false;

const SCHEMES = [
  { name: 'light', width: 1000, paper: '#f7f8fa', old: '#8a97a8', now: '#0b7285', more: [] },
  { name: 'narrow', width: 500, paper: '#f7f8fa', old: '#8a97a8', now: '#0b7285', more: [] },
  {
    name: 'dark',
    width: 1000,
    paper: '#10151c',
    old: '#7d8a9b',
    now: '#4cc3d6',
    more: ['--blink-settings=preferredColorScheme=0'],
  },
] as const;

/** The whole page. */
const HEIGHT = 4500;

const HOSTILE = `</style><script>document.body.remove()</script><img src=x onerror=document.body.remove()>`;

test('the page of a diff is drawn by a browser, light and dark, whatever its names are', { skip }, async (t) => {
  assert.ok(chromium !== undefined);
  const { fixture: path, folder, configs } = await diffFixture(t, 200, HOSTILE);
  const fixture = await openFixture(path);
  const measure = new EffectMeasure();
  const plans = await plansFor(fixture, configs.all, configs.tenth);
  await measure.add({ fixture, plans, exporters: undefined, limitMs: 3_600_000 });
  const report = reportOf(measure.effect, { oldName: HOSTILE, newName: 'new.yaml', prices: undefined, top: 10 });
  const page = join(folder, 'page.html');
  await writeFile(page, effectHtml(report));
  for (const { name, width, paper, old, now, more } of SCHEMES) {
    const picture = join(folder, `${name}.png`);
    const { stderr } = await promisify(execFile)(chromium, [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--enable-logging=stderr'],
      ...[`--user-data-dir=${join(folder, name)}`, `--window-size=${width},${HEIGHT}`, `--screenshot=${picture}`],
      ...more,
      pathToFileURL(page).href,
    ]);
    assert.doesNotMatch(stderr, /CONSOLE|Content Security Policy/, 'nothing is refused, and nothing runs');
    const drawn = readPng(await readFile(picture));
    assert.deepEqual([drawn.width, drawn.height], [width, HEIGHT]);
    // Bars and lines of both configurations, on paper of the scheme.
    assert.ok(pixelsOf(drawn, paper) > 100_000, `${name}: paper ${pixelsOf(drawn, paper)}`);
    assert.ok(pixelsOf(drawn, old) > 5000, `${name}: old ${pixelsOf(drawn, old)}`);
    assert.ok(pixelsOf(drawn, now) > 1500, `${name}: new ${pixelsOf(drawn, now)}`);
    assert.ok(pixelsOf(drawn, old) > pixelsOf(drawn, now), `${name}: less is delivered`);
  }
});

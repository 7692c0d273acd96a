import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ScrapeError } from '../../../src/receivers/prometheus/scrape-error.ts';
import type { Batch } from '../../../src/core/batch.ts';
import { freeBytes } from '../../../src/core/reuse.ts';
import { only, PagedTarget, pointsOf, type Scraped } from './scraped.ts';

const text = (points: readonly Scraped[]): string[] =>
  points.map((at) => `${at.name}${Object.values(at.attributes).join()} ${at.stale ? 'stale' : at.value}`).sort();

suite('series from scrape to scrape', () => {
  test('a vanished series is ended once', () => {
    const target = new PagedTarget();
    target.scrape('a{x="1"} 1\na{x="2"} 2\n', 1000);
    const second = target.scrape('a{x="2"} 2\n', 2000);
    assert.deepEqual(text(second), ['a1 stale', 'a2 2']);
    assert.equal(second.find(({ stale }) => stale)?.timeMs, 2000);
    assert.equal(second.find(({ stale }) => stale)?.value, undefined);
    assert.deepEqual(text(target.scrape('a{x="2"} 2\n', 3000)), ['a2 2']);
  });

  test('a failed scrape ends all series; they go on with their start time when the target is back', () => {
    const target = new PagedTarget();
    const page = '# TYPE c counter\nc 5\n';
    target.scrape(page, 1000);
    assert.throws(() => target.read('c 6\nbad\n'), ScrapeError);
    assert.deepEqual(text(target.write(2000)), ['c stale']);
    target.series.fail();
    assert.deepEqual(text(target.write(3000)), []);
    const back = only(target.scrape('# TYPE c counter\nc 7\n', 4000), 'c');
    assert.deepEqual([back.value, back.startMs, back.stale], [7, 1000, false]);
  });

  test('what the pipeline did not take is not known downstream: markers are owed until they are taken', () => {
    const target = new PagedTarget();
    target.scrape('a 1\nb 1\n', 1000);
    assert.deepEqual(text(target.scrape('b 2\nc 1\n', 2000, 'text', false)), ['a stale', 'b 2', 'c 1']);
    assert.deepEqual(text(target.scrape('b 3\n', 3000, 'text', false)), ['a stale', 'b 3']);
    assert.deepEqual(text(target.scrape('b 3\n', 4000)), ['a stale', 'b 3']);
    assert.deepEqual(text(target.scrape('b 3\n', 5000)), ['b 3']);
  });

  test('series with explicit timestamps get no markers unless they are tracked', () => {
    const untracked = new PagedTarget();
    untracked.scrape('a 1 500\n', 1000);
    assert.deepEqual(text(untracked.scrape('', 2000)), []);
    const tracked = new PagedTarget({ trackTimestamps: true });
    tracked.scrape('a 1 500\n', 1000);
    assert.deepEqual(text(tracked.scrape('', 2000)), ['a stale']);
    const ignored = new PagedTarget({ honorTimestamps: false });
    assert.equal(only(ignored.scrape('a 1 500\n', 1000), 'a').timeMs, 1000);
    assert.deepEqual(text(ignored.scrape('', 2000)), ['a stale']);
  });

  test('at the end every series downstream knows of is ended, and only those', () => {
    const target = new PagedTarget();
    assert.equal(target.series.farewell(500, []), undefined);
    target.scrape('a 1\n', 1000);
    target.scrape('a 1\nb 1\n', 2000, 'text', false);
    assert.equal(target.series.farewell(3000, [])?.items, 1);
  });

  test('a counter keeps the time of its first scrape; a reset starts at the scrape before', () => {
    const target = new PagedTarget();
    const starts: number[] = [];
    for (const [at, value] of [10, 20, 5, 6, 1].entries()) {
      const points = target.scrape(`# TYPE c counter\nc ${value}\n`, (at + 1) * 1000);
      starts.push(only(points, 'c').startMs);
    }
    assert.deepEqual(starts, [1000, 1000, 2000, 2000, 4000]);
  });

  test('a clock that is set back makes no point that starts after its value', () => {
    const target = new PagedTarget();
    const starts = [5000, 2000, 3000, 6000].map((timeMs, turn) => {
      const { startMs } = only(target.scrape(`# TYPE c counter\nc ${turn + 1}\n`, timeMs), 'c');
      return [startMs, timeMs];
    });
    assert.deepEqual(starts, [
      [5000, 5000],
      [2000, 2000],
      [2000, 3000],
      [2000, 6000],
    ]);
  });

  test('the bytes of a large batch that was delivered hold the next one; others are left alone', () => {
    const target = new PagedTarget();
    const page = Array.from({ length: 2000 }, (_, at) => `a{path="/a/path/that/is/long/${at}"} ${at}\n`).join('');
    const batch = (timeMs: number): Batch => {
      target.read(page);
      const made = target.series.batch(timeMs, []).batch;
      target.series.accepted();
      return made;
    };
    const memory = (made: Batch): unknown => made.chunks[0]?.buffer;
    const first = batch(1000);
    const second = batch(2000);
    assert.notEqual(memory(first), memory(second));
    freeBytes(first);
    const third = batch(3000);
    assert.equal(memory(third), memory(first));
    assert.equal(pointsOf(third).length, 2000);
    assert.ok(pointsOf(second).every(({ timeMs }) => timeMs === 2000));
    assert.notEqual(memory(batch(4000)), memory(second));
  });

  test('a histogram resets when its count goes down', () => {
    const target = new PagedTarget();
    const page = (count: number): string =>
      `# TYPE h histogram\nh_bucket{le="+Inf"} ${count}\nh_count ${count}\nh_sum 1\n`;
    target.scrape(page(5), 1000);
    assert.equal(only(target.scrape(page(6), 2000), 'h').startMs, 1000);
    assert.equal(only(target.scrape(page(2), 3000), 'h').startMs, 2000);
  });

  test('a series that was away starts anew', () => {
    const target = new PagedTarget();
    const page = '# TYPE c counter\nc 5\n';
    target.scrape(page, 1000);
    target.scrape('', 2000);
    assert.equal(only(target.scrape(page, 3000), 'c').startMs, 3000);
  });

  test('a changed type ends the old series and begins new ones; the others go on', () => {
    const target = new PagedTarget();
    target.scrape('# TYPE a counter\na 5\n# TYPE k counter\nk 1\n', 1000);
    const points = target.scrape('# TYPE a gauge\na 6\n# TYPE k counter\nk 2\n', 2000);
    assert.deepEqual(points.map(({ name, kind, stale }) => [name, kind, stale]).sort(), [
      ['a', 'gauge', false],
      ['a', 'sum', true],
      ['k', 'sum', false],
    ]);
    assert.equal(only(points, 'k').startMs, 1000);
    assert.equal(target.series.summary.added, 0);
    assert.deepEqual(text(target.scrape('# TYPE a gauge\na 6\n# TYPE k counter\nk 2\n', 3000)), ['a 6', 'k 2']);
  });

  test('a type line that comes or goes is noticed', () => {
    const target = new PagedTarget();
    target.scrape('a_bucket{le="+Inf"} 1\na_count 1\na_sum 1\n', 1000);
    const typed = target.scrape('# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 1\na_sum 1\n', 2000);
    assert.equal(only(typed, 'a').count, 1);
    assert.equal(typed.filter(({ stale }) => stale).length, 3);
    const untyped = target.scrape('a_bucket{le="+Inf"} 1\na_count 1\na_sum 1\n', 3000);
    assert.deepEqual(untyped.map(({ name, stale }) => `${name} ${stale}`).sort(), [
      'a true',
      'a_bucket false',
      'a_count false',
      'a_sum false',
    ]);
  });

  test('in text the last type before the first sample is that of a name, whatever lines were known before', () => {
    const target = new PagedTarget();
    const [counter, gauge] = ['# TYPE a counter\n', '# TYPE a gauge\n'];
    const kinds = (...lines: string[]): string[] =>
      target.scrape(lines.join('')).flatMap(({ kind, type, stale }) => (stale ? [] : [`${kind} ${type}`]));
    const pages: readonly (readonly [string[], string])[] = [
      [[counter, gauge, 'a 1\n'], 'gauge gauge'],
      [[counter, gauge, 'a 1\n'], 'gauge gauge'],
      [[gauge, counter, 'a 1\n'], 'sum counter'],
      [[counter, 'a 1\n', gauge], 'sum counter'],
      [['a 1\n', gauge, counter], 'gauge unknown'],
      [['a 2\n', counter], 'gauge unknown'],
      [[counter, 'a 3\n'], 'sum counter'],
      [[gauge, 'a 3\n', counter], 'gauge gauge'],
      [['a 4\n'], 'gauge unknown'],
      [[gauge, 'a 5\n'], 'gauge gauge'],
    ];
    for (const [lines, kind] of pages) assert.deepEqual(kinds(...lines), [kind], lines.join(''));
  });

  test('families of one name and two types are told apart from page to page, whatever comes, goes or changes places', () => {
    const target = new PagedTarget();
    const gauge = (help: string, value: number): string => `# HELP a ${help}\n# TYPE a gauge\na ${value}\n`;
    const counter = (help: string, value: number): string => `# HELP a ${help}\n# TYPE a counter\na_total ${value}\n`;
    const shown = (...parts: string[]): string[] =>
      target
        .openMetrics(`${parts.join('')}# EOF\n`)
        .map(
          ({ name, kind, description, value, stale }) => `${kind} ${name} ${description} ${stale ? 'stale' : value}`,
        );
    assert.deepEqual(shown(gauge('g', 1), counter('c', 2)), ['gauge a g 1', 'sum a_total c 2']);
    assert.deepEqual(shown(counter('c', 3), gauge('g', 4)), ['gauge a g 4', 'sum a_total c 3']);
    assert.deepEqual(shown(gauge('h', 5), counter('d', 6)), ['gauge a h 5', 'sum a_total d 6']);
    assert.deepEqual(shown(counter('c', 7)), ['gauge a h stale', 'sum a_total c 7']);
    assert.deepEqual(shown(gauge('g', 8), '# TYPE a counter\n# HELP a e\na_total{x="new"} 9\n'), [
      'gauge a g 8',
      'sum a_total e stale',
      'sum a_total e 9',
    ]);
    assert.deepEqual(shown(gauge('g', 10), counter('c', 11), '# TYPE b gauge\nb 1\n').length, 4);
    assert.throws(() => shown(gauge('g', 12), '# TYPE a counter\n', 'a 12\n'), /do not stand together/);
    assert.throws(() => shown(gauge('g', 13), '# HELP a c\n', 'a_total 13\n'), /two HELP lines/);
    assert.deepEqual(shown(gauge('g', 14), counter('c', 15)).slice(0, 2), ['gauge a g 14', 'sum a_total c 15']);
  });

  test('a page that holds a sample more often than there are series may change its order', () => {
    const target = new PagedTarget();
    target.scrape('a 1\n'.repeat(1000));
    assert.deepEqual(
      target.scrape(`${'a 2\n'.repeat(900)}b 3\n`).map(({ name, value }) => [name, value]),
      [
        ['a', 2],
        ['b', 3],
      ],
    );
    assert.equal(target.series.summary.duplicates, 899);
  });

  test('a series that is new counts once, and a known one not at all, also when its table is replaced', () => {
    const added = (first: string, second: string): number => {
      const target = new PagedTarget();
      target.scrape(`# TYPE k counter\nk 1\n${first}`);
      target.scrape(`# TYPE k gauge\nk 1\n${second}`);
      return target.series.summary.added;
    };
    assert.equal(added('a 1\n', 'a 1\nb 1\nb 2\nb 3\n'), 1);
    assert.equal(added('a{x="1",y="2"} 1\n', 'a{y="2",x="1"} 1\na{x="1",y="2"} 1\na{x="1",y="2"} 1\n'), 0);
    assert.equal(added('a 1\nb 1\nc 1\n', 'd 1\nc 1\nb 1\n'), 1);
  });

  test('what a line means is up to the format of its page, not to that of an earlier one', () => {
    const target = new PagedTarget();
    const lines = '# TYPE a counter\na_total 1\na_created 0.5\n';
    target.scrape(`${lines}b{x="1",} 1\n`, 1000);
    assert.throws(() => target.openMetrics(`${lines}b{x="1",} 1\n# EOF\n`, 2000), /no comma before/);
    const points = target.openMetrics(`${lines}b{x="1"} 1\n# EOF\n`, 3000);
    assert.equal(only(points, 'a_total').startMs, 500);
    assert.equal(only(points, 'a_created').stale, true);
    assert.equal(only(points, 'b').value, 1);
    assert.equal(only(target.scrape(lines, 4000), 'a_created').value, 0.5);
  });

  test('a metric that returns after its table was replaced has the help and the place of the page', () => {
    const target = new PagedTarget();
    const scrape = (page: string): string[] =>
      target.openMetrics(`${page}# EOF\n`).map(({ name, description, attributes, stale }) => {
        return `${name}${attributes['id'] ?? ''} ${description}${stale ? ' stale' : ''}`;
      });
    scrape('# HELP a Old.\n# TYPE a gauge\na{id="1"} 1\n# TYPE b gauge\nb 1\n');
    const head = '# TYPE b gauge\nb 1\n# HELP a New.\n# TYPE a gauge\n';
    assert.deepEqual(scrape(`${head}# TYPE c gauge\nc 1\n`), ['b ', 'c ', 'a1 New. stale']);
    const returned = 'a{id="2"} 2\na{id="3"} 3\na{id="4"} 4\n';
    assert.deepEqual(scrape(`${head}${returned}# TYPE c gauge\nc 1\n`), ['b ', 'c ', 'a2 New.', 'a3 New.', 'a4 New.']);
  });

  test('a histogram that cannot be written any more is ended, once', () => {
    const target = new PagedTarget();
    const page = (first: number): string =>
      `# TYPE h histogram\nh_bucket{le="1"} ${first}\nh_bucket{le="+Inf"} 2\nh_count 2\nh_sum 2\n`;
    assert.equal(target.scrape(page(1), 1000)[0]?.stale, false);
    assert.equal(only(target.scrape(page(3), 2000), 'h').stale, true);
    assert.deepEqual(target.scrape(page(3), 3000), []);
    assert.deepEqual(
      [only(target.scrape(page(1), 4000), 'h')].map(({ stale, startMs }) => [stale, startMs]),
      [[false, 4000]],
    );
  });

  test('help that changes is written from then on', () => {
    const target = new PagedTarget();
    target.scrape('# HELP a one\na 1\n');
    assert.equal(only(target.scrape('# HELP a two\na 1\n'), 'a').description, 'two');
    assert.equal(only(target.scrape('# HELP a one\na 1\n'), 'a').description, 'one');
  });

  test('labels in another order are the same series', () => {
    const target = new PagedTarget();
    target.scrape('# TYPE a counter\na{x="1",y="2"} 1\n', 1000);
    const points = target.scrape('# TYPE a counter\na{y="2",x="1"} 2\n', 2000);
    assert.deepEqual([points.length, only(points, 'a').value, only(points, 'a').startMs], [1, 2, 1000]);
  });

  test('a sample that stands twice counts once: the first is taken', () => {
    const target = new PagedTarget();
    assert.deepEqual(text(target.scrape('a 1\na 2\n')), ['a 1']);
    assert.equal(target.series.summary.duplicates, 1);
  });

  test('series added are those the last good page did not have', () => {
    const target = new PagedTarget();
    const added = (page: string): number => {
      target.scrape(page);
      return target.series.summary.added;
    };
    assert.deepEqual([added('a 1\nb 1\n'), added('b 1\na 1\n'), added('a 1\nc 1\n'), added('b 1\n')], [2, 0, 1, 1]);
    assert.throws(() => target.read('b 1\nd 1\nbad\n'));
    target.write(2000);
    assert.equal(added('b 1\n'), 0);
  });

  test('ten thousand series that come and go leave no room behind, and each is ended', () => {
    const target = new PagedTarget();
    let stale = 0;
    for (let round = 0; round < 20; round++) {
      let page = '';
      for (let i = 0; i < 500; i++) page += `a{id="${round}-${i}"} ${i}\n`;
      const points = target.scrape(page, 1000 + round);
      assert.equal(points.filter((point) => !point.stale).length, 500);
      stale += points.filter((point) => point.stale).length;
    }
    assert.equal(stale, 19 * 500);
    assert.ok(target.series.retainedBytes < 1_000_000, `${target.series.retainedBytes} bytes are held`);
  });

  test('a page over sample_limit fails, and tells how many samples it has', () => {
    const target = new PagedTarget({ sampleLimit: 2 });
    target.scrape('a 1\nb 1\n');
    assert.throws(() => target.read('a 1\nb 1\nc 1\n# x\nd 1\n'), { reason: 'sample_limit' });
    assert.equal(target.series.summary.samples, 4);
    assert.deepEqual(text(target.write(2000)), ['a stale', 'b stale']);
  });

  test('a label over a limit fails the page every time', () => {
    const page = 'a{label="value"} 1\n';
    for (const rules of [{ labelLimit: 3 }, { labelNameLengthLimit: 4 }, { labelValueLengthLimit: 4 }]) {
      const target = new PagedTarget(rules);
      for (let twice = 0; twice < 2; twice++) assert.throws(() => target.read(page), { reason: 'label_limit' });
    }
    assert.equal(new PagedTarget({ labelLimit: 4 }).scrape(page).length, 1);
  });
});

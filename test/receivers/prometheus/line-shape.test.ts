import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { seededRandom, type Random } from '../../../src/core/random.ts';
import { relabelRules } from '../../../src/receivers/prometheus/relabel/rules.ts';
import { relabelConfigs } from '../../../src/receivers/prometheus/relabel/settings.ts';
import type { PageRules } from '../../../src/receivers/prometheus/target-series.ts';
import type { Target } from '../../../src/receivers/prometheus/target.ts';
import { only, PagedTarget, type Scraped } from './scraped.ts';

interface Line {
  readonly name: string;
  readonly labels: readonly (readonly [string, string])[];
  readonly value: number;
}

/** As libraries write it, so that lines have shapes. */
function plain({ name, labels, value }: Line): string {
  return `${name}{${labels.map(([label, text]) => `${label}="${text}"`).join(',')}} ${value}\n`;
}

/** The same with blanks, so that every line is looked at by itself. */
function spaced({ name, labels, value }: Line): string {
  return `${name}{ ${labels.map(([label, text]) => `${label}="${text}"`).join(', ')} } ${value}\n`;
}

const NAMES = ['method', 'pod', 'job', 'zone', 'instance', 'exported_job', 'region', 'le', 'quantile', 'a'];
const VALUES = ['GET', '/cart', '', 'caf\u00e9', 'x'.repeat(130), 'y'.repeat(200), '\\"', '0.5', 'quantile', '2', '7'];
const LEVELS = ['1', '2.5', '+Inf', '1e3', '0.005', 'x', '1.0'];
const TYPES = `# TYPE c counter\n# TYPE g gauge\n# TYPE h histogram\n# TYPE s summary\n`;

function pick<T>(random: Random, from: readonly T[]): T {
  const item = from[Math.floor(random() * from.length)];
  if (item === undefined) throw new Error('There is nothing to pick.');
  return item;
}

function randomLabels(random: Random): [string, string][] {
  const count = 1 + Math.floor(random() * 5);
  const from = Math.floor(random() * NAMES.length);
  return Array.from({ length: count }, (_, at) => [NAMES[(from + at) % NAMES.length] ?? '', pick(random, VALUES)]);
}

/** Lines that mostly differ from one before them in values alone. */
function randomLines(random: Random): Line[] {
  const lines: Line[] = [];
  for (let group = 0; group < 12; group++) {
    const name = pick(random, ['c', 'g', 'h_bucket', 'h_sum', 'h_count', 's', 's_sum', 'untyped', 'otel_scope_info']);
    const shape = randomLabels(random).map(([label]) => label);
    for (let at = 0; at < 6; at++) {
      const labels = shape.map((label): [string, string] => {
        const isLevel = (label === 'le' || label === 'quantile') && random() < 0.8;
        return [label, isLevel ? pick(random, LEVELS) : random() < 0.5 ? `v${at}` : pick(random, VALUES)];
      });
      lines.push({ name, labels, value: Math.floor(random() * 100) });
    }
  }
  return random() < 0.5 ? lines : lines.toSorted((a, b) => a.value - b.value);
}

/** A page that keeps the rules of OpenMetrics, but for one line in some of them. */
function openMetricsPage(random: Random): string {
  const lines: string[] = ['# TYPE c counter'];
  for (let at = 0; at < 6; at++) lines.push(`c_total{x="${at}",y="z"} ${at}`);
  lines.push('# TYPE h histogram');
  for (let at = 0; at < 5; at++) {
    const labels = `x="${at}",y="${pick(random, ['a', 'caf\u00e9'])}"`;
    for (const [count, le] of ['0.5', '1.0', '2.0', '+Inf'].entries()) {
      lines.push(`h_bucket{${random() < 0.9 ? `${labels},le="${le}"` : `le="${le}",${labels}`}} ${count}`);
    }
    lines.push(`h_count{${labels}} 3`, `h_sum{${labels}} 3.5`);
  }
  lines.push('# TYPE s summary');
  for (let at = 0; at < 5; at++) {
    for (const quantile of ['0.5', '0.9', '1.0']) lines.push(`s{x="${at}",quantile="${quantile}"} ${at}`);
    lines.push(`s_count{x="${at}"} ${at}`, `s_sum{x="${at}"} ${at}`);
  }
  lines.push('# TYPE e stateset');
  for (const state of ['a', 'b', 'c', 'd']) lines.push(`e{x="1",e="${state}"} ${state === 'a' ? 1 : 0}`);
  const damaged = random() < 0.6 ? Math.floor(random() * lines.length) : -1;
  const damage = pick<(line: string) => string>(random, [
    (line) => line.replace(/ [\d.]+$/, ' 9'),
    (line) => line.replace(/ [\d.]+$/, ' -1'),
    (line) => line.replace(/(le|quantile)="[^"]*"/, '$1="1.5"'),
    (line) => line.replace(/(le|quantile)="[^"]*"/, '$1="x"'),
    (line) => line.replace('x="', 'x="1'),
    (line) => `${line}\n${line}`,
    (line) => `${line} 5\n${line} 6`,
    () => '# HELP z Nothing.',
  ]);
  return `${lines.map((line, at) => (at === damaged ? damage(line) : line)).join('\n')}\n# EOF\n`;
}

function comparable(points: readonly Scraped[]): unknown[] {
  return points.map((point) => JSON.stringify(point)).sort();
}

suite('lines of one shape', () => {
  const targets: Readonly<Record<string, [Partial<PageRules>, Partial<Target>]>> = {
    'a target without labels': [{}, {}],
    'labels of the target': [
      {},
      {
        labels: [
          ['region', 'eu'],
          ['zone', 'b'],
        ],
        externalLabels: [['a', 'z']],
      },
    ],
    honor_labels: [{ honorLabels: true }, { labels: [['region', 'eu']] }],
    'a bucket label of the target': [{}, { labels: [['le', '5']] }],
    'a limit on values': [{ labelValueLengthLimit: 150 }, {}],
    'a limit on values that all keep': [{ labelValueLengthLimit: 200 }, {}],
    'a limit on samples': [{ sampleLimit: 40 }, {}],
  };
  for (const [name, [rules, target]] of Object.entries(targets)) {
    test(`mean what each of them means: ${name}`, () => {
      for (let seed = 0; seed < 60; seed++) {
        const lines = randomLines(seededRandom(`${name} ${seed}`));
        const outcome = (write: (line: Line) => string): unknown => {
          const paged = new PagedTarget(rules, target);
          try {
            const first = comparable(paged.scrape(TYPES + lines.slice(0, 40).map(write).join('')));
            return [first, comparable(paged.scrape(TYPES + lines.map(write).join(''), 2000)), paged.series.summary];
          } catch (error) {
            return [String(error), paged.series.summary];
          }
        };
        assert.deepEqual(outcome(plain), outcome(spaced), `seed ${seed}`);
      }
    });
  }

  test('mean what each of them means: OpenMetrics, whose rules are kept', () => {
    const looksAtEach = relabelRules(
      relabelConfigs().parse([{ regex: 'nothing', source_labels: ['nothing'], action: 'drop' }]),
    );
    const outcomes = { good: 0, bad: 0 };
    for (let seed = 0; seed < 300; seed++) {
      const page = openMetricsPage(seededRandom(`openmetrics ${seed}`));
      const outcome = (rules: Partial<PageRules>): unknown => {
        const paged = new PagedTarget(rules);
        try {
          const points = [1000, 2000].map((timeMs) => comparable(paged.openMetrics(page, timeMs)));
          outcomes.good += 1;
          return [points, paged.series.summary];
        } catch (error) {
          outcomes.bad += 1;
          return [String(error), paged.series.summary];
        }
      };
      assert.deepEqual(outcome({}), outcome({ relabel: looksAtEach }), `seed ${seed}:\n${page}`);
    }
    assert.ok(outcomes.good > 100 && outcomes.bad > 100, JSON.stringify(outcomes));
  });

  test('a comma behind the last label, and quoted names, have shapes too', () => {
    for (const line of [
      (at: number) => `a{x="${at}",} ${at}\n`,
      (at: number) => `{"a",x="${at}"} ${at}\n`,
      (at: number) => `{"a","x.y"="${at}"} ${at}\n`,
    ]) {
      const points = new PagedTarget().scrape([0, 1, 2, 3, 4].map((at) => line(at)).join(''));
      assert.deepEqual(
        points.map(({ name, attributes, value }) => [name, Object.values(attributes), value]),
        [
          ['a', ['0'], 0],
          ['a', ['1'], 1],
          ['a', ['2'], 2],
          ['a', ['3'], 3],
          ['a', ['4'], 4],
        ],
      );
    }
  });

  test('a value with an escape, or none, between plain ones is read as what it is', () => {
    const values = ['a', 'b', 'c', '\\\\', '\\"', '\\n', 'd', '\u00e9', 'e'];
    const points = new PagedTarget().scrape(values.map((value, at) => `m{x="${value}",y="1"} ${at}\n`).join(''));
    const read = ['a', 'b', 'c', '\\', '"', '\n', 'd', '\u00e9', 'e'];
    assert.deepEqual(
      points.map(({ attributes }) => attributes['x']),
      read,
    );
    const without = new PagedTarget().scrape('m{x="1"} 1\nm{x="2"} 2\nm{x="3"} 3\nm{x=""} 4\n');
    assert.deepEqual(
      without.map(({ attributes }) => attributes),
      [{ x: '1' }, { x: '2' }, { x: '3' }, {}],
    );
  });

  test('what stands behind a shape that was cut is an error, not another label', () => {
    for (const bad of ['m{x="4" 1', 'm{x="4"', 'm{x="4', 'm{x="4";y="1"} 1', 'm{x="4"}', 'm{x="4"}} 1']) {
      const page = `m{x="1"} 1\nm{x="2"} 2\nm{x="3"} 3\n${bad}\n`;
      assert.throws(() => new PagedTarget().read(page), { name: 'ScrapeError' }, bad);
    }
  });

  test('a type that is declared in between changes what lines of the same shape are', () => {
    const lines = (from: number): string =>
      [0, 1, 2].map((at) => `h_bucket{x="${from + at}",le="+Inf"} 5\nh_count{x="${from + at}"} 5\n`).join('');
    const points = new PagedTarget().scrape(`${lines(0)}# TYPE h histogram\n${lines(3)}`);
    const kinds = points.map(({ name, kind, attributes }) => `${name} ${kind} ${attributes['x']}`).sort();
    assert.deepEqual(
      kinds.filter((kind) => kind.startsWith('h ')),
      ['h histogram 3', 'h histogram 4', 'h histogram 5'],
    );
    assert.equal(kinds.filter((kind) => kind.startsWith('h_bucket gauge')).length, 3);
  });

  test('a line in another format is read by the rules of that format', () => {
    const target = new PagedTarget();
    const lines = (from: number): string => [0, 1, 2].map((at) => `m{x="${from + at}"} 1\n`).join('');
    target.scrape(lines(0));
    const points = target.openMetrics(`${lines(3)}# EOF\n`, 2000);
    assert.deepEqual(
      points.filter(({ stale }) => !stale).map(({ attributes }) => attributes['x']),
      ['3', '4', '5'],
    );
    assert.throws(() => target.read('m{x="7"}  1\n# EOF\n', 'openmetrics'), { name: 'ScrapeError' });
  });

  test('a thousand buckets make one point', () => {
    const page = Array.from({ length: 1000 }, (_, at) => `h_bucket{le="${at}.5"} ${at}\n`).join('');
    const points = new PagedTarget().scrape(
      `# TYPE h histogram\n${page}h_bucket{le="+Inf"} 1000\nh_count 1000\nh_sum 1\n`,
    );
    const { bounds, count } = only(points, 'h');
    assert.deepEqual([bounds.length, bounds[999], count], [1000, 999.5, 1000]);
  });
});

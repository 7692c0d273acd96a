import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ScrapeError } from '../../../src/receivers/prometheus/scrape-error.ts';
import type { Format } from '../../../src/receivers/prometheus/page-scanner.ts';
import { only, PagedTarget } from './scraped.ts';

const GOOD_TEXT: readonly (readonly [what: string, page: string, points: number])[] = [
  ['an empty page', '', 0],
  ['a page without its last newline', 'a 1', 1],
  ['comments, blank lines and indented samples', '# comment\n#\n\n  \n\t a 1\n#HELP b no metadata\n', 1],
  ['blanks between all tokens', 'a { x = "1" , y = "2" , } \t 3 \t 4 \n', 1],
  ['a trailing comma', 'a{x="1",} 1\n', 1],
  ['no labels in braces', 'a{} 1\n', 1],
  ['braces, commas and hashes in values', 'a{x="}{,# "} 1\n', 1],
  ['names with colons', ':a:b 1\n', 1],
  ['a counter whose TYPE names the family', '# TYPE a counter\na_total 1\n', 1],
  ['an unknown escape, which stays', 'a{x="\\d"} 1\n', 1],
  ['the same TYPE twice', '# TYPE a counter\na 1\n# TYPE a counter\na{x="1"} 1\n', 2],
  ['another TYPE', '# TYPE a counter\n# TYPE a gauge\na 1\n', 1],
  ['a TYPE behind its samples', '# TYPE a counter\na 1\n# TYPE a gauge\na{x="1"} 1\nb 1\n# TYPE b counter\n', 3],
  ['help without text', '# HELP a\n# HELP b \na 1\n', 1],
  ['a byte that is no ASCII in a value', 'a{x="\u00fc\u{1F980}"} 1\n', 1],
  ['interleaved families', 'a 1\nb 1\na{x="1"} 1\n', 3],
];

const BAD_TEXT: readonly (readonly [what: string, page: string | Uint8Array, line: number])[] = [
  ['a sample without a value', 'a 1\nb\n', 2],
  ['a sample with nothing behind its labels', 'a{x="1"}\n', 1],
  ['an underscore in a number', 'a 1_2\n', 1],
  ['a hexadecimal number', 'a 0x1p-3\n', 1],
  ['a number too large', 'a 1e999\n', 1],
  ['a word', 'a one\n', 1],
  ['a signed nan', 'a +nan\n', 1],
  ['a lone sign', 'a -\n', 1],
  ['a lone dot', 'a .\n', 1],
  ['a carriage return', 'a 1\r\n', 1],
  ['a fractional timestamp', 'a 1 1.5\n', 1],
  ['something behind the timestamp', 'a 1 2 3\n', 1],
  ['an exemplar', 'a_total 1 # {} 1\n', 1],
  ['a name that starts with a digit', '\n1a 1\n', 2],
  ['a name with a dash', 'a-b 1\n', 1],
  ['a label without quotes', 'a{x=1} 1\n', 1],
  ['a label without a name', 'a{="1"} 1\n', 1],
  ['a label that starts with a digit', 'a{1x="1"} 1\n', 1],
  ['labels without a comma between', 'a{x="1" y="2"} 1\n', 1],
  ['labels that are not closed', 'a{x="1" 1\n', 1],
  ['a quote that is not closed', 'a{x="1} 1\n', 1],
  ['a label twice', 'a{x="1",x="2"} 1\n', 1],
  ['two commas', 'a{x="1",,y="2"} 1\n', 1],
  ['braces without a name', '{x="1"} 1\n', 1],
  ['two quoted names', '{"a","b"} 1\n', 1],
  ['a quoted name behind a plain one', 'a{"b"} 1\n', 1],
  ['a label value that is not UTF-8', Buffer.from('a{x="\xff"} 1\n', 'latin1'), 1],
  ['an unknown type', '# TYPE a thing\n', 1],
  ['a type without a name', '# TYPE \n', 1],
];

const GOOD_OPENMETRICS: readonly (readonly [what: string, page: string, points: number])[] = [
  ['nothing', '# EOF\n', 0],
  ['no newline behind EOF', 'a 1\n# EOF', 1],
  ['a timestamp in seconds', '# TYPE a gauge\na 1 1.5e3\n# EOF', 1],
  ['unknown', '# TYPE a unknown\na 1\n# EOF', 1],
];

const BAD_OPENMETRICS: readonly (readonly [what: string, page: string, line: number])[] = [
  ['no EOF', 'a 1\n', 2],
  ['something behind EOF', '# EOF\na 1\n', 1],
  ['a blank line', 'a 1\n\n# EOF\n', 2],
  ['a comment', '# hello\n# EOF\n', 1],
  ['two spaces', 'a  1\n# EOF\n', 1],
  ['a tab', 'a\t1\n# EOF\n', 1],
  ['a space at the end', 'a 1 \n# EOF\n', 1],
  ['a space in the labels', 'a{x="1", y="2"} 1\n# EOF\n', 1],
  ['a comma at the end of the labels', 'a{x="1",} 1\n# EOF\n', 1],
  ['untyped', '# TYPE a untyped\n# EOF\n', 1],
  ['a counter without _total', '# TYPE a counter\na 1\n# EOF\n', 2],
  ['a negative counter', '# TYPE a counter\na_total -1\n# EOF\n', 2],
  ['a counter that is NaN', '# TYPE a counter\na_total NaN\n# EOF\n', 2],
  ['a family in two places', '# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\na{x="1"} 1\n# EOF\n', 5],
  ['two HELP lines', '# HELP a x\n# HELP a y\n# EOF\n', 2],
  ['two TYPE lines', '# TYPE a gauge\n# TYPE a gauge\n# EOF\n', 2],
  ['metadata behind the samples', '# TYPE a gauge\na 1\n# HELP a x\n# EOF\n', 3],
  ['a unit that is no suffix', '# TYPE a gauge\n# UNIT a bytes\n# EOF\n', 2],
  ['an exemplar on a gauge', '# TYPE a gauge\na 1 # {} 1\n# EOF\n', 2],
  ['an exemplar that is too long', `# TYPE a counter\na_total 1 # {x="${'x'.repeat(128)}"} 1\n# EOF\n`, 2],
  ['a byte order mark', '\ufeffa 1\n# EOF\n', 1],
  ['a carriage return', 'a 1\r\n# EOF\r\n', 1],
  ['a histogram line of OpenMetrics 2.0', '# TYPE a histogram\na {count:1,sum:2,bucket:[1:1,+Inf:1]} st@1\n# EOF\n', 2],
];

function mustRefuse(page: string | Uint8Array, format: Format, line: number): void {
  const target = new PagedTarget();
  const isAtLine = (error: unknown): boolean => {
    assert.ok(error instanceof ScrapeError);
    assert.match(error.message, new RegExp(`^Line ${line}: `));
    return true;
  };
  assert.throws(() => target.read(page, format), isAtLine);
  assert.deepEqual(target.write(1000), []);
  // A line that was seen on a bad page is not taken for a good one afterwards.
  assert.throws(() => target.read(page, format), isAtLine);
}

suite('page formats', () => {
  for (const [what, page, points] of GOOD_TEXT) {
    test(`text: ${what} is read, the second time as the first`, () => {
      const target = new PagedTarget();
      assert.equal(target.scrape(page).length, points);
      assert.equal(target.scrape(page, 2000).length, points);
    });
  }
  for (const [what, page, line] of BAD_TEXT) {
    test(`text: ${what} fails the page and names line ${line}`, () => mustRefuse(page, 'text', line));
  }
  for (const [what, page, points] of GOOD_OPENMETRICS) {
    test(`OpenMetrics: ${what} is read`, () => assert.equal(new PagedTarget().openMetrics(page).length, points));
  }
  for (const [what, page, line] of BAD_OPENMETRICS) {
    test(`OpenMetrics: ${what} fails the page and names line ${line}`, () => mustRefuse(page, 'openmetrics', line));
  }

  test('every double survives being printed and read, to the bit', () => {
    fc.assert(
      fc.property(
        fc.double(),
        fc.constantFrom(String, (n: number) => n.toExponential()),
        (value, print) => {
          const text = Number.isFinite(value)
            ? print(value)
            : Number.isNaN(value)
              ? 'NaN'
              : value > 0
                ? '+Inf'
                : '-Inf';
          const read = only(new PagedTarget().scrape(`a ${text}\n`), 'a').value;
          return Object.is(read, text.startsWith('-') && value === 0 ? -0 : value === 0 ? 0 : value);
        },
      ),
      { numRuns: 2000 },
    );
  });

  const decimal = fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 19n }), fc.nat(25)).map(([digits, scale]) => {
    const text = digits.toString().padStart(scale + 1, '0');
    return scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`;
  });
  test('decimals with many digits are correctly rounded', () => {
    fc.assert(
      fc.property(decimal, (text) => only(new PagedTarget().scrape(`a ${text}\n`), 'a').value === Number(text)),
      { numRuns: 2000 },
    );
  });

  const name = fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,8}$/).filter((text) => text !== 'target_info');
  const labelName = fc
    .stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,5}$/)
    .filter((text) => text !== 'job' && text !== 'instance');
  const labelValue = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });
  const labels = fc.dictionary(labelName, labelValue, { maxKeys: 4, noNullPrototype: true });
  const sample = fc.record({ name, labels, value: fc.double({ noNaN: true }) });
  const escaped = (text: string): string =>
    text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

  test('what is printed is what is read, on first sight, again, and shuffled', () => {
    const identity = (at: { name: string; labels: object }): string =>
      JSON.stringify([at.name, Object.entries(at.labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
    const print = (samples: readonly { name: string; labels: Record<string, string>; value: number }[]): string =>
      samples
        .map((at) => {
          const pairs = Object.entries(at.labels).map(([key, value]) => `${key}="${escaped(value)}"`);
          const value = Number.isFinite(at.value) ? String(at.value) : at.value > 0 ? '+Inf' : '-Inf';
          return `${at.name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}\n`;
        })
        .join('');
    fc.assert(
      fc.property(fc.uniqueArray(sample, { selector: identity, maxLength: 30 }), (samples) => {
        const target = new PagedTarget();
        const expected = samples.map((at) => `${identity(at)} ${at.value}`).sort();
        for (const order of [samples, samples, samples.toReversed()]) {
          const points = target.scrape(print(order)).filter(({ stale }) => !stale);
          const read = points.map((at) => `${identity({ name: at.name, labels: at.attributes })} ${at.value}`).sort();
          assert.deepEqual(read, expected);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('any bytes end in a page or a ScrapeError, and never disturb the next good page', () => {
    const token = fc.constantFrom(
      'a',
      'b_total',
      '{',
      '}',
      '"',
      '=',
      ',',
      ' ',
      '\n',
      '# ',
      'TYPE',
      'HELP',
      'counter',
      '1',
      '-',
      '.',
      'e',
      '\\',
      '\u00fc',
      '# EOF',
      'le',
      'x="1"',
      '\t',
      'NaN',
    );
    const soup = fc.array(token, { maxLength: 60 }).map((parts) => Buffer.from(parts.join('')));
    const bytes = fc.uint8Array({ maxLength: 100 }).map((raw) => Buffer.from(raw));
    const format = fc.constantFrom<Format>('text', 'openmetrics');
    fc.assert(
      fc.property(fc.array(fc.oneof(soup, bytes), { minLength: 1, maxLength: 4 }), format, (pages, kind) => {
        const target = new PagedTarget();
        const good = `# TYPE g gauge\ng{x="1"} 5\n${kind === 'text' ? '' : '# EOF\n'}`;
        for (const page of pages) {
          for (let twice = 0; twice < 2; twice++) {
            try {
              target.read(page, kind);
            } catch (error) {
              if (!(error instanceof ScrapeError)) throw error;
            }
            target.write(1000);
          }
        }
        const points = target.scrape(good, 2000, kind).filter(({ stale }) => !stale);
        assert.deepEqual(
          points.map(({ value, attributes }) => [value, attributes]),
          [[5, { x: '1' }]],
        );
      }),
      { numRuns: 1500 },
    );
  });
});

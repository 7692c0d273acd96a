import { DROPPED, METADATA, SAMPLE } from './entry-table.ts';
import { parseExemplar } from './exemplar.ts';
import type { Family } from './family.ts';
import { LineShapes, type LineShape } from './line-shape.ts';
import { parseMetadataLine } from './metadata-line.ts';
import { PageMetadata } from './page-metadata.ts';
import { tooManySamples, type PageTally, type ReadRules } from './page-tally.ts';
import { HASH, NEWLINE, PageScanner, SPACE, TAB, type Format } from './page-scanner.ts';
import { NONE } from './point.ts';
import { hasLabel, keyEnd, parseSampleKey, type SampleKey } from './sample-key.ts';
import type { SeriesPlan } from './series-plan.ts';
import type { Series } from './series.ts';
import type { LabelRules } from './target.ts';

/** `changed`: a type came, went or became another one, so the page must be read into an empty table. */
export type ReadOutcome = 'good' | 'changed';

type TextRules = ReadRules & Pick<LabelRules, 'labelValueLengthLimit'>;

const NO_PAGE = new PageScanner(new Uint8Array(0));
const STRICT_HINT = ' OpenMetrics is read strictly; scrape_protocols [PrometheusText0.0.4] asks for text instead.';
const NOTHING = -1;
const CHANGED = -2;
const END = -3;

/** Reads pages into the series of a target. Throws ScrapeError when any line is wrong: a page is taken whole or not. */
export class PageReader {
  readonly #rules: TextRules;
  readonly #tally: PageTally;
  readonly #key: SampleKey = { name: '', labels: [] };
  readonly #shapes = new LineShapes();
  readonly #notes: PageMetadata;
  #page = NO_PAGE;
  #series: Series;
  #format: Format = 'text';
  #number = 0;
  #family: Family | undefined;

  constructor(rules: TextRules, tally: PageTally, series: Series) {
    this.#rules = rules;
    this.#tally = tally;
    this.#series = series;
    this.#notes = new PageMetadata(series);
  }

  /** `number` is above all earlier ones; `lastGood` is that of the last page `series` took, 0 when it is new. */
  read(page: PageScanner, series: Series, format: Format, number: number, lastGood: number): ReadOutcome {
    this.#page = page;
    if (format === 'openmetrics') page.hint = STRICT_HINT;
    this.#series = series;
    this.#format = format;
    this.#number = number;
    this.#notes.begin(page, series, format, number, lastGood === 0);
    this.#family = undefined;
    this.#shapes.forget();
    this.#tally.begin(series.entries, number, lastGood);
    series.entries.beginPage();
    series.openMetrics.beginPage();
    if (!this.#lines()) return 'changed';
    if (this.#tally.isOver) throw tooManySamples(this.#tally, this.#rules);
    return this.#typesStillThere() ? 'good' : 'changed';
  }

  /** Lets go of the bytes of the page. */
  forgetPage(): void {
    this.#page = NO_PAGE;
    this.#notes.end();
  }

  #lines(): boolean {
    const page = this.#page;
    const { entries } = this.#series;
    while (page.pos < page.end) {
      let entry = entries.tryExpected(page);
      if (entry < 0) entry = this.#unexpected();
      if (entry >= 0) {
        entries.append(entry);
        if (entries.kinds[entry] === SAMPLE) this.#sample(entry);
        else this.#metadata(entry);
      } else if (entry === CHANGED) return false;
      else if (entry === END) return true;
      page.line += 1;
    }
    if (this.#format === 'openmetrics') throw page.fail('the page does not end in # EOF');
    return true;
  }

  /** A line that is not the one that came here last time: known elsewhere, new, blank or a comment. */
  #unexpected(): number {
    const page = this.#page;
    if (this.#format === 'text') page.skipBlanks();
    const c = page.byte();
    if (c === NEWLINE) {
      if (this.#format === 'openmetrics') throw page.fail('OpenMetrics allows no blank lines');
      page.pos += 1;
      return NOTHING;
    }
    return c === HASH ? this.#hashLine() : this.#sampleLine();
  }

  #sampleLine(): number {
    const page = this.#page;
    const { entries, families, openMetrics } = this.#series;
    const start = page.pos;
    const shape = this.#shapes.match(page);
    const end = shape === undefined ? keyEnd(page, this.#format) : this.#shapes.end;
    const known = entries.find(page.words, start, end);
    if (known >= 0) {
      page.pos = end;
      entries.expectAfter(known);
      return known;
    }
    if (shape?.plan !== undefined && !this.#tally.isOver) {
      const entry = this.#plannedLine(shape, shape.plan);
      if (entry !== NOTHING) return entry;
    }
    parseSampleKey(page, end, this.#format, this.#key);
    if (this.#tally.isOver) return this.#countOnly(this.#series.drops(this.#key));
    const resolved = families.resolve(this.#key.name, hasLabel(this.#key, 'quantile'), this.#format);
    if (typeof resolved === 'string') throw page.fail(resolved);
    const placed = this.#format === 'openmetrics' ? openMetrics.place(this.#key, resolved.family) : undefined;
    if (typeof placed === 'string') throw page.fail(placed);
    const prepared = this.#series.prepare(this.#key, resolved);
    if (prepared !== undefined && this.#tally.overLimit(1)) return this.#countOnly(false);
    const entry = entries.add(page.words, SAMPLE, resolved.family.index);
    let point = NONE;
    if (prepared === undefined) this.#series.registerDropped(entry, resolved.part);
    else {
      point = this.#series.register(entry, resolved.part, prepared);
      if (shape === undefined) this.#shapes.learn(page, start, end);
      else if (!shape.isPlanned) {
        shape.plan = this.#series.plan(this.#key, prepared);
        shape.role = placed?.role ?? 0;
        shape.isPlanned = true;
      }
    }
    if (placed !== undefined) openMetrics.keep(entry, placed, resolved.family, point, this.#key);
    if (!resolved.family.declared) this.#notes.describe(resolved.family);
    return entry;
  }

  /** A new series of a known shape; NOTHING when it must be looked at more closely after all. */
  #plannedLine({ labels, role }: LineShape, plan: SeriesPlan): number {
    const { values, end } = this.#shapes;
    const page = this.#page;
    const limitBytes = this.#rules.labelValueLengthLimit;
    for (let at = 0; at < labels && limitBytes > 0; at++) {
      if ((values.ends[at] ?? 0) - (values.starts[at] ?? 0) > limitBytes) return NOTHING;
    }
    const { level, family } = plan;
    const bound = level < 0 ? 0 : page.numberIn(values.starts[level] ?? 0, values.ends[level] ?? 0);
    const { entries, openMetrics } = this.#series;
    if (Number.isNaN(bound) || !openMetrics.mayHave(role, bound) || this.#tally.overLimit(1)) return NOTHING;
    const entry = entries.add(page.words, SAMPLE, family.index);
    const point = this.#series.registerPlanned(entry, plan, page, values, bound);
    if (role !== 0) openMetrics.keepPlanned(entry, role, bound, family, point);
    page.pos = end;
    return entry;
  }

  /** A new series on a page with too many: nothing of it is kept. */
  #countOnly(isDropped: boolean): number {
    const page = this.#page;
    if (isDropped) this.#tally.count(DROPPED);
    else {
      this.#tally.isOver = true;
      this.#tally.count(0);
    }
    page.pos = page.lineEnd() + 1;
    return NOTHING;
  }

  #hashLine(): number {
    const page = this.#page;
    const { entries, metadata } = this.#series;
    const start = page.pos;
    const end = page.lineEnd();
    if (this.#format === 'openmetrics' && end - start === 5 && page.latin1(start, end) === '# EOF')
      return this.#end(end);
    const known = entries.find(page.words, start, end + 1);
    if (known >= 0) {
      page.pos = end + 1;
      entries.expectAfter(known);
      return known;
    }
    const line = parseMetadataLine(page, end, this.#format);
    page.pos = end + 1;
    if (line === undefined) return NOTHING;
    if (line.keyword === 'TYPE') {
      if (!this.#notes.tryDeclare(line)) return CHANGED;
      this.#shapes.forget();
    }
    const entry = entries.add(page.words, METADATA, -1);
    metadata.set(entry, line);
    return entry;
  }

  #end(end: number): number {
    if (end + 1 < this.#page.end) throw this.#page.fail('nothing may follow # EOF');
    this.#notes.settle();
    const problem = this.#series.openMetrics.endPage();
    if (problem !== undefined) throw this.#page.fail(`above, ${problem}`);
    return END;
  }

  #metadata(entry: number): void {
    const line = this.#series.metadata.get(entry);
    if (line === undefined || !this.#notes.take(line)) return;
    if (this.#family !== undefined) this.#family.closedPage = this.#number;
    this.#family = undefined;
  }

  /** Value, timestamp and exemplar behind the name and labels of `entry`. */
  #sample(entry: number): void {
    const page = this.#page;
    const { entries } = this.#series;
    const cell = entries.cells[entry] ?? entry;
    this.#enterFamily(entries.families[entry] ?? 0);
    const strict = this.#format === 'openmetrics';
    if (strict) this.#oneSpace();
    else page.skipBlanks();
    const value = page.number();
    if (strict) this.#checkValue(entry, value);
    let stamp = Number.NaN;
    if (page.byte() !== NEWLINE) stamp = strict ? this.#openMetricsTail(entry, cell) : this.#textTail();
    page.pos += 1;
    if (strict && this.#series.openMetrics.isRepeated(entry, stamp, this.#number))
      throw page.fail('a series stands twice, without timestamps that go up');
    const isKept = this.#tally.count(cell);
    if (this.#tally.overLimit(0)) this.#tally.isOver = true;
    else if (isKept) this.#tally.keep(cell, value, stamp);
  }

  #textTail(): number {
    const page = this.#page;
    page.skipBlanks();
    if (page.byte() === NEWLINE) return Number.NaN;
    const stamp = page.milliseconds();
    page.skipBlanks();
    if (page.byte() !== NEWLINE) throw page.fail('behind the timestamp the line goes on');
    return stamp;
  }

  #openMetricsTail(entry: number, cell: number): number {
    const page = this.#page;
    this.#oneSpace();
    let stamp = Number.NaN;
    if (page.byte() !== HASH) {
      stamp = page.seconds();
      if (page.byte() === NEWLINE) return stamp;
      this.#oneSpace();
      if (page.byte() !== HASH) throw page.fail('behind the timestamp the line goes on');
    }
    const part = this.#series.entries.parts[entry];
    const isCounter = this.#family?.type === 'counter' && part === 'value';
    if (!isCounter && part !== 'bucket' && !this.#series.openMetrics.isBucket(entry))
      throw page.fail('only _total and _bucket samples may have an exemplar');
    parseExemplar(page, cell, this.#tally.exemplars);
    if (page.byte() !== NEWLINE) throw page.fail('behind the exemplar the line goes on');
    return stamp;
  }

  #oneSpace(): void {
    const page = this.#page;
    const next = page.bytes[page.pos + 1];
    if (page.byte() !== SPACE || next === SPACE || next === TAB) throw page.fail('there must be exactly one space');
    page.pos += 1;
  }

  /** OpenMetrics: the samples of a family stand together. */
  #enterFamily(index: number): void {
    if (this.#family?.index === index) return;
    this.#notes.settle();
    const family = this.#series.families.list[index];
    if (family === undefined) return;
    if (this.#family !== undefined) this.#family.closedPage = this.#number;
    if (family.closedPage === this.#number && this.#format === 'openmetrics') {
      throw this.#page.fail(`the samples of "${family.name}" do not stand together`);
    }
    family.samplePage = this.#number;
    this.#family = family;
  }

  #checkValue(entry: number, value: number): void {
    const family = this.#family;
    if (family === undefined) return;
    const isTotal = family.type === 'counter' && this.#series.entries.parts[entry] === 'value';
    if (isTotal && !(value >= 0)) throw this.#page.fail('a counter cannot be negative or NaN');
    const problem = this.#series.openMetrics.sample(entry, family, value, this.#number);
    if (problem !== undefined) throw this.#page.fail(problem);
  }

  #typesStillThere(): boolean {
    for (const family of this.#series.families.list) {
      const isTyped = family.typePage === this.#number;
      if (family.samplePage === this.#number && isTyped !== family.declared) return false;
    }
    return true;
  }
}

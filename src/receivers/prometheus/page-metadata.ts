import { familyType, type Family, type FamilyType } from './family.ts';
import type { MetadataLine } from './metadata-line.ts';
import { PageScanner, type Format } from './page-scanner.ts';
import type { ScrapeError } from './scrape-error.ts';
import type { Note, Series } from './series.ts';

type Keyword = 'HELP' | 'UNIT';

/** Metadata of a family that is complete, again: right if a TYPE line of another type follows. */
interface Renewal {
  readonly name: string;
  readonly keywords: Set<Keyword>;
  /** What is wrong if none follows. */
  readonly problem: ScrapeError;
}

const NO_PAGE = new PageScanner(new Uint8Array(0));

/**
 * Gives families what HELP, TYPE and UNIT lines say, and checks what OpenMetrics demands of these. Where Prometheus is
 * less strict in one respect so is this: a name that comes again with another type begins a family of its own, because
 * the default collectors of Go have a gauge `go_memstats_alloc_bytes` beside a counter of that name. Metadata before the
 * second TYPE line is that of the second family, which is known only when the line is read.
 *
 * In text a name has one type, the last that is named before its first sample. A TYPE line behind that changes nothing:
 * Prometheus takes pages that have such lines, although the format forbids them.
 */
export class PageMetadata {
  #page = NO_PAGE;
  #series: Series;
  #format: Format = 'text';
  #number = 0;
  #fresh = true;
  #renewal: Renewal | undefined;

  constructor(series: Series) {
    this.#series = series;
  }

  /** As PageReader's `read`; `fresh` when the table is empty. */
  begin(page: PageScanner, series: Series, format: Format, number: number, fresh: boolean): void {
    this.#page = page;
    this.#series = series;
    this.#format = format;
    this.#number = number;
    this.#fresh = fresh;
    this.#renewal = undefined;
  }

  /** Lets go of the bytes of the page. */
  end(): void {
    this.#page = NO_PAGE;
    this.#renewal = undefined;
  }

  /** Makes the family of a new TYPE line; false when that changes what is known. */
  tryDeclare(line: MetadataLine): boolean {
    const { families, openMetrics } = this.#series;
    const type = familyType(line.text, this.#format);
    if (type === undefined) throw this.#fail(`"${line.text.slice(0, 60)}" is not a metric type`);
    const current = families.named(line.name);
    if (current?.declared === true && families.ofType(current, type) !== undefined) return true;
    if (this.#format === 'text') return this.#tryDeclareLast(line.name, type, current);
    const isFurther = current?.declared === true && current.typePage === this.#number;
    if (!isFurther && current?.samplePage === this.#number)
      throw this.#fail(`the type of "${line.name}" comes after its samples`);
    if (!this.#fresh) return false;
    const clash = openMetrics.claim(line.name, type);
    if (clash !== undefined) throw this.#fail(clash);
    if (isFurther) families.declareBeside(current, type);
    else this.describe(families.declare(line.name, type, true));
    return true;
  }

  #tryDeclareLast(name: string, type: FamilyType, current: Family | undefined): boolean {
    if (current?.samplePage === this.#number) return true;
    if (!this.#fresh) return false;
    this.describe(this.#series.families.declare(name, type, true));
    return true;
  }

  /** Gives a new family the HELP and UNIT that stood before it. */
  describe(family: Family): void {
    family.help = this.#series.helps.get(family.name)?.text ?? '';
    family.unit = this.#series.units.get(family.name)?.text ?? '';
  }

  /** Takes a line, known or declared; true when no sample of the family before may follow. */
  take(line: MetadataLine): boolean {
    if (this.#renewal !== undefined && this.#renewal.name !== line.name) this.settle();
    return line.keyword === 'TYPE' ? this.#type(line) : this.#note(line, line.keyword);
  }

  /** What comes now is no metadata of the family whose metadata came again. */
  settle(): void {
    if (this.#renewal !== undefined) throw this.#renewal.problem;
  }

  #type(line: MetadataLine): boolean {
    const { families } = this.#series;
    const current = families.named(line.name);
    if (current === undefined) return false;
    if (this.#format === 'text') {
      this.#typeInText(line.text, current);
      return false;
    }
    const family = current.siblings.length === 0 ? current : this.#named(line, current);
    const isFurther = family !== current && current.typePage === this.#number;
    if (isFurther) this.#beginFurther(line.name);
    this.#checkType(family);
    if (family.siblings.length > 0) {
      families.select(family);
      this.#apply(family);
    }
    family.typePage = this.#number;
    return isFurther;
  }

  /** The page holds the type of the family, or, as the last one, another: that is for `typesStillThere` to find. */
  #typeInText(word: string, family: Family): void {
    if (family.samplePage === this.#number) return;
    const isIts = !family.declared || familyType(word, 'text') === family.type;
    family.typePage = isIts ? this.#number : 0;
  }

  /** Which of several families of one name a TYPE line is about. */
  #named({ text }: MetadataLine, current: Family): Family {
    const type = familyType(text, this.#format);
    return (type === undefined ? undefined : this.#series.families.ofType(current, type)) ?? current;
  }

  /** Of the notes under this name, those that did not come again belong to the family before. */
  #beginFurther(name: string): void {
    const keywords = this.#renewal?.keywords;
    this.#renewal = undefined;
    const help = this.#series.helps.get(name);
    if (help !== undefined && keywords?.has('HELP') !== true) help.page = 0;
    const unit = this.#series.units.get(name);
    if (unit !== undefined && keywords?.has('UNIT') !== true) unit.page = 0;
  }

  #apply(family: Family): void {
    const help = this.#ofPage(this.#series.helps, family.name) ?? family.help;
    const unit = this.#ofPage(this.#series.units, family.name) ?? family.unit;
    if (help === family.help && unit === family.unit) return;
    family.help = help;
    family.unit = unit;
    family.revision += 1;
  }

  #ofPage(notes: ReadonlyMap<string, Note>, name: string): string | undefined {
    const note = notes.get(name);
    return note?.page === this.#number ? note.text : undefined;
  }

  #note(line: MetadataLine, keyword: Keyword): boolean {
    const current = this.#series.families.named(line.name);
    // Which of several families of one name it belongs to shows when their TYPE line comes.
    const isOpen = current?.siblings.length === 0 || current?.typePage === this.#number;
    const family = isOpen ? current : undefined;
    const isAgain = this.#format === 'openmetrics' && this.#renews(line, keyword, family);
    this.#keep(line, keyword);
    if (isAgain || family === undefined) return isAgain;
    const field = keyword === 'HELP' ? 'help' : 'unit';
    if (family[field] !== line.text) {
      family[field] = line.text;
      family.revision += 1;
    }
    return false;
  }

  #keep({ name, text }: MetadataLine, keyword: Keyword): void {
    const notes = keyword === 'HELP' ? this.#series.helps : this.#series.units;
    const note = notes.get(name);
    if (note === undefined) notes.set(name, { text, page: this.#number });
    else {
      note.text = text;
      note.page = this.#number;
    }
  }

  /** Checks a line; true when it may belong to a further family of its name. */
  #renews({ name, text }: MetadataLine, keyword: Keyword, family: Family | undefined): boolean {
    if (keyword === 'UNIT' && text !== '' && !name.endsWith(`_${text}`))
      throw this.#fail(`the name "${name}" does not end in its unit "_${text}"`);
    if (this.#renewal !== undefined) {
      if (this.#renewal.keywords.has(keyword)) throw this.#fail(twoLines(name, keyword));
      this.#renewal.keywords.add(keyword);
      return true;
    }
    const notes = keyword === 'HELP' ? this.#series.helps : this.#series.units;
    const isTwice = notes.get(name)?.page === this.#number;
    if (isTwice || family?.samplePage === this.#number) {
      const problem = this.#fail(isTwice ? twoLines(name, keyword) : afterSamples(name));
      if (family?.typePage !== this.#number) throw problem;
      this.#renewal = { name, keywords: new Set([keyword]), problem };
      return true;
    }
    if (keyword === 'UNIT') this.#checkUnit(family, text);
    return false;
  }

  #checkType(family: Family): void {
    if (family.typePage === this.#number) throw this.#fail(twoLines(family.name, 'TYPE'));
    if (family.samplePage === this.#number) throw this.#fail(afterSamples(family.name));
    this.#checkUnit(family, this.#ofPage(this.#series.units, family.name) ?? '');
  }

  #checkUnit(family: Family | undefined, unit: string): void {
    if (unit !== '' && (family?.type === 'info' || family?.type === 'stateset'))
      throw this.#fail(`"${family.name}" is an ${family.type}, which has no unit`);
  }

  #fail(what: string): ScrapeError {
    return this.#page.fail(what);
  }
}

function twoLines(name: string, keyword: MetadataLine['keyword']): string {
  return `"${name}" has two ${keyword} lines`;
}

function afterSamples(name: string): string {
  return `metadata of "${name}" comes after its samples`;
}

import { ExemplarList } from './exemplar.ts';
import type { EntryTable } from './entry-table.ts';
import { NativeList } from './native-histogram.ts';
import { ScrapeError } from './scrape-error.ts';

export interface ReadRules {
  readonly honorTimestamps: boolean;
  /** 0 is no limit. */
  readonly sampleLimit: number;
}

/** What one page brought, whatever its format; of a bad page, up to where reading stopped. */
export class PageTally {
  samples = 0;
  added = 0;
  duplicates = 0;
  /** Samples of series that relabelling drops. */
  dropped = 0;
  /** There are more samples than sample_limit: the rest of the page is only counted. */
  isOver = false;
  readonly exemplars = new ExemplarList();
  readonly natives = new NativeList();
  readonly #rules: ReadRules;
  #entries: EntryTable | undefined;
  #number = 0;
  #lastGood = 0;

  constructor(rules: ReadRules) {
    this.#rules = rules;
  }

  /** Page `number` is read into `entries`, whose last good page was `lastGood`. */
  begin(entries: EntryTable, number: number, lastGood: number): void {
    this.#entries = entries;
    this.#number = number;
    this.#lastGood = lastGood;
    this.reset();
  }

  /** Nothing was read. */
  reset(): void {
    this.samples = this.added = this.duplicates = this.dropped = 0;
    this.isOver = false;
    this.exemplars.clear();
    this.natives.clear();
  }

  /** Whether `more` samples beside those read are too many. */
  overLimit(more: number): boolean {
    return this.#rules.sampleLimit > 0 && this.samples - this.dropped + more > this.#rules.sampleLimit;
  }

  /** Counts a sample; true when its series is kept. */
  count(cell: number): boolean {
    this.samples += 1;
    if (cell >= 0) return true;
    this.dropped += 1;
    return false;
  }

  /** Keeps the value of a sample that was counted; of several with one identity, the first. `stamp` in ms, NaN for none. */
  keep(cell: number, value: number, stamp: number): void {
    const entries = this.#entries;
    if (entries === undefined) return;
    const before = entries.seen[cell] ?? 0;
    if (before === this.#number) {
      this.duplicates += 1;
      return;
    }
    entries.values[cell] = value;
    entries.setStamp(cell, this.#rules.honorTimestamps ? stamp : Number.NaN);
    entries.seen[cell] = this.#number;
    if (before !== this.#lastGood || before === 0) this.added += 1;
  }
}

/** A page was counted to its end, and has more samples than `sample_limit` after relabelling. */
export function tooManySamples({ samples, dropped }: PageTally, { sampleLimit }: ReadRules): ScrapeError {
  return new ScrapeError('sample_limit', `The page has ${samples - dropped} samples, sample_limit is ${sampleLimit}.`);
}

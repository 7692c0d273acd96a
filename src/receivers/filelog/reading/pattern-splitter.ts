import type { Encoding } from './encodings.ts';
import type { Chunk, Splitter } from './splitter.ts';
import { linearView, type TextView } from './text-view.ts';

export interface PatternSplitterOptions {
  readonly encoding: Encoding;
  /** What it matches begins a record, or ends one. Has the flag g. */
  readonly pattern: RegExp;
  readonly side: 'start' | 'end';
  /** What the pattern matched is not part of the record. */
  readonly omit: boolean;
}

/**
 * A pattern may say something else once the text goes on: `END( OF LOG)?` at `END O`. A match is taken when it ends before
 * the last line end, because most patterns look at one line, or when as many units stand behind it.
 */
const REACH_UNITS = 128;
/** A unit of text is three bytes at most in UTF-8. */
const MAX_UNIT_BYTES = 3;

/**
 * Records of several lines: each begins, or ends, with a match of a pattern that may stand anywhere in the text.
 *
 *   start:  text before the first match | match ... | match ... | match (not finished: waits for the next)
 *   end:    ... match | ... match | ... (not finished: waits for its match)
 *
 * The chunk is decoded once, with the character before it, so that `^` and `\b` mean the same wherever chunks begin.
 */
export class PatternSplitter implements Splitter {
  readonly reachBytes = REACH_UNITS * MAX_UNIT_BYTES;
  from = 0;
  to = 0;
  next = 0;
  readonly #options: PatternSplitterOptions;
  readonly #pattern: RegExp;
  #view: TextView = linearView('', 0, 1);
  #end = 0;
  /** Matches that end before this index are taken. */
  #decided = 0;
  // The last match that was taken.
  #matchStart = -1;
  #matchEnd = -1;

  constructor(options: PatternSplitterOptions) {
    this.#options = options;
    this.#pattern = options.pattern;
  }

  begin({ data, start, end, isFinal }: Chunk): void {
    this.#view = this.#options.encoding.view(data, start, end);
    this.#end = end;
    const { text } = this.#view;
    const reached = text.length - REACH_UNITS + 1;
    this.#decided = isFinal ? Number.POSITIVE_INFINITY : Math.max(text.lastIndexOf('\n') + 1, reached);
    this.#matchStart = -1;
  }

  find(at: number, isRest: boolean): boolean {
    const index = this.#view.indexAt(at);
    return this.#options.side === 'start' ? this.#findStart(at, index, isRest) : this.#findEnd(at, index);
  }

  takeRest(at: number, isRest: boolean): void {
    const { side, omit } = this.#options;
    this.from = at;
    this.to = this.#end;
    this.next = this.#end;
    if (!omit || side === 'end' || isRest) return;
    const index = this.#view.indexAt(at);
    if (this.#matchAt(index) && this.#matchStart === index) this.from = this.#view.byteAt(this.#matchEnd);
  }

  /** The record ends where the next match begins: its own, at its start, is not meant, nor one right behind that. */
  #findStart(at: number, index: number, isRest: boolean): boolean {
    if (!this.#matchAt(index)) return false;
    this.from = at;
    if (this.#matchStart === index && !isRest) {
      const ownEnd = this.#matchEnd;
      for (let from = ownEnd; this.#matchStart <= ownEnd;) {
        if (!this.#match(from)) return false;
        from = Math.max(this.#matchEnd, from + 1);
      }
      if (this.#options.omit) this.from = this.#view.byteAt(ownEnd);
    }
    this.to = this.#view.byteAt(this.#matchStart);
    this.next = this.to;
    return true;
  }

  #findEnd(at: number, index: number): boolean {
    // A match of nothing at all would end a record of nothing for ever.
    for (let from = index; from === index || this.#matchEnd === index; from++) if (!this.#match(from)) return false;
    this.from = at;
    this.to = this.#view.byteAt(this.#options.omit ? this.#matchStart : this.#matchEnd);
    this.next = this.#view.byteAt(this.#matchEnd);
    return true;
  }

  /** The match that is known to stand at `index`, or the next from there. */
  #matchAt(index: number): boolean {
    return this.#matchStart === index || this.#match(index);
  }

  /** False when there is no match from `index` on that can be relied on. */
  #match(index: number): boolean {
    const { text } = this.#view;
    if (index > text.length) return false;
    this.#pattern.lastIndex = index;
    const match = this.#pattern.exec(text);
    if (match === null || match.index + match[0].length >= this.#decided) return false;
    this.#matchStart = match.index;
    this.#matchEnd = match.index + match[0].length;
    return true;
  }
}

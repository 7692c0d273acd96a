import type { RecordWriter } from '../../encode/record-writer.ts';
import type { Group, HeldBudget } from '../../joining/held-groups.ts';
import { extendPieces, type Piece } from '../../joining/piece.ts';
import type { Entry } from '../entry.ts';

/** What an entry is to the record that it belongs to. */
export type LineRole = 'first' | 'last' | 'inner';

/** Tells the role of each entry of one source, in their order. May throw for an entry. */
export type Rule = (entry: Entry, text: string) => LineRole;

/** Entries that will be one: the text of each, and the one that everything else is taken from. */
export class EntryGroup implements Group {
  readonly pieces: Piece[] = [];
  readonly parts: string[] = [];
  bytes = 0;
  grewMs = 0;
  entry: Entry;
  readonly rule: Rule;
  /** An entry of it was a first or a last one. */
  isMatched = false;
  readonly #budget: HeldBudget;

  constructor(entry: Entry, rule: Rule, budget: HeldBudget) {
    this.entry = entry;
    this.rule = rule;
    this.#budget = budget;
  }

  get lines(): number {
    return this.parts.length;
  }

  /** Takes the entry over, and with it the pieces that it came from. */
  append(out: RecordWriter, entry: Entry, text: string): void {
    if (entry.pieces === undefined) extendPieces(this.pieces, out.file, entry.offset, entry.endOffset);
    else this.pieces.push(...entry.pieces);
    entry.pieces = undefined;
    this.parts.push(text);
    const bytes = Buffer.byteLength(text);
    this.bytes += bytes;
    this.#budget.bytes += bytes;
    this.grewMs = out.monotonicMs;
  }

  /** The joined text; the group is empty afterwards. */
  take(separator: string): string {
    this.#budget.bytes -= this.bytes;
    this.bytes = 0;
    return this.parts.join(separator);
  }
}

import { errorMessage } from '../../../../core/errors.ts';
import { CUT_KEY } from '../../encode/constants.ts';
import type { RecordWriter } from '../../encode/record-writer.ts';
import type { Caps } from '../../joining/caps.ts';
import { HeldGroups } from '../../joining/held-groups.ts';
import { STREAM_KEY } from '../container/marks.ts';
import { scalarText, type Entry } from '../entry.ts';
import { readField, writeField, type Field } from '../field.ts';
import type { Node } from '../nodes.ts';
import { EntryGroup, type LineRole, type Rule } from './entry-group.ts';

export interface RecombineOptions {
  /** Makes the rule for one source. */
  readonly rule: () => Rule;
  readonly combineField: Field;
  readonly combineWith: string;
  readonly source: Field;
  readonly maxSources: number;
  /** Entries that are joined while none of them was a first or a last one; 0 for no bound. */
  readonly maxUnmatched: number;
  /** Whether the joined entry has the other fields of its first entry or of its last. */
  readonly overwriteWith: 'oldest' | 'newest';
  readonly caps: Caps;
  readonly periodMs: number;
  /** Blanks at the end of the joined text are left out. */
  readonly trimsEnd: boolean;
  /** Groups end with a last entry: one without it is not whole. */
  readonly isPartial: boolean;
  /** Where entries are written. */
  readonly out: RecordWriter;
  /** An entry that cannot be joined: counted; true when it is to be sent as it is. */
  readonly onFailure: (reason: string) => boolean;
}

/**
 * Joins the entries of a source that are one record, as the Collector's `recombine` does.
 *
 * Sources are told apart by file, by the stream of a container, and by `source`.
 */
export class RecombineNode implements Node {
  readonly held: HeldGroups<EntryGroup>;
  readonly #options: RecombineOptions;
  readonly #next: Node;

  constructor(options: RecombineOptions, next: Node) {
    this.#options = options;
    this.#next = next;
    this.held = new HeldGroups({
      periodMs: options.periodMs,
      isPartial: options.isPartial,
      write: (_out, group) => {
        if (options.isPartial) options.caps.count('time');
        this.#write(group);
      },
    });
  }

  accept(entry: Entry): void {
    const { combineField, rule, out, onFailure } = this.#options;
    const key = this.#key(entry);
    const begun = this.held.find(out.file, key);
    const decide = begun?.rule ?? rule();
    const text = readField(entry, combineField);
    const role = typeof text === 'string' ? roleOf(decide, entry, text) : new TypeError('there is no text to combine');
    if (role instanceof Error || typeof text !== 'string') {
      if (onFailure(errorMessage(role))) this.#next.accept(entry);
      return;
    }
    const isOver = role === 'first' && begun !== undefined;
    if (isOver) this.#end(key, begun);
    // A blank line that begins a record says nothing, except for what a runtime told of it.
    if (text === '' && role === 'first' && entry.time === undefined) return;
    const group = isOver || begun === undefined ? this.#begin(key, entry, decide) : begun;
    this.#add(group, { key, entry, text, role });
  }

  #key(entry: Entry): string {
    const stream = entry.attributes.get(STREAM_KEY);
    return `${typeof stream === 'string' ? stream : ''}\n${scalarText(readField(entry, this.#options.source)) ?? ''}`;
  }

  #begin(key: string, entry: Entry, rule: Rule): EntryGroup {
    const { maxSources, out, caps } = this.#options;
    if (maxSources > 0 && this.held.count(out.file) >= maxSources) this.held.flush(out, Number.POSITIVE_INFINITY);
    const group = new EntryGroup(entry, rule, caps.budget);
    this.held.add(out.file, key, group);
    return group;
  }

  #add(group: EntryGroup, line: { key: string; entry: Entry; text: string; role: LineRole }): void {
    const { overwriteWith, maxUnmatched, caps, out } = this.#options;
    group.append(out, line.entry, line.text);
    if (overwriteWith === 'newest') group.entry = line.entry;
    if (line.role !== 'inner') group.isMatched = true;
    if (line.role === 'last') this.#end(line.key, group);
    else if (caps.isReached(group)) {
      group.entry.attributes.set(CUT_KEY, true);
      this.#end(line.key, group);
    } else if (!group.isMatched && maxUnmatched > 0 && group.lines >= maxUnmatched) this.#end(line.key, group);
  }

  #end(key: string, group: EntryGroup): void {
    this.held.delete(this.#options.out.file, key);
    this.#write(group);
  }

  #write(group: EntryGroup): void {
    const { combineField, combineWith, trimsEnd, out } = this.#options;
    const { entry, pieces } = group;
    const text = group.take(combineWith);
    writeField(entry, combineField, trimsEnd ? text.replace(/[ \t\r\n]+$/, '') : text);
    entry.pieces = pieces;
    this.#next.accept(entry);
    out.settle(entry);
  }
}

function roleOf(rule: Rule, entry: Entry, text: string): LineRole | Error {
  try {
    return rule(entry, text);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

import { copyRuntime, type LineInfo } from '../../encode/line-info.ts';
import type { LineEncoder, RecordWriter } from '../../encode/record-writer.ts';
import type { Caps } from '../../joining/caps.ts';
import { HeldGroups, type HeldBudget } from '../../joining/held-groups.ts';
import { LineGroup } from '../../joining/line-group.ts';
import { trimEnd } from '../../reading/bytes.ts';
import { MAX_LOOK_CHARACTERS, type TraceFold } from '../stack-traces.ts';

export interface RecombineStageOptions {
  /** Makes the rule for one source of lines. */
  readonly fold: () => TraceFold;
  readonly caps: Caps;
  readonly periodMs: number;
  /** The record has what a runtime told of its last line, not of its first. */
  readonly takesNewest: boolean;
  readonly keepTrailing: boolean;
}

/** The lines of one source since its last record began, and the rule that knows what they were. */
class TraceGroup extends LineGroup {
  readonly fold: TraceFold;

  constructor(budget: HeldBudget, fold: TraceFold) {
    super(budget);
    this.fold = fold;
  }
}

/**
 * Joins stack traces with the line that they belong to, on the bytes of the lines: what `recombine` with a `preset` does
 * when no other operator comes before it. Lines of different streams of a container do not mix.
 */
export class RecombineStage implements LineEncoder {
  readonly held: HeldGroups<TraceGroup>;
  readonly #options: RecombineStageOptions;
  readonly #next: LineEncoder;

  constructor(options: RecombineStageOptions, next: LineEncoder) {
    this.#options = options;
    this.#next = next;
    this.held = new HeldGroups({
      periodMs: options.periodMs,
      isPartial: false,
      write: (out, group) => this.#write(out, group),
    });
  }

  encode(out: RecordWriter, source: Buffer, start: number, end: number, info: LineInfo): void {
    const group = this.#group(out, info.marks?.stream ?? '');
    // The rule looks at ASCII only, which latin1 keeps as it is.
    const look = source.toString('latin1', start, Math.min(end, start + MAX_LOOK_CHARACTERS));
    if (group.fold.continues(look)) {
      if (group.lines > 0) group.separate();
    } else {
      this.#write(out, group);
      // A blank line outside of a trace says nothing, except for the time that a runtime gave it.
      if (start === end && info.marks === undefined) return;
    }
    group.append(out, source, start, end, info);
    if (this.#options.takesNewest) copyRuntime(info, group.info);
    if (!this.#options.caps.isReached(group)) return;
    group.info.cut = true;
    this.#write(out, group);
  }

  #group(out: RecordWriter, key: string): TraceGroup {
    const there = this.held.find(out.file, key);
    if (there !== undefined) return there;
    const group = new TraceGroup(this.#options.caps.budget, this.#options.fold());
    this.held.add(out.file, key, group);
    return group;
  }

  #write(out: RecordWriter, group: TraceGroup): void {
    if (group.lines === 0) return;
    const { buffer, bytes } = group;
    group.write(out, this.#next, 0, this.#options.keepTrailing ? bytes : trimEnd(buffer, 0, bytes));
    group.clear();
  }
}

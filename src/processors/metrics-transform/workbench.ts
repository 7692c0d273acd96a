import type { Random } from '../../core/random.ts';
import type { Cursor } from '../../otlp/wire.ts';
import { Writer } from '../../otlp/writer.ts';
import { Merge } from './merge.ts';
import { MetricDraft, releaseDrafts } from './metric-draft.ts';
import { PointPass } from './point-pass.ts';

/** Metrics that leave their resource for one with these attributes besides its own. */
export interface Group {
  readonly labels: readonly (readonly [label: string, value: string])[];
  readonly metrics: readonly MetricDraft[];
}

/**
 * The metrics of one scope that some transform means, while the transforms run over them.
 *
 * Invariants: `drafts` up to `count` are of this scope, those of the request first and in its order, then those that were
 * added. Bytes that were made stand in `arena`, or in a smaller buffer that it had before it grew, which nobody writes to.
 */
export class Workbench {
  readonly drafts: MetricDraft[] = [];
  count = 0;
  readonly groups: Group[] = [];
  readonly arena = new Writer(0);
  readonly pass = new PointPass();
  readonly merge: Merge;
  /** Points added since `startBatch`. */
  made = 0;
  /** Why metrics were not combined, since `startBatch`: one reason for each transform. */
  readonly refusals = new Map<object, string>();

  constructor(random: Random) {
    this.merge = new Merge(random);
  }

  startBatch(): void {
    this.made = 0;
    this.pass.dropped = 0;
    this.merge.merged = 0;
    this.refusals.clear();
  }

  startScope(): void {
    this.count = 0;
    this.groups.length = 0;
    this.arena.pos = 0;
  }

  load(at: Cursor, name: string): void {
    this.#next().load(at, name);
  }

  /** A metric behind the others, as a copy of `from`. */
  add(from: MetricDraft): MetricDraft {
    const draft = this.#next();
    draft.copy(from);
    return draft;
  }

  /** Metrics that stay. */
  get left(): number {
    let left = 0;
    for (let at = 0; at < this.count; at++) if (this.drafts[at]?.gone === false) left += 1;
    return left;
  }

  #next(): MetricDraft {
    const draft = (this.drafts[this.count] ??= new MetricDraft());
    this.count += 1;
    return draft;
  }

  /** Lets go of the request. */
  release(): void {
    this.startScope();
    for (const draft of this.drafts) draft.release();
    if (this.drafts.length > KEPT_DRAFTS) this.drafts.length = KEPT_DRAFTS;
    if (this.arena.buffer.length > KEPT_BYTES) this.arena.detach(0);
    this.pass.release();
    this.merge.release();
    releaseDrafts();
  }
}

/** More is not kept between batches. */
const KEPT_DRAFTS = 4096;
const KEPT_BYTES = 1024 * 1024;
